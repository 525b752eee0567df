package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// One call pools a row of output pixels: with 32 channels a pixel is only four
// vectors, so that a call for each would cost more than its work.

func init() {
	for _, t := range []struct {
		suffix, element string
		larger          func(c *build.Context, m operand.Mem, v reg.VecVirtual)
	}{
		{"I32", "int32", func(c *build.Context, m operand.Mem, v reg.VecVirtual) { c.VPMAXSD(m, v, v) }},
		{"F32", "float32", func(c *build.Context, m operand.Mem, v reg.VecVirtual) {
			// VMAXPS gives its first source operand, which is the last but one
			// here, only if that is greater: the comparison of the Go loop.
			x := c.YMM()
			c.VMOVUPS(m, x)
			c.VMAXPS(v, x, v)
		}},
	} {
		add("avx2", family{
			name:      "MaxPool" + t.suffix,
			doc:       "MaxPool" + t.suffix + " pools a row of pixels.",
			signature: fmt.Sprintf("func(dst, src *%s, pixels, cols, stride, step, row, window uintptr)", t.element),
			loop: `	for i := range pixels {
		for j := range cols {
			best := src[i*step*stride+j]
			for y := range window {
				for x := range window {
					if v := src[y*row+(i*step+x)*stride+j]; v > best {
						best = v
					}
				}
			}
			dst[i*stride+j] = best
		}
	}

pixels, step and window are at least 1; cols is a multiple of 8, at least 8.`,
			body: func(c *build.Context, _ int) {
				maxPool(c, func(m operand.Mem, v reg.VecVirtual) { t.larger(c, m, v) })
			},
		})
	}
}

// maxPool takes 32 channels of a pixel at a time, then 8.
func maxPool(c *build.Context, larger func(operand.Mem, reg.VecVirtual)) {
	dst, src, pixels := loadParam(c, "dst"), loadParam(c, "src"), loadParam(c, "pixels")
	stride, row, window := loadParam(c, "stride"), loadParam(c, "row"), loadParam(c, "window")
	c.SHLQ(operand.U8(2), stride)
	c.SHLQ(operand.U8(2), row)
	step := loadParam(c, "step")
	c.IMULQ(stride, step)

	c.Label("pixel")
	left, at := loadParam(c, "cols"), c.GP64() // columns to do; their offset in bytes
	c.XORQ(at, at)
	for _, vectors := range []int{4, 1} {
		label := func(name string) string { return fmt.Sprintf("%s%d", name, vectors) }
		cols := operand.U8(8 * vectors)
		c.Label(label("columns"))
		c.CMPQ(left, cols)
		c.JB(operand.LabelRef(label("done")))
		line, x, kx, ky := c.GP64(), c.GP64(), c.GP64(), c.GP64()
		c.LEAQ(operand.Mem{Base: src, Index: at, Scale: 1}, line)
		var best [4]reg.VecVirtual
		for i := range vectors {
			best[i] = c.YMM()
			c.VMOVUPS(operand.Mem{Base: line, Disp: 32 * i}, best[i])
		}
		c.MOVQ(window, ky)
		c.Label(label("line"))
		c.MOVQ(line, x)
		c.MOVQ(window, kx)
		c.Label(label("tap"))
		for i := range vectors {
			larger(operand.Mem{Base: x, Disp: 32 * i}, best[i])
		}
		c.ADDQ(stride, x)
		c.DECQ(kx)
		c.JNZ(operand.LabelRef(label("tap")))
		c.ADDQ(row, line)
		c.DECQ(ky)
		c.JNZ(operand.LabelRef(label("line")))
		for i := range vectors {
			c.VMOVUPS(best[i], operand.Mem{Base: dst, Index: at, Scale: 1, Disp: 32 * i})
		}
		c.ADDQ(operand.U8(32*vectors), at)
		c.SUBQ(cols, left)
		c.JMP(operand.LabelRef(label("columns")))
		c.Label(label("done"))
	}
	c.ADDQ(step, src)
	c.ADDQ(stride, dst)
	c.DECQ(pixels)
	c.JNZ(operand.LabelRef("pixel"))
	c.VZEROUPPER()
	c.RET()
}
