package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// One call pools a row of output pixels: with 32 channels a pixel is only two or
// four vectors, so that a call for each would cost more than its work. Loads are
// the bound, two a cycle, and windows of 2x2 have a way without loops over them.

func init() {
	larger := map[int]func(c *build.Context, m operand.Mem, v reg.VecVirtual){
		2: func(c *build.Context, m operand.Mem, v reg.VecVirtual) { c.VPMAXSW(m, v, v) },
		4: func(c *build.Context, m operand.Mem, v reg.VecVirtual) { c.VPMAXSD(m, v, v) },
	}
	for _, t := range []struct {
		suffix, element string
		bytes           int
		larger          func(c *build.Context, m operand.Mem, v reg.VecVirtual)
	}{
		{"I16", "int16", 2, larger[2]},
		{"I32", "int32", 4, larger[4]},
		{"F32", "float32", 4, func(c *build.Context, m operand.Mem, v reg.VecVirtual) {
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
				maxPool(c, t.bytes, func(m operand.Mem, v reg.VecVirtual) { t.larger(c, m, v) })
			},
		})
	}
}

// A poolBlock is some columns of a pixel: vectors of so many bytes.
type poolBlock struct{ vectors, bytes int }

// maxPool takes 128 bytes of a pixel at a time, then 32 and, of elements of two bytes,
// 16. With windows of 2x2 they are 64, 32 and 16.
func maxPool(c *build.Context, bytes int, larger func(operand.Mem, reg.VecVirtual)) {
	dst, src, pixels := loadParam(c, "dst"), loadParam(c, "src"), loadParam(c, "pixels")
	stride, row, step := loadParam(c, "stride"), loadParam(c, "row"), loadParam(c, "step")
	pooled := c.GP64() // bytes of a pixel
	c.MOVQ(loadParam(c, "cols"), pooled)
	for _, r := range []reg.GPVirtual{stride, row, pooled} {
		c.SHLQ(operand.U8(bytes/2), r) // by 1 or 2
	}
	c.IMULQ(stride, step)
	window := loadParam(c, "window")
	c.CMPQ(window, operand.U8(2))
	c.JE(operand.LabelRef("pairs"))

	// pixel emits the loop over pixels, and in it those over columns, at an offset.
	pixel := func(way string, blocks []poolBlock, pointers []reg.GPVirtual, body func(b poolBlock, at reg.GPVirtual, best []reg.VecVirtual, label func(string) string)) {
		c.Label(way)
		left, at := c.GP64(), c.GP64()
		c.MOVQ(pooled, left)
		c.XORQ(at, at)
		for _, b := range blocks {
			if b.bytes < 8*bytes {
				continue
			}
			label := func(name string) string { return fmt.Sprintf("%s%d%s", way, b.vectors*b.bytes, name) }
			width := operand.I32(b.vectors * b.bytes)
			c.Label(label("columns"))
			c.CMPQ(left, width)
			c.JB(operand.LabelRef(label("done")))
			best := make([]reg.VecVirtual, b.vectors)
			for i := range best {
				if best[i] = c.YMM(); b.bytes == 16 {
					best[i] = c.XMM()
				}
			}
			body(b, at, best, label)
			for i, v := range best {
				c.VMOVUPS(v, operand.Mem{Base: dst, Index: at, Scale: 1, Disp: i * b.bytes})
			}
			c.ADDQ(width, at)
			c.SUBQ(width, left)
			c.JMP(operand.LabelRef(label("columns")))
			c.Label(label("done"))
		}
		for _, p := range pointers {
			c.ADDQ(step, p)
		}
		c.ADDQ(stride, dst)
		c.DECQ(pixels)
		c.JNZ(operand.LabelRef(way))
		c.VZEROUPPER()
		c.RET()
	}
	pixel("pixel", []poolBlock{{4, 32}, {1, 32}, {1, 16}}, []reg.GPVirtual{src}, func(b poolBlock, at reg.GPVirtual, best []reg.VecVirtual, label func(string) string) {
		line, x, kx, ky := c.GP64(), c.GP64(), c.GP64(), c.GP64()
		c.LEAQ(operand.Mem{Base: src, Index: at, Scale: 1}, line)
		for i, v := range best {
			c.VMOVUPS(operand.Mem{Base: line, Disp: b.bytes * i}, v)
		}
		c.MOVQ(window, ky)
		c.Label(label("line"))
		c.MOVQ(line, x)
		c.MOVQ(window, kx)
		c.Label(label("tap"))
		for i, v := range best {
			larger(operand.Mem{Base: x, Disp: b.bytes * i}, v)
		}
		c.ADDQ(stride, x)
		c.DECQ(kx)
		c.JNZ(operand.LabelRef(label("tap")))
		c.ADDQ(row, line)
		c.DECQ(ky)
		c.JNZ(operand.LabelRef(label("line")))
	})

	c.Label("pairs")
	taps := []reg.GPVirtual{src, c.GP64(), row, c.GP64()}
	c.LEAQ(operand.Mem{Base: src, Index: stride, Scale: 1}, taps[1])
	c.ADDQ(src, row)
	c.LEAQ(operand.Mem{Base: row, Index: stride, Scale: 1}, taps[3])
	pixel("pair", []poolBlock{{2, 32}, {1, 32}, {1, 16}}, taps, func(b poolBlock, at reg.GPVirtual, best []reg.VecVirtual, _ func(string) string) {
		for i, v := range best {
			for t, tap := range taps {
				m := operand.Mem{Base: tap, Index: at, Scale: 1, Disp: b.bytes * i}
				if t == 0 {
					c.VMOVUPS(m, v)
				} else {
					larger(m, v)
				}
			}
		}
	})
}
