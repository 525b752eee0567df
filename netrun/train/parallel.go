package train

import (
	"math"
	"sync"
	"sync/atomic"
)

// Names of random streams.
const (
	streamInit = iota + 1
	streamOrder
	streamAugment
	streamUpdate
	streamState
)

func sqrt32(x float32) float32 { return float32(math.Sqrt(float64(x))) }

// parallel runs task(i, worker) for i from 0 to n-1 on the given number of
// goroutines and returns when all are done. No two tasks at a time have the
// same worker.
func parallel(workers, n int, task func(i, worker int)) {
	workers = min(workers, n)
	if workers <= 1 {
		for i := range n {
			task(i, 0)
		}
		return
	}
	var next atomic.Int64
	var wait sync.WaitGroup
	run := func(worker int) {
		for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
			task(i, worker)
		}
	}
	for w := 1; w < workers; w++ {
		wait.Go(func() { run(w) })
	}
	run(0)
	wait.Wait()
}

// tasks runs n tasks on the trainer's goroutines.
func (t *Trainer) tasks(n int, task func(i int)) {
	parallel(t.workers, n, func(i, _ int) { task(i) })
}

// blocks is the number of blocks of size each that n items make.
func blocks(n, size int) int { return (n + size - 1) / size }

// shards runs task for each shard of n images: those from lo to hi.
func (t *Trainer) shards(n int, task func(s, lo, hi, worker int)) {
	parallel(t.workers, blocks(n, shard), func(s, worker int) {
		task(s, s*shard, min((s+1)*shard, n), worker)
	})
}
