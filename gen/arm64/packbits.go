package main

import "example.com/lowbit/gen/neon"

// Packing of codes, one a byte, to bits.
//
//	instruction           Cortex-A72: latency, pipes   Neoverse N1: latency, pipes
//	VCMTST, VAND, VADDP   3, F0/1                      2, V0/1
//
// There is nothing like VPMOVMSKB. VCMTST tests the bit of every code, VAND leaves of
// each byte the power of two of its place in eight, and VADDP adds neighbours, three
// times. 128 codes take 23 instructions, and thus 11.5 cycles of two pipes; 64 that
// are left over take 12.

func init() {
	add("neon", family{
		name:      "PackBits",
		signature: "func(dst *uint64, x *byte, words, bit uintptr)",
		loop: `	for i := range words * 64 {
		dst[i/64] |= uint64(x[i]>>bit&1) << (i % 64)
	}

with dst zero before. words may be zero; bit is at most 7.`,
		body: packBits,
	})
}

func packBits(f *neon.Func, _ int) {
	dst, x, words, bit := f.Param("dst"), f.Param("x"), f.Param("words"), f.Param("bit")
	one, mask := f.GP(), f.Vec()
	f.MOVD(neon.Imm(1), one)
	f.LSL(bit, one, one)
	f.VDUP(neon.B16, one, mask)
	powers := f.Constant("powers", 1, 2, 4, 8, 16, 32, 64, 128)
	v := f.Vecs(8)
	// pack makes bits of 16 codes for each of the first n vectors, in v[0].
	pack := func(n int) {
		for i, v := range v[:n] {
			f.FMOVQ(neon.At(x, 16*i), v)
		}
		for _, v := range v[:n] {
			f.VCMTST(neon.B16, mask, v, v)
		}
		for _, v := range v[:n] {
			f.VAND(neon.B16, powers, v, v)
		}
		for n > 1 {
			n /= 2
			for i := range n {
				f.VADDP(neon.B16, v[2*i+1], v[2*i], v[i])
			}
		}
	}
	f.SUBS(neon.Imm(2), words, words)
	f.Bcond(neon.LO, "rest")
	f.Label("two")
	pack(8)
	f.FMOVQ(v[0], neon.Post(dst, 16))
	f.ADD(neon.Imm(128), x, x)
	f.SUBS(neon.Imm(2), words, words)
	f.Bcond(neon.HS, "two")
	f.Label("rest")
	f.TBZ(0, words, "done")
	pack(4)
	f.VADDP(neon.B16, v[0], v[0], v[0])
	f.FMOVD(v[0], neon.At(dst, 0))
	f.Label("done")
	f.RET()
}
