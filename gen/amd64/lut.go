package main

import (
	"fmt"
	"math/bits"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Products of binary vectors by look-up: VPSHUFB as sixteen results at once.
//
//	instruction          Zen 3: latency, ports   Ice Lake: latency, ports
//	VPSHUFB ymm          1, FP1/2                1, p15
//	VPADDB ymm           1, FP0123               1, p015
//	VPSHUFB zmm          -                       1, p5
//	VPADDB zmm           -                       1, p05
//	VBROADCASTI128 ymm   load port alone         load port alone
//	VPSRLW imm ymm       1, FP1/2                1, p01
//
// Here the lanes are outputs: a byte of the panel is eight weights of one
// output, and every row of x looks its nibbles up in the table of its own four
// activations: T[n] = popcount(n XOR x). There are sixteen such tables, so none
// is built: the byte of x selects two of them by its address. A look-up and an
// addition make 128 products of bits, where counting the bits of an XOR takes
// four instructions; isolating the nibbles serves all rows of the tile. On Zen 3
// four rows of 1024 bits ran 149 products a cycle, against 108 by counting.
//
// A byte sum grows by at most 8 a byte of x: 24 bytes, three steps, fit
// (24*8 = 192 <= 255). It is then taken apart into dst. The bytes of a vector
// are in an order that makes this a shift and a mask: of L dwords, byte 4*l+b is
// output L*b+l, so byte b of the dwords l are L outputs in turn.
//
// With 512 bits there is one look-up and one addition a cycle instead of three of
// either in two: 256 products, where AVX2 has 192 and VPOPCNTQ, which CPUs with
// AVX-512 BW may lack, 341.

func init() {
	gemmBitsLUT{vector: 32, maxRows: 4}.register("avx2")
	gemmBitsLUT{vector: 64, maxRows: 6}.register("avx512bw")
}

// gemmBitsLUT describes a family of tiles of two vectors of bytes.
type gemmBitsLUT struct{ vector, maxRows int }

func (g gemmBitsLUT) register(room string) {
	nr, lanes := 2*g.vector, g.vector/4
	add(room, family{
		name: "GemmBitsLUT",
		doc: fmt.Sprintf(`GemmBitsLUT are the tiles of %d outputs by their number of rows, for binary weights and
activations, by look-ups of four products. A step is 64 bits of a row.`, nr),
		signature: intTileSignature,
		variants:  upTo(g.maxRows),
		loop: fmt.Sprintf(`	for i := range %%d {
		for j := range %d {
			differ := int32(0)
			for k := range steps * 8 {
				differ += bits.OnesCount8(x[i*xStride+k] ^ w[k][j/%d*%d+j%%%%%d*4+j/%d%%%%4])
			}
			dst[i*dstStride/4+j] = bias[j] - differ<<shift
		}
	}

where w is the panel of bytes, %d for every byte of a row.`, nr, g.vector, g.vector, lanes, lanes, nr),
		body: g.body,
	})
}

// differTables are, for every byte, the table of its low nibble and that of
// its high one: 32 bytes.
func differTables() []byte {
	var t []byte
	for x := range 256 {
		for _, nibble := range []int{x & 15, x >> 4} {
			for n := range 16 {
				t = append(t, byte(bits.OnesCount8(uint8(n^nibble))))
			}
		}
	}
	return t
}

// lutTile is the state of one tile's emission.
type lutTile struct {
	simd
	x     rows
	w     reg.GPVirtual
	table reg.GPVirtual
	mask  reg.VecVirtual
	index []reg.VecVirtual   // weights: low nibbles of each vector, then high ones
	acc   [][]reg.VecVirtual // by row and vector of outputs
	tmp   [2]reg.VecVirtual
}

func (g gemmBitsLUT) body(c *build.Context, mr int) {
	const vectors = 2
	s := simd{c, g.vector}
	dst, dstStride := s.param("dst"), s.param("dstStride")
	t := &lutTile{simd: s, x: s.rows(s.param("x"), s.param("xStride"), mr), w: s.param("w"), table: s.GP64()}
	left, n := s.param("steps"), s.GP64()
	s.LEAQ(s.readOnly("differ", differTables()), t.table)
	t.mask = s.inRegister(s.constant("nibble", 0x0f)).(reg.VecVirtual)
	t.index = s.vecs(2 * vectors)
	for range mr {
		t.acc = append(t.acc, s.vecs(vectors))
	}
	t.tmp = [2]reg.VecVirtual{s.vec(), s.vec()}

	// The first block takes from bias, the same for all rows, others from dst.
	from, fromStride, p := s.param("bias"), s.GP64(), s.GP64()
	s.XORL(fromStride.As32(), fromStride.As32())
	s.SHLQ(operand.U8(3), left) // in bytes of x
	s.Label("block")
	s.MOVQ(operand.U32(24), n)
	s.CMPQ(left, n)
	s.CMOVQCS(left, n)
	s.SUBQ(n, left)
	for _, row := range t.acc {
		s.zero(row...)
	}
	s.Label("two")
	t.step(0)
	t.step(1)
	s.advance(t.x, 2)
	s.SUBQ(operand.I32(-2*vectors*g.vector), t.w)
	s.SUBQ(operand.U8(2), n)
	s.JNZ(operand.LabelRef("two"))
	s.MOVQ(dst, p)
	t.take(p, dstStride, from, fromStride)
	s.MOVQ(dst, from)
	s.MOVQ(dstStride, fromStride)
	s.TESTQ(left, left)
	s.JNZ(operand.LabelRef("block"))
	s.VZEROUPPER()
	s.RET()
}

// step adds the look-ups of the byte k of every row.
func (t *lutTile) step(k int) {
	vectors := len(t.index) / 2
	for v := range vectors {
		low, high := t.index[v], t.index[vectors+v]
		src := at(t.w, (vectors*k+v)*t.bytes)
		if t.bytes == 64 {
			t.VPSRLW(operand.U8(4), src, high)
		} else {
			t.move(src, high)
			t.VPSRLW(operand.U8(4), high, high)
		}
		t.and(t.mask, high, high)
		t.and(src, t.mask, low)
	}
	for i, acc := range t.acc {
		at := t.GP64()
		t.MOVBLZX(t.x.at(i, k), at.As32())
		t.SHLL(operand.U8(5), at.As32())
		for half := range 2 {
			table, found := t.tmp[0], t.tmp[1]
			src := operand.Mem{Base: t.table, Index: at, Scale: 1, Disp: 16 * half}
			if t.bytes == 64 {
				t.VBROADCASTI32X4(src, table)
			} else {
				t.VBROADCASTI128(src, table)
			}
			for v := range vectors {
				if v == vectors-1 {
					found = table
				}
				t.VPSHUFB(t.index[half*vectors+v], table, found)
				t.VPADDB(found, acc[v], acc[v])
			}
		}
	}
}

// take stores from - acc<<shift row by row, the bytes of acc as int32. It
// leaves dst and from at the last row.
func (t *lutTile) take(dst, dstStride, from, fromStride reg.GPVirtual) {
	low, count := t.index[0], t.index[1].AsX()
	shift := t.GP64()
	t.Load(t.Param("shift"), shift)
	t.VMOVQ(shift, count)
	t.move(t.constant("lowbyte", 0xff, 0, 0, 0), low)
	for i, row := range t.acc {
		for v, acc := range row {
			for b := range 4 {
				differ, sum := t.tmp[0], t.tmp[1]
				switch b {
				case 0:
					t.and(low, acc, differ)
				case 3:
					t.VPSRLD(operand.U8(24), acc, differ)
				default:
					t.VPSRLD(operand.U8(8*b), acc, differ)
					t.and(low, differ, differ)
				}
				t.VPSLLD(count, differ, differ)
				disp := (4*v + b) * t.bytes
				t.move(at(from, disp), sum)
				t.VPSUBD(differ, sum, sum)
				t.move(sum, at(dst, disp))
			}
		}
		if i+1 < len(t.acc) {
			t.ADDQ(dstStride, dst)
			t.ADDQ(fromStride, from)
		}
	}
}
