package main

import (
	"fmt"
	mathbits "math/bits"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Products of one- and two-bit weights with activations of few bits, by
// look-ups of sums.
//
//	instruction          Zen 3: latency, ports   Ice Lake: latency, ports
//	VPSHUFB ymm, zmm     1, FP1/2                1, p15; zmm p5
//	VPADDB ymm, zmm      1, FP0123               1, p015; zmm p05
//	VPMULHUW ymm, zmm    3, FP0/3                5, p01; zmm p0
//	VBROADCASTI128       load port alone         load port alone
//
// Weights are planes of bits: b for binary ones, w = 2b - 1, and b1, b2 for
// ternary ones, w = b1 + b2 - 1. So a product is, but for a multiple of the sum
// of its row's codes, a sum of codes where a bit is set. For every four codes of
// a row there is a table of the sums of its sixteen subsets, and four weight
// bits of an output are the index. The lanes are outputs: one look-up and one
// addition are 32 x 4 products (64 x 4).
//
// A look-up of codes up to a is at most 4a, so bytes hold the sum of 255/(4a):
// 63, 21, 9 and 4 for a = 1, 3, 7 and 15. After so many steps, which the row
// says, they are widened. Codes of 8 bits are two sets of tables, of their low
// and their high nibbles, and the panel is gone through twice.
//
// Widening takes three instructions, without taking bytes apart: with e and o
// the even and odd bytes, it adds words e + 256o to W, wrapping, and o to O. At
// the end e's sum is W - 256·O, modulo 2^16. Both sums are exact up to 65,535,
// so to lutFlushes widenings of at most 255. Then they go to dst, in 32 bits.
//
// A shift would take a pipe that shuffles: a multiplication by 2^12 brings the
// high nibbles down on another one, which was 4 % faster on Zen 3.
//
// On AVX2 four rows of 64 outputs are eight sums of bytes; indices, mask and
// table take the other registers. W and O lie before the tables of their row,
// in the first-level cache, and are read and stored while others are added. On
// AVX-512 they are registers.
const (
	// Where things lie in a row, in bytes. What is not of the row alone is
	// read from the first row of a tile.
	lutConstant = 0   // int32: what the row adds to each of its sums
	lutNone     = 4   // int32 0: what it adds when it did that
	lutPeriod   = 8   // uint32: bytes of tables between widenings
	lutEnd      = 12  // uint32: where the tables end
	lutSums     = 64  // working memory: W and O of each vector
	lutTables   = 192 // tables of 16 bytes, two a step, each set of them padded to 64
)

// lutFlushes is how often sums of bytes may be added to sums of 16 bits:
// 256*255 = 65,280 <= 65,535.
const lutFlushes = 256

// lutByte is the largest sum of bytes.
const lutByte = 255

const lutOutputs = 64 // of a panel

// lutSum describes a family of tiles.
type lutSum struct {
	vector int // length in bytes
	planes int // bits of a weight
}

func init() {
	for _, planes := range []int{1, 2} {
		lutSum{vector: 32, planes: planes}.register("avx2", 4)
	}
	add("avx2", family{
		name:      "SubsetSums",
		signature: "func(dst, x *byte, blocks, shift uintptr) int32",
		loop: `	sum := int32(0)
	for i := range blocks * 16 {
		code := x[i] >> shift & 15
		sum += int32(code)
		for n := range 16 {
			dst[i/4*16+n] += code * (n >> (i % 4) & 1)
		}
	}
	return sum

with dst zero before. blocks may not be zero; x may be dst if blocks is one.`,
		body: subsetSums,
	})
}

func (g lutSum) register(room string, maxRows int) {
	var variants []int
	for mr := 1; mr <= maxRows; mr++ {
		variants = append(variants, mr)
	}
	name := fmt.Sprintf("GemmLUT%d", g.planes)
	add(room, family{
		name: name,
		doc: fmt.Sprintf(`%s are the tiles of %d outputs by their number of rows, for weights of %d bits, by
look-ups of sums of four activations. A step is 8 inputs.`, name, lutOutputs, g.planes),
		signature: intTileSignature,
		variants:  variants,
		constants: []constant{
			{name + "Constant", lutConstant, "is where the int32 lies that a row adds to its sums; an int32 0 follows"},
			{name + "Period", lutPeriod, "is where the uint32 lies that is the number of bytes of tables between widenings"},
			{name + "End", lutEnd, "is where the uint32 lies that says where the tables of the row end"},
			{name + "Tables", lutTables, "is where the tables of a row begin. What is before them may be written"},
			{name + "Sum", lutByte, "is the largest sum of look-ups between widenings"},
		},
		loop: fmt.Sprintf(`	for i := range %%d {
		for j := range %d {
			sum := constant[i]
			for set := range sets {
				for k := range steps * 2 {
					for plane := range %d {
						sum += int32(table[i][set][k][w[plane][k][j]]) << (shift + 4*set)
					}
				}
			}
			dst[i*dstStride/4+j] = bias[j] + sum
		}
	}

where w is the panel of indices of four bits, and constant, table and sets are what the row says.`, lutOutputs, g.planes),
		body: g.body,
	})
}

// lutSumTile is the state of one tile's emission.
type lutSumTile struct {
	simd
	lutSum
	mr   int
	x    []reg.GPVirtual // rows
	w    reg.GPVirtual   // the panel, less what at times the scale adds
	at   reg.GPVirtual   // place in the rows
	mask reg.VecVirtual
	down reg.VecVirtual     // words of 2^12: their products' upper halves are a shift by 4
	acc  [][]reg.VecVirtual // by row and vector of outputs
	wide lutWide
}

// lutWide is where the 16-bit sums are.
type lutWide interface {
	clear()
	add(row, v int, sum reg.VecVirtual)
	// load returns W and O in registers that may be overwritten; x is the row.
	load(row, v int, x reg.GPVirtual) (w, o reg.VecVirtual)
}

// lutMemory has them in the rows.
type lutMemory struct{ t *lutSumTile }

func (m lutMemory) place(x reg.GPVirtual, v, part int) operand.Mem {
	return at(x, lutSums+(2*v+part)*m.t.vector)
}

func (m lutMemory) clear() {
	zero := m.t.vec()
	m.t.zero(zero)
	for row, acc := range m.t.acc {
		for v := range acc {
			m.t.move(zero, m.place(m.t.x[row], v, 0))
			m.t.move(zero, m.place(m.t.x[row], v, 1))
		}
	}
}

func (m lutMemory) add(row, v int, sum reg.VecVirtual) {
	w, o := m.place(m.t.x[row], v, 0), m.place(m.t.x[row], v, 1)
	odd := m.t.vec()
	m.t.VPSRLW(operand.U8(8), sum, odd)
	m.t.VPADDW(w, sum, sum)
	m.t.VPADDW(o, odd, odd)
	m.t.move(sum, w)
	m.t.move(odd, o)
}

func (m lutMemory) load(_, v int, x reg.GPVirtual) (w, o reg.VecVirtual) {
	w, o = m.t.vec(), m.t.vec()
	m.t.move(m.place(x, v, 0), w)
	m.t.move(m.place(x, v, 1), o)
	return w, o
}

func (g lutSum) body(c *build.Context, mr int) {
	s := simd{c, g.vector}
	t := &lutSumTile{simd: s, lutSum: g, mr: mr, at: s.GP64()}
	for range mr {
		t.acc = append(t.acc, s.vecs(lutOutputs/g.vector))
		t.x = append(t.x, s.GP64())
	}
	t.wide = lutMemory{t}
	t.mask = s.inRegister(s.constant("nibble", 0x0f)).(reg.VecVirtual)
	t.down = s.inRegister(s.constant("down", 0, 0x10)).(reg.VecVirtual)
	shift, constant := s.param("shift"), s.GP64()
	s.XORL(constant.As32(), constant.As32())
	s.MOVQ(operand.U32(lutTables), t.at)

	// One set of tables, with the panel from its beginning.
	s.Label("set")
	end := s.param("steps")
	s.SHLQ(operand.U8(5), end)
	s.ADDQ(t.at, end)
	t.w = s.param("w")
	back := s.GP64()
	s.MOVQ(t.at, back)
	s.SHLQ(operand.U8(mathbits.Len(uint(t.scale()))-1), back)
	s.SUBQ(back, t.w)

	s.Label("fold")
	t.rowPointers()
	t.wide.clear()
	flushes, stop := s.GP64(), s.GP64()
	s.MOVQ(operand.U32(lutFlushes), flushes)

	// The first step of a period writes the sums of bytes.
	s.Label("period")
	s.MOVL(at(t.x[0], lutPeriod), stop.As32())
	s.ADDQ(t.at, stop)
	s.CMPQ(end, stop)
	s.CMOVQCS(end, stop)
	t.step(true)
	s.CMPQ(t.at, stop)
	s.JCC(operand.LabelRef("widen"))
	s.Label("step")
	t.step(false)
	s.CMPQ(t.at, stop)
	s.JCS(operand.LabelRef("step"))
	s.Label("widen")
	for i, row := range t.acc {
		for v, acc := range row {
			t.wide.add(i, v, acc)
		}
	}
	s.CMPQ(t.at, end)
	s.JCC(operand.LabelRef("take"))
	s.DECQ(flushes)
	s.JNZ(operand.LabelRef("period"))

	s.Label("take")
	t.take(shift, constant)
	s.CMPQ(t.at, end)
	s.JCS(operand.LabelRef("fold"))
	s.ADDQ(operand.U8(4), shift)
	s.ADDQ(operand.U8(32), t.at) // past the table that pads an odd number of steps
	s.ANDQ(operand.I32(-64), t.at)
	x, last := s.param("x"), s.GP64()
	s.MOVL(at(x, lutEnd), last.As32())
	s.CMPQ(t.at, last)
	s.JCS(operand.LabelRef("set"))
	s.VZEROUPPER()
	s.RET()
}

// scale is the number of bytes of the panel for each byte of a row's tables.
func (g lutSum) scale() int { return 2 * g.planes }

func (t *lutSumTile) rowPointers() {
	t.Load(t.Param("x"), t.x[0])
	if t.mr == 1 {
		return
	}
	stride := t.param("xStride")
	for i := 1; i < t.mr; i++ {
		t.LEAQ(operand.Mem{Base: t.x[i-1], Index: stride, Scale: 1}, t.x[i])
	}
}

// step adds the look-ups of 8 inputs, and advances.
func (t *lutSumTile) step(first bool) {
	vectors := len(t.acc[0])
	for plane := range t.planes {
		index := [2][]reg.VecVirtual{t.vecs(vectors), t.vecs(vectors)}
		for v := range vectors {
			low, high := index[0][v], index[1][v]
			t.move(operand.Mem{Base: t.w, Index: t.at, Scale: uint8(t.scale()), Disp: plane*lutOutputs + v*t.vector}, high)
			t.and(t.mask, high, low)
			t.VPMULHUW(t.down, high, high)
			t.and(t.mask, high, high)
		}
		for i, acc := range t.acc {
			t.lookUp(i, acc, index, first && plane == 0)
		}
	}
	t.ADDQ(operand.U8(32), t.at)
}

// lookUp adds what the indices find in the two tables of row i to its sums, or
// sets them. Additions after both look-ups of a table ran 2 % faster on Zen 3
// than each after its own.
func (t *lutSumTile) lookUp(i int, acc []reg.VecVirtual, index [2][]reg.VecVirtual, set bool) {
	var found [2][]reg.VecVirtual
	for half := range 2 {
		table := t.vec()
		src := operand.Mem{Base: t.x[i], Index: t.at, Scale: 1, Disp: 16 * half}
		if t.bytes == 64 {
			t.VBROADCASTI32X4(src, table)
		} else {
			t.VBROADCASTI128(src, table)
		}
		for v := range acc {
			f := table
			if v < len(acc)-1 {
				f = t.vec()
			}
			if set && half == 0 {
				f = acc[v]
			}
			t.VPSHUFB(index[half][v], table, f)
			found[half] = append(found[half], f)
		}
		for v, sum := range acc {
			if !set || half > 0 {
				t.VPADDB(found[half][v], sum, sum)
			}
		}
	}
}

// take adds the 16-bit sums to bias and the rows' constants, the first time, or
// to dst. The bytes of a vector are in an order that makes this shifts and
// masks: byte 4*l+b is output b*lanes+l.
func (t *lutSumTile) take(shift, constant reg.GPVirtual) {
	dst, dstStride, from, fromStride := t.param("dst"), t.param("dstStride"), t.param("bias"), t.GP64()
	x, xStride := t.param("x"), t.param("xStride")
	t.XORL(fromStride.As32(), fromStride.As32())
	t.TESTL(constant.As32(), constant.As32())
	t.CMOVQNE(dst, from)
	t.CMOVQNE(dstStride, fromStride)
	count := t.XMM()
	t.VMOVQ(shift, count)
	low := t.inRegister(t.constant("lowword", 0xff, 0xff, 0, 0))
	for i, row := range t.acc {
		own := t.vec()
		t.VPBROADCASTD(operand.Mem{Base: x, Index: constant, Scale: 1, Disp: lutConstant}, own)
		for v := range row {
			even, odd := t.wide.load(i, v, x)
			high := t.vec()
			t.VPSLLW(operand.U8(8), odd, high)
			t.VPSUBW(high, even, even)
			for b, words := range []reg.VecVirtual{even, odd, even, odd} {
				sum := t.vec()
				if b < 2 {
					t.and(low, words, sum)
				} else {
					t.VPSRLD(operand.U8(16), words, sum)
				}
				disp := 4*t.vector*v + t.vector*b
				t.VPSLLD(count, sum, sum)
				t.VPADDD(own, sum, sum)
				t.VPADDD(at(from, disp), sum, sum)
				t.move(sum, at(dst, disp))
			}
		}
		if i+1 < len(t.acc) {
			t.ADDQ(dstStride, dst)
			t.ADDQ(fromStride, from)
			t.ADDQ(xStride, x)
		}
	}
	t.MOVL(operand.U32(lutNone-lutConstant), constant.As32())
}

// subsetSums makes four tables of 16 codes at a time: first the four sums of
// each pair, from which then two shuffles and an addition make two tables.
func subsetSums(c *build.Context, _ int) {
	s := simd{c, 32}
	dst, x, blocks := s.param("dst"), s.param("x"), s.param("blocks")
	count := s.XMM()
	s.VMOVQ(s.param("shift"), count)
	var pair, lows, highs [32]byte
	for i := range 8 {
		// A lane holds the pairs of two tables: of codes 0-3 and 8-11, or of
		// 4-7 and 12-15, so that the tables come out in their order.
		a := byte(i/4*4 + i%4/2*8 + i%2*2)
		copy(pair[4*i:], []byte{a, a, a + 1, a})
	}
	for i := range lows {
		lows[i], highs[i] = byte(i&3), byte(4+i>>2&3) // index of a table: bits 0 and 1, then 2 and 3
	}
	next := func(index [32]byte) [32]byte { // the pairs of the second table
		for i := range index {
			index[i] += 8
		}
		return index
	}
	load := func(name string, data [32]byte) reg.VecVirtual {
		return s.inRegister(s.readOnly(name, data[:])).(reg.VecVirtual)
	}
	both := load("pair", pair)
	sums := s.inRegister(s.constant("pairsums", 0, 1, 1, 1)).(reg.VecVirtual)
	low := [2]reg.VecVirtual{load("lows0", lows), load("lows1", next(lows))}
	high := [2]reg.VecVirtual{load("highs0", highs), load("highs1", next(highs))}
	mask := s.inRegister(s.constant("nibble", 0x0f)).(reg.VecVirtual)
	zero, sum := s.vec(), s.vec()
	s.zero(zero, sum)

	s.Label("block")
	codes, pairs := s.vec(), s.vec()
	s.VBROADCASTI128(at(x, 0), codes)
	s.VPSRLW(count, codes, codes)
	s.and(mask, codes, codes)
	// Of the words a + 256a and b + 256a, times 256 and 257, bytes are 0, a, b, a + b.
	s.VPSHUFB(both, codes, pairs)
	s.VPMULLW(sums, pairs, pairs)
	s.VPSADBW(zero, codes, codes)
	s.VPADDQ(codes, sum, sum)
	for half := range 2 {
		a, b := s.vec(), s.vec()
		s.VPSHUFB(low[half], pairs, a)
		s.VPSHUFB(high[half], pairs, b)
		s.VPADDB(a, b, b)
		s.move(b, at(dst, 32*half))
	}
	s.ADDQ(operand.U8(16), x)
	s.ADDQ(operand.U8(64), dst)
	s.DECQ(blocks)
	s.JNZ(operand.LabelRef("block"))
	// Both lanes hold all codes.
	total, upper := sum.AsX(), s.XMM()
	s.VPSHUFD(operand.U8(0x4e), total, upper)
	s.VPADDD(upper, total, total)
	result := s.GP32()
	s.VMOVD(total, result)
	s.Store(result, s.ReturnIndex(0))
	s.VZEROUPPER()
	s.RET()
}
