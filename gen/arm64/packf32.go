package main

import "example.com/lowbit/gen/neon"

// The packing of panels for GemmF32: loads and stores are the bound, one store a
// cycle on the Cortex-A72 and the Neoverse N1.

func init() {
	add("neon", family{
		name:      "PackRowsF32",
		doc:       "PackRowsF32 copies up to 16 columns of a float32 matrix.",
		signature: "func(dst *float32, dstStride uintptr, src *float32, srcStride uintptr, rows, cols uintptr)",
		loop: `	for i := range rows {
		for j := range 16 {
			dst[i][j] = 0
			if j < cols {
				dst[i][j] = src[i][j]
			}
		}
	}

in the order of the rows, where rows lie dstStride and srcStride bytes apart:
with a dstStride of fewer than 16 elements, a row overwrites the end of the one
before it. Nothing beyond cols is read. rows is at least 1, cols 1 to 16.`,
		body: packRowsF32,
	})
	add("neon", family{
		name:      "PackColumnsF32",
		doc:       "PackColumnsF32 transposes 8 columns of a float32 matrix.",
		signature: "func(dst *float32, dstStride uintptr, src *float32, srcStride uintptr, rows uintptr)",
		loop: `	for i := range rows {
		for j := range 8 {
			dst[i][j] = src[j][i]
		}
	}

where the rows of dst lie dstStride and the columns of src srcStride bytes
apart. rows is a multiple of 8, and at least 8.`,
		body: packColumnsF32,
	})
}

// packRowsF32 copies whole rows, or parts of 8, 4, 2 and 1 elements onto zeros: only
// a panel at the edge has those.
func packRowsF32(f *neon.Func, _ int) {
	dst, dstStride := f.Param("dst"), f.Param("dstStride")
	src, srcStride := f.Param("src"), f.Param("srcStride")
	rows, cols := f.Param("rows"), f.Param("cols")
	f.CMP(neon.Imm(16), cols)
	f.Bcond(neon.NE, "parts")
	f.Label("whole")
	vs := f.Vecs(4)
	loadVectors(f, src, vs)
	storeVectors(f, vs, dst)
	f.ADD(srcStride, src, src)
	f.ADD(dstStride, dst, dst)
	f.SUBS(neon.Imm(1), rows, rows)
	f.Bcond(neon.NE, "whole")
	f.RET()

	f.Label("parts")
	none, v := f.Vec(), f.Vecs(2)
	f.Zero(none)
	f.Label("row")
	storeVectors(f, []neon.Vec{none, none, none, none}, dst)
	from, to := f.GP(), f.GP()
	f.MOVD(src, from)
	f.MOVD(dst, to)
	f.TBZ(3, cols, "four")
	f.FLDPQ(neon.Post(from, 32), v[0], v[1])
	f.FSTPQ(v[0], v[1], neon.Post(to, 32))
	f.Label("four")
	f.TBZ(2, cols, "two")
	f.FMOVQ(neon.Post(from, 16), v[0])
	f.FMOVQ(v[0], neon.Post(to, 16))
	f.Label("two")
	f.TBZ(1, cols, "one")
	f.FMOVD(neon.Post(from, 8), v[0])
	f.FMOVD(v[0], neon.Post(to, 8))
	f.Label("one")
	f.TBZ(0, cols, "next")
	f.FMOVS(neon.At(from, 0), v[0])
	f.FMOVS(v[0], neon.At(to, 0))
	f.Label("next")
	f.ADD(srcStride, src, src)
	f.ADD(dstStride, dst, dst)
	f.SUBS(neon.Imm(1), rows, rows)
	f.Bcond(neon.NE, "row")
	f.RET()
}

// packColumnsF32 transposes blocks of 4x4: TRN pairs elements of neighbouring columns,
// then halves of 64 bits, on both vector pipes with 3 cycles (Cortex-A72) or 2.
func packColumnsF32(f *neon.Func, _ int) {
	dst, dstStride := f.Param("dst"), f.Param("dstStride")
	srcStride, rows := f.Param("srcStride"), f.Param("rows")
	var column [8]neon.GP
	column[0] = f.Param("src")
	for j := 1; j < len(column); j++ {
		column[j] = f.GP()
		f.ADD(srcStride, column[j-1], column[j])
	}
	f.Label("loop")
	var out [2][4]neon.Vec
	for half := range out {
		var in, t [4]neon.Vec
		for j := range in {
			in[j] = f.Vec()
			f.FMOVQ(neon.Post(column[4*half+j], 16), in[j])
		}
		for j := range t {
			t[j], out[half][j] = f.Vec(), f.Vec()
		}
		for j := range 2 { // t: rows 0 and 2, rows 1 and 3 of columns 0 1, then of 2 3
			f.VTRN1(neon.S4, in[2*j+1], in[2*j], t[2*j])
			f.VTRN2(neon.S4, in[2*j+1], in[2*j], t[2*j+1])
		}
		for j := range 2 {
			f.VTRN1(neon.D2, t[2+j], t[j], out[half][j])
			f.VTRN2(neon.D2, t[2+j], t[j], out[half][2+j])
		}
	}
	for i := range 4 {
		f.FSTPQ(out[0][i], out[1][i], neon.At(dst, 0))
		f.ADD(dstStride, dst, dst)
	}
	f.SUBS(neon.Imm(4), rows, rows)
	f.Bcond(neon.NE, "loop")
	f.RET()
}
