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
//	VPMOVSXBW ymm,m     1 (+load), FP1/2        3 (+load), p5
//	VPMOVZXBW ymm,m     1 (+load), FP1/2        3 (+load), p5
//
// Codes are read once and not again, so two loads of 32 bytes for 32 products
// bound 8-bit weights; smaller ones are bound by the decoding.
//
// The four vectors of 2-bit weights in a block are added in 16 bits and widened
// together.

func init() {
	for _, bits := range []int{8, 4, 2} {
		name := fmt.Sprintf("DotW%d", bits)
		dotInt{vector: 32, bits: bits, scheme: pairs}.register("avx2", name)
		dotInt{vector: 32, bits: bits, scheme: dot4}.register("avxvnni", name)
		dotInt{vector: 64, bits: bits, scheme: pairs}.register("avx512bw", name)
		dotInt{vector: 64, bits: bits, scheme: dot4}.register("avx512vnni", name)
	}
	dotInt{vector: 32, bits: 8, scheme: wide}.register("avx2", "DotW8Wide")
	dotInt{vector: 64, bits: 8, scheme: wide}.register("avx512bw", "DotW8Wide")
}

// dotInt describes an inner product.
type dotInt struct {
	vector int // length in bytes
	bits   int // of a weight code
	scheme scheme
}

func (d dotInt) register(room, name string) {
	block := d.vector * 8 / d.bits
	bound := d.scheme.bound(0)
	if d.scheme == pairs && d.bits == 2 {
		bound = acc16.bound(4)
	}
	add(room, family{
		name:      name,
		signature: "func(x *byte, w *byte, blocks uintptr) int32",
		loop: fmt.Sprintf(`	for i := range blocks * %d {
		sum += int32(x[i]) * w[i]
	}

where w are the decoded weights of %d bits. %s
blocks may be zero.`, block, d.bits, exact(bound)),
		constants: maxProduct(name, bound),
		body:      d.body,
	})
}

func (d dotInt) body(c *build.Context, _ int) {
	s := simd{c, d.vector}
	x, w, blocks := s.param("x"), s.param("w"), s.param("blocks")
	codes, _ := s.decoder(d.bits, s.registers())
	ones := s.inRegister(s.constant("ones", 1, 0))
	wv, xv, acc := s.vecs(8/d.bits), s.vec(), s.vec()
	s.zero(acc)
	// A turn takes as many codes whatever the bits, or the loop's own
	// instructions and its jump would cost as much as 8-bit weights do.
	length := d.vector * 8 / d.bits
	turn := 4 * d.bits / 8
	blocksOf := func(n int, label string) {
		s.Label(label)
		for i := range n {
			d.block(codes, ones, at(x, i*length), at(w, i*d.vector), wv, xv, acc)
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
func (d dotInt) block(codes decoder, ones operand.Op, x, w operand.Mem, wv []reg.VecVirtual, xv, acc reg.VecVirtual) {
	s := codes.simd
	if d.scheme == wide {
		for range 2 {
			s.VPMOVSXBW(w, wv[0])
			s.VPMOVZXBW(x, xv)
			s.VPMADDWD(wv[0], xv, xv)
			s.VPADDD(xv, acc, acc)
			w.Disp += d.vector / 2
			x.Disp += d.vector / 2
		}
		return
	}
	codes.decode(w, 0, wv, xv)
	for f, v := range wv {
		s.move(x, xv)
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
