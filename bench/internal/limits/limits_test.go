package limits

import "testing"

func TestLoops(t *testing.T) {
	kinds := map[string]bool{}
	for _, l := range Loops() {
		kinds[l.Kind] = true
		l.Run(1)
		if rate := l.Rate(); rate < 1e6 {
			t.Errorf("%s %s: %g multiply-adds a second: want a rate that a CPU can have", l.Kind, l.Impl, rate)
		} else {
			t.Logf("%-8s %-26s %8.1f GMAC/s", l.Kind, l.Impl, rate/1e9)
		}
	}
	if !kinds[Popcount] {
		t.Error("no popcount loop: want one on every CPU")
	}
}

func TestRead(t *testing.T) {
	for _, size := range []int{0, 1, 4095, 4096, 5000} {
		Read(make([]byte, size))
	}
	for _, size := range []int{16 << 10, 256 << 10, 8 << 20, 128 << 20} {
		if rate := Bandwidth(Buffer(size)); rate < 1e6 {
			t.Errorf("%d KiB: %g B/s: want a rate that a memory can have", size>>10, rate)
		} else {
			t.Logf("%7d KiB %8.1f GB/s", size>>10, rate/1e9)
		}
	}
}
