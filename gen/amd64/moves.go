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
}

// moves draws the random numbers in two vectors of four. AVX2 multiplies 32 bits
// by 32: three products and two additions make the low 64 bits of one.
func moves(c *build.Context, _ int) {
	s := simd{c, 32}
	word := func(name string, w ...uint64) operand.Mem {
		var b []byte
		for _, x := range w {
			b = binary.LittleEndian.AppendUint64(b, x)
		}
		return s.constant(name, b...)
	}
	mask, levels, d := s.param("mask"), s.param("levels"), s.param("d")
	var table [4]reg.VecVirtual // downwards and upwards, from the lower and the higher levels
	reach := s.param("reach")
	for i := range table {
		table[i] = c.YMM()
		c.VMOVUPS(at(reach, 32*i), table[i])
	}
	p := broadcasts(c, "slack", "bound")
	state := c.YMM()
	c.VMOVQ(s.param("state"), state.AsX())
	c.VPBROADCASTQ(state.AsX(), state)
	lanes := uint64(splitMixStep) // a variable: multiples wrap
	c.VPADDQ(word("movesLanes", 0, lanes, 2*lanes, 3*lanes), state, state)
	four := word("movesFour", 4*lanes)
	times := func(z reg.VecVirtual, name string, by uint64) {
		low, high := word(name+"Low", by&0xffffffff), word(name+"High", by>>32)
		cross, upper := c.YMM(), c.YMM()
		c.VPSRLQ(operand.U8(32), z, upper)
		c.VPMULUDQ(low, upper, upper)
		c.VPMULUDQ(high, z, cross)
		c.VPADDQ(upper, cross, cross)
		c.VPSLLQ(operand.U8(32), cross, cross)
		c.VPMULUDQ(low, z, z)
		c.VPADDQ(cross, z, z)
	}
	shifted := func(z reg.VecVirtual, by uint8) {
		t := c.YMM()
		c.VPSRLQ(operand.U8(by), z, t)
		c.VPXOR(t, z, z)
	}
	eachVector(c, func(i reg.GPVirtual) {
		var z [2]reg.VecVirtual
		for h := range z {
			z[h] = c.YMM()
			c.VMOVDQA(state, z[h])
			c.VPADDQ(four, state, state)
			shifted(z[h], 30)
			times(z[h], "movesFirst", splitMixFirst)
			shifted(z[h], 27)
			times(z[h], "movesSecond", splitMixSecond)
			shifted(z[h], 31)
			c.VPSRLQ(operand.U8(40), z[h], z[h])
		}
		u := c.YMM()
		c.VSHUFPS(operand.U8(0x88), z[1], z[0], u)
		c.VPERMQ(operand.U8(0xd8), u, u)
		c.VCVTDQ2PS(u, u)
		c.VMULPS(word("movesScale", 0x3380000033800000), u, u) // 2^-24

		level, signed := c.YMM(), c.YMM()
		c.VPMOVZXBD(operand.Mem{Base: levels, Index: i, Scale: 1}, level)
		c.VMOVUPS(floats(d, i), signed)
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
		gap, size, t := gaps[1], c.YMM(), c.YMM()
		c.VBLENDVPS(signed, gaps[0], gap, gap)
		c.VANDPS(word("movesMagnitude", 0x7fffffff7fffffff), signed, size)
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
