package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Products with sparse powers of two by additions and shifts.
//
//	instruction            Zen 3: latency, ports   Ice Lake: latency, ports
//	VPADDB ymm,m           1 (+load), FP0123       1 (+load), p015 (zmm p05)
//	VPSLLW, VPSRLW ymm,x   1, FP1/2                2, p01+p5 (zmm p0+p5)
//	MOVWLZX m              load port alone         load port alone
//	loads a cycle          3, of which 2 vectors   2 (Sapphire Rapids: 3, of which 2 vectors)
//
// The lanes are rows of x: a column is one input of all of them, a byte each, in
// two vectors. The weights of an output are a program: chunks of columns whose
// weights have one exponent and one sign. The columns of a chunk are added as
// bytes, and zeros are not in the program. A chunk is always whole, filled up
// with a column of zeros, so that the sparsity of the weights is in the
// addresses alone and no branch depends on it.
//
// At its end a chunk's unsigned bytes v become 16-bit sums, even and odd ones
// apart, with no mask: A += v<<e takes the pairs of bytes as words, so that it
// is the sum of the even ones plus 256 times that of the odd ones, mod 2^16, and
// B += (v>>8)<<e the odd ones' alone. At the end of a segment the even sum is
// A - B<<8. Where the weights are negative, the bytes are inverted: 255-v. The
// sum of the constants, Σ 255<<e, is known beforehand and the sums start at its
// negative. All of that is mod 2^16, so a segment is exact if its sum, and not
// those on the way, fits an int16. A segment ends where it might not.
//
// Loads are the bound: two vectors and an offset for each weight and 64 rows.
const shiftAddSlots = 8 // in a chunk; with codes up to 31 the bytes hold them

// The places in a program; the packing reads them as constants.
const (
	segmentHead = 16 // bytes: A, B as two words each, place of the sums, chunks
	chunkHead   = 8  // bytes: mask of the sign, exponent
	chunkLength = chunkHead + 2*shiftAddSlots
)

func init() {
	for room, bytes := range map[string]int{"avx2": 32, "avx512bw": 64} {
		lanes := 2 * bytes
		add(room, family{
			name:      "ShiftAdd",
			signature: "func(sums *int32, columns, program *byte, segments uintptr)",
			loop: fmt.Sprintf(`	for range segments {
		a, b, at, chunks := program's next head: 4 bytes each
		for range chunks {
			mask, e := program's next head: 4 bytes each
			for i := range %[1]d {
				v := byte(0)
				for range %[2]d {
					v += columns[program's next offset: 2 bytes][i]
				}
				sum[i] += int16(v^mask) << e
			}
		}
		for i := range %[1]d {
			sums[at/4+place(i)] += int32(sum[i])
		}
	}

where the 16-bit sums of even i start at a-b<<8 and those of odd i at b, all mod
2^16, and place(i) is i/%[3]d*%[3]d + i%%4*%[4]d + i%%%[3]d/4. segments is at least 1,
and so are chunks.`, lanes, shiftAddSlots, bytes, bytes/4),
			constants: []constant{
				{"ShiftAddLanes", lanes, "is the number of rows that ShiftAdd computes"},
				{"ShiftAddSlots", shiftAddSlots, "is the number of columns in a chunk of a program"},
			},
			body: func(c *build.Context, _ int) { shiftAdd(simd{c, bytes}) },
		})
		add(room, family{
			name:      "ShiftAddSums",
			signature: "func(dst *int32, dstStride uintptr, sums, bias *int32, shift, groups uintptr)",
			loop: fmt.Sprintf(`	for i := range %[1]d {
		for j := range 8 * groups {
			dst[i*dstStride/4+j] = bias[j] + sums[j*%[1]d+place(i)]<<shift
		}
	}

with the places of ShiftAdd. groups is at least 1.`, lanes),
			body: func(c *build.Context, _ int) { shiftAddSums(simd{c, 32}, bytes) },
		})
	}
	add("avx2", family{
		name:      "Columns",
		signature: "func(dst *byte, dstStride uintptr, x *byte, xStride, blocks uintptr)",
		loop: `	for k := range 16 * blocks {
		for i := range 32 {
			dst[k*dstStride+i] = x[i*xStride+k]
		}
	}

blocks is at least 1.`,
		body: columns,
	})
}

func shiftAdd(s simd) {
	sums, columns, program, segments := s.param("sums"), s.param("columns"), s.param("program"), s.param("segments")
	to, chunks, offset := s.GP64(), s.GP64(), s.GP64()
	a, b, v := s.vecs(2), s.vecs(2), s.vecs(2)
	odd, mask, count := s.vecs(2), s.vec(), s.XMM()

	s.Label("segment")
	for i := range v {
		s.VPBROADCASTD(at(program, 0), a[i])
		s.VPBROADCASTD(at(program, 4), b[i])
	}
	s.MOVL(at(program, 8), to.As32())
	s.MOVL(at(program, 12), chunks.As32())
	s.ADDQ(sums, to)
	s.ADDQ(operand.U8(segmentHead), program)

	s.Label("chunk")
	s.VPBROADCASTD(at(program, 0), mask)
	s.VMOVD(at(program, 4), count)
	for slot := range shiftAddSlots {
		s.MOVWLZX(at(program, chunkHead+2*slot), offset.As32())
		for i := range v {
			column := operand.Mem{Base: columns, Index: offset, Scale: 1, Disp: i * s.bytes}
			if slot == 0 {
				s.move(column, v[i])
			} else {
				s.VPADDB(column, v[i], v[i])
			}
		}
	}
	for i := range v {
		s.xor(mask, v[i], v[i])
		s.VPSRLW(operand.U8(8), v[i], odd[i])
		s.VPSLLW(count, v[i], v[i])
		s.VPSLLW(count, odd[i], odd[i])
		s.VPADDW(v[i], a[i], a[i])
		s.VPADDW(odd[i], b[i], b[i])
	}
	s.ADDQ(operand.U8(chunkLength), program)
	s.DECL(chunks.As32())
	s.JNZ(operand.LabelRef("chunk"))

	for i := range v {
		s.VPSLLW(operand.U8(8), b[i], v[i])
		s.VPSUBW(v[i], a[i], a[i])
		for q, words := range []reg.VecVirtual{a[i], b[i], a[i], b[i]} {
			w := v[i]
			if q < 2 { // the lower words
				s.VPSLLD(operand.U8(16), words, w)
				words = w
			}
			s.VPSRAD(operand.U8(16), words, w)
			place := at(to, (4*i+q)*s.bytes)
			s.VPADDD(place, w, w)
			s.move(w, place)
		}
	}
	s.DECQ(segments)
	s.JNZ(operand.LabelRef("segment"))
	s.VZEROUPPER()
	s.RET()
}

// shiftAddSums transposes sums, eight rows by eight outputs at a time; the rows
// are four apart, as ShiftAdd with vectors of some bytes left them. It goes over
// all outputs with the same rows: the lines of dst may be as far apart as those
// of one set of the first-level cache, which holds eight.
func shiftAddSums(s simd, bytes int) {
	dst, dstStride := s.param("dst"), s.param("dstStride")
	step, step3 := s.GP64(), s.GP64() // four rows, and three times that
	count := s.XMM()
	s.VMOVQ(s.param("shift"), count)
	s.MOVQ(dstStride, step)
	s.SHLQ(operand.U8(2), step)
	s.LEAQ(operand.Mem{Base: step, Index: step, Scale: 2}, step3)
	for first := 0; first < 2*bytes; first += 32 { // rows first … first+31
		for q := range 4 { // rows first+q, first+q+4, …
			upper, lower := dst, s.GP64()
			if next := first + q + 1; next < 2*bytes {
				upper = s.GP64()
				s.MOVQ(dst, upper)
				s.ADDQ(dstStride, dst)
				if q == 3 { // on to the next 32
					s.LEAQ(operand.Mem{Base: dst, Index: step, Scale: 4}, dst)
					s.LEAQ(operand.Mem{Base: dst, Index: step3, Scale: 1}, dst)
				}
			}
			s.LEAQ(operand.Mem{Base: upper, Index: step, Scale: 4}, lower)
			sums, bias, groups := s.param("sums"), s.param("bias"), s.param("groups")
			label := fmt.Sprintf("rows%d", first+q)
			s.Label(label)
			rows := s.vecs(8)
			for j, r := range rows {
				s.move(at(sums, j*8*bytes+first/bytes*4*bytes+q*bytes+first%bytes), r)
			}
			s.transpose8(rows)
			for j, r := range rows {
				s.VPSLLD(count, r, r)
				s.VPADDD(at(bias, 0), r, r)
				to := operand.Mem{Base: []reg.GPVirtual{upper, lower}[j/4]}
				switch j % 4 {
				case 1, 2:
					to.Index, to.Scale = step, uint8(j%4)
				case 3:
					to.Index, to.Scale = step3, 1
				}
				s.move(r, to)
			}
			s.ADDQ(operand.U8(32), upper)
			s.ADDQ(operand.U8(32), lower)
			s.ADDQ(operand.U8(32), bias)
			s.ADDQ(operand.I32(8*8*bytes), sums)
			s.DECQ(groups)
			s.JNZ(operand.LabelRef(label))
		}
	}
	s.VZEROUPPER()
	s.RET()
}

// transpose8 exchanges rows and columns of eight vectors of eight dwords.
func (s simd) transpose8(r []reg.VecVirtual) {
	pair := func(i, j int, low, high func(...operand.Op)) {
		t := s.vec()
		low(r[j], r[i], t)
		high(r[j], r[i], r[j])
		r[i] = t
	}
	for i := 0; i < 8; i += 2 {
		pair(i, i+1, s.VPUNPCKLDQ, s.VPUNPCKHDQ)
	}
	for _, i := range []int{0, 1, 4, 5} {
		pair(i, i+2, s.VPUNPCKLQDQ, s.VPUNPCKHQDQ)
	}
	// r[0], r[2], r[1], r[3] are the columns 0 to 3 of the lower rows, and in
	// their upper halves 4 to 7; r[4] … of the upper rows.
	r[1], r[2], r[5], r[6] = r[2], r[1], r[6], r[5]
	for i := range 4 {
		pair(i, i+4,
			func(ops ...operand.Op) { s.VPERM2I128(operand.U8(0x20), ops[0], ops[1], ops[2]) },
			func(ops ...operand.Op) { s.VPERM2I128(operand.U8(0x31), ops[0], ops[1], ops[2]) })
	}
}

// columns transposes 32 rows, 16 inputs at a time. The lower lanes of vectors
// are rows 0 to 15, the upper ones 16 to 31; interleaving the bytes of what is
// eight, four, two and one rows apart orders them. Half of the inputs are done
// first, and what that loads is loaded again: all of them would take 17
// registers.
func columns(c *build.Context, _ int) {
	s := simd{c, 32}
	dst, dstStride, x, xStride, blocks := s.param("dst"), s.param("dstStride"), s.param("x"), s.param("xStride"), s.param("blocks")
	// Rows are reached from every fourth of the lower and the upper ones: their
	// pointers would not fit.
	stride3, upper := s.GP64(), s.GP64()
	s.LEAQ(operand.Mem{Base: xStride, Index: xStride, Scale: 2}, stride3)
	s.MOVQ(xStride, upper)
	s.SHLQ(operand.U8(4), upper)
	row := func(base reg.GPVirtual, i int) operand.Mem {
		switch i {
		case 1, 2:
			return operand.Mem{Base: base, Index: xStride, Scale: uint8(i)}
		case 3:
			return operand.Mem{Base: base, Index: stride3, Scale: 1}
		}
		return operand.Mem{Base: base}
	}
	s.Label("block")
	for _, interleave := range []func(...operand.Op){s.VPUNPCKLBW, s.VPUNPCKHBW} {
		var r []reg.VecVirtual
		low, high := s.GP64(), s.GP64() // rows i and i+8
		s.MOVQ(x, low)
		s.LEAQ(operand.Mem{Base: x, Index: xStride, Scale: 8}, high)
		for i := range 8 {
			if i == 4 {
				s.LEAQ(operand.Mem{Base: low, Index: xStride, Scale: 4}, low)
				s.LEAQ(operand.Mem{Base: high, Index: xStride, Scale: 4}, high)
			}
			var pair [2]reg.VecVirtual
			for j, base := range []reg.GPVirtual{low, high} {
				p := s.GP64()
				pair[j] = s.vec()
				m := row(base, i%4)
				s.VBROADCASTI128(m, pair[j])
				s.LEAQ(m, p)
				s.VINSERTI128(operand.U8(1), operand.Mem{Base: p, Index: upper, Scale: 1}, pair[j], pair[j])
			}
			interleave(pair[1], pair[0], pair[0])
			r = append(r, pair[0])
		}
		for distance := 4; distance > 0; distance /= 2 {
			// Vectors i and i+distance hold the same inputs of rows that far apart.
			next := make([]reg.VecVirtual, 8)
			for part := 0; part < 8; part += 2 * distance {
				for i := range distance {
					l, h := r[part+i], r[part+distance+i]
					t := s.vec()
					s.VPUNPCKLBW(h, l, t)
					s.VPUNPCKHBW(h, l, h)
					next[part+i], next[part+distance+i] = t, h
				}
			}
			r = next
		}
		for _, v := range r {
			s.VMOVDQU(v, at(dst, 0))
			s.ADDQ(dstStride, dst)
		}
	}
	s.ADDQ(operand.U8(16), x)
	s.DECQ(blocks)
	s.JNZ(operand.LabelRef("block"))
	s.VZEROUPPER()
	s.RET()
}
