package portable

import (
	"math"
	"unsafe"
)

// The steps of training between products. Every operation is rounded by itself,
// and sums are taken in the order of the rows: other kernels give the same bits.

func floats(p *float32, at, n uintptr) []float32 {
	return unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(p), 4*at)), n)
}

// Codes sets the first cols columns of dst to codes of x: x*scale + bias,
// rounded to the nearest of 0 … top, halves up, times gain, plus shift.
// Rows lie stride elements apart, here and below.
func Codes(dst, x *float32, rows, stride uintptr, scale, bias *float32, top, gain, shift float32, cols uintptr) {
	s, b := floats(scale, 0, cols), floats(bias, 0, cols)
	for r := range rows {
		d := floats(dst, r*stride, cols)
		for c, v := range floats(x, r*stride, cols) {
			v = float32(v*s[c]) + b[c] + 0.5
			if !(v > 0) {
				v = 0
			}
			if v > top {
				v = top
			}
			d[c] = float32(float32(math.Floor(float64(v)))*gain) + shift
		}
	}
}

// ColumnSums adds the columns of x to sum, and their squares to square.
func ColumnSums(sum, square *float64, x *float32, rows, stride, cols uintptr) {
	s, q := unsafe.Slice(sum, cols), unsafe.Slice(square, cols)
	for r := range rows {
		for c, v := range floats(x, r*stride, cols) {
			d := float64(v)
			s[c] += d
			q[c] += float64(d * d)
		}
	}
}

// GradientSums sets d to zero where x*scale + bias is not low … high, and
// multiplies it by gain. It adds the columns to sum, and their products
// with (x - centre)*invstd to dot, in float32 for four rows.
func GradientSums(sum, dot *float64, d, x *float32, rows, stride uintptr, scale, bias, centre, invstd *float32, low, high, gain float32, cols uintptr) {
	s, b, m, i := floats(scale, 0, cols), floats(bias, 0, cols), floats(centre, 0, cols), floats(invstd, 0, cols)
	sums, dots := unsafe.Slice(sum, cols), unsafe.Slice(dot, cols)
	// Sums of four rows, of a few columns at a time.
	var fourSum, fourDot [64]float32
	if cols > 64 {
		rest := cols - 64
		GradientSums(&sums[64], &dots[64], &floats(d, 64, 1)[0], &floats(x, 64, 1)[0], rows, stride, &s[64], &b[64], &m[64], &i[64], low, high, gain, rest)
		cols = 64
	}
	for r := range rows {
		g := floats(d, r*stride, cols)
		for c, x := range floats(x, r*stride, cols) {
			v := float32(x*s[c]) + b[c]
			mask := uint32(0) // no branch: it could not be predicted
			if v >= low {
				mask = 1<<32 - 1
			}
			inside := uint32(0)
			if v <= high {
				inside = mask
			}
			y := float32(math.Float32frombits(math.Float32bits(g[c])&inside) * gain)
			g[c] = y
			fourSum[c] += y
			fourDot[c] += float32(y * float32(float32(x-m[c])*i[c]))
			if (rows-1-r)%4 == 0 {
				sums[c] += float64(fourSum[c])
				dots[c] += float64(fourDot[c])
				fourSum[c], fourDot[c] = 0, 0
			}
		}
	}
}

// NormGradient sets d to scale*(d - mean - (x-centre)*invstd*slope).
func NormGradient(d, x *float32, rows, stride uintptr, scale, centre, invstd, mean, slope *float32, cols uintptr) {
	s, m, i := floats(scale, 0, cols), floats(centre, 0, cols), floats(invstd, 0, cols)
	a, b := floats(mean, 0, cols), floats(slope, 0, cols)
	for r := range rows {
		g := floats(d, r*stride, cols)
		for c, x := range floats(x, r*stride, cols) {
			v := float32(float32(x-m[c]) * i[c])
			g[c] = s[c] * float32(float32(g[c]-a[c])-float32(v*b[c]))
		}
	}
}

// AffineOf sets dst to x*scale + bias.
func AffineOf(dst, x *float32, rows, stride uintptr, scale, bias *float32, cols uintptr) {
	s, b := floats(scale, 0, cols), floats(bias, 0, cols)
	for r := range rows {
		d := floats(dst, r*stride, cols)
		for c, v := range floats(x, r*stride, cols) {
			d[c] = float32(v*s[c]) + b[c]
		}
	}
}

// AffineSum sets dst to x*scale + bias + (y*scaleY + biasY).
func AffineSum(dst, x *float32, rows, stride uintptr, scale, bias, y, scaleY, biasY *float32, cols uintptr) {
	s, b, sy, by := floats(scale, 0, cols), floats(bias, 0, cols), floats(scaleY, 0, cols), floats(biasY, 0, cols)
	for r := range rows {
		d, x := floats(dst, r*stride, cols), floats(x, r*stride, cols)
		for c, v := range floats(y, r*stride, cols) {
			v = float32(v*sy[c]) + by[c]
			d[c] = float32(x[c]*s[c]) + b[c] + v
		}
	}
}

// MaxPoolArg sets each of the first cols channels of a row of pixels to the
// largest of its window, and arg to the number of the first one that large.
// Windows lie side by side, and their lines row elements apart.
func MaxPoolArg(dst *float32, arg *byte, src *float32, pixels, cols, stride, row, window uintptr) {
	for i := range pixels {
		d, a := floats(dst, i*stride, cols), unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(arg), i*stride)), cols)
		for w := range window * window {
			s := floats(src, w/window*row+(i*window+w%window)*stride, cols)
			if w == 0 {
				copy(d, s)
				clear(a)
				continue
			}
			for c, v := range s {
				if v > d[c] {
					d[c], a[c] = v, byte(w)
				}
			}
		}
	}
}

// Unpool sets each element of the windows of a row of pixels to the pixel's
// value, if it is the one that arg says, or to zero.
func Unpool(dst, src *float32, arg *byte, pixels, cols, stride, row, window uintptr) {
	for i := range pixels {
		s, a := floats(src, i*stride, cols), unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(arg), i*stride)), cols)
		for w := range window * window {
			d := floats(dst, w/window*row+(i*window+w%window)*stride, cols)
			for c, v := range s {
				if uintptr(a[c]) != w {
					v = 0
				}
				d[c] = v
			}
		}
	}
}

// Adam holds Adam's update by the power to which the magnitude of its quotient is
// raised.
var Adam = [...]func(d, g, m, v *float32, n uintptr, ofM, ofV, root, epsilon, rate float32){
	1: func(d, g, m, v *float32, n uintptr, ofM, ofV, root, epsilon, rate float32) {
		adam(1, d, g, m, v, n, ofM, ofV, root, epsilon, rate)
	},
	2: func(d, g, m, v *float32, n uintptr, ofM, ofV, root, epsilon, rate float32) {
		adam(2, d, g, m, v, n, ofM, ofV, root, epsilon, rate)
	},
	3: func(d, g, m, v *float32, n uintptr, ofM, ofV, root, epsilon, rate float32) {
		adam(3, d, g, m, v, n, ofM, ofV, root, epsilon, rate)
	},
}

func adam(power int, d, g, m, v *float32, n uintptr, ofM, ofV, root, epsilon, rate float32) {
	ds, ms, vs := floats(d, 0, n), floats(m, 0, n), floats(v, 0, n)
	for i, x := range floats(g, 0, n) {
		ms[i] += float32(ofM * float32(x-ms[i]))
		vs[i] += float32(ofV * float32(float32(x*x)-vs[i]))
		q := ms[i] / (float32(float32(math.Sqrt(float64(vs[i])))*root) + epsilon)
		switch power {
		case 2:
			q *= math.Float32frombits(math.Float32bits(q) &^ (1 << 31))
		case 3:
			q *= float32(q * q)
		}
		ds[i] = rate * q
	}
}

// Descend sets w to w - decay*w + d, clipped to -top … top.
func Descend(w, d *float32, n uintptr, decay, top float32) {
	ws, ds := floats(w, 0, n), floats(d, 0, n)
	for i, v := range ws {
		v = float32(v-float32(decay*v)) + ds[i]
		if v > top {
			v = top
		}
		if v < -top {
			v = -top
		}
		ws[i] = v
	}
}

// Momentum sets m to beta*m + g, and d to rate*m.
func Momentum(d, g, m *float32, n uintptr, beta, rate float32) {
	ds, ms := floats(d, 0, n), floats(m, 0, n)
	for i, x := range floats(g, 0, n) {
		ms[i] = float32(beta*ms[i]) + x
		ds[i] = rate * ms[i]
	}
}

// Steps sets dst to steps[0], plus steps[2*j+2] for each of count bounds
// steps[2*j+1] that src reaches.
func Steps(dst, src *float32, n uintptr, steps *float32, count uintptr) {
	list, d := floats(steps, 0, 2*count+1), floats(dst, 0, n)
	for i, x := range floats(src, 0, n) {
		v := list[0]
		for j := 1; j < len(list); j += 2 {
			if x >= list[j] {
				v += list[j+1]
			}
		}
		d[i] = v
	}
}

// LookUp16 sets dst to what a table of 16 holds for each code, modulo 16.
func LookUp16(dst *float32, codes *byte, n uintptr, table *float32) {
	t, d := (*[16]float32)(unsafe.Pointer(table)), floats(dst, 0, n)
	for i, c := range unsafe.Slice(codes, n) {
		d[i] = t[c%16]
	}
}

// AddTo adds src to dst.
func AddTo(dst, src *float32, n uintptr) {
	d := floats(dst, 0, n)
	for i, v := range floats(src, 0, n) {
		d[i] += v
	}
}

// Moves sets bit i%8 of mask[i/8] unless the update d is too small to move a
// weight from its level, with the gaps in reach: 16 downwards, 16 upwards. See
// kernels.Moves.
func Moves(mask, levels *byte, d *float32, n uintptr, state uint64, reach *float32, slack, bound float32) {
	gaps, to := (*[32]float32)(unsafe.Pointer(reach)), unsafe.Slice(mask, (n+7)/8)
	clear(to)
	ds := floats(d, 0, n)
	for i, level := range unsafe.Slice(levels, n) {
		u := float32(splitMix(state+uint64(i)*splitMixStep)>>40) * 0x1p-24
		bits := math.Float32bits(ds[i])
		size := math.Float32frombits(bits &^ (1 << 31))
		gap := gaps[level%16|uint8(^bits>>31)<<4]
		if !(size < gap && float32((size+slack)*bound) < float32(u*gap)) {
			to[i/8] |= 1 << (i % 8)
		}
	}
}
