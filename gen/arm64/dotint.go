package main

import (
	"fmt"

	"example.com/lowbit/gen/neon"
)

// Inner products of codes with packed weights: both operands are in order of k, so
// that a vector of weights meets the vector of codes at the same place.
//
//	instruction            Cortex-A72: latency, pipes   Neoverse N1: latency, pipes
//	SMULL, SMLAL2, SMLSL2  4, F0                        4, V0
//	SADALP                 4, F1                        4, V1
//	SDOT                   -                            2, V0/1
//	USDOT                  -                            3 (1 for the sum), V0/1 (Neoverse N2)
//	EOR                    3, F0/1                      2, V0/1
//	LDR q                  5, L                         5, L0/1
//
// What multiplies signed bytes takes u8 codes with the top bit flipped, y = x-128,
// and x = y + 128: what is missing in the sum, 128·Σ w, does not depend on x and is
// left to the caller. The twins for two's complement codes have y as it is, an
// instruction less. USDOT takes u8 codes; there the twins flip.
//
// SDOT and USDOT add modulo 2^32, whatever the products. SMULL and SMLAL2 put the
// sum of two products into 16 bits, of which SADALP adds pairs to 32: with
// |y| <= 128, weights of 4 bits, |w| <= 64, make at most 2*64*128 = 2^14, and weights
// of 2 bits, |w| <= 1, with the four products that a lane has in a block, 4*128.
//
// Of weights of 8 bits, w*y is -127*128 to 128*128: two of the latter, 2^15, are too
// many, but the difference of two products always fits, up to
// 128*128 + 127*128 = 32640. So the upper eight codes of every sixteen are flipped to
// z = -y-1 = 127-x, whose byte is x XOR 0x7f, and SMLSL2 subtracts their products:
// w*x = 127*w - w*z. Both functions flip so, by XOR 0 and 0xff where codes are
// two's complement. Four instructions for 16 products, of which one pipe multiplies
// twice: 8 a cycle.
//
// A turn takes 64 codes whatever the bits, with four sums, so that latency is hidden.

func init() {
	for room, by := range map[string]string{"neon": "SMULL", "dotprod": "SDOT", "i8mm": "USDOT"} {
		for _, bits := range []int{8, 4, 2} {
			dotInt{by, bits, false}.register(room)
			dotInt{by, bits, true}.register(room)
		}
	}
}

// dotInt describes an inner product.
type dotInt struct {
	by     string // what multiplies
	bits   int    // of a weight code
	signed bool   // codes are two's complement
}

// differences reports whether half of the products are subtracted.
func (d dotInt) differences() bool { return d.by == "SMULL" && d.bits == 8 }

// flip is what sixteen codes are changed by, nil if they are not.
func (d dotInt) flip() []byte {
	flip := make([]byte, 16)
	for i := range flip {
		if d.signed == (d.by == "USDOT") {
			flip[i] = 0x80
		}
		if d.differences() && i >= 8 {
			flip[i] ^= 0xff
		}
	}
	if flip[0] == 0 && flip[8] == 0 {
		return nil
	}
	return flip
}

func (d dotInt) register(room string) {
	name := fmt.Sprintf("DotW%d", d.bits)
	if d.signed {
		name += "S8"
	}
	flip := ""
	if f := d.flip(); f != nil {
		flip = fmt.Sprintf(" ^ %#02x", f[0])
	}
	x, note := "int32(int8(x[i]"+flip+"))", "\nWhat is missing in the sum, 128*w[i], does not depend on x."
	switch {
	case d.by == "USDOT":
		x, note = "int32(x[i]"+flip+")", ""
	case d.differences():
		x = fmt.Sprintf("[]int32{int32(int8(x[i]%s)), -int32(int8(x[i] ^ %#02x))}[i/8%%2]", flip, d.flip()[8])
		note = "\nWhat is missing in the sum, 128*w[i] or 127*w[i], does not depend on x."
		if d.signed {
			x = "[]int32{int32(int8(x[i])), -int32(^int8(x[i]))}[i/8%2]"
		}
	}
	add(room, family{
		name:      name,
		signature: "func(x *byte, w *byte, blocks uintptr) int32",
		loop: fmt.Sprintf(`	for i := range blocks * %d {
		sum += %s * w[i]
	}

where w are the decoded weights of %d bits. It is exact for every weight and code.%s
blocks may be zero.`, 128/d.bits, x, d.bits, note),
		constants: []constant{{name + "MaxProduct", anyProduct, "is the largest |w| times x for which " + name + " is exact"}},
		body:      d.body,
	})
}

func (d dotInt) body(f *neon.Func, _ int) {
	x, w, blocks := f.Param("x"), f.Param("w"), f.Param("blocks")
	codes := newDecoder(f, d.bits)
	vectors := codes.vectors() // of codes in a block
	acc, tmp, xv, wv := f.Vecs(4), f.Vecs(4), f.Vecs(4), f.Vecs(4)
	var flip neon.Vec
	if pattern := d.flip(); pattern != nil {
		flip = f.Constant(fmt.Sprintf("flip%02x%02x", pattern[0], pattern[8]), pattern...)
	}
	f.Zero(acc...)
	run := func(blocks int) {
		for b := range blocks {
			f.FMOVQ(neon.At(w, 16*b), wv[(b+1)*vectors-1])
		}
		for i := range blocks * vectors {
			f.FMOVQ(neon.At(x, 16*i), xv[i])
		}
		f.ADD(neon.Imm(16*blocks), w, w)
		f.ADD(neon.Imm(16*blocks*vectors), x, x)
		for b := range blocks {
			at := b * vectors
			if d.bits < 8 {
				codes.decode(wv[at+vectors-1], wv[at:at+vectors])
			}
			for _, v := range xv[at : at+vectors] {
				if d.flip() != nil {
					f.VEOR(neon.B16, flip, v, v)
				}
			}
			d.add(f, xv[at:at+vectors], wv[at:at+vectors], tmp[at:], acc[at:])
		}
	}
	if turn := 4 / vectors; turn > 1 {
		f.SUBS(neon.Imm(turn), blocks, blocks)
		f.Bcond(neon.LO, "few")
		f.Label("turn")
		run(turn)
		f.SUBS(neon.Imm(turn), blocks, blocks)
		f.Bcond(neon.HS, "turn")
		f.Label("few")
		f.ADD(neon.Imm(turn), blocks, blocks)
	}
	f.CBZ(blocks, "sum")
	f.Label("block")
	run(1)
	f.SUBS(neon.Imm(1), blocks, blocks)
	f.Bcond(neon.NE, "block")
	f.Label("sum")
	sum := f.GP()
	f.VADD(neon.S4, acc[1], acc[0], acc[0])
	f.VADD(neon.S4, acc[3], acc[2], acc[2])
	f.VADD(neon.S4, acc[2], acc[0], acc[0])
	f.VADDV(neon.S4, acc[0], acc[0])
	f.FMOVS(acc[0], sum)
	f.Return(sum)
}

// add adds the products of the vectors of a block to sums, of which there is one for
// each. tmp is overwritten.
func (d dotInt) add(f *neon.Func, x, w, tmp, acc []neon.Vec) {
	for i, xv := range x {
		wv, t := w[i], tmp[i]
		switch {
		case d.by == "SDOT":
			f.VSDOT(wv, xv, acc[i])
		case d.by == "USDOT":
			f.VUSDOT(wv, xv, acc[i])
		case d.bits == 8:
			f.VSMULL(neon.B8, wv, xv, t)
			f.VSMLSL2(neon.B16, wv, xv, t)
			f.VSADALP(neon.H8, t, acc[i])
		case d.bits == 4:
			f.VSMULL(neon.B8, wv, xv, t)
			f.VSMLAL2(neon.B16, wv, xv, t)
			f.VSADALP(neon.H8, t, acc[i])
		case i < 2:
			f.VSMULL(neon.B8, wv, xv, t)
			f.VSMLAL2(neon.B16, wv, xv, t)
		default:
			f.VSMLAL(neon.B8, wv, xv, tmp[i-2])
			f.VSMLAL2(neon.B16, wv, xv, tmp[i-2])
		}
	}
	if d.by == "SMULL" && d.bits == 2 {
		f.VSADALP(neon.H8, tmp[0], acc[0])
		f.VSADALP(neon.H8, tmp[1], acc[1])
	}
}
