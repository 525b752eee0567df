package main

import "example.com/lowbit/gen/neon"

// Inner products of binary vectors: VCNT counts the bits of each byte of the XOR.
//
//	instruction        Cortex-A72: latency, pipes   Neoverse N1: latency, pipes
//	VEOR, VCNT, VADD   3, F0/1                      2, V0/1
//	VUADDLP            3, F0/1                      2, V0/1
//	VUADALP            4, F1                        4, V1
//
// Three instructions for a vector of 128 products, which two pipes bound at 85 a
// cycle; Cortex-A72 loads one vector a cycle, and so 64. Four sums of bytes hide the
// additions' latency. A byte takes 31 counts of up to 8: 30 in a block, and in the
// first one of the words that do not fill four vectors. Then the four are widened to
// 16 bits, at most 4*2*31*8 = 1984, and further to 64, which any length fits.

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
	const block = 30
	x, y, words := f.Param("x"), f.Param("y"), f.Param("words")
	total, acc, a, b := f.Vec(), f.Vecs(4), f.Vecs(4), f.Vecs(4)
	left, n := f.GP(), f.GP() // fours of vectors behind this block, and in it
	f.Zero(total)
	f.Zero(acc...)

	f.TBZ(0, words, "even")
	f.FMOVD(neon.Post(x, 8), a[0])
	f.FMOVD(neon.Post(y, 8), b[0])
	f.VEOR(neon.B16, a[0], b[0], a[0])
	f.VCNT(neon.B16, a[0], acc[0])
	f.Label("even")
	f.TBZ(1, words, "pairs")
	f.FMOVQ(neon.Post(x, 16), a[1])
	f.FMOVQ(neon.Post(y, 16), b[1])
	f.VEOR(neon.B16, a[1], b[1], a[1])
	f.VCNT(neon.B16, a[1], acc[1])
	f.Label("pairs")
	f.TBZ(2, words, "fours")
	f.FLDPQ(neon.Post(x, 32), a[2], a[3])
	f.FLDPQ(neon.Post(y, 32), b[2], b[3])
	for i := 2; i < 4; i++ {
		f.VEOR(neon.B16, a[i], b[i], a[i])
		f.VCNT(neon.B16, a[i], acc[i])
	}
	f.Label("fours")
	f.LSR(neon.Imm(3), words, left)
	f.CBZ(left, "widen")

	f.Label("block")
	f.MOVD(neon.Imm(block), n)
	f.CMP(n, left)
	f.CSEL(neon.LO, left, n, n)
	f.SUB(n, left, left)
	f.Label("eight")
	for i := range acc {
		f.FMOVQ(neon.At(x, 16*i), a[i])
		f.FMOVQ(neon.At(y, 16*i), b[i])
	}
	f.ADD(neon.Imm(64), x, x)
	f.ADD(neon.Imm(64), y, y)
	for i := range acc {
		f.VEOR(neon.B16, a[i], b[i], a[i])
	}
	for i := range acc {
		f.VCNT(neon.B16, a[i], a[i])
	}
	for i := range acc {
		f.VADD(neon.B16, a[i], acc[i], acc[i])
	}
	f.SUBS(neon.Imm(1), n, n)
	f.Bcond(neon.NE, "eight")

	f.Label("widen")
	f.VUADDLP(neon.B16, acc[0], acc[0])
	for _, v := range acc[1:] {
		f.VUADALP(neon.B16, v, acc[0])
	}
	f.VUADDLP(neon.H8, acc[0], acc[0])
	f.VUADALP(neon.S4, acc[0], total)
	f.Zero(acc...)
	f.CBNZ(left, "block")
	sum := f.GP()
	f.VADDP(neon.D2, total, total, total)
	f.FMOVD(total, sum)
	f.Return(sum)
}
