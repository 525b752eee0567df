package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func init() {
	add("avx2", gemvF32(ymm))
	add("avx512bw", gemvF32(zmm))
}

// gemvF32 is one row by four panels of GemmF32. The tile of one row has two
// sums, each of which waits four cycles for its last FMA; eight keep both
// multipliers busy, so that loads are the bound.
func gemvF32(v vector) family {
	const panels = 4
	nr := 2 * v.bytes / 4
	return family{
		name:      "GemvF32",
		doc:       "GemvF32 is a row of a float32 matrix product.",
		signature: "func(c, a *float32, aCol uintptr, b *float32, panel, k, add uintptr)",
		loop: fmt.Sprintf(`	for j := range %d {
		if add == 0 {
			c[j] = 0
		}
		for p := range k {
			c[j] += a[p*aCol] * b[j/%d*panel + p][j%%%d]
		}
	}

with the sums of GemmF32, bit for bit. Elements of a are aCol and panels of b
panel bytes apart. k is at least 1.`, panels*nr, nr, nr),
		body: func(c *build.Context, _ int) {
			dst, a, aCol := loadParam(c, "c"), loadParam(c, "a"), loadParam(c, "aCol")
			b, panel, k, add := loadParam(c, "b"), loadParam(c, "panel"), loadParam(c, "k"), loadParam(c, "add")
			at := func(i int) operand.Mem { return operand.Mem{Base: dst, Disp: v.bytes * i} }
			var acc [2 * panels]reg.VecVirtual
			for i := range acc {
				acc[i] = v.alloc(c)
				zero(c, acc[i])
			}
			c.TESTQ(add, add)
			c.JZ(operand.LabelRef("sum"))
			for i := range acc {
				c.VMOVUPS(at(i), acc[i])
			}
			c.Label("sum")
			panel3 := c.GP64()
			c.LEAQ(operand.Mem{Base: panel, Index: panel, Scale: 2}, panel3)
			from := [panels]operand.Mem{{Base: b}, {Base: b, Index: panel, Scale: 1}, {Base: b, Index: panel, Scale: 2}, {Base: b, Index: panel3, Scale: 1}}
			c.Label("loop")
			x := v.alloc(c)
			c.VBROADCASTSS(operand.Mem{Base: a}, x)
			for i := range acc {
				c.VFMADD231PS(from[i/2].Offset(i%2*v.bytes), x, acc[i])
			}
			c.ADDQ(aCol, a)
			c.ADDQ(operand.U32(2*v.bytes), b)
			c.DECQ(k)
			c.JNZ(operand.LabelRef("loop"))
			for i := range acc {
				c.VMOVUPS(acc[i], at(i))
			}
			c.VZEROUPPER()
			c.RET()
		},
	}
}
