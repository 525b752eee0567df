package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The transforms of Winograd's minimal filtering F(2x2, 3x3) (Lavin and Gray, Fast
// Algorithms for Convolutional Neural Networks, arXiv 1509.09308), 8 channels at a
// time: those that stand before and behind 16 products. They only add, subtract and
// halve. Store throughput, one vector a cycle, bounds those of 16 results.

const winogradEnd = `
Frequencies lie dstFreq or srcFreq bytes apart, tiles dstTile or srcTile, pixels
of an image pixel bytes. cols is a multiple of 8, at least 8.`

func init() {
	add("avx2", family{
		name:      "WinogradInput",
		doc:       "WinogradInput transforms a line of overlapping tiles of 4x4 pixels.",
		signature: "func(dst *float32, dstFreq, dstTile uintptr, row0, row1, row2, row3 *float32, pixel uintptr, pad float32, left, full, half, none, cols uintptr)",
		loop: `	row := line.padded(left, pad) // so many pixels in front, and behind as it takes
	for t := range full + half + none {
		for c := range cols {
			var d [4][4]float32
			for x := range 4 {
				r := [4]float32{row[0][2*t+x][c], row[1][2*t+x][c], row[2][2*t+x][c], row[3][2*t+x][c]}
				d[0][x], d[1][x], d[2][x], d[3][x] = r[0]-r[2], r[1]+r[2], r[2]-r[1], r[1]-r[3]
			}
			for y, r := range d {
				dst[4*y][t][c], dst[4*y+1][t][c] = r[0]-r[2], r[1]+r[2]
				dst[4*y+2][t][c], dst[4*y+3][t][c] = r[2]-r[1], r[1]-r[3]
			}
		}
	}

where the rows begin at the first pixel of the image, left is 0 to 2, and the last
two pixels of a tile are in the image for the first full tiles, the first of them
is for the next half ones, and none is for the rest.` + winogradEnd,
		body: winogradInput,
	})
	add("avx2", family{
		name:      "WinogradOutput",
		doc:       "WinogradOutput transforms products to a line of tiles of 2x2 pixels.",
		signature: "func(row0, row1 *float32, pixel uintptr, src *float32, srcFreq, srcTile uintptr, full, half, cols uintptr)",
		loop: `	for t := range full + half {
		for c := range cols {
			var s [2][4]float32
			for x := range 4 {
				m := [4]float32{src[x][t][c], src[4+x][t][c], src[8+x][t][c], src[12+x][t][c]}
				s[0][x], s[1][x] = (m[1]+m[2])+m[0], (m[1]-m[2])-m[3]
			}
			for y, m := range s {
				row[y][2*t][c] = (m[1] + m[2]) + m[0]
				if t < full {
					row[y][2*t+1][c] = (m[1] - m[2]) - m[3]
				}
			}
		}
	}
` + winogradEnd,
		body: winogradOutput,
	})
	add("avx2", family{
		name:      "WinogradWeights",
		doc:       "WinogradWeights transforms 3x3 weights.",
		signature: "func(dst *float32, dstFreq uintptr, src *float32, srcTap, cols uintptr)",
		loop: `	of := func(a, b, c float32) [4]float32 {
		even, odd := (a+c)/2, b/2
		return [4]float32{a, even + odd, even - odd, c}
	}
	for i := range cols {
		var s [3][4]float32
		for x := range 3 {
			s[x] = of(src[x][i], src[3+x][i], src[6+x][i])
		}
		for y := range 4 {
			for x, v := range of(s[0][y], s[1][y], s[2][y]) {
				dst[4*y+x][i] = v
			}
		}
	}

where taps lie srcTap bytes apart.` + winogradEnd,
		body: winogradWeights,
	})
	add("avx2", family{
		name:      "WinogradGradient",
		doc:       "WinogradGradient transforms a line of tiles of 2x2 gradients.",
		signature: "func(dst *float32, dstFreq, dstTile uintptr, row0, row1 *float32, pixel uintptr, full, half, cols uintptr)",
		loop: `	for t := range full + half {
		for c := range cols {
			var d [4][2]float32
			for x := range 2 {
				var a, b float32 // 0 in the second column of half a tile
				if x == 0 || t < full {
					a, b = row[0][2*t+x][c], row[1][2*t+x][c]
				}
				d[0][x], d[1][x], d[2][x], d[3][x] = a, a+b, a-b, b
			}
			for y, r := range d {
				dst[4*y][t][c], dst[4*y+1][t][c] = r[0], r[0]+r[1]
				dst[4*y+2][t][c], dst[4*y+3][t][c] = r[0]-r[1], r[1]
			}
		}
	}
` + winogradEnd,
		body: winogradGradient,
	})
	add("avx2", family{
		name:      "WinogradTaps",
		doc:       "WinogradTaps transforms sums of products to gradients of 3x3 weights.",
		signature: "func(dst *float32, dstTap uintptr, src *float32, srcFreq, cols, add uintptr)",
		loop: `	of := func(a, b, c, d float32) [3]float32 {
		even, odd := (b+c)/2, (b-c)/2
		return [3]float32{even + a, odd, even - d}
	}
	for i := range cols {
		var s [4][3]float32
		for x := range 4 {
			s[x] = of(src[x][i], src[4+x][i], src[8+x][i], src[12+x][i])
		}
		for y := range 3 {
			for x, v := range of(s[0][y], s[1][y], s[2][y], s[3][y]) {
				if add != 0 {
					v += dst[3*y+x][i]
				}
				dst[3*y+x][i] = v
			}
		}
	}

where taps lie dstTap bytes apart.` + winogradEnd,
		body: winogradTaps,
	})
}

// A frequencies addresses 16 arrays a stride apart: four pointers that move on, with
// one or three strides as an index.
type frequencies struct {
	base       [4]reg.GPVirtual
	one, three reg.GPVirtual
}

func newFrequencies(c *build.Context, stride string) frequencies {
	f := frequencies{one: loadParam(c, stride), three: c.GP64()}
	c.LEAQ(operand.Mem{Base: f.one, Index: f.one, Scale: 2}, f.three)
	for i := range f.base {
		f.base[i] = c.GP64()
	}
	return f
}

// start points at the first frequency, at an offset.
func (f frequencies) start(c *build.Context, first string, offset reg.GPVirtual) {
	c.MOVQ(paramMem(c, first), f.base[0])
	c.ADDQ(offset, f.base[0])
	for i := range 3 {
		c.LEAQ(operand.Mem{Base: f.base[i], Index: f.one, Scale: 4}, f.base[i+1])
	}
}

func (f frequencies) advance(c *build.Context, by operand.Op) {
	for _, b := range f.base {
		c.ADDQ(by, b)
	}
}

// at is frequency 4*y+x.
func (f frequencies) at(y, x int) operand.Mem {
	m := operand.Mem{Base: f.base[y]}
	switch x {
	case 1, 2:
		m.Index, m.Scale = f.one, uint8(x)
	case 3:
		m.Index, m.Scale = f.three, 1
	}
	return m
}

// paramMem is a parameter as an operand.
func paramMem(c *build.Context, name string) operand.Mem {
	p, err := c.Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return p.Addr
}

func ymms(c *build.Context, n int) []reg.VecVirtual {
	list := make([]reg.VecVirtual, n)
	for i := range list {
		list[i] = c.YMM()
	}
	return list
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

// winogradInput transforms each column of pixels once: the last two of a tile are
// the first two of the next. All of a column outside the image is the pad, of which
// only the sum is not zero.
func winogradInput(c *build.Context, _ int) {
	rows := [4]reg.GPVirtual{}
	for i := range rows {
		rows[i] = loadParam(c, fmt.Sprintf("row%d", i))
	}
	dst := newFrequencies(c, "dstFreq")
	first, second, third, fourth := ymms(c, 4), ymms(c, 4), ymms(c, 4), ymms(c, 4)
	x := c.GP64()
	pixels := func(into []reg.VecVirtual) {
		at := func(row int) operand.Mem { return operand.Mem{Base: rows[row], Index: x, Scale: 1} }
		b := c.YMM()
		c.VMOVUPS(at(1), into[3])
		c.VMOVUPS(at(2), b)
		c.VMOVUPS(at(0), into[0])
		c.VSUBPS(b, into[0], into[0])
		c.VADDPS(b, into[3], into[1])
		c.VSUBPS(into[3], b, into[2])
		c.VSUBPS(at(3), into[3], into[3])
		c.ADDQ(paramMem(c, "pixel"), x)
	}
	outside := func(into []reg.VecVirtual) {
		for _, v := range into {
			c.VXORPS(v, v, v)
		}
		c.VBROADCASTSS(paramMem(c, "pad"), into[1])
		c.VADDPS(into[1], into[1], into[1])
	}
	tile := func(column3, column4 func([]reg.VecVirtual)) {
		column3(third)
		for y := range 4 {
			t, u := c.YMM(), c.YMM()
			c.VSUBPS(third[y], first[y], first[y])
			c.VMOVUPS(first[y], dst.at(y, 0))
			c.VADDPS(third[y], second[y], t)
			c.VMOVUPS(t, dst.at(y, 1))
			c.VSUBPS(second[y], third[y], u)
			c.VMOVUPS(u, dst.at(y, 2))
		}
		column4(fourth)
		for y := range 4 {
			c.VSUBPS(fourth[y], second[y], second[y])
			c.VMOVUPS(second[y], dst.at(y, 3))
		}
		for y := range 4 { // renamed, not moved
			c.VMOVAPS(third[y], first[y])
			c.VMOVAPS(fourth[y], second[y])
		}
		dst.advance(c, paramMem(c, "dstTile"))
	}
	eachBlock(c, func(offset reg.GPVirtual) {
		c.MOVQ(offset, x)
		dst.start(c, "dst", offset)
		left := loadParam(c, "left")
		outside(first)
		c.TESTQ(left, left)
		c.JNZ(operand.LabelRef("second"))
		pixels(first)
		c.Label("second")
		outside(second)
		c.CMPQ(left, operand.U8(2))
		c.JEQ(operand.LabelRef("tiles"))
		pixels(second)
		c.Label("tiles")
		repeat(c, "full", func() { tile(pixels, pixels) })
		repeat(c, "half", func() { tile(pixels, outside) })
		repeat(c, "none", func() { tile(outside, outside) })
	})
}

func winogradOutput(c *build.Context, _ int) {
	rows := [2]reg.GPVirtual{loadParam(c, "row0"), loadParam(c, "row1")}
	src := newFrequencies(c, "srcFreq")
	x := c.GP64()
	// both sets even to (b+c)+a and odd to (b-c)-d.
	both := func(a, b, third, d operand.Op, even, odd reg.VecVirtual) {
		t := c.YMM()
		c.VMOVUPS(b, t)
		c.VADDPS(third, t, even)
		c.VADDPS(a, even, even)
		c.VSUBPS(third, t, odd)
		c.VSUBPS(d, odd, odd)
	}
	tile := func(whole bool) {
		s := [2][]reg.VecVirtual{ymms(c, 4), ymms(c, 4)}
		for i := range 4 {
			m := c.YMM()
			c.VMOVUPS(src.at(2, i), m)
			both(src.at(0, i), src.at(1, i), m, src.at(3, i), s[0][i], s[1][i])
		}
		even, odd := c.YMM(), c.YMM()
		for pixel := range 2 {
			for y := range rows {
				at := operand.Mem{Base: rows[y], Index: x, Scale: 1}
				if pixel == 0 {
					c.VADDPS(s[y][2], s[y][1], even)
					c.VADDPS(s[y][0], even, even)
					c.VMOVUPS(even, at)
				} else if whole {
					c.VSUBPS(s[y][2], s[y][1], odd)
					c.VSUBPS(s[y][3], odd, odd)
					c.VMOVUPS(odd, at)
				}
			}
			c.ADDQ(paramMem(c, "pixel"), x)
		}
		src.advance(c, paramMem(c, "srcTile"))
	}
	eachBlock(c, func(offset reg.GPVirtual) {
		c.MOVQ(offset, x)
		src.start(c, "src", offset)
		repeat(c, "full", func() { tile(true) })
		repeat(c, "half", func() { tile(false) })
	})
}

func winogradWeights(c *build.Context, _ int) {
	dst, tap, three := newFrequencies(c, "dstFreq"), loadParam(c, "srcTap"), c.GP64()
	c.LEAQ(operand.Mem{Base: tap, Index: tap, Scale: 2}, three)
	half := broadcastHalf(c)
	// middle sets b and third to the second and third of four results.
	middle := func(a, b, third, last reg.VecVirtual) {
		even, odd := c.YMM(), c.YMM()
		c.VADDPS(last, a, even)
		c.VMULPS(half, even, even)
		c.VMULPS(half, b, odd)
		c.VADDPS(odd, even, b)
		c.VSUBPS(odd, even, third)
	}
	eachBlock(c, func(offset reg.GPVirtual) {
		dst.start(c, "dst", offset)
		// The taps of a column are three strides apart.
		src := loadParam(c, "src")
		c.ADDQ(offset, src)
		var s [4][]reg.VecVirtual // [y][x]
		for y := range s {
			s[y] = ymms(c, 3)
		}
		for x := range 3 {
			c.VMOVUPS(operand.Mem{Base: src}, s[0][x])
			c.VMOVUPS(operand.Mem{Base: src, Index: three, Scale: 1}, s[1][x])
			c.VMOVUPS(operand.Mem{Base: src, Index: three, Scale: 2}, s[3][x])
			c.ADDQ(tap, src)
			middle(s[0][x], s[1][x], s[2][x], s[3][x])
		}
		for y := range s {
			c.VMOVUPS(s[y][0], dst.at(y, 0))
			c.VMOVUPS(s[y][2], dst.at(y, 3))
			third := c.YMM()
			middle(s[y][0], s[y][1], third, s[y][2])
			c.VMOVUPS(s[y][1], dst.at(y, 1))
			c.VMOVUPS(third, dst.at(y, 2))
		}
	})
}

// winogradGradient gives the last of four results the opposite sign of Lavin and
// Gray's, which saves a negation; winogradTaps takes it so.
func winogradGradient(c *build.Context, _ int) {
	rows := [2]reg.GPVirtual{loadParam(c, "row0"), loadParam(c, "row1")}
	dst := newFrequencies(c, "dstFreq")
	x := c.GP64()
	pixels := func() []reg.VecVirtual {
		d := ymms(c, 4)
		c.VMOVUPS(operand.Mem{Base: rows[0], Index: x, Scale: 1}, d[0])
		c.VMOVUPS(operand.Mem{Base: rows[1], Index: x, Scale: 1}, d[3])
		c.VADDPS(d[3], d[0], d[1])
		c.VSUBPS(d[3], d[0], d[2])
		c.ADDQ(paramMem(c, "pixel"), x)
		return d
	}
	tile := func(whole bool) {
		first := pixels()
		second := first
		if whole {
			second = pixels()
		}
		none := c.YMM()
		if !whole {
			c.VXORPS(none, none, none)
		}
		for y := range 4 {
			sum, difference, last := first[y], first[y], none
			if whole {
				sum, difference, last = c.YMM(), c.YMM(), second[y]
				c.VADDPS(second[y], first[y], sum)
				c.VSUBPS(second[y], first[y], difference)
			}
			for i, v := range []reg.VecVirtual{first[y], sum, difference, last} {
				c.VMOVUPS(v, dst.at(y, i))
			}
		}
		dst.advance(c, paramMem(c, "dstTile"))
	}
	eachBlock(c, func(offset reg.GPVirtual) {
		c.MOVQ(offset, x)
		dst.start(c, "dst", offset)
		repeat(c, "full", func() { tile(true) })
		repeat(c, "half", func() { tile(false) })
	})
}

func winogradTaps(c *build.Context, _ int) {
	src, tap := newFrequencies(c, "srcFreq"), loadParam(c, "dstTap")
	half := broadcastHalf(c)
	add := loadParam(c, "add")
	// of sets a, b and last to results.
	of := func(a, b, third, last reg.VecVirtual) {
		even := c.YMM()
		c.VADDPS(third, b, even)
		c.VMULPS(half, even, even)
		c.VSUBPS(third, b, b)
		c.VMULPS(half, b, b)
		c.VADDPS(a, even, a)
		c.VSUBPS(last, even, last)
	}
	eachBlock(c, func(offset reg.GPVirtual) {
		src.start(c, "src", offset)
		dst := loadParam(c, "dst")
		c.ADDQ(offset, dst)
		var s [3][]reg.VecVirtual // [y][x]
		for y := range s {
			s[y] = ymms(c, 4)
		}
		for x := range 4 {
			third := c.YMM()
			c.VMOVUPS(src.at(0, x), s[0][x])
			c.VMOVUPS(src.at(1, x), s[1][x])
			c.VMOVUPS(src.at(2, x), third)
			c.VMOVUPS(src.at(3, x), s[2][x])
			of(s[0][x], s[1][x], third, s[2][x])
		}
		for _, r := range s {
			of(r[0], r[1], r[2], r[3])
		}
		c.TESTQ(add, add)
		c.JZ(operand.LabelRef("store"))
		at := c.GP64()
		each := func(do func(v reg.VecVirtual, m operand.Mem)) {
			c.MOVQ(dst, at)
			for _, r := range s {
				for _, x := range []int{0, 1, 3} {
					do(r[x], operand.Mem{Base: at})
					c.ADDQ(tap, at)
				}
			}
		}
		each(func(v reg.VecVirtual, m operand.Mem) { c.VADDPS(m, v, v) })
		c.Label("store")
		each(func(v reg.VecVirtual, m operand.Mem) { c.VMOVUPS(v, m) })
	})
}

func broadcastHalf(c *build.Context) reg.VecVirtual {
	half, bits := c.YMM(), c.GP32()
	c.MOVL(operand.U32(0x3f000000), bits)
	c.VMOVD(bits, half.AsX())
	c.VPBROADCASTD(half.AsX(), half)
	return half
}
