package model

import (
	"fmt"

	"example.com/lowbit/kernels"
)

// pack returns the codes of values, levels of a format of at most 4 bits, as a
// stream of bits, lowest first.
func pack(f kernels.WeightFormat, values []int8) []byte {
	var code [256]uint32
	for i, v := range f.Levels() {
		code[uint8(v)] = uint32(i)
	}
	bits := f.Bits()
	dst := make([]byte, 0, packedSize(f, len(values)))
	var acc uint32 // held bits that do not fill a byte yet
	held := 0
	for _, v := range values {
		acc |= code[uint8(v)] << held
		for held += bits; held >= 8; held -= 8 {
			dst = append(dst, byte(acc))
			acc >>= 8
		}
	}
	if held > 0 {
		dst = append(dst, byte(acc))
	}
	return dst
}

// unpack is the inverse of pack: it returns count values. src has packedSize
// bytes.
func unpack(f kernels.WeightFormat, src []byte, count int) ([]int8, error) {
	levels := f.Levels()
	bits := f.Bits()
	values := make([]int8, count)
	var acc uint32
	held, next := 0, 0
	for i := range values {
		if held < bits {
			acc |= uint32(src[next]) << held
			held += 8
			next++
		}
		code := int(acc & (1<<bits - 1))
		if code >= len(levels) {
			return nil, fmt.Errorf("code of weight %d is %d: want at most %d, the last of %v", i, code, len(levels)-1, f)
		}
		values[i] = levels[code]
		acc >>= bits
		held -= bits
	}
	if acc != 0 {
		return nil, fmt.Errorf("padding after the last weight is %#x: want 0", acc)
	}
	return values, nil
}

// packedSize is the number of bytes of count packed codes.
func packedSize(f kernels.WeightFormat, count int) int {
	return int((int64(f.Bits())*int64(count) + 7) / 8)
}
