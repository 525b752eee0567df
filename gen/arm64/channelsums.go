package main

import (
	"fmt"

	"example.com/lowbit/gen/neon"
)

// Sums over the positions of an image, channel by channel: 8 columns stay in registers
// while all rows pass, bytes as sums of 16 bits, of which 257 fit, since 255*257 is
// 65535, and float32 in the order of the rows, so that every CPU gives the same bits.

func init() {
	const end = `
with rows that lie stride elements apart. cols is a multiple of 8, at least 8; rows
is at least 1`
	for _, t := range []struct{ name, dst, src, value, end string }{
		{"ChannelSums", "int32", "byte", "int32(x[i][j])", ", at most 257."},
		{"ChannelSumsF32", "float32", "float32", "x[i][j]", "."},
	} {
		bytes := t.src == "byte"
		add("neon", family{
			name:      t.name,
			doc:       t.name + " adds up columns.",
			signature: fmt.Sprintf("func(dst *%s, x *%s, rows, stride, cols uintptr)", t.dst, t.src),
			loop: fmt.Sprintf(`	for i := range rows {
		for j := range cols {
			dst[j] += %s
		}
	}
%s%s`, t.value, end, t.end),
			body: func(f *neon.Func, _ int) { channelSums(f, bytes) },
		})
	}
}

func channelSums(f *neon.Func, bytes bool) {
	dst, x, stride, cols := f.Param("dst"), f.Param("x"), f.Param("stride"), f.Param("cols")
	width := 8
	if !bytes {
		f.LSL(neon.Imm(2), stride, stride)
		width = 32
	}
	f.Label("columns")
	sums, low := f.Vecs(2), f.Vec() // low: of bytes
	loadVectors(f, dst, sums)
	f.Zero(low)
	row, rows := f.GP(), f.Param("rows")
	f.MOVD(x, row)
	f.Label("rows")
	v := f.Vecs(2)
	if bytes {
		f.FMOVD(neon.At(row, 0), v[0])
		f.VUADDW(neon.B8, v[0], low, low)
	} else {
		loadVectors(f, row, v)
		for c := range v {
			f.VFADD(neon.S4, v[c], sums[c], sums[c])
		}
	}
	f.ADD(stride, row, row)
	f.SUBS(neon.Imm(1), rows, rows)
	f.Bcond(neon.NE, "rows")
	if bytes {
		f.VUADDW(neon.H4, low, sums[0], sums[0])
		f.VUADDW2(neon.H8, low, sums[1], sums[1])
	}
	f.FSTPQ(sums[0], sums[1], neon.Post(dst, 32))
	f.ADD(neon.Imm(width), x, x)
	f.SUBS(neon.Imm(8), cols, cols)
	f.Bcond(neon.NE, "columns")
	f.RET()
}
