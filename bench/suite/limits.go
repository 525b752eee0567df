package suite

import (
	"fmt"
	"sync"
	"testing"

	"example.com/lowbit/bench/internal/limits"
)

// The levels of memory.
const (
	l1 = iota
	l2
	l3
	dram
)

var levelNames = [...]string{"L1", "L2", "L3", "DRAM"}

var machineCaches = sync.OnceValue(caches)

// levelOf is the nearest memory that holds so many bytes.
func levelOf(bytes int) int {
	for level, size := range machineCaches().size {
		if bytes <= size {
			return level
		}
	}
	return dram
}

// footprint is how many bytes are read to measure a level: half of a cache,
// so that what else runs does not push them out, and several times the last.
// Some machines report a last-level cache of which a guest gets little.
func footprint(level int) int {
	if level == dram {
		return min(4*machineCaches().size[l3], 512<<20)
	}
	return machineCaches().size[level] / 2
}

// sharedMemory is what bandwidth is measured on, shared by all levels and taken when
// a level is first asked for.
var sharedMemory struct {
	sync.Mutex
	p []byte
}

func memoryAt(level int) []byte {
	sharedMemory.Lock()
	defer sharedMemory.Unlock()
	if n := footprint(level); n > len(sharedMemory.p) {
		sharedMemory.p = limits.Buffer(n)
	}
	return sharedMemory.p[:footprint(level)]
}

// Limits measures the limits that %limit refers to, on one core.
func Limits(b *testing.B) {
	for _, l := range limits.Loops() {
		b.Run(fmt.Sprintf("limit=%s/impl=%s", l.Kind, l.Impl), func(b *testing.B) {
			const n = 1000
			for b.Loop() {
				l.Run(n)
			}
			b.ReportMetric(2*float64(l.MACs)*n*float64(b.N)/b.Elapsed().Seconds(), "ops/s")
		})
	}
	for level, name := range levelNames {
		b.Run(fmt.Sprintf("limit=read/impl=%s/bytes=%d", name, footprint(level)), func(b *testing.B) {
			p := memoryAt(level)
			limits.Read(p)
			for b.Loop() {
				limits.Read(p)
			}
			b.SetBytes(int64(len(p)))
		})
	}
}
