package kernels

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"example.com/lowbit/ref"
)

// awkward returns numbers among which are zeros of both signs and, if any is set,
// infinities and NaNs.
func awkward(rng *rand.Rand, n int, any bool) []float32 {
	s := randomFloats(rng, n, rng.IntN(2) == 0)
	for i := range s {
		switch rng.IntN(12) {
		case 0:
			s[i] = float32(math.Copysign(0, float64(s[i])))
		case 1:
			if any {
				s[i] = []float32{float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), math.MaxFloat32}[rng.IntN(4)]
			}
		}
	}
	return s
}

// wantBits fails the test unless got is want, bit for bit; all NaNs are the same.
func wantBits[T float32 | float64](t *testing.T, what string, got, want []T) {
	t.Helper()
	for i := range want {
		if math.Float64bits(float64(got[i])) != math.Float64bits(float64(want[i])) && (got[i] == got[i] || want[i] == want[i]) {
			t.Fatalf("%s: element %d of %d: got %v, want %v", what, i, len(want), got[i], want[i])
		}
	}
}

// A trainingCase places operands beside guard pages.
type trainingCase struct {
	a   *arena
	rng *rand.Rand
	at  spot
}

func eachTraining(t *testing.T, f func(t *testing.T, c trainingCase)) {
	each(t, trainingTable, func(t *testing.T, row *trainingRow) {
		use(t, row.name())
		rng, a := random(t), newArena(t)
		for range times(40) {
			f(t, trainingCase{a, rng, spot{rng.IntN(2) == 0, rng.IntN(2) * 4 * rng.IntN(16)}})
		}
	})
}

func (c trainingCase) in(operand string, s []float32) []float32 {
	return input(c.a, operand, c.at, s)
}
func (c trainingCase) out(operand string, s []float32) []float32 {
	return place(c.a, operand, len(s), c.at, s)
}

func (c trainingCase) norm(cols int) (Norm, ref.Norm) {
	n := Norm{c.in("scale", awkward(c.rng, cols, false)), c.in("bias", awkward(c.rng, cols, false)), c.in("centre", awkward(c.rng, cols, false)), c.in("invstd", awkward(c.rng, cols, false))}
	return n, ref.Norm(n)
}

func TestCodes(t *testing.T) {
	eachTraining(t, func(t *testing.T, c trainingCase) {
		cols, rows := 1+c.rng.IntN(40), c.rng.IntN(6)
		n, _ := c.norm(cols)
		top := float32(int(1)<<(1+c.rng.IntN(8)) - 1)
		gain, shift := float32(1+c.rng.IntN(2)), float32(-c.rng.IntN(2))
		xs := awkward(c.rng, rows*cols, true)
		for i := range xs { // where rounding and clipping change
			if c.rng.IntN(3) == 0 && n.Scale[i%cols] != 0 {
				xs[i] = (float32(c.rng.IntN(2*int(top)+3))/2 - n.Bias[i%cols]) / n.Scale[i%cols]
			}
		}
		want := make([]float32, len(xs))
		ref.Codes(want, xs, n.Scale, n.Bias, top, gain, shift)
		x, dst := c.in("x", xs), c.out("dst", nans(len(xs)))
		c.a.run(func() { Codes(dst, x, n.Scale, n.Bias, top, gain, shift) })
		wantBits(t, "codes", dst, want)
	})
}

func TestColumnSums(t *testing.T) {
	eachTraining(t, func(t *testing.T, c trainingCase) {
		cols, rows := 1+c.rng.IntN(40), c.rng.IntN(30)
		x := c.in("x", awkward(c.rng, rows*cols, c.rng.IntN(4) == 0))
		sum, square := place[float64](c.a, "sum", cols, c.at, nil), place[float64](c.a, "square", cols, c.at, nil)
		for i := range sum {
			sum[i], square[i] = c.rng.NormFloat64(), c.rng.NormFloat64()
		}
		wantSum, wantSquare := slices.Clone(sum), slices.Clone(square)
		ref.ColumnSums(wantSum, wantSquare, x)
		c.a.run(func() { ColumnSums(sum, square, x) })
		wantBits(t, "sum", sum, wantSum)
		wantBits(t, "sum of squares", square, wantSquare)
	})
}

func TestGradients(t *testing.T) {
	eachTraining(t, func(t *testing.T, c trainingCase) {
		cols, rows := 1+c.rng.IntN(40), c.rng.IntN(30)
		n, rn := c.norm(cols)
		any := c.rng.IntN(4) == 0
		xs := awkward(c.rng, rows*cols, any)
		low, high, gain := float32(0), float32(1+c.rng.IntN(3)), float32(1+c.rng.IntN(2))
		switch c.rng.IntN(4) {
		case 0:
			low, high = float32(math.Inf(-1)), float32(math.Inf(1))
		case 1:
			low, high = math.SmallestNonzeroFloat32, float32(math.Inf(1))
		}
		for i := range xs { // at the bounds
			if c.rng.IntN(3) == 0 && n.Scale[i%cols] != 0 {
				xs[i] = (high*float32(c.rng.IntN(2)) - n.Bias[i%cols]) / n.Scale[i%cols]
			}
		}
		ds := awkward(c.rng, rows*cols, any)
		x, d := c.in("x", xs), c.out("d", ds)
		sum, dot := place[float64](c.a, "sum", cols, c.at, nil), place[float64](c.a, "dot", cols, c.at, nil)
		for i := range sum {
			sum[i], dot[i] = c.rng.NormFloat64(), c.rng.NormFloat64()
		}
		wantSum, wantDot, want := slices.Clone(sum), slices.Clone(dot), slices.Clone(ds)
		ref.GradientSums(wantSum, wantDot, want, xs, rn, low, high, gain)
		c.a.run(func() { GradientSums(sum, dot, d, x, n, low, high, gain) })
		wantBits(t, "gradient", d, want)
		wantBits(t, "sum", sum, wantSum)
		wantBits(t, "product with the normalised value", dot, wantDot)

		mean, slope := c.in("mean", awkward(c.rng, cols, false)), c.in("slope", awkward(c.rng, cols, false))
		ref.NormGradient(want, xs, rn, mean, slope)
		c.a.run(func() { NormGradient(d, x, n, mean, slope) })
		wantBits(t, "gradient of the sums", d, want)
	})
}

func TestMaxPoolArg(t *testing.T) {
	eachTraining(t, func(t *testing.T, c trainingCase) {
		window := 1 + c.rng.IntN(4)
		if c.rng.IntN(10) == 0 {
			window = 16
		}
		s := PoolShape{H: window + c.rng.IntN(8), W: window + c.rng.IntN(8), C: 1 + c.rng.IntN(40), Window: window, Stride: window}
		images := c.rng.IntN(4)
		in, out := s.H*s.W*s.C, s.OutH()*s.OutW()*s.C
		xs := awkward(c.rng, images*in, false)
		if c.rng.IntN(2) == 0 { // many equal ones
			for i := range xs {
				xs[i] = float32(c.rng.IntN(3) - 1)
			}
		}
		want, wantArg := make([]float32, images*out), make([]uint8, images*out)
		ref.MaxPoolArg(want, wantArg, xs, ref.PoolShape(s), images)
		x, dst, arg := c.in("x", xs), c.out("dst", nans(len(want))), place(c.a, "arg", len(want), c.at, slices.Repeat([]uint8{0xee}, len(want)))
		c.a.run(func() { MaxPoolArg(dst, arg, x, s, images) })
		wantBits(t, "largest", dst, want)
		if i := firstDifference(arg, wantArg); i >= 0 {
			t.Fatalf("%+v: place of output %d: got %d, want %d", s, i, arg[i], wantArg[i])
		}
		dys, wantX := awkward(c.rng, len(want), true), make([]float32, len(xs))
		ref.MaxUnpool(wantX, dys, wantArg, ref.PoolShape(s), images)
		dx, dy := c.out("dx", nans(len(xs))), c.in("dy", dys)
		c.a.run(func() { MaxUnpool(dx, dy, arg, s, images) })
		wantBits(t, "gradient", dx, wantX)
	})
}

func TestOptimizers(t *testing.T) {
	eachTraining(t, func(t *testing.T, c trainingCase) {
		n := c.rng.IntN(100)
		g, ms, vs := c.in("g", awkward(c.rng, n, c.rng.IntN(4) == 0)), awkward(c.rng, n, false), awkward(c.rng, n, false)
		for i, v := range vs {
			vs[i] = v * v
		}
		s := AdamStep{M: c.rng.Float32(), V: c.rng.Float32(), Root: 1 + c.rng.Float32(), Epsilon: 1e-10, Rate: -c.rng.Float32(), Power: 1 + c.rng.IntN(3)}
		m, v, d := c.out("m", ms), c.out("v", vs), c.out("d", nans(n))
		wantD, wantM, wantV := make([]float32, n), slices.Clone(ms), slices.Clone(vs)
		ref.Adam(wantD, g, wantM, wantV, ref.AdamStep(s))
		c.a.run(func() { Adam(d, g, m, v, s) })
		wantBits(t, "first moment", m, wantM)
		wantBits(t, "second moment", v, wantV)
		wantBits(t, "adam's update", d, wantD)

		copy(m, ms)
		copy(wantM, ms)
		ref.Momentum(wantD, g, wantM, 0.9, -0.01)
		c.a.run(func() { Momentum(d, g, m, 0.9, -0.01) })
		wantBits(t, "momentum", m, wantM)
		wantBits(t, "momentum's update", d, wantD)

		ws, top := awkward(c.rng, n, true), float32(1)
		if c.rng.IntN(2) == 0 {
			top = float32(math.Inf(1))
		}
		w, want := c.out("w", ws), slices.Clone(ws)
		ref.Descend(want, d, 0.125, top)
		c.a.run(func() { Descend(w, d, 0.125, top) })
		wantBits(t, "weight", w, want)

		want = slices.Clone(ws)
		for i := range want {
			want[i] += g[i]
		}
		copy(w, ws)
		c.a.run(func() { AddTo(w, g) })
		wantBits(t, "sum", w, want)
	})
}

func TestLevels(t *testing.T) {
	eachTraining(t, func(t *testing.T, c trainingCase) {
		n, count := c.rng.IntN(100), 1+c.rng.IntN(15)
		list := randomFloats(c.rng, 2*count+1, true)
		xs, want := awkward(c.rng, n, true), make([]float32, n)
		for i, x := range xs {
			want[i] = list[0]
			for j := range count {
				if x >= list[2*j+1] {
					want[i] += list[2*j+2]
				}
			}
			want[i] += 0 // whatever the sign of a zero
		}
		steps, x, dst := c.in("steps", list), c.in("x", xs), c.out("dst", nans(n))
		c.a.run(func() { Steps(dst, x, steps) })
		for i := range dst {
			dst[i] += 0
		}
		wantBits(t, "level", dst, want)
		Steps(xs, xs, list) // onto itself
		for i := range xs {
			xs[i] += 0
		}
		wantBits(t, "level in place", xs, want)

		codes := make([]uint8, n)
		table := place(c.a, "table", 16, c.at, awkward(c.rng, 16, false))
		for i := range codes {
			codes[i] = uint8(c.rng.Uint32())
			want[i] = table[codes[i]%16]
		}
		s := input(c.a, "codes", c.at, codes)
		c.a.run(func() { LookUp16(dst, s, (*[16]float32)(table)) })
		wantBits(t, "look-up", dst, want)
	})
}

func TestMoves(t *testing.T) {
	eachTraining(t, func(t *testing.T, c trainingCase) {
		n := c.rng.IntN(300)
		levels, ds := make([]uint8, n), awkward(c.rng, n, true)
		for i := range levels {
			levels[i] = uint8(c.rng.IntN(16))
			if c.rng.IntN(2) == 0 {
				ds[i] *= 1e-3 // most stay
			}
		}
		var gaps [32]float32
		for i := range gaps {
			gaps[i] = float32(c.rng.IntN(3))
		}
		state, slack, bound := c.rng.Uint64(), float32(1e-6), float32(3)
		want := make([]uint8, (n+7)/8)
		ref.Moves(want, levels, ds, state, gaps[:], slack, bound)
		l, d, reach := input(c.a, "levels", c.at, levels), c.in("d", ds), c.in("reach", gaps[:])
		mask := place(c.a, "mask", len(want), c.at, slices.Repeat([]uint8{0xee}, len(want)))
		c.a.run(func() { Moves(mask, l, d, state, (*[32]float32)(reach), slack, bound) })
		if i := firstDifference(mask, want); i >= 0 {
			t.Fatalf("%d weights: byte %d: got %08b, want %08b", n, i, mask[i], want[i])
		}
	})
}

func TestAffineSum(t *testing.T) {
	eachTraining(t, func(t *testing.T, c trainingCase) {
		cols, rows := 1+c.rng.IntN(40), c.rng.IntN(6)
		n, _ := c.norm(cols)
		xs, ys := awkward(c.rng, rows*cols, true), awkward(c.rng, rows*cols, true)
		want, zeros := make([]float32, len(xs)), make([]float32, len(xs))
		x, y, dst := c.in("x", xs), c.in("y", ys), c.out("dst", nans(len(xs)))
		ref.AffineSum(want, xs, n.Scale, n.Bias, ys, n.Centre, n.InvStd)
		c.a.run(func() { AffineSum(dst, x, n.Scale, n.Bias, y, n.Centre, n.InvStd) })
		wantBits(t, "sum", dst, want)
		copy(dst, ys)
		c.a.run(func() { AffineSum(dst, x, n.Scale, n.Bias, dst, n.Centre, n.InvStd) })
		wantBits(t, "sum in place", dst, want)

		ref.AffineSum(want, xs, n.Scale, n.Bias, zeros, make([]float32, cols), make([]float32, cols))
		c.a.run(func() { AffineOf(dst, x, n.Scale, n.Bias) })
		for i := range dst { // whatever the sign of a zero
			dst[i] += 0
		}
		wantBits(t, "affine map", dst, want)
	})
}

func TestSlopes(t *testing.T) {
	eachTraining(t, func(t *testing.T, c trainingCase) {
		cols, rows := 1+c.rng.IntN(40), c.rng.IntN(6)
		scales, biases := awkward(c.rng, cols, false), awkward(c.rng, cols, false)
		for i := range scales {
			if c.rng.IntN(2) == 0 {
				scales[i], biases[i] = 1, 0
			}
		}
		scale, bias := c.in("scale", scales), c.in("bias", biases)
		top := int(1)<<(1+c.rng.IntN(8)) - 1
		w := Window{Half: float32(1+c.rng.IntN(12)) / 4, Peak: 1}
		if c.rng.IntN(2) == 0 {
			w.Fall = w.Peak / w.Half
		}
		xs, ds := awkward(c.rng, rows*cols, true), awkward(c.rng, rows*cols, false)
		for i := range xs { // at the ends of windows and at steps
			if c.rng.IntN(3) > 0 {
				xs[i] = float32(c.rng.IntN(4*top+20)-10) / 4
			}
		}
		want := slices.Clone(ds)
		ref.Slopes(want, xs, scale, bias, top, w.Half, w.Peak, w.Fall)
		x, d := c.in("x", xs), c.out("d", ds)
		c.a.run(func() { Slopes(d, x, scale, bias, float32(top), w) })
		wantBits(t, "slope", d, want)
	})
}

func TestTrainingBytes(t *testing.T) {
	eachTraining(t, func(t *testing.T, c trainingCase) {
		n := c.rng.IntN(300)
		ds, levels, want := awkward(c.rng, n, true), make([]uint8, n), make([]float32, n)
		last := uint8(1 + c.rng.IntN(255))
		for i := range levels {
			levels[i] = uint8(c.rng.IntN(int(last) + 1))
			if c.rng.IntN(4) == 0 {
				levels[i] = last * uint8(c.rng.IntN(2))
			}
			if c.rng.IntN(2) == 0 {
				ds[i] *= 1e-3
			}
			want[i] = (float32(levels[i]) - 127) / 255
		}
		l, d, dst := input(c.a, "levels", c.at, levels), c.in("d", ds), c.out("dst", nans(n))
		c.a.run(func() { FloatsOfBytes(dst, l, -127, 255) })
		wantBits(t, "float of a byte", dst, want)

		state := c.rng.Uint64()
		mask, wantMask := place(c.a, "mask", (n+7)/8, c.at, slices.Repeat([]uint8{0xee}, (n+7)/8)), make([]uint8, (n+7)/8)
		ref.MovesWhole(wantMask, levels, ds, state, last, 1, 1e-6, 3)
		c.a.run(func() { MovesWhole(mask, l, d, state, last, 1, 1e-6, 3) })
		if i := firstDifference(mask, wantMask); i >= 0 {
			t.Fatalf("%d weights: byte %d: got %08b, want %08b", n, i, mask[i], wantMask[i])
		}

		near := slices.Clone(ds)
		for i := range near { // halves and their neighbours
			if c.rng.IntN(2) == 0 {
				near[i] = math.Nextafter32(float32(c.rng.IntN(2*int(last)+9)-int(last)-4)/2, float32(c.rng.IntN(3)-1)*1000)
			}
		}
		ref.Nearest(want, near, float32(last/2))
		x := c.in("x", near)
		c.a.run(func() { Nearest(dst, x, float32(last/2)) })
		for i := range dst { // whatever the sign of a zero
			dst[i] += 0
			want[i] += 0
		}
		wantBits(t, "nearest whole number", dst, want)
	})
}

func TestEightBits(t *testing.T) {
	eachTraining(t, func(t *testing.T, c trainingCase) {
		n, signed, state := c.rng.IntN(300), c.rng.IntN(2) == 0, c.rng.Uint64()
		xs, top := awkward(c.rng, n, signed && c.rng.IntN(8) == 0), uint32(255)
		for i := range xs {
			xs[i] *= float32(math.Exp2(-float64(c.rng.IntN(40))))
			if !signed {
				xs[i] *= xs[i]
			}
		}
		if signed {
			top = 127
		}
		codes, want, floats := make([]uint8, n), make([]uint8, n), make([]float32, n)
		e := EightBits{ref.EightBase(xs, top), signed}
		for i, v := range xs {
			want[i] = ref.EightCode(v, i, e.Base, signed, state)
			floats[i] = ref.EightNumber(want[i], e.Base, signed)
		}
		x, to, dst := c.in("x", xs), place(c.a, "codes", n, c.at, codes), c.out("dst", nans(n))
		c.a.run(func() {
			if got := BaseOfEight(x, signed); got != e {
				t.Fatalf("base: got %v, want %v", got, e)
			}
			e.Store(to, x, state)
		})
		if i := firstDifference(to, want); i >= 0 {
			t.Fatalf("code of %v, base %d: got %d, want %d", xs[i], e.Base, to[i], want[i])
		}
		c.a.run(func() { e.Load(dst, to) })
		wantBits(t, "number of a code", dst, floats)
	})
}

func TestTrainingErrors(t *testing.T) {
	f, sums := make([]float32, 24), make([]float64, 8)
	n := Norm{f[:8], f[:8], f[:8], f[:8]}
	arg, s := make([]uint8, 8), PoolShape{H: 2, W: 2, C: 2, Window: 2, Stride: 2}
	step, bytes := AdamStep{Power: 1}, make([]uint8, 24)
	wantPanic(t, func() { Codes(f, f[1:], f[:8], f[:8], 1, 1, 0) }, "Codes")
	wantPanic(t, func() { ColumnSums(sums, sums[1:], f) }, "ColumnSums")
	wantPanic(t, func() { GradientSums(sums, sums, f, f[:16], n, 0, 1, 1) }, "GradientSums")
	wantPanic(t, func() { NormGradient(f, f, Norm{f[:8], f[:8], f[:8], f[:7]}, f[:8], f[:8]) }, "NormGradient", "InvStd")
	wantPanic(t, func() { MaxPoolArg(f[:2], arg[:2], f[:8], PoolShape{H: 2, W: 2, C: 2, Window: 2, Stride: 1}, 1) }, "MaxPoolArg", "stride")
	wantPanic(t, func() { MaxUnpool(f[:8], f[:2], arg[:1], s, 1) }, "MaxUnpool")
	wantPanic(t, func() { Adam(f, f, f, f[1:], step) }, "Adam", "v")
	wantPanic(t, func() { Adam(f, f, f, f, AdamStep{}) }, "Adam", "power")
	wantPanic(t, func() { Momentum(f, f, f[1:], 0, 0) }, "Momentum")
	wantPanic(t, func() { Descend(f, f[1:], 0, 0) }, "Descend")
	wantPanic(t, func() { Steps(f, f, f[:2]) }, "Steps")
	wantPanic(t, func() { LookUp16(f, arg, (*[16]float32)(f)) }, "LookUp16")
	wantPanic(t, func() { AddTo(f, f[1:]) }, "AddTo")
	reach := new([32]float32)
	wantPanic(t, func() { Moves(arg[:2], bytes, f, 0, reach, 0, 1) }, "Moves", "mask")
	wantPanic(t, func() { AffineOf(f, f, f[:8], f[:7]) }, "AffineOf", "bias")
	wantPanic(t, func() { AffineSum(f, f, f[:8], f[:8], f[:16], f[:8], f[:8]) }, "AffineSum", "y")
	wantPanic(t, func() { Slopes(f, f, f[:8], f[:7], 1, Window{Half: 1}) }, "Slopes", "bias")
	wantPanic(t, func() { FloatsOfBytes(f, arg, 0, 1) }, "FloatsOfBytes")
	wantPanic(t, func() { Nearest(f, f[1:], 1) }, "Nearest")
	wantPanic(t, func() { MovesWhole(arg[:2], bytes, f, 0, 1, 1, 0, 1) }, "MovesWhole", "mask")
	wantPanic(t, func() { EightBits{}.Load(f, arg) }, "EightBits.Load")
	wantPanic(t, func() { EightBits{}.Store(arg, f, 0) }, "EightBits.Store")
	noAllocs(t, "the steps of training", func() {
		AffineOf(f, f, f[:8], f[:8])
		AffineSum(f, f, f[:8], f[:8], f, f[:8], f[:8])
		Slopes(f, f, f[:8], f[:8], 1, Window{Half: 1})
		FloatsOfBytes(f, bytes, 0, 1)
		Nearest(f, f, 1)
		MovesWhole(arg[:3], bytes, f, 0, 1, 1, 0, 1)
		e := BaseOfEight(f, true)
		e.Store(bytes, f, 0)
		e.Load(f, bytes)
		Codes(f, f, f[:8], f[:8], 1, 1, 0)
		ColumnSums(sums, sums, f)
		GradientSums(sums, sums, f, f, n, 0, 1, 1)
		NormGradient(f, f, n, f[:8], f[:8])
		MaxPoolArg(f[:2], arg[:2], f[:8], s, 1)
		MaxUnpool(f[:8], f[:2], arg[:2], s, 1)
		Adam(f, f, f, f, step)
		Momentum(f, f, f, 0, 0)
		Descend(f, f, 0, 0)
		Steps(f, f, f[:3])
		LookUp16(f, bytes, (*[16]float32)(f))
		AddTo(f, f)
		Moves(arg[:3], bytes, f, 0, reach, 0, 1)
	})
}
