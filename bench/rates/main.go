// Command rates measures how fast each kernel is on each pair of formats and
// class of shapes, and writes the file that dispatch chooses by:
//
//	go run ./bench/rates              # writes kernels/rates.go
//	go run ./bench/rates -o -         # prints it
//
// The rates of kernels that this CPU cannot run stay as they were, with the
// machine they were measured on, and so do those of other architectures.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"go/format"
	"io"
	"log"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/atomicfile"
	"example.com/lowbit/netrun/measure"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("rates: ")
	out := flag.String("o", "kernels/rates.go", "file to write; - is standard output")
	passes := flag.Int("passes", 5, "times to measure everything; the best counts")
	slice := flag.Duration("slice", 4*time.Millisecond, "how long to measure a kernel at a time")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "Usage: go run ./bench/rates [-o kernels/rates.go] [-passes 5] [-slice 4ms]\n\n"+
			"Measures the rates that dispatch chooses kernels by. Run it from the top of the\nrepository, on a quiet machine; build again afterwards.\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() > 0 || *passes < 1 || *slice <= 0 {
		log.Fatalf("got arguments %q, -passes %d, -slice %v: want no arguments, 1 or more passes, a slice above 0; see -h", flag.Args(), *passes, *slice)
	}
	if err := run(*out, *passes, *slice); err != nil {
		log.Fatal(err)
	}
}

// run measures and writes. What cannot be written to is told before the minutes
// that measuring takes.
func run(out string, passes int, slice time.Duration) error {
	if out != stdout {
		if err := atomicfile.Check(out); err != nil {
			return fmt.Errorf("cannot write %q: %w", out, err)
		}
	}
	list, err := measureAll(passes, slice)
	if err != nil {
		return err
	}
	text, err := source(merge(kernels.Rates(), list, kernels.Table()))
	if err != nil {
		return err
	}
	return write(out, text)
}

// stdout is the name for standard output.
const stdout = "-"

// write replaces the file at once: without whole rates package kernels, and so
// this command, cannot be built.
func write(out string, text []byte) error {
	if out == stdout {
		_, err := os.Stdout.Write(text)
		return err
	}
	return atomicfile.Write(out, text)
}

// shapes are the products that stand for the classes: rows, outputs, inputs.
// Those of few rows are weights that neither fit the second-level cache at 8
// bits nor leave it at 1 bit.
var shapes = map[kernels.ShapeClass][3]int{
	kernels.FewRows:    {1, 2048, 1024},
	kernels.FewInputs:  {512, 32, 25},
	kernels.FewOutputs: {256, 16, 576},
	kernels.Thin:       {256, 64, 576},
	kernels.Wide:       {128, 512, 1024},
}

// A contest is a class of shapes on a pair of formats; its runners take turns.
type contest struct {
	class kernels.ShapeClass
	f     kernels.Formats
}

// measureAll measures every kernel that runs here.
func measureAll(passes int, slice time.Duration) ([]kernels.Rate, error) {
	var contests []contest
	for _, w := range kernels.WeightFormats() {
		for _, a := range kernels.ActFormats() {
			// Kernels read s8 as u8, so the rates of one are those of the other.
			if w != kernels.Float32 && a != kernels.F32 && a != kernels.S8 {
				for _, class := range kernels.ShapeClasses() {
					contests = append(contests, contest{class, kernels.Formats{Weights: w, Acts: a}})
				}
			}
		}
	}
	machine := measure.CPU()
	bar := progressbar.NewOptions(len(contests),
		progressbar.OptionSetWriter(os.Stderr),
		progressbar.OptionSetVisibility(term.IsTerminal(int(os.Stderr.Fd()))),
		progressbar.OptionSetDescription("measuring"),
		progressbar.OptionSetItsString("contests"),
		progressbar.OptionShowIts(), progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(true), progressbar.OptionClearOnFinish())
	var list []kernels.Rate
	for _, c := range contests {
		speeds, err := c.run(passes, slice)
		if err != nil {
			return nil, err
		}
		for name, speed := range speeds {
			i := slices.IndexFunc(list, func(r kernels.Rate) bool { return r.Kernel == name && r.Weights == c.f.Weights && r.Acts == c.f.Acts })
			if i < 0 {
				i = len(list)
				list = append(list, kernels.Rate{Kernel: name, Weights: c.f.Weights, Acts: c.f.Acts, Machine: machine})
			}
			list[i].GMACs[c.class] = float32(speed)
		}
		if err := bar.Add(1); err != nil {
			return nil, err
		}
	}
	return list, bar.Finish()
}

// run lets the kernels take turns and returns the best rate of each.
func (c contest) run(passes int, slice time.Duration) (map[string]float64, error) {
	shape := shapes[c.class]
	m, n, k := shape[0], shape[1], shape[2]
	w := kernels.Weights{Format: c.f.Weights, N: n, K: k, Values: make([]int8, n*k)}
	levels := c.f.Weights.Levels()
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range w.Values {
		w.Values[i] = levels[rng.IntN(len(levels))]
	}
	x, dst := make([]uint8, m*k), make([]int32, m*n)
	for i := range x {
		x[i] = uint8(rng.IntN(1 << c.f.Acts.Bits()))
	}
	plans := map[string]*kernels.GEMM{}
	for _, kernel := range kernels.Table() {
		if kernel.Operation != kernels.OpGEMM || len(kernel.Missing) > 0 || !slices.Contains(kernel.Formats, c.f) {
			continue
		}
		plan, err := planFor(kernel, w, c.f.Acts, m)
		if err != nil {
			return nil, err
		}
		if plan.Kernel() == kernel.Name { // a portable one may have a better of its kind
			plans[kernel.Name] = plan
		}
	}
	best := map[string]float64{}
	for range passes {
		for name, plan := range plans {
			calls, start := 0, time.Now()
			for time.Since(start) < slice || calls == 0 {
				plan.Run(dst, x, m)
				calls++
			}
			speed := float64(calls) * float64(m) * float64(plan.Work()) / 1e9 / time.Since(start).Seconds()
			best[name] = max(best[name], speed)
		}
	}
	return best, nil
}

func planFor(kernel kernels.Kernel, w kernels.Weights, a kernels.ActFormat, rows int) (*kernels.GEMM, error) {
	restore, err := kernels.Use(kernel.Name)
	if err != nil {
		return nil, err
	}
	defer restore()
	return kernels.NewGEMM(w, a, kernels.Options{Rows: rows})
}

// merge replaces old rates by new ones of the same kernel, and drops those of
// kernels that are no more: of tiers that there are, since the table has none of
// another architecture.
func merge(old, new []kernels.Rate, table []kernels.Kernel) []kernels.Rate {
	cannot, tiers := map[string]bool{}, map[string]bool{}
	for _, k := range table {
		cannot[k.Name] = len(k.Missing) > 0
		tiers[k.ISA] = true
	}
	list := slices.Clone(new)
	for _, r := range old {
		if tier, _, _ := strings.Cut(r.Kernel, "-"); cannot[r.Kernel] || !tiers[tier] {
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(a, b kernels.Rate) int {
		if a.Weights != b.Weights {
			return int(a.Weights) - int(b.Weights)
		}
		if a.Acts != b.Acts {
			return int(a.Acts) - int(b.Acts)
		}
		return strings.Compare(a.Kernel, b.Kernel)
	})
	return list
}

// source is the Go file that holds the rates.
func source(list []kernels.Rate) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("// Code generated by go run ./bench/rates. DO NOT EDIT.\n\npackage kernels\n\n")
	b.WriteString("// In the order of ShapeClasses:")
	for _, class := range kernels.ShapeClasses() {
		s := shapes[class]
		fmt.Fprintf(&b, "\n// %v, measured at %dx%dx%d", class, s[0], s[1], s[2])
	}
	b.WriteString(" (rows, outputs, inputs).\nvar rates = [...]Rate{\n")
	for _, r := range list {
		fmt.Fprintf(&b, "\t{%q, %s, %s, %q, [...]float32{", r.Kernel, goName(r.Weights.String()), goName(r.Acts.String()), r.Machine)
		for i, v := range r.GMACs {
			if i > 0 {
				io.WriteString(&b, ", ")
			}
			fmt.Fprintf(&b, "%.3g", v)
		}
		b.WriteString("}},\n")
	}
	b.WriteString("}\n")
	return format.Source(b.Bytes())
}

// goName is the Go name of a format's constant.
func goName(name string) string {
	name = strings.Replace(name, ":", "x", 1)
	return strings.ToUpper(name[:1]) + name[1:]
}
