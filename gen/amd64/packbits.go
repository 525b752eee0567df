package main

import (
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
)

// Packing of codes, one a byte, to bits.
//
//	instruction       Zen 3: latency, ports   Ice Lake: latency, ports
//	VPMOVMSKB ymm     5, FP0 and an ALU       3, p0
//	VPSLLW imm ymm    1, FP1/2                1, p01
//	VPTESTMB zmm      -                       3, p5
//	KMOVQ m,k         -                       store
//
// VPMOVMSKB gathers the top bits of 32 bytes. A shift of 16-bit lanes brings
// another bit there in both bytes of a lane. AVX-512 tests the bit itself.

func init() {
	for room, body := range map[string]func(*build.Context, int){"avx2": packBitsAVX2, "avx512bw": packBitsAVX512} {
		add(room, family{
			name:      "PackBits",
			signature: "func(dst *uint64, x *byte, words, bit uintptr)",
			loop: `	for i := range words * 64 {
		dst[i/64] |= uint64(x[i]>>bit&1) << (i % 64)
	}

with dst zero before. words may be zero; bit is at most 7.`,
			body: body,
		})
	}
}

func packBitsAVX2(c *build.Context, _ int) {
	s := simd{c, 32}
	top, count := s.GP64(), s.XMM()
	s.MOVQ(operand.U32(7), top)
	s.SUBQ(s.param("bit"), top)
	s.VMOVQ(top, count)
	s.packLoop(func(x, dst operand.Mem) {
		var half [2]operand.Op
		for i := range half {
			v, bits := s.vec(), s.GP64()
			src := x
			src.Disp += 32 * i
			s.move(src, v)
			s.VPSLLW(count, v, v)
			s.VPMOVMSKB(v, bits.As32())
			half[i] = bits
		}
		s.SHLQ(operand.U8(32), half[1])
		s.ORQ(half[1], half[0])
		s.MOVQ(half[0], dst)
	})
}

func packBitsAVX512(c *build.Context, _ int) {
	s := simd{c, 64}
	count, mask := s.XMM(), s.vec()
	s.VMOVQ(s.param("bit"), count)
	s.move(s.constant("ones", 1, 0), mask)
	s.VPSLLW(count, mask, mask)
	s.VPBROADCASTB(mask.AsX(), mask)
	s.packLoop(func(x, dst operand.Mem) {
		k := s.K()
		s.VPTESTMB(x, mask, k)
		s.KMOVQ(k, dst)
	})
}

// packLoop emits a loop over words of 64 codes.
func (s simd) packLoop(word func(x, dst operand.Mem)) {
	dst, x, words := s.param("dst"), s.param("x"), s.param("words")
	s.TESTQ(words, words)
	s.JZ(operand.LabelRef("done"))
	s.Label("word")
	word(at(x, 0), at(dst, 0))
	s.ADDQ(operand.U8(64), x)
	s.ADDQ(operand.U8(8), dst)
	s.DECQ(words)
	s.JNZ(operand.LabelRef("word"))
	s.Label("done")
	s.VZEROUPPER()
	s.RET()
}
