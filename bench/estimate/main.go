// Command estimate says how fast arm64 kernels should be, where there is no arm64
// machine to measure them on. An emulator counts the instructions that each function
// of assembly executes in a product, and LLVM's machine-code analyser says how many
// cycles they take on cores that it has models of:
//
//	go run ./bench/estimate                      # every kernel, into results/arm64-estimate
//	go run ./bench/estimate -kernel NAME -functions  # prints one kernel, function by function
//
// It needs Debian's qemu-user-static and llvm-19, or later ones. What is modelled and
// what is not is in the README.md that it writes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"example.com/lowbit/bench/estimate/internal/job"
	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/atomicfile"
)

const usage = `Usage: go run ./bench/estimate [-kernels REGEXP] [-cores LIST] [-o DIRECTORY]
       go run ./bench/estimate -kernel NAME [-formats 'W x A'] [-shape MxNxK] [-zeros PERCENT]
                               [-cores LIST] [-functions]

Estimates the speed of arm64 kernels: instructions counted under an emulator, cycles
from LLVM's machine-code analyser. The first form writes tables, a file for benchstat
and a plot; the second prints one kernel's figures. Run it from the top of the
repository. It ends with 0, or with 1 if something failed and 2 if the flags are wrong.

  go run ./bench/estimate
  go run ./bench/estimate -kernels 'muladd|float32' -cores neoverse-n1 -o /tmp/estimate
  go run ./bench/estimate -kernel dotprod-muladd-w8 -shape 8x64x1024 -cores neoverse-n1,cortex-a72 -functions

`

// A flagError is one of flags, not of what was to be done.
type flagError struct{ error }

func main() {
	log.SetFlags(0)
	log.SetPrefix("estimate: ")
	// An interrupt ends the programs that run, and removes what is temporary; a second
	// one does not wait for that.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	switch err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case ctx.Err() != nil:
		log.Fatal("interrupted")
	case errors.As(err, new(flagError)):
		log.Print(err)
		os.Exit(2)
	default:
		log.Fatal(err)
	}
}

// options are the flags.
type options struct {
	cores     []core
	kernels   *regexp.Regexp
	out       string
	cache     string
	kernel    string
	formats   string
	shape     [3]int
	zeros     int
	functions bool
}

func parse(args []string, stderr io.Writer) (*options, error) {
	o := new(options)
	f := flag.NewFlagSet("estimate", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() {
		fmt.Fprint(stderr, usage)
		f.PrintDefaults()
	}
	names := f.String("cores", coreNames(), "cores, as the analyser calls them")
	f.StringVar(names, "core", coreNames(), "the same as -cores")
	pattern := f.String("kernels", "", "kernels to estimate, a regular `expression`; all if empty")
	f.StringVar(&o.out, "o", "results/arm64-estimate", "`directory` to write into")
	f.StringVar(&o.cache, "cache", ".cache/estimate", "`directory` that keeps what the analyser said; none if empty")
	f.StringVar(&o.kernel, "kernel", "", "print the figures of this kernel alone")
	f.StringVar(&o.formats, "formats", "", "with -kernel: weights and activations, such as 'ternary x u2'; the first that it takes if empty")
	shape := f.String("shape", "", "with -kernel: rows, outputs and inputs; 8x64x1024, or 1x1x1024 for inner products, if empty")
	f.IntVar(&o.zeros, "zeros", job.NaturalZeros, "with -kernel: `percent` of weights that are zero; -1 is as many as of other levels")
	f.BoolVar(&o.functions, "functions", false, "with -kernel: print every function, and which units of the core it keeps busy")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil, err
		}
		return nil, flagError{errors.New("see -h")} // the flag package has printed what is wrong
	}
	if f.NArg() > 0 {
		return nil, flagError{fmt.Errorf("arguments %q: want flags alone; see -h", f.Args())}
	}
	var err error
	if o.cores, err = coresNamed(*names); err != nil {
		return nil, flagError{err}
	}
	if o.kernels, err = regexp.Compile(*pattern); err != nil {
		return nil, flagError{fmt.Errorf("-kernels: %w", err)}
	}
	if o.zeros < job.NaturalZeros || o.zeros > 100 {
		return nil, flagError{fmt.Errorf("-zeros %d: want 0 … 100, or -1", o.zeros)}
	}
	if *shape != "" {
		if o.shape, err = parseShape(*shape); err != nil {
			return nil, flagError{err}
		}
	}
	if o.kernel == "" {
		var wrong []string
		f.Visit(func(g *flag.Flag) {
			if slices.Contains([]string{"formats", "shape", "zeros", "functions"}, g.Name) {
				wrong = append(wrong, "-"+g.Name)
			}
		})
		if wrong != nil {
			return nil, flagError{fmt.Errorf("%s without -kernel; see -h", strings.Join(wrong, ", "))}
		}
	}
	return o, nil
}

// mostMACs is the largest product that is traced: it takes many minutes.
const mostMACs = 1 << 26

func parseShape(text string) (s [3]int, err error) {
	parts := strings.Split(text, "x")
	for i := range s {
		if len(parts) == 3 {
			s[i], err = strconv.Atoi(parts[i])
		}
		if len(parts) != 3 || err != nil || s[i] < 1 {
			return s, fmt.Errorf("-shape %q: want MxNxK, rows, outputs and inputs, such as 8x64x1024", text)
		}
	}
	if most := mostMACs / s[0] / s[1]; s[2] > most {
		return s, fmt.Errorf("-shape %q: want at most %d multiply-adds, those of 64x1024x1024: every instruction is traced", text, mostMACs)
	}
	return s, nil
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	t, err := findTools(ctx)
	if err != nil {
		return err
	}
	l, closeLab, err := newLab(t, o.cache)
	if err != nil {
		return err
	}
	defer closeLab()
	table, err := l.table()
	if err != nil {
		return err
	}
	if o.kernel != "" {
		return l.one(stdout, o, table)
	}
	return l.all(o, table, stderr)
}

// all estimates every kernel that is asked for, and writes the files.
func (l *lab) all(o *options, table []kernels.Kernel, stderr io.Writer) error {
	list := subjects(table, func(k kernels.Kernel) bool { return o.kernels.MatchString(k.Name) })
	if len(list) == 0 {
		return flagError{fmt.Errorf("-kernels %q: no kernel of arm64 has such a name", o.kernels)}
	}
	// What cannot be written to is told before the minutes that it takes.
	if err := os.MkdirAll(o.out, 0o777); err != nil {
		return err
	}
	if err := atomicfile.Check(filepath.Join(o.out, pageFile)); err != nil {
		return err
	}
	r := &results{cores: o.cores, partial: o.kernels.String() != "" || len(o.cores) != len(cores)}
	r.versions.qemu, r.versions.llvm, r.versions.commit = l.tools.version.qemu, l.tools.version.llvm, commit()
	var err error
	if r.list, err = l.estimateAll(list, o.cores, stderr); err != nil {
		return err
	}
	if err := r.write(o.out); err != nil {
		return err
	}
	fmt.Fprintf(stderr, "estimate: wrote %s, %s and %s into %s\n", pageFile, dataFile, plotFile, o.out)
	return nil
}

// one prints the figures of one kernel.
func (l *lab) one(w io.Writer, o *options, table []kernels.Kernel) error {
	found := false
	for _, k := range table {
		if k.Name != o.kernel {
			continue
		}
		found = true
		if k.Operation == kernels.OpEpilogue {
			for _, step := range job.Steps() {
				if err := l.print(w, o, k, job.EpilogueJob(k.Name, step)); err != nil {
					return err
				}
			}
			continue
		}
		j, err := o.job(k)
		if err != nil {
			return err
		}
		if err := l.print(w, o, k, j); err != nil {
			return err
		}
	}
	if !found {
		var names []string
		for _, k := range table {
			if k.ISA != "portable" && !slices.Contains(names, k.Name) {
				names = append(names, k.Name)
			}
		}
		return flagError{fmt.Errorf("no kernel %q on arm64: want one of %s", o.kernel, strings.Join(names, ", "))}
	}
	return nil
}

// job is the product that the flags ask for.
func (o *options) job(k kernels.Kernel) (job.Job, error) {
	j := job.Job{Kernel: k.Name, Operation: k.Operation, Weights: kernels.Float32, Acts: kernels.F32, M: 8, N: 64, K: 1024, Zeros: o.zeros}
	switch k.Operation {
	case kernels.OpDot, kernels.OpDotFloat32:
		j.M, j.N = 1, 1
	case kernels.OpDotBinary:
		j.M, j.N = 1, 1
		k.Formats = []kernels.Formats{{Weights: kernels.Binary, Acts: kernels.Sign}, {Weights: kernels.Binary, Acts: kernels.U1}}
	}
	if o.shape[0] > 0 && (j.N > 1 || k.Operation == kernels.OpGEMM) {
		j.M, j.N, j.K = o.shape[0], o.shape[1], o.shape[2]
	} else if o.shape[0] > 0 {
		j.K = o.shape[2]
	}
	if k.Formats == nil {
		return j, nil
	}
	f, err := pick(k, o.formats)
	if err != nil {
		return j, flagError{err}
	}
	j.Weights, j.Acts = f.Weights, f.Acts
	return j, nil
}

// pick finds formats by their text; without one, the first of those of interest that the
// kernel takes.
func pick(k kernels.Kernel, text string) (kernels.Formats, error) {
	if text == "" {
		for _, f := range pairs {
			if slices.Contains(k.Formats, f) {
				return f, nil
			}
		}
		return k.Formats[0], nil
	}
	for _, f := range k.Formats {
		if f.String() == strings.Join(strings.Fields(text), " ") {
			return f, nil
		}
	}
	return kernels.Formats{}, fmt.Errorf("-formats %q: %s takes %v", text, k.Name, k.Formats)
}

// pairs are the formats of interest.
var pairs = []kernels.Formats{
	{Weights: kernels.Int8, Acts: kernels.U8},
	{Weights: kernels.Binary, Acts: kernels.Sign},
	{Weights: kernels.Binary, Acts: kernels.U1},
	{Weights: kernels.Binary, Acts: kernels.U2},
	{Weights: kernels.Binary, Acts: kernels.U3},
	{Weights: kernels.Binary, Acts: kernels.U4},
	{Weights: kernels.Ternary, Acts: kernels.U2},
	{Weights: kernels.Ternary, Acts: kernels.U4},
	{Weights: kernels.Ternary, Acts: kernels.U8},
	{Weights: kernels.Pow2x3, Acts: kernels.U3},
	{Weights: kernels.Pow2x4, Acts: kernels.U4},
	{Weights: kernels.Pow2x4, Acts: kernels.U8},
}
