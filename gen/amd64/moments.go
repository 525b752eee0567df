package main

import (
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Numbers kept in bytes in training: moments, levels and pixels, and the windows of
// activations that are codes.
func init() {
	const whole = `
n is a multiple of 8, at least 8.`
	add("avx2", family{
		name:      "Largest",
		signature: "func(x *float32, n uintptr) uint32",
		loop: `	top := 0
	for i := range n {
		top = max(top, bits of x[i] without the sign)
	}
	return top
` + whole,
		body: largest,
	})
	add("avx2", family{
		name:      "LoadEight",
		signature: "func(dst *float32, codes *byte, n uintptr, base, mask uint32)",
		loop: `	for i := range n {
		dst[i] = 0
		if m := codes[i] & mask; m != 0 {
			dst[i] = float with the bits (base+m)<<20 | (codes[i]-m)<<24
		}
	}
` + whole,
		body: loadEight,
	})
	add("avx2", family{
		name:      "StoreEight",
		signature: "func(codes *byte, x *float32, n uintptr, base, mask uint32, spread float32, state uint64)",
		loop: `	least := (base + 1) << 20
	for i := range n {
		random := bits 12 to 31 of the half i%2, the lower first, of number i/2 of SplitMix64 from state on
		bits, sign := bits of x[i] without the sign, (x[i]'s sign as bit 7) &^ mask
		switch {
		case bits >= least:
			codes[i] = sign | (bits+random)>>20 - base
		case random*spread*(float with the bits least) < (float with bits):
			codes[i] = sign | 1
		default:
			codes[i] = sign
		}
	}
` + whole,
		body: storeEight,
	})
	add("avx2", family{
		name:      "Nearest",
		signature: "func(dst, src *float32, n uintptr, top float32)",
		loop: `	for i := range n {
		v := max(min(src[i], top), -top) // -top for NaN
		dst[i] = floor(v)
		if v-dst[i] >= 0.5 {
			dst[i]++
		}
	}
` + whole + ` dst may be src.`,
		body: nearest,
	})
	add("avx2", family{
		name:      "Bytes",
		signature: "func(dst *float32, src *byte, n uintptr, shift, divisor float32)",
		loop: `	for i := range n {
		dst[i] = (float32(src[i]) + shift) / divisor
	}
` + whole,
		body: bytesToFloats,
	})
	add("avx2", family{
		name:      "Slopes",
		signature: "func(d, x *float32, rows, stride uintptr, scale, bias *float32, top, half, peak, fall float32, steps, cols uintptr)",
		loop: `	for i := range rows {
		for j := range cols {
			v := float32(x[i][j]*scale[j]) + bias[j]
			at, slope := ceil(v - half + 0.5), 0
			for range steps {
				if distance := abs(v - (at - 0.5)); distance <= half && 1 <= at && at <= top {
					slope += peak - float32(fall*distance)
				}
				at++
			}
			d[i][j] *= slope
		}
	}
` + normLoopEnd + ` steps is at least 1.`,
		body: slopes,
	})
}

// magnitude is all bits of a float32 but the sign.
func magnitude(s simd) operand.Mem { return s.words("magnitude", 0x7fffffff7fffffff) }

func largest(c *build.Context, _ int) {
	s := simd{c, 32}
	x, top := s.param("x"), s.vec()
	s.zero(top)
	size := s.inRegister(magnitude(s))
	n, i := s.param("n"), c.GP64()
	c.XORQ(i, i)
	c.Label("loop")
	v := s.vec()
	c.VPAND(floats(x, i), size.(reg.VecVirtual), v)
	c.VPMAXUD(v, top, top)
	c.ADDQ(operand.U8(8), i)
	c.CMPQ(i, n)
	c.JB(operand.LabelRef("loop"))
	other, result := c.XMM(), c.GP32()
	c.VEXTRACTI128(operand.U8(1), top, other)
	c.VPMAXUD(other, top.AsX(), top.AsX())
	for _, order := range []uint8{0x4e, 0xb1} {
		c.VPSHUFD(operand.U8(order), top.AsX(), other)
		c.VPMAXUD(other, top.AsX(), top.AsX())
	}
	c.VMOVD(top.AsX(), result)
	c.VZEROUPPER()
	c.Store(result, c.ReturnIndex(0))
	c.RET()
}

func loadEight(c *build.Context, _ int) {
	s := simd{c, 32}
	dst, codes := s.param("dst"), s.param("codes")
	p := broadcasts(c, "base", "mask")
	none := s.vec()
	s.zero(none)
	eachVector(c, func(i reg.GPVirtual) {
		code, m, zero := s.vec(), s.vec(), s.vec()
		c.VPMOVZXBD(operand.Mem{Base: codes, Index: i, Scale: 1}, code)
		c.VPAND(p[1], code, m)
		c.VPXOR(m, code, code)
		c.VPSLLD(operand.U8(24), code, code)
		c.VPCMPEQD(none, m, zero)
		c.VPADDD(p[0], m, m)
		c.VPSLLD(operand.U8(20), m, m)
		c.VPOR(code, m, m)
		c.VPANDN(m, zero, m)
		c.VMOVDQU(m, floats(dst, i))
	})
}

// storeEight rounds two numbers by the halves of one random number.
func storeEight(c *build.Context, _ int) {
	s := simd{c, 32}
	codes, x := s.param("codes"), s.param("x")
	p := broadcasts(c, "base", "mask", "spread")
	one := s.words("ones", 0x0000000100000001)
	least, below := s.vec(), s.vec()
	c.VPADDD(one, p[0], least)
	c.VPSLLD(operand.U8(20), least, least)
	c.VPSUBD(one, least, below)
	draw := splitMix(s)
	eachVector(c, func(i reg.GPVirtual) {
		v, bits, sign, random := s.vec(), s.vec(), s.vec(), draw()
		c.VMOVDQU(floats(x, i), v)
		c.VPAND(magnitude(s), v, bits)
		c.VPXOR(bits, v, sign)
		c.VPSRLD(operand.U8(24), sign, sign)
		c.VPANDN(sign, p[1], sign)
		c.VPSRLD(operand.U8(12), random, random)
		code, t := s.vec(), s.vec()
		c.VPADDD(random, bits, code)
		c.VPSRLD(operand.U8(20), code, code)
		c.VPSUBD(p[0], code, code)
		c.VCVTDQ2PS(random, t)
		c.VMULPS(p[2], t, t)
		c.VMULPS(least, t, t)
		c.VCMPPS(operand.U8(0x11), bits, t, t) // t < x
		c.VPSRLD(operand.U8(31), t, t)
		c.VPCMPGTD(below, bits, v)
		c.VPBLENDVB(v, code, t, code)
		c.VPOR(sign, code, code)
		storeCodes(c, []reg.VecVirtual{code}, []operand.Mem{{Base: codes, Index: i, Scale: 1}})
	})
}

// nearest clips by VMAXPS and VMINPS, which give their second source, the bound, for
// NaN. The rest is exact, or rounded to 0.5 or 1 from just below: of numbers next to
// -0.5 and 0, whose nearest is 0.
func nearest(c *build.Context, _ int) {
	s := simd{c, 32}
	dst, src := s.param("dst"), s.param("src")
	top, bottom := broadcasts(c, "top")[0], s.vec()
	s.zero(bottom)
	c.VSUBPS(top, bottom, bottom)
	half, one := s.words("halfFloat", 0x3f0000003f000000), s.words("oneFloat", 0x3f8000003f800000)
	eachVector(c, func(i reg.GPVirtual) {
		v, whole := s.vec(), s.vec()
		c.VMOVUPS(floats(src, i), v)
		c.VMAXPS(bottom, v, v)
		c.VMINPS(top, v, v)
		c.VROUNDPS(operand.U8(9), v, whole)
		c.VSUBPS(whole, v, v)
		c.VCMPPS(operand.U8(0x1d), half, v, v)
		c.VANDPS(one, v, v)
		c.VADDPS(v, whole, whole)
		c.VMOVUPS(whole, floats(dst, i))
	})
}

func bytesToFloats(c *build.Context, _ int) {
	s := simd{c, 32}
	dst, src := s.param("dst"), s.param("src")
	p := broadcasts(c, "shift", "divisor")
	eachVector(c, func(i reg.GPVirtual) {
		v := s.vec()
		c.VPMOVZXBD(operand.Mem{Base: src, Index: i, Scale: 1}, v)
		c.VCVTDQ2PS(v, v)
		c.VADDPS(p[0], v, v)
		c.VDIVPS(p[1], v, v)
		c.VMOVUPS(v, floats(dst, i))
	})
}

func slopes(c *build.Context, _ int) {
	s := simd{c, 32}
	d, x, scale, bias := s.param("d"), s.param("x"), s.param("scale"), s.param("bias")
	p := broadcasts(c, "top", "half", "peak", "fall")
	top, reach, peak, fall := p[0], p[1], p[2], p[3]
	half, one := s.words("halfFloat", 0x3f0000003f000000), s.words("oneFloat", 0x3f8000003f800000)
	eachRow(c, []reg.GPVirtual{d, x}, func(j reg.GPVirtual) {
		v, at, sum, left := s.vec(), s.vec(), s.vec(), s.param("steps")
		c.VMOVUPS(floats(x, j), v)
		c.VMULPS(floats(scale, j), v, v)
		c.VADDPS(floats(bias, j), v, v)
		c.VSUBPS(reach, v, at)
		c.VADDPS(half, at, at)
		c.VROUNDPS(operand.U8(10), at, at) // up, quietly
		s.zero(sum)
		c.Label("step")
		distance, w, inside := s.vec(), s.vec(), s.vec()
		c.VSUBPS(half, at, distance)
		c.VSUBPS(distance, v, distance)
		c.VANDPS(magnitude(s), distance, distance)
		c.VMULPS(fall, distance, w)
		c.VSUBPS(w, peak, w)
		c.VCMPPS(operand.U8(0x12), reach, distance, distance) // distance <= reach
		c.VCMPPS(operand.U8(0x1d), one, at, inside)           // at >= 1
		c.VANDPS(inside, distance, distance)
		c.VCMPPS(operand.U8(0x12), top, at, inside)
		c.VANDPS(inside, distance, distance)
		c.VANDPS(distance, w, w)
		c.VADDPS(w, sum, sum)
		c.VADDPS(one, at, at)
		c.DECQ(left)
		c.JNZ(operand.LabelRef("step"))
		c.VMULPS(floats(d, j), sum, sum)
		c.VMOVUPS(sum, floats(d, j))
	})
}
