package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
)

// Unpacking decodes a panel once for all the tiles of a block of rows, of which each
// would decode it again, and for which the look-ups' constants take a row's registers.
func init() {
	for _, bits := range []int{4, 2} {
		add("avx2", family{
			name:      fmt.Sprintf("UnpackW%d", bits),
			signature: "func(dst, w *byte, bytes uintptr)",
			loop: fmt.Sprintf(`	for i := range bytes / 32 {
		for j := range %d {
			dst[i][j] = weight[w[i][j%%32]>>(j/32*%d)&%d]
		}
	}

where weight is what a code stands for. bytes is a positive multiple of 32.`, 256/bits, bits, 1<<bits-1),
			constants: []constant{{fmt.Sprintf("UnpackW%dTimes", bits), 8 / bits, "is how many bytes are written for each that is read"}},
			body:      func(c *build.Context, _ int) { unpack(c, bits) },
		})
	}
}

func unpack(c *build.Context, bits int) {
	s := simd{c, 32}
	dst, w, bytes := s.param("dst"), s.param("w"), s.param("bytes")
	codes, _ := s.decoder(bits, s.registers())
	out := s.vecs(8 / bits)
	c.Label("run")
	codes.decode(at(w, 0), 0, out, nil)
	for i, v := range out {
		s.move(v, at(dst, i*s.bytes))
	}
	c.ADDQ(operand.U8(s.bytes), w)
	c.ADDQ(operand.U32(len(out)*s.bytes), dst)
	c.SUBQ(operand.U8(s.bytes), bytes)
	c.JNZ(operand.LabelRef("run"))
	c.VZEROUPPER()
	c.RET()
}
