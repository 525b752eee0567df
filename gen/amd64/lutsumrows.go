package main

import (
	"math/bits"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// lutRows is what tiles that look sums up do with rows of tables, the panel
// and dst.
type lutRows struct {
	simd
	gemv     bool // one row, several panels at a time
	streams  rows // panels, where several are read at a time, at this step
	x        []reg.GPVirtual
	at       reg.GPVirtual // place in the rows
	w        reg.GPVirtual // the panel, less what at times scale adds
	scale    int           // bytes of the panel for each byte of a row's tables
	shift    reg.GPVirtual
	constant reg.GPVirtual // of what rows add to their sums: 0, or lutNone when they have
}

// lutRows starts with the tables that begin at first in a row.
func (s simd) lutRows(mr, first int) *lutRows {
	t := &lutRows{simd: s, at: s.GP64(), w: s.GP64(), shift: s.param("shift"), constant: s.GP64()}
	for range mr {
		t.x = append(t.x, s.GP64())
	}
	s.XORL(t.constant.As32(), t.constant.As32())
	s.MOVQ(operand.U32(first), t.at)
	return t
}

// sets goes through the sets of tables, each with the whole panel. body moves at
// to the end of a set's steps.
func (t *lutRows) sets(tableBytes, panelBytes int, body func(end reg.GPVirtual)) {
	t.scale = panelBytes / tableBytes
	t.Label("set")
	end, back := t.param("steps"), t.GP64()
	t.SHLQ(operand.U8(bits.Len(uint(tableBytes))-1), end)
	t.ADDQ(t.at, end)
	t.Load(t.Param("w"), t.w)
	if t.gemv {
		t.streams = t.rows(t.w, t.param("panel"), gemvStreams)
	} else {
		t.MOVQ(t.at, back)
		if t.scale > 1 {
			t.SHLQ(operand.U8(bits.Len(uint(t.scale))-1), back)
		}
		t.SUBQ(back, t.w)
	}
	body(end)
	t.ADDQ(operand.U8(4), t.shift)
	t.ADDQ(operand.U8(63), t.at) // past what pads the set
	t.ANDQ(operand.I32(-64), t.at)
	x, last := t.param("x"), t.GP64()
	t.MOVL(at(x, lutEnd), last.As32())
	t.CMPQ(t.at, last)
	t.JCS(operand.LabelRef("set"))
	t.VZEROUPPER()
	t.RET()
}

// point makes the pointers to the rows; take leaves their registers to others.
func (t *lutRows) point() {
	t.Load(t.Param("x"), t.x[0])
	if len(t.x) == 1 {
		return
	}
	stride := t.param("xStride")
	for i, x := range t.x[1:] {
		t.LEAQ(operand.Mem{Base: t.x[i], Index: stride, Scale: 1}, x)
	}
}

// table is the memory disp bytes into the tables of row i at this step.
func (t *lutRows) table(i, disp int) operand.Mem {
	return operand.Mem{Base: t.x[i], Index: t.at, Scale: 1, Disp: disp}
}

// weights is the memory disp bytes into this step of the panel.
func (t *lutRows) weights(disp int) operand.Mem {
	return operand.Mem{Base: t.w, Index: t.at, Scale: uint8(t.scale), Disp: disp}
}

// ahead fetches what lies disp bytes into the step of the panel 1 KB later, or
// into the next panel. Products of one row of 4096 codes by 14336 ternary
// outputs took 0.65 times as long on Zen 3; those of many rows took the same.
func (t *lutRows) ahead(disp int) { t.PREFETCHT0(t.weights(disp + 1024)) }

// take adds sums to bias and the rows' constants, the first time, or to dst. For
// each row, sums calls put for every vector of int32, of the outputs from j on.
func (t *lutRows) take(sums func(i int, x reg.GPVirtual, put func(sum reg.VecVirtual, j int))) {
	dst, from, x := t.param("dst"), t.param("bias"), t.param("x")
	var dstStride, fromStride, xStride reg.GPVirtual
	if len(t.x) > 1 {
		dstStride, fromStride, xStride = t.param("dstStride"), t.GP64(), t.param("xStride")
		t.XORL(fromStride.As32(), fromStride.As32())
	}
	t.TESTL(t.constant.As32(), t.constant.As32())
	t.CMOVQNE(dst, from)
	if len(t.x) > 1 {
		t.CMOVQNE(dstStride, fromStride)
	}
	count := t.XMM()
	t.VMOVQ(t.shift, count)
	for i := range t.x {
		own := t.vec()
		t.VPBROADCASTD(operand.Mem{Base: x, Index: t.constant, Scale: 1, Disp: lutConstant}, own)
		sums(i, x, func(sum reg.VecVirtual, j int) {
			t.VPSLLD(count, sum, sum)
			t.VPADDD(own, sum, sum)
			t.VPADDD(at(from, 4*j), sum, sum)
			t.move(sum, at(dst, 4*j))
		})
		if i+1 < len(t.x) {
			t.ADDQ(dstStride, dst)
			t.ADDQ(fromStride, from)
			t.ADDQ(xStride, x)
		}
	}
	t.MOVL(operand.U32(lutNone-lutConstant), t.constant.As32())
}
