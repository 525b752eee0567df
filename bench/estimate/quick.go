package main

import (
	"fmt"
	"io"
	"strings"

	"example.com/lowbit/bench/estimate/internal/job"
	"example.com/lowbit/kernels"
)

// print traces a job and prints what it takes.
func (l *lab) print(w io.Writer, o *options, k kernels.Kernel, j job.Job) error {
	t, done, err := l.trace(j)
	if err != nil {
		return err
	}
	counts := t.counts()
	if len(counts) == 0 {
		return fmt.Errorf("%s on %v executed no assembly", j.Kernel, j)
	}
	macs, unit := float64(done.MACs), "MAC"
	if k.Operation == kernels.OpEpilogue {
		unit = "elements"
	}
	instrs := 0
	for _, f := range counts {
		instrs += f.instrs
	}
	fmt.Fprintf(w, "%s (%s) on %v\n", k.Name, k.Operation, j)
	fmt.Fprintf(w, "%d %s, tile %dx%d, %d bytes of packed weights; %d instructions of assembly, %.4f each\n", done.MACs, unit, k.TileM, k.TileN, done.Packed, instrs, float64(instrs)/macs)
	if done.Work != done.MACs {
		fmt.Fprintf(w, "the kernel does %d of the multiply-adds\n", done.Work)
	}
	fmt.Fprintf(w, "Estimated, from L1, without Go's code; \"alone\" is calls with an empty pipeline at either\nend, \"in a row\" calls that overlap, \"limit\" what the busiest unit or the decoder allows.\n")
	for _, c := range o.cores {
		if !c.runs(k.Features) {
			fmt.Fprintf(w, "\n%s lacks features of %v\n", c.name, k.Features)
			continue
		}
		costs, err := l.costs(t, &c, true, o.functions)
		if err != nil {
			return err
		}
		var all cost
		for _, f := range costs {
			all.calls += f.calls
			all.instrs += f.instrs
			all.cycles += f.cycles
			all.again += f.again
			all.limit += f.limit
		}
		fmt.Fprintf(w, "\n%s (model of %s): %.2f %s a cycle alone, %.2f in a row, limit %.2f; %.2f instructions a cycle\n",
			c.name, c.model, macs/all.cycles, unit, macs/all.again, macs/all.limit, float64(all.instrs)/all.cycles)
		if !o.functions {
			continue
		}
		fmt.Fprintf(w, "  %-30s %6s %9s %8s | cycles: %9s %5s %9s %9s | %5s\n", "function", "calls", "instr", "each", "alone", "share", "in a row", "limit", "IPC")
		for _, f := range costs {
			fmt.Fprintf(w, "  %-30s %6d %9d %8.4f |         %9.0f %3.0f %% %9.0f %9.0f | %5.2f\n", f.function, f.calls, f.instrs, float64(f.instrs)/macs,
				f.cycles, 100*f.cycles/all.cycles, f.again, f.limit, float64(f.instrs)/f.cycles)
			fmt.Fprintf(w, "    %s\n", busy(f))
		}
	}
	return nil
}

// busy says what share of the cycles the units are busy for, those most used first.
func busy(f *cost) string {
	parts := []string{fmt.Sprintf("decode %.0f %%", 100*f.decode/f.cycles)}
	for _, u := range f.units {
		if share := u.busy / f.cycles; share >= 0.2 && len(parts) < 8 {
			parts = append(parts, fmt.Sprintf("%s %.0f %%", u.name, 100*share))
		}
	}
	return "busy: " + strings.Join(parts, ", ")
}
