package main

import (
	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func init() {
	add("avx2", family{
		name:      "PackRowsF32",
		doc:       "PackRowsF32 copies up to 16 columns of a float32 matrix.",
		signature: "func(dst *float32, dstStride uintptr, src *float32, srcStride uintptr, rows, cols uintptr)",
		loop: `	for i := range rows {
		for j := range 16 {
			dst[i][j] = 0
			if j < cols {
				dst[i][j] = src[i][j]
			}
		}
	}

in the order of the rows, where rows lie dstStride and srcStride bytes apart:
with a dstStride of fewer than 16 elements, a row overwrites the end of the one
before it. Nothing beyond cols is read. rows is at least 1, cols 1 to 16.`,
		body: packRowsF32,
	})
	add("avx2", family{
		name:      "PackColumnsF32",
		doc:       "PackColumnsF32 transposes 8 columns of a float32 matrix.",
		signature: "func(dst *float32, dstStride uintptr, src *float32, srcStride uintptr, rows uintptr)",
		loop: `	for i := range rows {
		for j := range 8 {
			dst[i][j] = src[j][i]
		}
	}

where the rows of dst lie dstStride and the columns of src srcStride bytes
apart. rows is a multiple of 8, and at least 8.`,
		body: packColumnsF32,
	})
}

// packRowsF32 loads under a mask, whole panels too: the stores, one a cycle,
// take as long.
func packRowsF32(c *build.Context, _ int) {
	window := c.StaticGlobal("packRowsF32Mask")
	c.DataAttributes(attr.RODATA | attr.NOPTR)
	for i := range 32 {
		c.AddDatum(4*i, operand.U32(uint32(int32(i-16)>>31)))
	}
	mask := c.GP64()
	c.LEAQ(window.Offset(64), mask)
	cols := c.Load(c.Param("cols"), c.GP64()).(reg.GPVirtual)
	c.SHLQ(operand.U8(2), cols)
	c.SUBQ(cols, mask)
	var keep [2]reg.VecVirtual
	for j := range keep {
		keep[j] = c.YMM()
		c.VMOVUPS(operand.Mem{Base: mask, Disp: 32 * j}, keep[j])
	}
	dst, dstStride := loadParam(c, "dst"), loadParam(c, "dstStride")
	src, srcStride := loadParam(c, "src"), loadParam(c, "srcStride")
	rows := loadParam(c, "rows")
	c.Label("loop")
	for j := range keep {
		v := c.YMM()
		c.VMASKMOVPS(operand.Mem{Base: src, Disp: 32 * j}, keep[j], v)
		c.VMOVUPS(v, operand.Mem{Base: dst, Disp: 32 * j})
	}
	c.ADDQ(srcStride, src)
	c.ADDQ(dstStride, dst)
	c.DECQ(rows)
	c.JNZ(operand.LabelRef("loop"))
	c.VZEROUPPER()
	c.RET()
}

// packColumnsF32 joins half rows j and j+4 as it loads, which leaves a 4x4
// transpose in each 128-bit lane: 16 shuffles for 64 elements.
func packColumnsF32(c *build.Context, _ int) {
	dst, src := loadParam(c, "dst"), loadParam(c, "src")
	rows := loadParam(c, "rows")
	column := rowAddresses(c, src, c.Param("srcStride"), 8)
	row := rowAddresses(c, dst, c.Param("dstStride"), 8)
	step := c.GP64()
	c.MOVQ(row[1].Index, step)
	c.SHLQ(operand.U8(3), step)
	c.Label("loop")
	for half := range 2 {
		var in, t [4]reg.VecVirtual
		for j := range in {
			in[j] = c.YMM()
			c.VMOVUPS(column[j].Offset(16*half), in[j].AsX())
			c.VINSERTF128(operand.U8(1), column[j+4].Offset(16*half), in[j], in[j])
		}
		for j := range t {
			t[j] = c.YMM()
		}
		c.VUNPCKLPS(in[1], in[0], t[0])
		c.VUNPCKHPS(in[1], in[0], t[1])
		c.VUNPCKLPS(in[3], in[2], t[2])
		c.VUNPCKHPS(in[3], in[2], t[3])
		for i := range 4 {
			out := c.YMM()
			c.VSHUFPS(operand.U8([]uint8{0x44, 0xee}[i%2]), t[2+i/2], t[i/2], out)
			c.VMOVUPS(out, row[4*half+i])
		}
	}
	c.ADDQ(operand.U8(32), src)
	c.ADDQ(step, dst)
	c.SUBQ(operand.U8(8), rows)
	c.JNZ(operand.LabelRef("loop"))
	c.VZEROUPPER()
	c.RET()
}

// loadParam returns a parameter in a new general register.
func loadParam(c *build.Context, name string) reg.GPVirtual {
	return c.Load(c.Param(name), c.GP64()).(reg.GPVirtual)
}
