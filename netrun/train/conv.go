package train

import (
	"math"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/nn"
)

// chunkElements bounds the sums that are made before they are pooled, so that
// they stay near the core.
const chunkElements = 1 << 16

// chunk is the number of images whose sums are made at a time.
func chunk(b *nn.Block) int {
	return max(1, min(shard, chunkElements/b.LinearShape().Size()))
}

// newConv plans the products of a convolution.
func newConv(b *nn.Block) *kernels.ConvTraining {
	c, err := kernels.NewConvTraining(kernels.ConvShape{H: b.In.H, W: b.In.W, InC: b.In.C, OutC: b.Out, KH: b.Kernel, KW: b.Kernel,
		StrideH: b.Stride, StrideW: b.Stride, PadH: b.Pad, PadW: b.Pad})
	if err != nil {
		panic(err) // shapes were checked
	}
	return c
}

// pool sets y to the largest of each window of one image's sums, and arg to
// its place in the window: the first of equal ones.
func pool(y []float32, arg []uint8, lin []float32, b *nn.Block) {
	in, out, n := b.LinearShape(), b.OutShape(), b.Out
	for oy := range out.H {
		for ox := range out.W {
			d, a := y[:n], arg[:n]
			y, arg = y[n:], arg[n:]
			at := func(w int) []float32 {
				return lin[((oy*b.Pool+w/b.Pool)*in.W+ox*b.Pool+w%b.Pool)*n:][:n]
			}
			if b.Pool == 2 {
				pool2(d, a, at(0), at(1), at(2), at(3))
				continue
			}
			copy(d, at(0))
			clear(a)
			for w := 1; w < b.Pool*b.Pool; w++ {
				for c, v := range at(w) {
					if v > d[c] {
						d[c], a[c] = v, uint8(w)
					}
				}
			}
		}
	}
}

// pool2 is pool for one window of 2x2. Which of four sums is largest cannot be
// predicted, so it is found without a branch: as the largest of integers that
// are in the same order, with the place in their low bits.
func pool2(y []float32, arg []uint8, x0, x1, x2, x3 []float32) {
	n := len(y)
	arg, x0, x1, x2, x3 = arg[:n], x0[:n], x1[:n], x2[:n], x3[:n]
	for c := range y {
		k := max(max(order(x0[c])|3, order(x1[c])|2), max(order(x2[c])|1, order(x3[c])))
		i := int32(k >> 2)
		y[c], arg[c] = math.Float32frombits(uint32(i^int32(uint32(i>>31)>>1))), uint8(3-k&3)
	}
}

// order maps floats to multiples of 4 in the same order (-0 below +0).
func order(v float32) int64 {
	i := int32(math.Float32bits(v))
	return int64(i^int32(uint32(i>>31)>>1)) << 2
}

// unpool sends each gradient to the place its largest value came from.
func unpool(dlin, dy []float32, arg []uint8, b *nn.Block) {
	in, out, n := b.LinearShape(), b.OutShape(), b.Out
	var offset [256]int
	for w := range b.Pool * b.Pool {
		offset[w] = (w/b.Pool*in.W + w%b.Pool) * n
	}
	clear(dlin)
	for oy := range out.H {
		for ox := range out.W {
			to := dlin[(oy*b.Pool*in.W+ox*b.Pool)*n:]
			from := arg[:n]
			for c, v := range dy[:n] {
				to[offset[from[c]]+c] = v
			}
			dy, arg = dy[n:], arg[n:]
		}
	}
}
