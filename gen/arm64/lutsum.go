package main

import (
	"fmt"
	"math/bits"

	"example.com/lowbit/gen/neon"
)

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

// lookUp adds what an index finds to a sum, by way of found, or sets the sum.
func (t *lutTile) lookUp(index neon.Vec, table []neon.Vec, sum, found neon.Vec, set bool) {
	if set {
		t.VTBL(neon.B16, index, table, sum)
		return
	}
	t.VTBL(neon.B16, index, table, found)
	t.VADD(neon.B16, found, sum, sum)
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
	for half := range 2 {
		var tables []neon.Vec
		for _, x := range t.x {
			table := t.Vec()
			t.FMOVQ(neon.Post(x, 16), table)
			tables = append(tables, table)
		}
		for plane := t.planes - 1; plane >= 0; plane-- {
			for v := len(t.acc[0]) - 1; v >= 0; v-- {
				index := t.Vec()
				t.FMOVQ(t.weights(plane, v, half == 1), index)
				if half == 0 {
					t.VAND(neon.B16, t.mask, index, index)
				} else {
					t.VUSHR(neon.B16, 4, index, index)
				}
				for i := range t.x {
					found := index // which no other row needs
					if i+1 < len(t.x) {
						found = t.Vec()
					}
					t.lookUp(index, tables[i:][:1], t.acc[i][v], found, first && plane == t.planes-1 && half == 0)
				}
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
					t.lookUp(index, neon.Vs(2*i, 2), t.acc[i][v+j], found, first && plane == t.planes-1)
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
				for j, index := range index {
					t.lookUp(index, table, t.acc[i][v+j], index, first && plane == t.planes-1)
				}
			}
		}
	}
}
