package nn

import (
	"math"

	"example.com/lowbit/netrun/quant"
)

// A residual is the epilogue of a low-bit block with a shortcut, a stream or both.
type residual struct {
	affine
	top    int           // largest output code
	skip   *[256]float32 // what an identity adds for each of its codes
	proj   affine        // of a projection's sums
	stream float32       // scale of the stream
	// bounded says that every v and every v*stream is a number well within int32, so
	// that codes can be rounded before they are clipped, without branches.
	bounded bool
}

func newResidual(b *Block, top int) *residual {
	r := &residual{affine: newAffine(b), top: top, stream: b.StreamScale}
	if p := b.proj(); p != nil {
		r.proj = newAffine(p)
	} else if b.Skip != nil {
		r.skip = new([256]float32)
		for i := range r.skip {
			r.skip[i] = float32(float32(i) * b.Skip.Scale)
		}
	}
	most := func(a affine, c int) float64 {
		return maxSum*math.Abs(float64(a.scale[c])) + math.Abs(float64(a.bias[c]))
	}
	r.bounded = true
	for c := range r.scale {
		v := most(r.affine, c)
		if r.skip != nil {
			v += float64(r.skip[255])
		}
		if r.proj.scale != nil {
			v += most(r.proj, c)
		}
		r.bounded = r.bounded && v*math.Max(1, float64(r.stream)) < 1<<30
	}
	return r
}

func (r *residual) bytes() int64 {
	n := r.affine.bytes() + r.proj.bytes()
	if r.skip != nil {
		n += 4 * int64(len(r.skip))
	}
	return n
}

// run sets dst to the output's codes and stream, if not nil, to the stream's, from
// the sums and from codes, those of an identity's stream, or projected, a
// projection's sums, which are nil otherwise. stream may be codes: what is written
// has been read.
func (r *residual) run(dst, stream []uint8, sums []int32, codes []uint8, projected []int32) {
	var tile [64]float32
	channels := len(r.scale)
	for at := 0; at < len(sums); at += channels {
		for c := 0; c < channels; c += len(tile) {
			m := min(len(tile), channels-c)
			i, v := at+c, tile[:m]
			r.affine.tile(v, sums[i:], c)
			switch {
			case codes != nil:
				codes := codes[i:][:len(v)]
				for j := range v {
					v[j] += r.skip[codes[j]]
				}
			case projected != nil:
				r.proj.addTile(v, projected[i:], c)
			}
			r.round(dst[i:], v, 1, int32(r.top))
			if stream != nil {
				r.round(stream[i:], v, r.stream, 255)
			}
		}
	}
}

// tile sets v to the affine step of the sums of channels c and on.
func (a affine) tile(v []float32, sums []int32, c int) {
	sums = sums[:len(v)]
	scale, bias := a.scale[c:][:len(v)], a.bias[c:][:len(v)]
	for j := range v {
		v[j] = float32(float32(sums[j])*scale[j]) + bias[j]
	}
}

// addTile adds it to v.
func (a affine) addTile(v []float32, sums []int32, c int) {
	sums = sums[:len(v)]
	scale, bias := a.scale[c:][:len(v)], a.bias[c:][:len(v)]
	for j := range v {
		v[j] += float32(float32(sums[j])*scale[j]) + bias[j]
	}
}

// round sets dst to quant.Round(v*scale, top).
func (r *residual) round(dst []uint8, v []float32, scale float32, top int32) {
	dst = dst[:len(v)]
	if !r.bounded {
		for j := range v {
			dst[j] = quant.Round(float32(v[j]*scale), int(top))
		}
		return
	}
	for j := range v {
		dst[j] = uint8(min(max(int32(float32(v[j]*scale)+0.5), 0), top))
	}
}

// addShortcut sets y to y + u, rectified.
func addShortcut(y, u []float32) {
	for i, v := range u {
		y[i] = max(y[i]+v, 0)
	}
}

// A channelSum is the linear step of a mean block: the sum of each of its channels
// over all positions.
type channelSum[X uint8 | float32, Y int32 | float32] struct{ positions, channels int }

func (s channelSum[X, Y]) Kernel() string   { return "sum" }
func (s channelSum[X, Y]) PackedBytes() int { return 0 }

func (s channelSum[X, Y]) Run(dst []Y, x []X, n int) {
	clear(dst)
	for range n {
		for range s.positions {
			for c, v := range x[:s.channels] {
				dst[c] += Y(v)
			}
			x = x[s.channels:]
		}
		dst = dst[s.channels:]
	}
}
