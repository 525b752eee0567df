package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Convolutions of binary and ternary weights by look-ups of sums, as the products of
// lut.go, with tables that are shared by all the windows that a pixel is in: they are
// made once for every four channels of a pixel, and windows read them where they lie,
// at the sum of two offsets, of the window and of a step in it. Sums have 16 bits, as
// those of convint16.go.
//
// Nothing has to be known of a window's codes. A table for binary weights has the sums
// of its codes, each added or subtracted: four weights are the index. One for ternary
// weights has the sums of subsets, and an output two indices side by side, its weights
// of 1 and those of -1: VPMADDUBSW subtracts what one adds up to from what the other
// does.
//
// A byte adds the look-ups of a block of steps, as many as the weights themselves bound
// to end in 255, or from 1 to 255 where it begins at 128, whatever wrapped on the way.
// Then words are added to dst, modulo 2^16.
//
// A vector has as many indices of a table as there are, of 32 or 64; a table is then
// broadcast to its halves. Of fewer, each half has every second table: one load reads
// two. With two vectors, a table is read once for two look-ups; with one, loads bound
// the speed.
//
// Indices are bytes: to take nibbles apart costs three instructions for two vectors of
// them, which eight look-ups do not hide. Additions follow the look-ups of the next
// pixel, 2 % faster on Zen 3 than after their own; 4 pixels by two vectors ran as fast
// as 6 would, at 0.82 of the four instructions a cycle that there are pipes for.

// convLUT describes a family of tiles.
type convLUT struct {
	planes  int // indices of an output
	outputs int
	pixels  int // the most of a tile
}

func init() {
	for _, g := range []convLUT{{1, 16, 8}, {1, 32, 4}, {1, 64, 4}, {2, 16, 4}, {2, 32, 4}} {
		begin, tables, step, look := "-minus[j]", 2, "w[k][t]", "[j/32*32+j%%16*2+j/16%%2]"
		if g.planes == 1 {
			begin = "128*blocks - minus[j]"
		}
		if g.halves() {
			tables, step, look = 4, "w[k][t/2]", "[j/16*32+t%%2*16+j%%8*2+j/8%%2]"
			if g.planes == 1 {
				begin = "256*blocks - minus[j]"
			}
		}
		sum := "sum += table[" + step + look + "]"
		if g.planes == 2 {
			look = "[2*j"
			if g.halves() {
				look = "[j/8*32+t%%2*16+j%%8*2"
			}
			sum = "sum += table[" + step + look + "]] - table[" + step + look + "+1]]"
		}
		add("avx2", family{
			name: fmt.Sprintf("ConvLUT%dx%d", g.planes, g.outputs),
			doc: fmt.Sprintf(`ConvLUT%dx%d are the tiles of %d outputs by their number of pixels, for %s, by
look-ups of sums of four codes. A step is %d tables.`, g.planes, g.outputs, g.outputs, map[int]string{1: "binary weights", 2: "weights of two planes of bits"}[g.planes], tables),
			signature: "func(dst *int16, dstStride uintptr, tables *byte, at *uintptr, groups uintptr, w *byte, places *uintptr, steps, block uintptr, minus *int16)",
			variants:  upTo(g.pixels),
			loop: fmt.Sprintf(`	blocks := (steps + block - 1) / block
	for i := range %%d * groups {
		for j := range %d {
			sum := %s
			for k := range steps {
				for t := range %d {
					table := tables[at[i]+places[k]+16*t:]
					%s
				}
			}
			dst[i*dstStride/2+j] = sum
		}
	}

modulo 2^16. Look-ups of a block of steps must add up to bytes. groups, steps and block are at least 1.`, g.outputs, begin, tables, sum),
			body: g.body,
		})
	}
	add("avx2", family{
		name:      "ConvLUTTables",
		signature: "func(dst, x *byte, blocks uintptr, signs *int8)",
		loop: `	for i := range blocks * 16 {
		for n := range 16 {
			dst[i/4*16+n] += x[i] * byte(signs[n>>(i%4)&1])
		}
	}

with dst zero before. Signs are -1, 0 or 1. blocks may not be zero.`,
		body: convLUTTables,
	})
	add("avx2", family{
		name:      "UnpackNibbles",
		signature: "func(dst, w *byte, bytes uintptr)",
		loop: `	for i := range bytes / 32 {
		for j := range 64 {
			dst[i][j] = w[i][j%32] >> (j / 32 * 4) & 15
		}
	}

bytes is a positive multiple of 32.`,
		body: unpackNibbles,
	})
}

// vectors is the number of vectors of indices of a table.
func (g convLUT) vectors() int {
	if g.halves() {
		return g.planes * g.outputs / 16
	}
	return g.planes * g.outputs / 32
}

// halves reports whether the halves of a vector have different tables.
func (g convLUT) halves() bool { return g.planes*g.outputs < 64 }

func (g convLUT) body(c *build.Context, pixels int) {
	s := simd{c, 32}
	vectors := g.vectors()
	c.Label("group")
	x, pixel := make([]reg.GPVirtual, pixels), s.param("at")
	for i := range x {
		x[i] = s.GP64()
		c.MOVQ(at(pixel, 8*i), x[i])
		c.ADDQ(paramMem(c, "tables"), x[i])
	}
	c.ADDQ(operand.U8(8*pixels), paramMem(c, "at"))

	// Sums begin as -minus.
	dst, minus := s.param("dst"), s.param("minus")
	words := s.vecs(g.outputs / 16)
	for v, word := range words {
		s.zero(word)
		c.VPSUBW(at(minus, 32*v), word, word)
	}
	for range x {
		for v, word := range words {
			s.move(word, at(dst, 32*v))
		}
		c.ADDQ(paramMem(c, "dstStride"), dst)
	}

	w, place, left, n, offset := s.param("w"), s.param("places"), s.param("steps"), s.GP64(), s.GP64()
	acc := make([][]reg.VecVirtual, pixels)
	for i := range acc {
		acc[i] = s.vecs(vectors)
	}
	c.Label("block")
	c.MOVQ(paramMem(c, "block"), n)
	c.CMPQ(left, n)
	c.CMOVQCS(left, n)
	c.SUBQ(n, left)
	for i, row := range acc {
		for v, sum := range row {
			switch {
			case g.planes == 2:
				s.zero(sum)
			case i+v == 0:
				s.move(s.constant("half", 128), sum)
			default:
				s.move(acc[0][0], sum)
			}
		}
	}
	c.Label("step")
	c.MOVQ(at(place, 0), offset)
	index, size := s.vecs(vectors), 0
	var sums, found, nextSums, nextFound []reg.VecVirtual
	addFound := func() {
		for v, f := range found {
			c.VPADDB(f, sums[v], sums[v])
		}
		sums, found = nextSums, nextFound
	}
	for part := range 2 {
		for _, v := range index {
			s.move(at(w, size), v)
			size += s.bytes
		}
		for i := range x {
			table := s.vec()
			src := operand.Mem{Base: x[i], Index: offset, Scale: 1, Disp: 16 * part}
			if g.halves() {
				src.Disp *= 2
				s.move(src, table)
			} else {
				c.VBROADCASTI128(src, table)
			}
			nextSums, nextFound = acc[i], s.vecs(vectors)
			nextFound[vectors-1] = table
			for v, f := range nextFound {
				c.VPSHUFB(index[v], table, f)
			}
			addFound()
		}
	}
	addFound()
	c.ADDQ(operand.U8(8), place)
	c.SUBQ(operand.I32(-size), w)
	c.DECQ(n)
	c.JNZ(operand.LabelRef("step"))

	dst = s.param("dst")
	for _, row := range acc {
		g.take(s, row, func(sum reg.VecVirtual, v int) {
			c.VPADDW(at(dst, 32*v), sum, sum)
			s.move(sum, at(dst, 32*v))
		})
		c.ADDQ(paramMem(c, "dstStride"), dst)
	}
	c.TESTQ(left, left)
	c.JNZ(operand.LabelRef("block"))
	c.MOVQ(dst, paramMem(c, "dst"))
	c.DECQ(paramMem(c, "groups"))
	c.JNZ(operand.LabelRef("group"))
	c.VZEROUPPER()
	c.RET()
}

// take calls put for every 16 outputs of a pixel, of which acc has the sums of bytes.
func (g convLUT) take(s simd, acc []reg.VecVirtual, put func(sum reg.VecVirtual, v int)) {
	// both adds the halves of two vectors, each of 8 outputs.
	both := func(a, b reg.VecVirtual) reg.VecVirtual {
		upper := s.vec()
		s.VPERM2I128(operand.U8(0x31), b, a, upper)
		s.VINSERTI128(operand.U8(1), b.AsX(), a, a)
		s.VPADDW(upper, a, a)
		return a
	}
	if g.planes == 2 {
		difference := s.constant("difference", 1, 0xff)
		for _, sum := range acc {
			s.VPMADDUBSW(difference, sum, sum)
		}
		if g.halves() {
			acc = []reg.VecVirtual{both(acc[0], acc[1])}
		}
		for v, sum := range acc {
			put(sum, v)
		}
		return
	}
	for v, even := range acc {
		odd := s.vec()
		s.VPSRLW(operand.U8(8), even, odd)
		s.and(s.constant("lowbyte", 0xff, 0), even, even)
		if g.halves() {
			put(both(even, odd), v)
			continue
		}
		put(even, 2*v)
		put(odd, 2*v+1)
	}
}

// convLUTTables makes four tables of 16 codes at a time: first the four sums of each
// pair, from which then two shuffles and an addition make two tables.
func convLUTTables(c *build.Context, _ int) {
	s := simd{c, 32}
	dst, x, blocks, signs := s.param("dst"), s.param("x"), s.param("blocks"), s.param("signs")
	var firsts, seconds, signOfFirst, signOfSecond, lows, highs [32]byte
	for i := range firsts {
		// A lane holds the pairs of two tables: of codes 0-3 and 8-11, or of
		// 4-7 and 12-15, so that the tables come out in their order.
		a := byte(i/16*4 + i/8%2*8 + i/4%2*2)
		firsts[i], seconds[i] = a, a+1
		signOfFirst[i], signOfSecond[i] = byte(i%2), byte(i/2%2)
		lows[i], highs[i] = byte(i&3), byte(4+i>>2&3) // index of a table: bits 0 and 1, then 2 and 3
	}
	next := func(index [32]byte) [32]byte { // the pairs of the second table
		for i := range index {
			index[i] += 8
		}
		return index
	}
	load := func(name string, data [32]byte) reg.VecVirtual {
		return s.inRegister(s.readOnly(name, data[:])).(reg.VecVirtual)
	}
	first, second := load("firsts", firsts), load("seconds", seconds)
	low := [2]reg.VecVirtual{load("lows0", lows), load("lows1", next(lows))}
	high := [2]reg.VecVirtual{load("highs0", highs), load("highs1", next(highs))}
	both, ofFirst, ofSecond := s.vec(), s.vec(), s.vec()
	c.VPBROADCASTW(at(signs, 0), both)
	c.VPSHUFB(s.readOnly("signoffirst", signOfFirst[:]), both, ofFirst)
	c.VPSHUFB(s.readOnly("signofsecond", signOfSecond[:]), both, ofSecond)
	c.Label("block")
	codes, pairs := s.vec(), s.vec()
	c.VBROADCASTI128(at(x, 0), codes)
	c.VPSHUFB(first, codes, pairs)
	c.VPSHUFB(second, codes, codes)
	c.VPSIGNB(ofFirst, pairs, pairs)
	c.VPSIGNB(ofSecond, codes, codes)
	c.VPADDB(codes, pairs, pairs)
	for half := range 2 {
		a, b := s.vec(), s.vec()
		c.VPSHUFB(low[half], pairs, a)
		c.VPSHUFB(high[half], pairs, b)
		c.VPADDB(a, b, b)
		s.move(b, at(dst, 32*half))
	}
	c.ADDQ(operand.U8(16), x)
	c.ADDQ(operand.U8(64), dst)
	c.DECQ(blocks)
	c.JNZ(operand.LabelRef("block"))
	c.VZEROUPPER()
	c.RET()
}

func unpackNibbles(c *build.Context, _ int) {
	s := simd{c, 32}
	dst, w, bytes := s.param("dst"), s.param("w"), s.param("bytes")
	mask := s.inRegister(s.constant("nibble", 0x0f)).(reg.VecVirtual)
	c.Label("run")
	low, high := s.vec(), s.vec()
	s.move(at(w, 0), high)
	s.and(mask, high, low)
	c.VPSRLW(operand.U8(4), high, high)
	s.and(mask, high, high)
	s.move(low, at(dst, 0))
	s.move(high, at(dst, 32))
	c.ADDQ(operand.U8(32), w)
	c.ADDQ(operand.U8(64), dst)
	c.SUBQ(operand.U8(32), bytes)
	c.JNZ(operand.LabelRef("run"))
	c.VZEROUPPER()
	c.RET()
}
