package suite

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.com/lowbit/bench/internal/limits"
	"example.com/lowbit/kernels"
)

// A work is one operation on data of its own, ready to be timed.
type work struct {
	around func() (restore func(), err error) // if not nil, sets dispatch while run is timed
	run    func(i int)                        // does the operation once; i counts the calls
	poison func()                             // if not nil, spoils what an earlier kernel left as the result
	check  func() error                       // compares the last result with package ref's
	close  func()                             // if not nil, frees what Go does not

	macs    int // multiply-adds of a call; 0 for what has none
	elems   int // elements of a call, where there are no multiply-adds
	images  int // images of a call, of a network
	bytes   int // bytes of weights, activations and results that a call touches
	weights int // weights of one plan
	packed  int // bytes of one plan's packed weights
	cold    bool
	threads int // 0 means 1

	loop limits.Loop // the multiply-adds' limit, if known
}

// run adds a benchmark that makes its work when it is first asked to.
func run(b *testing.B, name string, prepare func() (*work, error)) {
	prepared := sync.OnceValues(prepare)
	var w *work
	b.Run(name, func(b *testing.B) {
		var err error
		if w, err = prepared(); err != nil {
			b.Fatal(err)
		}
		w.measure(b)
	})
	if w != nil && w.close != nil {
		w.close()
	}
}

// measure checks the result, takes the time, and checks that the result is
// still the same.
func (w *work) measure(b *testing.B) {
	if w.around != nil {
		restore, err := w.around()
		if err != nil {
			b.Fatal(err)
		}
		defer restore()
	}
	if w.poison != nil {
		w.poison()
	}
	w.run(0)
	if err := w.check(); err != nil {
		b.Fatal(err)
	}
	limit := w.limit()
	for i := 0; b.Loop(); i++ {
		w.run(i)
	}
	limit = max(limit, w.limit())
	if err := w.check(); err != nil {
		b.Fatal(err)
	}
	calls := float64(b.N) / b.Elapsed().Seconds()
	b.SetBytes(int64(w.bytes))
	if w.macs > 0 {
		b.ReportMetric(2*float64(w.macs)*calls, "ops/s")
	}
	if w.elems > 0 {
		b.ReportMetric(float64(w.elems)*calls, "elem/s")
	}
	if w.images > 0 {
		b.ReportMetric(float64(w.images)*calls, "images/s")
	}
	if w.weights > 0 {
		b.ReportMetric(float64(w.packed)/float64(w.weights), "B/weight")
	}
	if limit > 0 {
		b.ReportMetric(100*calls/limit, "%limit")
	}
}

// limit measures how many calls a second the machine could make at most.
func (w *work) limit() float64 {
	if w.macs > 0 && w.loop.Run == nil {
		return 0 // not measured
	}
	level := levelOf(w.bytes)
	if w.cold {
		level = dram
	}
	seconds := float64(w.bytes) / limits.Bandwidth(memoryAt(level))
	if w.macs > 0 {
		seconds = max(seconds, float64(w.macs)/w.loop.Rate())
	}
	return float64(max(1, w.threads)) / seconds
}

// rows lists the kernels of an operation that run here and compute p exactly,
// in the order of the table. The zero p fits operations without formats.
func rows(op kernels.Operation, p kernels.Formats) []kernels.Kernel {
	var list []kernels.Kernel
	for _, k := range kernels.Table() {
		if k.Operation != op || len(k.Missing) > 0 || p != (kernels.Formats{}) && !slices.Contains(k.Formats, p) {
			continue
		}
		list = append(list, k)
	}
	return list
}

const portable = "portable"

// gemmRows lists the kernels that dispatch can be made to choose for products
// of a size, its own choice first.
func gemmRows(p kernels.Formats, s size) []kernels.Kernel {
	preferred := gemmChoice(p, s)
	var list []kernels.Kernel
	for _, k := range rows(kernels.OpGEMM, p) {
		restore, err := use(k)
		if err != nil {
			continue
		}
		got := gemmChoice(p, s)
		restore()
		switch {
		case k.Name == preferred:
			list = slices.Insert(list, 0, k)
		case k.Name == got:
			list = append(list, k)
		}
	}
	return list
}

// gemmChoice names the kernel that dispatch takes for products of a size.
func gemmChoice(p kernels.Formats, s size) string {
	name, err := kernels.Choose(p, s.m, s.n, s.k)
	if err != nil {
		panic(err) // a portable kernel takes every pair of formats
	}
	return name
}

// ends keeps the kernel that dispatch prefers and the one that it takes without
// assembly: for shapes of which a benchmark of every kernel would tell little more.
func ends(list []kernels.Kernel, p kernels.Formats, s size) []kernels.Kernel {
	if len(list) < 3 || allShapes() {
		return list
	}
	restore, err := kernels.Use(portable)
	if err != nil {
		panic(err) // every CPU runs these
	}
	defer restore()
	last := gemmChoice(p, s)
	best := list[0].Name
	return slices.DeleteFunc(list, func(k kernels.Kernel) bool { return k.Name != best && k.Name != last })
}

// use limits dispatch to one kernel, and, if that reads bits, to what packs signs
// to these on its instruction set, until the function it returns is called. Others
// are by themselves: what packs is a kernel of products too, and could be chosen.
func use(k kernels.Kernel) (restore func(), err error) {
	if k.ISA == portable || k.Algorithm != "popcount" {
		return kernels.Use(k.Name)
	}
	names := k.Name
	if pack, err := bitsPacker(k.ISA); err != nil {
		return nil, err
	} else if pack != k.Name {
		names += "," + pack
	}
	return kernels.Use(names)
}

// bitsPacker names the kernel for packed signs that an instruction set has, by
// itself or from one that it includes.
func bitsPacker(isa string) (string, error) {
	restore, err := kernels.Use(isa)
	if err != nil {
		return "", err
	}
	defer restore()
	dot, err := kernels.NewDot(randomWeights(kernels.Binary, 1, 1), kernels.Sign)
	if err != nil {
		return "", err
	}
	return dot.Kernel(), nil
}

// chosen checks that a plan took the kernel it was to be measured with.
func chosen(got string, k kernels.Kernel) error {
	if got != k.Name {
		return fmt.Errorf("the plan chose %s: want %s", got, k.Name)
	}
	return nil
}

// loopOf finds the limit of a kernel's multiply-adds on formats p: the loop made
// of its own instructions, none if there is no such loop, and for a portable
// kernel the fastest of its kind.
func loopOf(k kernels.Kernel, p kernels.Formats) limits.Loop {
	kind, impl := k.Algorithm, vectors(k.ISA)+"-"+instructions(k)
	if k.Algorithm == "popcount" && strings.Contains(k.Name, "lut") {
		kind = limits.LUT
	}
	for _, l := range limits.Loops() { // fastest first within a kind
		if l.Kind == kind && (k.ISA == portable || l.Impl == impl) {
			l.MACs = int(float64(l.MACs) / passes(k, p))
			return l
		}
	}
	return limits.Loop{}
}

// passes is how many times a kernel does what its loop does for a multiply-add:
// look-ups once for each plane of weights and four bits of activations, counts of
// planes once for each pair of planes, additions of columns not for zeros.
func passes(k kernels.Kernel, p kernels.Formats) float64 {
	planes := 1
	if p.Weights == kernels.Ternary {
		planes = 2
	}
	switch {
	case k.Algorithm == "lut":
		return float64(planes * ((p.Acts.Bits() + 3) / 4))
	case strings.Contains(k.Name, "planes"):
		return float64(planes * p.Acts.Bits())
	case k.Algorithm == "shiftadd" && k.ISA != portable:
		levels := p.Weights.Levels() // equally often, in benchmarks
		if slices.Contains(levels, 0) {
			return float64(len(levels)-1) / float64(len(levels))
		}
	}
	return 1
}

// vectors is how the loops are named after instruction sets.
func vectors(isa string) string {
	if strings.HasPrefix(isa, "avx512") {
		return "avx512"
	}
	return isa
}

// instructions are those of a kernel's multiply-adds, as the loops are named.
func instructions(k kernels.Kernel) string {
	switch k.ISA {
	case "neon":
		return neonInstructions(k)
	case "dotprod":
		return "sdot"
	case "i8mm":
		return "usmmla"
	}
	switch {
	case k.Algorithm == "float32":
		return "fma"
	case k.Algorithm == "shiftadd":
		return "addb"
	case k.Algorithm == "shift":
		return "sllvd-signd-addd"
	case strings.Contains(k.Name, "lut-4x4"):
		return "permb-dpbusd"
	case strings.Contains(k.Name, "lut-6"):
		return "permb-addb"
	case strings.Contains(k.Name, "lut"):
		return "shufb-addb"
	case k.Algorithm == "popcount" && k.ISA == "avx512vbmi":
		return "vpopcntq"
	case k.Algorithm == "popcount":
		return "nibbles"
	case strings.HasSuffix(k.ISA, "vnni"):
		return "dpbusd"
	case strings.Contains(k.Name, "acc16"):
		return "maddubsw-addw"
	case strings.Contains(k.Name, "wide"):
		return "maddwd-addd"
	}
	return "maddubsw-maddwd-addd"
}

func neonInstructions(k kernels.Kernel) string {
	switch {
	case k.Algorithm == "float32":
		return "fma"
	case k.Algorithm == "popcount":
		return "cnt-add"
	case k.Algorithm == "lut":
		return "tbl-add"
	case k.Algorithm == "shiftadd":
		return "add"
	case k.Algorithm == "shift":
		return "sshl-add"
	case strings.Contains(k.Name, "acc8"):
		return "mla"
	case strings.Contains(k.Name, "acc16"):
		return "smlal"
	}
	return "smull-sadalp"
}
