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
		signature: "func(c *float32, cStride uintptr, a *float32, aRow uintptr, places *uintptr, b *float32, k uintptr, add uintptr)",
		loop: fmt.Sprintf(`	for i := range %%d {
		for j := range %d {
			if add == 0 {
				c[i][j] = 0
			}
			for p := range k {
				c[i][j] += a[i*aRow + places[p]] * b[p][j]
			}
		}
	}

where a row of c is cStride and a row of a aRow bytes apart, and places are in
bytes. The rows of b are adjacent. k is at least 1.`, 4*f32Vectors),
		body:     windowF32,
		variants: upTo(f32Rows),
	})
}

// windowF32 is gemmF32 with a list of places in a: a convolution's windows are
// multiplied where they lie in the image. One more load for 24 FMLAs.
func windowF32(f *neon.Func, rows int) {
	dst, dstStride := f.Param("c"), f.Param("cStride")
	places, b, k := f.Param("places"), f.Param("b"), f.Param("k")
	acc := loadSums(f, dst, dstStride, rows)
	row := rowPointers(f, rows)
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
	storeSums(f, acc, dst, dstStride)
}

// rowPointers returns pointers to the rows of the parameter a.
func rowPointers(f *neon.Func, rows int) []neon.GP {
	row := make([]neon.GP, rows)
	row[0] = f.Param("a")
	aRow := f.Param("aRow")
	for i := 1; i < rows; i++ {
		row[i] = f.GP()
		f.ADD(aRow, row[i-1], row[i])
	}
	return row
}

// loadSums returns a tile's sums, from memory or zero as the parameter add says.
func loadSums(f *neon.Func, dst, stride neon.GP, rows int) [][]neon.Vec {
	acc := make([][]neon.Vec, rows)
	for i := range acc {
		acc[i] = f.Vecs(f32Vectors)
	}
	f.CBZ(f.Param("add"), "zero")
	p := f.GP()
	f.MOVD(dst, p)
	for i := range acc {
		loadVectors(f, p, acc[i])
		if i < rows-1 {
			f.ADD(stride, p, p)
		}
	}
	f.B("sum")
	f.Label("zero")
	for i := range acc {
		f.Zero(acc[i]...)
	}
	f.Label("sum")
	return acc
}

// storeSums stores a tile and returns.
func storeSums(f *neon.Func, acc [][]neon.Vec, dst, stride neon.GP) {
	for i := range acc {
		storeVectors(f, acc[i], dst)
		if i < len(acc)-1 {
			f.ADD(stride, dst, dst)
		}
	}
	f.RET()
}
