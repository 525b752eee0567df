package kernels

import (
	"os"
	"strings"
	"testing"
	"unsafe"

	"example.com/lowbit/kernels/internal/guard"
)

// An arena holds the guarded buffers of one test: one for each operand, used
// again in every case.
type arena struct {
	t    testing.TB
	bufs map[string]*guard.Buf
}

func newArena(t testing.TB) *arena {
	a := &arena{t: t, bufs: map[string]*guard.Buf{}}
	t.Cleanup(func() {
		for name, b := range a.bufs {
			if err := b.Free(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	return a
}

// A spot says where in its pages an operand lies: touching the page before or
// the page behind, or some bytes away from it.
type spot struct {
	tail   bool
	offset int // bytes
}

// ends are the spots at which the first wrong byte faults.
var ends = []spot{{tail: true}, {tail: false}}

// aligned is the spot moved to a multiple of some bytes.
func (s spot) aligned(bytes int) spot {
	s.offset -= s.offset % bytes
	return s
}

// place hands out n elements of the operand, filled with from as far as it
// reaches.
func place[T any](a *arena, operand string, n int, at spot, from []T) []T {
	if strings.HasPrefix(os.Getenv(envEmulated), "qemu-x86_64") {
		at.offset += 64 // QEMU loads whole vectors where VMASKMOVPS loads a part
	}
	var t T
	size := int(unsafe.Sizeof(t))
	b := a.bufs[operand]
	if b == nil || b.Len() < n*size+at.offset {
		var err error
		if b, err = guard.New(max(1<<16, 2*(n*size+at.offset))); err != nil {
			a.t.Fatal(err)
		}
		if old := a.bufs[operand]; old != nil {
			if err := old.Free(); err != nil {
				a.t.Fatal(err)
			}
		}
		a.bufs[operand] = b
	}
	at = at.aligned(int(unsafe.Alignof(t)))
	put := b.Head
	if at.tail {
		put = b.Tail
	}
	s := guard.Of[T](put(n*size, at.offset))
	copy(s, from)
	return s
}

// input is place for an operand that must not be written.
func input[T any](a *arena, operand string, at spot, from []T) []T {
	s := place(a, operand, len(from), at, from)
	a.bufs[operand].Protect()
	return s
}

// run calls f and fails the test if f reads or writes where it must not.
func (a *arena) run(f func()) {
	a.t.Helper()
	if err := guard.Fault(f); err != nil {
		a.t.Fatal(err)
	}
	for operand, b := range a.bufs {
		if err := b.Check(); err != nil {
			a.t.Fatalf("operand %s: %v", operand, err)
		}
	}
}
