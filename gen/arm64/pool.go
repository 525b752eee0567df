package main

import (
	"fmt"

	"example.com/lowbit/gen/neon"
)

// One call pools a row of output pixels: with 32 channels a pixel is only eight
// vectors, so that a call for each would cost more than its work. Loads are the bound;
// SMAX and FMAX take 3 cycles on F0/1 of the Cortex-A72 and 2 on V0/1 of the Neoverse
// N1.

func init() {
	for _, t := range []struct {
		suffix, element string
		bytes           int
		larger          func(f *neon.Func, x, best neon.Vec)
	}{
		{"I16", "int16", 2, func(f *neon.Func, x, best neon.Vec) { f.VSMAX(neon.H8, x, best, best) }},
		{"I32", "int32", 4, func(f *neon.Func, x, best neon.Vec) { f.VSMAX(neon.S4, x, best, best) }},
		{"F32", "float32", 4, func(f *neon.Func, x, best neon.Vec) { f.VFMAX(neon.S4, x, best, best) }},
	} {
		add("neon", family{
			name:      "MaxPool" + t.suffix,
			doc:       "MaxPool" + t.suffix + " pools a row of pixels.",
			signature: fmt.Sprintf("func(dst, src *%s, pixels, cols, stride, step, row, window uintptr)", t.element),
			loop: `	for i := range pixels {
		for j := range cols {
			best := src[i*step*stride+j]
			for y := range window {
				for x := range window {
					best = max(best, src[y*row+(i*step+x)*stride+j])
				}
			}
			dst[i*stride+j] = best
		}
	}

pixels, step and window are at least 1; cols is a multiple of 8, at least 8.`,
			body: func(f *neon.Func, _ int) { maxPool(f, t.bytes, t.larger) },
		})
	}
}

// maxPool takes 128 bytes of a pixel at a time, then 8 channels.
func maxPool(f *neon.Func, bytes int, larger func(f *neon.Func, x, best neon.Vec)) {
	dst, src, pixels, cols := f.Param("dst"), f.Param("src"), f.Param("pixels"), f.Param("cols")
	stride, row, window := f.Param("stride"), f.Param("row"), f.Param("window")
	f.LSL(neon.Imm(bytes/2), stride, stride) // by 1 or 2
	f.LSL(neon.Imm(bytes/2), row, row)
	step := f.Param("step")
	f.MUL(stride, step, step)

	f.Label("pixel")
	left, from, to := f.GP(), f.GP(), f.GP()
	f.MOVD(cols, left)
	f.MOVD(src, from)
	f.MOVD(dst, to)
	for _, vectors := range []int{8, bytes / 2} {
		label := func(name string) string { return fmt.Sprintf("%s%d", name, vectors) }
		f.Label(label("columns"))
		f.CMP(neon.Imm(16/bytes*vectors), left)
		f.Bcond(neon.LO, label("done"))
		best := f.Vecs(vectors)
		loadAny(f, from, best)
		line, ky := f.GP(), f.GP()
		f.MOVD(from, line)
		f.MOVD(window, ky)
		f.Label(label("line"))
		x, kx := f.GP(), f.GP()
		f.MOVD(line, x)
		f.MOVD(window, kx)
		f.Label(label("tap"))
		taps := f.Vecs(vectors)
		loadAny(f, x, taps)
		for i := range taps {
			larger(f, taps[i], best[i])
		}
		f.ADD(stride, x, x)
		f.SUBS(neon.Imm(1), kx, kx)
		f.Bcond(neon.NE, label("tap"))
		f.ADD(row, line, line)
		f.SUBS(neon.Imm(1), ky, ky)
		f.Bcond(neon.NE, label("line"))
		storeAny(f, best, to)
		f.ADD(neon.Imm(16*vectors), from, from)
		f.ADD(neon.Imm(16*vectors), to, to)
		f.SUB(neon.Imm(16/bytes*vectors), left, left)
		f.B(label("columns"))
		f.Label(label("done"))
	}
	f.ADD(step, src, src)
	f.ADD(stride, dst, dst)
	f.SUBS(neon.Imm(1), pixels, pixels)
	f.Bcond(neon.NE, "pixel")
	f.RET()
}

// loadAny is loadVectors for an even number of vectors or one.
func loadAny(f *neon.Func, p neon.GP, vs []neon.Vec) {
	if len(vs) == 1 {
		f.FMOVQ(neon.At(p, 0), vs[0])
		return
	}
	loadVectors(f, p, vs)
}

// storeAny is storeVectors for an even number of vectors or one.
func storeAny(f *neon.Func, vs []neon.Vec, p neon.GP) {
	if len(vs) == 1 {
		f.FMOVQ(vs[0], neon.At(p, 0))
		return
	}
	storeVectors(f, vs, p)
}
