package kernels

import (
	"fmt"
	"slices"
)

// A WeightFormat says which numbers a weight may be.
type WeightFormat uint8

// The weight formats. Pow2x3 and Pow2x4 are zero and signed powers of two:
// a product with such a weight is a shift.
const (
	NoWeights WeightFormat = iota
	Binary                 // -1, +1: 1 bit
	Ternary                // -1, 0, +1: 2 bits
	Pow2x3                 // 0, ±1, ±2, ±4: 3 bits
	Pow2x4                 // 0, ±1, ±2, ±4, ±8, ±16, ±32, ±64: 4 bits
	Int8                   // -127 … 127: 8 bits
	Float32
)

// An ActFormat says which numbers an activation may be. Integer activations
// are held as one code a byte.
type ActFormat uint8

// The activation formats. The code of an unsigned format is its value, that of
// a signed one its value in two's complement.
const (
	NoActs ActFormat = iota
	Sign             // codes 0 and 1 mean -1 and +1
	U1               // 0, 1
	U2               // 0 … 3
	U3               // 0 … 7
	U4               // 0 … 15
	U8               // 0 … 255
	F32
	S8 // -128 … 127
)

var weightNames = [...]string{Binary: "binary", Ternary: "ternary", Pow2x3: "pow2:3", Pow2x4: "pow2:4", Int8: "int8", Float32: "float32"}
var weightBits = [...]int{Binary: 1, Ternary: 2, Pow2x3: 3, Pow2x4: 4, Int8: 8, Float32: 32}
var actNames = [...]string{Sign: "sign", U1: "u1", U2: "u2", U3: "u3", U4: "u4", U8: "u8", F32: "float32", S8: "s8"}
var actBits = [...]int{Sign: 1, U1: 1, U2: 2, U3: 3, U4: 4, U8: 8, F32: 32, S8: 8}

// WeightFormats lists every weight format, fewest bits first.
func WeightFormats() []WeightFormat {
	return []WeightFormat{Binary, Ternary, Pow2x3, Pow2x4, Int8, Float32}
}

// ActFormats lists every activation format, fewest bits first.
func ActFormats() []ActFormat { return []ActFormat{Sign, U1, U2, U3, U4, U8, S8, F32} }

// ParseWeightFormat returns the format of a name that String returned.
func ParseWeightFormat(name string) (WeightFormat, error) {
	if i := slices.Index(weightNames[1:], name); i >= 0 {
		return WeightFormat(i + 1), nil
	}
	return 0, fmt.Errorf("kernels: no weight format %q: want one of %q", name, weightNames[1:])
}

// ParseActFormat returns the format of a name that String returned.
func ParseActFormat(name string) (ActFormat, error) {
	if i := slices.Index(actNames[1:], name); i >= 0 {
		return ActFormat(i + 1), nil
	}
	return 0, fmt.Errorf("kernels: no activation format %q: want one of %q", name, actNames[1:])
}

func (f WeightFormat) valid() bool { return f > 0 && int(f) < len(weightNames) }
func (a ActFormat) valid() bool    { return a > 0 && int(a) < len(actNames) }

// String returns the format's name, such as "pow2:4".
func (f WeightFormat) String() string {
	if !f.valid() {
		return fmt.Sprintf("WeightFormat(%d)", uint8(f))
	}
	return weightNames[f]
}

// String returns the format's name, such as "u4".
func (a ActFormat) String() string {
	if !a.valid() {
		return fmt.Sprintf("ActFormat(%d)", uint8(a))
	}
	return actNames[a]
}

// Bits is the number of bits that tell the format's levels apart. It panics
// on a format that does not exist.
func (f WeightFormat) Bits() int { return weightBits[f] }

// Bits is the number of bits that tell the format's codes apart. It panics
// on a format that does not exist.
func (a ActFormat) Bits() int { return actBits[a] }

// Max is the largest code of an integer format, and 0 for F32. Codes are counted as
// unsigned bytes: that of S8 is 255, which means -1.
func (a ActFormat) Max() int {
	if a == F32 {
		return 0
	}
	return 1<<a.Bits() - 1
}

// maxAbs is the largest magnitude of a value of an integer format.
func (a ActFormat) maxAbs() int {
	if a == S8 {
		return s8Offset
	}
	return a.Max()
}

// Levels returns the values of an integer format in ascending order, nil for
// Float32. The caller owns the slice.
func (f WeightFormat) Levels() []int8 {
	switch f {
	case Binary:
		return []int8{-1, 1}
	case Ternary, Pow2x3, Pow2x4:
		top := 1<<(f.Bits()-1) - 2 // the largest exponent
		levels := make([]int8, 0, 1<<f.Bits()-1)
		for e := top; e >= 0; e-- {
			levels = append(levels, -1<<e)
		}
		levels = append(levels, 0)
		for e := 0; e <= top; e++ {
			levels = append(levels, 1<<e)
		}
		return levels
	case Int8:
		levels := make([]int8, 255)
		for i := range levels {
			levels[i] = int8(i - 127)
		}
		return levels
	}
	return nil
}

// maxAbs is the largest magnitude of an integer format.
func (f WeightFormat) maxAbs() int {
	l := f.Levels()
	return int(l[len(l)-1])
}

// Weights is a matrix of low-bit weights: N outputs, each with K inputs.
type Weights struct {
	Format WeightFormat
	N, K   int
	// Values are the weights themselves (levels, not codes), row by row:
	// the weight of input k for output n is Values[n*K+k].
	Values []int8
}

// check returns an error if the shape, or a value, is not the format's.
func (w Weights) check() error {
	if !w.Format.valid() || w.Format == Float32 {
		return fmt.Errorf("kernels: weight format %v: want an integer format", w.Format)
	}
	if w.N < 1 || w.K < 1 {
		return fmt.Errorf("kernels: weights are %dx%d (NxK): want at least 1x1", w.N, w.K)
	}
	if len(w.Values)/w.N != w.K || len(w.Values)%w.N != 0 {
		return fmt.Errorf("kernels: %d weight values for a %dx%d (NxK) matrix: want N*K", len(w.Values), w.N, w.K)
	}
	var allowed [256]bool
	for _, v := range w.Format.Levels() {
		allowed[uint8(v)] = true
	}
	for i, v := range w.Values {
		if !allowed[uint8(v)] {
			return fmt.Errorf("kernels: weight [%d][%d] is %d: want a level of %v, one of %v", i/w.K, i%w.K, v, w.Format, describe(w.Format))
		}
	}
	return nil
}

func describe(f WeightFormat) string {
	if f == Int8 {
		return "[-127 … 127]"
	}
	return fmt.Sprint(f.Levels())
}

// CheckActs returns an error that names the first of the codes x that the
// integer format a does not have. Run methods do not check codes: a code that
// is too large gives a wrong sum, though never a wrong memory access.
func CheckActs(a ActFormat, x []uint8) error {
	if !a.valid() || a == F32 {
		return fmt.Errorf("kernels: activation format %v: want an integer format", a)
	}
	limit := a.Max()
	for i, c := range x {
		if int(c) > limit {
			return fmt.Errorf("kernels: activation code %d is %d: want at most %d for %v", i, c, limit, a)
		}
	}
	return nil
}
