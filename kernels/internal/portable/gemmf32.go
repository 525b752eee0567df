package portable

import "unsafe"

// GemmF32NR is the number of columns of the tiles of GemmF32.
const GemmF32NR = 4

// GemmF32 holds, by the number of rows, tiles of GemmF32NR columns of a float32
// matrix product:
//
//	c[i][j] = (add != 0 ? c[i][j] : 0) + Σ a[i*aRow+k*aCol]·b[k][j]
//
// Strides are in bytes. Products are rounded before they are added (the
// conversion forbids a fused multiply-add), so every architecture gives the
// same bits. k is at least 1.
var GemmF32 = [...]func(c *float32, cStride uintptr, a *float32, aRow, aCol uintptr, b *float32, k, add uintptr){
	1: gemmF32x1,
	2: gemmF32x2,
}

func gemmF32x1(c *float32, _ uintptr, a *float32, _, aCol uintptr, b *float32, k, add uintptr) {
	row := (*[4]float32)(unsafe.Pointer(c))
	var sum [4]float32
	if add != 0 {
		sum = *row
	}
	s0, s1, s2, s3 := sum[0], sum[1], sum[2], sum[3]
	for p := range k {
		y := (*[4]float32)(unsafe.Add(unsafe.Pointer(b), p*16))
		x := *(*float32)(unsafe.Add(unsafe.Pointer(a), p*aCol))
		s0 += float32(x * y[0])
		s1 += float32(x * y[1])
		s2 += float32(x * y[2])
		s3 += float32(x * y[3])
	}
	*row = [4]float32{s0, s1, s2, s3}
}

// gemmF32x2 is the largest tile whose sums and operands fit the 16 vector
// registers of most architectures.
func gemmF32x2(c *float32, cStride uintptr, a *float32, aRow, aCol uintptr, b *float32, k, add uintptr) {
	row0 := (*[4]float32)(unsafe.Pointer(c))
	row1 := (*[4]float32)(unsafe.Add(unsafe.Pointer(c), cStride))
	var sum0, sum1 [4]float32
	if add != 0 {
		sum0, sum1 = *row0, *row1
	}
	s00, s01, s02, s03 := sum0[0], sum0[1], sum0[2], sum0[3]
	s10, s11, s12, s13 := sum1[0], sum1[1], sum1[2], sum1[3]
	for p := range k {
		y := (*[4]float32)(unsafe.Add(unsafe.Pointer(b), p*16))
		x0 := *(*float32)(unsafe.Add(unsafe.Pointer(a), p*aCol))
		x1 := *(*float32)(unsafe.Add(unsafe.Pointer(a), p*aCol+aRow))
		y0, y1, y2, y3 := y[0], y[1], y[2], y[3]
		s00 += float32(x0 * y0)
		s01 += float32(x0 * y1)
		s02 += float32(x0 * y2)
		s03 += float32(x0 * y3)
		s10 += float32(x1 * y0)
		s11 += float32(x1 * y1)
		s12 += float32(x1 * y2)
		s13 += float32(x1 * y3)
	}
	*row0 = [4]float32{s00, s01, s02, s03}
	*row1 = [4]float32{s10, s11, s12, s13}
}
