package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Products of one- and two-bit weights with activations of few bits, by
// look-ups of sums.
//
//	instruction          Zen 3: latency, ports   Ice Lake: latency, ports
//	VPSHUFB ymm, zmm     1, FP1/2                1, p15; zmm p5
//	VPERMB zmm, m512     -                       3, p5
//	VPDPBUSD zmm         -                       5, p0 (server parts: p05)
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
//
// VPERMB has 64 entries: the sums of the subsets of six codes. A byte of the
// panel is the index, which takes no instruction, and the table is read by the
// look-up itself: two instructions are 64 x 6 products. Or the entries are those
// of four tables: see lutsumdot.go.
const (
	// Where things lie in a row, in bytes. What is not of the row alone is
	// read from the first row of a tile.
	lutConstant = 0  // int32: what the row adds to each of its sums
	lutNone     = 4  // int32 0: what it adds when it did that
	lutPeriod   = 8  // uint32: bytes of tables between widenings
	lutEnd      = 12 // uint32: where the tables end
	lutHeader   = 64 // then working memory, if any: W and O of each vector; then
	// sets of tables, each padded to 64 bytes
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
	group  int // codes of a table
	gemv   bool
}

func init() {
	for _, planes := range []int{1, 2} {
		nibbles := fmt.Sprintf("GemmLUT%d", planes)
		lutSum{vector: 32, planes: planes, group: 4}.register("avx2", nibbles, 4)
		lutSum{vector: 32, planes: planes, group: 4, gemv: true}.registerGEMV("avx2", fmt.Sprintf("GemvLUT%d", planes))
		lutSum{vector: 64, planes: planes, group: 4}.register("avx512bw", nibbles, 6)
		lutSum{vector: 64, planes: planes, group: 6}.register("avx512vbmi", fmt.Sprintf("GemmLUTSix%d", planes), 6)
	}
}

// kstep is the number of inputs of a step: a byte of the panel.
func (g lutSum) kstep() int { return 8 / g.group * g.group }

// stepBytes is the length of a step's tables.
func (g lutSum) stepBytes() int { return g.kstep() / g.group << g.group }

// inMemory reports whether the 16-bit sums lie in the rows.
func (g lutSum) inMemory() bool { return g.vector == 32 }

// tables is where the tables of a row begin.
func (g lutSum) tables() int {
	if g.inMemory() {
		return lutHeader + 2*lutOutputs*gemvStreams
	}
	return lutHeader
}

func (g lutSum) register(room, name string, maxRows int) {
	add(room, lutFamily(name, maxRows, g.planes, g.kstep(), g.group, g.tables(), lutByte, g.body))
}

// registerGEMV adds the function for one row that reads several panels at a
// time: see gemvStreams.
func (g lutSum) registerGEMV(room, name string) {
	add(room, family{
		name:      name,
		signature: gemvSignature,
		loop: fmt.Sprintf(`	for j := range %d {
		sum := constant
		for set := range sets {
			for k := range steps * 2 {
				for plane := range %d {
					sum += int32(table[set][k][w[j/%d][plane][k][j%%%d]]) << (shift + 4*set)
				}
			}
		}
		dst[j] = bias[j] + sum
	}

where w are %d panels of indices of 4 bits, panel bytes apart, and constant, table and sets are what
the row x says.`, gemvStreams*lutOutputs, g.planes, lutOutputs, lutOutputs, gemvStreams),
		body: func(c *build.Context, _ int) { g.body(c, 1) },
	})
}

// lutFamily describes tiles to their callers.
func lutFamily(name string, maxRows, planes, kstep, group, tables, sum int, body func(c *build.Context, mr int)) family {
	var variants []int
	for mr := 1; mr <= maxRows; mr++ {
		variants = append(variants, mr)
	}
	return family{
		name: name,
		doc: fmt.Sprintf(`%s are the tiles of %d outputs by their number of rows, for %s, by
look-ups of sums of %d activations. A step is %d inputs.`, name, lutOutputs, map[int]string{1: "binary weights", 2: "weights of two planes of bits"}[planes], group, kstep),
		signature: intTileSignature,
		variants:  variants,
		constants: []constant{
			{name + "Constant", lutConstant, "is where the int32 lies that a row adds to its sums; an int32 0 follows"},
			{name + "Period", lutPeriod, "is where the uint32 lies that is the number of bytes of tables between widenings"},
			{name + "End", lutEnd, "is where the uint32 lies that says where the tables of the row end"},
			{name + "Tables", tables, "is where the tables of a row begin. What is between these and the first 64 bytes may be written"},
			{name + "Sum", sum, "is the largest sum of look-ups between widenings, or 0 if look-ups of a byte may be any"},
		},
		loop: fmt.Sprintf(`	for i := range %%d {
		for j := range %d {
			sum := constant[i]
			for set := range sets {
				for k := range steps * %d {
					for plane := range %d {
						sum += int32(table[i][set][k][w[plane][k][j]]) << (shift + 4*set)
					}
				}
			}
			dst[i*dstStride/4+j] = bias[j] + sum
		}
	}

where w is the panel of indices of %d bits, and constant, table and sets are what the row says.`, lutOutputs, kstep/group, planes, group),
		body: body,
	}
}

// lutSumTile is the state of one tile's emission.
type lutSumTile struct {
	lutSum
	*lutRows
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
	return at(x, lutHeader+(2*v+part)*m.t.vector)
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

// lutRegisters has them in registers.
type lutRegisters struct {
	simd
	w, o [][]reg.VecVirtual
}

func (r lutRegisters) clear() {
	for i := range r.w {
		r.zero(r.w[i]...)
		r.zero(r.o[i]...)
	}
}

func (r lutRegisters) add(row, v int, sum reg.VecVirtual) {
	w, o := r.w[row][v], r.o[row][v]
	r.VPADDW(sum, w, w)
	r.VPSRLW(operand.U8(8), sum, sum)
	r.VPADDW(sum, o, o)
}

func (r lutRegisters) load(row, v int, _ reg.GPVirtual) (w, o reg.VecVirtual) {
	return r.w[row][v], r.o[row][v]
}

func (g lutSum) body(c *build.Context, mr int) {
	s := simd{c, g.vector}
	t := &lutSumTile{lutSum: g, lutRows: s.lutRows(mr, g.tables())}
	wide := lutRegisters{simd: s}
	if g.gemv {
		// Panels side by side are a row of outputs.
		mr, t.lutRows.gemv = 0, true
		t.acc = [][]reg.VecVirtual{s.vecs(gemvStreams * lutOutputs / g.vector)}
	}
	for range mr {
		t.acc = append(t.acc, s.vecs(lutOutputs/g.vector))
		if !g.inMemory() {
			wide.w, wide.o = append(wide.w, s.vecs(1)), append(wide.o, s.vecs(1))
		}
	}
	t.wide = wide
	if g.inMemory() {
		t.wide = lutMemory{t}
	}
	if g.group == 4 {
		t.mask = s.inRegister(s.constant("nibble", 0x0f)).(reg.VecVirtual)
		t.down = s.inRegister(s.constant("down", 0, 0x10)).(reg.VecVirtual)
	}
	t.sets(g.stepBytes(), g.planes*lutOutputs, func(end reg.GPVirtual) {
		s.Label("fold")
		t.point()
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
		low := s.inRegister(s.constant("lowword", 0xff, 0xff, 0, 0)).(reg.VecVirtual)
		t.take(func(i int, x reg.GPVirtual, put func(sum reg.VecVirtual, j int)) {
			for v := range t.acc[i] {
				t.split(i, v, x, low, put)
			}
		})
		s.CMPQ(t.at, end)
		s.JCS(operand.LabelRef("fold"))
	})
}

// split puts the sums of a vector. Byte 4*l+b of it is output b*lanes+l, so that
// this is shifts and masks.
func (t *lutSumTile) split(i, v int, x reg.GPVirtual, low reg.VecVirtual, put func(sum reg.VecVirtual, j int)) {
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
		put(sum, (4*v+b)*t.vector/4)
	}
}

// step adds the look-ups of the bytes of the panel that a step has, and advances.
func (t *lutSumTile) step(first bool) {
	if t.lutSum.gemv {
		t.streamStep(first)
		return
	}
	vectors := len(t.acc[0])
	for plane := range t.planes {
		t.ahead(plane * lutOutputs)
		src := func(v int) operand.Mem { return t.weights(plane*lutOutputs + v*t.vector) }
		if t.group == 6 {
			index := t.vec()
			t.move(src(0), index)
			for i, acc := range t.acc {
				if first && plane == 0 {
					t.VPERMB(t.table(i, 0), index, acc[0])
					continue
				}
				found := t.vec()
				t.VPERMB(t.table(i, 0), index, found)
				t.VPADDB(found, acc[0], acc[0])
			}
			continue
		}
		index := [2][]reg.VecVirtual{t.vecs(vectors), t.vecs(vectors)}
		for v := range vectors {
			low, high := index[0][v], index[1][v]
			t.move(src(v), high)
			t.and(t.mask, high, low)
			t.VPMULHUW(t.down, high, high)
			t.and(t.mask, high, high)
		}
		for i, acc := range t.acc {
			t.lookUp(i, acc, index, first && plane == 0)
		}
	}
	t.ADDQ(operand.U8(t.stepBytes()), t.at)
}

// streamStep is step for one row and several panels. Fetching ahead gained a
// fifth on Zen 3 even so, from memory.
func (t *lutSumTile) streamStep(first bool) {
	tables := t.vecs(2)
	for half, table := range tables {
		t.VBROADCASTI128(t.table(0, 16*half), table)
	}
	index := t.vecs(2)
	for v, sum := range t.acc[0] {
		panel, at := v*t.vector/lutOutputs, v*t.vector%lutOutputs
		for plane := range t.planes {
			low, high := index[0], index[1]
			if at == 0 {
				t.PREFETCHT0(t.streams.at(panel, plane*lutOutputs+1024))
			}
			t.move(t.streams.at(panel, plane*lutOutputs+at), high)
			t.and(t.mask, high, low)
			t.VPMULHUW(t.down, high, high)
			t.and(t.mask, high, high)
			for half, table := range tables {
				if first && plane == 0 && half == 0 {
					t.VPSHUFB(low, table, sum)
					continue
				}
				t.VPSHUFB(index[half], table, index[half])
				t.VPADDB(index[half], sum, sum)
			}
		}
	}
	t.advance(t.streams, t.planes*lutOutputs)
	t.ADDQ(operand.U8(t.stepBytes()), t.at)
}

// lookUp adds what the indices find in the two tables of row i to its sums, or
// sets them. Additions after both look-ups of a table ran 2 % faster on Zen 3
// than each after its own.
func (t *lutSumTile) lookUp(i int, acc []reg.VecVirtual, index [2][]reg.VecVirtual, set bool) {
	for half := range 2 {
		table, src := t.vec(), t.table(i, 16*half)
		if t.bytes == 64 {
			t.VBROADCASTI32X4(src, table)
		} else {
			t.VBROADCASTI128(src, table)
		}
		found := make([]reg.VecVirtual, len(acc))
		for v := range acc {
			switch {
			case set && half == 0:
				found[v] = acc[v]
			case v == len(acc)-1:
				found[v] = table
			default:
				found[v] = t.vec()
			}
			t.VPSHUFB(index[half][v], table, found[v])
		}
		for v, sum := range acc {
			if !set || half > 0 {
				t.VPADDB(found[v], sum, sum)
			}
		}
	}
}
