package kernels

import (
	"flag"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Environment variables of the tests, beside LOWBIT_IMPL:
//
//	LOWBIT_REQUIRE     instruction sets or kernels, separated by commas, that must run: being skipped is a failure
//	LOWBIT_EMULATED    name of the emulator that runs the tests, for the coverage report
//	LOWBIT_COVERAGE    file to which the coverage report is appended
//	LOWBIT_TEST_SCALE  share of the test cases to run, such as 0.05 on a slow emulator
const (
	envRequire   = "LOWBIT_REQUIRE"
	envEmulated  = "LOWBIT_EMULATED"
	envCoverage  = "LOWBIT_COVERAGE"
	envTestScale = "LOWBIT_TEST_SCALE"
)

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	whole := flag.Lookup("test.run").Value.String() == "" && flag.Lookup("test.skip").Value.String() == "" && !listing()
	if whole && code == 0 {
		for _, name := range required() {
			if left := coverage.left(name); len(left) > 0 {
				fmt.Printf("%s asks for %s, but there did not run: %s\n", envRequire, name, strings.Join(left, " "))
				code = 1
			}
		}
	}
	if whole {
		coverage.report(os.Stdout)
		if path := os.Getenv(envCoverage); path != "" {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
			if err == nil {
				coverage.report(f)
				err = f.Close()
			}
			if err != nil {
				fmt.Println(err)
				code = 1
			}
		}
	}
	os.Exit(code)
}

// listing reports whether no tests were meant to run: go test -list or -fuzz.
func listing() bool {
	for _, name := range []string{"test.list", "test.fuzz"} {
		if flag.Lookup(name).Value.String() != "" {
			return true
		}
	}
	return flag.Lookup("test.fuzzworker").Value.String() == "true"
}

// required lists what LOWBIT_REQUIRE names.
func required() []string {
	return strings.FieldsFunc(os.Getenv(envRequire), func(r rune) bool { return r == ',' || r == ' ' })
}

// coverage records which kernels the tests ran.
var coverage = coverageRecord{ran: map[string]string{}, emulated: map[string]string{}}

type coverageRecord struct {
	mu       sync.Mutex
	ran      map[string]string // instruction set by kernel name
	emulated map[string]string // the same for those run in an emulator only
}

func (c *coverageRecord) add(id *kernelID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ran[id.name()] = id.isa
}

func (c *coverageRecord) addEmulated(id *kernelID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.emulated[id.name()] = id.isa
}

// left lists the kernels of a name or instruction set that no test ran, and
// the name itself if there is no such kernel.
func (c *coverageRecord) left(name string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	left := map[string]bool{name: true}
	for _, k := range Table() {
		if k.Name != name && k.ISA != name {
			continue
		}
		delete(left, name)
		_, ran := c.ran[k.Name]
		_, emulated := c.emulated[k.Name]
		if !ran && !emulated {
			left[k.Name] = true
		}
	}
	return slices.Sorted(maps.Keys(left))
}

// report writes a line for each instruction set: the kernels that ran, and
// those that did not and why.
func (c *coverageRecord) report(w io.Writer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	how := ""
	if e := os.Getenv(envEmulated); e != "" {
		how = ", emulated by " + e
	}
	type line struct{ ran, emulated, skipped, lacks map[string]bool }
	lines := map[string]line{}
	for _, k := range Table() {
		l, ok := lines[k.ISA]
		if !ok {
			l = line{map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}}
			lines[k.ISA] = l
		}
		if _, ok := c.ran[k.Name]; ok {
			l.ran[k.Name] = true
			continue
		}
		if _, ok := c.emulated[k.Name]; ok {
			l.emulated[k.Name] = true
			continue
		}
		l.skipped[k.Name] = true
		for _, f := range k.Missing {
			l.lacks[f] = true
		}
	}
	list := func(set map[string]bool) string { return strings.Join(slices.Sorted(maps.Keys(set)), " ") }
	for _, isa := range slices.Sorted(maps.Keys(lines)) {
		l := lines[isa]
		if len(l.ran) > 0 {
			fmt.Fprintf(w, "kernels: %s: tested%s: %s\n", isa, how, list(l.ran))
		}
		if len(l.emulated) > 0 {
			fmt.Fprintf(w, "kernels: %s: tested alone, emulated by %s, not through plans: %s\n", isa, emulator(), list(l.emulated))
		}
		switch {
		case len(l.lacks) > 0:
			fmt.Fprintf(w, "kernels: %s: SKIPPED, the CPU lacks %s: %s\n", isa, list(l.lacks), list(l.skipped))
		case len(l.skipped) > 0:
			fmt.Fprintf(w, "kernels: %s: SKIPPED by the tests: %s\n", isa, list(l.skipped))
		}
	}
}

// enter records that the row of a table is tested, or skips the test if the
// CPU cannot run it; that is a failure if LOWBIT_REQUIRE names the row and no
// emulator runs its functions instead.
func enter(t testing.TB, id *kernelID) {
	t.Helper()
	if lacks := missing(id.features); len(lacks) > 0 {
		for _, name := range required() {
			if (name == id.isa || name == id.name()) && emulator() == "" {
				t.Fatalf("%s asks for %s, and this CPU lacks %s", envRequire, name, strings.Join(lacks, ", "))
			}
		}
		t.Skipf("this CPU lacks %s", strings.Join(lacks, ", "))
	}
	coverage.add(id)
}

// each runs f as a subtest for every row of a table.
func each[R interface{ id() *kernelID }](t *testing.T, table []R, f func(t *testing.T, row R)) {
	for _, row := range table {
		t.Run(row.id().name(), func(t *testing.T) {
			enter(t, row.id())
			f(t, row)
		})
	}
}

// scale is the share of the test cases to run, 1 for all of them.
var scale = sync.OnceValue(func() float64 {
	s := 1.0
	if testing.Short() {
		s = 0.2
	}
	if text := os.Getenv(envTestScale); text != "" {
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || v <= 0 || v > 1 {
			panic(fmt.Sprintf("%s is %q: want a number in (0, 1]", envTestScale, text))
		}
		s = min(s, v)
	}
	return s
})

// times is how often to repeat what a full run does n times.
func times(n int) int { return max(1, int(math.Round(float64(n)*scale()))) }

// some returns all of the list in a full run, else its ends and a random part.
func some[T any](rng *rand.Rand, list []T) []T {
	if scale() == 1 {
		return list
	}
	var part []T
	for i, v := range list {
		if i == 0 || i == len(list)-1 || rng.Float64() < scale() {
			part = append(part, v)
		}
	}
	return part
}

// random returns a generator that gives the same numbers in every run.
func random(t testing.TB) *rand.Rand {
	var seed uint64 = 1469598103934665603
	for _, c := range []byte(t.Name()) {
		seed = (seed ^ uint64(c)) * 1099511628211
	}
	return rand.New(rand.NewPCG(seed, 1))
}
