package main

import (
	"fmt"
	"math"

	"example.com/lowbit/gen/neon"
)

// Register tiles of products with powers of two by variable shifts: each product
// is a shift of the activation by the weight's exponent.
//
//	instruction       Cortex-A72: latency, pipes   Neoverse N1: latency, pipes
//	VUSHL             4, two on F1                 2, V1
//	VEOR, VADD        3, F0/1                      2, V0/1
//	VTBL, one table   6, three on F0/1             2, V0/1
//
// A code of 4 bits (see codes.go) is a sign and a magnitude m, of which 0 is zero
// and m a shift by m-1. A look-up makes a count of it; that for zero shifts
// everything out. A step is two inputs of 16 outputs: the count of the first is the
// lower byte of a word, and USHL reads no other, that of the second the upper one.
//
// Where the weight is negative the product p is inverted: p XOR -1 is -p-1. The
// number of those is that of negative weights, the same for all rows: it is counted
// while weights are decoded and added at the end. Words add up modulo 2^16, so the
// sum of n products within P is exact if nP fits an int16; shiftAdditions of them
// are widened into dst at a time.
//
// A multiplier has 16 products for its two instructions; here eight take three.
// Shifts cannot win, and are here to show by how much.

const (
	shiftAdditions = 32 // products that a 16-bit sum takes
	shiftNR        = 16
	shiftKStep     = 2
)

func init() {
	const name = "GemmShift"
	const bound = math.MaxInt16 / shiftAdditions
	add("neon", family{
		name: name,
		doc: fmt.Sprintf("%s are the tiles of %d outputs by their number of rows, for weights of 4 bits, by\nvariable shifts. They are exact where |w|*x is at most %d.\nA step is %d codes.",
			name, shiftNR, bound, shiftKStep),
		signature: intTileSignature,
		variants:  upTo(4),
		constants: []constant{{name + "MaxProduct", bound, "is the largest |w| times x for which " + name + " is exact"}},
		loop: fmt.Sprintf(`	for i := range %%d {
		for j := range %[1]d {
			sum := int32(0)
			for k := range steps * %[2]d {
				sum += sign(w[k/%[2]d][j][k%%%%%[2]d]) * int32(x[i*xStride+k]) << exponent(w[k/%[2]d][j][k%%%%%[2]d])
			}
			dst[i*dstStride/4+j] = bias[j] + sum<<shift
		}
	}

where w is the panel of decoded weights. steps is at least 1.`, shiftNR, shiftKStep),
		body: gemmShift,
	})
}

// gemmShift has, in a step, 16 bytes for two inputs of sixteen outputs: byte b of
// word j is input b of output j and, its upper half, of output 8+j.
func gemmShift(f *neon.Func, mr int) {
	const vectors = 2
	dst, dstStride, w, steps := f.Param("dst"), f.Param("dstStride"), f.Param("w"), f.Param("steps")
	from, fromStride := f.Param("bias"), f.GP() // the first block adds to bias, others to dst
	x, xStride := []neon.GP{f.Param("x")}, f.Param("xStride")
	for i := range mr - 1 {
		x = append(x, f.GP())
		f.ADD(xStride, x[i], x[i+1])
	}
	var table []byte
	for code := range 16 {
		count := -128
		if code&7 > 0 {
			count = code&7 - 1
		}
		table = append(table, byte(count))
	}
	countOf, nibble, lower := f.Constant("counts", table...), f.Vec(), f.Vec()
	f.VMOVI(neon.B16, 0x0f, nibble)
	f.VMOVIWide(neon.H8, 0x00ff, lower)
	negative := f.Vecs(vectors) // how many weights are
	var sums [][]neon.Vec
	for range mr {
		sums = append(sums, f.Vecs(vectors))
	}
	f.MOVD(neon.Imm(0), fromStride)

	f.Label("block")
	n, limit := f.GP(), f.GP()
	f.MOVD(neon.Imm(shiftAdditions/shiftKStep), limit)
	f.CMP(limit, steps)
	f.CSEL(neon.LO, steps, limit, n)
	f.SUB(n, steps, steps)
	f.Zero(negative...)
	for _, s := range sums {
		f.Zero(s...)
	}

	f.Label("step")
	codes := f.Vec()
	f.FMOVQ(neon.Post(w, 16), codes)
	var counts, signs [shiftKStep][vectors]neon.Vec
	for v := range vectors {
		index, both := f.Vec(), f.Vec()
		if v == 0 {
			f.VAND(neon.B16, nibble, codes, index)
		} else {
			f.VUSHR(neon.B16, 4, codes, index)
		}
		f.VTBL(neon.B16, index, []neon.Vec{countOf}, both)
		counts[0][v], counts[1][v] = both, f.Vec()
		f.VUSHR(neon.H8, 8, both, counts[1][v])
		for k := range shiftKStep {
			s := f.Vec()
			if above := 12 - 8*k - 4*v; above > 0 {
				f.VSHL(neon.H8, above, codes, s)
				f.VSSHR(neon.H8, 15, s, s)
			} else {
				f.VSSHR(neon.H8, 15, codes, s)
			}
			f.VSUB(neon.H8, s, negative[v], negative[v])
			signs[k][v] = s
		}
	}
	for i := range sums {
		pair, code := f.Vec(), f.Vecs(shiftKStep)
		f.VLD1R(neon.H8, neon.Post(x[i], 2), pair)
		f.VAND(neon.B16, lower, pair, code[0])
		f.VUSHR(neon.H8, 8, pair, code[1])
		for k := range shiftKStep {
			for v := range vectors {
				product := f.Vec()
				f.VUSHL(neon.H8, counts[k][v], code[k], product)
				f.VEOR(neon.B16, signs[k][v], product, product)
				f.VADD(neon.H8, product, sums[i][v], sums[i][v])
			}
		}
	}
	f.SUBS(neon.Imm(1), n, n)
	f.Bcond(neon.NE, "step")

	to, shift, count := f.GP(), f.Param("shift"), f.Vec()
	f.VDUP(neon.S4, shift, count)
	f.MOVD(dst, to)
	for i := range sums {
		for v, s := range sums[i] {
			f.VADD(neon.H8, negative[v], s, s)
			wide, before := f.Vecs(2), f.Vecs(2)
			f.VSSHLL(neon.H4, 0, s, wide[0])
			f.VSSHLL2(neon.H8, 0, s, wide[1])
			f.FLDPQ(neon.At(from, 32*v), before[0], before[1])
			for half := range wide {
				f.VSSHL(neon.S4, count, wide[half], wide[half])
				f.VADD(neon.S4, before[half], wide[half], wide[half])
			}
			f.FSTPQ(wide[0], wide[1], neon.At(to, 32*v))
		}
		if i+1 < len(sums) {
			f.ADD(dstStride, to, to)
			f.ADD(fromStride, from, from)
		}
	}
	f.MOVD(dst, from)
	f.MOVD(dstStride, fromStride)
	f.CBNZ(steps, "block")
	f.RET()
}
