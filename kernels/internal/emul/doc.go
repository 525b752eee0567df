// Package emul runs assembly functions of the calling program on an emulated
// CPU that has AVX-512, for tests on machines whose own CPU has not.
//
// The emulator is Bochs (QEMU knows no AVX-512). There is no operating system,
// BIOS or disk in it: a ROM of some hundred bytes switches to 64 bits and enters
// a loop (guest_amd64.s) that calls one function after the other, on operands
// that were loaded with the program's own code, and compares what they leave
// behind. So a run takes a second, and thousands of calls hardly more.
//
// Operands touch an unmapped page on one side, and those that are only read
// cannot be written: a function that goes too far faults, and the fault names
// its call.
//
// It needs Linux on amd64, and a program linked at a fixed address, as go test
// does there.
package emul
