package main

import (
	"fmt"
	"math"
	"slices"

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
//	VPDPBUSD ymm       -                       5, p01 (AVX-VNNI: since Alder Lake, Zen 5)
//	VPDPBUSD zmm       -                       5, p0 (server parts: p05)
//
// The step along k is four codes: the sums of outputs j..j+7 (16) fill a
// vector, each lane takes four weights of its output, and the four activations
// of a row are broadcast by the load port, which costs no vector pipe. Weights
// are decoded once a step and serve every row of the tile. Codes are the
// unsigned operand, weights the signed one.
//
// Four ways to add up:
//
//	dot4   VPDPBUSD adds the four products to int32: one multiplication for 32 or
//	       64 products.
//	pairs  VPMADDUBSW makes int16 of two products and VPMADDWD by ones int32 of
//	       two of those. The first saturates. Four multiplications for 64
//	       products (16 outputs), two a cycle on Zen 3: at most 32 a cycle.
//	acc16  VPMADDUBSW and VPADDW: int16 sums, widened into dst after a number of
//	       steps in which they cannot wrap. Two multiplications for 64 products,
//	       and four instructions on four pipes: at most 64 products a cycle on
//	       Zen 3. It was seen to run VPMADDUBSW and VPADDW in pairs at 1.6 a
//	       cycle, not 2, since additions also go to the multipliers' pipes: 51.
//	       Widening adds two instructions to every n of both, so n = 8 leaves 45,
//	       of which the tile for 8-bit weights ran 44; that for 4-bit ones ran 41,
//	       with the decoding. Other orders of the instructions, fewer rows and
//	       prefetching made no difference.
//	       Widening multiplies by 1<<shift, an int16: shift is at most 14.
//	wide   VPMADDWD of weights and codes widened to int16. Two codes a step.
//
// See bound for the products that each takes. int32 sums wrap, as those of the
// reference do: K up to 2^31/(|w|*a) is exact, with |w| and a the largest weight
// and code.
const intTileSignature = "func(dst *int32, dstStride uintptr, x *byte, xStride uintptr, w *byte, steps uintptr, bias *int32, shift uintptr)"

type scheme int

const (
	dot4 scheme = iota
	pairs
	acc16
	wide
	flips // of inner products: see dotint.go
)

// anyProduct is the largest |w|*x of int8 and uint8.
const anyProduct = 128 * 255

// bound is the largest |w|*x for which a scheme's sums are exact, where additions
// is the number of VPMADDUBSW's sums that an int16 takes before it is widened.
//
// Let P bound |w*x| for every product. A sum of two products is within 2P, and
// after n additions within 2nP, as are all the sums on the way. With 2nP <= 32767
// none saturates or wraps. The largest such P is 32767/(2n) rounded down, and
// one more is too much: if all 2n products are P+1, their sum is at least 32768.
//
// The others take every product: VPMADDWD's sum of two is within
// 2*anyProduct < 2^31, and VPDPBUSD (without S) adds modulo 2^32.
func (s scheme) bound(additions int) int {
	switch s {
	case pairs:
		return math.MaxInt16 / 2
	case acc16:
		return math.MaxInt16 / (2 * additions)
	}
	return anyProduct
}

// exact is the sentence about a bound for a family's doc.
func exact(bound int) string {
	if bound >= anyProduct {
		return "It is exact for every weight and code."
	}
	return fmt.Sprintf("It is exact while |w| times x is at most %d.", bound)
}

// maxProduct exports a family's bound.
func maxProduct(family string, bound int) []constant {
	return []constant{{family + "MaxProduct", bound, "is the largest |w| times x for which " + family + " is exact"}}
}

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
	streams   int // panels that a function for one row reads at a time; 0 for a tile
}

func init() {
	for _, bits := range []int{8, 4, 2} {
		kstep := 4
		if bits == 2 {
			kstep = 8 // 16 outputs: a vector of 2-bit codes fills no fewer
		}
		// The fewer bits, the smaller the largest product, and the more additions
		// fit: bounds of 2047 (int8 x u4 is 127*15), 1023 (pow2:4 x u4 is 64*15,
		// pow2:3 x u8 4*255) and 255 (any u8).
		additions := map[int]int{8: 8, 4: 16, 2: 64}[bits]
		// A sixth row would take the registers of the decoder's constants: with
		// them in memory, 4- and 2-bit weights ran 4 % slower on Zen 3.
		rows := map[int]int{8: 6, 4: 5, 2: 5}[bits]
		muladd{vector: 32, bits: bits, scheme: pairs, nr: 16, kstep: kstep}.register("avx2", "W%d", 4)
		muladd{vector: 32, bits: bits, scheme: acc16, additions: additions, nr: 16, kstep: kstep}.register("avx2", "W%dAcc16", rows)
		if bits < 8 {
			// For panels that were unpacked: on Zen 3 a tenth faster than tiles that
			// decode, of which a sixth row would make one percent.
			muladd{vector: 32, bits: 8, scheme: acc16, additions: additions, nr: 16, kstep: 4}.registerTiles("avx2", fmt.Sprintf("GemmW%dAcc16Unpacked", bits), rows)
		}
		muladd{vector: 32, bits: bits, scheme: dot4, nr: 16, kstep: kstep}.register("avxvnni", "W%d", 6)
		muladd{vector: 64, bits: bits, scheme: pairs, nr: 64, kstep: 4}.register("avx512bw", "W%d", 6)
		muladd{vector: 64, bits: bits, scheme: acc16, additions: additions, nr: 64, kstep: 4}.register("avx512bw", "W%dAcc16", 6)
		muladd{vector: 64, bits: bits, scheme: dot4, nr: 64, kstep: 4}.register("avx512vnni", "W%d", 6)
	}
	muladd{vector: 32, bits: 8, scheme: wide, nr: 16, kstep: 2}.register("avx2", "W%dWide", 4)
	muladd{vector: 64, bits: 8, scheme: wide, nr: 64, kstep: 2}.register("avx512bw", "W%dWide", 6)
}

// how says what a scheme does, for a family's doc.
func (s scheme) how() string {
	return [...]string{dot4: "by VPDPBUSD", pairs: "by VPMADDUBSW and VPMADDWD", acc16: "with 16-bit partial sums; shift is at most 14", wide: "by VPMADDWD"}[s]
}

// register adds the tiles of up to maxRows rows, and the function for one row
// that reads several panels at a time. form is their name after Gemm and Gemv.
func (g muladd) register(room, form string, maxRows int) {
	g.registerGEMV(room, "Gemv"+fmt.Sprintf(form, g.bits))
	g.registerTiles(room, "Gemm"+fmt.Sprintf(form, g.bits), maxRows)
}

func (g muladd) registerTiles(room, name string, maxRows int) {
	group, bound := min(g.kstep, 4), g.scheme.bound(g.additions)
	add(room, family{
		name: name,
		doc: fmt.Sprintf("%s are the tiles of %d outputs by their number of rows, for weights of %d bits,\n%s. %s\nA step is %d codes.",
			name, g.nr, g.bits, g.scheme.how(), exact(bound), g.kstep),
		constants: maxProduct(name, bound),
		signature: intTileSignature,
		variants:  upTo(maxRows),
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

// gemvStreams is how many panels a function for one row reads at a time: from
// memory, four streams came at 20 GB/s where one came at 14 (Zen 3), and the
// codes are broadcast once for all.
const gemvStreams = 4

const gemvSignature = "func(dst *int32, x *byte, w *byte, panel uintptr, steps uintptr, bias *int32, shift uintptr)"

func (g muladd) registerGEMV(room, name string) {
	g.streams = gemvStreams
	group := min(g.kstep, 4)
	add(room, family{
		name:      name,
		signature: gemvSignature,
		loop: fmt.Sprintf(`	for j := range %d {
		sum := int32(0)
		for k := range steps * %d {
			sum += int32(x[k]) * w[j/%d][k/%d][j%%%d][k%%%d]
		}
		dst[j] = bias[j] + sum<<shift
	}

where w are %d panels of decoded weights, panel bytes apart.`, gemvStreams*g.nr, g.kstep, g.nr, group, g.nr, group, gemvStreams),
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
	w   rows               // panels
	acc [][]reg.VecVirtual // by row and vector of outputs
	wv  []reg.VecVirtual   // weights, by vector of outputs
	xv  reg.VecVirtual     // codes of a row, the same for all outputs
	tmp []reg.VecVirtual   // products
}

func (g muladd) body(c *build.Context, mr int) {
	s := simd{c, g.vector}
	dst := s.param("dst")
	t := &muladdTile{simd: s, muladd: g}
	var dstStride reg.GPVirtual
	if g.streams > 0 {
		mr = 1
		t.x = s.rows(s.param("x"), nil, 1)
		t.w = s.rows(s.param("w"), s.param("panel"), g.streams)
	} else {
		dstStride = s.param("dstStride")
		t.x = s.rows(s.param("x"), s.param("xStride"), mr)
		t.w = s.rows(s.param("w"), nil, 1)
	}
	steps, bias := s.param("steps"), s.param("bias")
	// An int32 is as long as the four codes of a step, or two widened ones.
	vectors := g.nr * 4 / g.vector
	t.wv, t.xv = s.vecs(vectors), s.vec()
	// Half of the products at a time, of which the last may replace the codes.
	switch g.scheme {
	case pairs, acc16:
		t.tmp = s.vecs(vectors / 2)
	case wide:
		t.tmp = s.vecs(1)
	}
	if g.streams > 0 && g.scheme != dot4 {
		t.tmp = s.vecs(2) // the codes are needed again
	}
	for range mr * max(1, g.streams) {
		t.acc = append(t.acc, s.vecs(vectors))
	}
	free := s.registers() - (len(t.acc)+1)*vectors - 1 - len(t.tmp)
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
	from, fromStride := bias, reg.GPVirtual(nil)
	if dstStride != nil {
		fromStride = t.GP64()
		t.XORL(fromStride.As32(), fromStride.As32())
	}
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
	if dstStride != nil {
		t.MOVQ(dstStride, fromStride)
	}
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
	t.advance(t.w, 2*t.panel())
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
	if t.streams > 0 {
		t.streamStep(n, last)
		return
	}
	w := t.w.at(0, n*t.panel())
	for k := 0; k < t.kstep; k += 4 {
		t.decode(w, k)
		for i := range t.acc {
			t.broadcast(i, n, k, last)
			t.mac(i)
		}
	}
}

// streamStep is step for one row and several panels.
func (t *muladdTile) streamStep(n int, last bool) {
	for k := 0; k < t.kstep; k += 4 {
		t.broadcast(0, n, k, last)
		for p := range t.acc {
			t.decode(t.w.at(p, n*t.panel()), k)
			t.mac(p)
		}
	}
}

// decode sets wv to the weights of the inputs from k on of a step at w.
func (t *muladdTile) decode(w operand.Mem, k int) {
	if t.scheme != wide {
		tmp := t.xv
		if t.streams > 0 && len(t.tmp) > 0 {
			tmp = t.tmp[0]
		}
		t.codes.decode(w, k/4*len(t.wv), t.wv, tmp)
		return
	}
	for v := range t.wv {
		half := w
		half.Disp += v * t.vector / 2
		t.VPMOVSXBW(half, t.wv[v])
	}
}

// broadcast sets xv to the codes from k on of row i, in step n of two.
func (t *muladdTile) broadcast(i, n, k int, last bool) {
	switch {
	case t.scheme != wide:
		t.VPBROADCASTD(t.x.at(i, n*t.kstep+k), t.xv)
		return
	case last:
		t.VPBROADCASTW(t.x.at(i, 0), t.xv)
	default:
		t.VPBROADCASTD(t.x.at(i, 0), t.xv)
	}
	t.VPSHUFB(t.widen[n], t.xv, t.xv)
}

// mac adds the products of the weights and the codes in xv to the accumulators of
// row i. The multiplications come first, then the additions: in turns, they ran
// 5 % slower on Zen 3.
func (t *muladdTile) mac(i int) {
	if t.scheme == dot4 {
		for v, w := range t.wv {
			t.VPDPBUSD(w, t.xv, t.acc[i][v])
		}
		return
	}
	for wv, acc := t.wv, t.acc[i]; len(wv) > 0; {
		products := t.tmp
		if t.streams == 0 && len(wv) == len(products)+1 {
			// The last product may overwrite the codes.
			products = append(products[:len(products):len(products)], t.xv)
		}
		products = products[:min(len(products), len(wv))]
		for v, p := range products {
			switch t.scheme {
			case pairs:
				t.VPMADDUBSW(wv[v], t.xv, p)
				t.VPMADDWD(t.ones, p, p)
			case acc16:
				t.VPMADDUBSW(wv[v], t.xv, p)
			case wide:
				t.VPMADDWD(wv[v], t.xv, p)
			}
		}
		for v, p := range products {
			if t.scheme == acc16 {
				t.VPADDW(p, acc[v], acc[v])
			} else {
				t.VPADDD(p, acc[v], acc[v])
			}
		}
		wv, acc = wv[len(products):], acc[len(products):]
	}
}

// finish stores from + acc<<shift row by row. It leaves dst and from at the last
// row; without a stride from is one row for all.
func (t *muladdTile) finish(dst, dstStride, from, fromStride reg.GPVirtual) {
	// The registers of the weights are free by now.
	scale, count := t.wv[0], t.xv.AsX()
	t.VMOVQ(t.param("shift"), count)
	if t.scheme == acc16 {
		// Widening multiplies by ones; it may as well shift.
		t.move(t.ones, scale)
		t.VPSLLW(count, scale, scale)
	}
	if t.streams > 0 {
		t.acc = [][]reg.VecVirtual{slices.Concat(t.acc...)} // panels are a row of outputs
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
