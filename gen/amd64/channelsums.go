package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Sums over the positions of an image, channel by channel. Columns stay in registers
// while all rows pass: bytes as sums of 16 bits, which are widened in the end, and
// float32 in the order of the rows, so that every CPU gives the same bits.

// channelSumRows is the number of rows whose sums of bytes fit 16 bits: 255*257 is 65535.
const channelSumRows = 257

func init() {
	const end = `
with rows that lie stride elements apart. cols is a multiple of 8, at least 8; rows
is at least 1`
	for _, t := range []struct{ name, dst, src, value, end string }{
		{"ChannelSums", "int32", "byte", "int32(x[i][j])", fmt.Sprintf("%s, at most %d.", end, channelSumRows)},
		{"ChannelSumsF32", "float32", "float32", "x[i][j]", end + "."},
	} {
		f := family{
			name:      t.name,
			doc:       t.name + " adds up columns.",
			signature: fmt.Sprintf("func(dst *%s, x *%s, rows, stride, cols uintptr)", t.dst, t.src),
			loop: fmt.Sprintf(`	for i := range rows {
		for j := range cols {
			dst[j] += %s
		}
	}
%s`, t.value, t.end),
			body: channelSumsF32,
		}
		if t.src == "byte" {
			f.body = channelSums
		}
		add("avx2", f)
	}
}

func channelSums(c *build.Context, _ int) {
	columnLoops(c, 1, []int{64, 16, 8}, func(cols int, dst reg.GPVirtual, rows func(body func(x reg.GPVirtual))) {
		sums := make([]reg.VecVirtual, (cols+15)/16)
		vec := func() reg.VecVirtual {
			if cols == 8 {
				return c.XMM()
			}
			return c.YMM()
		}
		for i := range sums {
			sums[i] = vec()
			c.VPXOR(sums[i], sums[i], sums[i])
		}
		rows(func(x reg.GPVirtual) {
			for i, sum := range sums {
				v := vec()
				c.VPMOVZXBW(operand.Mem{Base: x, Disp: 16 * i}, v)
				c.VPADDW(v, sum, sum)
			}
		})
		for i, sum := range sums {
			for h := range min(2, cols/8) {
				if h == 1 {
					c.VEXTRACTI128(operand.U8(1), sum, sum.AsX())
				}
				v, to := c.YMM(), operand.Mem{Base: dst, Disp: 64*i + 32*h}
				c.VPMOVZXWD(sum.AsX(), v)
				c.VPADDD(to, v, v)
				c.VMOVDQU(v, to)
			}
		}
	})
}

func channelSumsF32(c *build.Context, _ int) {
	columnLoops(c, 4, []int{64, 8}, func(cols int, dst reg.GPVirtual, rows func(body func(x reg.GPVirtual))) {
		sums := make([]reg.VecVirtual, cols/8)
		for i := range sums {
			sums[i] = c.YMM()
			c.VMOVUPS(operand.Mem{Base: dst, Disp: 32 * i}, sums[i])
		}
		rows(func(x reg.GPVirtual) {
			for i, sum := range sums {
				c.VADDPS(operand.Mem{Base: x, Disp: 32 * i}, sum, sum)
			}
		})
		for i, sum := range sums {
			c.VMOVUPS(sum, operand.Mem{Base: dst, Disp: 32 * i})
		}
	})
}

// columnLoops emits loops over so many columns at a time, for each of widths; body
// calls rows to emit the loop over the rows of x, of elements of so many bytes.
func columnLoops(c *build.Context, bytes int, widths []int, body func(cols int, dst reg.GPVirtual, rows func(body func(x reg.GPVirtual)))) {
	dst, x, stride, left := loadParam(c, "dst"), loadParam(c, "x"), loadParam(c, "stride"), loadParam(c, "cols")
	for _, cols := range widths {
		label := func(name string) string { return fmt.Sprintf("%s%d", name, cols) }
		c.Label(label("columns"))
		c.CMPQ(left, operand.U8(cols))
		c.JB(operand.LabelRef(label("narrow")))
		body(cols, dst, func(body func(x reg.GPVirtual)) {
			row, n := c.GP64(), loadParam(c, "rows")
			c.MOVQ(x, row)
			c.Label(label("rows"))
			body(row)
			c.LEAQ(operand.Mem{Base: row, Index: stride, Scale: uint8(bytes)}, row)
			c.DECQ(n)
			c.JNZ(operand.LabelRef(label("rows")))
		})
		c.ADDQ(operand.I32(4*cols), dst)
		c.ADDQ(operand.I32(bytes*cols), x)
		c.SUBQ(operand.U8(cols), left)
		c.JMP(operand.LabelRef(label("columns")))
		c.Label(label("narrow"))
	}
	c.VZEROUPPER()
	c.RET()
}
