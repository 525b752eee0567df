// Package portable has the kernels in plain Go, for CPUs that have no assembly
// and as the last resort of dispatch everywhere. Functions have the signatures
// of the generated ones, so that one table holds both; slices are made of
// their pointers first, so that every access is checked against the extent
// that the signature promises.
package portable

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// Tile is the width of the integer tiles: outputs a panel.
const Tile = 4

// GemmW8 holds muladd tiles for one step of one input: panels are [k][4] int8.
// Sixteen sums fit the registers of every 64-bit CPU only in part, so tiles
// have two rows.
var GemmW8 = [...]func(dst *int32, dstStride uintptr, x *byte, xStride uintptr, w *byte, steps uintptr, bias *int32, shift uintptr){
	1: gemmW8Rows1,
	2: gemmW8Rows2,
}

func gemmW8Rows1(dst *int32, _ uintptr, x *byte, _ uintptr, w *byte, steps uintptr, bias *int32, shift uintptr) {
	xs := unsafe.Slice(x, steps)
	ws := unsafe.Slice((*int8)(unsafe.Pointer(w)), steps*Tile)
	var s0, s1, s2, s3 int32
	for k, c := range xs {
		a, p := int32(c), ws[k*Tile:k*Tile+Tile]
		s0 += a * int32(p[0])
		s1 += a * int32(p[1])
		s2 += a * int32(p[2])
		s3 += a * int32(p[3])
	}
	d, b := unsafe.Slice(dst, Tile), unsafe.Slice(bias, Tile)
	d[0], d[1], d[2], d[3] = b[0]+s0<<shift, b[1]+s1<<shift, b[2]+s2<<shift, b[3]+s3<<shift
}

func gemmW8Rows2(dst *int32, dstStride uintptr, x *byte, xStride uintptr, w *byte, steps uintptr, bias *int32, shift uintptr) {
	xs := unsafe.Slice(x, steps)
	ys := unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(x), xStride)), steps)
	ws := unsafe.Slice((*int8)(unsafe.Pointer(w)), steps*Tile)
	var s0, s1, s2, s3, t0, t1, t2, t3 int32
	for k, c := range xs {
		p := ws[k*Tile : k*Tile+Tile]
		a, e := int32(c), int32(ys[k])
		w0, w1, w2, w3 := int32(p[0]), int32(p[1]), int32(p[2]), int32(p[3])
		s0 += a * w0
		s1 += a * w1
		s2 += a * w2
		s3 += a * w3
		t0 += e * w0
		t1 += e * w1
		t2 += e * w2
		t3 += e * w3
	}
	b := unsafe.Slice(bias, Tile)
	d := unsafe.Slice(dst, Tile)
	d[0], d[1], d[2], d[3] = b[0]+s0<<shift, b[1]+s1<<shift, b[2]+s2<<shift, b[3]+s3<<shift
	d = unsafe.Slice((*int32)(unsafe.Add(unsafe.Pointer(dst), dstStride)), Tile)
	d[0], d[1], d[2], d[3] = b[0]+t0<<shift, b[1]+t1<<shift, b[2]+t2<<shift, b[3]+t3<<shift
}

// GemmBits holds popcount tiles: panels are [word][4] uint64. The compiler
// turns OnesCount64 into one instruction where the CPU has one.
var GemmBits = [...]func(dst *int32, dstStride uintptr, x *byte, xStride uintptr, w *byte, steps uintptr, bias *int32, shift uintptr){
	1: gemmBitsRows1,
	2: gemmBitsRows2,
}

func gemmBitsRows1(dst *int32, _ uintptr, x *byte, _ uintptr, w *byte, steps uintptr, bias *int32, shift uintptr) {
	xs := unsafe.Slice((*uint64)(unsafe.Pointer(x)), steps)
	ws := unsafe.Slice((*uint64)(unsafe.Pointer(w)), steps*Tile)
	var s0, s1, s2, s3 int
	for k, a := range xs {
		p := ws[k*Tile : k*Tile+Tile]
		s0 += bits.OnesCount64(a ^ p[0])
		s1 += bits.OnesCount64(a ^ p[1])
		s2 += bits.OnesCount64(a ^ p[2])
		s3 += bits.OnesCount64(a ^ p[3])
	}
	d, b := unsafe.Slice(dst, Tile), unsafe.Slice(bias, Tile)
	d[0], d[1], d[2], d[3] = b[0]-int32(s0)<<shift, b[1]-int32(s1)<<shift, b[2]-int32(s2)<<shift, b[3]-int32(s3)<<shift
}

func gemmBitsRows2(dst *int32, dstStride uintptr, x *byte, xStride uintptr, w *byte, steps uintptr, bias *int32, shift uintptr) {
	gemmBitsRows1(dst, 0, x, 0, w, steps, bias, shift)
	gemmBitsRows1((*int32)(unsafe.Add(unsafe.Pointer(dst), dstStride)), 0, (*byte)(unsafe.Add(unsafe.Pointer(x), xStride)), 0, w, steps, bias, shift)
}

// DotBlock is the number of products in a block of DotW8.
const DotBlock = 8

// DotW8 is the sum of x[i]*w[i] over blocks of DotBlock, w being int8.
func DotW8(x, w *byte, blocks uintptr) int32 {
	xs := unsafe.Slice(x, blocks*DotBlock)
	ws := unsafe.Slice((*int8)(unsafe.Pointer(w)), len(xs))
	var s0, s1, s2, s3 int32
	for i := 0; i+4 <= len(xs) && i+4 <= len(ws); i += 4 {
		s0 += int32(xs[i]) * int32(ws[i])
		s1 += int32(xs[i+1]) * int32(ws[i+1])
		s2 += int32(xs[i+2]) * int32(ws[i+2])
		s3 += int32(xs[i+3]) * int32(ws[i+3])
	}
	return s0 + s1 + s2 + s3
}

// DotBits is the number of bits that differ.
func DotBits(x, y *uint64, words uintptr) int {
	xs, ys := unsafe.Slice(x, words), unsafe.Slice(y, words)
	sum := 0
	for i, v := range xs {
		sum += bits.OnesCount64(v ^ ys[i])
	}
	return sum
}

// PackBits sets bit i of the words to a bit of x[i]. The product moves bit 8i of
// eight codes to bit 56+i, without a carry into it.
func PackBits(dst *uint64, x *byte, words, bit uintptr) {
	xs := unsafe.Slice(x, words*64)
	ds := unsafe.Slice(dst, words)
	for w := range ds {
		var word uint64
		for i := range 8 {
			eight := binary.LittleEndian.Uint64(xs[w*64+i*8:]) >> bit & 0x0101010101010101
			word |= eight * 0x0102040810204080 >> 56 << (i * 8)
		}
		ds[w] = word
	}
}
