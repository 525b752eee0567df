package nn

import "example.com/lowbit/netrun/quant"

// A residual is the epilogue of a low-bit block with a shortcut, a stream or both.
type residual struct {
	affine
	top    int     // largest output code
	skip   float32 // scale of an identity's codes
	proj   affine  // of a projection's sums
	stream float32 // scale of the stream
}

// run sets dst to the output's codes and stream, if not nil, to the stream's, from
// the sums and from codes, those of an identity's stream, or projected, a
// projection's sums, which are nil otherwise.
func (r *residual) run(dst, stream []uint8, sums []int32, codes []uint8, projected []int32) {
	for at := 0; at < len(sums); at += len(r.scale) {
		for c, s := range r.scale {
			v := float32(float32(sums[at+c])*s) + r.bias[c]
			switch {
			case codes != nil:
				v += float32(float32(codes[at+c]) * r.skip)
			case projected != nil:
				v += float32(float32(projected[at+c])*r.proj.scale[c]) + r.proj.bias[c]
			}
			dst[at+c] = quant.Round(v, r.top)
			if stream != nil {
				stream[at+c] = quant.Round(float32(v*r.stream), 255)
			}
		}
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
