package main

import (
	"fmt"
	"math/bits"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/gotypes"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func init() {
	add("avx2", gemmF32(6, vector{32, (*build.Context).YMM}))
	add("avx512bw", gemmF32(14, vector{64, (*build.Context).ZMM}))
}

// A vector is a register width: its bytes, and the way to ask for a register.
type vector struct {
	bytes int
	alloc func(*build.Context) reg.VecVirtual
}

// gemmF32 is a tile of up to mr rows and two vectors of columns. mr·2 sums, two
// vectors of b and the broadcast element of a fill the registers; that many
// sums hide the latency of the FMA (4 cycles, 2 a cycle: at least 8), and make
// mr·2 FMAs of mr+2 loads, so that the FMAs alone bound the loop.
func gemmF32(mr int, v vector) family {
	nr := 2 * v.bytes / 4
	return family{
		name: "GemmF32",
		doc: fmt.Sprintf(`GemmF32 holds, by the number of rows, tiles of %d columns of a float32 matrix
product. An element's sum starts from c (or 0) and takes its products in the
order of k by one FMA each: its bits do not depend on the tile it is in, nor on
where a caller cuts k.`, nr),
		signature: "func(c *float32, cStride uintptr, a *float32, aRow, aCol uintptr, b *float32, k uintptr, add uintptr)",
		loop: fmt.Sprintf(`	for i := range %%d {
		for j := range %d {
			if add == 0 {
				c[i][j] = 0
			}
			for p := range k {
				c[i][j] += a[i*aRow + p*aCol] * b[p][j]
			}
		}
	}

where a row of c is cStride, and a row and a column of a are aRow and aCol
bytes apart. The rows of b are adjacent. k is at least 1.`, nr),
		body:     func(c *build.Context, rows int) { gemmF32Body(c, rows, v) },
		variants: upTo(mr),
	}
}

func gemmF32Body(c *build.Context, rows int, v vector) {
	load := func(name string) reg.GPVirtual { return c.Load(c.Param(name), c.GP64()).(reg.GPVirtual) }
	dst, dstStride := load("c"), load("cStride")
	a, aCol, b, k := load("a"), load("aCol"), load("b"), load("k")
	add := load("add")

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
			c.ADDQ(dstStride, p)
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
	row := rowAddresses(c, a, c.Param("aRow"), rows)
	c.Label("loop")
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
	c.ADDQ(aCol, a)
	c.ADDQ(operand.U32(2*v.bytes), b)
	c.DECQ(k)
	c.JNZ(operand.LabelRef("loop"))

	for i := range acc {
		for j := range acc[i] {
			c.VMOVUPS(acc[i][j], operand.Mem{Base: dst, Disp: j * v.bytes})
		}
		if i < rows-1 {
			c.ADDQ(dstStride, dst)
		}
	}
	c.VZEROUPPER()
	c.RET()
}

// zero clears a vector. AVX-512F alone has no VXORPS of a whole register.
func zero(c *build.Context, r reg.VecVirtual) {
	if r.Size() == 64 {
		c.VPXORD(r, r, r)
	} else {
		c.VXORPS(r, r, r)
	}
}

// rowAddresses returns the operands at base + i·stride for i < n. An address
// scales its index by 1, 2, 4 or 8, so one register for each odd multiple of
// the stride serves every row, and only base has to move.
func rowAddresses(c *build.Context, base reg.GPVirtual, stride gotypes.Component, n int) []operand.Mem {
	out := make([]operand.Mem, n)
	out[0] = operand.Mem{Base: base}
	if n == 1 {
		return out
	}
	multiple := map[int]reg.GPVirtual{1: c.Load(stride, c.GP64()).(reg.GPVirtual)}
	for i := 1; i < n; i++ {
		scale := 1 << min(bits.TrailingZeros(uint(i)), 3)
		m := i / scale
		if multiple[m] == nil {
			// m is odd and more than 1, and m-2 is among the multiples.
			r := c.GP64()
			c.LEAQ(operand.Mem{Base: multiple[m-2], Index: multiple[1], Scale: 2}, r)
			multiple[m] = r
		}
		out[i] = operand.Mem{Base: base, Index: multiple[m], Scale: uint8(scale)}
	}
	return out
}
