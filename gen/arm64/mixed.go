package main

import (
	"fmt"
	"math"

	"example.com/lowbit/gen/neon"
)

// Register tiles of products of float32 activations with signed powers of two.
//
//	instruction       Cortex-A72: latency, pipes   Neoverse N1: latency, pipes
//	VTBL, one table   3, F0/1                      2, V0/1
//	VZIP1, ZIP2       3, F0/1                      2, V0/1
//	VUSHR             3, F1                        2, V1
//	VFMLA             7 (3 to add), F0/1           4 (2 to add), V0/1
//
// A weight is a code of 4 bits. What it stands for here is a word of 32 bits whose
// lower half is zero, so two look-ups of a nibble's bytes, an interleaving of them
// and another with zeros decode it, in order: 18 instructions for 32 weights.
//
// That word is the weight as a float32, or, in expadd.go, what is added to the
// activation. A product with it is exact, so FMA rounds once, as an addition of the
// product does. Each sum is added up in the order of the inputs, from zero. A step
// takes one input of all the outputs, or of half of them where registers hold no
// more: the sums of three rows or more are done in two passes, whose weights the
// second has in the first-level cache.
type mixed struct {
	// word is the upper half of what a code stands for.
	word func(code int) uint16
	// row prepares a row's activation, from memory, for products with it.
	row func(t *mixedTile, x neon.Mem) (product func(weight, sum neon.Vec))
	// rows is the number of rows of the largest tile.
	rows int
}

const mixedNR = 32 // outputs

var mixedMuladd = mixed{
	word: func(code int) uint16 {
		m := code & 7
		if m == 0 {
			return 0
		}
		return uint16(code>>3<<15) | uint16(math.Float32bits(float32(int(1)<<(m-1)))>>16)
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

where w is the panel of decoded weights: of the %[2]d bytes of an input, the lower halves
are the codes of outputs 0 … %[3]d, the upper ones those of the others. k is at least 1.`, mixedNR, mixedNR/2, mixedNR/2-1),
		body: g.body,
	})
}

// mixedTile is the state of one tile's emission.
type mixedTile struct {
	*neon.Func
	mixed
	tables       [2]neon.Vec // of the lower and the upper bytes of a code's word
	nibble, zero neon.Vec
}

func (g mixed) body(f *neon.Func, mr int) {
	t := &mixedTile{Func: f, mixed: g, zero: f.Vec()}
	for i, name := range []string{"lowbytes", "highbytes"} {
		var table []byte
		for code := range 16 {
			table = append(table, byte(g.word(code)>>(8*i)))
		}
		t.tables[i] = f.Constant(name, table...)
	}
	t.nibble = f.Vec()
	f.VMOVI(neon.B16, 0x0f, t.nibble)
	f.Zero(t.zero)
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

// decode returns the words of the lower or upper nibbles of codes.
func (t *mixedTile) decode(codes neon.Vec, half int) []neon.Vec {
	code, low, high := t.Vec(), t.Vec(), t.Vec()
	if half == 0 {
		t.VAND(neon.B16, t.nibble, codes, code)
	} else {
		t.VUSHR(neon.B16, 4, codes, code)
	}
	t.VTBL(neon.B16, code, t.tables[:1], low)
	t.VTBL(neon.B16, code, t.tables[1:], high)
	var words []neon.Vec
	for _, interleave := range []func(arr neon.Arrangement, m, n, d neon.Vec){t.VZIP1, t.VZIP2} {
		pairs, first, second := t.Vec(), t.Vec(), t.Vec()
		interleave(neon.B16, high, low, pairs)
		t.VZIP1(neon.H8, pairs, t.zero, first)
		t.VZIP2(neon.H8, pairs, t.zero, second)
		words = append(words, first, second)
	}
	return words
}
