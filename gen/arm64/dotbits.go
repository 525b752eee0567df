package main

import "example.com/lowbit/gen/neon"

// Inner products of binary vectors: VCNT counts the bits of each byte of the XOR.
//
//	instruction   Cortex-A72: latency, pipes   Neoverse N1: latency, pipes
//	VEOR          3, F0/1                      2, V0/1
//	VCNT          3, F0/1                      2, V0/1
//	VADD          3, F0/1                      2, V0/1
//	VUADALP       4, F1                        4, V1
//	VUADDLV.B16   6, F1                        6, V0/1 and V1
//
// A byte holds 31 counts of up to 8, so up to 31 vectors are added to each of four
// accumulators before UADALP widens them.

func init() {
	add("neon", family{
		name:      "DotBits",
		signature: "func(x, y *uint64, words uintptr) int",
		loop: `	for i := range words {
		differ += bits.OnesCount64(x[i] ^ y[i])
	}

words may be zero.`,
		body: dotBits,
	})
}

func dotBits(f *neon.Func, _ int) {
	x, y, words := f.Param("x"), f.Param("y"), f.Param("words")
	total, a, b := f.Vec(), f.Vec(), f.Vec()
	f.Zero(total)
	f.SUBS(neon.Imm(2), words, words)
	f.Bcond(neon.LO, "rest")
	f.Label("two")
	f.FMOVQ(neon.Post(x, 16), a)
	f.FMOVQ(neon.Post(y, 16), b)
	f.VEOR(neon.B16, a, b, a)
	f.VCNT(neon.B16, a, a)
	f.VUADALP(neon.B16, a, total)
	f.SUBS(neon.Imm(2), words, words)
	f.Bcond(neon.HS, "two")
	f.Label("rest")
	f.TBZ(0, words, "sum")
	f.FMOVD(neon.At(x, 0), a)
	f.FMOVD(neon.At(y, 0), b)
	f.VEOR(neon.B16, a, b, a)
	f.VCNT(neon.B16, a, a)
	f.VUADALP(neon.B16, a, total)
	f.Label("sum")
	sum := f.GP()
	f.VUADDLV(neon.H8, total, total)
	f.FMOVD(total, sum)
	f.Return(sum)
}
