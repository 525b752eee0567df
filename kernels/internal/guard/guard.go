// Package guard gives tests buffers that betray a kernel which reads or
// writes a byte it must not touch: inaccessible pages on both sides, canaries
// between the data and the pages, and inputs that cannot be written.
//
// Where the system has no memory protection that Go can reach, the canaries
// and a copy of the inputs still find every write; reads go unseen.
package guard

import (
	"bytes"
	"fmt"
	"runtime/debug"
	"unsafe"
)

// margin is how many canary bytes are kept on each side of the data, as far
// as the accessible bytes reach.
const margin = 256

// A Buf is a run of accessible bytes between two inaccessible pages, of which
// one part at a time is handed out. It is not safe for concurrent use.
type Buf struct {
	mem        []byte // the accessible bytes
	slack      int    // bytes at each end of mem that are canaries only
	begin, end int    // the part of mem that was handed out last
	saved      []byte // what Protect saw, where it cannot protect
	mapping    []byte // all pages, nil without memory protection
}

// New returns a buffer of at least n accessible bytes.
func New(n int) (*Buf, error) {
	b := &Buf{}
	return b, b.allocate(n)
}

// Len is the number of bytes that can be handed out.
func (b *Buf) Len() int { return len(b.mem) - 2*b.slack }

// Head hands out n bytes that begin offset bytes behind the page before, so
// with offset 0 a read before the data faults. The buffer becomes writable,
// and the bytes around the data become canaries. It panics if n+offset bytes
// are more than there are.
func (b *Buf) Head(n, offset int) []byte { return b.place(offset, n) }

// Tail hands out n bytes that end offset bytes before the page behind, so
// with offset 0 a read past the data faults. Otherwise it is Head.
func (b *Buf) Tail(n, offset int) []byte { return b.place(b.Len()-offset-n, n) }

func (b *Buf) place(begin, n int) []byte {
	if n < 0 || begin < 0 || begin+n > b.Len() {
		panic(fmt.Sprintf("guard: %d bytes at %d: the buffer has %d", n, begin, b.Len()))
	}
	b.Unprotect()
	b.begin, b.end = b.slack+begin, b.slack+begin+n
	for i := max(0, b.begin-margin); i < b.begin; i++ {
		b.mem[i] = canary(i)
	}
	for i := b.end; i < min(len(b.mem), b.end+margin); i++ {
		b.mem[i] = canary(i)
	}
	return b.mem[b.begin:b.end:b.end]
}

// canary is a byte that differs from its neighbours, so that a copied or
// shifted canary is found as well as an overwritten one.
func canary(i int) byte { return byte(i*37) ^ 0xa5 }

// Check returns an error if a canary, or protected data, was overwritten.
func (b *Buf) Check() error {
	for i := max(0, b.begin-margin); i < b.begin; i++ {
		if b.mem[i] != canary(i) {
			return fmt.Errorf("guard: byte %d before the data was overwritten", b.begin-i)
		}
	}
	for i := b.end; i < min(len(b.mem), b.end+margin); i++ {
		if b.mem[i] != canary(i) {
			return fmt.Errorf("guard: byte %d past the data was overwritten", i-b.end)
		}
	}
	if b.saved != nil && !bytes.Equal(b.saved, b.mem[b.begin:b.end]) {
		return fmt.Errorf("guard: read-only data was overwritten")
	}
	return nil
}

// Fault calls f and returns a memory fault that happens in it on this
// goroutine as an error. Other panics pass through.
func Fault(f func()) (err error) {
	old := debug.SetPanicOnFault(true)
	defer debug.SetPanicOnFault(old)
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		if at, ok := r.(interface{ Addr() uintptr }); ok {
			err = fmt.Errorf("guard: fault at %#x: %v\n%s", at.Addr(), r, debug.Stack())
			return
		}
		panic(r)
	}()
	f()
	return nil
}

// Of returns the bytes b as elements of type T, as many as fit. It panics if
// b does not begin at a multiple of T's alignment.
func Of[T any](b []byte) []T {
	var t T
	if len(b) == 0 {
		return nil
	}
	p := unsafe.Pointer(unsafe.SliceData(b))
	if uintptr(p)%unsafe.Alignof(t) != 0 {
		panic(fmt.Sprintf("guard: data at %p is not aligned for %T", p, t))
	}
	return unsafe.Slice((*T)(p), len(b)/int(unsafe.Sizeof(t)))
}
