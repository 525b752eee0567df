package kernels

import (
	"cmp"
	"fmt"
	"slices"
)

// A ShapeClass is a sort of product within which kernels keep their order of
// speed.
type ShapeClass int

// The shape classes, by rows of activations, outputs and inputs of a product.
const (
	FewRows    ShapeClass = iota // up to 3 rows, as in a GEMV: bound by memory
	FewInputs                    // K below 160, as in first layers
	FewOutputs                   // N up to 24: less than most tiles
	Thin                         // N up to 128
	Wide
	shapeClasses
)

var shapeClassNames = [shapeClasses]string{"few-rows", "few-inputs", "few-outputs", "thin", "wide"}

// String returns a name such as "few-rows".
func (c ShapeClass) String() string {
	if c < 0 || c >= shapeClasses {
		return fmt.Sprintf("ShapeClass(%d)", int(c))
	}
	return shapeClassNames[c]
}

// ShapeClasses lists every shape class.
func ShapeClasses() []ShapeClass { return []ShapeClass{FewRows, FewInputs, FewOutputs, Thin, Wide} }

// ClassOf is the class of products with m rows, n outputs and k inputs.
func ClassOf(m, n, k int) ShapeClass {
	switch {
	case m <= 3:
		return FewRows
	case k < 160:
		return FewInputs
	case n <= 24:
		return FewOutputs
	case n <= 128:
		return Thin
	}
	return Wide
}

// A Rate is how fast a kernel was seen to be: dispatch chooses by it.
type Rate struct {
	Kernel  string
	Weights WeightFormat
	Acts    ActFormat
	Machine string // where it was measured: only rates of one machine compare
	// GMACs are 10^9 multiply-adds a second on one core, by ShapeClass; for a
	// kernel that skips zeros, of those that it does.
	GMACs [shapeClasses]float32
}

// Rates lists the measured rates that dispatch chooses by. The caller owns it.
// The command bench/rates measures them.
func Rates() []Rate { return slices.Clone(currentRates) }

// currentRates are those of rates.go, which tests replace.
var currentRates = rates[:]

// rateOf finds the kernel's rate.
func rateOf(kernel string, f Formats, class ShapeClass) (gmacs float32, machine string) {
	for i := range currentRates {
		if r := &currentRates[i]; r.Kernel == kernel && r.Weights == f.Weights && r.Acts == f.Acts {
			return r.GMACs[class], r.Machine
		}
	}
	return 0, ""
}

// A worker is a form whose kernels do another number of multiply-adds than
// there are.
type worker interface {
	// work is the number of multiply-adds for one row of activations.
	work(r *gemmRow, w Weights, a ActFormat) int
}

// sampled is how many outputs' weights are counted to choose by: to count millions
// would take as long as to pack them.
const sampled = 64

// sample returns the weights of at most that many outputs, as far apart as can be.
func sample(w Weights) Weights {
	if w.N <= sampled || w.Values == nil {
		return w
	}
	s := Weights{Format: w.Format, N: sampled, K: w.K, Values: make([]int8, 0, sampled*w.K)}
	for i := range sampled {
		s.Values = append(s.Values, w.Values[i*w.N/sampled*w.K:][:w.K]...)
	}
	return s
}

// work is the number of multiply-adds that a kernel does for one row; weights
// without values are taken for dense ones.
func work(r *gemmRow, w Weights, a ActFormat) int {
	if f, ok := r.form.(worker); ok && w.Values != nil {
		return f.work(r, w, a)
	}
	return w.N * w.K
}

// wholeBlocks is by how much the rows grow that a kernel computes if it always
// computes whole blocks of them.
func wholeBlocks(r *gemmRow, rows int) float32 {
	if f, ok := r.form.(computer); ok {
		return float32(ceilDiv(rows, f.rows())*f.rows()) / float32(rows)
	}
	return 1
}

// wantsRows reports whether the kernel computes so many rows at a time that it
// would be far from the best on a few: it takes a promise of many.
func (r *gemmRow) wantsRows() bool {
	f, ok := r.form.(computer)
	return ok && f.rows() > 8
}

// A candidate is a kernel for a product.
type candidate struct {
	row     *gemmRow
	machine string  // where it was measured, if it was
	time    float32 // of a row of activations; 0 if not measured
}

// Choose names the kernel that dispatch takes for products of m rows of k
// activations with n rows of weights that have no zeros to skip.
func Choose(f Formats, m, n, k int) (string, error) {
	if !f.Weights.valid() || f.Weights == Float32 || !f.Acts.valid() || f.Acts == F32 {
		return "", fmt.Errorf("kernels: formats %v: want integer formats", f)
	}
	if m < 1 || n < 1 || k < 1 {
		return "", fmt.Errorf("kernels: a product of %dx%dx%d (MxNxK): want at least 1x1x1", m, n, k)
	}
	r, err := chooseGEMM(Weights{Format: f.Weights, N: n, K: k}, f.Acts, m)
	if err != nil {
		return "", err
	}
	return r.name(), nil
}

// clearly is what share of another kernel's time one behind it in the table may
// need to be chosen before it: closer rates are noise. Where it packs weights in
// more bits, which memory and caches have to bear, it must gain more.
func clearly(r, other *gemmRow) float32 {
	if r.bits > other.bits {
		return 0.85
	}
	return 0.95
}

// unknown is 1 if the kernel was not measured.
func (c candidate) unknown() int {
	if c.machine == "" {
		return 1
	}
	return 0
}

// chooseGEMM picks the kernel for a product: of those that were measured on the
// same machine the one that clearly needs the least time, of those that were not the
// first of those preferred; and among these, the one preferred.
func chooseGEMM(w Weights, a ActFormat, rows int) (*gemmRow, error) {
	fit := fitting(gemmTable, func(r *gemmRow) bool {
		f, ok := r.form.(bounded)
		return r.takes(w.Format, a) && (!ok || w.K <= f.maxInputs())
	})
	if rows == 0 {
		rows = manyRows
		if few := slices.DeleteFunc(slices.Clone(fit), (*gemmRow).wantsRows); len(few) > 0 {
			fit = few
		}
	}
	f, class := Formats{w.Format, a.held()}, ClassOf(rows, w.N, w.K)
	n := w.N
	w = sample(w) // times of other kernels shrink alike
	prefer := func(r *gemmRow) float32 { return preference(r, w, f.Acts, rows, n) }
	var best []candidate // one for each machine, in the order of the table
	for _, r := range fit {
		if r.isa == "portable" && len(best) > 0 && best[0].row.isa != "portable" {
			break // it is the last resort
		}
		c := candidate{row: r}
		if gmacs, machine := rateOf(r.name(), f, class); gmacs > 0 {
			c.machine, c.time = machine, float32(work(r, w, f.Acts))/gmacs
			if class != FewRows { // whose rates are of so few
				c.time *= wholeBlocks(r, rows)
			}
		}
		same := slices.IndexFunc(best, func(b candidate) bool { return b.machine == c.machine })
		if same < 0 {
			best = append(best, c)
		} else if c.time < clearly(r, best[same].row)*best[same].time || c.machine == "" && prefer(r) > prefer(best[same].row) {
			best[same] = c
		}
	}
	if len(best) == 0 {
		return nil, fmt.Errorf("kernels: no kernel for %v", f)
	}
	return slices.MaxFunc(best, func(a, b candidate) int {
		if c := cmp.Compare(prefer(a.row), prefer(b.row)); c != 0 {
			return c
		}
		return b.unknown() - a.unknown()
	}).row, nil
}
