package main

import (
	"encoding/binary"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The numbers of SplitMix64 (Steele, Lea and Flood 2014).
const (
	splitMixStep   = 0x9e3779b97f4a7c15
	splitMixFirst  = 0xbf58476d1ce4e5b9
	splitMixSecond = 0x94d049bb133111eb
)

func init() {
	add("avx2", family{
		name:      "Moves",
		signature: "func(mask, levels *byte, d *float32, n uintptr, state uint64, reach *float32, slack, bound float32)",
		loop: `	for i := range n {
		z := state + i*0x9e3779b97f4a7c15
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		u := float32((z^z>>31)>>40) * 0x1p-24
		gap := reach[levels[i]%16]
		if d[i] has no sign {
			gap = reach[16+levels[i]%16]
		}
		still := abs(d[i]) < gap && (abs(d[i])+slack)*bound < float32(u*gap)
		mask[i/8] bit i%8 = !still
	}

n is a multiple of 8, at least 8.`,
		body: moves,
	})
	add("avx2", family{
		name:      "MovesWhole",
		signature: "func(mask, levels *byte, d *float32, n uintptr, state uint64, last uint32, gap, slack, bound float32)",
		loop: `	for i := range n {
		u := the random number of Moves
		gap := gap
		if d[i] has a sign && levels[i] == 0 || d[i] has none && levels[i] == last {
			gap = 0
		}
		still := abs(d[i]) < gap && (abs(d[i])+slack)*bound < float32(u*gap)
		mask[i/8] bit i%8 = !still
	}

n is a multiple of 8, at least 8.`,
		body: movesWhole,
	})
}

// words is a vector of constants that repeats 64-bit words.
func (s simd) words(name string, w ...uint64) operand.Mem {
	var b []byte
	for _, x := range w {
		b = binary.LittleEndian.AppendUint64(b, x)
	}
	return s.constant(name, b...)
}

// splitMix returns a function that emits the next four numbers of the stream whose
// state is a parameter. AVX2 multiplies 32 bits by 32: three products and two
// additions make the low 64 bits of one.
func splitMix(s simd) func() reg.VecVirtual {
	state := s.vec()
	s.VMOVQ(s.param("state"), state.AsX())
	s.VPBROADCASTQ(state.AsX(), state)
	lanes := uint64(splitMixStep) // a variable: multiples wrap
	s.VPADDQ(s.words("splitMixLanes", 0, lanes, 2*lanes, 3*lanes), state, state)
	four := s.words("splitMixFour", 4*lanes)
	times := func(z reg.VecVirtual, name string, by uint64) {
		low, high := s.words(name+"Low", by&0xffffffff), s.words(name+"High", by>>32)
		cross, upper := s.vec(), s.vec()
		s.VPSRLQ(operand.U8(32), z, upper)
		s.VPMULUDQ(low, upper, upper)
		s.VPMULUDQ(high, z, cross)
		s.VPADDQ(upper, cross, cross)
		s.VPSLLQ(operand.U8(32), cross, cross)
		s.VPMULUDQ(low, z, z)
		s.VPADDQ(cross, z, z)
	}
	shifted := func(z reg.VecVirtual, by uint8) {
		t := s.vec()
		s.VPSRLQ(operand.U8(by), z, t)
		s.VPXOR(t, z, z)
	}
	return func() reg.VecVirtual {
		z := s.vec()
		s.VMOVDQA(state, z)
		s.VPADDQ(four, state, state)
		shifted(z, 30)
		times(z, "splitMixFirst", splitMixFirst)
		shifted(z, 27)
		times(z, "splitMixSecond", splitMixSecond)
		shifted(z, 31)
		return z
	}
}

// moves takes a gap of the four tables that levels and signs choose from.
func moves(c *build.Context, _ int) {
	s := simd{c, 32}
	var table [4]reg.VecVirtual // downwards and upwards, from the lower and the higher levels
	reach := s.param("reach")
	for i := range table {
		table[i] = c.YMM()
		c.VMOVUPS(at(reach, 32*i), table[i])
	}
	eachMove(s, func(level, signed reg.VecVirtual) reg.VecVirtual {
		high := c.YMM() // bit 3 of a level, as a sign
		c.VPSLLD(operand.U8(28), level, high)
		var gaps [2]reg.VecVirtual
		for h := range gaps {
			gaps[h] = c.YMM()
			other := c.YMM()
			c.VPERMPS(table[2*h], level, gaps[h])
			c.VPERMPS(table[2*h+1], level, other)
			c.VBLENDVPS(high, other, gaps[h], gaps[h])
		}
		c.VBLENDVPS(signed, gaps[0], gaps[1], gaps[1])
		return gaps[1]
	})
}

func movesWhole(c *build.Context, _ int) {
	s := simd{c, 32}
	p := broadcasts(c, "last", "gap")
	none := c.YMM()
	c.VPXOR(none, none, none)
	eachMove(s, func(level, signed reg.VecVirtual) reg.VecVirtual {
		end := c.YMM()
		c.VBLENDVPS(signed, none, p[0], end)
		c.VPCMPEQD(level, end, end)
		c.VPANDN(p[1], end, end)
		return end
	})
}

// eachMove emits the loop over weights; gap gives those of the levels in the directions
// of the signs.
func eachMove(s simd, gap func(level, signed reg.VecVirtual) reg.VecVirtual) {
	c := s.Context
	mask, levels, d := s.param("mask"), s.param("levels"), s.param("d")
	p := broadcasts(c, "slack", "bound")
	draw := splitMix(s)
	eachVector(c, func(i reg.GPVirtual) {
		low, high := draw(), draw()
		c.VPSRLQ(operand.U8(40), low, low)
		c.VPSRLQ(operand.U8(40), high, high)
		u := c.YMM()
		c.VSHUFPS(operand.U8(0x88), high, low, u)
		c.VPERMQ(operand.U8(0xd8), u, u)
		c.VCVTDQ2PS(u, u)
		c.VMULPS(s.words("movesScale", 0x3380000033800000), u, u) // 2^-24

		level, signed := c.YMM(), c.YMM()
		c.VPMOVZXBD(operand.Mem{Base: levels, Index: i, Scale: 1}, level)
		c.VMOVUPS(floats(d, i), signed)
		gap, size, t := gap(level, signed), c.YMM(), c.YMM()
		c.VANDPS(s.words("movesMagnitude", 0x7fffffff7fffffff), signed, size)
		c.VADDPS(p[0], size, t)
		c.VMULPS(p[1], t, t)
		c.VMULPS(gap, u, u)
		c.VCMPPS(operand.U8(0x11), gap, size, size) // size < gap
		c.VCMPPS(operand.U8(0x11), u, t, t)
		c.VANDPS(size, t, t)
		bits := c.GP32()
		c.VMOVMSKPS(t, bits)
		c.XORL(operand.U32(0xff), bits)
		c.MOVB(bits.As8(), operand.Mem{Base: mask})
		c.INCQ(mask)
	})
}
