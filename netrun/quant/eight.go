package quant

import "math"

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

// eightShift is the number of low bits of a float32 that a code drops. The codes
// of numbers that differ in these alone lie at equal distances: a random number
// below 1<<eightShift, added to the bits, rounds without bias.
const eightShift = 20

// NewEight returns n zeros.
func NewEight(n int, signed bool) *Eight {
	return &Eight{Signed: signed, Codes: make([]uint8, n), Bases: make([]uint16, (n+EightBlock-1)/EightBlock)}
}

// Bytes is the memory held.
func (e *Eight) Bytes() int { return len(e.Codes) + 2*len(e.Bases) }

// Load sets dst to the elements of block b.
func (e *Eight) Load(dst []float32, b int) {
	base := uint32(e.Bases[b])
	codes := e.Codes[b*EightBlock:][:len(dst)]
	if !e.Signed {
		for i, c := range codes {
			dst[i] = 0
			if c != 0 {
				dst[i] = math.Float32frombits((base + uint32(c)) << eightShift)
			}
		}
		return
	}
	for i, c := range codes {
		dst[i] = 0
		if c&127 != 0 {
			dst[i] = math.Float32frombits(uint32(c>>7)<<31 | (base+uint32(c&127))<<eightShift)
		}
	}
}

// Store sets the elements of block b to src, rounded by 20 bits, from bit shift
// on, of the stream's numbers from b*EightBlock on.
func (e *Eight) Store(b int, src []float32, s Stream, shift int) {
	const low = 1<<eightShift - 1
	largest := uint32(0)
	for _, x := range src {
		largest = max(largest, math.Float32bits(x)&^(1<<31))
	}
	top, codes := (largest+low)>>eightShift, uint32(255)
	if e.Signed {
		codes = 127
	}
	base := top - min(top, codes)
	e.Bases[b] = uint16(base)
	least := (base + 1) << eightShift
	to := e.Codes[b*EightBlock:][:len(src)]
	for i, x := range src {
		bits := math.Float32bits(x)
		sign := uint8(bits >> 31 << 7)
		bits &^= 1 << 31
		random := uint32(s.Uint64(uint64(b*EightBlock+i))>>shift) & low
		switch {
		case bits >= least:
			to[i] = sign | uint8((bits+random)>>eightShift-base)
		case bits == 0:
			to[i] = 0
		case !e.Signed, float32(random)*0x1p-20*math.Float32frombits(least) < math.Float32frombits(bits):
			to[i] = sign | 1
		default:
			to[i] = 0
		}
	}
}
