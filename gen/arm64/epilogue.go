package main

import (
	"fmt"

	"example.com/lowbit/gen/neon"
)

// The steps between products, on rows of channels, 8 columns at a time.
//
//	instruction        Cortex-A72: latency, pipes  Neoverse N1: latency, pipes
//	CMGE, EOR, ADD     3, F0/1                     2, V0/1
//	UZP1               6, three times F0/1         2, V0/1
//	SMLAL              4, F0                       4, V0
//	SSHL               4, two on F1                2, V1
//	SQXTUN             4, F1                       4, V1
//	FMUL, FADD, FCMGT  3-4, F0 and F1              2-3, V0/1
//
// Thresholds are bound by CMGE and ADD, two for four comparisons; requantization by the
// shift and the narrowing, 8 of one pipe for 8 columns, or 12; the affine step by its loads
// and stores.

func init() {
	add("neon", family{
		name:      "Thresholds",
		doc:       "Thresholds makes codes of sums by comparison.",
		signature: "func(dst *byte, acc *int32, rows, stride uintptr, thr, flip *int32, levels, cols uintptr)",
		loop: `	for i := range rows {
		for j := range cols {
			v := (acc[i][j] ^ flip[j]) - flip[j]
			n := 0
			for t := range levels {
				if v >= thr[t][j] {
					n++
				}
			}
			dst[i][j] = byte(n)
		}
	}

with rows of dst, acc and thr that lie stride elements apart. flip is 0 or -1.
rows and levels are at least 1, levels at most 255; cols is a multiple of 8, at
least 8.`,
		body: thresholds,
	})
	add("neon", family{
		name:      "Requantize",
		doc:       "Requantize makes codes of sums in fixed point.",
		signature: "func(dst *byte, acc *int32, rows, stride uintptr, mul *int32, add *int64, shift, top, cols uintptr)",
		loop: `	for i := range rows {
		for j := range cols {
			v := (int64(acc[i][j])*int64(mul[j]) + add[j]) >> shift
			dst[i][j] = byte(min(max(v, 0), int64(top)))
		}
	}

with rows that lie stride elements apart. rows is at least 1, shift at most 63,
top at most 255; cols is a multiple of 8, at least 8.`,
		body: requantize,
	})
	add("neon", family{
		name:      "Affine",
		doc:       "Affine scales and shifts channels.",
		signature: "func(x *float32, rows, stride uintptr, scale, bias *float32, relu, cols uintptr)",
		loop: `	for i := range rows {
		for j := range cols {
			v := float32(x[i][j]*scale[j]) + bias[j]
			if relu != 0 && v < 0 {
				v = 0
			}
			x[i][j] = v
		}
	}

with rows that lie stride elements apart. rows is at least 1, cols a multiple
of 8, at least 8.`,
		body: func(f *neon.Func, _ int) { affine(f, false) },
	})
	add("neon", family{
		name:      "AffineAdd",
		doc:       "AffineAdd scales and shifts channels and adds others.",
		signature: "func(x, y *float32, rows, stride uintptr, scale, bias *float32, relu, cols uintptr)",
		loop: `	for i := range rows {
		for j := range cols {
			v := float32(float32(x[i][j]*scale[j])+bias[j]) + y[i][j]
			if relu != 0 && v < 0 {
				v = 0
			}
			x[i][j] = v
		}
	}

with rows that lie stride elements apart. rows is at least 1, cols a multiple
of 8, at least 8.`,
		body: func(f *neon.Func, _ int) { affine(f, true) },
	})
}

// thresholds takes four rows at a time, which share the loads of thresholds and
// the loop over them, then single rows. A comparison is -1 for a threshold that is
// reached: the first one begins the count, which in the end is negated.
func thresholds(f *neon.Func, _ int) {
	dst, acc, rows, stride := f.Param("dst"), f.Param("acc"), f.Param("rows"), f.Param("stride")
	allThr, allFlip, levels, allCols := f.Param("thr"), f.Param("flip"), f.Param("levels"), f.Param("cols")
	line := f.GP() // of sums or thresholds, in bytes
	f.LSL(neon.Imm(2), stride, line)

	block := func(n int) {
		label := func(name string) string { return fmt.Sprintf("%s%d", name, n) }
		thr, flip, cols, d, a := f.GP(), f.GP(), f.GP(), f.GP(), f.GP()
		for _, m := range []struct{ from, to neon.GP }{{allThr, thr}, {allFlip, flip}, {allCols, cols}, {dst, d}, {acc, a}} {
			f.MOVD(m.from, m.to)
		}
		f.Label(label("columns"))
		flips := f.Vecs(2)
		f.FLDPQ(neon.Post(flip, 32), flips[0], flips[1])
		v, count := make([][]neon.Vec, n), make([][]neon.Vec, n)
		p := f.GP()
		f.MOVD(a, p)
		for i := range n {
			v[i], count[i] = f.Vecs(2), f.Vecs(2)
			loadVectors(f, p, v[i])
			for c := range 2 {
				f.VEOR(neon.B16, flips[c], v[i][c], v[i][c])
				f.VSUB(neon.S4, flips[c], v[i][c], v[i][c])
			}
			if i < n-1 {
				f.ADD(line, p, p)
			}
		}
		t, left := f.GP(), f.GP()
		f.MOVD(thr, t)
		f.MOVD(levels, left)
		level := func(compare func(y, v, count neon.Vec)) {
			y := f.Vecs(2)
			loadVectors(f, t, y)
			f.ADD(line, t, t)
			for i := range n {
				for c := range 2 {
					compare(y[c], v[i][c], count[i][c])
				}
			}
			f.SUBS(neon.Imm(1), left, left)
		}
		level(func(y, v, count neon.Vec) { f.VCMGE(neon.S4, y, v, count) })
		f.Bcond(neon.EQ, label("counted"))
		f.Label(label("levels"))
		level(func(y, v, count neon.Vec) {
			reached := f.Vec()
			f.VCMGE(neon.S4, y, v, reached)
			f.VADD(neon.S4, reached, count, count)
		})
		f.Bcond(neon.NE, label("levels"))
		f.Label(label("counted"))

		to := f.GP()
		f.MOVD(d, to)
		for i, c := range count {
			f.VUZP1(neon.H8, c[1], c[0], c[0])
			if i%2 == 0 && i < n-1 {
				continue
			}
			first := count[i/2*2][0]
			f.VUZP1(neon.B16, c[0], first, first)
			f.VNEG(neon.B16, first, first)
			f.FMOVD(first, neon.At(to, 0))
			f.ADD(stride, to, to)
			if i%2 == 1 {
				f.VST1Lane(neon.D2, first, 1, neon.At(to, 0))
				f.ADD(stride, to, to)
			}
		}
		f.ADD(neon.Imm(32), a, a)
		f.ADD(neon.Imm(32), thr, thr)
		f.ADD(neon.Imm(8), d, d)
		f.SUBS(neon.Imm(8), cols, cols)
		f.Bcond(neon.NE, label("columns"))
		for range n {
			f.ADD(stride, dst, dst)
			f.ADD(line, acc, acc)
		}
	}
	f.SUBS(neon.Imm(4), rows, rows)
	f.Bcond(neon.LO, "few")
	f.Label("rows4")
	block(4)
	f.SUBS(neon.Imm(4), rows, rows)
	f.Bcond(neon.HS, "rows4")
	f.Label("few")
	f.ADDS(neon.Imm(4), rows, rows)
	f.Bcond(neon.EQ, "done")
	f.Label("rows1")
	block(1)
	f.SUBS(neon.Imm(1), rows, rows)
	f.Bcond(neon.NE, "rows1")
	f.Label("done")
	f.RET()
}

// storeCodes narrows two vectors of codes, of 32 bits each, to bytes and stores them.
func storeCodes(f *neon.Func, codes []neon.Vec, to neon.GP) {
	v := f.Vec()
	f.VUZP1(neon.H8, codes[1], codes[0], v)
	f.VUZP1(neon.B16, v, v, v)
	f.FMOVD(v, neon.At(to, 0))
}

// requantize multiplies, adds and shifts in 64-bit lanes, two columns each, and clips
// where it narrows: SQXTUN makes negative numbers 0 and large ones 1<<32 - 1.
func requantize(f *neon.Func, _ int) {
	allDst, allAcc, rows, stride := f.Param("dst"), f.Param("acc"), f.Param("rows"), f.Param("stride")
	allMul, allAdd, allCols := f.Param("mul"), f.Param("add"), f.Param("cols")
	shift, top := f.Vec(), f.Vec()
	right := f.GP()
	f.NEG(f.Param("shift"), right)
	f.VDUP(neon.D2, right, shift)
	f.VDUP(neon.S4, f.Param("top"), top)
	f.Label("row")
	dst, acc, mul, add, cols := f.GP(), f.GP(), f.GP(), f.GP(), f.GP()
	for _, m := range []struct{ from, to neon.GP }{{allDst, dst}, {allAcc, acc}, {allMul, mul}, {allAdd, add}, {allCols, cols}} {
		f.MOVD(m.from, m.to)
	}
	f.Label("columns")
	a, m, sums, codes := f.Vecs(2), f.Vecs(2), f.Vecs(4), f.Vecs(2)
	f.FLDPQ(neon.Post(acc, 32), a[0], a[1])
	f.FLDPQ(neon.Post(mul, 32), m[0], m[1])
	loadVectors(f, add, sums)
	f.ADD(neon.Imm(64), add, add)
	for c := range 2 {
		low, high := sums[2*c], sums[2*c+1]
		f.VSMLAL(neon.S2, m[c], a[c], low)
		f.VSMLAL2(neon.S4, m[c], a[c], high)
		f.VSSHL(neon.D2, shift, low, low)
		f.VSSHL(neon.D2, shift, high, high)
		f.VSQXTUN(neon.S2, low, codes[c])
		f.VSQXTUN2(neon.S4, high, codes[c])
		f.VUMIN(neon.S4, top, codes[c], codes[c])
	}
	storeCodes(f, codes, dst)
	f.ADD(neon.Imm(8), dst, dst)
	f.SUBS(neon.Imm(8), cols, cols)
	f.Bcond(neon.NE, "columns")
	f.ADD(stride, allDst, allDst)
	f.ADD(neon.Shifted{R: stride, Left: 2}, allAcc, allAcc)
	f.SUBS(neon.Imm(1), rows, rows)
	f.Bcond(neon.NE, "row")
	f.RET()
}

// affine bounds by zero or, without relu, by minus infinity. It multiplies and
// adds in two steps: a fused step would round once and give other bits than
// CPUs that lack it. FMAX would not keep the sign of a zero.
func affine(f *neon.Func, add bool) {
	bound := f.Vec()
	f.Zero(bound)
	f.CBNZ(f.Param("relu"), "rows")
	infinity := f.GP()
	f.MOVD(neon.Imm(0xff800000), infinity)
	f.VDUP(neon.S4, infinity, bound)

	f.Label("rows")
	x, rows, stride := f.Param("x"), f.Param("rows"), f.Param("stride")
	allScale, allBias, allCols := f.Param("scale"), f.Param("bias"), f.Param("cols")
	var allY, y neon.GP
	if add {
		allY = f.Param("y")
	}
	f.Label("row")
	scale, bias, cols, to := f.GP(), f.GP(), f.GP(), f.GP()
	for _, m := range []struct{ from, to neon.GP }{{allScale, scale}, {allBias, bias}, {allCols, cols}, {x, to}} {
		f.MOVD(m.from, m.to)
	}
	if add {
		y = f.GP()
		f.MOVD(allY, y)
	}
	f.Label("columns")
	v, s, b, u := f.Vecs(2), f.Vecs(2), f.Vecs(2), f.Vecs(2)
	loadVectors(f, to, v)
	if add {
		f.FLDPQ(neon.Post(y, 32), u[0], u[1])
	}
	f.FLDPQ(neon.Post(scale, 32), s[0], s[1])
	f.FLDPQ(neon.Post(bias, 32), b[0], b[1])
	for c := range 2 {
		below := f.Vec()
		f.VFMUL(neon.S4, s[c], v[c], v[c])
		f.VFADD(neon.S4, b[c], v[c], v[c])
		if add {
			f.VFADD(neon.S4, u[c], v[c], v[c])
		}
		f.VFCMGT(neon.S4, v[c], bound, below)
		f.VBIC(neon.B16, below, v[c], v[c])
	}
	f.FSTPQ(v[0], v[1], neon.Post(to, 32))
	f.SUBS(neon.Imm(8), cols, cols)
	f.Bcond(neon.NE, "columns")
	f.ADD(neon.Shifted{R: stride, Left: 2}, x, x)
	if add {
		f.ADD(neon.Shifted{R: stride, Left: 2}, allY, allY)
	}
	f.SUBS(neon.Imm(1), rows, rows)
	f.Bcond(neon.NE, "row")
	f.RET()
}
