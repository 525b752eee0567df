package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Products of binary vectors: the number of places where two rows of bits
// differ, popcount(x XOR w), from which the sum of products of -1 and +1 is
// K - 2*popcount.
//
//	instruction      Zen 3: latency, ports   Ice Lake: latency, ports
//	VPXOR, VPAND     1, FP0123               1, p015 (zmm p05)
//	VPSHUFB ymm      1, FP1/2                1, p15
//	VPSRLW imm ymm   1, FP1/2                1, p01
//	VPADDB           1, FP0123               1, p015
//	VPSADBW          3, FP0/3                3, p5
//	VPOPCNTQ zmm     -                       3, p5
//	POPCNT r64       1, ALU0123              3, p1
//
// AVX2 has no popcount. Two look-ups of a nibble's count and additions of
// bytes make one: eight instructions for 256 bits. A byte takes 8 of them at
// most a step, so 31 steps fit (31*8 = 248 <= 255) before VPSADBW widens. Four
// pipes bound it at 128 products of bits a cycle.
//
// Counting a quarter of the outputs by scalar POPCNT at the same time, on ports
// that vectors do not use, was 12 % faster on Zen 3 for rows of 4096 bits, but a
// third slower for rows of 64. Carry-save adders before the look-ups
// (Harley-Seal) save vector work only beyond the 16 words of K = 1024, since a
// sum's ones, twos and fours must be counted at its end; DotBits, with one sum
// and long rows, has them.
//
// Planes: of activations u of more bits, and of ternary weights w = b + c - 1 with
// the bits b = (w >= 0) and c = (w > 0), every bit is a row of bits of its own. With
// #(y) the number of bits set in y, u = Σ 2^p·u_p, and weights of planes w_q,
//
//	2·#(w_q AND u_p) = #(w_q) + #(u_p) - #(w_q XOR u_p)
//
// and so, with T = Σ_q Σ_p 2^p·#(w_q XOR u_p) and P bits in u,
//
//	binary:  Σ w·u = 2·Σ b·u - Σ u        = (2^P-1)·#(b) - T
//	ternary: Σ w·u = Σ b·u + Σ c·u - Σ u  = ((2^P-1)·(#(b)+#(c)) - T) / 2
//
// of which only T depends on u: the sums of u cancel. In the last line both numbers
// are odd or both are even, so halving each, rounded up, is exact. T is added up
// from the highest bit down, doubling in between.

func init() {
	bits := func(room string, nr, maxRows int, how string, body func(c *build.Context, mr, planes int)) {
		variants := upTo(maxRows)
		for _, planes := range []int{1, 2} {
			name := fmt.Sprintf("GemmPlanesW%d", planes)
			weights, half := "binary", ""
			if planes == 2 {
				weights, half = "ternary", "total = (total + 1) / 2\n\t\t\t"
			}
			add(room, family{
				name: name,
				doc: fmt.Sprintf("%s are the tiles of %d outputs by their number of rows, for %s weights and planes of\nactivations, by %s. A step is 64 inputs.",
					name, nr, weights, how),
				signature: intTileSignature,
				variants:  variants,
				loop: fmt.Sprintf(`	for i := range %%d {
		for j := range %d {
			total := int64(0)
			for p := range x[i*xStride/8] {
				total *= 2
				for q := range %d {
					for k := range steps {
						total += bits.OnesCount64(x[i*xStride/8+1+p*steps+k] ^ w[q][k][j])
					}
				}
			}
			%sdst[i*dstStride/4+j] = bias[j] - int32(total)<<shift
		}
	}

where x and w are read as words of 64 bits.`, nr, planes, half),
				body: func(c *build.Context, mr int) { body(c, mr, planes) },
			})
		}
		add(room, family{
			name: "GemmBits",
			doc: fmt.Sprintf("GemmBits are the tiles of %d outputs by their number of rows, for binary weights and\nactivations, by %s. A step is 64 bits of a row.",
				nr, how),
			signature: intTileSignature,
			variants:  variants,
			loop: fmt.Sprintf(`	for i := range %%d {
		for j := range %d {
			differ := int32(0)
			for k := range steps {
				differ += bits.OnesCount64(x[i*xStride/8+k] ^ w[k][j])
			}
			dst[i*dstStride/4+j] = bias[j] - differ<<shift
		}
	}

where x and w are read as words of 64 bits.`, nr),
			body: func(c *build.Context, mr int) { body(c, mr, 0) },
		})
	}
	bits("avx2", 16, 4, "look-ups of nibbles", gemmBitsAVX2)
	bits("avx512vbmi", 32, 6, "VPOPCNTQ", gemmBitsAVX512)
}

// nibbleCounter counts bits by looking up nibbles.
type nibbleCounter struct {
	simd
	mask, table reg.VecVirtual
	tmp         [2]reg.VecVirtual
}

func (s simd) nibbleCounter() nibbleCounter {
	return nibbleCounter{
		simd:  s,
		mask:  s.inRegister(s.constant("nibble", 0x0f)).(reg.VecVirtual),
		table: s.inRegister(s.constant("counts", 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4)).(reg.VecVirtual),
		tmp:   [2]reg.VecVirtual{s.vec(), s.vec()},
	}
}

// add adds to the bytes of acc the numbers of bits in the bytes of v, which is
// overwritten.
func (n nibbleCounter) add(v, acc reg.VecVirtual) {
	low := n.tmp[1]
	n.and(n.mask, v, low)
	n.VPSRLW(operand.U8(4), v, v)
	n.and(n.mask, v, v)
	n.VPSHUFB(low, n.table, low)
	n.VPSHUFB(v, n.table, v)
	n.VPADDB(low, acc, acc)
	n.VPADDB(v, acc, acc)
}

// passes emits pass, which adds to sums the bits of a row of words and moves x to
// its end, for every plane of activations and of weights, of which there are as
// many; or, for none, once, where there are no planes but bits. Labels of pass end
// with the number of the plane of weights.
func (s simd) passes(planes int, x rows, sums [][]reg.VecVirtual, pass func(w, steps reg.GPVirtual, plane int)) {
	w, steps := s.GP64(), s.GP64()
	for _, row := range sums {
		s.zero(row...)
	}
	s.Load(s.Param("w"), w)
	if planes == 0 {
		s.Load(s.Param("steps"), steps)
		pass(w, steps, 0)
		return
	}
	// A row begins with the number of its planes, the same for all.
	left, length := s.GP64(), s.GP64()
	s.MOVQ(x.at(0, 0), left)
	s.advance(x, 8)
	s.Load(s.Param("steps"), length)
	s.SHLQ(operand.U8(3), length)
	s.Label("plane")
	for _, row := range sums {
		for _, v := range row {
			s.VPADDQ(v, v, v)
		}
	}
	s.Load(s.Param("w"), w)
	for q := range planes {
		s.Load(s.Param("steps"), steps)
		pass(w, steps, q)
		if q+1 < planes {
			for _, p := range x.base {
				s.SUBQ(length, p)
			}
		}
	}
	s.DECQ(left)
	s.JNZ(operand.LabelRef("plane"))
	if planes == 2 {
		one := s.inRegister(s.constant("one", 1, 0, 0, 0, 0, 0, 0, 0))
		for _, row := range sums {
			for _, v := range row {
				s.VPADDQ(one, v, v)
				s.VPSRLQ(operand.U8(1), v, v)
			}
		}
	}
}

// gemmBitsAVX2 takes the rows one after another: weights need no decoding, so
// rows would share nothing but loads, of which there are enough.
func gemmBitsAVX2(c *build.Context, mr, planes int) {
	const vectors = 4 // of four outputs
	s := simd{c, 32}
	dst, dstStride := s.param("dst"), s.param("dstStride")
	x, xStride, bias := s.param("x"), s.param("xStride"), s.param("bias")
	left, next, n := s.GP64(), s.GP64(), s.GP64()
	counter := s.nibbleCounter()
	bytes, sums, zero, word := s.vecs(vectors), s.vecs(vectors), s.vec(), s.vec()
	s.zero(zero)

	s.MOVQ(operand.U32(mr), left)
	s.Label("row")
	s.LEAQ(operand.Mem{Base: x, Index: xStride, Scale: 1}, next)
	s.passes(planes, rows{base: []reg.GPVirtual{x}}, [][]reg.VecVirtual{sums}, func(w, steps reg.GPVirtual, plane int) {
		block, step := fmt.Sprintf("block%d", plane), fmt.Sprintf("step%d", plane)
		s.Label(block)
		s.MOVQ(operand.U32(31), n)
		s.CMPQ(steps, n)
		s.CMOVQCS(steps, n)
		s.SUBQ(n, steps)
		s.zero(bytes...)
		s.Label(step)
		s.VPBROADCASTQ(at(x, 0), word)
		for v := range bytes {
			s.xor(at(w, 32*v), word, counter.tmp[0])
			counter.add(counter.tmp[0], bytes[v])
		}
		s.ADDQ(operand.U8(8), x)
		s.SUBQ(operand.I32(-32*vectors), w)
		s.DECQ(n)
		s.JNZ(operand.LabelRef(step))
		for v := range sums {
			s.VPSADBW(zero, bytes[v], bytes[v])
			s.VPADDQ(bytes[v], sums[v], sums[v])
		}
		s.TESTQ(steps, steps)
		s.JNZ(operand.LabelRef(block))
	})

	for v := 0; v < vectors; v += 2 {
		// The low halves of eight words.
		s.VSHUFPS(operand.U8(0x88), sums[v+1], sums[v], sums[v])
		s.VPERMQ(operand.U8(0xd8), sums[v], sums[v])
	}
	s.subtract([]reg.VecVirtual{sums[0], sums[2]}, bias, dst, word)
	s.ADDQ(dstStride, dst)
	s.MOVQ(next, x)
	s.DECQ(left)
	s.JNZ(operand.LabelRef("row"))
	s.VZEROUPPER()
	s.RET()
}

// subtract stores bias - counts<<shift, for vectors of int32 counts. tmp is
// overwritten.
func (s simd) subtract(counts []reg.VecVirtual, bias, dst reg.GPVirtual, tmp reg.VecVirtual) {
	shift := s.GP64()
	s.Load(s.Param("shift"), shift)
	count := tmp.AsX()
	s.VMOVQ(shift, count)
	b := s.vec()
	for i, v := range counts {
		s.VPSLLD(count, v, v)
		s.move(at(bias, i*s.bytes), b)
		s.VPSUBD(v, b, v)
		s.move(v, at(dst, i*s.bytes))
	}
}

// gemmBitsAVX512 holds the sums of six rows of 32 outputs in registers: three
// instructions for 512 bits, and every word of weights loaded serves all rows.
func gemmBitsAVX512(c *build.Context, mr, planes int) {
	const vectors = 4 // of eight outputs
	s := simd{c, 64}
	dst, dstStride := s.param("dst"), s.param("dstStride")
	x, bias := s.rows(s.param("x"), s.param("xStride"), mr), s.param("bias")
	wv, broadcast, differ := s.vecs(vectors), s.vec(), s.vec()
	var acc [][]reg.VecVirtual
	for range mr {
		acc = append(acc, s.vecs(vectors))
	}
	s.passes(planes, x, acc, func(w, steps reg.GPVirtual, plane int) {
		step := fmt.Sprintf("step%d", plane)
		s.Label(step)
		for v := range wv {
			s.move(at(w, 64*v), wv[v])
		}
		for i := range acc {
			s.VPBROADCASTQ(x.at(i, 0), broadcast)
			for v := range wv {
				s.xor(wv[v], broadcast, differ)
				s.VPOPCNTQ(differ, differ)
				s.VPADDQ(differ, acc[i][v], acc[i][v])
			}
		}
		s.advance(x, 8)
		s.ADDQ(operand.I32(64*vectors), w)
		s.DECQ(steps)
		s.JNZ(operand.LabelRef(step))
	})
	for i := range acc {
		for v := 0; v < vectors; v += 2 {
			// The low halves of sixteen words.
			s.VPMOVQD(acc[i][v], acc[i][v].AsY())
			s.VPMOVQD(acc[i][v+1], acc[i][v+1].AsY())
			s.VINSERTI64X4(operand.U8(1), acc[i][v+1].AsY(), acc[i][v], acc[i][v])
		}
		s.subtract([]reg.VecVirtual{acc[i][0], acc[i][2]}, bias, dst, broadcast)
		if i+1 < len(acc) {
			s.ADDQ(dstStride, dst)
		}
	}
	s.VZEROUPPER()
	s.RET()
}
