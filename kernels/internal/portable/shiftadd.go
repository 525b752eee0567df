package portable

import (
	"encoding/binary"
	"unsafe"
)

// ShiftAddLanes is the number of rows that ShiftAdd computes: four words of
// eight bytes each.
const ShiftAddLanes = 32

const evenBytes = 0x00ff00ff00ff00ff

// ShiftAdd runs the program of some segments on columns of ShiftAddLanes bytes;
// see the function of that name in package avx2. The bytes of a chunk do not
// overflow. The 16-bit sums are the signed digits of a number: a segment's end
// finds them in it one after the other. Chunks are negated as such numbers, so
// that what sums start at, to make good for an inversion, is not needed.
func ShiftAdd(sums *int32, columns, program *byte, segments uintptr) {
	at := uintptr(0)
	for range segments {
		head := (*[16]byte)(unsafe.Add(unsafe.Pointer(program), at))
		at += 16
		out := (*[ShiftAddLanes]int32)(unsafe.Add(unsafe.Pointer(sums), binary.LittleEndian.Uint32(head[8:])))
		var a0, a1, a2, a3, b0, b1, b2, b3 uint64
		for range binary.LittleEndian.Uint32(head[12:]) {
			chunk := (*[24]byte)(unsafe.Add(unsafe.Pointer(program), at))
			at += 24
			var v0, v1, v2, v3 uint64
			for slot := 8; slot < len(chunk); slot += 2 {
				c := (*[ShiftAddLanes]byte)(unsafe.Add(unsafe.Pointer(columns), binary.LittleEndian.Uint16(chunk[slot:])))
				v0 += binary.LittleEndian.Uint64(c[0:])
				v1 += binary.LittleEndian.Uint64(c[8:])
				v2 += binary.LittleEndian.Uint64(c[16:])
				v3 += binary.LittleEndian.Uint64(c[24:])
			}
			sign := binary.LittleEndian.Uint64(chunk[:])
			e := sign >> 32 & 7
			sign = uint64(int64(sign<<32) >> 32) // all ones to negate
			a0 += (v0&evenBytes<<e ^ sign) - sign
			a1 += (v1&evenBytes<<e ^ sign) - sign
			a2 += (v2&evenBytes<<e ^ sign) - sign
			a3 += (v3&evenBytes<<e ^ sign) - sign
			b0 += (v0>>8&evenBytes<<e ^ sign) - sign
			b1 += (v1>>8&evenBytes<<e ^ sign) - sign
			b2 += (v2>>8&evenBytes<<e ^ sign) - sign
			b3 += (v3>>8&evenBytes<<e ^ sign) - sign
		}
		for i, even := range [...]uint64{a0, a1, a2, a3} {
			addDigits((*[7]int32)(out[8*i:]), even)
		}
		for i, odd := range [...]uint64{b0, b1, b2, b3} {
			addDigits((*[7]int32)(out[8*i+1:]), odd)
		}
	}
}

// addDigits adds the four signed digits of v to every other sum.
func addDigits(sums *[7]int32, v uint64) {
	for i := 0; i < len(sums); i += 2 {
		digit := int16(v)
		sums[i] += int32(digit)
		v = (v - uint64(int64(digit))) >> 16
	}
}

// Columns transposes 32 rows of 16*blocks bytes: 8 by 8 bytes at a time, by
// exchanges of halves, quarters and bytes of words.
func Columns(dst *byte, dstStride uintptr, x *byte, xStride, blocks uintptr) {
	for k := uintptr(0); k < 16*blocks; k += 8 {
		for i := uintptr(0); i < 32; i += 8 {
			var r [8]uint64
			for j := range r {
				r[j] = binary.LittleEndian.Uint64((*[8]byte)(unsafe.Add(unsafe.Pointer(x), (i+uintptr(j))*xStride+k))[:])
			}
			exchange(&r, 4, 0x00000000ffffffff)
			exchange(&r, 2, 0x0000ffff0000ffff)
			exchange(&r, 1, 0x00ff00ff00ff00ff)
			for j := range r {
				binary.LittleEndian.PutUint64((*[8]byte)(unsafe.Add(unsafe.Pointer(dst), (k+uintptr(j))*dstStride+i))[:], r[j])
			}
		}
	}
}

// exchange swaps the upper parts of words with the lower ones of those that are
// some rows further, parts being as many bytes long.
func exchange(r *[8]uint64, rows int, low uint64) {
	for i := range r {
		if i&rows == 0 {
			t := (r[i]>>(8*rows) ^ r[i+rows]) & low
			r[i] ^= t << (8 * rows)
			r[i+rows] ^= t
		}
	}
}
