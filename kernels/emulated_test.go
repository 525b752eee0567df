package kernels

import (
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"
)

// Kernels that this CPU cannot run are tested by themselves in an emulator of
// one that can, where there is one. The calls are made all at once, so a test
// says beforehand what each shall do.

// An emulation collects the calls of a kernel's functions.
type emulation struct{ calls []emulatedCall }

// An emulatedCall is one call of a function and what it shall do.
type emulatedCall struct {
	function unsafe.Pointer // a variable of function type
	args     [8]uint64      // all but the pointers to operands
	operands []emulatedOperand
	result   any // an int, int32 or float32, or nil
}

// An emulatedOperand is memory that a call may read, or write if want is not
// nil.
type emulatedOperand struct {
	arg        int
	data, want []byte
	tail       bool
}

// in is an operand that is only read, out one that shall hold want afterwards.
func in[T any](arg int, data []T, at spot) emulatedOperand {
	return emulatedOperand{arg, bytesOf(data), nil, at.tail}
}

func out[T any](arg int, data, want []T, at spot) emulatedOperand {
	return emulatedOperand{arg, bytesOf(data), bytesOf(want), at.tail}
}

func bytesOf[T any](s []T) []byte {
	var t T
	b := make([]byte, len(s)*int(unsafe.Sizeof(t)))
	copy(b, unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(b)))
	return b
}

// add records a call. args are in the order of the function's parameters; those
// of operands are ignored.
func (e *emulation) add(function unsafe.Pointer, result any, operands []emulatedOperand, args ...int) {
	c := emulatedCall{function: function, result: result, operands: operands}
	for i, a := range args {
		c.args[i] = uint64(a)
	}
	e.calls = append(e.calls, c)
}

// resultBits is a result as the low bits of a register.
func resultBits(result any) uint64 {
	switch v := result.(type) {
	case int:
		return uint64(v)
	case int32:
		return uint64(uint32(v))
	case float32:
		return uint64(math.Float32bits(v))
	}
	return 0
}

// eachKernel is each for tests that call the functions of a row by themselves:
// f must make its calls through the emulation if that is not nil.
func eachKernel[R interface{ id() *kernelID }](t *testing.T, table []R, f func(t *testing.T, row R, e *emulation)) {
	for _, row := range table {
		t.Run(row.id().name(), func(t *testing.T) {
			if len(missing(row.id().features)) == 0 || emulator() == "" {
				enter(t, row.id())
				f(t, row, nil)
				return
			}
			var e emulation
			f(t, row, &e)
			e.run(t)
			if !t.Failed() {
				coverage.addEmulated(row.id())
			}
		})
	}
}

// few returns the whole list, or three of it at random under emulation, where
// every call takes memory until the end.
func few[T any](rng *rand.Rand, e *emulation, list []T) []T {
	if e == nil || len(list) <= 3 {
		return list
	}
	var part []T
	for range 3 {
		part = append(part, list[rng.IntN(len(list))])
	}
	return part
}
