package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func init() {
	add("avx2", windowF32(6, vector{32, (*build.Context).YMM}))
	add("avx512bw", windowF32(8, vector{64, (*build.Context).ZMM}))
}

// windowF32 is gemmF32 with rows and columns of a wherever they lie: a
// convolution's windows are multiplied in place, in the image. The load of a
// column's place is one more beside mr+2 for 2·mr FMAs, so that these still bound
// the loop. Each row takes a general register, which leaves AVX-512 with 8 rows:
// as many as its FMAs' latency needs.
func windowF32(mr int, v vector) family {
	nr := 2 * v.bytes / 4
	return family{
		name: "WindowF32",
		doc: fmt.Sprintf(`WindowF32 holds, by the number of rows, tiles of %d columns of a float32 matrix
product whose first operand is gathered. An element's sum is that of GemmF32.`, nr),
		signature: "func(c *float32, cRows *uintptr, a *float32, aRows, places *uintptr, b *float32, k uintptr, add uintptr)",
		loop: fmt.Sprintf(`	for i := range %%d {
		for j := range %d {
			if add == 0 {
				c[cRows[i] + j] = 0
			}
			for p := range k {
				c[cRows[i] + j] += a[aRows[i] + places[p]] * b[p][j]
			}
		}
	}

where rows and places are in bytes. The rows of b are adjacent. k is at least 1.`, nr),
		body:     func(c *build.Context, rows int) { windowF32Body(c, rows, v) },
		variants: upTo(mr),
	}
}

func windowF32Body(c *build.Context, rows int, v vector) {
	acc := make([][2]reg.VecVirtual, rows)
	for i := range acc {
		acc[i] = [2]reg.VecVirtual{v.alloc(c), v.alloc(c)}
		zero(c, acc[i][0])
		zero(c, acc[i][1])
	}
	dst, cRows, add := loadParam(c, "c"), loadParam(c, "cRows"), loadParam(c, "add")
	// sums calls f with each sum and its place in memory.
	sums := func(f func(v reg.VecVirtual, m operand.Mem)) {
		at := c.GP64()
		for i := range acc {
			c.MOVQ(operand.Mem{Base: cRows, Disp: 8 * i}, at)
			for j := range acc[i] {
				f(acc[i][j], operand.Mem{Base: dst, Index: at, Scale: 1, Disp: j * v.bytes})
			}
		}
	}
	c.TESTQ(add, add)
	c.JZ(operand.LabelRef("sum"))
	sums(func(v reg.VecVirtual, m operand.Mem) { c.VMOVUPS(m, v) })
	c.Label("sum")
	aRows, places, b, k := loadParam(c, "aRows"), loadParam(c, "places"), loadParam(c, "b"), loadParam(c, "k")
	row := make([]reg.GPVirtual, rows)
	for i := range row {
		row[i] = loadParam(c, "a")
		c.ADDQ(operand.Mem{Base: aRows, Disp: 8 * i}, row[i])
	}
	c.Label("loop")
	at := c.GP64()
	c.MOVQ(operand.Mem{Base: places}, at)
	var bs [2]reg.VecVirtual
	for j := range bs {
		bs[j] = v.alloc(c)
		c.VMOVUPS(operand.Mem{Base: b, Disp: j * v.bytes}, bs[j])
	}
	for i := range acc {
		x := v.alloc(c)
		c.VBROADCASTSS(operand.Mem{Base: row[i], Index: at, Scale: 1}, x)
		for j := range bs {
			c.VFMADD231PS(bs[j], x, acc[i][j])
		}
	}
	c.ADDQ(operand.U32(2*v.bytes), b)
	c.ADDQ(operand.U8(8), places)
	c.DECQ(k)
	c.JNZ(operand.LabelRef("loop"))
	dst, cRows = loadParam(c, "c"), loadParam(c, "cRows") // no registers in the loop
	sums(func(v reg.VecVirtual, m operand.Mem) { c.VMOVUPS(v, m) })
	c.VZEROUPPER()
	c.RET()
}
