package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Look-ups of sums whose bytes are added to int32 at once.
//
// A vector of 64 entries is four tables of sixteen: those of 16 codes of a row.
// The lanes are outputs; byte b of one has four weight bits and looks up in
// table b: VPERMB with 16b + bits as index. VPDPBUSD with ones adds the four
// entries to the lane. So two instructions are 16 x 16 products, for entries up
// to 255, and nothing is ever widened.
//
// A byte of the panel is the bits of two outputs: lane l of a vector of it has
// those of output l in the low nibbles and of 16 + l in the high ones.

func init() {
	for _, planes := range []int{1, 2} {
		add("avx512vbmi", lutFamily(fmt.Sprintf("GemmLUTDot%d", planes), 6, planes, 16, 4, lutHeader, 0, lutDot{planes}.body))
	}
}

// lutDot describes a family of tiles.
type lutDot struct{ planes int }

func (g lutDot) body(c *build.Context, mr int) {
	const vectors = lutOutputs / 16
	s := simd{c, 64}
	t := s.lutRows(mr, lutHeader)
	acc := make([][]reg.VecVirtual, mr)
	for i := range acc {
		acc[i] = s.vecs(vectors)
	}
	index := s.vecs(vectors)
	ones, found := s.inRegister(s.constant("one", 1)), s.vec()
	nibble := s.inRegister(s.constant("nibble", 0x0f))
	tables := s.inRegister(s.constant("tables", 0, 0x10, 0x20, 0x30))
	t.sets(64, g.planes*2*lutOutputs, func(end reg.GPVirtual) {
		t.point()
		for _, row := range acc {
			s.zero(row...)
		}
		s.Label("step")
		for plane := range g.planes {
			for v := 0; v < vectors; v += 2 {
				src := t.weights(plane*2*lutOutputs + v/2*64)
				t.ahead(plane*2*lutOutputs + v/2*64)
				s.move(src, index[v])
				s.VPSRLW(operand.U8(4), index[v], index[v+1])
				for _, i := range index[v:][:2] {
					// Of three bits a, b and c, number 4a + 2b + c: (a AND b) OR c.
					const andOr = 1<<1 | 1<<3 | 1<<5 | 1<<6 | 1<<7
					s.VPTERNLOGD(operand.U8(andOr), tables, nibble, i)
				}
			}
			for i, row := range acc {
				for v, sum := range row {
					s.VPERMB(t.table(i, 0), index[v], found)
					s.VPDPBUSD(ones, found, sum)
				}
			}
		}
		s.ADDQ(operand.U8(64), t.at)
		s.CMPQ(t.at, end)
		s.JCS(operand.LabelRef("step"))
		t.take(func(i int, _ reg.GPVirtual, put func(sum reg.VecVirtual, j int)) {
			for v, sum := range acc[i] {
				put(sum, 16*v)
			}
		})
	})
}
