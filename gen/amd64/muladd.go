package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Register tiles of integer matrix products by multiplication.
//
//	instruction        Zen 3: latency, ports   Ice Lake: latency, ports
//	VPMADDUBSW ymm     3, FP0/3                5, p01
//	VPMADDWD ymm       3, FP0/3                5, p01
//	VPADDW, VPADDD     1, FP0123               1, p015
//	VPMOVSXBW ymm,m    1 (+load), FP1/2        3, p5 (+load)
//	VPBROADCASTD m     load port alone         load port alone
//	VPDPBUSD zmm       -                       5, p0 (server parts: p05)
//
// The step along k is four codes: the sums of outputs j..j+7 (16) fill a
// vector, each lane takes four weights of its output, and the four activations
// of a row are broadcast by the load port, which costs no vector pipe. Weights
// are decoded once a step and serve every row of the tile. Codes are the
// unsigned operand, weights the signed one.
//
// Four ways to add up, with |w| and a the largest weight and code:
//
//	dot4   VPDPBUSD adds the four products to int32: exact for any int8 and u8.
//	pairs  VPMADDUBSW makes int16 of two products and VPMADDWD by ones int32 of
//	       two of those. The first saturates: exact if 2*|w|*a <= 32767; so for
//	       pow2:4 x u8 (2*64*255 = 32640), int8 x u7 (2*127*127 = 32258).
//	       Four multiplications for 64 products (16 outputs), two a cycle on
//	       Zen 3: at most 32 products a cycle.
//	acc16  VPMADDUBSW and VPADDW: int16 sums, widened into dst after so many
//	       steps that they cannot wrap: n additions need n*2*|w|*a <= 32767.
//	       8-bit weights: n = 8 (8*2*2047 = 32752), so int8 x u4 (127*15 = 1905).
//	       4-bit weights: n = 16 (16*2*1023 = 32736), so pow2:4 x u4 (960) and
//	       pow2:3 x u8 (1020). 2-bit weights: n = 64 (64*2*255 = 32640), any u8.
//	       Two multiplications for 64 products, and four instructions on
//	       four pipes: at most 64 products a cycle on Zen 3. It was seen to run
//	       VPMADDUBSW and VPADDW in pairs at 1.6 a cycle, not 2, since additions
//	       also go to the multipliers' pipes: 51 products.
//	       Widening multiplies by 1<<shift, an int16: shift is at most 14.
//	wide   VPMADDWD of weights and codes widened to int16: any int8 and u8
//	       (|sum of two| <= 2*128*255 < 2^31). Two codes a step.
//
// int32 sums wrap, as those of the reference do: K up to 2^31/(|w|*a) is exact.
const intTileSignature = "func(dst *int32, dstStride uintptr, x *byte, xStride uintptr, w *byte, steps uintptr, bias *int32, shift uintptr)"

type scheme int

const (
	dot4 scheme = iota
	pairs
	acc16
	wide
)

// muladd describes a family of tiles.
type muladd struct {
	vector int // length in bytes
	bits   int // of a weight code
	scheme scheme
	// additions is the number of products' sums that an accumulator of acc16
	// takes before it is widened.
	additions int
	nr        int
	kstep     int
}

func init() {
	const maxRows = 6
	for _, bits := range []int{8, 4, 2} {
		kstep := 4
		if bits == 2 {
			kstep = 8 // a vector of 2-bit codes fills no fewer
		}
		name := fmt.Sprintf("GemmW%d", bits)
		muladd{vector: 32, bits: bits, scheme: pairs, nr: 16, kstep: kstep}.register("avx2", name, 4,
			"by VPMADDUBSW and VPMADDWD. It is exact while |w| times x is at most 16320.")
		additions := map[int]int{8: 8, 4: 16, 2: 64}[bits]
		muladd{vector: 32, bits: bits, scheme: acc16, additions: additions, nr: 16, kstep: kstep}.register("avx2", name+"Acc16", maxRows,
			fmt.Sprintf("with 16-bit partial sums. It is exact while |w| times x is at most %d;\nshift is at most 14.", 32767/2/additions))
		muladd{vector: 64, bits: bits, scheme: dot4, nr: 64, kstep: 4}.register("avx512vnni", name, maxRows,
			"by VPDPBUSD. It is exact for every weight and code.")
	}
	muladd{vector: 32, bits: 8, scheme: wide, nr: 16, kstep: 2}.register("avx2", "GemmW8Wide", 4,
		"by VPMADDWD. It is exact for every weight and code.")
}

func (g muladd) register(room, name string, maxRows int, how string) {
	var variants []int
	for mr := 1; mr <= maxRows; mr++ {
		variants = append(variants, mr)
	}
	group := min(g.kstep, 4)
	add(room, family{
		name: name,
		doc: fmt.Sprintf("%s are the tiles of %d outputs by their number of rows, for weights of %d bits,\n%s\nA step is %d codes.",
			name, g.nr, g.bits, how, g.kstep),
		signature: intTileSignature,
		variants:  variants,
		loop: fmt.Sprintf(`	for i := range %%d {
		for j := range %d {
			sum := int32(0)
			for k := range steps * %d {
				sum += int32(x[i*xStride+k]) * w[k/%d][j][k%%%%%d]
			}
			dst[i*dstStride/4+j] = bias[j] + sum<<shift
		}
	}

where w is the panel of decoded weights.`, g.nr, g.kstep, group, group),
		body: g.body,
	})
}

// muladdTile is the state of one tile's emission.
type muladdTile struct {
	simd
	muladd
	codes decoder
	ones  operand.Op    // of int16, for pairs and acc16
	widen [2]operand.Op // shuffles of the first and second two bytes, for wide

	x   rows
	w   reg.GPVirtual
	acc [][]reg.VecVirtual // by row and vector of outputs
	wv  []reg.VecVirtual   // weights, by vector of outputs
	tmp [2]reg.VecVirtual
}

func (g muladd) body(c *build.Context, mr int) {
	s := simd{c, g.vector}
	dst, dstStride := s.param("dst"), s.param("dstStride")
	t := &muladdTile{simd: s, muladd: g}
	t.x = s.rows(s.param("x"), s.param("xStride"), mr)
	t.w = s.param("w")
	steps, bias := s.param("steps"), s.param("bias")
	// An int32 is as long as the four codes of a step, or two widened ones.
	vectors := g.nr * 4 / g.vector
	t.wv, t.tmp = s.vecs(vectors), [2]reg.VecVirtual{s.vec(), s.vec()}
	for range mr {
		t.acc = append(t.acc, s.vecs(vectors))
	}
	free := s.registers() - (mr+1)*vectors - len(t.tmp)
	t.codes, free = s.decoder(g.bits, free)
	switch g.scheme {
	case pairs, acc16:
		t.ones = s.constant("ones", 1, 0)
		if g.scheme == pairs && free > 0 {
			t.ones = s.inRegister(t.ones)
		}
	case wide:
		t.widen[0] = s.inRegister(s.constant("widenlow", 0, 0x80, 1, 0x80))
		t.widen[1] = s.inRegister(s.constant("widenhigh", 2, 0x80, 3, 0x80))
	}
	if g.scheme == acc16 {
		t.blocks(dst, dstStride, steps, bias)
	} else {
		t.clear()
		t.loop(steps)
		t.finish(dst, dstStride, bias, nil)
	}
	s.VZEROUPPER()
	s.RET()
}

func (t *muladdTile) clear() {
	for _, row := range t.acc {
		t.zero(row...)
	}
}

// blocks runs the steps in blocks, after which the 16-bit sums are added to
// bias, the first, or to dst. Memory holds the 32-bit sums because the registers
// are better spent on rows, and a block is long.
func (t *muladdTile) blocks(dst, dstStride, steps, bias reg.GPVirtual) {
	// Where a block adds to: bias is the same for all rows.
	from, fromStride := bias, t.GP64()
	t.XORL(fromStride.As32(), fromStride.As32())
	p, n := t.GP64(), t.GP64()
	t.Label("block")
	t.MOVQ(operand.U32(t.additions*4/t.kstep), n)
	t.CMPQ(steps, n)
	t.CMOVQCS(steps, n)
	t.SUBQ(n, steps)
	t.clear()
	t.loop(n)
	t.MOVQ(dst, p)
	t.finish(p, dstStride, from, fromStride)
	t.MOVQ(dst, from)
	t.MOVQ(dstStride, fromStride)
	t.TESTQ(steps, steps)
	t.JNZ(operand.LabelRef("block"))
}

// loop adds the products of n > 0 steps to the accumulators, two at a time: it
// saves counting, and lets wide broadcast four bytes, which the load port does
// by itself, where two would take a shuffle too. n is even but in the last
// block.
func (t *muladdTile) loop(n reg.GPVirtual) {
	t.SUBQ(operand.U8(2), n)
	t.JCS(operand.LabelRef("odd"))
	t.Label("two")
	t.step(0, false)
	t.step(1, false)
	t.advance(t.x, 2*t.kstep)
	t.ADDQ(operand.I32(2*t.panel()), t.w)
	t.SUBQ(operand.U8(2), n)
	t.JCC(operand.LabelRef("two"))
	t.Label("odd")
	t.ADDQ(operand.U8(2), n)
	t.JZ(operand.LabelRef("added"))
	t.step(0, true)
	t.Label("added")
}

// panel is the length in bytes of a step's weights.
func (t *muladdTile) panel() int { return t.nr * t.kstep * t.bits / 8 }

// step adds the products of a step. Nothing beyond the last step may be read.
func (t *muladdTile) step(n int, last bool) {
	w := at(t.w, n*t.panel())
	x := t.tmp[0]
	if t.scheme == wide {
		for v := range t.wv {
			t.VPMOVSXBW(at(t.w, n*t.panel()+v*t.vector/2), t.wv[v])
		}
		for i := range t.acc {
			if last {
				t.VPBROADCASTW(t.x.at(i, 0), x)
			} else {
				t.VPBROADCASTD(t.x.at(i, 0), x)
			}
			t.VPSHUFB(t.widen[n], x, x)
			t.mac(i)
		}
		return
	}
	for k := 0; k < t.kstep; k += 4 {
		t.codes.decode(w, k/4*len(t.wv), t.wv, x)
		for i := range t.acc {
			t.VPBROADCASTD(t.x.at(i, n*t.kstep+k), x)
			t.mac(i)
		}
	}
}

// mac adds the products of the weights and the codes in tmp[0] to the
// accumulators of row i. The multiplications come first, then the additions:
// in turns, they ran 5 % slower on Zen 3.
func (t *muladdTile) mac(i int) {
	x := t.tmp[0]
	if t.scheme == dot4 {
		for v, w := range t.wv {
			t.VPDPBUSD(w, x, t.acc[i][v])
		}
		return
	}
	// The last product may overwrite the codes.
	products := []reg.VecVirtual{t.tmp[1], x}
	for v, w := range t.wv {
		switch p := products[v]; t.scheme {
		case pairs:
			t.VPMADDUBSW(w, x, p)
			t.VPMADDWD(t.ones, p, p)
		case acc16:
			t.VPMADDUBSW(w, x, p)
		case wide:
			t.VPMADDWD(w, x, p)
		}
	}
	for v, p := range products {
		if t.scheme == acc16 {
			t.VPADDW(p, t.acc[i][v], t.acc[i][v])
		} else {
			t.VPADDD(p, t.acc[i][v], t.acc[i][v])
		}
	}
}

// finish stores from + acc<<shift row by row. It leaves dst and from at the last
// row; without a stride from is one row for all.
func (t *muladdTile) finish(dst, dstStride, from, fromStride reg.GPVirtual) {
	// The registers of the weights are free by now.
	scale, count := t.wv[0], t.tmp[0].AsX()
	t.VMOVQ(t.param("shift"), count)
	if t.scheme == acc16 {
		// Widening multiplies by ones; it may as well shift.
		t.move(t.ones, scale)
		t.VPSLLW(count, scale, scale)
	}
	for i, row := range t.acc {
		for v, a := range row {
			if t.scheme == acc16 {
				t.VPMADDWD(scale, a, a)
			} else {
				t.VPSLLD(count, a, a)
			}
			t.VPADDD(at(from, v*t.vector), a, a)
			t.move(a, at(dst, v*t.vector))
		}
		if i+1 < len(t.acc) {
			t.ADDQ(dstStride, dst)
			if fromStride != nil {
				t.ADDQ(fromStride, from)
			}
		}
	}
}
