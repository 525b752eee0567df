package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// An estimate is what a subject takes.
type estimate struct {
	subject
	macs   float64
	instrs float64 // of assembly
	loops  float64 // of Go's loops around it
	onCore []speed // by core; none where the core lacks a feature
}

// A speed is a subject's on one core, in cycles but for ok.
type speed struct {
	ok     bool
	cycles float64 // every call from an empty pipeline to its end
	again  float64 // calls that overlap
	limit  float64 // of the busiest unit
	// The same without the preparation of rows, if the subject's panels were told apart.
	tiles, tilesLimit float64
}

// macsPerCycle is the figure that tables have.
func (e *estimate) macsPerCycle(core int) float64 { return e.macs / e.onCore[core].cycles }

// sums are the cycles of all functions of a trace.
type sums struct{ instrs, cycles, again, limit float64 }

func sumOf(list []*cost) sums {
	var s sums
	for _, f := range list {
		s.instrs += float64(f.instrs)
		s.cycles += f.cycles
		s.again += f.again
		s.limit += f.limit
	}
	return s
}

// extend gives the cost of a product of n panels from those of one and of two: what
// does not grow with the panels is the preparation of rows.
func extend(one, two float64, n int) float64 { return one + (two-one)*float64(n-1) }

// estimate traces a subject and has it analysed for the cores.
func (l *lab) estimate(s subject, list []core) (*estimate, error) {
	e := &estimate{subject: s, macs: float64(s.job.M) * float64(s.job.N) * float64(s.job.K), onCore: make([]speed, len(list))}
	var traces []*trace
	for _, j := range s.traced {
		t, _, err := l.trace(j)
		if err != nil {
			return nil, err
		}
		if len(t.calls) == 0 {
			return nil, fmt.Errorf("%s on %v executed no assembly", j.Kernel, j)
		}
		traces = append(traces, t)
	}
	panels, rows := 1, 1.0
	if len(traces) == 2 {
		panels = (s.job.N + s.kernel.TileN - 1) / s.kernel.TileN
		rows = float64(s.job.M) / float64(s.traced[0].M)
	}
	instrs := make([]float64, len(traces))
	goes := make([]float64, len(traces))
	for i, t := range traces {
		for _, f := range t.counts() {
			instrs[i] += float64(f.instrs)
		}
		goes[i] = float64(t.loops)
	}
	last := len(traces) - 1
	e.instrs = rows * extend(instrs[0], instrs[last], panels)
	e.loops = rows * extend(goes[0], goes[last], panels)
	for i := range list {
		c := &list[i]
		if !c.runs(s.kernel.Features) {
			continue
		}
		var of []sums
		for _, t := range traces {
			costs, err := l.costs(t, c, true, false)
			if err != nil {
				return nil, fmt.Errorf("%s on %v: %w", s.kernel.Name, s.job, err)
			}
			of = append(of, sumOf(costs))
		}
		one, two := of[0], of[last]
		e.onCore[i] = speed{true,
			rows * extend(one.cycles, two.cycles, panels), rows * extend(one.again, two.again, panels), rows * extend(one.limit, two.limit, panels),
			rows * (two.cycles - one.cycles) * float64(panels), rows * (two.limit - one.limit) * float64(panels)}
	}
	return e, nil
}

// estimateAll works on several subjects at a time, and shows how far it is. A subject
// that fails ends it.
func (l *lab) estimateAll(list []subject, of []core, stderr io.Writer) ([]*estimate, error) {
	f, isFile := stderr.(*os.File)
	visible := isFile && term.IsTerminal(int(f.Fd()))
	bar := progressbar.NewOptions(len(list),
		progressbar.OptionSetWriter(stderr),
		progressbar.OptionSetVisibility(visible),
		progressbar.OptionSetDescription("estimating"),
		progressbar.OptionSetItsString("products"),
		progressbar.OptionShowIts(), progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	found := make([]*estimate, len(list))
	start := time.Now()
	var (
		wait   sync.WaitGroup
		mu     sync.Mutex
		next   int
		done   int
		failed error
	)
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for {
				mu.Lock()
				i := next
				next++
				stop := failed != nil || i >= len(list)
				mu.Unlock()
				if stop {
					return
				}
				e, err := l.estimate(list[i], of)
				mu.Lock()
				if err != nil && failed == nil {
					failed = err
				}
				found[i] = e
				bar.Add(1)
				if done++; !visible && done%20 == 0 {
					left := time.Since(start) / time.Duration(done) * time.Duration(len(list)-done)
					fmt.Fprintf(stderr, "estimate: %d of %d products, %v left\n", done, len(list), left.Round(time.Second))
				}
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	bar.Finish()
	return found, failed
}
