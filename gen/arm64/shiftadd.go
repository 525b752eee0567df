package main

import (
	"fmt"

	"example.com/lowbit/gen/neon"
)

// Products with sparse powers of two by additions and shifts.
//
//	instruction     Cortex-A72: latency, pipes   Neoverse N1: latency, pipes
//	VADD            3, F0/1                      2, V0/1
//	VSMLAL, SMLAL2  4 (1 to add), F0             4 (1 to add), V0
//	FMOVQ           5, L                         5, L0/1
//	dispatch        3 a cycle                    4 a cycle
//
// The lanes are rows of x: a column is one input of all of them, a byte each, in
// four vectors. The weights of an output are a program: chunks of columns whose
// weights have one exponent and one sign. The columns of a chunk are added as
// bytes, and zeros are not in the program. A chunk is always whole, filled up
// with a column of zeros, so that the sparsity of the weights is in the addresses
// alone and no branch depends on it.
//
// Codes are at most 15, so the eight of a chunk add up to at most 120: signed
// bytes. One widening multiplication by the chunk's ±2^e for each half of a vector
// shifts them, negates them, makes them 16 bits wide and adds them to the sums,
// in the order of the lanes. (The programs also say what sums start at where
// negative chunks are inverted instead, which is not needed here.) Sums are
// mod 2^16, so a segment is exact if its sum, and not those on the way, fits an
// int16. A segment ends where it might not.
//
// Loads are the bound of a core that does one a cycle, at 34 for the 512 products
// of a chunk; with two it is the vector pipes, at 40 instructions.
const (
	shiftAddSlots = 8  // in a chunk
	shiftAddLanes = 64 // rows
)

// The places in a program; the packing reads them as constants.
const (
	segmentHead = 16 // bytes: two starts of sums, place of the sums, chunks
	chunkHead   = 8  // bytes: -1 or 0 for the sign, exponent
	chunkLength = chunkHead + 2*shiftAddSlots
)

func init() {
	add("neon", family{
		name:      "ShiftAdd",
		signature: "func(sums *int32, columns, program *byte, segments uintptr)",
		loop: fmt.Sprintf(`	for range segments {
		_, _, at, chunks := program's next head: 4 bytes each
		for range chunks {
			sign, e := program's next head: 4 bytes each, sign is -1 or 0
			for i := range %[1]d {
				v := int8(0)
				for range %[2]d {
					v += columns[program's next offset: 2 bytes][i]
				}
				sum[i] += int16(v) * (sign|1) << e
			}
		}
		for i := range %[1]d {
			sums[at/4+i] += int32(sum[i])
		}
	}

where the 16-bit sums start at zero. segments is at least 1, and so are chunks.`, shiftAddLanes, shiftAddSlots),
		constants: []constant{
			{"ShiftAddLanes", shiftAddLanes, "is the number of rows that ShiftAdd computes"},
			{"ShiftAddSlots", shiftAddSlots, "is the number of columns in a chunk of a program"},
		},
		body: shiftAdd,
	})
	add("neon", family{
		name:      "ShiftAddSums",
		signature: "func(dst *int32, dstStride uintptr, sums, bias *int32, shift, groups uintptr)",
		loop: fmt.Sprintf(`	for i := range %[1]d {
		for j := range 8 * groups {
			dst[i*dstStride/4+j] = bias[j] + sums[j*%[1]d+i]<<shift
		}
	}

groups is at least 1.`, shiftAddLanes),
		body: shiftAddSums,
	})
}

func shiftAdd(f *neon.Func, _ int) {
	const vectors = shiftAddLanes / 16
	sums, columns, program, segments := f.Param("sums"), f.Param("columns"), f.Param("program"), f.Param("segments")
	to, chunks, at := f.GP(), f.GP(), f.GP()
	offsets := []neon.GP{f.GP(), f.GP()}
	v, column, sum := f.Vecs(vectors), f.Vecs(vectors), f.Vecs(2*vectors)
	weight, exponent, one := f.Vec(), f.Vec(), f.Vec()
	f.VMOVI(neon.B16, 1, one)

	f.Label("segment")
	f.MOVWU(neon.At(program, 8), to)
	f.MOVWU(neon.At(program, 12), chunks)
	f.ADD(to, sums, to)
	f.ADD(neon.Imm(segmentHead), program, program)
	f.Zero(sum...)

	f.Label("chunk")
	f.FMOVD(neon.At(program, 0), weight)
	f.LDP(neon.At(program, chunkHead), offsets[0], offsets[1])
	f.ADD(neon.Imm(chunkLength), program, program)
	for slot := range shiftAddSlots {
		f.UBFX(16*(slot%4), offsets[slot/4], 16, at)
		f.ADD(columns, at, at)
		to := column
		if slot == 0 {
			to = v
		}
		for i := 0; i < vectors; i += 2 {
			f.FLDPQ(neon.At(at, 16*i), to[i], to[i+1])
		}
		for i := range v {
			if slot > 0 {
				f.VADD(neon.B16, column[i], v[i], v[i])
			}
		}
	}
	f.VREV64(neon.S2, weight, exponent)
	f.VORR(neon.B8, one, weight, weight) // ±1
	f.VSSHL(neon.B8, exponent, weight, weight)
	f.VDUPElem(neon.B16, weight, 0, weight)
	for i := range v {
		f.VSMLAL(neon.B8, weight, v[i], sum[2*i])
		f.VSMLAL2(neon.B16, weight, v[i], sum[2*i+1])
	}
	f.SUBS(neon.Imm(1), chunks, chunks)
	f.Bcond(neon.NE, "chunk")

	for i, s := range sum {
		low, high := column[i%2], v[i%2]
		f.FLDPQ(neon.At(to, 32*i), low, high)
		f.VSADDW(neon.H4, s, low, low)
		f.VSADDW2(neon.H8, s, high, high)
		f.FSTPQ(low, high, neon.At(to, 32*i))
	}
	f.SUBS(neon.Imm(1), segments, segments)
	f.Bcond(neon.NE, "segment")
	f.RET()
}

// shiftAddSums transposes sums, four rows by eight outputs at a time. It goes
// over all outputs with the same rows: the lines of dst may be as far apart as
// those of one set of the first-level cache, which may hold two.
func shiftAddSums(f *neon.Func, _ int) {
	dst, dstStride := f.Param("dst"), f.Param("dstStride")
	sums, bias, groups := f.Param("sums"), f.Param("bias"), f.Param("groups")
	left := f.GP()
	shift, count := f.Param("shift"), f.Vec()
	f.VDUP(neon.S4, shift, count)
	f.MOVD(neon.Imm(shiftAddLanes/4), left)

	f.Label("rows")
	row := []neon.GP{f.GP(), f.GP(), f.GP(), f.GP()}
	from, b, n := f.GP(), f.GP(), f.GP()
	for _, r := range row {
		f.MOVD(dst, r)
		f.ADD(dstStride, dst, dst)
	}
	f.MOVD(sums, from)
	f.MOVD(bias, b)
	f.MOVD(groups, n)

	f.Label("group")
	biases, halves := f.Vecs(2), [2][]neon.Vec{}
	f.FLDPQ(neon.Post(b, 32), biases[0], biases[1])
	for h := range halves {
		r := f.Vecs(4)
		for j := range r {
			f.FMOVQ(neon.At(from, (4*h+j)*4*shiftAddLanes), r[j])
		}
		halves[h] = transpose4(f, r)
		for _, v := range halves[h] {
			f.VSSHL(neon.S4, count, v, v)
			f.VADD(neon.S4, biases[h], v, v)
		}
	}
	for i, r := range row {
		f.FSTPQ(halves[0][i], halves[1][i], neon.Post(r, 32))
	}
	f.ADD(neon.Imm(8*4*shiftAddLanes), from, from)
	f.SUBS(neon.Imm(1), n, n)
	f.Bcond(neon.NE, "group")

	f.ADD(neon.Imm(16), sums, sums)
	f.SUBS(neon.Imm(1), left, left)
	f.Bcond(neon.NE, "rows")
	f.RET()
}

// transpose4 returns the columns of four vectors of four words.
func transpose4(f *neon.Func, r []neon.Vec) []neon.Vec {
	pairs, columns := f.Vecs(4), f.Vecs(4)
	for i := 0; i < 4; i += 2 {
		f.VTRN1(neon.S4, r[i+1], r[i], pairs[i])
		f.VTRN2(neon.S4, r[i+1], r[i], pairs[i+1])
	}
	for i := range 2 {
		f.VZIP1(neon.D2, pairs[2+i], pairs[i], columns[i])
		f.VZIP2(neon.D2, pairs[2+i], pairs[i], columns[2+i])
	}
	return columns
}
