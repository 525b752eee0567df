package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Convolutions with 16-bit sums. VPMADDUBSW and VPADDW are all there is to a step:
// sums are added modulo 2^16, so that those that fit into 16 bits in the end are exact
// whatever wrapped on the way, as long as no VPMADDUBSW saturates. Nothing is widened
// in the loop, as tiles with 32-bit sums do (see muladd.go).
//
// A tile is some pixels by 16 outputs, a step four inputs that lie side by side in
// memory, as the inputs of a row of a window do. Where they lie is the sum of two
// offsets, of the pixel and of the step, so that a window needs no copy.
//
// An accumulator has two 16-bit sums for each of eight outputs, of the first and of
// the last two inputs of steps. In the end, those of two accumulators are added: of a,
// which has even outputs, and of b, which has odd ones. With a0 and a1 the sums of an
// output, b0 and b1 those of the next, two blends make pairs a0, b1 and b0, a1 of them,
// of which the second is swapped, and then added: that are four instructions where
// VPHADDW, which keeps halves apart besides, takes as many and half the rate.

// convInt16Pixels is the most pixels of a tile: 12 accumulators, the weights of 16
// outputs, codes and products fill the 16 registers.
const convInt16Pixels = 6

func init() {
	add("avx2", family{
		name: "ConvInt16",
		doc: `ConvInt16 are the tiles by their number of pixels. A step is 4 codes by 16 outputs,
of which byte b of w is that of the output b/4%8*2 + b/32.`,
		signature: "func(dst *int16, dstStride uintptr, x *byte, at *uintptr, groups uintptr, w *byte, places *uintptr, steps uintptr, minus *int16)",
		variants:  upTo(convInt16Pixels),
		loop: `	for i := range %d * groups {
		for j := range 16 {
			sum := -minus[j]
			for k := range steps {
				for b := range 4 {
					sum += int16(x[at[i]+places[k]+b]) * weight(k, j, b)
				}
			}
			dst[i*dstStride/2+j] = sum
		}
	}

modulo 2^16, where weight(k, j, b) is that of output j and input b in step k of w. No
sum of the products of two adjacent inputs may leave the range of int16. groups and
steps are at least 1.`,
		body: convInt16,
	})
	add("avx2", family{
		name:      "UnpackW1",
		signature: "func(dst, w *byte, bytes uintptr)",
		loop: `	for i := range bytes / 32 {
		for j := range 256 {
			dst[i][j] = 2*(w[i][j%32]>>(j/32)&1) - 1
		}
	}

bytes is a positive multiple of 32.`,
		body: unpackW1,
	})
}

func convInt16(c *build.Context, pixels int) {
	s := simd{c, 32}
	dst, pixel := s.param("dst"), s.param("at")
	c.Label("group")
	x := make([]reg.GPVirtual, pixels)
	for i := range x {
		x[i] = s.GP64()
		c.MOVQ(at(pixel, 8*i), x[i])
		c.ADDQ(paramMem(c, "x"), x[i])
	}
	c.ADDQ(operand.U8(8*pixels), pixel)
	w, place, k, offset := s.param("w"), s.param("places"), s.param("steps"), s.GP64()
	acc := make([][]reg.VecVirtual, pixels)
	for i := range acc {
		acc[i] = s.vecs(2)
	}
	weights, codes, product := s.vecs(2), s.vec(), s.vec()
	// The first step sets the accumulators.
	step := func(first bool) {
		c.MOVQ(at(place, 0), offset)
		for i, v := range weights {
			s.move(at(w, 32*i), v)
		}
		for i := range x {
			c.VPBROADCASTD(operand.Mem{Base: x[i], Index: offset, Scale: 1}, codes)
			if first {
				c.VPMADDUBSW(weights[0], codes, acc[i][0])
				c.VPMADDUBSW(weights[1], codes, acc[i][1])
				continue
			}
			c.VPMADDUBSW(weights[0], codes, product)
			c.VPMADDUBSW(weights[1], codes, codes)
			c.VPADDW(product, acc[i][0], acc[i][0])
			c.VPADDW(codes, acc[i][1], acc[i][1])
		}
		c.ADDQ(operand.U8(8), place)
		c.ADDQ(operand.U8(64), w)
		c.DECQ(k)
	}
	step(true)
	c.JZ(operand.LabelRef("summed"))
	c.Label("step")
	step(false)
	c.JNZ(operand.LabelRef("step"))
	c.Label("summed")
	minus := s.param("minus")
	swap := s.constant("swapwords", 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13)
	for _, a := range acc {
		c.VPBLENDW(operand.U8(0xaa), a[1], a[0], codes)
		c.VPBLENDW(operand.U8(0x55), a[1], a[0], product)
		c.VPSHUFB(swap, product, product)
		c.VPADDW(product, codes, codes)
		c.VPSUBW(at(minus, 0), codes, codes)
		s.move(codes, at(dst, 0))
		c.ADDQ(paramMem(c, "dstStride"), dst)
	}
	c.DECQ(paramMem(c, "groups"))
	c.JNZ(operand.LabelRef("group"))
	c.VZEROUPPER()
	c.RET()
}

func unpackW1(c *build.Context, _ int) {
	s := simd{c, 32}
	dst, w, bytes := s.param("dst"), s.param("w"), s.param("bytes")
	one, zero, packed := s.inRegister(s.constant("one", 1)), s.vec(), s.vec()
	s.zero(zero)
	c.Label("run")
	s.move(at(w, 0), packed)
	for bit := range 8 {
		v := s.vec()
		s.and(s.constant(fmt.Sprintf("bit%d", bit), 1<<bit), packed, v)
		c.VPCMPEQB(zero, v, v)
		c.VPOR(one, v, v)
		s.move(v, at(dst, 32*bit))
	}
	c.ADDQ(operand.U8(32), w)
	c.ADDQ(operand.U32(256), dst)
	c.SUBQ(operand.U8(32), bytes)
	c.JNZ(operand.LabelRef("run"))
	c.VZEROUPPER()
	c.RET()
}
