package main

import (
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The steps between products work on rows of channels, 8 columns at a time,
// with ymm registers. Wider ones would gain little: these loops read four bytes
// for every one or two operations, and take a few per cent of a layer.

func init() {
	add("avx2", family{
		name:      "Affine",
		doc:       "Affine scales and shifts channels.",
		signature: "func(x *float32, rows, stride uintptr, scale, bias *float32, relu, cols uintptr)",
		loop: `	for i := range rows {
		for j := range cols {
			v := float32(x[i][j]*scale[j]) + bias[j]
			if relu != 0 && v < 0 {
				v = 0
			}
			x[i][j] = v
		}
	}

with rows that lie stride elements apart. rows is at least 1, cols a multiple
of 8, at least 8.`,
		body: func(c *build.Context, _ int) { affine(c, false) },
	})
	add("avx2", family{
		name:      "AffineAdd",
		doc:       "AffineAdd scales and shifts channels and adds others.",
		signature: "func(x, y *float32, rows, stride uintptr, scale, bias *float32, relu, cols uintptr)",
		loop: `	for i := range rows {
		for j := range cols {
			v := float32(float32(x[i][j]*scale[j])+bias[j]) + y[i][j]
			if relu != 0 && v < 0 {
				v = 0
			}
			x[i][j] = v
		}
	}

with rows that lie stride elements apart. rows is at least 1, cols a multiple
of 8, at least 8.`,
		body: func(c *build.Context, _ int) { affine(c, true) },
	})
}

// affine bounds by zero or, without relu, by minus infinity. It multiplies and
// adds in two steps: a fused step would round once and give other bits than
// CPUs that lack it.
func affine(c *build.Context, add bool) {
	bound, infinity := c.YMM(), c.GP32()
	c.VXORPS(bound, bound, bound)
	relu := loadParam(c, "relu")
	c.TESTQ(relu, relu)
	c.JNZ(operand.LabelRef("rows"))
	c.MOVL(operand.U32(0xff800000), infinity)
	c.VMOVD(infinity, bound.AsX())
	c.VPBROADCASTD(bound.AsX(), bound)

	c.Label("rows")
	x, rows, stride := loadParam(c, "x"), loadParam(c, "rows"), loadParam(c, "stride")
	y := x
	if add {
		y = loadParam(c, "y")
	}
	scale, bias, cols := loadParam(c, "scale"), loadParam(c, "bias"), loadParam(c, "cols")
	c.Label("row")
	j := c.GP64()
	c.XORQ(j, j)
	c.Label("columns")
	v := c.YMM()
	at := func(base reg.Register) operand.Mem { return operand.Mem{Base: base, Index: j, Scale: 4} }
	c.VMOVUPS(at(x), v)
	c.VMULPS(at(scale), v, v)
	c.VADDPS(at(bias), v, v)
	if add {
		c.VADDPS(at(y), v, v)
	}
	c.VMAXPS(v, bound, v) // v unless bound is greater
	c.VMOVUPS(v, at(x))
	c.ADDQ(operand.U8(8), j)
	c.CMPQ(j, cols)
	c.JB(operand.LabelRef("columns"))
	c.LEAQ(operand.Mem{Base: x, Index: stride, Scale: 4}, x)
	if add {
		c.LEAQ(operand.Mem{Base: y, Index: stride, Scale: 4}, y)
	}
	c.DECQ(rows)
	c.JNZ(operand.LabelRef("row"))
	c.VZEROUPPER()
	c.RET()
}
