package main

import (
	"bytes"
	"encoding/binary"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// simd emits the operations whose mnemonics differ between AVX2 (bytes = 32)
// and AVX-512 (bytes = 64), so that a kernel is written once for both.
type simd struct {
	*build.Context
	bytes int
}

// registers is the number of vector registers that the encoding reaches.
func (s simd) registers() int { return s.bytes / 2 }

func (s simd) vec() reg.VecVirtual {
	if s.bytes == 64 {
		return s.ZMM()
	}
	return s.YMM()
}

func (s simd) vecs(n int) []reg.VecVirtual {
	v := make([]reg.VecVirtual, n)
	for i := range v {
		v[i] = s.vec()
	}
	return v
}

func (s simd) zero(vs ...reg.VecVirtual) {
	for _, v := range vs {
		s.xor(v, v, v)
	}
}

// xor sets dst = x ^ y; y may be memory.
func (s simd) xor(y operand.Op, x, dst reg.VecVirtual) {
	if s.bytes == 64 {
		s.VPXORQ(y, x, dst)
	} else {
		s.VPXOR(y, x, dst)
	}
}

// and sets dst = x & y; y may be memory.
func (s simd) and(y operand.Op, x, dst reg.VecVirtual) {
	if s.bytes == 64 {
		s.VPANDQ(y, x, dst)
	} else {
		s.VPAND(y, x, dst)
	}
}

// move loads a vector or stores it. No alignment is asked for.
func (s simd) move(src, dst operand.Op) {
	if s.bytes == 64 {
		s.VMOVDQU64(src, dst)
	} else {
		s.VMOVDQU(src, dst)
	}
}

// param loads a parameter into a new register.
func (s simd) param(name string) reg.GPVirtual {
	return s.Load(s.Param(name), s.GP64()).(reg.GPVirtual)
}

// constant returns a vector of read-only memory that repeats the pattern.
func (s simd) constant(name string, pattern ...byte) operand.Mem {
	return s.readOnly(name, bytes.Repeat(pattern, s.bytes/len(pattern)))
}

// readOnly returns read-only memory, whose length is a multiple of 8. The
// functions of a file share it by its name.
func (s simd) readOnly(name string, data []byte) operand.Mem {
	file, _ := s.Result()
	for _, section := range file.Sections {
		if g, ok := section.(*ir.Global); ok && g.Symbol.Name == name {
			return g.Base()
		}
	}
	m := s.StaticGlobal(name)
	s.DataAttributes(attr.RODATA | attr.NOPTR)
	for i := 0; i < len(data); i += 8 {
		s.AddDatum(i, operand.U64(binary.LittleEndian.Uint64(data[i:])))
	}
	return m
}

// inRegister loads a constant into a register for the length of the function.
func (s simd) inRegister(m operand.Op) operand.Op {
	v := s.vec()
	s.move(m, v)
	return v
}

// sumLanes adds the lanes of v, of 32 or 64 bits, and returns the register whose
// first lane is the sum. v is overwritten.
func (s simd) sumLanes(v reg.VecVirtual, bits int) reg.Register {
	add := s.VPADDD
	if bits == 64 {
		add = s.VPADDQ
	}
	if s.bytes == 64 {
		upper := s.YMM()
		s.VEXTRACTI64X4(operand.U8(1), v, upper)
		add(upper, v.AsY(), v.AsY())
	}
	sum, other := v.AsX(), s.XMM()
	s.VEXTRACTI128(operand.U8(1), v.AsY(), other)
	add(other, sum, sum)
	s.VPSHUFD(operand.U8(0x4e), sum, other)
	add(other, sum, sum)
	if bits == 32 {
		s.VPSHUFD(operand.U8(0xb1), sum, other)
		add(other, sum, sum)
	}
	return sum
}

// at is the memory disp bytes after a pointer.
func at(base reg.Register, disp int) operand.Mem { return operand.Mem{Base: base, Disp: disp} }

// rows addresses up to six rows a stride apart. Every third row has a pointer
// of its own and the two after it are reached by an index of one or two
// strides, so that advancing along all the rows takes n/3 additions.
type rows struct {
	base   []reg.GPVirtual
	stride reg.GPVirtual
}

func (s simd) rows(first, stride reg.GPVirtual, n int) rows {
	r := rows{base: []reg.GPVirtual{first}, stride: stride}
	for i := 3; i < n; i += 3 {
		p := s.GP64()
		s.LEAQ(operand.Mem{Base: r.base[len(r.base)-1], Index: stride, Scale: 2}, p)
		s.ADDQ(stride, p)
		r.base = append(r.base, p)
	}
	return r
}

// at is the memory disp bytes into row i.
func (r rows) at(i, disp int) operand.Mem {
	m := at(r.base[i/3], disp)
	if i%3 > 0 {
		m.Index, m.Scale = r.stride, uint8(i%3)
	}
	return m
}

func (s simd) advance(r rows, bytes int) {
	for _, p := range r.base {
		s.ADDQ(operand.I32(bytes), p)
	}
}
