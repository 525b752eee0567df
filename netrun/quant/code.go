// Package quant holds the quantizers: the rules that turn numbers into codes.
package quant

// Code is the activation code of the sum y of a channel with the given scale
// and bias: y*scale + bias rounded to the nearest of 0 ... max, halves up.
//
// Every operation is a float32 one, rounded by itself: the conversion of the
// product forbids a fused multiply-add, so all machines give the same code.
// The code is monotone in y, which lets inference use integer thresholds.
func Code(y int32, scale, bias float32, max int) uint8 {
	return Round(float32(float32(y)*scale)+bias, max)
}

// Round is v rounded to the nearest of 0 ... max, halves up; 0 if v is no number,
// as the sum of two infinities may be. It is monotone in v.
func Round(v float32, max int) uint8 {
	v += 0.5
	switch {
	case !(v >= 1):
		return 0
	case v >= float32(max):
		return uint8(max)
	}
	return uint8(v) // the floor, since v > 0
}
