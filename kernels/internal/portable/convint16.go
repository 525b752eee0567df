package portable

import "unsafe"

// ConvInt16 are the tiles of convolutions with 16-bit sums, of one pixel by 16
// outputs: see those of avx2, whose panels they read.
var ConvInt16 = [...]func(dst *int16, dstStride uintptr, x *byte, at *uintptr, groups uintptr, w *byte, places *uintptr, steps uintptr, minus *int16){
	1: convInt16,
}

func convInt16(dst *int16, dstStride uintptr, x *byte, at *uintptr, groups uintptr, w *byte, places *uintptr, steps uintptr, minus *int16) {
	pixels, offsets, ws := unsafe.Slice(at, groups), unsafe.Slice(places, steps), unsafe.Slice((*int8)(unsafe.Pointer(w)), 64*steps)
	for i, pixel := range pixels {
		var sums [16]int16
		for k, offset := range offsets {
			codes := (*[4]uint8)(unsafe.Add(unsafe.Pointer(x), pixel+offset))
			c0, c1, c2, c3 := int16(codes[0]), int16(codes[1]), int16(codes[2]), int16(codes[3])
			for d := range 16 { // the dwords of a step
				p := (*[4]int8)(ws[64*k+4*d:])
				sums[d%8*2+d/8] += c0*int16(p[0]) + c1*int16(p[1]) + c2*int16(p[2]) + c3*int16(p[3])
			}
		}
		d := unsafe.Slice((*int16)(unsafe.Add(unsafe.Pointer(dst), uintptr(i)*dstStride)), 16)
		for j, m := range unsafe.Slice(minus, 16) {
			d[j] = sums[j] - m
		}
	}
}

// unpackRun is the bytes of packed weights whose fields are unpacked together.
const unpackRun = 32

// unpack writes out packed weights of so many bits, which stand for levels.
func unpack(dst, w *byte, bytes uintptr, bits int, levels []int8) {
	out, in := unsafe.Slice(dst, int(bytes)*8/bits), unsafe.Slice(w, bytes)
	for i := range out {
		perRun := unpackRun * 8 / bits
		code := in[i/perRun*unpackRun+i%unpackRun] >> (i % perRun / unpackRun * bits)
		out[i] = byte(levels[int(code)%len(levels)])
	}
}

// UnpackW1, UnpackW2 and UnpackW4 write out weights of 1, 2 and 4 bits, as those of
// avx2 do.
func UnpackW1(dst, w *byte, bytes uintptr) { unpack(dst, w, bytes, 1, []int8{-1, 1}) }

// UnpackW2 is described with UnpackW1.
func UnpackW2(dst, w *byte, bytes uintptr) { unpack(dst, w, bytes, 2, []int8{0, 1, 0, -1}) }

// UnpackW4 is described with UnpackW1.
func UnpackW4(dst, w *byte, bytes uintptr) {
	unpack(dst, w, bytes, 4, []int8{0, 1, 2, 4, 8, 16, 32, 64, 0, -1, -2, -4, -8, -16, -32, -64})
}
