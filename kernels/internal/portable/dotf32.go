package portable

import "unsafe"

// DotF32 is the inner product, summed in order.
func DotF32(x, y *float32, n uintptr) float32 {
	xs, ys := unsafe.Slice(x, n), unsafe.Slice(y, n)
	var s0, s1, s2, s3 float32
	for i := 0; i+4 <= len(xs) && i+4 <= len(ys); i += 4 {
		s0 += float32(xs[i] * ys[i])
		s1 += float32(xs[i+1] * ys[i+1])
		s2 += float32(xs[i+2] * ys[i+2])
		s3 += float32(xs[i+3] * ys[i+3])
	}
	return s0 + s1 + (s2 + s3)
}
