package main

import (
	"fmt"
	"math/bits"

	"example.com/lowbit/gen/neon"
)

// Products of one- and two-bit weights with activations of few bits, by look-ups of
// sums.
//
//	instruction             Cortex-A72: latency, pipes    Neoverse N1: latency, pipes
//	VTBL, 1 register        6, three times F0/1           2, V0/1
//	VTBL, 2 registers       9, five times F0/1            2, V0/1
//	VTBL, 4 registers       15, nine times F0/1           4, three times V0/1
//	VADD, VAND              3, F0/1                       2, V0/1
//	VUADDW, VUADDW2         3, F0/1                       2, V0/1
//	VUSHR                   3, F1                         2, V1
//	VUMLAL                  4, F0                         4, V0
//
// Weights are planes of bits: b for binary ones, w = 2b - 1, and b1, b2 for
// ternary ones, w = b1 + b2 - 1. So a product is, but for a multiple of the sum
// of its row's codes, a sum of codes where a bit is set. For every few codes of a row
// there is a table of the sums of its subsets, and as many weight bits of an output
// are the index. The lanes are outputs: a look-up and an addition are 16 products for
// each code of the table.
//
// How many codes, 4, 5 or 6, is how many registers a table has, 1, 2 or 4:
//
//	codes   look-up and addition, Cortex-A72, N1   products a cycle at most
//	4       4 and 2                                32 and 64
//	5       6 and 2                                26.7 and 80
//	6       10 and 4                               19.2 and 48
//
// in uses of one of two pipes. Two registers take Neoverse N1, N2 and V1 no longer than
// one. Four lead on none of the cores that LLVM's analyser knows: on its model of Apple's,
// which reads four as fast as one, loading them costs what they gain over two.
//
// A look-up of codes up to a is at most 4a, 5a or 6a, so bytes hold the sum of a few:
// of five codes 51, 17, 7 and 3 for a = 1, 3, 7 and 15. After so many steps, which the
// row says, VUADDW and VUADDW2 widen them, and the first step after that sets the sums
// of bytes instead of adding to them. So n look-ups take 2n + 1 instructions. Sums of
// 16 bits are exact up to 65,535, so to lutFlushes widenings of at most 255. Then they
// go to dst in 32 bits: VUMLAL multiplies them by the power of two that is the shift.
// Codes of 8 bits are two sets of tables, of their low and their high nibbles, and the
// panel is gone through twice.
//
// Sums of 16 bits in memory would take a vector pipe of Neoverse N1 for each store. In
// registers they are two for each vector of bytes: 8 vectors of outputs in 24
// registers. Indices of five and six codes are bytes of the panel; two rows of 64
// outputs then load as little as can be, 4 vectors of indices and 4 of tables for 16
// instructions. Two indices of four codes share a byte, and VAND or VUSHR isolate one
// for all rows: one instruction for eight, with four rows of 32 outputs.
//
// On Neoverse N1 the loops run 56.9 products a cycle with four codes, and 80 with five,
// before widening; on Cortex-A72 30.1 and 26.7. For one row, an index of four codes is
// isolated for one look-up: 42.7 on Neoverse N1. Four panels of it are as many sums as a
// tile of four rows has.

const (
	// Where things lie in a row, in bytes. What is not of the row alone is
	// read from the first row of a tile.
	lutConstant = 0  // int32: what the row adds to each of its sums
	lutNone     = 4  // int32 0: what it adds when it did that
	lutPeriod   = 8  // uint32: bytes of tables between widenings
	lutEnd      = 12 // uint32: where the tables end
	lutHeader   = 64 // then sets of tables, each padded to 64 bytes
)

// lutFlushes is how often sums of bytes may be added to sums of 16 bits:
// 256*255 = 65,280 <= 65,535.
const lutFlushes = 256

// lutByte is the largest sum of bytes.
const lutByte = 255

// lutSum describes a family of tiles.
type lutSum struct {
	planes  int // bits of a weight
	group   int // codes of a table
	rows    int // of the largest tile
	vectors int // of outputs
	gemv    bool
}

func init() {
	for _, planes := range []int{1, 2} {
		lutSum{planes: planes, group: 4, rows: 4, vectors: 2}.register(fmt.Sprint("GemmLUT", planes))
		lutSum{planes: planes, group: 5, rows: 2, vectors: 4}.register(fmt.Sprint("GemmLUTFive", planes))
		lutSum{planes: planes, group: 6, rows: 2, vectors: 4}.register(fmt.Sprint("GemmLUTSix", planes))
		lutSum{planes: planes, group: 4, rows: 1, vectors: 2, gemv: true}.registerGEMV(fmt.Sprint("GemvLUT", planes))
	}
}

// outputs is the number of outputs of a panel.
func (g lutSum) outputs() int { return 16 * g.vectors }

// tableBytes is the length of a table, and tables are how many a byte of the panel
// has indices for.
func (g lutSum) tableBytes() int { return 1 << g.group }
func (g lutSum) tables() int     { return 8 / g.group }

// stepBytes is the length of a step's tables.
func (g lutSum) stepBytes() int { return g.tables() * g.tableBytes() }

func (g lutSum) register(name string) {
	add("neon", family{
		name: name,
		doc: fmt.Sprintf(`%s are the tiles of %d outputs by their number of rows, for %s, by
look-ups of sums of %d activations. A step is %d inputs.`, name, g.outputs(), map[int]string{1: "binary weights", 2: "weights of two planes of bits"}[g.planes],
			g.group, g.tables()*g.group),
		signature: intTileSignature,
		variants:  upTo(g.rows),
		constants: []constant{
			{name + "Constant", lutConstant, "is where the int32 lies that a row adds to its sums; an int32 0 follows"},
			{name + "Period", lutPeriod, "is where the uint32 lies that is the number of bytes of tables between widenings"},
			{name + "End", lutEnd, "is where the uint32 lies that says where the tables of the row end"},
			{name + "Tables", lutHeader, "is where the tables of a row begin"},
			{name + "Sum", lutByte, "is the largest sum of look-ups between widenings"},
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

where w is the panel of indices of %d bits, and constant, table and sets are what the row says.
Shifts are up to 15.`, g.outputs(), g.tables(), g.planes, g.group),
		body: g.body,
	})
}

// registerGEMV adds the function for one row that reads several panels at a time.
func (g lutSum) registerGEMV(name string) {
	add("neon", family{
		name:      name,
		signature: gemvSignature,
		loop: fmt.Sprintf(`	for j := range %d {
		sum := constant
		for set := range sets {
			for k := range steps * %d {
				for plane := range %d {
					sum += int32(table[set][k][w[j/%d][plane][k][j%%%d]]) << (shift + 4*set)
				}
			}
		}
		dst[j] = bias[j] + sum
	}

where w are %d panels of indices of %d bits, panel bytes apart, and constant, table and sets are what
the row x says. Shifts are up to 15.`, gemvStreams*g.outputs(), g.tables(), g.planes, g.outputs(), g.outputs(), gemvStreams, g.group),
		body: func(f *neon.Func, _ int) { g.body(f, 1) },
	})
}

// lutTile is the state of one tile's emission.
type lutTile struct {
	lutSum
	*neon.Func
	x    []neon.GP // tables of each row, at this step
	w    []neon.GP // the panels, at this step
	mask neon.Vec
	acc  [][]neon.Vec    // sums of bytes, by row and vector of outputs
	wide [][][2]neon.Vec // and of 16 bits, of the lower and the upper outputs
}

func (g lutSum) body(f *neon.Func, mr int) {
	t := &lutTile{lutSum: g, Func: f, w: []neon.GP{f.GP()}}
	if g.gemv {
		for range gemvStreams - 1 {
			t.w = append(t.w, f.GP())
		}
	}
	for range mr {
		acc := f.Vecs(len(t.w) * g.vectors)
		var wide [][2]neon.Vec
		for range acc {
			wide = append(wide, [2]neon.Vec(f.Vecs(2)))
		}
		t.x, t.acc, t.wide = append(t.x, f.GP()), append(t.acc, acc), append(t.wide, wide)
	}
	if g.tables() > 1 {
		t.mask = f.Vec()
		f.VMOVI(neon.B16, 0x0f, t.mask)
	}
	shift, period, factor := f.Param("shift"), f.GP(), f.GP()
	f.MOVD(neon.Imm(1), factor)
	f.LSL(shift, factor, factor)
	f.MOVWU(neon.At(f.Param("x"), lutPeriod), period)
	f.LSR(neon.Imm(bits.Len(uint(g.stepBytes()))-1), period, period)
	at, constant := f.GP(), f.GP()
	f.MOVD(neon.Imm(lutHeader), at)
	f.MOVD(neon.Imm(lutConstant), constant)

	f.Label("set")
	left, flushes, n := f.Param("steps"), f.GP(), f.GP()
	base := f.Param("x")
	f.ADD(at, base, t.x[0])
	for i, x := range t.x[1:] {
		f.ADD(f.Param("xStride"), t.x[i], x)
	}
	panel := f.Param("w")
	f.MOVD(panel, t.w[0])
	for i, w := range t.w[1:] {
		f.ADD(f.Param("panel"), t.w[i], w)
	}

	f.Label("fold")
	for _, row := range t.wide {
		for _, halves := range row {
			f.Zero(halves[:]...)
		}
	}
	f.MOVD(neon.Imm(lutFlushes), flushes)

	// The first step of a period writes the sums of bytes.
	f.Label("period")
	f.CMP(period, left)
	f.CSEL(neon.LO, left, period, n)
	f.SUB(n, left, left)
	t.step(true)
	f.SUBS(neon.Imm(1), n, n)
	f.Bcond(neon.EQ, "widen")
	f.Label("step")
	t.step(false)
	f.SUBS(neon.Imm(1), n, n)
	f.Bcond(neon.NE, "step")
	f.Label("widen")
	for i, row := range t.acc {
		for v, sum := range row {
			low, high := t.wide[i][v][0], t.wide[i][v][1]
			f.VUADDW(neon.B8, sum, low, low)
			f.VUADDW2(neon.B16, sum, high, high)
		}
	}
	f.CBZ(left, "take")
	f.SUBS(neon.Imm(1), flushes, flushes)
	f.Bcond(neon.NE, "period")
	f.Label("take")
	t.take(constant, factor)
	f.CBNZ(left, "fold")

	f.LSL(neon.Imm(4), factor, factor)
	steps, end := f.Param("steps"), f.GP()
	f.ADD(neon.Shifted{R: steps, Left: bits.Len(uint(g.stepBytes())) - 1}, at, at)
	f.ADD(neon.Imm(63), at, at)
	f.AND(neon.Imm(-64), at, at)
	f.MOVWU(neon.At(f.Param("x"), lutEnd), end)
	f.CMP(end, at)
	f.Bcond(neon.LO, "set")
	f.RET()
}

// take adds sums to bias and the rows' constants, the first time, or to dst:
// constant says where in a row to read what it adds.
func (t *lutTile) take(constant, factor neon.GP) {
	f := t.Func
	dst, from, x := f.Param("dst"), f.Param("bias"), f.Param("x")
	f.ADD(constant, x, x)
	f.CMP(neon.Imm(lutConstant), constant)
	f.CSEL(neon.EQ, from, dst, from)
	var dstStride, fromStride, xStride neon.GP
	if len(t.x) > 1 {
		dstStride, fromStride, xStride = f.Param("dstStride"), f.GP(), f.Param("xStride")
		f.CSEL(neon.EQ, neon.ZR, dstStride, fromStride)
	}
	by := f.Vec()
	f.VDUP(neon.H8, factor, by)
	for i, row := range t.wide {
		own := f.Vec()
		f.VLD1R(neon.S4, neon.At(x, 0), own)
		for v, halves := range row {
			for half, words := range halves {
				disp := 64*v + 32*half
				a, b := f.Vec(), f.Vec()
				f.FLDPQ(neon.At(from, disp), a, b)
				f.VADD(neon.S4, own, a, a)
				f.VADD(neon.S4, own, b, b)
				f.VUMLAL(neon.H4, by, words, a)
				f.VUMLAL2(neon.H8, by, words, b)
				f.FSTPQ(a, b, neon.At(dst, disp))
			}
		}
		if i+1 < len(t.x) {
			f.ADD(dstStride, dst, dst)
			f.ADD(fromStride, from, from)
			f.ADD(xStride, x, x)
		}
	}
	f.MOVD(neon.Imm(lutNone), constant)
}

// step adds the look-ups of the bytes of the panel that a step has, or sets the sums
// to them, and advances.
func (t *lutTile) step(first bool) {
	switch t.group {
	case 4:
		t.fours(first)
	case 5:
		t.fives(first)
	case 6:
		t.sixes(first)
	}
}

// A lutLook is a look-up: its index, table, sum, and the register for what it finds,
// which may be that of the index or of the table.
type lutLook struct {
	index neon.Vec
	table []neon.Vec
	sum   neon.Vec
	found neon.Vec
}

// lookUp adds what look-ups find to their sums, or sets these. Additions come after
// the look-ups: Cortex-A72 dispatches three micro-operations a cycle, and VTBL of one
// register is as many, so that an addition after each would have a cycle to itself.
// VTBL of two registers is five, which an addition makes two cycles full.
func (t *lutTile) lookUp(set bool, looks ...lutLook) {
	for _, l := range looks {
		found := l.found
		if set {
			found = l.sum
		}
		t.VTBL(neon.B16, l.index, l.table, found)
	}
	if set {
		return
	}
	for _, l := range looks {
		t.VADD(neon.B16, l.found, l.sum, l.sum)
	}
}

// weights is the place of vector v of a plane in a step. The first is the last to be
// read of a panel, and then advances.
func (t *lutTile) weights(plane, v int, last bool) neon.Mem {
	w, v := t.w[v/t.vectors], v%t.vectors
	if last && plane+v == 0 {
		return neon.Post(w, t.planes*t.outputs())
	}
	return neon.At(w, plane*t.outputs()+16*v)
}

// fours has two tables of a register each, and a nibble for each. The tables of four
// rows fit one by one: bytes of the panel are read twice.
func (t *lutTile) fours(first bool) {
	vectors := len(t.acc[0])
	together := max(1, min(vectors, 4/len(t.x))) // vectors of indices at a time
	for half := range 2 {
		var tables []neon.Vec
		for _, x := range t.x {
			table := t.Vec()
			t.FMOVQ(neon.Post(x, 16), table)
			tables = append(tables, table)
		}
		for plane := t.planes - 1; plane >= 0; plane-- {
			for v := vectors - together; v >= 0; v -= together {
				index := t.Vecs(together)
				for j := together - 1; j >= 0; j-- {
					t.FMOVQ(t.weights(plane, v+j, half == 1), index[j])
				}
				for _, index := range index {
					if half == 0 {
						t.VAND(neon.B16, t.mask, index, index)
					} else {
						t.VUSHR(neon.B16, 4, index, index)
					}
				}
				var looks []lutLook
				for j, index := range index {
					for i, table := range tables {
						found := t.Vec()
						switch {
						case plane == 0 && v == 0 && j == together-1: // the last with this table
							found = table
						case i+1 == len(tables): // and with this index
							found = index
						}
						looks = append(looks, lutLook{index, []neon.Vec{table}, t.acc[i][v+j], found})
					}
				}
				set := first && plane == t.planes-1 && half == 0
				if len(t.x) == 4 && (plane > 0 || v > 0) { // registers for two
					t.lookUp(set, looks[:2]...)
					looks = looks[2:]
				}
				t.lookUp(set, looks...)
			}
		}
	}
}

// fives has a table of two registers, and a byte for its index.
func (t *lutTile) fives(first bool) {
	for i, x := range t.x {
		t.FLDPQ(neon.Post(x, 32), neon.V(2*i), neon.V(2*i+1))
	}
	for plane := t.planes - 1; plane >= 0; plane-- {
		for v := t.vectors - 2; v >= 0; v -= 2 {
			index := t.Vecs(2)
			t.FLDPQ(t.weights(plane, v, true), index[0], index[1])
			for j, index := range index {
				for i := range t.x {
					found := index
					if i+1 < len(t.x) {
						found = t.Vec()
					}
					t.lookUp(first && plane == t.planes-1, lutLook{index, neon.Vs(2*i, 2), t.acc[i][v+j], found})
				}
			}
		}
	}
}

// sixes has a table of four registers, which fit once beside the sums: indices are
// read again for every row.
func (t *lutTile) sixes(first bool) {
	for i, x := range t.x {
		table := neon.Vs(0, 4)
		t.VLD1(neon.Post(x, 64), table...)
		for plane := t.planes - 1; plane >= 0; plane-- {
			for v := t.vectors - 2; v >= 0; v -= 2 {
				index := t.Vecs(2)
				t.FLDPQ(t.weights(plane, v, i+1 == len(t.x)), index[0], index[1])
				t.lookUp(first && plane == t.planes-1,
					lutLook{index[0], table, t.acc[i][v], index[0]}, lutLook{index[1], table, t.acc[i][v+1], index[1]})
			}
		}
	}
}
