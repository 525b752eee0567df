package main

import (
	"strings"
	"testing"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/reg"
)

// TestVerify compiles small functions, most of them wrong, as emit does.
func TestVerify(t *testing.T) {
	for _, test := range []struct {
		name string
		want string // part of the error; empty for none
		body func(c *build.Context, p, q reg.GPVirtual)
	}{
		{"a kernel", "", func(c *build.Context, p, q reg.GPVirtual) {
			y := c.YMM()
			c.VMOVUPS(operand.Mem{Base: p}, y)
			c.VMOVUPS(y, operand.Mem{Base: q})
			c.VZEROUPPER()
			c.RET()
		}},
		{"no vectors", "", func(c *build.Context, p, q reg.GPVirtual) {
			c.ADDQ(p, q)
			c.RET()
		}},
		{"X registers alone", "", func(c *build.Context, p, q reg.GPVirtual) {
			x := c.XMM()
			c.VMOVUPS(operand.Mem{Base: p}, x)
			c.VMOVUPS(x, operand.Mem{Base: q})
			c.RET()
		}},
		{"legacy SSE alone", "", func(c *build.Context, p, q reg.GPVirtual) {
			x := c.XMM()
			c.MOVUPS(operand.Mem{Base: p}, x)
			c.MOVUPS(x, operand.Mem{Base: q})
			c.RET()
		}},
		{"cleared on both ways out", "", func(c *build.Context, p, q reg.GPVirtual) {
			c.TESTQ(p, p)
			c.JZ(operand.LabelRef("other"))
			useY(c, p, q)
			c.VZEROUPPER()
			c.RET()
			c.Label("other")
			c.RET()
		}},
		{"not cleared", "RET without VZEROUPPER", func(c *build.Context, p, q reg.GPVirtual) {
			useY(c, p, q)
			c.RET()
		}},
		{"not cleared, Z", "RET without VZEROUPPER", func(c *build.Context, p, q reg.GPVirtual) {
			z := c.ZMM()
			c.VPXORQ(z, z, z)
			c.VMOVDQU64(z, operand.Mem{Base: q})
			c.RET()
		}},
		{"cleared too early", "RET without VZEROUPPER", func(c *build.Context, p, q reg.GPVirtual) {
			c.VZEROUPPER()
			useY(c, p, q)
			c.RET()
		}},
		{"not cleared on one way out", "RET without VZEROUPPER", func(c *build.Context, p, q reg.GPVirtual) {
			useY(c, p, q)
			c.TESTQ(p, p)
			c.JZ(operand.LabelRef("other"))
			c.VZEROUPPER()
			c.RET()
			c.Label("other")
			c.RET()
		}},
		{"not cleared after a loop", "RET without VZEROUPPER", func(c *build.Context, p, q reg.GPVirtual) {
			c.Label("loop")
			c.VZEROUPPER()
			useY(c, p, q)
			c.DECQ(p)
			c.JNZ(operand.LabelRef("loop"))
			c.RET()
		}},
		{"no RET", "runs past its last instruction", func(c *build.Context, p, q reg.GPVirtual) {
			useY(c, p, q)
		}},
		{"legacy SSE move", "legacy SSE instruction MOVSS", func(c *build.Context, p, q reg.GPVirtual) {
			y := c.YMM()
			c.VMOVUPS(operand.Mem{Base: p}, y)
			c.MOVSS(y.AsX(), operand.Mem{Base: q})
			c.VZEROUPPER()
			c.RET()
		}},
		{"legacy SSE move from a general register", "legacy SSE instruction MOVQ", func(c *build.Context, p, q reg.GPVirtual) {
			x := c.XMM()
			c.MOVQ(p, x)
			c.VMOVUPS(x, operand.Mem{Base: q})
			c.RET()
		}},
		{"aligned load", "VMOVAPS accesses memory", func(c *build.Context, p, q reg.GPVirtual) {
			x := c.XMM()
			c.VMOVAPS(operand.Mem{Base: p}, x)
			c.VMOVUPS(x, operand.Mem{Base: q})
			c.RET()
		}},
		{"aligned move of registers", "", func(c *build.Context, p, q reg.GPVirtual) {
			x, y := c.XMM(), c.XMM()
			c.VMOVUPS(operand.Mem{Base: p}, x)
			c.VMOVAPS(x, y)
			c.VADDPS(x, y, x)
			c.VMOVUPS(x, operand.Mem{Base: q})
			c.RET()
		}},
		{"non-temporal store", "VMOVNTPS accesses memory", func(c *build.Context, p, q reg.GPVirtual) {
			x := c.XMM()
			c.VMOVUPS(operand.Mem{Base: p}, x)
			c.VMOVNTPS(x, operand.Mem{Base: q})
			c.RET()
		}},
		{"local variable", "wants 8 bytes of stack", func(c *build.Context, p, q reg.GPVirtual) {
			c.MOVQ(p, c.AllocLocal(8))
			c.RET()
		}},
		{"red zone", "MOVQ uses the stack", func(c *build.Context, p, q reg.GPVirtual) {
			c.MOVQ(p, operand.Mem{Base: reg.RSP, Disp: -8})
			c.RET()
		}},
		{"push", "PUSHQ", func(c *build.Context, p, q reg.GPVirtual) {
			c.PUSHQ(p)
			c.RET()
		}},
		{"write to SP", "SUBQ writes SP", func(c *build.Context, p, q reg.GPVirtual) {
			c.SUBQ(operand.U8(8), reg.RSP)
			c.RET()
		}},
		// avo saves BP in a frame, which is one thing too many as well.
		{"write to BP", "stack", func(c *build.Context, p, q reg.GPVirtual) {
			c.MOVQ(p, reg.RBP)
			c.RET()
		}},
		{"R15", "", func(c *build.Context, p, q reg.GPVirtual) {
			c.MOVQ(p, reg.R15)
			c.RET()
		}},
		{"R15 and a global", "R15 and a global", func(c *build.Context, p, q reg.GPVirtual) {
			c.LEAQ(operand.NewDataAddr(operand.NewStaticSymbol("table"), 0), p)
			c.MOVQ(p, reg.R15)
			c.RET()
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := build.NewContext()
			c.Function("f")
			c.SignatureExpr("func(p, q uintptr)")
			test.body(c, loadParam(c, "p"), loadParam(c, "q"))
			file, err := c.Result()
			if err != nil {
				t.Fatal(err)
			}
			if err := pass.Compile.Execute(file); err != nil {
				t.Fatal(err)
			}
			err = verify("avx512bw", file)
			if test.want == "" && err != nil {
				t.Fatalf("got %v: want no error", err)
			}
			if test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Fatalf("got %v: want an error with %q", err, test.want)
			}
		})
	}
}

// useY uses a Y register.
func useY(c *build.Context, p, q reg.GPVirtual) {
	y := c.YMM()
	c.VMOVUPS(operand.Mem{Base: p}, y)
	c.VMOVUPS(y, operand.Mem{Base: q})
}
