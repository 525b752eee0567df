//go:build amd64 && linux && !purego

package emul

import "unsafe"

// A Call is one call of a function, and what it shall do.
type Call struct {
	Name string  // of the function, for messages
	Func uintptr // its code; see Code
	// Args are the arguments, all pointers or integers. Args[i] is a pointer to
	// Operands[j] if Operands[j].Arg is i.
	Args     [8]uint64
	Operands []Operand
	Result   Result
	Want     uint64 // the result that is wanted
}

// An Operand is memory that the function may use.
type Operand struct {
	Arg  int    // index of the argument that points to it
	Data []byte // what it holds before the call
	// Want is what it shall hold after the call; nil if it is only read.
	Want []byte
	// Tail puts the operand's end, rather than its begin, beside an unmapped page.
	Tail bool
}

// A Result says where a function returns what.
type Result uint64

// The kinds of result.
const (
	None Result = iota
	Int64
	Int32
	Float32
)

// Code returns the address of a function's code. f must point to a variable of
// function type that holds a function declared at package level.
func Code(f unsafe.Pointer) uintptr { return **(**uintptr)(f) }
