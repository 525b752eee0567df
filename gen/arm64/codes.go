package main

import (
	"fmt"

	"example.com/lowbit/gen/neon"
)

// Weight codes and how they become int8.
//
// A vector of 16 bytes holds 8/b codes of b bits a byte: field f of byte i is element
// 16f+i. A field of all the bytes is thus 16 consecutive elements, and its decoding
// is one look-up with no shuffle across bytes.
//
//	instruction      Cortex-A72: latency, pipes   Neoverse N1: latency, pipes
//	TBL, 1 register  6, three times F0/1          2, V0/1
//	AND              3, F0/1                      2, V0/1
//	USHR             3, F1                        2, V1
//
// TBL looks up sixteen entries by the byte of an index, which a nibble is: an AND
// isolates the low ones, a shift the high ones. A nibble is one 4-bit code, or two
// 2-bit codes: then two tables, one of which ignores the upper code and one the lower,
// save separating them. So a vector of weights takes two instructions of 4 bits, and
// one and a half of 2 bits.
//
// A 4-bit code is a sign (bit 3) and a magnitude: 0 is 0 and e is 2^(e-1). A 2-bit
// code is 0, 1 or, for -1, 3. The codes that mean nothing (8; 2) are zero, so padding
// of any kind is harmless.
var (
	table4     = [16]byte{0, 1, 2, 4, 8, 16, 32, 64, 0, 0xff, 0xfe, 0xfc, 0xf8, 0xf0, 0xe0, 0xc0}
	table2     = [4]byte{0, 1, 0, 0xff}
	table2Low  = nibbles(func(n int) byte { return table2[n&3] })
	table2High = nibbles(func(n int) byte { return table2[n>>2] })
)

func nibbles(f func(int) byte) (t [16]byte) {
	for n := range t {
		t[n] = f(n)
	}
	return t
}

// A decoder turns vectors of packed weight codes into vectors of int8.
type decoder struct {
	*neon.Func
	bits   int
	mask   neon.Vec    // 0x0f in every byte
	tables [2]neon.Vec // by field of the nibble
}

// newDecoder puts what decoding needs into registers: 2 for codes of 4 bits, 3 for
// those of 2, none for those of 8.
func newDecoder(f *neon.Func, bits int) decoder {
	d := decoder{Func: f, bits: bits}
	if bits == 8 {
		return d
	}
	d.mask = f.Vec()
	f.VMOVI(neon.B16, 0x0f, d.mask)
	switch bits {
	case 4:
		d.tables[0] = f.Constant("pow2", table4[:]...)
	case 2:
		d.tables = [2]neon.Vec{f.Constant("ternarylow", table2Low[:]...), f.Constant("ternaryhigh", table2High[:]...)}
	}
	return d
}

// vectors is how many vectors of weights a vector of codes has.
func (d decoder) vectors() int { return 8 / d.bits }

// decode sets w, of that many vectors, to the weights of a vector of codes, which may be
// the last of them.
func (d decoder) decode(codes neon.Vec, w []neon.Vec) {
	table := func(i int) []neon.Vec { return []neon.Vec{d.tables[i]} }
	switch d.bits {
	case 4:
		d.VAND(neon.B16, d.mask, codes, w[0])
		d.VUSHR(neon.B16, 4, codes, w[1])
		d.VTBL(neon.B16, w[0], table(0), w[0])
		d.VTBL(neon.B16, w[1], table(0), w[1])
	case 2:
		d.VAND(neon.B16, d.mask, codes, w[1])
		d.VUSHR(neon.B16, 4, codes, w[3])
		d.VTBL(neon.B16, w[1], table(0), w[0])
		d.VTBL(neon.B16, w[1], table(1), w[1])
		d.VTBL(neon.B16, w[3], table(0), w[2])
		d.VTBL(neon.B16, w[3], table(1), w[3])
	}
}

// Unpacking decodes a panel once for all the tiles of a block of rows, of which each
// would decode it again: in registers, a vector of weights costs as much as the
// products of one or two rows.
func init() {
	for _, bits := range []int{4, 2} {
		add("neon", family{
			name:      fmt.Sprintf("UnpackW%d", bits),
			signature: "func(dst, w *byte, bytes uintptr)",
			loop: fmt.Sprintf(`	for i := range bytes / 16 {
		for j := range %d {
			dst[i][j] = weight[w[i][j%%16]>>(j/16*%d)&%d]
		}
	}

where weight is what a code stands for. bytes is a positive multiple of 16.`, 128/bits, bits, 1<<bits-1),
			constants: []constant{{fmt.Sprintf("UnpackW%dTimes", bits), 8 / bits, "is how many bytes are written for each that is read"}},
			body:      func(f *neon.Func, _ int) { unpack(f, bits) },
		})
	}
}

// unpack is bound by its stores, one of 16 bytes a cycle on a Neoverse N1.
func unpack(f *neon.Func, bits int) {
	dst, w, bytes := f.Param("dst"), f.Param("w"), f.Param("bytes")
	d := newDecoder(f, bits)
	// Two vectors of codes at a time.
	out := [2][]neon.Vec{f.Vecs(d.vectors()), f.Vecs(d.vectors())}
	store := func(v []neon.Vec) {
		for i := 0; i < len(v); i += 2 {
			f.FSTPQ(v[i], v[i+1], neon.Post(dst, 32))
		}
	}
	last := d.vectors() - 1
	f.SUBS(neon.Imm(32), bytes, bytes)
	f.Bcond(neon.LO, "rest")
	f.Label("two")
	f.FLDPQ(neon.Post(w, 32), out[0][last], out[1][last])
	d.decode(out[0][last], out[0])
	d.decode(out[1][last], out[1])
	store(out[0])
	store(out[1])
	f.SUBS(neon.Imm(32), bytes, bytes)
	f.Bcond(neon.HS, "two")
	f.Label("rest")
	f.TBZ(4, bytes, "done")
	f.FMOVQ(neon.At(w, 0), out[0][last])
	d.decode(out[0][last], out[0])
	store(out[0])
	f.Label("done")
	f.RET()
}
