package nn

import (
	"math"

	"example.com/lowbit/kernels"
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
	most := func(b *Block, c int) float64 {
		return b.largest(c)*math.Abs(float64(b.Scale[c])) + math.Abs(float64(b.Bias[c]))
	}
	r.bounded = true
	for c := range r.scale {
		v := most(b, c)
		if r.skip != nil {
			v += float64(r.skip[255])
		}
		if p := b.proj(); p != nil {
			v += most(p, c)
		}
		r.bounded = r.bounded && v*math.Max(1, float64(r.stream)) < 1<<30
	}
	return r
}

// largest bounds the magnitude of the sums of output c.
func (b *Block) largest(c int) float64 {
	if b.Weights != kernels.Float32 {
		return maxSum
	}
	var sum float64
	for _, w := range b.Float[c*b.K():][:b.K()] {
		sum += math.Abs(float64(w))
	}
	return 2 * sum * float64(b.InAct.Max()) // twice, for what float32 rounds
}

func (r *residual) bytes() int64 {
	n := r.affine.bytes() + r.proj.bytes()
	if r.skip != nil {
		n += 4 * int64(len(r.skip))
	}
	return n
}

// runResidual sets dst to the output's codes and stream, if not nil, to the stream's, from
// the sums and from codes, those of an identity's stream, or projected, a
// projection's sums, which are nil otherwise. stream may be codes: what is written
// has been read.
func runResidual[Y int32 | float32](r *residual, dst, stream []uint8, sums []Y, codes []uint8, projected []Y) {
	var tile [64]float32
	channels := len(r.scale)
	for at := 0; at < len(sums); at += channels {
		for c := 0; c < channels; c += len(tile) {
			m := min(len(tile), channels-c)
			i, v := at+c, tile[:m]
			affineTile(r.affine, v, sums[i:], c)
			switch {
			case codes != nil:
				codes := codes[i:][:len(v)]
				for j := range v {
					v[j] += r.skip[codes[j]]
				}
			case projected != nil:
				addTile(r.proj, v, projected[i:], c)
			}
			r.round(dst[i:], v, 1, int32(r.top))
			if stream != nil {
				r.round(stream[i:], v, r.stream, 255)
			}
		}
	}
}

// affineTile sets v to the affine step of the sums of channels c and on.
func affineTile[Y int32 | float32](a affine, v []float32, sums []Y, c int) {
	sums = sums[:len(v)]
	scale, bias := a.scale[c:][:len(v)], a.bias[c:][:len(v)]
	for j := range v {
		v[j] = float32(float32(sums[j])*scale[j]) + bias[j]
	}
}

// addTile adds it to v.
func addTile[Y int32 | float32](a affine, v []float32, sums []Y, c int) {
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
