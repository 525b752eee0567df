package portable

import "unsafe"

// MixedNR is the number of outputs of Mixed.
const MixedNR = 8

// Mixed holds the tile of one row of a product of float32 activations with weights
// of 4 bits: byte j of an input has the codes of outputs j and, its upper half, of
// j+4.
var Mixed = [...]func(dst *float32, dstStride uintptr, x *float32, xStride uintptr, w *byte, k uintptr){1: mixedRows1}

// levels are the weights of the codes: see the function codeBits of package
// kernels.
var levels = [16]float32{0, 1, 2, 4, 8, 16, 32, 64, 0, -1, -2, -4, -8, -16, -32, -64}

func mixedRows1(dst *float32, _ uintptr, x *float32, _ uintptr, w *byte, k uintptr) {
	xs := unsafe.Slice(x, k)
	ws := unsafe.Slice(w, k*MixedNR/2)
	var s0, s1, s2, s3, s4, s5, s6, s7 float32
	// A product is exact, so it does not matter whether a compiler makes it one
	// rounding with the addition.
	for i, v := range xs {
		p := ws[i*4 : i*4+4]
		s0 += v * levels[p[0]&15]
		s1 += v * levels[p[1]&15]
		s2 += v * levels[p[2]&15]
		s3 += v * levels[p[3]&15]
		s4 += v * levels[p[0]>>4]
		s5 += v * levels[p[1]>>4]
		s6 += v * levels[p[2]>>4]
		s7 += v * levels[p[3]>>4]
	}
	d := unsafe.Slice(dst, MixedNR)
	d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7] = s0, s1, s2, s3, s4, s5, s6, s7
}
