package portable

import "unsafe"

// WindowF32 holds, by the number of rows, tiles of GemmF32NR columns of a float32
// matrix product whose rows, and the columns of its first operand, lie anywhere:
//
//	c[cRows[i]+j] = (add != 0 ? c[cRows[i]+j] : 0) + Σ a[aRows[i]+places[k]]·b[k][j]
//
// Rows and places are in bytes. The sums are those of GemmF32.
var WindowF32 = [...]func(c *float32, cRows *uintptr, a *float32, aRows, places *uintptr, b *float32, k, add uintptr){
	1: func(c *float32, cRows *uintptr, a *float32, aRows, places *uintptr, b *float32, k, add uintptr) {
		windowF32(1, c, cRows, a, aRows, places, b, k, add)
	},
	2: func(c *float32, cRows *uintptr, a *float32, aRows, places *uintptr, b *float32, k, add uintptr) {
		windowF32(2, c, cRows, a, aRows, places, b, k, add)
	},
}

func windowF32(rows int, c *float32, cRows *uintptr, a *float32, aRows, places *uintptr, b *float32, k, add uintptr) {
	from := unsafe.Slice(aRows, rows)
	for i, at := range unsafe.Slice(cRows, rows) {
		row := (*[4]float32)(unsafe.Add(unsafe.Pointer(c), at))
		var s0, s1, s2, s3 float32
		if add != 0 {
			s0, s1, s2, s3 = row[0], row[1], row[2], row[3]
		}
		for p, place := range unsafe.Slice(places, k) {
			y := (*[4]float32)(unsafe.Add(unsafe.Pointer(b), p*16))
			x := *(*float32)(unsafe.Add(unsafe.Pointer(a), from[i]+place))
			s0 += float32(x * y[0])
			s1 += float32(x * y[1])
			s2 += float32(x * y[2])
			s3 += float32(x * y[3])
		}
		*row = [4]float32{s0, s1, s2, s3}
	}
}
