package kernels

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// EnvImpl is the environment variable that does at start what Use does later.
const EnvImpl = "LOWBIT_IMPL"

// selection is the set of names that Use was given; nil selects every kernel.
type selection struct{ names []string }

// tiers are the instruction sets that kernels are written for, worst first of each
// architecture. A room holds only what gains from its instructions, so selecting a
// tier selects those it includes too; where several have a kernel, the table lists
// the best tier first.
var tiers = []struct {
	name     string
	includes []string
}{
	{"portable", nil},
	{"avx2", nil},
	{"avxvnni", []string{"avx2"}},
	{"avx512bw", []string{"avx2"}},
	{"avx512vnni", []string{"avx2", "avx512bw"}},
	{"avx512vbmi", []string{"avx2", "avx512bw", "avx512vnni"}},
	{"neon", nil},
	{"dotprod", []string{"neon"}},
	{"i8mm", []string{"neon", "dotprod"}},
}

// tierRank is the place of a tier among all.
func tierRank(name string) int {
	for i, t := range tiers {
		if t.name == name {
			return i
		}
	}
	panic("kernels: no tier " + name)
}

func (s *selection) matches(id *kernelID) bool {
	if slices.Contains(s.names, id.isa) || slices.Contains(s.names, id.name()) {
		return true
	}
	for _, t := range tiers {
		if slices.Contains(t.includes, id.isa) && slices.Contains(s.names, t.name) {
			return true
		}
	}
	return false
}

var (
	selected atomic.Pointer[selection]
	useMu    sync.Mutex // held while selected and current change together
)

// quick holds the kernels of the operations that are functions rather than
// plans. It is replaced whole whenever the selection changes.
type quick struct {
	bits     *bitsRow
	f32      *f32Row
	f32Dot   *f32DotRow
	epilogue *epilogueRow
	training *trainingRow
}

var current atomic.Pointer[quick]

func resolve() {
	current.Store(&quick{
		bits:     must(bitsTable),
		f32:      must(f32Table),
		f32Dot:   must(f32DotTable),
		epilogue: must(epilogueTable),
		training: must(trainingTable),
	})
}

func init() {
	resolve()
	if name := os.Getenv(EnvImpl); name != "" {
		if _, err := Use(name); err != nil {
			fmt.Fprintf(os.Stderr, "%v (from the environment variable %s, which is ignored)\n", err, EnvImpl)
		}
	}
}

// Use limits dispatch, for the whole process, to the kernels that name selects:
// an instruction set (avx2, neon), a kernel (avx2-muladd-w4), or several of them
// separated by commas. Where none of those computes an operation, the portable
// kernel does. An instruction set includes those below it: on amd64, avx512vbmi
// (with VPOPCNTDQ) has avx512vnni below it, then avx512bw, then avx2, and avxvnni
// has avx2; on arm64, i8mm has dotprod below it, then neon. "auto" selects every
// kernel again. Plans keep the kernel they were made with; functions such as MatMul
// and MaxPool follow the selection of the moment.
//
// It returns a function that restores the selection there was before. The
// error, of a name that no kernel has or that this CPU cannot run, says which
// names there are or which CPU features are missing; nothing has changed then.
func Use(name string) (restore func(), err error) {
	var s *selection
	if name != "auto" {
		s = &selection{names: strings.Split(name, ",")}
		for _, n := range s.names {
			ok, lacks := known(n)
			if !ok {
				return nil, fmt.Errorf("kernels: no kernel or instruction set %q: want auto, one of %s, or the name of a kernel that Table lists", n, strings.Join(isas(), ", "))
			}
			if len(lacks) > 0 {
				return nil, fmt.Errorf("kernels: %q cannot run on this CPU: it lacks %s", n, strings.Join(lacks, ", "))
			}
		}
	}
	before := choose(s)
	return func() { choose(before) }, nil
}

// choose replaces the selection and returns the one before.
func choose(s *selection) *selection {
	useMu.Lock()
	defer useMu.Unlock()
	before := selected.Swap(s)
	resolve()
	return before
}

// isas lists the instruction sets that there are kernels for, best first.
func isas() []string {
	var list []string
	for _, t := range slices.Backward(tiers) {
		if ok, _ := known(t.name); ok {
			list = append(list, t.name)
		}
	}
	return list
}
