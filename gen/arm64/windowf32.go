package main

import (
	"fmt"

	"example.com/lowbit/gen/neon"
)

func init() {
	add("neon", family{
		name: "WindowF32",
		doc: fmt.Sprintf(`WindowF32 holds, by the number of rows, tiles of %d columns of a float32 matrix
product whose first operand is gathered. An element's sum is that of GemmF32.`, 4*f32Vectors),
		signature: "func(c *float32, cRows *uintptr, a *float32, aRows, places *uintptr, b *float32, k uintptr, add uintptr)",
		loop: fmt.Sprintf(`	for i := range %%d {
		for j := range %d {
			if add == 0 {
				c[cRows[i] + j] = 0
			}
			for p := range k {
				c[cRows[i] + j] += a[aRows[i] + places[p]] * b[p][j]
			}
		}
	}

where rows and places are in bytes. The rows of b are adjacent. k is at least 1.`, 4*f32Vectors),
		body:     windowF32,
		variants: upTo(f32Rows),
	})
}

// windowF32 is gemmF32 with rows and columns of a wherever they lie: a
// convolution's windows are multiplied in place, in the image. One more load for
// 24 FMLAs.
func windowF32(f *neon.Func, rows int) {
	acc := make([][]neon.Vec, rows)
	for i := range acc {
		acc[i] = f.Vecs(f32Vectors)
		f.Zero(acc[i]...)
	}
	dst, cRows := f.Param("c"), f.Param("cRows")
	// sums calls do with each row of sums and a pointer to them.
	sums := func(do func(vs []neon.Vec, p neon.GP)) {
		for i := range acc {
			at := f.GP()
			f.MOVD(neon.At(cRows, 8*i), at)
			f.ADD(dst, at, at)
			do(acc[i], at)
		}
	}
	f.CBZ(f.Param("add"), "sum")
	sums(func(vs []neon.Vec, p neon.GP) { loadVectors(f, p, vs) })
	f.Label("sum")
	a, aRows, places, b, k := f.Param("a"), f.Param("aRows"), f.Param("places"), f.Param("b"), f.Param("k")
	row := make([]neon.GP, rows)
	for i := range row {
		row[i] = f.GP()
		f.MOVD(neon.At(aRows, 8*i), row[i])
		f.ADD(a, row[i], row[i])
	}
	f.Label("loop")
	at := f.GP()
	f.MOVD(neon.Post(places, 8), at)
	xs := f.Vecs(rows)
	for i, x := range xs {
		f.FMOVS(neon.Index(row[i], at), x)
	}
	multiplyRow(f, acc, b, 0, xs, 0)
	f.ADD(neon.Imm(16*f32Vectors), b, b)
	f.SUBS(neon.Imm(1), k, k)
	f.Bcond(neon.NE, "loop")
	sums(func(vs []neon.Vec, p neon.GP) { storeVectors(f, vs, p) })
	f.RET()
}
