package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

var shortCores = map[string]string{"cortex-a72": "A72", "neoverse-n1": "N1", "neoverse-n2": "N2", "neoverse-v1": "V1", "apple-m1": "M1"}

// page writes README.md.
func (r *results) page(w io.Writer) {
	fmt.Fprintf(w, `# arm64: estimated speed

Nothing here was measured: every figure is **estimated**. Written by %s:
do not edit. Commit %s, QEMU %s, LLVM %s.

Instructions are counted: the emulator logs each that a kernel's assembly executes in one product
of random numbers, whose result is checked. Cycles are what LLVM's machine-code analyser (llvm-mca)
says of those very sequences on its models of cores.

- **Modelled**: decoding (as many instructions a cycle as the core decodes), dispatch, the units
  that execute each instruction, latencies, renaming, the reorder buffer. Every call of a function
  starts and ends with an empty pipeline; that stands for the branch that is mispredicted where a
  loop ends, and for what Go does between two calls.
- **Not modelled**: cache misses and memory (every load is from the first level), frequency, branch
  prediction, loads that wait for stores, and Go's loops around the calls, whose instructions are
  counted (column Go) and take no cycles here.
- The models of N1, N2 and V1 do not forward accumulators between integer multiply-adds: chains of
  SMLAL, SADALP and UADALP look longer than they are. The A72's is that of the A57, which executes
  four FMLA lanes a cycle. Loads that write their address back are taken apart, into a load and an
  addition, where the model has the address only when the data come (A72, N2, M1), and such stores
  everywhere, as the analyser has the address wait for the data.
- 1024x1024x1024 follows from two products of about %d rows and of one and two panels: what a
  panel takes, and what rows take to prepare.
- Of functions with more than %d different sequences, and of sequences of more than %d
  instructions, a part is analysed and the rest taken for like it.

| core | column | model | decodes | vector units |
|---|---|---|---:|---|
`, "`go run ./bench/estimate`", r.versions.commit, r.versions.qemu, r.versions.llvm, tracedRows, mostSequences, mostInstructions)
	for _, c := range r.cores {
		fmt.Fprintf(w, "| %s | %s | %s | %d | %s |\n", c.name, shortCores[c.name], c.model, c.width, c.note)
	}
	if r.partial {
		fmt.Fprint(w, "\n**This is a part of the kernels or cores: -kernels or -cores was given.**\n")
	}
	fmt.Fprintf(w, "\nEvery figure: [%s](%s), which benchstat reads (-ignore model -col core).\n\n![MAC a cycle of every kernel, estimated](%s)\n", dataFile, dataFile, plotFile)
	r.targets(w)
	r.fastest(w)
	fmt.Fprint(w, "\nThe tables below: multiply-adds a cycle, of epilogues elements; in brackets times the int8 kernel of\nthe same shape, which is that by SDOT or UDOT where the core has them and that by SMULL on the A72.\n")
	for _, name := range r.names() {
		r.tables(w, name)
	}
	r.tiles(w)
}

// A sort of products: a benchmark's name and a shape.
type sort struct {
	name, shape string
}

func sortOf(e *estimate) sort {
	if e.job.Step != "" {
		return sort{e.name, fmt.Sprintf("%d rows of %d channels", e.job.M, e.job.K)}
	}
	return sort{e.name, shapeText([3]int{e.job.M, e.job.N, e.job.K})}
}

func shapeText(s [3]int) string { return fmt.Sprintf("%dx%dx%d", s[0], s[1], s[2]) }

// names lists the sorts of products in the order of the list.
func (r *results) names() []sort {
	var list []sort
	for _, e := range r.list {
		if s := sortOf(e); !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	slices.SortStableFunc(list, func(a, b sort) int {
		order := []string{"GEMM", "GEMV", "Mixed", "Dot", "Epilogue"}
		return slices.Index(order, a.name) - slices.Index(order, b.name)
	})
	return list
}

// formats lists the pairs of formats of a sort, those of most weight bits last.
func (r *results) formats(of sort) []string {
	var list []*estimate
	for _, e := range r.list {
		if sortOf(e) == of && !slices.ContainsFunc(list, func(f *estimate) bool { return f.formats() == e.formats() }) {
			list = append(list, e)
		}
	}
	slices.SortStableFunc(list, func(a, b *estimate) int {
		if a.job.Weights != b.job.Weights {
			return int(a.job.Weights) - int(b.job.Weights)
		}
		if a.job.Acts != b.job.Acts {
			return int(a.job.Acts) - int(b.job.Acts)
		}
		return a.job.Zeros - b.job.Zeros
	})
	var names []string
	for _, e := range list {
		names = append(names, e.formats())
	}
	return names
}

func (r *results) heads(w io.Writer, first ...string) {
	for _, h := range first {
		fmt.Fprintf(w, "| %s ", h)
	}
	for _, c := range r.cores {
		fmt.Fprintf(w, "| %s ", shortCores[c.name])
	}
	fmt.Fprint(w, "|\n|---|")
	fmt.Fprintln(w, strings.Repeat("---:|", len(first)-1+len(r.cores)))
}

// fastest writes, for each pair of formats, the best kernel's gain over int8 and float32.
func (r *results) fastest(w io.Writer) {
	of := sort{"GEMM", shapeText(gemmShape)}
	fmt.Fprintf(w, "\n## Fastest kernels: GEMM %s (estimated, cache misses not modelled)\n\nMAC/cycle of the fastest kernel, and in brackets times int8 and times float32.\n\n", of.shape)
	r.heads(w, "weights x acts")
	for _, f := range r.formats(of) {
		fmt.Fprintf(w, "| %s ", f)
		for i := range r.cores {
			best := r.best(i, func(e *estimate) bool { return sortOf(e) == of && e.formats() == f })
			if best == nil {
				fmt.Fprint(w, "| - ")
				continue
			}
			fmt.Fprintf(w, "| %.3g (%s, %s) ", best.macsPerCycle(i), times(best, r.int8(i, of.name, true), i), times(best, r.float32(i, of.name), i))
		}
		fmt.Fprintln(w, "|")
	}
}

// times is how many times as fast as base an estimate is.
func times(e, base *estimate, core int) string {
	if base == nil || !base.onCore[core].ok || sortOf(e).shape != sortOf(base).shape {
		return "-"
	}
	return fmt.Sprintf("%.2g", e.macsPerCycle(core)/base.macsPerCycle(core))
}

// against is a speed, and in brackets how many times that of base it is.
func against(e, base *estimate, core int) string {
	text := fmt.Sprintf("%.3g", e.macsPerCycle(core))
	if t := times(e, base, core); t != "-" {
		text += " (" + t + ")"
	}
	return text
}

// tables writes every kernel of a sort.
func (r *results) tables(w io.Writer, of sort) {
	fmt.Fprintf(w, "\n## %s %s (estimated, cache misses not modelled)\n", of.name, of.shape)
	for _, f := range r.formats(of) {
		fmt.Fprintf(w, "\n%s:\n\n", f)
		each := "instr/MAC"
		if of.name == "Epilogue" {
			each = "instr/elem"
		}
		r.heads(w, "kernel", each, "Go")
		for _, e := range r.list {
			if sortOf(e) != of || e.formats() != f {
				continue
			}
			fmt.Fprintf(w, "| %s | %.4f | %.4f ", e.kernel.Name, e.instrs/e.macs, e.loops/e.macs)
			for i := range r.cores {
				if !e.onCore[i].ok {
					fmt.Fprint(w, "| - ")
					continue
				}
				fmt.Fprintf(w, "| %s ", against(e, r.int8(i, of.name, true), i))
			}
			fmt.Fprintln(w, "|")
		}
	}
}

// tiles writes what panels alone take, and what the busiest unit allows: each kernel
// once, as tiles mostly do not know the format.
func (r *results) tiles(w io.Writer) {
	fmt.Fprint(w, "\n## Tiles alone, and the limit of the busiest unit (estimated, cache misses not modelled)\n\n"+
		"MAC/cycle of a panel's tiles, without the preparation of rows, and behind the stroke what they\ncould do if nothing waited for anything but units and the decoder.\n\n")
	r.heads(w, "kernel", "tile")
	var seen []string
	for _, e := range r.list {
		if len(e.traced) != 2 || slices.Contains(seen, e.kernel.Name) {
			continue
		}
		seen = append(seen, e.kernel.Name)
		fmt.Fprintf(w, "| %s | %dx%d ", e.kernel.Name, e.kernel.TileM, e.kernel.TileN)
		for _, s := range e.onCore {
			if !s.ok {
				fmt.Fprint(w, "| - ")
				continue
			}
			fmt.Fprintf(w, "| %.3g/%.3g ", e.macs/s.tiles, e.macs/s.tilesLimit)
		}
		fmt.Fprintln(w, "|")
	}
}
