package main

import (
	"fmt"

	"example.com/lowbit/gen/neon"
)

// A row by four panels of GemmF32. The tile of one row has four sums, each of which
// waits for its last FMA; 16 keep four pipes of 4 cycles busy, so that loads are the
// bound: 2 of 16 bytes a cycle on the Neoverse N1, one on the Cortex-A72. Instructions
// are those of GemmF32.

func init() {
	const panels, nr = 4, 4 * f32Vectors
	add("neon", family{
		name:      "GemvF32",
		doc:       "GemvF32 is a row of a float32 matrix product.",
		signature: "func(c, a *float32, aCol uintptr, b *float32, panel, k, add uintptr)",
		loop: fmt.Sprintf(`	for j := range %d {
		if add == 0 {
			c[j] = 0
		}
		for p := range k {
			c[j] += a[p*aCol] * b[j/%d*panel + p][j%%%d]
		}
	}

with the sums of GemmF32, bit for bit. Elements of a are aCol and panels of b
panel bytes apart. k is at least 1.`, panels*nr, nr, nr),
		body: func(f *neon.Func, _ int) {
			dst, a, aCol, k := f.Param("c"), f.Param("a"), f.Param("aCol"), f.Param("k")
			acc := f.Vecs(panels * f32Vectors)
			f.CBZ(f.Param("add"), "zero")
			loadVectors(f, dst, acc)
			f.B("sum")
			f.Label("zero")
			f.Zero(acc...)
			f.Label("sum")
			var b [panels]neon.GP
			b[0] = f.Param("b")
			panel := f.Param("panel")
			for i := 1; i < panels; i++ {
				b[i] = f.GP()
				f.ADD(panel, b[i-1], b[i])
			}
			// inputs multiplies n rows of the panels by the lanes of x.
			inputs := func(x neon.Vec, n int) {
				for l := range n {
					for i := range b {
						multiplyRow(f, [][]neon.Vec{acc[f32Vectors*i:][:f32Vectors]}, b[i], 4*nr*l, []neon.Vec{x}, l)
					}
				}
				for i := range b {
					f.ADD(neon.Imm(4*nr*n), b[i], b[i])
				}
			}
			f.CMP(neon.Imm(4), aCol)
			f.Bcond(neon.NE, "one")
			f.Comment("Four inputs a load.")
			f.SUBS(neon.Imm(4), k, k)
			f.Bcond(neon.LO, "few")
			f.Label("four")
			x := f.Vec()
			f.FMOVQ(neon.Post(a, 16), x)
			inputs(x, 4)
			f.SUBS(neon.Imm(4), k, k)
			f.Bcond(neon.HS, "four")
			f.Label("few")
			f.ADDS(neon.Imm(4), k, k)
			f.Bcond(neon.EQ, "done")

			f.Comment("An input a load.")
			f.Label("one")
			x = f.Vec()
			f.FMOVS(neon.At(a, 0), x)
			f.ADD(aCol, a, a)
			inputs(x, 1)
			f.SUBS(neon.Imm(1), k, k)
			f.Bcond(neon.NE, "one")
			f.Label("done")
			storeVectors(f, acc, dst)
			f.RET()
		},
	})
}
