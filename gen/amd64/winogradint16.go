package main

import (
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The transforms of Winograd's F(2x2, 3x3) in whole numbers: codes and weights in
// bytes, sums modulo 2^16. See kernels/winogradint16.go.
//
// None keeps a whole tile in registers: of the 16 elements of a result, those of one
// or two columns are made at a time, from what they need of the rows, which is loaded
// again. On Zen 3, it is the stores of the results, one a cycle, that take the time.
func init() {
	add("avx2", family{
		name:      "WinogradInt16Input",
		signature: "func(dst *byte, dstFreq, dstTile uintptr, src *byte, line, pixel uintptr, at *uintptr, tiles, blocks uintptr, offset uint8)",
		loop: `	for t := range tiles {
		for c := range 32 * blocks {
			for i := range 4 {
				for j := range 4 {
					sum := offset
					for y := range 4 {
						for x := range 4 {
							sum += bt[i][y] * bt[j][x] * src[at[t]+y*line+x*pixel+c]
						}
					}
					dst[(4*i+j)*dstFreq+t*dstTile+c] = sum
				}
			}
		}
	}

modulo 2^8, where bt is the matrix {{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, 1, 0, -1}}.
tiles and blocks are at least 1.`,
		body: winogradInt16Input,
	})
	add("avx2", family{
		name:      "WinogradInt16Weights",
		signature: "func(dst *byte, dstFreq uintptr, src *byte, steps uintptr)",
		loop: `	for s := range steps {
		for c := range 64 {
			for i := range 4 {
				for j := range 4 {
					sum := 0
					for y := range 3 {
						for x := range 3 {
							sum += g[i][y] * g[j][x] * src[s][3*y+x][c]
						}
					}
					dst[(4*i+j)*dstFreq+64*s+c] = sum
				}
			}
		}
	}

modulo 2^8, where g is the matrix {{2, 0, 0}, {1, 1, 1}, {1, -1, 1}, {0, 0, 2}}. steps is
at least 1.`,
		body: winogradInt16Weights,
	})
	add("avx2", family{
		name:      "WinogradInt16Output",
		signature: "func(dst *int16, line, pixel uintptr, at *uintptr, src *int16, srcFreq uintptr, tiles, shift uintptr, minus *int16, add uintptr)",
		loop: `	for t := range tiles {
		for n := range 16 {
			for y := range 2 {
				for x := range 2 {
					sum := int16(0)
					for i := range 4 {
						for j := range 4 {
							sum += at[y][i] * at[x][j] * src[(4*i+j)*srcFreq/2+16*t+n]
						}
					}
					d := &dst[(at[t]+y*line+x*pixel)/2+n]
					if add == 0 {
						*d = 0
					}
					*d += sum>>shift - minus[n]
				}
			}
		}
	}

modulo 2^16, where at is the matrix {{1, 1, 1, 0}, {0, 1, -1, -1}}. tiles is at least 1.`,
		body: winogradInt16Output,
	})
}

// eachTile emits a loop over tiles, with the address of each one.
func eachTile(c *build.Context, base string, body func(tile reg.GPVirtual)) {
	offsets := loadParam(c, "at")
	c.Label("tile")
	tile := c.GP64()
	c.MOVQ(at(offsets, 0), tile)
	c.ADDQ(paramMem(c, base), tile)
	c.ADDQ(operand.U8(8), offsets)
	body(tile)
	c.DECQ(paramMem(c, "tiles"))
	c.JNZ(operand.LabelRef("tile"))
	c.VZEROUPPER()
	c.RET()
}

// frequencies addresses a column of results at a time.
type frequencies struct {
	base, freq, four, twelve reg.GPVirtual
}

func newFrequencies(c *build.Context, stride string) frequencies {
	f := frequencies{c.GP64(), loadParam(c, stride), c.GP64(), c.GP64()}
	c.LEAQ(operand.Mem{Base: f.freq, Index: f.freq, Scale: 1}, f.four)
	c.ADDQ(f.four, f.four)
	c.LEAQ(operand.Mem{Base: f.four, Index: f.four, Scale: 2}, f.twelve)
	return f
}

// at is the element of row i in the column at base.
func (f frequencies) at(i int) operand.Mem {
	return [...]operand.Mem{{Base: f.base}, {Base: f.base, Index: f.four, Scale: 1}, {Base: f.base, Index: f.four, Scale: 2}, {Base: f.base, Index: f.twelve, Scale: 1}}[i]
}

func winogradInt16Input(c *build.Context, _ int) {
	s := simd{c, 32}
	to, tileTo, pixel, left := newFrequencies(c, "dstFreq"), s.param("dst"), s.param("pixel"), s.GP64()
	pixel3, offset := s.GP64(), s.vec()
	c.LEAQ(operand.Mem{Base: pixel, Index: pixel, Scale: 2}, pixel3)
	c.VPBROADCASTB(paramMem(c, "offset"), offset)
	eachTile(c, "src", func(tile reg.GPVirtual) {
		rows := []reg.GPVirtual{tile, s.GP64(), s.GP64(), s.GP64()}
		for i := 1; i < 4; i++ {
			c.MOVQ(rows[i-1], rows[i])
			c.ADDQ(paramMem(c, "line"), rows[i])
		}
		c.MOVQ(tileTo, to.base)
		c.MOVQ(paramMem(c, "blocks"), left)
		c.Label("block")
		element := func(y, x int) operand.Mem {
			return [...]operand.Mem{{Base: rows[y]}, {Base: rows[y], Index: pixel, Scale: 1}, {Base: rows[y], Index: pixel, Scale: 2}, {Base: rows[y], Index: pixel3, Scale: 1}}[x]
		}
		// A column of results from one of four elements.
		column := func(v []reg.VecVirtual) {
			t := s.vec()
			c.VPADDB(offset, v[0], v[0])
			c.VPSUBB(v[2], v[0], v[0]) // v0 - v2
			c.VPADDB(offset, v[2], v[2])
			c.VPADDB(v[1], v[2], t) // v1 + v2
			c.VPSUBB(v[1], v[2], v[2])
			c.VPADDB(offset, v[1], v[1])
			c.VPSUBB(v[3], v[1], v[1]) // v1 - v3
			for i, r := range []reg.VecVirtual{v[0], t, v[2], v[1]} {
				s.move(r, to.at(i))
			}
			c.ADDQ(to.freq, to.base)
		}
		difference := func(from, less int) []reg.VecVirtual {
			v := s.vecs(4)
			for y := range v {
				s.move(element(y, from), v[y])
				c.VPSUBB(element(y, less), v[y], v[y])
			}
			return v
		}
		column(difference(0, 2))
		sums := s.vecs(4)
		for y := range sums {
			s.move(element(y, 1), sums[y])
			c.VPADDB(element(y, 2), sums[y], sums[y])
		}
		column(sums)
		column(difference(2, 1))
		column(difference(1, 3))
		c.SUBQ(to.four, to.base)
		c.ADDQ(operand.U8(32), to.base)
		for _, r := range rows {
			c.ADDQ(operand.U8(32), r)
		}
		c.DECQ(left)
		c.JNZ(operand.LabelRef("block"))
		c.ADDQ(paramMem(c, "dstTile"), tileTo)
	})
}

func winogradInt16Weights(c *build.Context, _ int) {
	s := simd{c, 32}
	to, src, steps := newFrequencies(c, "dstFreq"), s.param("src"), s.param("steps")
	c.MOVQ(paramMem(c, "dst"), to.base)
	c.Label("step")
	for half := 0; half < 64; half += 32 {
		tap := func(y, x int) operand.Mem { return at(src, 64*(3*y+x)+half) }
		column := func(v []reg.VecVirtual) {
			plus, minus := s.vec(), s.vec()
			c.VPADDB(v[2], v[0], minus)
			c.VPADDB(v[1], minus, plus)
			c.VPSUBB(v[1], minus, minus)
			c.VPADDB(v[0], v[0], v[0])
			c.VPADDB(v[2], v[2], v[2])
			for i, r := range []reg.VecVirtual{v[0], plus, minus, v[2]} {
				s.move(r, to.at(i))
			}
			c.ADDQ(to.freq, to.base)
		}
		double := func(x int) []reg.VecVirtual {
			v := s.vecs(3)
			for y := range v {
				s.move(tap(y, x), v[y])
				c.VPADDB(v[y], v[y], v[y])
			}
			return v
		}
		column(double(0))
		plus, minus := s.vecs(3), s.vecs(3)
		for y := range plus {
			s.move(tap(y, 0), minus[y])
			c.VPADDB(tap(y, 2), minus[y], minus[y])
			c.VPADDB(tap(y, 1), minus[y], plus[y])
			c.VPSUBB(tap(y, 1), minus[y], minus[y])
		}
		column(plus)
		column(minus)
		column(double(2))
		c.SUBQ(to.four, to.base)
		c.ADDQ(operand.U8(32), to.base)
	}
	c.ADDQ(operand.U32(64*9), src)
	c.DECQ(steps)
	c.JNZ(operand.LabelRef("step"))
	c.VZEROUPPER()
	c.RET()
}

func winogradInt16Output(c *build.Context, _ int) {
	s := simd{c, 32}
	from, pixel, line, minus, adds := newFrequencies(c, "srcFreq"), s.param("pixel"), s.param("line"), s.param("minus"), s.param("add")
	c.MOVQ(paramMem(c, "src"), from.base)
	shift := c.XMM()
	c.VMOVQ(paramMem(c, "shift"), shift)
	eachTile(c, "dst", func(tile reg.GPVirtual) {
		columns := [2][4]reg.VecVirtual{} // by row of sums
		for j := range 4 {
			sum, difference, t := s.vec(), s.vec(), s.vec()
			s.move(from.at(1), difference)
			s.move(from.at(2), t)
			c.VPADDW(t, difference, sum)
			c.VPSUBW(t, difference, difference)
			c.VPADDW(from.at(0), sum, sum)
			c.VPSUBW(from.at(3), difference, difference)
			columns[0][j], columns[1][j] = sum, difference
			c.ADDQ(from.freq, from.base)
		}
		c.SUBQ(from.four, from.base)
		c.ADDQ(operand.U8(32), from.base)
		for y, m := range columns {
			c.VPADDW(m[1], m[0], m[0])
			c.VPADDW(m[2], m[0], m[0])
			c.VPSUBW(m[2], m[1], m[1])
			c.VPSUBW(m[3], m[1], m[1])
			for x, v := range m[:2] {
				c.VPSRAW(shift, v, v)
				c.VPSUBW(at(minus, 0), v, v)
				columns[y][x] = v
			}
		}
		places := func(f func(v reg.VecVirtual, m operand.Mem)) {
			bottom := c.GP64()
			c.LEAQ(operand.Mem{Base: tile, Index: line, Scale: 1}, bottom)
			for y, row := range []reg.GPVirtual{tile, bottom} {
				f(columns[y][0], operand.Mem{Base: row})
				f(columns[y][1], operand.Mem{Base: row, Index: pixel, Scale: 1})
			}
		}
		c.TESTQ(adds, adds)
		c.JZ(operand.LabelRef("store"))
		places(func(v reg.VecVirtual, m operand.Mem) { c.VPADDW(m, v, v) })
		c.Label("store")
		places(func(v reg.VecVirtual, m operand.Mem) { s.move(v, m) })
	})
}
