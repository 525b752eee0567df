package main

import "example.com/lowbit/gen/neon"

func init() {
	add("neon", family{
		name:      "ThresholdsI16",
		doc:       "ThresholdsI16 makes codes of sums of 16 bits by comparison.",
		signature: "func(dst *byte, acc *int16, rows, stride uintptr, thr, base *int16, levels, cols uintptr)",
		loop: `	for i := range rows {
		for j := range cols {
			n := base[j]
			for t := range levels {
				if acc[i][j] > thr[t][j] {
					n--
				}
			}
			dst[i][j] = byte(abs(n))
		}
	}

with rows of dst, acc and thr that lie stride elements apart. rows and levels are
at least 1, levels and base at most 255; cols is a multiple of 8, at least 8.`,
		body: thresholdsI16,
	})
}

// thresholdsI16 takes 8 columns at a time. A comparison is -1 for a threshold that is
// exceeded: the magnitude of what is left of a base of 0 or of all levels is the code.
func thresholdsI16(f *neon.Func, _ int) {
	dst, acc, rows, stride := f.Param("dst"), f.Param("acc"), f.Param("rows"), f.Param("stride")
	line := f.GP() // of sums or thresholds, in bytes
	f.LSL(neon.Imm(1), stride, line)
	f.Label("row")
	d, a, thr, base, cols := f.GP(), f.GP(), f.Param("thr"), f.Param("base"), f.Param("cols")
	f.MOVD(dst, d)
	f.MOVD(acc, a)
	f.Label("columns")
	sum, code := f.Vec(), f.Vec()
	f.FMOVQ(neon.Post(a, 16), sum)
	f.FMOVQ(neon.Post(base, 16), code)
	t, left := f.GP(), f.Param("levels")
	f.MOVD(thr, t)
	f.Label("levels")
	y := f.Vec()
	f.FMOVQ(neon.At(t, 0), y)
	f.ADD(line, t, t)
	f.VCMGT(neon.H8, y, sum, y)
	f.VADD(neon.H8, y, code, code)
	f.SUBS(neon.Imm(1), left, left)
	f.Bcond(neon.NE, "levels")
	f.VABS(neon.H8, code, code)
	f.VXTN(neon.B8, code, code)
	f.FMOVD(code, neon.Post(d, 8))
	f.ADD(neon.Imm(16), thr, thr)
	f.SUBS(neon.Imm(8), cols, cols)
	f.Bcond(neon.NE, "columns")
	f.ADD(stride, dst, dst)
	f.ADD(line, acc, acc)
	f.SUBS(neon.Imm(1), rows, rows)
	f.Bcond(neon.NE, "row")
	f.RET()
}
