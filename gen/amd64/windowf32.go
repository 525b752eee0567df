package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func init() {
	add("avx2", windowF32(6, vector{32, (*build.Context).YMM}))
	add("avx512bw", windowF32(14, vector{64, (*build.Context).ZMM}))
}

// windowF32 is gemmF32 with a list of places in a: a convolution's windows are
// multiplied where they lie in the image. The load of a place and an addition
// are two operations beside 2·mr FMAs and mr+2 loads, so that the FMAs still
// bound the loop.
func windowF32(mr int, v vector) family {
	nr := 2 * v.bytes / 4
	return family{
		name: "WindowF32",
		doc: fmt.Sprintf(`WindowF32 holds, by the number of rows, tiles of %d columns of a float32 matrix
product whose first operand is gathered. An element's sum is that of GemmF32.`, nr),
		signature: "func(c *float32, cStride uintptr, a *float32, aRow uintptr, places *uintptr, b *float32, k uintptr, add uintptr)",
		loop: fmt.Sprintf(`	for i := range %%d {
		for j := range %d {
			if add == 0 {
				c[i][j] = 0
			}
			for p := range k {
				c[i][j] += a[i*aRow + places[p]] * b[p][j]
			}
		}
	}

where a row of c is cStride and a row of a aRow bytes apart, and places are in
bytes. The rows of b are adjacent. k is at least 1.`, nr),
		body:     func(c *build.Context, rows int) { windowF32Body(c, rows, v) },
		variants: upTo(mr),
	}
}

func windowF32Body(c *build.Context, rows int, v vector) {
	dst, dstStride := loadParam(c, "c"), loadParam(c, "cStride")
	a, places, b, k := loadParam(c, "a"), loadParam(c, "places"), loadParam(c, "b"), loadParam(c, "k")
	acc := loadSums(c, dst, dstStride, rows, v)
	at := c.GP64()
	row := rowAddresses(c, at, c.Param("aRow"), rows)
	c.LEAQ(operand.Mem{Base: places, Index: k, Scale: 8}, places)
	c.NEGQ(k)
	c.Label("loop")
	c.MOVQ(operand.Mem{Base: places, Index: k, Scale: 8}, at)
	c.ADDQ(a, at)
	var bs [2]reg.VecVirtual
	for j := range bs {
		bs[j] = v.alloc(c)
		c.VMOVUPS(operand.Mem{Base: b, Disp: j * v.bytes}, bs[j])
	}
	for i := range acc {
		x := v.alloc(c)
		c.VBROADCASTSS(row[i], x)
		for j := range bs {
			c.VFMADD231PS(bs[j], x, acc[i][j])
		}
	}
	c.ADDQ(operand.U32(2*v.bytes), b)
	c.INCQ(k)
	c.JNZ(operand.LabelRef("loop"))
	storeSums(c, acc, dst, dstStride, v)
}

// loadSums returns a tile's sums, from memory or zero as the parameter add says.
func loadSums(c *build.Context, dst, stride reg.GPVirtual, rows int, v vector) [][2]reg.VecVirtual {
	add := loadParam(c, "add")
	acc := make([][2]reg.VecVirtual, rows)
	for i := range acc {
		acc[i] = [2]reg.VecVirtual{v.alloc(c), v.alloc(c)}
	}
	c.TESTQ(add, add)
	c.JZ(operand.LabelRef("zero"))
	p := c.GP64()
	c.MOVQ(dst, p)
	for i := range acc {
		for j := range acc[i] {
			c.VMOVUPS(operand.Mem{Base: p, Disp: j * v.bytes}, acc[i][j])
		}
		if i < rows-1 {
			c.ADDQ(stride, p)
		}
	}
	c.JMP(operand.LabelRef("sum"))
	c.Label("zero")
	for i := range acc {
		for j := range acc[i] {
			zero(c, acc[i][j])
		}
	}
	c.Label("sum")
	return acc
}

// storeSums stores a tile and returns.
func storeSums(c *build.Context, acc [][2]reg.VecVirtual, dst, stride reg.GPVirtual, v vector) {
	for i := range acc {
		for j := range acc[i] {
			c.VMOVUPS(acc[i][j], operand.Mem{Base: dst, Disp: j * v.bytes})
		}
		if i < len(acc)-1 {
			c.ADDQ(stride, dst)
		}
	}
	c.VZEROUPPER()
	c.RET()
}
