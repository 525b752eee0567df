// Package limits measures what the machine can do at most: multiply-adds a
// second by each sort of instruction that the kernels are made of, and bytes a
// second from each level of memory. Everything runs on one core.
package limits

import (
	"math/bits"
	"runtime"
	"time"
)

// The kinds of loop: what their multiply-adds are made of.
const (
	Float32  = "float32"
	MulAdd   = "muladd"
	Popcount = "popcount"
	LUT      = "lut"
	ShiftAdd = "shiftadd"
	Shift    = "shift"
)

// A Loop is a kernel's inner arithmetic without loads, edges or waiting.
type Loop struct {
	// Kind is one of the constants.
	Kind string
	// Impl names the instructions, such as "avx2-maddubsw-addw".
	Impl string
	// MACs is the number of multiply-adds in an iteration.
	MACs int
	// Run does n iterations; n is at least 1.
	Run func(n uintptr)
}

// Loops lists the loops that this CPU can run. Every CPU has one of kind
// Popcount; where there is none of another kind, that limit is not measured.
func Loops() []Loop {
	return append(archLoops(), Loop{Popcount, "go-onescount", 64 * goUnroll, popcountGo})
}

// trial is long enough for the clock's resolution and short enough to fit
// between two interruptions by the host.
const trial = 500 * time.Microsecond

// trials are many enough that one of them is undisturbed.
const trials = 12

// Rate measures the loop for about 10 ms and returns the multiply-adds a
// second of the best of several trials: a limit is what the core reaches when
// nothing else disturbs it.
func (l Loop) Rate() float64 {
	n := uintptr(64)
	for {
		start := time.Now()
		l.Run(n)
		if time.Since(start) >= trial {
			break
		}
		n *= 2
	}
	best := 0.0
	for range trials {
		start := time.Now()
		l.Run(n)
		best = max(best, float64(l.MACs)*float64(n)/time.Since(start).Seconds())
	}
	return best
}

// Buffer returns size bytes of memory of their own: pages that nobody has
// written may all be one page of zeros, which any cache holds.
func Buffer(size int) []byte {
	p := make([]byte, size)
	for i := range p {
		p[i] = byte(i)
	}
	return p
}

// Read reads p once, by the widest loads that the CPU has, as four streams. It
// reads whole 4 KiB and leaves out what remains.
func Read(p []byte) {
	p = p[:len(p)&^4095]
	if len(p) == 0 {
		return
	}
	if archRead == nil {
		readGo(p)
		return
	}
	archRead(&p[0], uintptr(len(p)))
}

// Bandwidth reads p again and again for about 10 ms, or twice if that takes
// longer, and returns the bytes a second of the best trial.
func Bandwidth(p []byte) float64 {
	size := len(p) &^ 4095
	repeat := max(1, 1<<20/max(size, 1))
	Read(p)
	best := 0.0
	for start, i := time.Now(), 0; i < 2 || time.Since(start) < trials*trial && i < 100; i++ {
		begin := time.Now()
		for range repeat {
			Read(p)
		}
		best = max(best, float64(size)*float64(repeat)/time.Since(begin).Seconds())
	}
	return best
}

const goUnroll = 4

// popcountGo is what a Go compiler makes of a binary product: an instruction
// where the CPU has one.
func popcountGo(n uintptr) {
	var a, b, c, d int
	x, y := uint64(n), uint64(0)
	for range n {
		a += bits.OnesCount64(x ^ y)
		b += bits.OnesCount64(x ^ (y + 1))
		c += bits.OnesCount64(x ^ (y + 2))
		d += bits.OnesCount64(x ^ (y + 3))
		y += 4
	}
	runtime.KeepAlive(a + b + c + d)
}
