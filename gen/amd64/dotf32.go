package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func init() {
	add("avx2", dotF32(ymm))
	add("avx512bw", dotF32(zmm))
}

// dotF32 keeps eight accumulators. Two loads feed one FMA, which bounds it at one
// FMA a cycle from L1; one takes four cycles, so that four sums would do if none
// ever came late.
func dotF32(v vector) family {
	const accumulators = 8
	block := uint32(accumulators * v.bytes / 4)
	return family{
		name:      "DotF32",
		doc:       "DotF32 is the inner product of two float32 vectors.",
		signature: "func(x, y *float32, n uintptr) float32",
		loop: fmt.Sprintf(`	for i := range n {
		sum += x[i] * y[i]
	}

with the sums of %d interleaved partial vectors added in a tree. n is a
multiple of %d and may be zero.`, block, block),
		constants: []constant{{"DotF32Block", int(block), "is what n is a multiple of"}},
		body: func(c *build.Context, _ int) {
			x, y, n := loadParam(c, "x"), loadParam(c, "y"), loadParam(c, "n")
			var acc [accumulators]reg.VecVirtual
			for i := range acc {
				acc[i] = v.alloc(c)
				zero(c, acc[i])
			}
			c.SUBQ(operand.U32(block), n)
			c.JCS(operand.LabelRef("done"))
			c.Label("loop")
			for i := range acc {
				t := v.alloc(c)
				c.VMOVUPS(operand.Mem{Base: x, Disp: v.bytes * i}, t)
				c.VFMADD231PS(operand.Mem{Base: y, Disp: v.bytes * i}, t, acc[i])
			}
			c.ADDQ(operand.U32(4*block), x)
			c.ADDQ(operand.U32(4*block), y)
			c.SUBQ(operand.U32(block), n)
			c.JCC(operand.LabelRef("loop"))
			c.Label("done")
			for apart := 1; apart < accumulators; apart *= 2 {
				for i := 0; i < accumulators; i += 2 * apart {
					c.VADDPS(acc[i], acc[i+apart], acc[i])
				}
			}
			sum := acc[0].AsY()
			if v.bytes == 64 {
				hi := c.YMM()
				c.VEXTRACTF64X4(operand.U8(1), acc[0], hi)
				c.VADDPS(sum, hi, sum)
			}
			lo, hi := acc[0].AsX(), c.XMM()
			c.VEXTRACTF128(operand.U8(1), sum, hi)
			c.VADDPS(lo, hi, lo)
			c.VHADDPS(lo, lo, lo)
			c.VHADDPS(lo, lo, lo)
			ret, err := c.ReturnIndex(0).Resolve()
			if err != nil {
				panic(err) // the signature has a result
			}
			c.VMOVSS(lo, ret.Addr) // Context.Store would emit the legacy MOVSS
			c.VZEROUPPER()
			c.RET()
		},
	}
}
