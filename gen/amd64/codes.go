package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Weight codes and how they become int8.
//
// A vector of V bytes holds 8/b codes of b bits a byte: field f of byte i is
// element f*V+i. A field of all the bytes is thus V consecutive elements, and
// its decoding is one look-up with no shuffle across bytes.
//
//	instruction    Zen 3: latency, ports   Ice Lake: latency, ports
//	VPSHUFB ymm    1, FP1/2                1, p15
//	VPSHUFB zmm    -                       1, p5
//	VPAND          1, FP0123               1, p015 (zmm p05)
//	VPSRLW imm     1, FP1/2                1, p01 (zmm p0)
//
// VPSHUFB looks up sixteen entries by the low four bits of a byte, if bit 7 is
// zero; so a nibble is isolated by an AND, the high one after a shift. A
// nibble is one 4-bit code, or two 2-bit codes: then two tables, one of which
// ignores the upper code and one the lower, save separating them. On Zen 3 the
// look-ups and shifts use the two pipes that VPMADDUBSW (FP0/3) does not.
//
// A 4-bit code is a sign (bit 3) and a magnitude: 0 is 0 and e is 2^(e-1).
// A 2-bit code is 0, 1 or, for -1, 3. The codes that mean nothing (8; 2) are
// zero, so padding of any kind is harmless.
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

// A decoder turns packed weight codes into vectors of int8.
type decoder struct {
	simd
	bits   int
	mask   operand.Op    // 0x0f in every byte
	tables [2]operand.Op // by field of the nibble
}

// decoder prepares constants, as many as there are free registers for in registers,
// the tables first: one in memory is loaded for every look-up.
func (s simd) decoder(bits, free int) (d decoder, left int) {
	d = decoder{simd: s, bits: bits}
	if bits == 8 {
		return d, free
	}
	hold := func(m operand.Op) operand.Op {
		if free == 0 {
			return m
		}
		free--
		return s.inRegister(m)
	}
	switch bits {
	case 4:
		d.tables[0] = hold(s.constant("pow2", table4[:]...))
		d.tables[1] = d.tables[0]
	case 2:
		d.tables[0] = hold(s.constant("ternarylow", table2Low[:]...))
		d.tables[1] = hold(s.constant("ternaryhigh", table2High[:]...))
	}
	d.mask = hold(s.constant("nibble", 0x0f))
	return d, free
}

// decode sets w to the vectors of elements that start at vector number first
// of the packed codes at src. tmp is overwritten.
func (d decoder) decode(src operand.Mem, first int, w []reg.VecVirtual, tmp reg.VecVirtual) {
	perByte := 8 / d.bits
	for i := 0; i < len(w); {
		e := first + i
		run := src
		run.Disp += e / perByte * d.bytes
		switch d.bits {
		case 8:
			d.move(run, w[i])
			i++
		case 4:
			d.nibble(run, e%2 == 1, w[i])
			d.lookup(0, w[i], w[i], tmp)
			i++
		case 2:
			d.nibble(run, e%4 == 2, w[i])
			d.lookup(1, w[i], w[i+1], tmp)
			d.lookup(0, w[i], w[i], tmp)
			i += 2
		}
	}
}

// nibble isolates the low or high nibbles of the bytes at src.
func (d decoder) nibble(src operand.Mem, high bool, dst reg.VecVirtual) {
	mask, inRegister := d.mask.(reg.VecVirtual)
	switch {
	case high && d.bytes == 64:
		d.VPSRLW(operand.U8(4), src, dst)
		d.and(d.mask, dst, dst)
	case high:
		d.move(src, dst)
		d.VPSRLW(operand.U8(4), dst, dst)
		d.and(d.mask, dst, dst)
	case inRegister:
		d.and(src, mask, dst)
	default:
		d.move(src, dst)
		d.and(d.mask, dst, dst)
	}
}

// lookup sets dst to the entries of a table that index selects.
func (d decoder) lookup(table int, index, dst, tmp reg.VecVirtual) {
	t, ok := d.tables[table].(reg.VecVirtual)
	if !ok {
		// The table is the operand that cannot be memory.
		t = tmp
		d.move(d.tables[table], t)
	}
	d.VPSHUFB(index, t, dst)
}
