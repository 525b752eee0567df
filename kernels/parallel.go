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
	joined  atomic.Int64 // helpers that took part, or closed
	helpers sync.WaitGroup
}

// closed in joined says that the caller waits for no further helper.
const closed = -1

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
				if r.join() {
					r.drain()
					r.helpers.Done()
				}
			}
		}()
	}
}

// join reports whether a helper is still in time.
func (r *parallelRun) join() bool {
	for {
		n := r.joined.Load()
		if n == closed {
			return false
		}
		if r.joined.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (r *parallelRun) drain() {
	for i := r.next.Add(1) - 1; i < r.parts; i = r.next.Add(1) - 1 {
		r.work.task(int(i))
	}
}

// parallel does the parts of work on up to threads goroutines, the caller's
// among them, and returns when all are done. Helpers that are busy with other
// work when the last part begins are not waited for, so it cannot deadlock and
// a small piece of work does not wait behind a large one. It does not allocate,
// unless such a helper has yet to find out that it came too late.
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
	r.joined.Store(0)
	asked := 0
	for range min(threads, parts) - 1 {
		r.helpers.Add(1)
		select {
		case helpWanted <- r:
			asked++
		default:
			r.helpers.Done()
		}
	}
	r.drain()
	came := int(r.joined.Swap(closed))
	r.helpers.Add(came - asked)
	r.helpers.Wait()
	r.work = nil
	if came == asked { // otherwise an unread request still points to r
		parallelRuns.Put(r)
	}
}
