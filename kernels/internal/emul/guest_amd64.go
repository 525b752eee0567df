//go:build amd64 && linux && !purego

package emul

// guest is the program of the emulated machine: it makes the calls of the table
// that the block of parameters points to, and reports to the serial port.
func guest()

// fault reports an exception and stops the machine.
func fault()

// putHex writes a word in hexadecimal, and putByte a byte, to the serial port.
func putHex()
func putByte()

// They are entered by their addresses alone.
var _ = [...]func(){guest, fault, putHex, putByte}

// guestEntry and faultEntry hold the addresses of guest and fault. (Go's own
// values of these functions point to wrappers.)
var guestEntry, faultEntry uintptr
