//go:build !unix

package guard

import "slices"

// Protects tells whether this system's pages catch reads and writes.
const Protects = false

func (b *Buf) allocate(n int) error {
	b.mem, b.slack = make([]byte, n+2*margin), margin
	return nil
}

// Protect makes the buffer read-only until data is handed out again.
func (b *Buf) Protect() { b.saved = slices.Clone(b.mem[b.begin:b.end]) }

// Unprotect makes the buffer writable again.
func (b *Buf) Unprotect() { b.saved = nil }

// Free returns the buffer's memory to the system. Data that was handed out
// must not be used any more.
func (b *Buf) Free() error {
	*b = Buf{}
	return nil
}
