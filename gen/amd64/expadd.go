package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Register tiles of products of float32 activations with signed powers of two.
//
//	instruction             Zen 3: latency, ports   Ice Lake: latency, ports
//	VPSHUFB, VPUNPCKLBW     1, FP1/2                1, p15 (zmm p5)
//	VPSLLD, VPSRLW imm      1, FP1/2                1, p01 (zmm p0)
//	VPAND, VPADDD           1, FP0123               1, p015 (zmm p05)
//	VFMADD231PS             4, FP0/1                4, p01 (zmm p05)
//	VADDPS                  3, FP2/3                4, p01 (zmm p05)
//
// A weight is a code of 4 bits. What it stands for here is a dword whose lower
// half is zero, so two look-ups of a nibble's bytes and an interleaving of them
// decode it to a word, and a shift or a mask makes a dword of each second one:
// 19 instructions for 64 weights.
//
//	muladd  The dword is the weight as a float32; a product with it is exact, so
//	        an FMA rounds once, as an addition of the product does.
//	expadd  The dword is added to the activation as an integer: the exponent to
//	        its exponent, and a 1 to its sign, which flips it. That is the
//	        product, if both are normal numbers. Zeros have none: where the
//	        activation or the weight is zero, a mask clears the product. Four
//	        instructions where an FMA is one.
//
// Each sum is added up in the order of the inputs, from zero. A step takes one
// input of all the outputs: sums of eight vectors hide the latency of an FMA.
type mixed struct {
	vector int // its length in bytes
	expadd bool
}

// noWeight is the word of the weight zero in expadd: no exponent or sign.
const noWeight = 1

// word is the upper half of the dword of a code.
func (g mixed) word(code int) uint16 {
	sign, m := code>>3, code&7
	switch {
	case m == 0 && g.expadd:
		return noWeight
	case m == 0:
		return 0
	case g.expadd:
		return uint16(sign<<15 | (m-1)<<7)
	}
	return uint16(sign<<15) | uint16(math.Float32bits(float32(int(1)<<(m-1)))>>16)
}

func init() {
	for room, bytes := range map[string]int{"avx2": 32, "avx512bw": 64} {
		mixed{bytes, false}.register(room, "MixedMuladd", "by FMA")
		mixed{bytes, true}.register(room, "MixedExpadd",
			"by additions to\nexponents. x is normal or zero and products are normal")
	}
}

func (g mixed) register(room, name, how string) {
	rows := []int{1, 2}
	if g.expadd {
		rows = rows[:1] // its masks and products take the registers of another
	}
	add(room, family{
		name:      name,
		doc:       fmt.Sprintf("%s are the tiles of %d outputs by their number of rows, for weights of 4 bits, %s.", name, 2*g.vector, how),
		signature: "func(dst *float32, dstStride uintptr, x *float32, xStride uintptr, w *byte, k uintptr)",
		variants:  rows,
		constants: []constant{
			{name + "NR", 2 * g.vector, "is the number of outputs of a tile"},
			{name + "Vector", g.vector, "is the number of bytes that are decoded as one vector"},
		},
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
are the codes of outputs 0 … %[2]d, in this order of vectors of %[3]d: of the eight bytes
at 16*l and at 16*l+8, the first, third, fifth and seventh are outputs 4*l … 4*l+3 of
vectors 0 and 2, the others of vectors 1 and 3. k is at least 1.`, 2*g.vector, g.vector-1, g.vector/4),
		body: g.body,
	})
}

// mixedTile is the state of one tile's emission.
type mixedTile struct {
	simd
	mixed
	x       rows
	low     reg.VecVirtual // table of the lower bytes of words
	high    reg.VecVirtual // of the upper ones
	nonzero []operand.Op   // by row, for expadd: where x is not zero
}

func (g mixed) body(c *build.Context, mr int) {
	t := &mixedTile{simd: simd{c, g.vector}, mixed: g}
	var low, high []byte
	for code := range 16 {
		low, high = append(low, byte(g.word(code))), append(high, byte(g.word(code)>>8))
	}
	t.low = t.inRegister(t.constant("lowbytes", low...)).(reg.VecVirtual)
	t.high = t.inRegister(t.constant("highbytes", high...)).(reg.VecVirtual)
	// Registers hold the sums of one row and all the outputs, but for expadd, or of
	// two and half of them.
	passes := [][]int{{0, 1}}
	if mr > 1 || g.expadd {
		passes = [][]int{{0}, {1}}
	}
	for i, halves := range passes {
		t.pass(fmt.Sprintf("input%d", i), mr, halves)
	}
	t.VZEROUPPER()
	t.RET()
}

// pass computes the outputs of the lower or upper halves of bytes, or of both.
func (t *mixedTile) pass(label string, mr int, halves []int) {
	t.x = t.rows(t.param("x"), t.param("xStride"), mr)
	w, k := t.param("w"), t.param("k")
	var acc [][]reg.VecVirtual
	for range mr {
		acc = append(acc, t.vecs(4*len(halves)))
		t.zero(acc[len(acc)-1]...)
	}
	t.Label(label)
	x := t.vecs(mr)
	t.nonzero = nil
	for i, v := range x {
		t.VBROADCASTSS(t.x.at(i, 0), v)
		if t.expadd {
			t.nonzero = append(t.nonzero, t.notZero(v))
		}
	}
	for i, half := range halves {
		code := t.vec()
		t.move(at(w, 0), code)
		if half == 1 {
			t.VPSRLW(operand.U8(4), code, code)
		}
		t.and(t.constant("nibble", 0x0f), code, code)
		low, high := t.vec(), t.vec()
		t.VPSHUFB(code, t.low, low)
		t.VPSHUFB(code, t.high, high)
		for v, interleave := range []func(...operand.Op){t.VPUNPCKLBW, t.VPUNPCKHBW} {
			words, dwords := t.vec(), t.vec()
			interleave(high, low, words)
			t.VPSLLD(operand.U8(16), words, dwords)
			t.products(x, dwords, acc, 4*i+2*v)
			t.and(t.constant("upper", 0, 0, 0xff, 0xff), words, words)
			t.products(x, words, acc, 4*i+2*v+1)
		}
	}
	t.advance(t.x, 4)
	t.SUBQ(operand.I32(-t.bytes), w)
	t.DECQ(k)
	t.JNZ(operand.LabelRef(label))

	dst := t.param("dst")
	for row := range acc {
		for i, sum := range acc[row] {
			t.move(sum, at(dst, (4*halves[0]+i)*t.bytes))
		}
		if row+1 < len(acc) {
			t.ADDQ(t.param("dstStride"), dst)
		}
	}
}

// notZero is where x is not zero: a mask register, or a vector of masks.
func (t *mixedTile) notZero(x reg.VecVirtual) operand.Op {
	const notEqual = 4 // unordered is not equal
	zero := t.vec()
	t.zero(zero)
	if t.bytes == 64 {
		k := t.K()
		t.VCMPPS(operand.U8(notEqual), zero, x, k)
		return k
	}
	t.VCMPPS(operand.U8(notEqual), zero, x, zero)
	return zero
}

// products adds to vector v of every row's sums its x times the weights that the
// dwords stand for.
func (t *mixedTile) products(x []reg.VecVirtual, dwords reg.VecVirtual, acc [][]reg.VecVirtual, v int) {
	for row := range x {
		t.product(row, x[row], dwords, acc[row][v])
	}
}

func (t *mixedTile) product(row int, x, dwords, acc reg.VecVirtual) {
	if !t.expadd {
		t.VFMADD231PS(dwords, x, acc)
		return
	}
	none := t.constant("noweight", 0, 0, noWeight, 0)
	p := t.vec()
	if t.bytes == 64 {
		weight := t.K()
		t.VPCMPD(operand.U8(4), none, dwords, weight)
		t.KANDW(t.nonzero[row], weight, weight)
		t.VPADDD_Z(dwords, x, weight, p)
	} else {
		weight := t.vec()
		t.VPCMPEQD(none, dwords, weight)
		t.VPADDD(dwords, x, p)
		t.VPANDN(p, weight, p)
		t.VPAND(t.nonzero[row], p, p)
	}
	t.VADDPS(p, acc, acc)
}
