package main

import (
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Inner products of binary vectors, with the instructions and identities of
// popcount.go.

func init() {
	for room, body := range map[string]func(*build.Context, int){"avx2": dotBitsAVX2, "avx512vbmi": dotBitsAVX512} {
		add(room, family{
			name:      "DotBits",
			signature: "func(x, y *uint64, words uintptr) int",
			loop: `	for i := range words {
		differ += bits.OnesCount64(x[i] ^ y[i])
	}

words may be zero.`,
			body: body,
		})
	}
}

// words makes v the numbers of bits in its 64-bit words. zero is a zero vector.
func (n nibbleCounter) words(v, zero reg.VecVirtual) {
	low := n.tmp[1]
	n.and(n.mask, v, low)
	n.VPSRLW(operand.U8(4), v, v)
	n.and(n.mask, v, v)
	n.VPSHUFB(low, n.table, low)
	n.VPSHUFB(v, n.table, v)
	n.VPADDB(low, v, v)
	n.VPSADBW(zero, v, v)
}

// carrySave makes of three bits in every place their sum: the low bit in sum,
// which is one of them, and the high one in carry. tmp is overwritten.
func (s simd) carrySave(carry, sum, a, b, tmp reg.VecVirtual) {
	s.xor(a, sum, tmp)
	s.and(a, sum, carry)
	s.xor(b, tmp, sum)
	s.and(b, tmp, tmp)
	s.VPOR(tmp, carry, carry)
}

// dotBitsAVX2 adds eight vectors by carry-save adders to the ones, twos and
// fours of a sum in every place and counts the eights that come out: 51
// instructions, where counting each vector would take 72. The vectors that are
// left over are counted one by one, and words by POPCNT.
func dotBitsAVX2(c *build.Context, _ int) {
	s := simd{c, 32}
	x, y, words := s.param("x"), s.param("y"), s.param("words")
	counter := s.nibbleCounter()
	total, ones, twos, fours, zero := s.vec(), s.vec(), s.vec(), s.vec(), s.vec()
	s.zero(total, zero)
	differ := func(i int, v reg.VecVirtual) {
		s.move(at(x, 32*i), v)
		s.xor(at(y, 32*i), v, v)
	}
	advance := func(bytes int) {
		s.SUBQ(operand.I32(-bytes), x)
		s.SUBQ(operand.I32(-bytes), y)
	}
	s.SUBQ(operand.U8(32), words)
	s.JCS(operand.LabelRef("few"))

	s.zero(ones, twos, fours)
	var two, four [2]reg.VecVirtual
	for i := range two {
		two[i], four[i] = s.vec(), s.vec()
	}
	a, b, tmp := s.vec(), counter.tmp[0], counter.tmp[1]
	s.Label("eight")
	for i := range four {
		for j := range two {
			differ(4*i+2*j, a)
			differ(4*i+2*j+1, b)
			s.carrySave(two[j], ones, a, b, tmp)
		}
		s.carrySave(four[i], twos, two[0], two[1], tmp)
	}
	eights := a
	s.carrySave(eights, fours, four[0], four[1], tmp)
	counter.words(eights, zero)
	s.VPADDQ(eights, total, total)
	advance(256)
	s.SUBQ(operand.U8(32), words)
	s.JCC(operand.LabelRef("eight"))
	for _, rest := range []reg.VecVirtual{fours, twos, ones} {
		// total is in eights, then fours, then twos.
		counter.words(rest, zero)
		s.VPADDQ(total, total, total)
		s.VPADDQ(rest, total, total)
	}

	s.Label("few")
	s.ADDQ(operand.U8(32), words)
	s.SUBQ(operand.U8(4), words)
	s.JCS(operand.LabelRef("fewer"))
	s.Label("one")
	differ(0, a)
	counter.words(a, zero)
	s.VPADDQ(a, total, total)
	advance(32)
	s.SUBQ(operand.U8(4), words)
	s.JCC(operand.LabelRef("one"))
	s.Label("fewer")
	s.ADDQ(operand.U8(4), words)
	s.dotBitsTail(x, y, words, total)
}

// dotBitsAVX512 is bound by its two loads and the one port of VPOPCNTQ.
func dotBitsAVX512(c *build.Context, _ int) {
	s := simd{c, 64}
	x, y, words := s.param("x"), s.param("y"), s.param("words")
	total, v := s.vec(), s.vec()
	s.zero(total)
	s.SUBQ(operand.U8(8), words)
	s.JCS(operand.LabelRef("fewer"))
	s.Label("one")
	s.move(at(x, 0), v)
	s.xor(at(y, 0), v, v)
	s.VPOPCNTQ(v, v)
	s.VPADDQ(v, total, total)
	s.ADDQ(operand.U8(64), x)
	s.ADDQ(operand.U8(64), y)
	s.SUBQ(operand.U8(8), words)
	s.JCC(operand.LabelRef("one"))
	s.Label("fewer")
	s.ADDQ(operand.U8(8), words)
	s.dotBitsTail(x, y, words, total)
}

// dotBitsTail adds to the lanes of total the words that do not fill a vector,
// and returns.
func (s simd) dotBitsTail(x, y, words reg.GPVirtual, total reg.VecVirtual) {
	sum, word := s.GP64(), s.GP64()
	s.VMOVQ(s.sumLanes(total, 64), sum)
	s.VZEROUPPER()
	s.TESTQ(words, words)
	s.JZ(operand.LabelRef("done"))
	s.Label("word")
	s.MOVQ(at(x, 0), word)
	s.XORQ(at(y, 0), word)
	s.POPCNTQ(word, word)
	s.ADDQ(word, sum)
	s.ADDQ(operand.U8(8), x)
	s.ADDQ(operand.U8(8), y)
	s.DECQ(words)
	s.JNZ(operand.LabelRef("word"))
	s.Label("done")
	s.Store(sum, s.ReturnIndex(0))
	s.RET()
}
