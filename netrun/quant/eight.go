package quant

import "example.com/lowbit/kernels"

// Eight holds float32 numbers in a byte each: an exponent and three bits of
// mantissa, blocks of EightBlock numbers sharing what is added to their
// exponents. Rounding is random and unbiased, so that a sum of updates each too
// small for the next code still grows as it should.
//
// It is for the moments of optimizers. Signed numbers reach over 16 powers of
// two down from a block's largest, and what is smaller becomes 0 or the smallest
// at random. Others reach over 32, and what is smaller, but not 0, becomes the
// smallest: what is divided by must not vanish.
type Eight struct {
	Signed bool
	Codes  []uint8
	Bases  []uint16 // of each block
}

// EightBlock is the number of elements that share a base.
const EightBlock = 256

// NewEight returns n zeros.
func NewEight(n int, signed bool) *Eight {
	return &Eight{Signed: signed, Codes: make([]uint8, n), Bases: make([]uint16, (n+EightBlock-1)/EightBlock)}
}

// Bytes is the memory held.
func (e *Eight) Bytes() int { return len(e.Codes) + 2*len(e.Bases) }

// Load sets dst to the elements of block b.
func (e *Eight) Load(dst []float32, b int) {
	bits := kernels.EightBits{Base: uint32(e.Bases[b]), Signed: e.Signed}
	bits.Load(dst, e.Codes[b*EightBlock:][:len(dst)])
}

// Store sets the elements of block b to src. It draws the stream's numbers from
// b*EightBlock/2 on.
func (e *Eight) Store(b int, src []float32, s Stream) {
	bits := kernels.BaseOfEight(src, e.Signed)
	e.Bases[b] = uint16(bits.Base)
	bits.Store(e.Codes[b*EightBlock:][:len(src)], src, uint64(s)+uint64(b*EightBlock/2)*streamStep)
}
