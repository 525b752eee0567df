package guard_test

import (
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"example.com/lowbit/kernels/internal/guard"
)

var sink byte

func newBuf(t *testing.T, n int) *guard.Buf {
	t.Helper()
	b, err := guard.New(n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Free(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// at reads or writes the byte i bytes from the start of data, wherever it is.
func at(data []byte, i int) *byte {
	return (*byte)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(data)), i))
}

func TestPagesCatchReads(t *testing.T) {
	if !guard.Protects {
		t.Skipf("%s has no pages that catch reads", runtime.GOOS)
	}
	b := newBuf(t, 10000)
	head, inside := b.Head(100, 0), 0
	if err := guard.Fault(func() { sink = *at(head, inside) }); err != nil {
		t.Errorf("a read inside the data: %v", err)
	}
	if err := guard.Fault(func() { sink = *at(head, -1) }); err == nil {
		t.Error("a read before the data went unseen")
	}
	tail := b.Tail(100, 0)
	if err := guard.Fault(func() { sink = *at(tail, 100) }); err == nil {
		t.Error("a read past the data went unseen")
	}
	tail = b.Tail(100, 3)
	if err := guard.Fault(func() { sink = *at(tail, 102) }); err != nil {
		t.Errorf("a read of the last accessible byte: %v", err)
	}
	if err := guard.Fault(func() { sink = *at(tail, 103) }); err == nil {
		t.Error("a read past the accessible bytes went unseen")
	}
}

func TestCanariesCatchWrites(t *testing.T) {
	b := newBuf(t, 10000)
	for _, offset := range []int{1, 7, 64, 300} {
		for _, place := range []func(n, offset int) []byte{b.Head, b.Tail} {
			data := place(100, offset)
			clear(data)
			if err := b.Check(); err != nil {
				t.Errorf("offset %d: writes inside the data: %v", offset, err)
			}
		}
		data := b.Head(100, offset)
		*at(data, -1)++
		if err := b.Check(); err == nil || !strings.Contains(err.Error(), "byte 1 before") {
			t.Errorf("offset %d: a write before the data: got %v", offset, err)
		}
		data = b.Tail(100, offset)
		*at(data, 100)++
		if err := b.Check(); err == nil || !strings.Contains(err.Error(), "byte 0 past") {
			t.Errorf("offset %d: a write past the data: got %v", offset, err)
		}
	}
}

func TestProtectCatchesWrites(t *testing.T) {
	b := newBuf(t, 1000)
	data := b.Tail(100, 0)
	data[5] = 7
	b.Protect()
	err := guard.Fault(func() { data[5] = 8 })
	if err == nil {
		err = b.Check()
	}
	if err == nil {
		t.Error("a write to protected data went unseen")
	}
	b.Unprotect()
	data[5] = 9
	if err := b.Check(); err != nil {
		t.Errorf("after Unprotect: %v", err)
	}
}

func TestOtherPanicsPass(t *testing.T) {
	defer func() {
		if r := recover(); r != "other" {
			t.Errorf("got panic %v: want other", r)
		}
	}()
	_ = guard.Fault(func() { panic("other") })
}

func TestOf(t *testing.T) {
	b := newBuf(t, 1000)
	if got := len(guard.Of[int32](b.Tail(40, 4))); got != 10 {
		t.Errorf("40 bytes are %d int32: want 10", got)
	}
	if got := guard.Of[int32](b.Tail(0, 0)); got != nil {
		t.Errorf("no bytes are %v: want nil", got)
	}
	defer func() {
		if recover() == nil {
			t.Error("misaligned data did not panic")
		}
	}()
	guard.Of[int32](b.Tail(40, 1))
}
