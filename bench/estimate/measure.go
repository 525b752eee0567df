package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"example.com/lowbit/bench/estimate/internal/job"
	"example.com/lowbit/kernels"
)

// A lab has what estimates are made with.
type lab struct {
	tools    *tools
	image    *image
	analyser *analyser
	text     *disassembly
}

// newLab builds the program that is traced, in a folder that close removes.
func newLab(t *tools, cache string) (*lab, func(), error) {
	dir, err := os.MkdirTemp("", "lowbit-estimate")
	if err != nil {
		return nil, nil, err
	}
	closeLab := func() { os.RemoveAll(dir) }
	fail := func(err error) (*lab, func(), error) { closeLab(); return nil, nil, err }
	program := filepath.Join(dir, "product")
	build := t.command("go", "build", "-o", program, "example.com/lowbit/bench/estimate/product")
	build.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		return fail(fmt.Errorf("cannot build the program to trace: %w\n%s", err, out))
	}
	m, err := openImage(program)
	if err != nil {
		return fail(err)
	}
	if cache != "" {
		if err := os.MkdirAll(cache, 0o777); err != nil {
			return fail(err)
		}
	}
	return &lab{t, m, &analyser{tools: t, dir: cache, known: map[string]string{}}, &disassembly{texts: map[uint32]string{}}}, closeLab, nil
}

// table is the table of kernels on arm64 with all features that the emulator has.
func (l *lab) table() ([]kernels.Kernel, error) {
	var stderr bytes.Buffer
	cmd := l.tools.command(l.tools.qemu, "-cpu", "max", l.image.path, "-list")
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", l.tools.qemu, err, stderr.String())
	}
	var list []kernels.Kernel
	return list, json.Unmarshal(out, &list)
}

// trace runs a job under the emulator.
func (l *lab) trace(j job.Job) (*trace, job.Done, error) {
	var done job.Done
	text, err := json.Marshal(j)
	if err != nil {
		return nil, done, err
	}
	cmd := l.tools.command(l.tools.qemu, "-cpu", "max", "-d", "in_asm,exec,nochain", "-dfilter", l.image.filter(), l.image.path, "-job", string(text))
	// Nothing may interrupt a kernel: neither the garbage collector nor the scheduler.
	cmd.Env = append(os.Environ(), "GOGC=off", "GODEBUG=asyncpreemptoff=1", kernels.EnvImpl+"=auto")
	var out bytes.Buffer
	cmd.Stdout = &out
	log, err := cmd.StderrPipe()
	if err != nil {
		return nil, done, err
	}
	if err := cmd.Start(); err != nil {
		return nil, done, err
	}
	t := newTrace(l.image)
	readErr := t.read(log)
	if readErr != nil {
		cmd.Process.Kill()
	}
	if err := cmd.Wait(); err != nil && (readErr == nil || len(t.other) > 0) {
		return nil, done, fmt.Errorf("%v: %s: %w: %s", j, l.tools.qemu, err, strings.Join(t.other, "; "))
	}
	if readErr != nil {
		return nil, done, fmt.Errorf("%s on %v: %w", j.Kernel, j, readErr)
	}
	if err := json.Unmarshal(out.Bytes(), &done); err != nil {
		return nil, done, fmt.Errorf("%v: the traced program printed %q: %w", j, out.String(), err)
	}
	words := map[uint32]bool{}
	for _, c := range t.calls {
		for _, pc := range c.pcs {
			words[l.image.word(pc)] = true
		}
	}
	return t, done, l.text.learn(l.tools, words)
}

// source is the text of a call's instructions.
func (l *lab) source(c *call) []string {
	list := make([]string, len(c.pcs))
	for i, pc := range c.pcs {
		list[i] = l.text.text(l.image.word(pc))
	}
	return list
}

// A cost is what calls of a function take, all in all.
type cost struct {
	function string
	calls    int
	instrs   int
	cycles   float64 // each call from an empty pipeline to the end
	again    float64 // calls that follow each other
	limit    float64 // of the busiest unit
	decode   float64
	units    []unit
	analysed int // instructions of calls that were given to the analyser
}

// mostSequences is how many sequences of one function are analysed. Of further ones,
// which come where a kernel reads a program, it is assumed that they run as many
// instructions a cycle as these.
const mostSequences = 4

// byFunction lists the calls of each function, by the instructions of sequences.
func (t *trace) byFunction() map[string][]*call {
	m := map[string][]*call{}
	for _, c := range t.calls {
		m[c.function.name] = append(m[c.function.name], c)
	}
	for _, calls := range m {
		slices.SortStableFunc(calls, func(a, b *call) int { return b.count*len(b.pcs) - a.count*len(a.pcs) })
	}
	return m
}

// counts are the costs of functions without cycles, the most instructions first.
func (t *trace) counts() []*cost {
	var list []*cost
	for name, calls := range t.byFunction() {
		c := &cost{function: name}
		for _, call := range calls {
			c.calls += call.count
			c.instrs += call.count * len(call.pcs)
		}
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b *cost) int {
		if a.instrs != b.instrs {
			return b.instrs - a.instrs
		}
		return strings.Compare(a.function, b.function)
	})
	return list
}

// costs has the calls analysed for a core.
func (l *lab) costs(t *trace, c *core, again, pressure bool) ([]*cost, error) {
	list := t.counts()
	calls := t.byFunction()
	for _, f := range list {
		for i, call := range calls[f.function] {
			if i == mostSequences {
				break
			}
			a, err := l.analyser.analyse(c, l.source(call), again, pressure)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", f.function, err)
			}
			n := float64(call.count)
			f.analysed += call.count * len(call.pcs)
			f.cycles += n * a.cycles
			f.again += n * a.again
			f.limit += n * a.reciprocal
			f.decode += n * a.decode
			for _, u := range a.pressure {
				at := slices.IndexFunc(f.units, func(v unit) bool { return v.name == u.name })
				if at < 0 {
					at = len(f.units)
					f.units = append(f.units, unit{name: u.name})
				}
				f.units[at].busy += n * u.busy
			}
		}
		scale := float64(f.instrs) / float64(f.analysed)
		f.cycles, f.again, f.limit, f.decode = f.cycles*scale, f.again*scale, f.limit*scale, f.decode*scale
		for i := range f.units {
			f.units[i].busy *= scale
		}
		slices.SortFunc(f.units, func(a, b unit) int {
			switch {
			case a.busy > b.busy:
				return -1
			case a.busy < b.busy:
				return 1
			}
			return strings.Compare(a.name, b.name)
		})
	}
	return list, nil
}
