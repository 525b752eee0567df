package train

import (
	"math"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/nn"
)

// chunkElements bounds the elements of an im2col matrix, so that it stays near
// the core.
const chunkElements = 1 << 19

// chunk is the number of images whose im2col matrix is made at a time. It
// depends on the shape alone: it is part of the result's bits.
func chunk(b *nn.Block, positions, k int) int {
	return max(1, min(shard, chunkElements/(positions*k)))
}

// columnsOf returns the im2col matrix of the images x, made in memory of
// columnsSize elements.
func columnsOf(mem, x []float32, b *nn.Block, images int, pad float32) kernels.Matrix {
	lin, k, in := b.LinearShape(), b.K(), b.In.Size()
	positions := lin.H * lin.W
	if !byTap(b) {
		for i := range images {
			im2col(mem[i*positions*k:], x[i*in:][:in], b, pad)
		}
		return kernels.RowMajor(mem, images*positions, k)
	}
	stride := images*positions + tapPadding
	for ky := range b.Kernel {
		for kx := range b.Kernel {
			tap := mem[(ky*b.Kernel+kx)*stride:]
			for i := range images {
				for oy := range lin.H {
					copy(tap[:lin.W], x[i*in+(oy+ky)*b.In.W+kx:])
					tap = tap[lin.W:]
				}
			}
		}
	}
	m := kernels.RowMajor(mem, k, images*positions)
	m.RowStride = stride
	return m.T()
}

// byTap says whether the im2col matrix is made column by column: with one
// channel, the inputs of a window are too short to copy one by one.
func byTap(b *nn.Block) bool { return b.In.C == 1 && b.Stride == 1 && b.Pad == 0 }

// tapPadding keeps columns from lying a multiple of 4 KiB apart, where they
// would share a few sets of the cache.
const tapPadding = 16

func columnsSize(b *nn.Block, images int) int {
	lin := b.LinearShape()
	return (images*lin.H*lin.W + tapPadding) * b.K()
}

// im2col sets dst to the matrix whose product with the weights is the
// convolution of image x: a row of KernelxKernelxC inputs for each output.
func im2col(dst, x []float32, b *nn.Block, pad float32) {
	lin := b.LinearShape()
	run := b.Kernel * b.In.C // inputs of a row of the window: adjacent in x
	if b.Pad == 0 {
		for oy := range lin.H {
			for ox := range lin.W {
				from := (oy*b.Stride*b.In.W + ox*b.Stride) * b.In.C
				for range b.Kernel {
					copy(dst[:run], x[from:])
					dst = dst[run:]
					from += b.In.W * b.In.C
				}
			}
		}
		return
	}
	for oy := range lin.H {
		for ox := range lin.W {
			for ky := range b.Kernel {
				iy := oy*b.Stride - b.Pad + ky
				for kx := range b.Kernel {
					ix := ox*b.Stride - b.Pad + kx
					d := dst[:b.In.C]
					if iy >= 0 && iy < b.In.H && ix >= 0 && ix < b.In.W {
						copy(d, x[(iy*b.In.W+ix)*b.In.C:])
					} else {
						for i := range d {
							d[i] = pad
						}
					}
					dst = dst[b.In.C:]
				}
			}
		}
	}
}

// col2im is the transpose of im2col: it adds each element of cols to the
// gradient of the input it was copied from. It sets dx to zero first.
func col2im(dx, cols []float32, b *nn.Block) {
	clear(dx)
	lin := b.LinearShape()
	run := b.Kernel * b.In.C
	for oy := range lin.H {
		for ox := range lin.W {
			for ky := range b.Kernel {
				row := cols[:run]
				cols = cols[run:]
				iy := oy*b.Stride - b.Pad + ky
				if iy < 0 || iy >= b.In.H {
					continue
				}
				// Columns first to last of the window are inside the image.
				ix := ox*b.Stride - b.Pad
				first, last := max(0, -ix), min(b.Kernel, b.In.W-ix)
				if first >= last {
					continue
				}
				row = row[first*b.In.C : last*b.In.C]
				d := dx[(iy*b.In.W+ix+first)*b.In.C:][:len(row)]
				for i, v := range row {
					d[i] += v
				}
			}
		}
	}
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
