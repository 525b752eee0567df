// Package measure times code on a machine that others use too, and tells what the
// machine is.
package measure

import (
	"context"
	"runtime"
	"slices"
	"time"
)

// A Timing is what one piece of code took, a call.
type Timing struct {
	// Samples are nanoseconds a call, one a round, in the order of the rounds.
	Samples []float64
	// Calls is how many calls a sample is the mean of.
	Calls int
}

// Median is the median of the samples, in nanoseconds a call.
func (t Timing) Median() float64 { return Median(t.Samples) }

// Spread is the distance between the samples' quartiles as a part of their median:
// how much the machine's other work shows.
func (t Timing) Spread() float64 {
	return (quantile(t.Samples, 0.75) - quantile(t.Samples, 0.25)) / t.Median()
}

// Median returns the median, not changing x; NaN if x is empty.
func Median(x []float64) float64 { return quantile(x, 0.5) }

// quantile interpolates linearly between the order statistics.
func quantile(x []float64, q float64) float64 {
	if len(x) == 0 {
		return nan
	}
	x = slices.Clone(x)
	slices.Sort(x)
	at := q * float64(len(x)-1)
	i := int(at)
	if i+1 == len(x) {
		return x[i]
	}
	return x[i] + (at-float64(i))*(x[i+1]-x[i])
}

// An Effort says how long to measure.
type Effort struct {
	Rounds int           // samples of each piece of code
	Sample time.Duration // least length of a sample
	// Thread counts the CPU time of the calling thread, where the system tells
	// it, instead of the time that passes: what other programs take of the CPU
	// then does not count. It is for code that runs on the calling goroutine only.
	Thread bool
	// Budget ends the rounds early, but not before the third. 0 is no limit.
	Budget time.Duration
}

// minRounds is the least number of rounds that a median means anything of.
const minRounds = 3

// Interleave times several pieces of code against each other: in every round each
// of them is called until at least the effort's Sample has passed, one after
// another, so that all of them see the same machine. Each is called before, to
// warm up and to find how many calls make a sample. round, if not nil, is told
// after each round how many are done. It stops with the context's error when that
// is done.
func Interleave(ctx context.Context, effort Effort, round func(done int), code ...func()) ([]Timing, error) {
	now := WallClock
	if effort.Thread {
		var unlock func()
		now, unlock = ThreadClock()
		defer unlock()
	}
	pieces := make([]Piece, len(code))
	for i, f := range code {
		pieces[i] = Here(now, f)
	}
	return InterleavePieces(ctx, effort, round, pieces...)
}

// A Piece calls some code n times and returns what that took, by the clock of where
// it runs: another program times its own.
type Piece func(n int) (time.Duration, error)

// Here is the piece that calls f, timed by the clock now.
func Here(now func() time.Duration, f func()) Piece {
	return func(n int) (time.Duration, error) {
		start := now()
		for range n {
			f()
		}
		return now() - start, nil
	}
}

// InterleavePieces is Interleave of pieces, which are timed as they say, whatever the
// effort's Thread. It stops with the first error.
func InterleavePieces(ctx context.Context, effort Effort, round func(done int), code ...Piece) ([]Timing, error) {
	t := make([]Timing, len(code))
	for i, f := range code {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n, err := calls(f, effort.Sample)
		if err != nil {
			return nil, err
		}
		t[i] = Timing{Samples: make([]float64, 0, effort.Rounds), Calls: n}
	}
	// Garbage of what came before is not this code's to collect.
	runtime.GC()
	begin := time.Now()
	for r := range effort.Rounds {
		if r >= minRounds && effort.Budget > 0 && time.Since(begin) > effort.Budget {
			break
		}
		for i, f := range code {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			took, err := f(t[i].Calls)
			if err != nil {
				return nil, err
			}
			t[i].Samples = append(t[i].Samples, float64(took)/float64(t[i].Calls))
		}
		if round != nil {
			round(r + 1)
		}
	}
	return t, nil
}

// ThreadClock binds the calling goroutine to its thread until unlock is called, and
// returns a clock of the CPU time that the thread has had or, where the system does
// not tell, of the time that passes.
func ThreadClock() (clock func() time.Duration, unlock func()) {
	runtime.LockOSThread()
	return threadClock, runtime.UnlockOSThread
}

var epoch = time.Now()

// WallClock is the time since the program started.
func WallClock() time.Duration { return time.Since(epoch) }

// calls finds how many calls of f take at least sample.
func calls(f Piece, sample time.Duration) (int, error) {
	if _, err := f(1); err != nil { // the first call pays for caches and workspaces
		return 0, err
	}
	for n := 1; ; {
		took, err := f(n)
		if err != nil || took >= sample {
			return n, err
		}
		// Aim a little high, and never more than tenfold from a short look.
		next := 10 * n
		if took > 0 {
			next = min(next, int(1.2*float64(n)*float64(sample)/float64(took))+1)
		}
		n = max(next, n+1)
	}
}
