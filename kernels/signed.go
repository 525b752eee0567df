package kernels

import "encoding/binary"

// Signed activations. No kernel reads them: flipping the top bit of a two's
// complement byte x adds 128 and makes a u8 code of it, and
//
//	Σ w·x = Σ w·(x+128) - 128·Σ w
//
// of which the last is known when weights are packed. So a plan for S8 is one for
// U8 with another bias, of which the rows are copied and flipped before kernels
// prepare them. A sum over u8 may leave the range of int32 where that over s8 does
// not; it wraps, and the bias wraps it back.

// s8Offset is what flipping the top bit of an S8 code adds to its value.
const s8Offset = 128

// held is the format that kernels read: U8 for S8.
func (a ActFormat) held() ActFormat {
	if a == S8 {
		return U8
	}
	return a
}

// s8Bias is what a row of weights adds to its sum, if activations are S8 held
// as U8.
func s8Bias(w []int8) int32 {
	var sum int32
	for _, v := range w {
		sum += int32(v)
	}
	return -s8Offset * sum
}

// flip makes u8 codes of S8 codes, to dst from src. The two may be the same.
func flip(dst, src []uint8) {
	const tops = 0x8080808080808080
	dst = dst[:len(src)]
	for len(src) >= 32 {
		for i := 0; i < 32; i += 8 {
			binary.NativeEndian.PutUint64(dst[i:], binary.NativeEndian.Uint64(src[i:])^tops)
		}
		dst, src = dst[32:], src[32:]
	}
	for i, c := range src {
		dst[i] = c ^ s8Offset
	}
}

// signedRows are rows of S8 codes as u8 codes. Padding, the code 0, becomes the
// code of zero.
type signedRows struct {
	rowSource
	k int
}

func (*signedRows) direct() []uint8 { return nil }

func (r *signedRows) gather(dst []uint8, stride, i0, i1 int) {
	r.rowSource.gather(dst, stride, i0, i1)
	// What lies between rows is flipped with them, since nobody reads it.
	all := dst[:(i1-i0-1)*stride+r.k]
	flip(all, all)
}
