package main

import (
	"fmt"

	"example.com/lowbit/gen/neon"
)

// Products of binary vectors: the number of places where two rows of bits
// differ, popcount(x XOR w), from which the sum of products of -1 and +1 is
// K - 2*popcount.
//
//	instruction        Cortex-A72: latency, pipes   Neoverse N1: latency, pipes
//	VEOR, VCNT, VADD   3, F0/1                      2, V0/1
//	VADDP, VUADDLP     3, F0/1                      2, V0/1
//	VUSHL              4, two on F1                 2, V1
//	VUSUBW             3, F0/1                      2, V0/1
//
// Lanes run along K: a vector of a row meets one of an output, and VEOR, VCNT and
// VADD of bytes make 128 products of them, which two pipes bound at 85 a cycle.
// Carry-save adders would save nothing: one costs three instructions (VEOR, VEOR,
// VBSL), and to count a vector and add it costs two.
//
// A byte takes 8 of them a vector. After 15 vectors it is at most 120, so that the
// sum of two still is one, at most 240, and VADDP of bytes halves what is to be
// widened: for eight sums of sixteen bytes, four VADDP, four VUADDLP, and three
// VADDP of 16-bit lanes, where the sum of eight is at most 15*128 = 1920. Shifted by
// up to five places that still fits, so dst is made of them by VUSUBW. Of further
// blocks of 15 vectors, that is subtracted from dst again, so that sums of int32 need
// no registers: 24 sums of bytes fit, of three rows by eight outputs. A tile has two
// such groups of rows, one behind the other, since the beginning of one overlaps with
// the end of another: 25 cycles a call are lost to latency.
//
// The first vectors of a block set the sums, which so need not be cleared. If the
// words of a row are odd in number, the first is a vector of its own, of 64 bits.
//
// For K = 1024, 24 sums take 24*(8*3-1) instructions and 42 to add up: 82.7
// products a cycle. Stores of vectors also use the vector pipes of Neoverse N1.

const (
	bitRows    = 6 // of a tile
	bitGroup   = 3 // rows at a time
	bitOutputs = 8
	bitBlock   = 15 // vectors that a byte of a sum takes, so that two can be added
)

func init() {
	add("neon", family{
		name: "GemmBits",
		doc: fmt.Sprintf(`GemmBits are the tiles of %d outputs by their number of rows, for binary weights and
activations, by CNT. A step is 64 bits of a row.`, bitOutputs),
		signature: intTileSignature,
		variants:  upTo(bitRows),
		loop: fmt.Sprintf(`	for i := range %%d {
		for j := range %d {
			differ := int32(0)
			for k := range steps {
				differ += bits.OnesCount64(x[i*xStride/8+k] ^ w[k][j])
			}
			dst[i*dstStride/4+j] = bias[j] - differ<<shift
		}
	}

where x and w are read as words of 64 bits. shift is at most 5.
%s`, bitOutputs, bitPanel),
		body: func(f *neon.Func, mr int) { bitTiles(f, mr, (*bitTile).bits) },
	})
}

// bitPanel says in a doc comment where words of weights are.
const bitPanel = `If steps is even, w[2*k][j] and w[2*k+1][j] are word 2*j and 2*j+1 of the k-th
16 words. If it is odd, w[0][j] is word j, and behind these, w[2*k+1][j] and
w[2*k+2][j] are word 2*j and 2*j+1 of the k-th 16 words.`

// A bitTile is a group of rows of a tile, being written.
type bitTile struct {
	*neon.Func
	group            string    // makes labels its own
	x                []neon.GP // rows
	w, steps         neon.GP
	dst, dstStride   neon.GP
	from, fromStride neon.GP // what sums are subtracted from
	acc              [][]neon.Vec
	wv               [2]neon.Vec
	xv, tmp          []neon.Vec
}

// bitTiles emits a tile of mr rows, of which body computes a group.
func bitTiles(f *neon.Func, mr int, body func(t *bitTile)) {
	x, xStride, w, steps := f.Param("x"), f.Param("xStride"), f.GP(), f.Param("steps")
	dst, dstStride := f.Param("dst"), f.Param("dstStride")
	from, fromStride := f.GP(), f.GP()
	group := func(rows int) {
		t := &bitTile{Func: f, group: fmt.Sprint(rows), w: w, steps: steps, dst: dst, dstStride: dstStride, from: from, fromStride: fromStride,
			wv: [2]neon.Vec{f.Vec(), f.Vec()}, xv: f.Vecs(rows), tmp: f.Vecs(rows)}
		for i := range rows {
			t.x = append(t.x, f.GP())
			f.MOVD(x, t.x[i])
			f.ADD(xStride, x, x)
			t.acc = append(t.acc, f.Vecs(bitOutputs))
		}
		t.MOVD(t.Param("w"), w)
		body(t)
		for range rows {
			f.ADD(dstStride, dst, dst)
		}
	}
	if groups := mr / bitGroup; groups > 0 {
		left := f.GP()
		if groups > 1 {
			f.MOVD(neon.Imm(groups), left)
			f.Label("group")
		}
		group(bitGroup)
		if groups > 1 {
			f.SUBS(neon.Imm(1), left, left)
			f.Bcond(neon.NE, "group")
		}
	}
	if rest := mr % bitGroup; rest > 0 {
		group(rest)
	}
	f.RET()
}

// label is a label of the group.
func (t *bitTile) label(name string) string { return name + t.group }

// fromBias lets the next block be subtracted from the bias.
func (t *bitTile) fromBias() {
	t.MOVD(t.Param("bias"), t.from)
	t.MOVD(neon.ZR, t.fromStride)
}

// fromDst lets further blocks be subtracted from what there is.
func (t *bitTile) fromDst() {
	t.MOVD(t.dst, t.from)
	t.MOVD(t.dstStride, t.fromStride)
}

func (t *bitTile) bits() {
	t.fromBias()
	t.pass(t.Param("shift"))
}

// pass subtracts from dst the counts of a row of words, shifted, and moves the
// rows and w to its end.
func (t *bitTile) pass(shift neon.GP) {
	left, n := t.GP(), t.GP() // vectors behind this block, and in it
	block := func(most int) {
		t.MOVD(neon.Imm(most), n)
		t.CMP(n, left)
		t.CSEL(neon.LO, left, n, n)
		t.SUB(n, left, left)
	}
	t.LSR(neon.Imm(1), t.steps, left)
	t.TBZ(0, t.steps, t.label("block"))
	block(bitBlock - 1)
	t.vectors(8, false)
	t.B(t.label("rest"))
	t.Label(t.label("block"))
	block(bitBlock)
	t.vectors(16, false)
	t.SUB(neon.Imm(1), n, n)
	t.Label(t.label("rest"))
	t.CBZ(n, t.label("sums"))
	t.Label(t.label("vector"))
	t.vectors(16, true)
	t.SUBS(neon.Imm(1), n, n)
	t.Bcond(neon.NE, t.label("vector"))
	t.Label(t.label("sums"))
	t.subtract(shift)
	t.CBNZ(left, t.label("block"))
}

// vectors counts the bits that differ in the next bytes, 8 or 16, of every row and
// output, and sets the sums to the counts or adds them.
func (t *bitTile) vectors(bytes int, more bool) {
	load := func(m neon.Mem, v neon.Vec) {
		if bytes == 8 {
			t.FMOVD(m, v)
		} else {
			t.FMOVQ(m, v)
		}
	}
	for i, p := range t.x {
		load(neon.Post(p, bytes), t.xv[i])
	}
	for j := range bitOutputs {
		w := t.wv[j%2]
		load(neon.At(t.w, bytes*j), w)
		for i := range t.x {
			t.VEOR(neon.B16, w, t.xv[i], t.tmp[i])
		}
		for i := range t.x {
			d := t.acc[i][j]
			if more {
				d = t.tmp[i]
			}
			t.VCNT(neon.B16, t.tmp[i], d)
		}
		if !more {
			continue
		}
		for i := range t.x {
			t.VADD(neon.B16, t.tmp[i], t.acc[i][j], t.acc[i][j])
		}
	}
	t.ADD(neon.Imm(bytes*bitOutputs), t.w, t.w)
}

// subtract subtracts the sums, shifted.
func (t *bitTile) subtract(shift neon.GP) {
	by, from, to := t.tmp[0], t.from, t.dst
	t.VDUP(neon.H8, shift, by)
	for i, sums := range t.acc {
		for j := 0; j < len(sums); j += 2 {
			t.VADDP(neon.B16, sums[j+1], sums[j], sums[j])
			t.VUADDLP(neon.B16, sums[j], sums[j])
		}
		for n := 2; n < len(sums); n *= 2 {
			for j := 0; j < len(sums); j += 2 * n {
				t.VADDP(neon.H8, sums[j+n], sums[j], sums[j])
			}
		}
		t.VUSHL(neon.H8, by, sums[0], sums[0])
		low, high := sums[1], sums[2]
		t.FLDPQ(neon.At(from, 0), low, high)
		t.VUSUBW(neon.H4, sums[0], low, low)
		t.VUSUBW2(neon.H8, sums[0], high, high)
		t.FSTPQ(low, high, neon.At(to, 0))
		if i+1 < len(t.acc) {
			from, to = t.plus(t.fromStride, from), t.plus(t.dstStride, to)
		}
	}
	t.fromDst()
}

// plus returns a new register that is p plus a stride.
func (t *bitTile) plus(stride, p neon.GP) neon.GP {
	q := t.GP()
	t.ADD(stride, p, q)
	return q
}
