package main

import (
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func init() {
	add("avx2", family{
		name:      "DotF32",
		doc:       "DotF32 is the inner product of two float32 vectors.",
		signature: "func(x, y *float32, n uintptr) float32",
		loop: `	for i := range n {
		sum += x[i] * y[i]
	}

with the sums of 32 interleaved partial vectors added in a tree. n is a
multiple of 32 and may be zero.`,
		body: dotF32,
	})
}

// dotF32 keeps four accumulators of eight lanes: a fused multiply-add takes
// four cycles and two start a cycle, so fewer would wait on their own result.
// Two loads feed one FMA, which bounds it at one FMA a cycle from L1.
func dotF32(c *build.Context, _ int) {
	x := c.Load(c.Param("x"), c.GP64()).(reg.GPVirtual)
	y := c.Load(c.Param("y"), c.GP64()).(reg.GPVirtual)
	n := c.Load(c.Param("n"), c.GP64()).(reg.GPVirtual)
	var acc [4]reg.VecVirtual
	for i := range acc {
		acc[i] = c.YMM()
		c.VXORPS(acc[i], acc[i], acc[i])
	}
	c.Label("loop")
	c.TESTQ(n, n)
	c.JZ(operand.LabelRef("done"))
	for i := range acc {
		v := c.YMM()
		c.VMOVUPS(operand.Mem{Base: x, Disp: 32 * i}, v)
		c.VFMADD231PS(operand.Mem{Base: y, Disp: 32 * i}, v, acc[i])
	}
	c.ADDQ(operand.U8(128), x)
	c.ADDQ(operand.U8(128), y)
	c.SUBQ(operand.U8(32), n)
	c.JMP(operand.LabelRef("loop"))
	c.Label("done")
	c.VADDPS(acc[0], acc[1], acc[0])
	c.VADDPS(acc[2], acc[3], acc[2])
	c.VADDPS(acc[0], acc[2], acc[0])
	lo, hi := acc[0].AsX(), c.XMM()
	c.VEXTRACTF128(operand.U8(1), acc[0], hi)
	c.VADDPS(lo, hi, lo)
	c.VHADDPS(lo, lo, lo)
	c.VHADDPS(lo, lo, lo)
	c.Store(lo, c.ReturnIndex(0))
	c.VZEROUPPER()
	c.RET()
}
