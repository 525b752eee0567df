// Package ref says what every operation of the project means: one obvious loop
// for each, in plain Go, on the numbers themselves rather than on packed codes.
// It is written to be checked by eye and to be compared with; it is not fast.
//
// Matrices are row-major slices. Activations x have M rows of K values,
// weights w have N rows of K values (one row an output), and results have M
// rows of N sums. Integer sums are int32; a caller keeps within its range.
// Nothing is allocated, and a slice that is too short panics.
package ref

// Signs replaces the codes 0 and 1 of sign activations by the values -1 and
// +1 they stand for.
func Signs(dst []int16, codes []uint8) {
	for i, c := range codes {
		dst[i] = 2*int16(c) - 1
	}
}

// Unsigned widens the codes of unsigned activations, which are their values.
func Unsigned(dst []int16, codes []uint8) {
	for i, c := range codes {
		dst[i] = int16(c)
	}
}

// Signed widens the codes of signed activations, two's complement bytes.
func Signed(dst []int16, codes []uint8) {
	for i, c := range codes {
		dst[i] = int16(int8(c))
	}
}

// Dot is the inner product of activations and weights.
func Dot(x []int16, w []int8) int32 {
	var sum int32
	for i := range w {
		sum += int32(x[i]) * int32(w[i])
	}
	return sum
}

// DotBinary is the inner product of two vectors of k signs, given as bits:
// bit i%64 of word i/64 is 1 for +1 and 0 for -1.
func DotBinary(x, y []uint64, k int) int {
	sum := 0
	for i := range k {
		if (x[i/64]^y[i/64])>>(i%64)&1 == 0 {
			sum++
		} else {
			sum--
		}
	}
	return sum
}

// DotFloat32 is the inner product of two float32 vectors, summed in float64.
func DotFloat32(x, y []float32) float32 {
	var sum float64
	for i := range y {
		sum += float64(x[i]) * float64(y[i])
	}
	return float32(sum)
}

// GEMM multiplies activations by weights: dst[m][n] is the inner product of
// row m of x and row n of w. GEMV is GEMM with one row.
func GEMM(dst []int32, x []int16, w []int8, m, n, k int) {
	for i := range m {
		for j := range n {
			dst[i*n+j] = Dot(x[i*k:i*k+k], w[j*k:j*k+k])
		}
	}
}

// GEMMFloat32 is GEMM on float32, each sum taken in float64.
func GEMMFloat32(dst, x, w []float32, m, n, k int) {
	for i := range m {
		for j := range n {
			dst[i*n+j] = DotFloat32(x[i*k:i*k+k], w[j*k:j*k+k])
		}
	}
}

// A ConvShape is the shape of a two-dimensional convolution over images of
// H x W pixels with InC channels each, channels innermost (NHWC).
type ConvShape struct {
	H, W, InC        int
	OutC, KH, KW     int
	StrideH, StrideW int
	PadH, PadW       int // rows above and below, columns left and right
}

// OutH is the number of output rows.
func (s ConvShape) OutH() int { return (s.H+2*s.PadH-s.KH)/s.StrideH + 1 }

// OutW is the number of output columns.
func (s ConvShape) OutW() int { return (s.W+2*s.PadW-s.KW)/s.StrideW + 1 }

// Conv2D convolves one image x[H][W][InC] with w[OutC][KH][KW][InC] into
// dst[OutH][OutW][OutC]. Pixels outside the image have the value pad.
func Conv2D(dst []int32, x []int16, w []int8, s ConvShape, pad int16) {
	for oy := range s.OutH() {
		for ox := range s.OutW() {
			for o := range s.OutC {
				var sum int32
				for ky := range s.KH {
					for kx := range s.KW {
						for c := range s.InC {
							v := pad
							if i := s.at(oy, ox, ky, kx, c); i >= 0 {
								v = x[i]
							}
							sum += int32(v) * int32(w[((o*s.KH+ky)*s.KW+kx)*s.InC+c])
						}
					}
				}
				dst[(oy*s.OutW()+ox)*s.OutC+o] = sum
			}
		}
	}
}

// Conv2DFloat32 is Conv2D on float32 with zeros outside the image, each sum
// taken in float64.
func Conv2DFloat32(dst, x, w []float32, s ConvShape) {
	for oy := range s.OutH() {
		for ox := range s.OutW() {
			for o := range s.OutC {
				var sum float64
				for ky := range s.KH {
					for kx := range s.KW {
						for c := range s.InC {
							if i := s.at(oy, ox, ky, kx, c); i >= 0 {
								sum += float64(x[i]) * float64(w[((o*s.KH+ky)*s.KW+kx)*s.InC+c])
							}
						}
					}
				}
				dst[(oy*s.OutW()+ox)*s.OutC+o] = float32(sum)
			}
		}
	}
}

// at is where the image holds what output (oy, ox) multiplies by weight
// (ky, kx, c), and -1 outside the image.
func (s ConvShape) at(oy, ox, ky, kx, c int) int {
	iy, ix := oy*s.StrideH-s.PadH+ky, ox*s.StrideW-s.PadW+kx
	if iy < 0 || iy >= s.H || ix < 0 || ix >= s.W {
		return -1
	}
	return (iy*s.W+ix)*s.InC + c
}

// A PoolShape is the shape of a max-pool over images of H x W pixels with C
// channels. Windows do not reach outside the image.
type PoolShape struct {
	H, W, C        int
	Window, Stride int
}

// OutH is the number of output rows.
func (s PoolShape) OutH() int { return (s.H-s.Window)/s.Stride + 1 }

// OutW is the number of output columns.
func (s PoolShape) OutW() int { return (s.W-s.Window)/s.Stride + 1 }

// MaxPool sets dst[OutH][OutW][C] to the largest of each window of one image
// x[H][W][C]. Numbers are not NaN.
func MaxPool[T int16 | int32 | float32](dst, x []T, s PoolShape) {
	for oy := range s.OutH() {
		for ox := range s.OutW() {
			for c := range s.C {
				best := x[(oy*s.Stride*s.W+ox*s.Stride)*s.C+c]
				for ky := range s.Window {
					for kx := range s.Window {
						best = max(best, x[((oy*s.Stride+ky)*s.W+ox*s.Stride+kx)*s.C+c])
					}
				}
				dst[(oy*s.OutW()+ox)*s.C+c] = best
			}
		}
	}
}

// Thresholds turns sums into codes: the code of acc[r][c] is the number of
// thresholds[c][j] that it reaches, where a channel with negate[c] compares
// the sum's negative, of which that of -1<<31 is itself in int32. Each channel
// has the same number of thresholds.
func Thresholds[S int16 | int32](dst []uint8, acc []S, thresholds [][]int32, negate []bool) {
	channels := len(thresholds)
	for i, sum := range acc {
		c, sum := i%channels, int32(sum)
		if negate[c] {
			sum = -sum
		}
		dst[i] = 0
		for _, t := range thresholds[c] {
			if sum >= t {
				dst[i]++
			}
		}
	}
}

// Requantize turns sums into codes in fixed point: the code of acc[r][c] is
// (acc*mul[c] + add[c]) >> shift in 64-bit arithmetic, clipped to [0, top].
func Requantize(dst []uint8, acc []int32, mul []int32, add []int64, shift uint, top uint8) {
	for i, sum := range acc {
		c := i % len(mul)
		v := (int64(sum)*int64(mul[c]) + add[c]) >> shift
		dst[i] = uint8(min(max(v, 0), int64(top)))
	}
}

// Affine sets x[r][c] to x*scale[c] + bias[c], each operation rounded to
// float32 by itself, and with relu replaces what is below zero by zero.
func Affine(x, scale, bias []float32, relu bool) {
	for i, v := range x {
		c := i % len(scale)
		v = float32(v*scale[c]) + bias[c]
		if relu && v < 0 {
			v = 0
		}
		x[i] = v
	}
}

// Code is v rounded to the nearest of 0 ... top, halves up; 0 if v is NaN.
func Code(v float32, top uint8) uint8 {
	switch v += 0.5; {
	case v >= float32(top):
		return top
	case v >= 1:
		return uint8(v)
	}
	return 0
}

// Shortcut is what a block adds to a layer: Skip times the codes of an identity, if
// Codes is not nil, and the affine step of Sums, a projection's, if that is not nil.
type Shortcut[S int16 | int32 | float32] struct {
	Codes       []uint8
	Skip        float32
	Sums        []S
	Scale, Bias []float32
}

// Residual sets dst[r][c] to the code, at most top, of sums*scale[c] + bias[c] plus the
// shortcut, and stream, if it is not nil, to the code of that times gain, at most 255.
// Each operation is rounded to float32 by itself.
func Residual[S int16 | int32 | float32](dst, stream []uint8, sums []S, scale, bias []float32, top uint8, short Shortcut[S], gain float32) {
	for i, sum := range sums {
		c := i % len(scale)
		v := float32(float32(sum)*scale[c]) + bias[c]
		if short.Codes != nil {
			v += float32(float32(short.Codes[i]) * short.Skip)
		}
		if short.Sums != nil {
			v += float32(float32(short.Sums[i])*short.Scale[c]) + short.Bias[c]
		}
		dst[i] = Code(v, top)
		if stream != nil {
			stream[i] = Code(float32(v*gain), 255)
		}
	}
}

// ChannelSums sets dst[c] to the sum of x[r][c], in the order of the rows.
func ChannelSums[X uint8 | float32, Y int32 | float32](dst []Y, x []X) {
	clear(dst)
	for i, v := range x {
		dst[i%len(dst)] += Y(v)
	}
}

// Mixed multiplies float32 activations by integer weights: dst[m][n] is the sum
// of row m of x times row n of w, in the order of the inputs from zero, each
// product and each addition rounded to float32 by itself.
func Mixed(dst, x []float32, w []int8, m, n, k int) {
	for i := range m {
		for j := range n {
			var sum float32
			for l := range k {
				sum += float32(x[i*k+l] * float32(w[j*k+l]))
			}
			dst[i*n+j] = sum
		}
	}
}
