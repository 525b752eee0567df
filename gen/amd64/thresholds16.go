package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Thresholds of sums of 16 bits.
//
//	instruction             Zen 3: latency, ports   Ice Lake: latency, ports
//	VPCMPGTW ymm            1, FP0/3                1, p01
//	VPADDW ymm              1, FP0123               1, p015
//	VPABSW ymm              1, FP0/3                1, p01
//	VPACKUSWB ymm           1, FP1/2                1, p5
//	VPERMQ ymm              4, FP1/2                3, p5
//
// A comparison is -1 for a threshold that is exceeded. A channel whose sums count
// negated starts from the number of levels, the others from 0: the magnitude of what
// is left is the code of either, so that negating costs nothing.
//
// One threshold, or three, of some columns stay in registers while all rows pass: two
// instructions for each and 16 sums, and one load. More are read for each row, one load
// for the same two instructions.

func init() {
	add("avx2", family{
		name:      "ThresholdsI16",
		doc:       "ThresholdsI16 makes codes of sums of 16 bits by comparison.",
		signature: "func(dst *byte, acc *int16, rows, stride uintptr, thr, base *int16, levels, cols uintptr)",
		loop: `	for i := range rows {
		for j := range cols {
			n := base[j]
			for t := range levels {
				if acc[i][j] > thr[t][j] {
					n--
				}
			}
			dst[i][j] = byte(abs(n))
		}
	}

with rows of dst, acc and thr that lie stride elements apart. rows and levels are
at least 1, levels and base at most 255; cols is a multiple of 8, at least 8.`,
		body: thresholdsI16,
	})
}

func thresholdsI16(c *build.Context, _ int) {
	dst, acc, stride := loadParam(c, "dst"), loadParam(c, "acc"), loadParam(c, "stride")
	thr, base, left := loadParam(c, "thr"), loadParam(c, "base"), loadParam(c, "cols")
	levels := loadParam(c, "levels")
	for _, cols := range []int{32, 16, 8} {
		label := func(name string) string { return fmt.Sprintf("%s%d", name, cols) }
		vectors := make([]operand.Mem, (cols+15)/16) // offsets of vectors of 16 words, or of 8
		for i := range vectors {
			vectors[i].Disp = 32 * i
		}
		vec := func() reg.VecVirtual {
			if cols == 8 {
				return c.XMM()
			}
			return c.YMM()
		}
		load := func(base reg.GPVirtual) []reg.VecVirtual {
			list := make([]reg.VecVirtual, len(vectors))
			for i, m := range vectors {
				m.Base, list[i] = base, vec()
				c.VMOVDQU(m, list[i])
			}
			return list
		}
		// rows emits the loop over rows; count makes the codes, from their bases, of the sums.
		rows := func(name string, count func(sums, codes []reg.VecVirtual)) {
			d, a, n := c.GP64(), c.GP64(), loadParam(c, "rows")
			c.MOVQ(dst, d)
			c.MOVQ(acc, a)
			start := load(base)
			c.Label(label(name))
			codes := make([]reg.VecVirtual, len(vectors))
			for i := range codes {
				codes[i] = vec()
				c.VMOVDQA(start[i], codes[i])
			}
			count(load(a), codes)
			for _, v := range codes {
				c.VPABSW(v, v)
			}
			storeWords(c, codes, cols, operand.Mem{Base: d})
			c.ADDQ(stride, d)
			c.LEAQ(operand.Mem{Base: a, Index: stride, Scale: 2}, a)
			c.DECQ(n)
			c.JNZ(operand.LabelRef(label(name)))
		}
		compare := func(threshold operand.Op, sum, code reg.VecVirtual) {
			above := vec()
			c.VPCMPGTW(threshold, sum, above)
			c.VPADDW(above, code, code)
		}

		c.Label(label("columns"))
		c.CMPQ(left, operand.U8(cols))
		c.JB(operand.LabelRef(label("narrow")))
		for _, n := range []int{1, 3} {
			next := label(fmt.Sprintf("not%dof", n))
			c.CMPQ(levels, operand.U8(n))
			c.JNE(operand.LabelRef(next))
			var held [][]reg.VecVirtual
			at := c.GP64()
			c.MOVQ(thr, at)
			for range n {
				held = append(held, load(at))
				c.LEAQ(operand.Mem{Base: at, Index: stride, Scale: 2}, at)
			}
			rows(fmt.Sprintf("rows%dof", n), func(sums, codes []reg.VecVirtual) {
				for _, t := range held {
					for i := range t {
						compare(t[i], sums[i], codes[i])
					}
				}
			})
			c.JMP(operand.LabelRef(label("next")))
			c.Label(next)
		}
		rows("rows", func(sums, codes []reg.VecVirtual) {
			at, n := c.GP64(), c.GP64()
			c.MOVQ(thr, at)
			c.MOVQ(levels, n)
			c.Label(label("levels"))
			for i, m := range vectors {
				m.Base = at
				compare(m, sums[i], codes[i])
			}
			c.LEAQ(operand.Mem{Base: at, Index: stride, Scale: 2}, at)
			c.DECQ(n)
			c.JNZ(operand.LabelRef(label("levels")))
		})
		c.Label(label("next"))
		c.ADDQ(operand.U8(cols), dst)
		for _, p := range []reg.GPVirtual{acc, thr, base} {
			c.ADDQ(operand.U8(2*cols), p)
		}
		c.SUBQ(operand.U8(cols), left)
		c.JMP(operand.LabelRef(label("columns")))
		c.Label(label("narrow"))
	}
	c.VZEROUPPER()
	c.RET()
}

// storeWords narrows 32, 16 or 8 words of 0 to 255 to bytes and stores them.
func storeWords(c *build.Context, words []reg.VecVirtual, n int, to operand.Mem) {
	v := words[0]
	switch n {
	case 32:
		c.VPACKUSWB(words[1], v, v) // lane by lane: 0-7, 16-23, 8-15, 24-31
		c.VPERMQ(operand.U8(0xd8), v, v)
		c.VMOVDQU(v, to)
	case 16:
		high := c.XMM()
		c.VEXTRACTI128(operand.U8(1), v, high)
		c.VPACKUSWB(high, v.AsX(), v.AsX())
		c.VMOVDQU(v.AsX(), to)
	case 8:
		c.VPACKUSWB(v, v, v)
		c.VMOVQ(v, to)
	}
}
