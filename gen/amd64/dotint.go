package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Inner products of codes with packed weights: the instructions and bounds of
// muladd.go, with both operands in order of k, so that a vector of weights
// meets the vector of codes at the same place and nothing is broadcast.
//
//	instruction         Zen 3: latency, ports   Ice Lake: latency, ports
//	VPMADDUBSW ymm,m    3 (+load), FP0/3        5 (+load), p01
//	VPABSB, VPXOR ymm   1, FP0123               1, p015
//	VPCMPGTB ymm        1, FP0123               1, p01
//
// Codes are read once and not again, so two loads of 32 bytes for 32 products
// bound 8-bit weights; smaller ones are bound by the decoding.
//
// The four vectors of 2-bit weights in a block are added in 16 bits and widened
// together.
//
// Products of int8 by u8 are too large for pairs. flips takes the magnitude of w
// for the unsigned operand and gives its sign to x, which is made signed: with
// y = x-128, whose byte is x XOR 0x80, and ~y = -y-1 = y XOR 0xff,
//
//	w >= 0:   w*x = |w|*y  + 128*|w|
//	w < 0:    w*x = |w|*~y - 127*|w|
//
// The sum of two products is now within 2*128*128 = 2^15: at the lower end an
// int16, and at the upper one 2*128*127. What x does not change is left to the
// caller. Seven instructions for 32 products; widening both operands to 16 bits
// takes eight, of which four are shuffles for two pipes, and ran 7 % slower for
// 1024 products and 18 % for 4096 on Zen 3.
//
// Each kernel has a twin for two's complement codes, which it makes unsigned by
// XOR 0x80; for flips that takes an instruction less.

func init() {
	for _, bits := range []int{8, 4, 2} {
		name := fmt.Sprintf("DotW%d", bits)
		small := pairs // without VNNI
		if bits == 8 {
			small = flips
			dotInt{vector: 32, bits: bits, scheme: pairs}.register("avx2", name)
			dotInt{vector: 64, bits: bits, scheme: pairs}.register("avx512bw", name)
		}
		for _, signed := range []bool{false, true} {
			dotInt{vector: 32, bits: bits, scheme: small, signed: signed}.register("avx2", name)
			dotInt{vector: 32, bits: bits, scheme: dot4, signed: signed}.register("avxvnni", name)
			dotInt{vector: 64, bits: bits, scheme: small, signed: signed}.register("avx512bw", name)
			dotInt{vector: 64, bits: bits, scheme: dot4, signed: signed}.register("avx512vnni", name)
		}
	}
}

// dotInt describes an inner product.
type dotInt struct {
	vector int // length in bytes
	bits   int // of a weight code
	scheme scheme
	signed bool // codes are two's complement
}

func (d dotInt) register(room, name string) {
	block := d.vector * 8 / d.bits
	bound := d.scheme.bound(0)
	if d.scheme == pairs && d.bits == 2 {
		bound = acc16.bound(4)
	}
	x, w := "int32(x[i])", "w[i]"
	note := exact(bound)
	if d.scheme == flips {
		name += "Flips"
		w = "abs(w[i])"
		x = "int32(int8(x[i] ^ flip[w[i] < 0]))"
		note = "It is exact for every weight and code. flip is 0x80, or 0x7f for w < 0"
		if d.signed {
			note = "It is exact for every weight and code. flip is 0, or 0xff for w < 0"
		}
		note += ",\nso what is missing in the sum does not depend on x."
	} else if d.signed {
		x = "int32(x[i] ^ 0x80)"
	}
	if d.signed {
		name += "S8"
	}
	add(room, family{
		name:      name,
		signature: "func(x *byte, w *byte, blocks uintptr) int32",
		loop: fmt.Sprintf(`	for i := range blocks * %d {
		sum += %s * %s
	}

where w are the decoded weights of %d bits. %s
blocks may be zero.`, block, x, w, d.bits, note),
		constants: maxProduct(name, bound),
		body:      d.body,
	})
}

func (d dotInt) body(c *build.Context, _ int) {
	s := simd{c, d.vector}
	x, w, blocks := s.param("x"), s.param("w"), s.param("blocks")
	codes, _ := s.decoder(d.bits, s.registers())
	ones := s.inRegister(s.constant("ones", 1, 0))
	var top, zero reg.VecVirtual
	if d.signed != (d.scheme == flips) {
		top = s.inRegister(s.constant("top", 0x80)).(reg.VecVirtual)
	}
	if d.scheme == flips && d.vector == 32 {
		zero = s.vec()
		s.zero(zero)
	}
	wv, xv, acc := s.vecs(8/d.bits), s.vec(), s.vec()
	s.zero(acc)
	// A turn takes as many codes whatever the bits, or the loop's own
	// instructions and its jump would cost as much as 8-bit weights do.
	length := d.vector * 8 / d.bits
	turn := 4 * d.bits / 8
	blocksOf := func(n int, label string) {
		s.Label(label)
		for i := range n {
			d.block(codes, ones, top, zero, at(x, i*length), at(w, i*d.vector), wv, xv, acc)
		}
		s.SUBQ(operand.I32(-n*length), x)
		s.SUBQ(operand.I32(-n*d.vector), w)
	}
	if turn > 1 {
		s.SUBQ(operand.U8(turn), blocks)
		s.JCS(operand.LabelRef("few"))
		blocksOf(turn, "turn")
		s.SUBQ(operand.U8(turn), blocks)
		s.JCC(operand.LabelRef("turn"))
		s.Label("few")
		s.ADDQ(operand.U8(turn), blocks)
	} else {
		s.TESTQ(blocks, blocks)
	}
	s.JZ(operand.LabelRef("sum"))
	blocksOf(1, "block")
	s.DECQ(blocks)
	s.JNZ(operand.LabelRef("block"))
	s.Label("sum")
	sum := s.GP32()
	s.VMOVD(s.sumLanes(acc, 32), sum)
	s.Store(sum, s.ReturnIndex(0))
	s.VZEROUPPER()
	s.RET()
}

// block adds the products of a block to acc. wv and xv are overwritten.
func (d dotInt) block(codes decoder, ones operand.Op, top, zero reg.VecVirtual, x, w operand.Mem, wv []reg.VecVirtual, xv, acc reg.VecVirtual) {
	s := codes.simd
	if d.scheme == flips {
		v, sign := wv[0], xv
		s.move(w, v)
		if d.vector == 64 {
			// There is no VPCMPGTB into a vector.
			k := s.K()
			s.VPMOVB2M(v, k)
			s.VPMOVM2B(k, sign)
			s.VPABSB(v, v)
			if d.signed {
				s.xor(x, sign, sign)
			} else {
				s.VPTERNLOGQ(operand.U8(0x96), x, top, sign)
			}
		} else {
			s.VPCMPGTB(v, zero, sign)
			s.VPABSB(v, v)
			s.xor(x, sign, sign)
			if !d.signed {
				s.xor(top, sign, sign)
			}
		}
		s.VPMADDUBSW(sign, v, v)
		s.VPMADDWD(ones, v, v)
		s.VPADDD(v, acc, acc)
		return
	}
	codes.decode(w, 0, wv, xv)
	for f, v := range wv {
		if d.signed {
			s.xor(x, top, xv)
		} else {
			s.move(x, xv)
		}
		x.Disp += d.vector
		if d.scheme == dot4 {
			s.VPDPBUSD(v, xv, acc)
			continue
		}
		s.VPMADDUBSW(v, xv, v)
		if d.bits != 2 {
			s.VPMADDWD(ones, v, v)
			s.VPADDD(v, acc, acc)
		} else if f > 0 {
			s.VPADDW(v, wv[0], wv[0])
		}
	}
	if d.scheme == pairs && d.bits == 2 {
		s.VPMADDWD(ones, wv[0], wv[0])
		s.VPADDD(wv[0], acc, acc)
	}
}
