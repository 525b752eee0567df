package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The transforms of Winograd's minimal filtering F(m x m, 3x3), m = 2 or 4 (Lavin and
// Gray, Fast Algorithms for Convolutional Neural Networks, arXiv 1509.09308), 8
// channels at a time: those that stand before and behind (m+2)² products. Each is made
// of transforms in one dimension, first of all columns, then of all rows. What is
// between them goes by way of memory, for want of registers, but in L1; the stores of
// results, one vector a cycle, bound the loops.

const winogradEnd = `
and B, G and A are those of F(m x m, 3x3) for m = %d. Frequency y*n+x of n*n, n = m+2,
lies dstFreq or srcFreq bytes behind the one before. scratch has room for what is between
two dimensions. cols is a multiple of 8, at least 8.`

func init() {
	family := func(name, doc, signature, loop string, body func(c *build.Context, m int)) {
		add("avx2", family{name: name, doc: name + " holds, by m, " + doc, signature: signature, loop: loop + winogradEnd, body: body, variants: []int{2, 4}})
	}
	family("WinogradInput", "transforms of lines of overlapping tiles.",
		"func(dst *float32, dstFreq, dstTile uintptr, rows **float32, pixel uintptr, pad float32, left, inside, right, tiles, cols uintptr, scratch *float32)",
		`	for t := range tiles {
		for c := range cols {
			dst[t][c] = Bᵀ d B // n*n frequencies, for d[y][x] = line[y][m*t+x][c]
		}
	}

where line[y] are left pixels of pad, then those at rows[y], inside of them, then right
ones of pad, which make m*tiles+2; tiles lie dstTile, pixels pixel bytes apart,`, winogradInput)
	family("WinogradOutput", "transforms of products to lines of tiles.",
		"func(rows **float32, pixel uintptr, src *float32, srcFreq, srcTile uintptr, tiles, cols uintptr, scratch *float32)",
		`	for t := range tiles {
		for c := range cols {
			rows[y][m*t+x][c] = (Aᵀ src[t][c] A)[y][x] // for y, x < m
		}
	}

where tiles lie srcTile, pixels pixel bytes apart,`, winogradOutput)
	family("WinogradWeights", "transforms of 3x3 weights.",
		"func(dst *float32, dstFreq uintptr, src *float32, srcTap, cols uintptr, scratch *float32)",
		`	for i := range cols {
		dst[i] = G g Gᵀ // n*n frequencies, for g[y][x] = src[3*y+x][i]
	}

where taps lie srcTap bytes apart,`, winogradWeights)
	family("WinogradGradient", "transforms of lines of tiles of gradients.",
		"func(dst *float32, dstFreq, dstTile uintptr, rows **float32, pixel uintptr, tiles, cols uintptr, scratch *float32)",
		`	for t := range tiles {
		for c := range cols {
			dst[t][c] = A d Aᵀ // n*n frequencies, for d[y][x] = rows[y][m*t+x][c]
		}
	}

where tiles lie dstTile, pixels pixel bytes apart,`, winogradGradient)
	family("WinogradTaps", "transforms of sums of products to gradients of 3x3 weights.",
		"func(dst *float32, dstTap uintptr, src *float32, srcFreq, cols, add uintptr, scratch *float32)",
		`	for i := range cols {
		d := Gᵀ src[i] G
		if add != 0 {
			d += dst[i]
		}
		dst[3*y+x][i] = d[y][x] // for y, x < 3
	}

where taps lie dstTap bytes apart,`, winogradTaps)
}

// A line is a transform in one dimension. It leaves its operands as they are.
type line func(x []reg.VecVirtual) []reg.VecVirtual

// arithmetic emits operations on vectors.
type arithmetic struct{ c *build.Context }

func (a arithmetic) constant(v float64) reg.VecVirtual {
	r, bits := a.c.YMM(), a.c.GP32()
	a.c.MOVL(operand.U32(math.Float32bits(float32(v))), bits)
	a.c.VMOVD(bits, r.AsX())
	a.c.VPBROADCASTD(r.AsX(), r)
	return r
}

func (a arithmetic) add(x, y reg.VecVirtual) reg.VecVirtual {
	r := a.c.YMM()
	a.c.VADDPS(y, x, r)
	return r
}

func (a arithmetic) sub(x, y reg.VecVirtual) reg.VecVirtual {
	r := a.c.YMM()
	a.c.VSUBPS(y, x, r)
	return r
}

func (a arithmetic) mul(x, y reg.VecVirtual) reg.VecVirtual {
	r := a.c.YMM()
	a.c.VMULPS(y, x, r)
	return r
}

// muladd is z + x*y, mulsub z - x*y. The copy of z is a renaming.
func (a arithmetic) muladd(z, x, y reg.VecVirtual) reg.VecVirtual {
	r := a.c.YMM()
	a.c.VMOVAPS(z, r)
	a.c.VFMADD231PS(y, x, r)
	return r
}

func (a arithmetic) mulsub(z, x, y reg.VecVirtual) reg.VecVirtual {
	r := a.c.YMM()
	a.c.VMOVAPS(z, r)
	a.c.VFNMADD231PS(y, x, r)
	return r
}

// inputLine is Bᵀ.
func inputLine(c *build.Context, m int) line {
	a := arithmetic{c}
	if m == 2 {
		return func(x []reg.VecVirtual) []reg.VecVirtual {
			return []reg.VecVirtual{a.sub(x[0], x[2]), a.add(x[1], x[2]), a.sub(x[2], x[1]), a.sub(x[1], x[3])}
		}
	}
	two, four, five := a.constant(2), a.constant(4), a.constant(5)
	return func(x []reg.VecVirtual) []reg.VecVirtual {
		first := a.mulsub(a.muladd(x[4], x[0], four), x[2], five)
		even, odd := a.mulsub(x[4], x[2], four), a.mulsub(x[3], x[1], four)
		sum, difference := a.add(even, odd), a.sub(even, odd)
		even, odd = a.sub(x[4], x[2]), a.sub(x[3], x[1])
		return []reg.VecVirtual{first, sum, difference, a.muladd(even, odd, two), a.mulsub(even, odd, two),
			a.mulsub(a.muladd(x[5], x[1], four), x[3], five)}
	}
}

// outputLine is Aᵀ.
func outputLine(c *build.Context, m int) line {
	a := arithmetic{c}
	if m == 2 {
		return func(x []reg.VecVirtual) []reg.VecVirtual {
			return []reg.VecVirtual{a.add(a.add(x[1], x[2]), x[0]), a.sub(a.sub(x[1], x[2]), x[3])}
		}
	}
	two, four, eight := a.constant(2), a.constant(4), a.constant(8)
	return func(x []reg.VecVirtual) []reg.VecVirtual {
		sum, difference := a.add(x[1], x[2]), a.sub(x[1], x[2])
		sum2, difference2 := a.add(x[3], x[4]), a.sub(x[3], x[4])
		return []reg.VecVirtual{a.add(a.add(sum, sum2), x[0]), a.muladd(difference, difference2, two),
			a.muladd(sum, sum2, four), a.add(a.muladd(difference, difference2, eight), x[5])}
	}
}

// gradientLine is A.
func gradientLine(c *build.Context, m int) line {
	a := arithmetic{c}
	if m == 2 {
		none := c.YMM()
		c.VXORPS(none, none, none)
		return func(x []reg.VecVirtual) []reg.VecVirtual {
			return []reg.VecVirtual{x[0], a.add(x[0], x[1]), a.sub(x[0], x[1]), a.sub(none, x[1])}
		}
	}
	two, four := a.constant(2), a.constant(4)
	return func(x []reg.VecVirtual) []reg.VecVirtual {
		even, odd := a.add(x[0], x[2]), a.add(x[1], x[3])
		sum, difference := a.add(even, odd), a.sub(even, odd)
		even, odd = a.muladd(x[0], x[2], four), a.muladd(x[1], x[3], four)
		return []reg.VecVirtual{x[0], sum, difference, a.muladd(even, odd, two), a.mulsub(even, odd, two), x[3]}
	}
}

// weightsLine is G.
func weightsLine(c *build.Context, m int) line {
	a := arithmetic{c}
	if m == 2 {
		half := a.constant(0.5)
		return func(x []reg.VecVirtual) []reg.VecVirtual {
			even, odd := a.mul(a.add(x[0], x[2]), half), a.mul(x[1], half)
			return []reg.VecVirtual{x[0], a.add(even, odd), a.sub(even, odd), x[2]}
		}
	}
	quarter, sixth, twelfth, tiny := a.constant(1./4), a.constant(-1./6), a.constant(1./12), a.constant(1./24)
	return func(x []reg.VecVirtual) []reg.VecVirtual {
		even, odd := a.mul(a.add(x[0], x[2]), sixth), a.mul(x[1], sixth)
		sum, difference := a.add(even, odd), a.sub(even, odd)
		even, odd = a.mulsub(a.mul(x[0], tiny), x[2], sixth), a.mul(x[1], twelfth)
		return []reg.VecVirtual{a.mul(x[0], quarter), sum, difference, a.add(even, odd), a.sub(even, odd), x[2]}
	}
}

// tapsLine is Gᵀ.
func tapsLine(c *build.Context, m int) line {
	a := arithmetic{c}
	if m == 2 {
		half := a.constant(0.5)
		return func(x []reg.VecVirtual) []reg.VecVirtual {
			even := a.mul(a.add(x[1], x[2]), half)
			return []reg.VecVirtual{a.add(even, x[0]), a.mul(a.sub(x[1], x[2]), half), a.add(even, x[3])}
		}
	}
	quarter, sixth, twelfth, tiny := a.constant(1./4), a.constant(-1./6), a.constant(1./12), a.constant(1./24)
	return func(x []reg.VecVirtual) []reg.VecVirtual {
		even, odd := a.mul(a.add(x[1], x[2]), sixth), a.mul(a.sub(x[1], x[2]), sixth)
		even2, odd2 := a.add(x[3], x[4]), a.sub(x[3], x[4])
		return []reg.VecVirtual{a.muladd(a.muladd(even, x[0], quarter), even2, tiny), a.muladd(odd, odd2, twelfth),
			a.mulsub(a.add(even, x[len(x)-1]), even2, sixth)}
	}
}

// A grid addresses rows of arrays that lie a stride apart: the pointer moves on from
// row to row.
type grid struct {
	at  []operand.Mem
	row reg.GPVirtual
}

func newGrid(c *build.Context, stride string, n int) grid {
	g := grid{row: c.GP64()}
	g.at = rowAddresses(c, g.row, c.Param(stride), n)
	return g
}

// next moves on by a row, of 4 or 6 arrays.
func (g grid) next(c *build.Context) {
	m := operand.Mem{Base: g.row, Index: g.at[1].Index, Scale: 4}
	if len(g.at) == 6 {
		m.Index, m.Scale = g.at[3].Index, 2
	}
	c.LEAQ(m, g.row)
}

func paramMem(c *build.Context, name string) operand.Mem {
	p, err := c.Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return p.Addr
}

// load returns vectors of memory, n of them.
func load(c *build.Context, n int, at func(i int) operand.Mem) []reg.VecVirtual {
	list := make([]reg.VecVirtual, n)
	for i := range list {
		list[i] = c.YMM()
		c.VMOVUPS(at(i), list[i])
	}
	return list
}

func store(c *build.Context, list []reg.VecVirtual, at func(i int) operand.Mem) {
	for i, v := range list {
		c.VMOVUPS(v, at(i))
	}
}

// vectors is element i of an array of vectors, from one on and some apart.
func vectors(base reg.Register, first, step int) func(i int) operand.Mem {
	return func(i int) operand.Mem { return operand.Mem{Base: base, Disp: 32 * (first + step*i)} }
}

// eachBlock emits a loop over blocks of 8 of the columns, at a byte offset.
func eachBlock(c *build.Context, body func(offset reg.GPVirtual)) {
	offset := c.GP64()
	c.XORQ(offset, offset)
	c.Label("columns")
	body(offset)
	c.ADDQ(operand.U8(32), offset)
	end := loadParam(c, "cols")
	c.SHLQ(operand.U8(2), end)
	c.CMPQ(offset, end)
	c.JB(operand.LabelRef("columns"))
	c.VZEROUPPER()
	c.RET()
}

// repeat emits a loop of as many rounds as a parameter says, maybe none.
func repeat(c *build.Context, times string, body func()) {
	n := loadParam(c, times)
	c.TESTQ(n, n)
	c.JZ(operand.LabelRef("no" + times))
	c.Label(times)
	body()
	c.DECQ(n)
	c.JNZ(operand.LabelRef(times))
	c.Label("no" + times)
}

// block returns a parameter that points at arrays, moved on to an offset.
func block(c *build.Context, name string, offset reg.GPVirtual) reg.GPVirtual {
	p := loadParam(c, name)
	c.ADDQ(offset, p)
	return p
}

// lines returns the pointers to rows that a parameter points at, moved on to an
// offset.
func lines(c *build.Context, n int, offset reg.GPVirtual) []reg.GPVirtual {
	list, from := make([]reg.GPVirtual, n), loadParam(c, "rows")
	for i := range list {
		list[i] = c.GP64()
		c.MOVQ(operand.Mem{Base: from, Disp: 8 * i}, list[i])
		c.ADDQ(offset, list[i])
	}
	return list
}

// winogradInput transforms the columns of a whole line first: tiles share two.
func winogradInput(c *build.Context, m int) {
	n, transform := m+2, inputLine(c, m)
	eachBlock(c, func(offset reg.GPVirtual) {
		scratch, rows := loadParam(c, "scratch"), lines(c, n, offset)
		x := c.GP64()
		c.XORQ(x, x)
		outside := func() {
			pad := c.YMM()
			c.VBROADCASTSS(paramMem(c, "pad"), pad)
			all := make([]reg.VecVirtual, n)
			for i := range all {
				all[i] = pad
			}
			store(c, transform(all), vectors(scratch, 0, 1))
			c.ADDQ(operand.U32(32*n), scratch)
		}
		repeat(c, "left", outside)
		repeat(c, "inside", func() {
			column := load(c, n, func(i int) operand.Mem { return operand.Mem{Base: rows[i], Index: x, Scale: 1} })
			store(c, transform(column), vectors(scratch, 0, 1))
			c.ADDQ(operand.U32(32*n), scratch)
			c.ADDQ(paramMem(c, "pixel"), x)
		})
		repeat(c, "right", outside)
		scratch = loadParam(c, "scratch")
		dst, tile := newGrid(c, "dstFreq", n), block(c, "dst", offset)
		repeat(c, "tiles", func() {
			c.MOVQ(tile, dst.row)
			for y := range n {
				store(c, transform(load(c, n, vectors(scratch, y, n))), func(i int) operand.Mem { return dst.at[i] })
				if y < n-1 {
					dst.next(c)
				}
			}
			c.ADDQ(operand.U32(32*m*n), scratch)
			c.ADDQ(paramMem(c, "dstTile"), tile)
		})
	})
}

func winogradOutput(c *build.Context, m int) {
	n, transform := m+2, outputLine(c, m)
	src, scratch := newGrid(c, "srcFreq", n), loadParam(c, "scratch")
	eachBlock(c, func(offset reg.GPVirtual) {
		tile, rows := block(c, "src", offset), lines(c, m, offset)
		repeat(c, "tiles", func() {
			c.MOVQ(tile, src.row)
			for y := range n {
				store(c, transform(load(c, n, func(i int) operand.Mem { return src.at[i] })), vectors(scratch, m*y, 1))
				if y < n-1 {
					src.next(c)
				}
			}
			for x := range m {
				store(c, transform(load(c, n, vectors(scratch, x, m))), func(i int) operand.Mem { return operand.Mem{Base: rows[i]} })
				for _, r := range rows {
					c.ADDQ(paramMem(c, "pixel"), r)
				}
			}
			c.ADDQ(paramMem(c, "srcTile"), tile)
		})
	})
}

func winogradWeights(c *build.Context, m int) {
	n, transform := m+2, weightsLine(c, m)
	dst, scratch, tap, three := newGrid(c, "dstFreq", n), loadParam(c, "scratch"), loadParam(c, "srcTap"), c.GP64()
	c.LEAQ(operand.Mem{Base: tap, Index: tap, Scale: 2}, three) // a column of taps lies three apart
	eachBlock(c, func(offset reg.GPVirtual) {
		src := block(c, "src", offset)
		for x := range 3 {
			column := []operand.Mem{{Base: src}, {Base: src, Index: three, Scale: 1}, {Base: src, Index: three, Scale: 2}}
			store(c, transform(load(c, 3, func(i int) operand.Mem { return column[i] })), vectors(scratch, n*x, 1))
			c.ADDQ(tap, src)
		}
		c.MOVQ(paramMem(c, "dst"), dst.row)
		c.ADDQ(offset, dst.row)
		for y := range n {
			store(c, transform(load(c, 3, vectors(scratch, y, n))), func(i int) operand.Mem { return dst.at[i] })
			if y < n-1 {
				dst.next(c)
			}
		}
	})
}

func winogradGradient(c *build.Context, m int) {
	n, transform := m+2, gradientLine(c, m)
	dst, scratch := newGrid(c, "dstFreq", n), loadParam(c, "scratch")
	eachBlock(c, func(offset reg.GPVirtual) {
		tile, rows := block(c, "dst", offset), lines(c, m, offset)
		repeat(c, "tiles", func() {
			for x := range m {
				store(c, transform(load(c, m, func(i int) operand.Mem { return operand.Mem{Base: rows[i]} })), vectors(scratch, n*x, 1))
				for _, r := range rows {
					c.ADDQ(paramMem(c, "pixel"), r)
				}
			}
			c.MOVQ(tile, dst.row)
			for y := range n {
				store(c, transform(load(c, m, vectors(scratch, y, n))), func(i int) operand.Mem { return dst.at[i] })
				if y < n-1 {
					dst.next(c)
				}
			}
			c.ADDQ(paramMem(c, "dstTile"), tile)
		})
	})
}

func winogradTaps(c *build.Context, m int) {
	n, transform := m+2, tapsLine(c, m)
	src, scratch, tap, three := newGrid(c, "srcFreq", n), loadParam(c, "scratch"), loadParam(c, "dstTap"), c.GP64()
	c.LEAQ(operand.Mem{Base: tap, Index: tap, Scale: 2}, three)
	eachBlock(c, func(offset reg.GPVirtual) {
		c.MOVQ(paramMem(c, "src"), src.row)
		c.ADDQ(offset, src.row)
		for y := range n {
			store(c, transform(load(c, n, func(i int) operand.Mem { return src.at[i] })), vectors(scratch, 3*y, 1))
			if y < n-1 {
				src.next(c)
			}
		}
		dst, add := block(c, "dst", offset), loadParam(c, "add")
		for x := range 3 {
			column := []operand.Mem{{Base: dst}, {Base: dst, Index: three, Scale: 1}, {Base: dst, Index: three, Scale: 2}}
			taps := transform(load(c, n, vectors(scratch, x, 3)))
			skip := fmt.Sprintf("store%d", x)
			c.TESTQ(add, add)
			c.JZ(operand.LabelRef(skip))
			for i, v := range taps {
				c.VADDPS(column[i], v, v)
			}
			c.Label(skip)
			store(c, taps, func(i int) operand.Mem { return column[i] })
			c.ADDQ(tap, dst)
		}
	})
}
