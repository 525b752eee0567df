package portable

import "unsafe"

// WindowF32 holds, by the number of rows, tiles of GemmF32NR columns of a float32
// matrix product whose first operand is gathered:
//
//	c[i][j] = (add != 0 ? c[i][j] : 0) + Σ a[i*aRow+places[k]]·b[k][j]
//
// Strides and places are in bytes. The sums are those of GemmF32.
var WindowF32 = [...]func(c *float32, cStride uintptr, a *float32, aRow uintptr, places *uintptr, b *float32, k, add uintptr){
	1: windowF32x1,
	2: windowF32x2,
}

func windowF32x1(c *float32, _ uintptr, a *float32, _ uintptr, places *uintptr, b *float32, k, add uintptr) {
	row := (*[4]float32)(unsafe.Pointer(c))
	var sum [4]float32
	if add != 0 {
		sum = *row
	}
	for p, at := range unsafe.Slice(places, k) {
		y := (*[4]float32)(unsafe.Add(unsafe.Pointer(b), p*16))
		x := *(*float32)(unsafe.Add(unsafe.Pointer(a), at))
		for j := range sum {
			sum[j] += float32(x * y[j])
		}
	}
	*row = sum
}

func windowF32x2(c *float32, cStride uintptr, a *float32, aRow uintptr, places *uintptr, b *float32, k, add uintptr) {
	windowF32x1(c, 0, a, 0, places, b, k, add)
	windowF32x1((*float32)(unsafe.Add(unsafe.Pointer(c), cStride)), 0, (*float32)(unsafe.Add(unsafe.Pointer(a), aRow)), 0, places, b, k, add)
}
