package train

import "example.com/lowbit/netrun/nn"

// chunkElements bounds the elements of an im2col matrix, so that it stays near
// the core.
const chunkElements = 1 << 19

// chunk is the number of images whose im2col matrix is made at a time. It
// depends on the shape alone: it is part of the result's bits.
func chunk(b *nn.Block, positions, k int) int {
	return max(1, min(shard, chunkElements/(positions*k)))
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
					d, s := dst[:run], x[from:from+run]
					if run < 16 { // a call of memmove costs more
						for i, v := range s {
							d[i] = v
						}
					} else {
						copy(d, s)
					}
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
// its place in the window.
func pool(y []float32, arg []uint8, lin []float32, b *nn.Block) {
	in, out, n := b.LinearShape(), b.OutShape(), b.Out
	for oy := range out.H {
		for ox := range out.W {
			d, a := y[:n], arg[:n]
			y, arg = y[n:], arg[n:]
			for w := range b.Pool * b.Pool {
				s := lin[((oy*b.Pool+w/b.Pool)*in.W+ox*b.Pool+w%b.Pool)*n:][:n]
				if w == 0 {
					copy(d, s)
					clear(a)
					continue
				}
				for c, v := range s {
					if v > d[c] {
						d[c], a[c] = v, uint8(w)
					}
				}
			}
		}
	}
}

// unpool sends each gradient to the place its largest value came from.
func unpool(dlin, dy []float32, arg []uint8, b *nn.Block) {
	in, out, n := b.LinearShape(), b.OutShape(), b.Out
	clear(dlin)
	for oy := range out.H {
		for ox := range out.W {
			base := (oy*b.Pool*in.W + ox*b.Pool) * n
			for c, v := range dy[:n] {
				w := int(arg[c])
				dlin[base+(w/b.Pool*in.W+w%b.Pool)*n+c] = v
			}
			dy, arg = dy[n:], arg[n:]
		}
	}
}
