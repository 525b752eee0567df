package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/atomicfile"
)

// results are all estimates, and what they were made with.
type results struct {
	list     []*estimate
	cores    []core
	versions struct{ qemu, llvm, commit string }
	partial  bool // of some of the kernels or cores
}

// Names of files that are written.
const (
	pageFile = "README.md"
	dataFile = "estimate.txt"
	plotFile = "kernels.svg"
)

// write puts all files into a directory.
func (r *results) write(dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	plot, err := r.plot()
	if err != nil {
		return err
	}
	var page, data bytes.Buffer
	r.page(&page)
	r.data(&data)
	for _, f := range []struct {
		name string
		text []byte
	}{{plotFile, plot}, {dataFile, data.Bytes()}, {pageFile, page.Bytes()}} {
		if err := atomicfile.Write(filepath.Join(dir, f.name), f.text); err != nil {
			return err
		}
	}
	return nil
}

// commit is the version of the source, with a mark if it has been changed.
func commit() string {
	out, err := exec.Command("git", "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	id := strings.TrimSpace(string(out))
	changed, err := exec.Command("git", "status", "--porcelain", "--", ":/kernels").Output()
	if err == nil && len(changed) > 0 {
		id += "+changes"
	}
	return id
}

// best is the estimate with the most MAC a cycle on a core of those that fit, nil if
// there is none.
func (r *results) best(core int, fits func(*estimate) bool) *estimate {
	var best *estimate
	for _, e := range r.list {
		if e.onCore[core].ok && fits(e) && (best == nil || e.macsPerCycle(core) > best.macsPerCycle(core)) {
			best = e
		}
	}
	return best
}

// int8 is the kernel for 8-bit weights that others are compared with: by SDOT or UDOT
// where the core has them, by SMULL where it has not or shall not use them.
func (r *results) int8(core int, name string, dotprod bool) *estimate {
	isa := "neon"
	if dotprod && slices.Contains(r.cores[core].features, "DotProd") {
		isa = "dotprod"
	}
	return r.best(core, func(e *estimate) bool {
		return e.name == name && e.kernel.ISA == isa && e.kernel.Algorithm == "muladd" && e.kernel.WeightBits == 8 &&
			e.job.Weights == kernels.Int8 && e.job.Acts == kernels.U8
	})
}

// float32 is the kernel of float32 for a benchmark.
func (r *results) float32(core int, name string) *estimate {
	return r.best(core, func(e *estimate) bool { return e.name == name && e.job.Weights == kernels.Float32 })
}

// data writes what benchstat reads.
func (r *results) data(w *bytes.Buffer) {
	fmt.Fprintf(w, "estimated: true\ngoos: linux\ngoarch: arm64\npkg: example.com/lowbit/bench/estimate\ncommit: %s\nqemu: %s\nllvm: %s\n\n", r.versions.commit, r.versions.qemu, r.versions.llvm)
	fmt.Fprint(w, "Unit MAC/cycle better=higher assume=exact\nUnit in-a-row-MAC/cycle better=higher assume=exact\nUnit limit-MAC/cycle better=higher assume=exact\nUnit instr/MAC better=lower assume=exact\n"+
		"Unit elem/cycle better=higher assume=exact\nUnit in-a-row-elem/cycle better=higher assume=exact\nUnit limit-elem/cycle better=higher assume=exact\nUnit instr/elem better=lower assume=exact\n")
	for i, c := range r.cores {
		fmt.Fprintf(w, "\ncore: %s\nmodel: %s\n", c.name, c.model)
		for _, e := range r.list {
			s := e.onCore[i]
			if !s.ok {
				continue
			}
			j := e.job
			if j.Step != "" {
				fmt.Fprintf(w, "BenchmarkEpilogue/op=%s/impl=%s/rows=%d/c=%d 1 %.5g elem/cycle %.5g in-a-row-elem/cycle %.5g limit-elem/cycle %.5g instr/elem\n",
					j.Step, e.kernel.Name, j.M, j.K, e.macs/s.cycles, e.macs/s.again, e.macs/s.limit, e.instrs/e.macs)
				continue
			}
			zeros := ""
			if j.Zeros >= 0 {
				zeros = fmt.Sprintf("/zeros=%d", j.Zeros)
			}
			fmt.Fprintf(w, "Benchmark%s/w=%v/a=%v/impl=%s/m=%d/n=%d/k=%d%s 1 %.5g MAC/cycle %.5g in-a-row-MAC/cycle %.5g limit-MAC/cycle %.5g instr/MAC\n",
				e.name, j.Weights, j.Acts, e.kernel.Name, j.M, j.N, j.K, zeros, e.macs/s.cycles, e.macs/s.again, e.macs/s.limit, e.instrs/e.macs)
		}
	}
}
