package main

import (
	"fmt"

	"example.com/lowbit/gen/neon"
)

// The loops of bench/internal/limits do a kernel's inner arithmetic with no edges and
// no dependency that the CPU has to wait for: what they reach is the most that a kernel
// made of the same instructions can reach. None loads but those whose arithmetic is of
// what they load.

// limitUnroll is the number of independent groups of a loop. Latency times rate is at
// most 4 x 4: of FMLA on Neoverse V1 and on Apple's cores.
const limitUnroll = 16

func init() {
	elsewhere["limits"] = "../../bench/internal/limits"
	for _, l := range []struct {
		name, does string
		macs       int // multiply-adds of one group
		body       func(f *neon.Func)
	}{
		{"FMANEON", "one float32 FMLA by element of 4 lanes", 4, fmaLimit},
		{"MulAddNEON", "SMULL, SADALP: 8 products of bytes into 32-bit sums", 8, mulAddLimit},
		{"MulAdd16NEON", "one SMLAL: 8 products of bytes into 16-bit sums", 8, mulAdd16Limit},
		{"MulAdd8NEON", "one MLA: 16 products of bytes into 8-bit sums", 16, mulAdd8Limit},
		{"MulAddDotProd", "one SDOT: 16 products of bytes into 32-bit sums", 16, dotProductLimit},
		{"MulAddI8MM", "one USMMLA: 32 products of bytes into 32-bit sums", 32, matrixLimit},
		{"PopcountNEON", "EOR, CNT, ADD: 128 binary products", 128, popcountLimit},
		{"LUTNEON", "TBL, ADD: look-ups of 4 binary products for 16 outputs", 64, lutLimit},
		{"ShiftAddNEON", "LDRH, LDP, 2 ADD from the first-level cache: 32 sums of bytes", 32, shiftAddLimit},
		{"ShiftNEON", "SSHL, ADD: 8 products of 16 bits", 8, shiftLimit},
	} {
		add("limits", family{
			name:      l.name,
			doc:       l.name + " runs the loop of its name.",
			signature: "func(n uintptr)",
			loop: fmt.Sprintf("	for range n {\n		// %s; %d times, independent\n	}\n\nwhich is %sMACs multiply-adds an iteration. n is at least 1.",
				l.does, limitUnroll, l.name),
			body:      func(f *neon.Func, _ int) { l.body(f) },
			constants: []constant{{l.name + "MACs", l.macs * limitUnroll, "is the number of multiply-adds in an iteration of " + l.name}},
		})
	}
	add("limits", family{
		name:      "ReadNEON",
		doc:       "ReadNEON reads memory.",
		signature: "func(p *byte, n uintptr)",
		loop: `	for i := range n {
		_ = p[i]
	}

by loads of pairs of vectors, a quarter of p beside the others. n is a multiple of
4096 and at least 4096.`,
		body: func(f *neon.Func, _ int) { readLimit(f) },
	})
}

// limitLoop emits a loop of n iterations whose body is group(0) to
// group(limitUnroll-1).
func limitLoop(f *neon.Func, group func(i int)) {
	n := f.Param("n")
	f.Label("loop")
	for i := range limitUnroll {
		group(i)
	}
	f.SUB(neon.Imm(1), n, n)
	f.CBNZ(n, "loop")
	f.RET()
}

// zeroed returns n cleared registers. All-zero operands do not change the speed of
// any instruction here, and keep float sums from overflowing.
func zeroed(f *neon.Func, n int) []neon.Vec {
	list := f.Vecs(n)
	f.Zero(list...)
	return list
}

func fmaLimit(f *neon.Func) {
	acc, x := zeroed(f, limitUnroll), zeroed(f, 2)
	limitLoop(f, func(i int) { f.VFMLAElem(neon.S4, x[0], i%4, x[1], acc[i]) })
}

func mulAddLimit(f *neon.Func) {
	acc, x := zeroed(f, limitUnroll), zeroed(f, 2)
	limitLoop(f, func(i int) {
		p := f.Vec()
		if i%2 == 0 {
			f.VSMULL(neon.B8, x[0], x[1], p)
		} else {
			f.VSMULL2(neon.B16, x[0], x[1], p)
		}
		f.VSADALP(neon.H8, p, acc[i])
	})
}

func mulAdd16Limit(f *neon.Func) {
	acc, x := zeroed(f, limitUnroll), zeroed(f, 2)
	limitLoop(f, func(i int) {
		if i%2 == 0 {
			f.VSMLAL(neon.B8, x[0], x[1], acc[i])
		} else {
			f.VSMLAL2(neon.B16, x[0], x[1], acc[i])
		}
	})
}

func mulAdd8Limit(f *neon.Func) {
	acc, x := zeroed(f, limitUnroll), zeroed(f, 2)
	limitLoop(f, func(i int) { f.VMLA(neon.B16, x[0], x[1], acc[i]) })
}

func dotProductLimit(f *neon.Func) {
	acc, x := zeroed(f, limitUnroll), zeroed(f, 2)
	limitLoop(f, func(i int) { f.VSDOTElem(x[0], i%4, x[1], acc[i]) })
}

func matrixLimit(f *neon.Func) {
	acc, x := zeroed(f, limitUnroll), zeroed(f, 2)
	limitLoop(f, func(i int) { f.VUSMMLA(x[0], x[1], acc[i]) })
}

// popcountLimit leaves out what a kernel does only now and then: widening the byte
// sums by UADALP.
func popcountLimit(f *neon.Func) {
	acc, in := zeroed(f, 8), zeroed(f, 2)
	limitLoop(f, func(i int) {
		t, a := f.Vec(), acc[i%len(acc)]
		f.VEOR(neon.B16, in[0], in[1], t)
		f.VCNT(neon.B16, t, t)
		f.VADD(neon.B16, t, a, a)
	})
}

// lutLimit leaves out the widening as well.
func lutLimit(f *neon.Func) {
	acc, in := zeroed(f, 8), zeroed(f, 2)
	limitLoop(f, func(i int) {
		t, a := f.Vec(), acc[i%len(acc)]
		f.VTBL(neon.B16, in[0], in[1:], t)
		f.VADD(neon.B16, t, a, a)
	})
}

// shiftAddLimit reads offsets, which are zero, and columns from constants.
func shiftAddLimit(f *neon.Func) {
	acc, base := zeroed(f, 8), f.GP()
	f.MOVD(f.Data("columns", make([]byte, 128)), base)
	f.ADD(neon.Imm(63), base, base)
	f.AND(neon.Imm(-64), base, base) // no load crosses a line
	limitLoop(f, func(i int) {
		column := f.GP()
		f.MOVHU(neon.At(base, 2*i), column)
		f.ADD(column, base, column)
		lo, hi := f.Vec(), f.Vec()
		f.FLDPQ(neon.At(column, 0), lo, hi)
		a, b := acc[2*i%len(acc)], acc[(2*i+1)%len(acc)]
		f.VADD(neon.B16, lo, a, a)
		f.VADD(neon.B16, hi, b, b)
	})
}

func shiftLimit(f *neon.Func) {
	acc, in := zeroed(f, 8), zeroed(f, 2)
	limitLoop(f, func(i int) {
		t, a := f.Vec(), acc[i%len(acc)]
		f.VSSHL(neon.H8, in[0], in[1], t)
		f.VADD(neon.H8, t, a, a)
	})
}

// readLimit loads 1 KiB an iteration, from four places: one stream alone has too few
// lines on their way from memory. The loads go to registers that nothing reads, so that
// only the memory can hold them up.
func readLimit(f *neon.Func) {
	p, n, quarter := f.Param("p"), f.Param("n"), f.GP()
	f.LSR(neon.Imm(2), n, quarter)
	streams := []neon.GP{p}
	for len(streams) < 4 {
		next := f.GP()
		f.ADD(quarter, streams[len(streams)-1], next)
		streams = append(streams, next)
	}
	into := f.Vecs(8)
	f.Label("loop")
	for i := range 8 {
		for s, from := range streams {
			f.FLDPQ(neon.At(from, 32*i), into[2*s], into[2*s+1])
		}
	}
	for _, s := range streams {
		f.ADD(neon.Imm(256), s, s)
	}
	f.SUBS(neon.Imm(1024), n, n)
	f.Bcond(neon.NE, "loop")
	f.RET()
}
