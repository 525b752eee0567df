package main

import (
	"fmt"

	"example.com/lowbit/gen/neon"
)

// A tile of a float32 matrix product: FMLA by element takes an element of a from a
// lane, so that a is read where it lies and needs no broadcast.
//
//	instruction      Cortex-A72: latency, pipes    Neoverse N1: latency, pipes
//	FMLA by element  7 (3 for the sum), F0 and F1  4 (2 for the sum), V0/1
//	LDR q, LDR s     5, L                          5, L0/1
//	LDP q            6, L twice                    7, L0/1 twice
//
// 6 rows by 16 columns are 24 sums, which with 6 elements of a and 2 vectors of b
// fill the registers. Four pipes of 4 cycles (Apple, Neoverse V1) need 16 sums.
// 8 rows by 8 columns would have just those, and more loads:
//
//	rows of a adjacent (4 inputs a load)    6x16: 22 loads for 96 FMLAs, 8x8: 16 for 64
//	any strides (an input a load)           6x16: 10 loads for 24 FMLAs, 8x8: 10 for 16
//
// The wider tile keeps two pipes busy with 2 rows, the other needs 4. Either loop is
// bound by FMLA alone: 8 MAC a cycle on the N1, 4 on the A72. So there is no third
// for elements of a column side by side, as a transposed matrix has.

const (
	f32Rows    = 6
	f32Vectors = 4 // of columns
)

func init() {
	add("neon", family{
		name: "GemmF32",
		doc: fmt.Sprintf(`GemmF32 holds, by the number of rows, tiles of %d columns of a float32 matrix
product. An element's sum starts from c (or 0) and takes its products in the
order of k by one FMA each: its bits do not depend on the tile it is in, nor on
where a caller cuts k.`, 4*f32Vectors),
		signature: "func(c *float32, cStride uintptr, a *float32, aRow, aCol uintptr, b *float32, k uintptr, add uintptr)",
		loop: fmt.Sprintf(`	for i := range %%d {
		for j := range %d {
			if add == 0 {
				c[i][j] = 0
			}
			for p := range k {
				c[i][j] += a[i*aRow + p*aCol] * b[p][j]
			}
		}
	}

where a row of c is cStride, and a row and a column of a are aRow and aCol
bytes apart. The rows of b are adjacent. k is at least 1.`, 4*f32Vectors),
		body:     gemmF32,
		variants: upTo(f32Rows),
	})
}

func gemmF32(f *neon.Func, rows int) {
	dst, dstStride := f.Param("c"), f.Param("cStride")
	aCol, b, k := f.Param("aCol"), f.Param("b"), f.Param("k")

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
			f.ADD(dstStride, p, p)
		}
	}
	f.B("sum")
	f.Label("zero")
	for i := range acc {
		f.Zero(acc[i]...)
	}
	f.Label("sum")

	row := make([]neon.GP, rows)
	row[0] = f.Param("a")
	aRow := f.Param("aRow")
	for i := 1; i < rows; i++ {
		row[i] = f.GP()
		f.ADD(aRow, row[i-1], row[i])
	}
	at := f.GP() // the offset of an input in its row
	f.MOVD(neon.Imm(0), at)
	f.CMP(neon.Imm(4), aCol)
	f.Bcond(neon.NE, "one")

	f.Comment("Four inputs a load.")
	f.SUBS(neon.Imm(4), k, k)
	f.Bcond(neon.LO, "few")
	f.Label("four")
	xs := f.Vecs(rows)
	for i, x := range xs {
		f.FMOVQ(neon.Index(row[i], at), x)
	}
	f.ADD(neon.Imm(16), at, at)
	for l := range 4 {
		multiplyRow(f, acc, b, 16*f32Vectors*l, xs, l)
	}
	f.ADD(neon.Imm(4*16*f32Vectors), b, b)
	f.SUBS(neon.Imm(4), k, k)
	f.Bcond(neon.HS, "four")
	f.Label("few")
	f.ADDS(neon.Imm(4), k, k)
	f.Bcond(neon.EQ, "done")

	f.Comment("An element a load.")
	f.Label("one")
	ones := f.Vecs(rows)
	for i, x := range ones {
		f.FMOVS(neon.Index(row[i], at), x)
	}
	f.ADD(aCol, at, at)
	multiplyRow(f, acc, b, 0, ones, 0)
	f.ADD(neon.Imm(16*f32Vectors), b, b)
	f.SUBS(neon.Imm(1), k, k)
	f.Bcond(neon.NE, "one")

	f.Label("done")
	for i := range acc {
		storeVectors(f, acc[i], dst)
		if i < rows-1 {
			f.ADD(dstStride, dst, dst)
		}
	}
	f.RET()
}

// multiplyRow adds the products of a row of b, disp bytes from there, with a lane of
// each row of a.
func multiplyRow(f *neon.Func, acc [][]neon.Vec, b neon.GP, disp int, xs []neon.Vec, lane int) {
	for j := 0; j < len(acc[0]); j += 2 {
		y := f.Vecs(2)
		f.FLDPQ(neon.At(b, disp+16*j), y[0], y[1])
		for i, x := range xs {
			for c := range y {
				f.VFMLAElem(neon.S4, x, lane, y[c], acc[i][j+c])
			}
		}
	}
}

// loadVectors loads an even number of vectors that are adjacent at p.
func loadVectors(f *neon.Func, p neon.GP, vs []neon.Vec) {
	for j := 0; j < len(vs); j += 2 {
		f.FLDPQ(neon.At(p, 16*j), vs[j], vs[j+1])
	}
}

// storeVectors stores an even number of vectors side by side at p.
func storeVectors(f *neon.Func, vs []neon.Vec, p neon.GP) {
	for j := 0; j < len(vs); j += 2 {
		f.FSTPQ(vs[j], vs[j+1], neon.At(p, 16*j))
	}
}
