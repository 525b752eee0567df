package main

import (
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Tables of the sums of subsets of codes, for the tiles of lutsum.go.
//
//	instruction          Zen 3: latency, ports   Ice Lake: latency, ports
//	VPSHUFB ymm          1, FP1/2                1, p15
//	VPMULLW ymm          3, FP0/3                5, p01
//	VPERMB zmm           -                       3, p5
//	VPSADBW              3, FP0/3                3, p5

func init() {
	add("avx2", family{
		name:      "SubsetSums",
		signature: "func(dst, x *byte, blocks, shift uintptr) int32",
		loop: `	sum := int32(0)
	for i := range blocks * 16 {
		code := x[i] >> shift & 15
		sum += int32(code)
		for n := range 16 {
			dst[i/4*16+n] += code * (n >> (i % 4) & 1)
		}
	}
	return sum

with dst zero before. blocks may not be zero; x may be dst if blocks is one.`,
		body: subsetSums,
	})
	add("avx512vbmi", family{
		name:      "SubsetSums6",
		signature: "func(dst, x *byte, blocks, shift uintptr) int32",
		loop: `	sum := int32(0)
	for i := range blocks * 24 {
		sum += int32(x[i])
		for n := range 64 {
			dst[i/6*64+n] += x[i] * (n >> (i % 6) & 1)
		}
	}
	return sum

with dst zero before. Codes are at most 15, shift is 0. blocks may not be zero; x may be dst if blocks is one.`,
		body: subsetSums6,
	})
}

// subsetSums makes four tables of 16 codes at a time: first the four sums of
// each pair, from which then two shuffles and an addition make two tables.
func subsetSums(c *build.Context, _ int) {
	s := simd{c, 32}
	dst, x, blocks := s.param("dst"), s.param("x"), s.param("blocks")
	count := s.XMM()
	s.VMOVQ(s.param("shift"), count)
	var pair, lows, highs [32]byte
	for i := range 8 {
		// A lane holds the pairs of two tables: of codes 0-3 and 8-11, or of
		// 4-7 and 12-15, so that the tables come out in their order.
		a := byte(i/4*4 + i%4/2*8 + i%2*2)
		copy(pair[4*i:], []byte{a, a, a + 1, a})
	}
	for i := range lows {
		lows[i], highs[i] = byte(i&3), byte(4+i>>2&3) // index of a table: bits 0 and 1, then 2 and 3
	}
	next := func(index [32]byte) [32]byte { // the pairs of the second table
		for i := range index {
			index[i] += 8
		}
		return index
	}
	load := func(name string, data [32]byte) reg.VecVirtual {
		return s.inRegister(s.readOnly(name, data[:])).(reg.VecVirtual)
	}
	both := load("pair", pair)
	sums := s.inRegister(s.constant("pairsums", 0, 1, 1, 1)).(reg.VecVirtual)
	low := [2]reg.VecVirtual{load("lows0", lows), load("lows1", next(lows))}
	high := [2]reg.VecVirtual{load("highs0", highs), load("highs1", next(highs))}
	mask := s.inRegister(s.constant("nibble", 0x0f)).(reg.VecVirtual)
	zero, sum := s.vec(), s.vec()
	s.zero(zero, sum)

	s.Label("block")
	codes, pairs := s.vec(), s.vec()
	s.VBROADCASTI128(at(x, 0), codes)
	s.VPSRLW(count, codes, codes)
	s.and(mask, codes, codes)
	// Of the words a + 256a and b + 256a, times 256 and 257, bytes are 0, a, b, a + b.
	s.VPSHUFB(both, codes, pairs)
	s.VPMULLW(sums, pairs, pairs)
	s.VPSADBW(zero, codes, codes)
	s.VPADDQ(codes, sum, sum)
	for half := range 2 {
		a, b := s.vec(), s.vec()
		s.VPSHUFB(low[half], pairs, a)
		s.VPSHUFB(high[half], pairs, b)
		s.VPADDB(a, b, b)
		s.move(b, at(dst, 32*half))
	}
	s.ADDQ(operand.U8(16), x)
	s.ADDQ(operand.U8(64), dst)
	s.DECQ(blocks)
	s.JNZ(operand.LabelRef("block"))
	// Both lanes hold all codes.
	total, upper := sum.AsX(), s.XMM()
	s.VPSHUFD(operand.U8(0x4e), total, upper)
	s.VPADDD(upper, total, total)
	result := s.GP32()
	s.VMOVD(total, result)
	s.Store(result, s.ReturnIndex(0))
	s.VZEROUPPER()
	s.RET()
}

// subsetSums6 makes four tables of 24 codes at a time: first the eight sums of
// each three, which fill a vector, from which then two permutations and an
// addition make a table.
func subsetSums6(c *build.Context, _ int) {
	s := simd{c, 64}
	dst, x, blocks := s.param("dst"), s.param("x"), s.param("blocks")
	var code [3][64]byte
	var lows, highs [4][64]byte
	for i := range 64 {
		for k := range code {
			code[k][i] = byte(i/8*3 + k)
		}
		for t := range lows {
			lows[t][i], highs[t][i] = byte(16*t+i&7), byte(16*t+8+i>>3)
		}
	}
	load := func(name string, data [64]byte) reg.VecVirtual {
		return s.inRegister(s.readOnly(name, data[:])).(reg.VecVirtual)
	}
	names := [...]string{"0", "1", "2", "3"}
	var index [3]reg.VecVirtual
	var has [3]reg.OpmaskVirtual // entries that the code is in
	bits := s.GP64()
	for k, pattern := range []uint64{0xaaaaaaaaaaaaaaaa, 0xcccccccccccccccc, 0xf0f0f0f0f0f0f0f0} {
		index[k], has[k] = load("code"+names[k], code[k]), s.K()
		s.MOVQ(operand.U64(pattern), bits)
		s.KMOVQ(bits, has[k])
	}
	var low, high [4]reg.VecVirtual
	for t := range low {
		low[t], high[t] = load("lows"+names[t], lows[t]), load("highs"+names[t], highs[t])
	}
	whole := s.K()
	s.MOVQ(operand.U64(1<<24-1), bits)
	s.KMOVQ(bits, whole)
	zero, sum := s.vec(), s.vec()
	s.zero(zero, sum)

	s.Label("block")
	codes, threes := s.vec(), s.vec()
	s.VMOVDQU8_Z(at(x, 0), whole, codes)
	s.VPERMB_Z(codes, index[0], has[0], threes)
	for k := 1; k < 3; k++ {
		next := s.vec()
		s.VPERMB_Z(codes, index[k], has[k], next)
		s.VPADDB(next, threes, threes)
	}
	s.VPSADBW(zero, codes, codes)
	s.VPADDQ(codes, sum, sum)
	for t := range low {
		a, b := s.vec(), s.vec()
		s.VPERMB(threes, low[t], a)
		s.VPERMB(threes, high[t], b)
		s.VPADDB(a, b, b)
		s.move(b, at(dst, 64*t))
	}
	s.ADDQ(operand.U8(24), x)
	s.ADDQ(operand.I32(256), dst)
	s.DECQ(blocks)
	s.JNZ(operand.LabelRef("block"))
	result := s.GP32()
	s.VMOVD(s.sumLanes(sum, 64), result)
	s.Store(result, s.ReturnIndex(0))
	s.VZEROUPPER()
	s.RET()
}
