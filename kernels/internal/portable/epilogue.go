package portable

import "unsafe"

// from is n elements from p[at] on.
func from[T any](p *T, at, n uintptr) []T {
	return unsafe.Slice((*T)(unsafe.Add(unsafe.Pointer(p), at*unsafe.Sizeof(*p))), n)
}

// MaxPool sets each of the first cols channels of a row of pixels to the
// largest of its window, in lines that lie row elements apart. Pixels have
// stride channels, and windows lie step pixels apart.
func MaxPool[T int16 | int32 | float32](dst, src *T, pixels, cols, stride, step, row, window uintptr) {
	for i := range pixels {
		d := from(dst, i*stride, cols)
		for y := range window {
			for x := range window {
				s := from(src, y*row+(i*step+x)*stride, cols)
				if y == 0 && x == 0 {
					copy(d, s)
					continue
				}
				for c, v := range s {
					if v > d[c] {
						d[c] = v
					}
				}
			}
		}
	}
}

// Thresholds counts, for each sum of the first cols columns of rows that lie
// stride elements apart, the thresholds thr[level][column] that it reaches,
// negated where flip is -1.
func Thresholds(dst *byte, acc *int32, rows, stride uintptr, thr, flip *int32, levels, cols uintptr) {
	flips := unsafe.Slice(flip, cols)
	for r := range rows {
		d := unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(dst), r*stride)), cols)
		a := unsafe.Slice((*int32)(unsafe.Add(unsafe.Pointer(acc), r*stride*4)), cols)
		clear(d)
		for j := range levels {
			t := unsafe.Slice((*int32)(unsafe.Add(unsafe.Pointer(thr), j*stride*4)), cols)
			for c, f := range flips {
				if (a[c]^f)-f >= t[c] {
					d[c]++
				}
			}
		}
	}
}

// ThresholdsI16 sets dst to the magnitude of base less the number of thr[level][column]
// that a sum exceeds, for the first cols columns of rows that lie stride elements apart.
func ThresholdsI16(dst *byte, acc *int16, rows, stride uintptr, thr, base *int16, levels, cols uintptr) {
	b := from(base, 0, cols)
	for r := range rows {
		d, a := from(dst, r*stride, cols), from(acc, r*stride, cols)
		clear(d)
		for j := range levels {
			for c, t := range from(thr, j*stride, cols) {
				if a[c] > t {
					d[c]++
				}
			}
		}
		for c, start := range b {
			if start > 0 {
				d[c] = byte(start) - d[c]
			}
		}
	}
}

// Requantize sets dst to (acc*mul + add) >> shift, clipped to [0, top], for
// the first cols columns of rows that lie stride elements apart.
func Requantize(dst *byte, acc *int32, rows, stride uintptr, mul *int32, add *int64, shift, top, cols uintptr) {
	m, b := unsafe.Slice(mul, cols), unsafe.Slice(add, cols)
	for r := range rows {
		d := unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(dst), r*stride)), cols)
		a := unsafe.Slice((*int32)(unsafe.Add(unsafe.Pointer(acc), r*stride*4)), cols)
		for c := range d {
			v := (int64(a[c])*int64(m[c]) + b[c]) >> shift
			d[c] = byte(min(max(v, 0), int64(top)))
		}
	}
}

// Affine sets x to x*scale + bias, and to zero where that is below and relu is
// not 0, for the first cols columns of rows that lie stride elements apart.
// The conversion keeps the compiler from fusing the two operations.
func Affine(x *float32, rows, stride uintptr, scale, bias *float32, relu, cols uintptr) {
	s, b := unsafe.Slice(scale, cols), unsafe.Slice(bias, cols)
	for r := range rows {
		d := unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(x), r*stride*4)), cols)
		for c, v := range d {
			v = float32(v*s[c]) + b[c]
			if relu != 0 && v < 0 {
				v = 0
			}
			d[c] = v
		}
	}
}
