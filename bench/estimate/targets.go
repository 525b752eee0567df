package main

import (
	"fmt"
	"io"

	"example.com/lowbit/kernels"
)

// A target is how many times as fast as the int8 kernel another should be, on cores with
// two vector pipes.
type target struct {
	what    string
	formats []kernels.Formats
	fits    func(kernels.Kernel) bool
	times   float64
	dotprod bool // against SDOT, with DotProd; or without, against SMULL
}

// narrow are kernels that hold weights in less than 8 bits, and those that skip zeros.
func narrow(k kernels.Kernel) bool { return k.WeightBits < 8 || k.Algorithm == "shiftadd" }

func lookup(k kernels.Kernel) bool { return k.Algorithm == "lut" }

func anyKernel(kernels.Kernel) bool { return true }

var (
	signs  = []kernels.Formats{{Weights: kernels.Binary, Acts: kernels.Sign}}
	codes  = []kernels.Formats{{Weights: kernels.Binary, Acts: kernels.U1}, {Weights: kernels.Binary, Acts: kernels.U2}, {Weights: kernels.Binary, Acts: kernels.U3}}
	powers = []kernels.Formats{
		{Weights: kernels.Ternary, Acts: kernels.U2}, {Weights: kernels.Ternary, Acts: kernels.U4}, {Weights: kernels.Ternary, Acts: kernels.U8},
		{Weights: kernels.Pow2x4, Acts: kernels.U4}, {Weights: kernels.Pow2x4, Acts: kernels.U8},
	}
)

var targets = []target{
	{"binary x sign", signs, anyKernel, 2.4, true},
	{"binary x u1-u3 by lut", codes, lookup, 1.7, true},
	{"ternary, pow2:4", powers, narrow, 0.9, true},
	{"binary x sign", signs, anyKernel, 4, false},
	{"binary x u1-u3 by lut", codes, lookup, 3, false},
	{"ternary, pow2:4", powers, narrow, 1.3, false},
}

// targetCores are those with two vector pipes.
var targetCores = []string{"neoverse-n1", "neoverse-n2", "cortex-a72"}

// meets finds the fastest kernel for formats that the target speaks of, and what it is
// against.
func (r *results) meets(t target, core int, f kernels.Formats) (e, base *estimate) {
	base = r.int8(core, "GEMM", t.dotprod)
	e = r.best(core, func(e *estimate) bool {
		isa := e.kernel.ISA == "neon" || t.dotprod && e.kernel.ISA == "dotprod"
		return e.name == "GEMM" && isa && t.fits(e.kernel) && e.job.Weights == f.Weights && e.job.Acts == f.Acts && e.job.Zeros < 0
	})
	return e, base
}

// targets writes which targets are met.
func (r *results) targets(w io.Writer) {
	fmt.Fprint(w, "\n## Targets (estimated)\n\n"+
		"GEMM of 1024x1024x1024 against the int8 kernel, on cores with two vector pipes, by kernels of\n"+
		"the tiers neon and dotprod; without DotProd by those of neon alone. \"In a row\" is the ratio if\n"+
		"calls of tiles overlap without loss. A kernel of look-ups counts for binary x u1-u3, and for\n"+
		"ternary and pow2:4 one that has less than 8 bits a weight or skips zeros.\n\n"+
		"| core | weights x acts | target | kernel | MAC/cycle | int8 | times | in a row | met |\n|---|---|---:|---|---:|---:|---:|---:|---|\n")
	for _, t := range targets {
		for _, name := range targetCores {
			core := r.core(name)
			if core < 0 || t.dotprod && !r.cores[core].runs([]string{"DotProd"}) {
				continue
			}
			if !t.dotprod && name == "neoverse-n2" {
				continue // no such core without DotProd, and N1 stands for it
			}
			for _, f := range t.formats {
				e, base := r.meets(t, core, f)
				if e == nil || base == nil {
					missing := "no such kernel"
					if e != nil {
						missing = "no int8 kernel"
					}
					fmt.Fprintf(w, "| %s | %v | %.3g | %s | - | - | - | - | **no** |\n", coreLabel(name, t.dotprod), f, t.times, missing)
					continue
				}
				got, b := e.onCore[core], base.onCore[core]
				times := b.cycles / got.cycles
				met := "yes"
				if times < t.times {
					met = "**no**"
				}
				fmt.Fprintf(w, "| %s | %v | %.3g | %s | %.3g | %.3g | %.2f | %.2f | %s |\n", coreLabel(name, t.dotprod), f, t.times, e.kernel.Name,
					e.macs/got.cycles, base.macs/b.cycles, times, b.again/got.again, met)
			}
		}
	}
}

// coreLabel names a core in the table of targets.
func coreLabel(name string, dotprod bool) string {
	name = shortCores[name]
	if !dotprod && name != "A72" {
		name += ", neon"
	}
	return name
}

// core is the place of a core, -1 if it is not estimated.
func (r *results) core(name string) int {
	for i, c := range r.cores {
		if c.name == name {
			return i
		}
	}
	return -1
}
