package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func init() {
	add("avx2", family{
		name:      "Thresholds",
		doc:       "Thresholds makes codes of sums by comparison.",
		signature: "func(dst *byte, acc *int32, rows, stride uintptr, thr, flip *int32, levels, cols uintptr)",
		loop: `	for i := range rows {
		for j := range cols {
			v := (acc[i][j] ^ flip[j]) - flip[j]
			n := 0
			for t := range levels {
				if v >= thr[t][j] {
					n++
				}
			}
			dst[i][j] = byte(n)
		}
	}

with rows of dst, acc and thr that lie stride elements apart. flip is 0 or -1.
rows and levels are at least 1, levels at most 255; cols is a multiple of 8, at
least 8.`,
		body: thresholds,
	})
	add("avx2", family{
		name:      "Requantize",
		doc:       "Requantize makes codes of sums in fixed point.",
		signature: "func(dst *byte, acc *int32, rows, stride uintptr, mul *int32, add *int64, shift, top, cols uintptr)",
		loop: `	for i := range rows {
		for j := range cols {
			v := (int64(acc[i][j])*int64(mul[j]) + add[j]) >> shift
			dst[i][j] = byte(min(max(v, 0), int64(top)))
		}
	}

with rows that lie stride elements apart. rows is at least 1, shift at most 63,
top at most 255; cols is a multiple of 8, at least 8.`,
		body: requantize,
	})
}

// thresholds takes four rows at a time, which share the loads of thresholds and
// the loop over them, then single rows.
func thresholds(c *build.Context, _ int) {
	dst, acc, rows, stride := loadParam(c, "dst"), loadParam(c, "acc"), loadParam(c, "rows"), loadParam(c, "stride")
	levels, stride3 := loadParam(c, "levels"), c.GP64()
	c.LEAQ(operand.Mem{Base: stride, Index: stride, Scale: 2}, stride3)
	all := c.YMM()
	c.VMOVD(levels.As32(), all.AsX())
	c.VPBROADCASTD(all.AsX(), all)

	block := func(n int) {
		label := func(name string) string { return fmt.Sprintf("%s%d", name, n) }
		thr, flip, cols := loadParam(c, "thr"), loadParam(c, "flip"), loadParam(c, "cols")
		d, a := c.GP64(), c.GP64()
		c.MOVQ(dst, d)
		c.MOVQ(acc, a)
		c.Label(label("columns"))
		var v, count [4]reg.VecVirtual
		f := c.YMM()
		c.VMOVDQU(operand.Mem{Base: flip}, f)
		for i, m := range []operand.Mem{
			{Base: a}, {Base: a, Index: stride, Scale: 4}, {Base: a, Index: stride, Scale: 8}, {Base: a, Index: stride3, Scale: 4},
		}[:n] {
			v[i], count[i] = c.YMM(), c.YMM()
			c.VPXOR(m, f, v[i])
			c.VPSUBD(f, v[i], v[i])
			c.VMOVDQA(all, count[i])
		}
		t, left := c.GP64(), c.GP64()
		c.MOVQ(thr, t)
		c.MOVQ(levels, left)
		c.Label(label("levels"))
		y := c.YMM()
		c.VMOVDQU(operand.Mem{Base: t}, y)
		for i := range n {
			// The comparison is -1 for a threshold that is not reached.
			above := c.YMM()
			c.VPCMPGTD(v[i], y, above)
			c.VPADDD(above, count[i], count[i])
		}
		c.LEAQ(operand.Mem{Base: t, Index: stride, Scale: 4}, t)
		c.DECQ(left)
		c.JNZ(operand.LabelRef(label("levels")))

		storeCodes(c, count[:n], []operand.Mem{
			{Base: d}, {Base: d, Index: stride, Scale: 1}, {Base: d, Index: stride, Scale: 2}, {Base: d, Index: stride3, Scale: 1},
		})
		c.ADDQ(operand.U8(32), a)
		c.ADDQ(operand.U8(32), thr)
		c.ADDQ(operand.U8(32), flip)
		c.ADDQ(operand.U8(8), d)
		c.SUBQ(operand.U8(8), cols)
		c.JNZ(operand.LabelRef(label("columns")))
		for range n {
			c.ADDQ(stride, dst)
			c.LEAQ(operand.Mem{Base: acc, Index: stride, Scale: 4}, acc)
		}
	}
	c.Label("rows4")
	c.CMPQ(rows, operand.U8(4))
	c.JB(operand.LabelRef("rows1"))
	block(4)
	c.SUBQ(operand.U8(4), rows)
	c.JMP(operand.LabelRef("rows4"))
	c.Label("rows1")
	c.TESTQ(rows, rows)
	c.JZ(operand.LabelRef("done"))
	block(1)
	c.DECQ(rows)
	c.JMP(operand.LabelRef("rows1"))
	c.Label("done")
	c.VZEROUPPER()
	c.RET()
}

// storeCodes narrows vectors of 8 codes from 32 bits to bytes and stores them:
// one or four, each to its own operand.
func storeCodes(c *build.Context, codes []reg.VecVirtual, to []operand.Mem) {
	pair := func(i int) reg.VecVirtual {
		words := c.YMM()
		c.VPACKUSDW(codes[min(i+1, len(codes)-1)], codes[i], words)
		return words
	}
	// Packing works lane by lane: the low lane of bytes gets columns 0-3 of each
	// vector, the high lane columns 4-7.
	bytes := pair(0)
	if len(codes) > 1 {
		c.VPACKUSWB(pair(2), bytes, bytes)
	} else {
		c.VPACKUSWB(bytes, bytes, bytes)
	}
	hi, first := c.XMM(), c.XMM()
	c.VEXTRACTI128(operand.U8(1), bytes, hi)
	c.VPUNPCKLDQ(hi, bytes.AsX(), first)
	c.VMOVQ(first, to[0])
	if len(codes) > 1 {
		last := c.XMM()
		c.VPUNPCKHDQ(hi, bytes.AsX(), last)
		c.VMOVHPS(first, to[1])
		c.VMOVQ(last, to[2])
		c.VMOVHPS(last, to[3])
	}
}

// requantize multiplies, adds and shifts in 64-bit lanes, four columns each.
// AVX2 has no arithmetic shift of those: negative numbers become zero before
// the shift rather than after it, which comes to the same.
func requantize(c *build.Context, _ int) {
	dst, acc, rows, stride := loadParam(c, "dst"), loadParam(c, "acc"), loadParam(c, "rows"), loadParam(c, "stride")
	mul, add, cols := loadParam(c, "mul"), loadParam(c, "add"), loadParam(c, "cols")
	none, shift, top := c.YMM(), c.XMM(), c.YMM()
	c.VPXOR(none, none, none)
	c.VMOVQ(loadParam(c, "shift"), shift)
	c.VMOVQ(loadParam(c, "top"), top.AsX())
	c.VPBROADCASTQ(top.AsX(), top)
	c.Label("row")
	j := c.GP64()
	c.XORQ(j, j)
	c.Label("columns")
	var half [2]reg.VecVirtual
	for i := range half {
		v, m := c.YMM(), c.YMM()
		c.VPMOVSXDQ(operand.Mem{Base: acc, Index: j, Scale: 4, Disp: 16 * i}, v)
		c.VPMOVSXDQ(operand.Mem{Base: mul, Index: j, Scale: 4, Disp: 16 * i}, m)
		c.VPMULDQ(m, v, v)
		c.VPADDQ(operand.Mem{Base: add, Index: j, Scale: 8, Disp: 32 * i}, v, v)
		negative, above := c.YMM(), c.YMM()
		c.VPCMPGTQ(v, none, negative)
		c.VPANDN(v, negative, v)
		c.VPSRLQ(shift, v, v)
		c.VPCMPGTQ(top, v, above)
		c.VPBLENDVB(above, top, v, v)
		half[i] = v
	}
	// The low halves, in the order of columns 0 1 4 5 and 2 3 6 7.
	codes := c.YMM()
	c.VSHUFPS(operand.U8(0x88), half[1], half[0], codes)
	c.VPERMQ(operand.U8(0xd8), codes, codes)
	storeCodes(c, []reg.VecVirtual{codes}, []operand.Mem{{Base: dst, Index: j, Scale: 1}})
	c.ADDQ(operand.U8(8), j)
	c.CMPQ(j, cols)
	c.JB(operand.LabelRef("columns"))
	c.ADDQ(stride, dst)
	c.LEAQ(operand.Mem{Base: acc, Index: stride, Scale: 4}, acc)
	c.DECQ(rows)
	c.JNZ(operand.LabelRef("row"))
	c.VZEROUPPER()
	c.RET()
}
