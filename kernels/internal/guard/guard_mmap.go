//go:build unix

package guard

import "golang.org/x/sys/unix"

// Protects tells whether this system's pages catch reads and writes.
const Protects = true

func (b *Buf) allocate(n int) error {
	page := unix.Getpagesize()
	size := max(1, (n+page-1)/page) * page
	mapping, err := unix.Mmap(-1, 0, size+2*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return err
	}
	if err := unix.Mprotect(mapping[:page], unix.PROT_NONE); err != nil {
		return err
	}
	if err := unix.Mprotect(mapping[page+size:], unix.PROT_NONE); err != nil {
		return err
	}
	b.mapping, b.mem = mapping, mapping[page:page+size:page+size]
	return nil
}

// Protect makes the buffer read-only until data is handed out again.
func (b *Buf) Protect() {
	if err := unix.Mprotect(b.mem, unix.PROT_READ); err != nil {
		panic(err)
	}
}

// Unprotect makes the buffer writable again.
func (b *Buf) Unprotect() {
	if err := unix.Mprotect(b.mem, unix.PROT_READ|unix.PROT_WRITE); err != nil {
		panic(err)
	}
}

// Free returns the buffer's memory to the system. Data that was handed out
// must not be used any more.
func (b *Buf) Free() error {
	mapping := b.mapping
	*b = Buf{}
	return unix.Munmap(mapping)
}
