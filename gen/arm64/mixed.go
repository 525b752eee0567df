package main

import (
	"fmt"
	"math"

	"example.com/lowbit/gen/neon"
)

// Register tiles of products of float32 activations with signed powers of two.
//
//	instruction        Cortex-A72: latency, pipes   Neoverse N1: latency, pipes
//	VTBL, one table    6, three on F0/1             2, V0/1
//	VZIP1, VZIP2       6, three on F0/1             2, V0/1
//	VTRN1, TRN2, AND   3, F0/1                      2, V0/1
//	VUSHR, VSHL        3, F1                        2, V1
//	VFMLA              7 (3 to add), F0 and F1      4 (2 to add), V0/1
//
// A weight is a code of 4 bits. What it stands for here is a word of 32 bits of
// which only the sign and the exponent are not zero: nine bits, of which the lowest
// is that of the code. So a look-up for the upper byte, a shift for the next one,
// TRN to join them and a shift or a mask to make a word of every second pair
// decode it: 18 instructions for 32 weights, in which TBL, of many on the A72, is
// two, and ZIP is none.
//
// That word is the weight as a float32, or, in expadd.go, what is added to the
// activation. A product with it is exact, so FMA rounds once, as an addition of the
// product does. Each sum is added up in the order of the inputs, from zero. A step
// takes one input of all the outputs, or of half of them where registers hold no
// more: the sums of three rows or more are done in two passes, whose weights the
// second has in the first-level cache.
type mixed struct {
	// upper is the upper byte of what a code stands for.
	upper func(code int) byte
	// row prepares a row's activation, from memory, for products with it.
	row func(t *mixedTile, x neon.Mem) (product func(weight, sum neon.Vec))
	// rows is the number of rows of the largest tile.
	rows int
}

const mixedNR = 32 // outputs

var mixedMuladd = mixed{
	upper: func(code int) byte {
		m := code & 7
		if m == 0 {
			return 0
		}
		return byte(code>>3<<7) | byte(math.Float32bits(float32(int(1)<<(m-1)))>>24)
	},
	row: func(t *mixedTile, x neon.Mem) func(weight, sum neon.Vec) {
		v := t.Vec()
		t.FMOVS(x, v)
		return func(weight, sum neon.Vec) { t.VFMLAElem(neon.S4, v, 0, weight, sum) }
	},
	rows: 5,
}

func init() {
	mixedMuladd.register("MixedMuladd", "by FMA")
}

func (g mixed) register(name, how string) {
	add("neon", family{
		name:      name,
		doc:       fmt.Sprintf("%s are the tiles of %d outputs by their number of rows, for weights of 4 bits, %s.", name, mixedNR, how),
		signature: "func(dst *float32, dstStride uintptr, x *float32, xStride uintptr, w *byte, k uintptr)",
		variants:  upTo(g.rows),
		constants: []constant{{name + "NR", mixedNR, "is the number of outputs of a tile"}},
		loop: fmt.Sprintf(`	for i := range %%d {
		for j := range %[1]d {
			sum := float32(0)
			for p := range k {
				sum += x[i*xStride/4+p] * w[p][j]
			}
			dst[i*dstStride/4+j] = sum
		}
	}

where w is the panel of decoded weights. Of the bytes of an input, the lower halves
are the codes of outputs 0 … %[2]d, the upper ones those of the others: byte b that of
the b/4-th of every four that b%%%%4 numbers. k is at least 1.`, mixedNR, mixedNR/2-1),
		body: g.body,
	})
}

// mixedTile is the state of one tile's emission.
type mixedTile struct {
	*neon.Func
	mixed
	table  neon.Vec // of the upper bytes of a code's word
	nibble neon.Vec
	halves neon.Vec // the upper ones of words
}

func (g mixed) body(f *neon.Func, mr int) {
	var table []byte
	for code := range 16 {
		table = append(table, g.upper(code))
	}
	t := &mixedTile{Func: f, mixed: g, table: f.Constant("upper", table...), nibble: f.Vec(), halves: f.Constant("halves", 0, 0, 0xff, 0xff)}
	f.VMOVI(neon.B16, 0x0f, t.nibble)
	passes := [][]int{{0, 1}}
	if mr > 2 {
		passes = [][]int{{0}, {1}}
	}
	for i, halves := range passes {
		t.pass(fmt.Sprintf("input%d", i), mr, halves)
	}
	f.RET()
}

// pass computes the outputs of the lower or upper halves of bytes, or of both.
func (t *mixedTile) pass(label string, mr int, halves []int) {
	// Rows are reached from their first input and the number of the input, which
	// counts up to zero.
	x, xStride, w, k := []neon.GP{t.Param("x")}, t.Param("xStride"), t.Param("w"), t.Param("k")
	t.ADD(neon.Shifted{R: k, Left: 2}, x[0], x[0])
	t.NEG(k, k)
	for i := range mr - 1 {
		x = append(x, t.GP())
		t.ADD(xStride, x[i], x[i+1])
	}
	var acc [][]neon.Vec
	for range mr {
		acc = append(acc, t.Vecs(4*len(halves)))
		t.Zero(acc[len(acc)-1]...)
	}
	t.Label(label)
	codes := t.Vec()
	t.FMOVQ(neon.Post(w, 16), codes)
	var products []func(weight, sum neon.Vec)
	for i, half := range halves {
		weights := t.decode(codes, half)
		for row := range acc {
			if i == 0 {
				products = append(products, t.row(t, neon.IndexShifted(x[row], k, 2)))
			}
			for v, weight := range weights {
				products[row](weight, acc[row][4*i+v])
			}
		}
	}
	t.ADDS(neon.Imm(1), k, k)
	t.Bcond(neon.NE, label)

	dst, dstStride := t.Param("dst"), t.Param("dstStride")
	for row := range acc {
		for i := 0; i < len(acc[row]); i += 2 {
			t.FSTPQ(acc[row][i], acc[row][i+1], neon.At(dst, 64*halves[0]+16*i))
		}
		if row+1 < len(acc) {
			t.ADD(dstStride, dst, dst)
		}
	}
}

// decode returns the words of the lower or upper nibbles of codes: of every fourth,
// from the first, second, third and last one on.
func (t *mixedTile) decode(codes neon.Vec, half int) []neon.Vec {
	code, low, high := t.Vec(), t.Vec(), t.Vec()
	if half == 0 {
		t.VSHL(neon.B16, 7, codes, low)
		t.VAND(neon.B16, t.nibble, codes, code)
	} else {
		t.VUSHR(neon.B16, 4, codes, code)
		t.VSHL(neon.B16, 7, code, low)
	}
	t.VTBL(neon.B16, code, []neon.Vec{t.table}, high)
	words := t.Vecs(4)
	for i, join := range []func(arr neon.Arrangement, m, n, d neon.Vec){t.VTRN1, t.VTRN2} {
		pairs := t.Vec()
		join(neon.B16, high, low, pairs)
		t.VSHL(neon.S4, 16, pairs, words[i])
		t.VAND(neon.B16, t.halves, pairs, words[i+2])
	}
	return words
}
