package kernels

import "math"

// Steps of training on numbers that are kept in bytes: pixels, levels of weights,
// moments, and activations where their windows are wider than their steps. As in
// training.go, all kernels give the same bits, none allocates, and each panics if a
// length does not fit.

// FloatsOfBytes sets dst to (src + shift) / divisor.
func FloatsOfBytes(dst []float32, src []uint8, shift, divisor float32) {
	want("FloatsOfBytes", "src", len(src), len(dst))
	eachPart(len(dst), func(r *trainingRow, at int, n uintptr) { r.bytes(&dst[at], &src[at], n, shift, divisor) })
}

// Nearest sets dst to the whole numbers from -top to top that are nearest to src, the
// upper one of two; NaN gives -top. dst may be src.
func Nearest(dst, src []float32, top float32) {
	want("Nearest", "src", len(src), len(dst))
	eachPart(len(dst), func(r *trainingRow, at int, n uintptr) { r.nearest(&dst[at], &src[at], n, top) })
}

// MovesWhole is Moves for levels 0 … last that are all about the same gap apart.
func MovesWhole(mask, levels []uint8, d []float32, state uint64, last uint8, gap, slack, bound float32) {
	want("MovesWhole", "d", len(d), len(levels))
	want("MovesWhole", "mask", len(mask), ceilDiv(len(levels), 8))
	eachPart(len(levels), func(r *trainingRow, at int, n uintptr) {
		r.movesWhole(&mask[at/8], &levels[at], &d[at], n, state+uint64(at)*splitMixStep, uint32(last), gap, slack, bound)
	})
}

const splitMixStep = 0x9e3779b97f4a7c15

// A Window is the slope that each step of a quantizer to codes has around it: Peak
// less Fall times the distance, as far as Half, which is above 0.
type Window struct{ Half, Peak, Fall float32 }

// Slopes multiplies d[r][c] by the sum of the windows around the steps of codes
// 0 … top, at 0.5, 1.5 … top-0.5, for x[r][c]*scale[c] + bias[c].
func Slopes(d, x, scale, bias []float32, top float32, w Window) {
	cols := len(scale)
	rows := wholeRows("Slopes", len(d), len(x), cols)
	want("Slopes", "bias", len(bias), cols)
	steps := uintptr(math.Floor(2*float64(w.Half))) + 1 // with their middles within Half each way
	eachSpan(rows, cols, func(r *trainingRow, at, n, col, count int) {
		i := at*cols + col
		r.slopes(&d[i], &x[i], uintptr(n), uintptr(cols), &scale[col], &bias[col], top, w.Half, w.Peak, w.Fall, steps, uintptr(count))
	})
}

// An EightBits is how a block of float32 numbers is held in a byte each: the upper 11
// bits of one without its sign, its exponent and 3 bits more, less Base. The codes of
// numbers that differ in the bits that are dropped alone lie at equal distances. In the
// terms of 8-bit floats it is about E4M3, or E5M3 without a sign, with no subnormal
// numbers and a bias for each block, Base, in eighths of an exponent. Code
// 0 is 0. The sign is the code's highest bit, if Signed; else numbers have none, and
// those below the smallest, but 0, become that.
type EightBits struct {
	Base   uint32
	Signed bool
}

func (e EightBits) mask() uint32 {
	if e.Signed {
		return 127
	}
	return 255
}

// BaseOfEight returns the base that lets the largest of x have the largest code.
func BaseOfEight(x []float32, signed bool) EightBits {
	top := uint32(0)
	eachPart(len(x), func(r *trainingRow, at int, n uintptr) { top = max(top, r.largest(&x[at], n)) })
	top = (top + 1<<20 - 1) >> 20
	e := EightBits{Signed: signed}
	e.Base = top - min(top, e.mask())
	return e
}

// Load sets dst to what codes stand for.
func (e EightBits) Load(dst []float32, codes []uint8) {
	want("EightBits.Load", "codes", len(codes), len(dst))
	eachPart(len(dst), func(r *trainingRow, at int, n uintptr) { r.loadEight(&dst[at], &codes[at], n, e.Base, e.mask()) })
}

// Store sets codes to those of x, none above what Base allows. It rounds at random:
// numbers i and i+1, for i even, by the halves of number i/2 of SplitMix64 from state
// on. On average it keeps what is not below the smallest, and signed numbers that are.
func (e EightBits) Store(codes []uint8, x []float32, state uint64) {
	want("EightBits.Store", "x", len(x), len(codes))
	spread := float32(0x1p-20)
	if !e.Signed {
		spread = 0
	}
	eachPart(len(x), func(r *trainingRow, at int, n uintptr) {
		r.storeEight(&codes[at], &x[at], n, e.Base, e.mask(), spread, state+uint64(at/2)*splitMixStep)
	})
}
