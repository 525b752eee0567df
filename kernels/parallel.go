package kernels

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// tasks is work that is cut into numbered parts which may run in any order.
type tasks interface{ task(i int) }

// A parallelRun hands the parts of one piece of work to whoever asks next.
type parallelRun struct {
	work    tasks
	next    atomic.Int64
	parts   int64
	helpers sync.WaitGroup
}

var (
	parallelRuns = sync.Pool{New: func() any { return new(parallelRun) }}
	helpOnce     sync.Once
	helpWanted   chan *parallelRun
)

// startHelpers starts the goroutines that all plans of the process share. They
// live as long as the process: starting some for each Run would allocate.
func startHelpers() {
	n := runtime.GOMAXPROCS(0)
	helpWanted = make(chan *parallelRun, 4*n)
	for range n {
		go func() {
			for r := range helpWanted {
				r.drain()
				r.helpers.Done()
			}
		}()
	}
}

func (r *parallelRun) drain() {
	for i := r.next.Add(1) - 1; i < r.parts; i = r.next.Add(1) - 1 {
		r.work.task(int(i))
	}
}

// parallel does the parts of work on up to threads goroutines, the caller's
// among them, and returns when all are done. Where no helper is free the
// caller does everything, so it cannot deadlock. It does not allocate.
func parallel(threads, parts int, work tasks) {
	if threads < 2 || parts < 2 {
		for i := range parts {
			work.task(i)
		}
		return
	}
	helpOnce.Do(startHelpers)
	r := parallelRuns.Get().(*parallelRun)
	r.work, r.parts = work, int64(parts)
	r.next.Store(0)
	for range min(threads, parts) - 1 {
		r.helpers.Add(1)
		select {
		case helpWanted <- r:
		default:
			r.helpers.Done()
		}
	}
	r.drain()
	r.helpers.Wait()
	r.work = nil
	parallelRuns.Put(r)
}
