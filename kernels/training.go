package kernels

import "fmt"

// The steps of training between products, as functions of float32 arrays. Each
// operation is rounded by itself, and sums are taken in an order of the rows, so
// that all kernels give the same bits. None allocates, and each panics if a length
// does not fit.

// A trainingRow holds these steps. Columns, and numbers of elements n, are
// multiples of 8; what is left over takes the portable row.
type trainingRow struct {
	kernelID
	codes        func(dst, x *float32, rows, stride uintptr, scale, bias *float32, top, gain, shift float32, cols uintptr)
	columnSums   func(sum, square *float64, x *float32, rows, stride, cols uintptr)
	gradientSums func(sum, dot *float64, d, x *float32, rows, stride uintptr, scale, bias, centre, invstd *float32, low, high, gain float32, cols uintptr)
	normGradient func(d, x *float32, rows, stride uintptr, scale, centre, invstd, mean, slope *float32, cols uintptr)
	affineOf     func(dst, x *float32, rows, stride uintptr, scale, bias *float32, cols uintptr)
	affineSum    func(dst, x *float32, rows, stride uintptr, scale, bias, y, scaleY, biasY *float32, cols uintptr)
	maxPoolArg   func(dst *float32, arg *byte, src *float32, pixels, cols, stride, row, window uintptr)
	unpool       func(dst, src *float32, arg *byte, pixels, cols, stride, row, window uintptr)
	adam         []func(d, g, m, v *float32, n uintptr, ofM, ofV, root, epsilon, rate float32) // by power
	descend      func(w, d *float32, n uintptr, decay, top float32)
	momentum     func(d, g, m *float32, n uintptr, beta, rate float32)
	steps        func(dst, src *float32, n uintptr, steps *float32, count uintptr)
	lookUp16     func(dst *float32, codes *byte, n uintptr, table *float32)
	addTo        func(dst, src *float32, n uintptr)
	moves        func(mask, levels *byte, d *float32, n uintptr, state uint64, reach *float32, slack, bound float32)
	movesWhole   func(mask, levels *byte, d *float32, n uintptr, state uint64, last uint32, gap, slack, bound float32)
	bytes        func(dst *float32, src *byte, n uintptr, shift, divisor float32)
	nearest      func(dst, src *float32, n uintptr, top float32)
	slopes       func(d, x *float32, rows, stride uintptr, scale, bias *float32, top, half, peak, fall float32, steps, cols uintptr)
	largest      func(x *float32, n uintptr) uint32
	loadEight    func(dst *float32, codes *byte, n uintptr, base, mask uint32)
	storeEight   func(codes *byte, x *float32, n uintptr, base, mask uint32, spread float32, state uint64)
}

var trainingTable = table(archTraining, portableTraining)

// want panics unless a length is as it should be.
func want(function, operand string, got, want int) {
	if got != want {
		panic(lengths(function, operand, got, want))
	}
}

// eachSpan calls f for spans of whole rows of cols columns, for the columns that
// the row of this CPU takes and for the rest: with the first row, their number,
// and the first column and their number.
func eachSpan(rows, cols int, f func(r *trainingRow, at, n, col, cols int)) {
	wide, row := cols&^7, current.Load().training
	for at, n := range spans(rows, cols) {
		if wide > 0 {
			f(row, at, n, 0, wide)
		}
		if wide < cols {
			f(portableTraining[0], at, n, wide, cols-wide)
		}
	}
}

// Codes sets dst[r][c] to the code of x[r][c]: x*scale[c] + bias[c] rounded to the
// nearest whole number from 0 to top, halves up, and that times gain plus shift.
// NaN gives code 0.
func Codes(dst, x, scale, bias []float32, top, gain, shift float32) {
	cols := len(scale)
	rows := wholeRows("Codes", len(dst), len(x), cols)
	want("Codes", "bias", len(bias), cols)
	eachSpan(rows, cols, func(r *trainingRow, at, n, col, count int) {
		i := at*cols + col
		r.codes(&dst[i], &x[i], uintptr(n), uintptr(cols), &scale[col], &bias[col], top, gain, shift, uintptr(count))
	})
}

// ColumnSums adds to sum[c] the numbers x[r][c], and to square[c] their squares.
func ColumnSums(sum, square []float64, x []float32) {
	cols := len(sum)
	rows := wholeRows("ColumnSums", len(x), len(x), cols)
	want("ColumnSums", "square", len(square), cols)
	eachSpan(rows, cols, func(r *trainingRow, at, n, col, count int) {
		r.columnSums(&sum[col], &square[col], &x[at*cols+col], uintptr(n), uintptr(cols), uintptr(count))
	})
}

// A Norm is a batch norm, by channels: with v = (x-Centre)*InvStd its normalised
// value, what follows it reads x*Scale + Bias.
type Norm struct{ Scale, Bias, Centre, InvStd []float32 }

// GradientSums sets d[r][c] to zero where x[r][c]*Scale + Bias is not from low to
// high, and multiplies it by gain. Then it adds it to sum[c], and its product with
// the normalised value to dot[c]: first four rows in float32, then these sums.
func GradientSums(sum, dot []float64, d, x []float32, norm Norm, low, high, gain float32) {
	cols := len(sum)
	rows := wholeRows("GradientSums", len(d), len(x), cols)
	want("GradientSums", "dot", len(dot), cols)
	norm.check("GradientSums", cols)
	eachSpan(rows, cols, func(r *trainingRow, at, n, col, count int) {
		i := at*cols + col
		r.gradientSums(&sum[col], &dot[col], &d[i], &x[i], uintptr(n), uintptr(cols),
			&norm.Scale[col], &norm.Bias[col], &norm.Centre[col], &norm.InvStd[col], low, high, gain, uintptr(count))
	})
}

func (m *Norm) check(function string, cols int) {
	want(function, "Scale", len(m.Scale), cols)
	want(function, "Bias", len(m.Bias), cols)
	want(function, "Centre", len(m.Centre), cols)
	want(function, "InvStd", len(m.InvStd), cols)
}

// NormGradient turns d from the gradient of a batch norm's output into that of x:
// it sets d[r][c] to Scale*(d - mean[c] - v*slope[c]), where v is the normalised
// value, and mean and slope are the means of d and of d*v.
func NormGradient(d, x []float32, norm Norm, mean, slope []float32) {
	cols := len(mean)
	rows := wholeRows("NormGradient", len(d), len(x), cols)
	want("NormGradient", "slope", len(slope), cols)
	norm.check("NormGradient", cols)
	eachSpan(rows, cols, func(r *trainingRow, at, n, col, count int) {
		i := at*cols + col
		r.normGradient(&d[i], &x[i], uintptr(n), uintptr(cols), &norm.Scale[col], &norm.Centre[col], &norm.InvStd[col], &mean[col], &slope[col], uintptr(count))
	})
}

// AffineOf sets dst[r][c] to x[r][c]*scale[c] + bias[c]. dst may be x.
func AffineOf(dst, x, scale, bias []float32) {
	cols := len(scale)
	rows := wholeRows("AffineOf", len(dst), len(x), cols)
	want("AffineOf", "bias", len(bias), cols)
	eachSpan(rows, cols, func(r *trainingRow, at, n, col, count int) {
		i := at*cols + col
		r.affineOf(&dst[i], &x[i], uintptr(n), uintptr(cols), &scale[col], &bias[col], uintptr(count))
	})
}

// AffineSum sets dst[r][c] to x[r][c]*scale[c] + bias[c], plus y[r][c]*scaleY[c] +
// biasY[c]. dst may be x or y.
func AffineSum(dst, x, scale, bias, y, scaleY, biasY []float32) {
	cols := len(scale)
	rows := wholeRows("AffineSum", len(dst), len(x), cols)
	want("AffineSum", "bias", len(bias), cols)
	want("AffineSum", "y", len(y), len(x))
	want("AffineSum", "scaleY", len(scaleY), cols)
	want("AffineSum", "biasY", len(biasY), cols)
	eachSpan(rows, cols, func(r *trainingRow, at, n, col, count int) {
		i := at*cols + col
		r.affineSum(&dst[i], &x[i], uintptr(n), uintptr(cols), &scale[col], &bias[col], &y[i], &scaleY[col], &biasY[col], uintptr(count))
	})
}

// checkPool returns what windows side by side need: lines of outputs, and the
// elements of an image before and after pooling.
func checkPool(function string, large, small, arg int, s PoolShape, images int) (lines, in, out int) {
	if err := s.Check(); err != nil {
		panic(err.Error())
	}
	in, out = s.H*s.W*s.C, s.OutH()*s.OutW()*s.C
	if s.Window != s.Stride || s.Window > 16 || images < 0 || images > large || large != images*in || small != images*out || arg != small {
		panic(fmt.Sprintf("kernels: %s: window %d, stride %d, %d images, %d elements pooled to %d with %d places: want windows up to 16 side by side, %d*%d = %d, and %d*%d = %d twice",
			function, s.Window, s.Stride, images, large, small, arg, images, in, images*in, images, out, images*out))
	}
	return images * s.OutH(), in, out
}

// MaxPoolArg sets dst[images][OutH][OutW][C] to the largest of each window of
// x[images][H][W][C], and arg to its number in the window, line by line: the first
// of equal ones. Windows lie side by side and are up to 16 wide: Stride is Window.
func MaxPoolArg(dst []float32, arg []uint8, x []float32, s PoolShape, images int) {
	lines, in, _ := checkPool("MaxPoolArg", len(x), len(dst), len(arg), s, images)
	eachPoolLine(lines, in, s, func(r *trainingRow, small, large, cols int) {
		r.maxPoolArg(&dst[small], &arg[small], &x[large], uintptr(s.OutW()), uintptr(cols), uintptr(s.C), uintptr(s.W*s.C), uintptr(s.Window))
	})
}

// MaxUnpool takes the gradient dy of what MaxPoolArg made, with arg, to that of
// its x: each element goes to the place it came from, and all others are zero.
func MaxUnpool(dx, dy []float32, arg []uint8, s PoolShape, images int) {
	lines, in, _ := checkPool("MaxUnpool", len(dx), len(dy), len(arg), s, images)
	if s.H%s.Window != 0 || s.W%s.Window != 0 { // outside all windows
		clear(dx)
	}
	eachPoolLine(lines, in, s, func(r *trainingRow, small, large, cols int) {
		r.unpool(&dx[large], &dy[small], &arg[small], uintptr(s.OutW()), uintptr(cols), uintptr(s.C), uintptr(s.W*s.C), uintptr(s.Window))
	})
}

func eachPoolLine(lines, in int, s PoolShape, f func(r *trainingRow, small, large, cols int)) {
	wide, row := s.C&^7, current.Load().training
	outH, outLine := s.OutH(), s.OutW()*s.C
	for line := range lines {
		small, large := line*outLine, line/outH*in+line%outH*s.Window*s.W*s.C
		if wide > 0 {
			f(row, small, large, wide)
		}
		if wide < s.C {
			f(portableTraining[0], small+wide, large+wide, s.C-wide)
		}
	}
}

// eachPart calls f for parts of n elements: those that the row of this CPU takes,
// and the rest.
func eachPart(n int, f func(r *trainingRow, at int, n uintptr)) {
	wide, row := n&^7, current.Load().training
	for at, n := range spans(wide, 1) {
		f(row, at, uintptr(n))
	}
	if wide < n {
		f(portableTraining[0], wide, uintptr(n-wide))
	}
}

// An AdamStep holds the numbers of a step of Adam. With g a gradient,
//
//	m += M*(g-m), v += V*(g*g-v), q = m/(sqrt(v)*Root + Epsilon)
//
// and the update is Rate*q, with the magnitude of q raised to the power Power, 1 to
// 3.
type AdamStep struct {
	M, V, Root, Epsilon, Rate float32
	Power                     int
}

// Adam moves m and v along by the gradient g, and sets d to the update.
func Adam(d, g, m, v []float32, s AdamStep) {
	if s.Power < 1 || s.Power > 3 {
		panic(fmt.Sprintf("kernels: Adam: power %d: want 1 to 3", s.Power))
	}
	want("Adam", "g", len(g), len(d))
	want("Adam", "m", len(m), len(d))
	want("Adam", "v", len(v), len(d))
	eachPart(len(d), func(r *trainingRow, at int, n uintptr) {
		r.adam[s.Power](&d[at], &g[at], &m[at], &v[at], n, s.M, s.V, s.Root, s.Epsilon, s.Rate)
	})
}

// Momentum sets m to beta*m + g, and d to rate*m.
func Momentum(d, g, m []float32, beta, rate float32) {
	want("Momentum", "g", len(g), len(d))
	want("Momentum", "m", len(m), len(d))
	eachPart(len(d), func(r *trainingRow, at int, n uintptr) { r.momentum(&d[at], &g[at], &m[at], n, beta, rate) })
}

// Descend sets w to w - decay*w + d, clipped to -top … top.
func Descend(w, d []float32, decay, top float32) {
	want("Descend", "d", len(d), len(w))
	eachPart(len(w), func(r *trainingRow, at int, n uintptr) { r.descend(&w[at], &d[at], n, decay, top) })
}

// Steps sets dst[i] to steps[0], plus steps[2*j+2] for each j of which src[i]
// reaches the bound steps[2*j+1]. dst may be src.
func Steps(dst, src, steps []float32) {
	want("Steps", "src", len(src), len(dst))
	if len(steps) < 3 || len(steps)%2 == 0 {
		panic(fmt.Sprintf("kernels: Steps: %d numbers: want an odd number, at least 3", len(steps)))
	}
	eachPart(len(dst), func(r *trainingRow, at int, n uintptr) {
		r.steps(&dst[at], &src[at], n, &steps[0], uintptr(len(steps)/2))
	})
}

// LookUp16 sets dst[i] to table[codes[i]%16].
func LookUp16(dst []float32, codes []uint8, table *[16]float32) {
	want("LookUp16", "codes", len(codes), len(dst))
	eachPart(len(dst), func(r *trainingRow, at int, n uintptr) { r.lookUp16(&dst[at], &codes[at], n, &table[0]) })
}

// AddTo adds src to dst.
func AddTo(dst, src []float32) {
	want("AddTo", "src", len(src), len(dst))
	eachPart(len(dst), func(r *trainingRow, at int, n uintptr) { r.addTo(&dst[at], &src[at], n) })
}

// Moves marks the discrete weights that an update may move at random: it sets bit
// i%8 of mask[i/8] unless
//
//	|d[i]| < gap, and (|d[i]| + slack)*bound < u*gap
//
// where gap is reach[levels[i]%16], or if d[i] has no sign reach[16+levels[i]%16],
// and u, from 0 to 1, is made of the upper 24 bits of number i of SplitMix64 from
// state on. len(mask) is len(levels)/8, rounded up; bits past the last are 0.
func Moves(mask, levels []uint8, d []float32, state uint64, reach *[32]float32, slack, bound float32) {
	want("Moves", "d", len(d), len(levels))
	want("Moves", "mask", len(mask), ceilDiv(len(levels), 8))
	eachPart(len(levels), func(r *trainingRow, at int, n uintptr) {
		r.moves(&mask[at/8], &levels[at], &d[at], n, state+uint64(at)*splitMixStep, &reach[0], slack, bound)
	})
}
