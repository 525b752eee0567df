package kernels

import (
	"runtime"
	"sync/atomic"
	"testing"
)

type taskFunc func(i int)

func (f taskFunc) task(i int) { f(i) }

// While every helper is busy with other work, a piece of work is done by its
// caller alone, without waiting for them.
func TestParallelBusyHelpers(t *testing.T) {
	n := runtime.GOMAXPROCS(0)
	release, started := make(chan struct{}), make(chan struct{}, 4*n)
	var blocked atomic.Int64
	done := make(chan struct{})
	// Each of these calls keeps its caller and, as far as there are helpers, one more.
	const calls = 4
	for range calls * n {
		go func() {
			parallel(2, 2, taskFunc(func(int) {
				blocked.Add(1)
				started <- struct{}{}
				<-release
			}))
			done <- struct{}{}
		}()
	}
	for range 4 * n {
		<-started
	}
	var parts [64]atomic.Int64
	parallel(8, len(parts), taskFunc(func(i int) { parts[i].Add(1) })) // hangs if it waits
	close(release)
	go func() {
		for range started { // drain
		}
	}()
	for range calls * n {
		<-done
	}
	close(started)
	for i := range parts {
		if c := parts[i].Load(); c != 1 {
			t.Errorf("part %d was done %d times", i, c)
		}
	}
}
