package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Register tiles of products with powers of two by variable shifts: each product
// is a shift of the activation by the weight's exponent.
//
//	instruction            Zen 3: latency, ports   Ice Lake: latency, ports
//	VPSLLVD ymm            1, FP1/2                1, p01
//	VPSLLVW zmm            -                       1, p0
//	VPSIGND ymm            1, FP0/3                1, p01
//	VPSUBW zmm{k}          -                       1, p05
//	VPTESTMW zmm           -                       3, p5
//
// A code of 4 bits (see codes.go) is a sign and a magnitude m, of which 0 is zero
// and m a shift by m-1. For zero that count is -1, so large that the shift gives
// zero: it needs no mask. The sign is a VPSIGND, of a vector that has it as the
// highest bit and is zero only where the weight is, or a masked subtraction.
//
// AVX2 shifts dwords: eight products for a shift, a sign and an addition, which
// add up as int32. AVX-512 BW shifts words, whose sums are widened into dst after
// shiftAdditions inputs. A multiplier has 32 or 64 products for its two
// instructions: shifts cannot win, and are here to show by how much.

// shiftAdditions is the number of products that a 16-bit sum takes.
const shiftAdditions = 32

func init() {
	const rows = 4
	shiftTile := func(room string, nr, kstep, bound int, body func(*build.Context, int)) {
		const name = "GemmShift"
		add(room, family{
			name: name,
			doc: fmt.Sprintf("%s are the tiles of %d outputs by their number of rows, for weights of 4 bits, by\nvariable shifts. %s\nA step is %d codes.",
				name, nr, exact(bound), kstep),
			signature: intTileSignature,
			variants:  upTo(rows),
			constants: maxProduct(name, bound),
			loop: fmt.Sprintf(`	for i := range %%d {
		for j := range %[1]d {
			sum := int32(0)
			for k := range steps * %[2]d {
				sum += sign(w[k/%[2]d][j][k%%%%%[2]d]) * int32(x[i*xStride+k]) << exponent(w[k/%[2]d][j][k%%%%%[2]d])
			}
			dst[i*dstStride/4+j] = bias[j] + sum<<shift
		}
	}

where w is the panel of decoded weights.`, nr, kstep),
			body: body,
		})
	}
	shiftTile("avx2", 16, 4, anyProduct, gemmShiftAVX2)
	// The sum of n products within P is within nP, as are those on the way.
	shiftTile("avx512bw", 64, 2, math.MaxInt16/shiftAdditions, gemmShiftAVX512)
}

// gemmShiftAVX2 has, in a step, 32 bytes for four inputs of sixteen outputs:
// byte b of dword j is input b of output j and, its upper half, of output 8+j.
func gemmShiftAVX2(c *build.Context, mr int) {
	const vectors = 2
	s := simd{c, 32}
	dst, dstStride := s.param("dst"), s.param("dstStride")
	x := s.rows(s.param("x"), s.param("xStride"), mr)
	w, steps, bias := s.param("w"), s.param("steps"), s.param("bias")
	counts, signs, code, product := s.vecs(vectors), s.vecs(vectors), s.vec(), s.vec()
	magnitude, minusOne, low := s.constant("magnitude", 7, 0, 0, 0), s.constant("minusone", 0xff), s.constant("low", 0xff, 0, 0, 0)
	var acc [][]reg.VecVirtual
	for range mr {
		acc = append(acc, s.vecs(vectors))
		s.zero(acc[len(acc)-1]...)
	}
	s.Label("step")
	for k := range 4 {
		for v := range vectors {
			place := 8*k + 4*v // of the code in its dword
			s.move(at(w, 0), counts[v])
			s.VPSLLD(operand.U8(28-place), counts[v], signs[v])
			if place > 0 {
				s.VPSRLD(operand.U8(place), counts[v], counts[v])
			}
			s.and(magnitude, counts[v], counts[v])
			s.VPADDD(minusOne, counts[v], counts[v])
		}
		for i := range acc {
			s.VPBROADCASTD(x.at(i, 0), code)
			if k > 0 {
				s.VPSRLD(operand.U8(8*k), code, code)
			}
			if k < 3 {
				s.and(low, code, code)
			}
			for v := range vectors {
				s.VPSLLVD(counts[v], code, product)
				s.VPSIGND(signs[v], product, product)
				s.VPADDD(product, acc[i][v], acc[i][v])
			}
		}
	}
	s.advance(x, 4)
	s.ADDQ(operand.U8(32), w)
	s.DECQ(steps)
	s.JNZ(operand.LabelRef("step"))

	count := code.AsX()
	s.VMOVQ(s.param("shift"), count)
	for i := range acc {
		for v, a := range acc[i] {
			s.VPSLLD(count, a, a)
			s.VPADDD(at(bias, 32*v), a, a)
			s.move(a, at(dst, 32*v))
		}
		if i+1 < len(acc) {
			s.ADDQ(dstStride, dst)
		}
	}
	s.VZEROUPPER()
	s.RET()
}

// gemmShiftAVX512 has, in a step, 64 bytes for two inputs of 64 outputs: byte b
// of word j is input b of output j and, its upper half, of output 32+j.
func gemmShiftAVX512(c *build.Context, mr int) {
	const vectors = 2
	s := simd{c, 64}
	dst, dstStride := s.param("dst"), s.param("dstStride")
	x := s.rows(s.param("x"), s.param("xStride"), mr)
	w, steps, bias := s.param("w"), s.param("steps"), s.param("bias")
	counts, code, products, zero := s.vecs(vectors), s.vec(), s.vecs(vectors), s.vec()
	magnitude, minusOne, low := s.inRegister(s.constant("magnitude", 7, 0)), s.inRegister(s.constant("minusone", 0xff)), s.inRegister(s.constant("low", 0xff, 0))
	var negative [2][vectors]operand.Op
	for k := range negative {
		for v := range vectors {
			sign := 8 << (8*k + 4*v)
			negative[k][v] = s.inRegister(s.constant(fmt.Sprintf("negative%d%d", k, v), byte(sign), byte(sign>>8)))
		}
	}
	var acc [][]reg.VecVirtual
	for range mr {
		acc = append(acc, s.vecs(vectors))
	}
	s.zero(zero)

	// The first block adds to bias, the same for all rows, others to dst.
	from, fromStride, p, n := bias, s.GP64(), s.GP64(), s.GP64()
	s.XORL(fromStride.As32(), fromStride.As32())
	s.Label("block")
	s.MOVQ(operand.U32(shiftAdditions/2), n)
	s.CMPQ(steps, n)
	s.CMOVQCS(steps, n)
	s.SUBQ(n, steps)
	for i := range acc {
		s.zero(acc[i]...)
	}
	s.Label("step")
	for k := range negative {
		signs := []reg.Register{s.K(), s.K()}
		for v := range vectors {
			s.move(at(w, 0), counts[v])
			s.VPTESTMW(negative[k][v], counts[v], signs[v])
			if place := 8*k + 4*v; place > 0 {
				s.VPSRLW(operand.U8(place), counts[v], counts[v])
			}
			s.and(magnitude, counts[v], counts[v])
			s.VPADDW(minusOne, counts[v], counts[v])
		}
		for i := range acc {
			s.VPBROADCASTW(x.at(i, 0), code)
			if k == 0 {
				s.and(low, code, code)
			} else {
				s.VPSRLW(operand.U8(8), code, code)
			}
			for v := range vectors {
				s.VPSLLVW(counts[v], code, products[v])
				s.VPSUBW(products[v], zero, signs[v], products[v])
				s.VPADDW(products[v], acc[i][v], acc[i][v])
			}
		}
	}
	s.advance(x, 2)
	s.SUBQ(operand.I8(-64), w)
	s.DECQ(n)
	s.JNZ(operand.LabelRef("step"))

	count := code.AsX()
	s.VMOVQ(s.param("shift"), count)
	s.MOVQ(dst, p)
	for i := range acc {
		for v, a := range acc[i] {
			wide := products
			s.VPMOVSXWD(a.AsY(), wide[0])
			s.VEXTRACTI64X4(operand.U8(1), a, a.AsY())
			s.VPMOVSXWD(a.AsY(), wide[1])
			for half, sum := range wide {
				place := 64 * (2*v + half)
				s.VPSLLD(count, sum, sum)
				s.VPADDD(at(from, place), sum, sum)
				s.move(sum, at(p, place))
			}
		}
		if i+1 < len(acc) {
			s.ADDQ(dstStride, p)
			s.ADDQ(fromStride, from)
		}
	}
	s.MOVQ(dst, from)
	s.MOVQ(dstStride, fromStride)
	s.TESTQ(steps, steps)
	s.JNZ(operand.LabelRef("block"))
	s.VZEROUPPER()
	s.RET()
}
