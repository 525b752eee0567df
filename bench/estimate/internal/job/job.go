// Package job is a product whose instructions are to be counted: what the command
// estimate tells the program that runs it.
package job

import (
	"fmt"
	"math"
	"math/rand/v2"

	"example.com/lowbit/kernels"
	"example.com/lowbit/ref"
)

// A Job is one product: M rows of activations, N outputs, K inputs.
type Job struct {
	Kernel    string
	Operation kernels.Operation
	Step      string               // of epilogues
	Weights   kernels.WeightFormat // of float32 kernels Float32
	Acts      kernels.ActFormat
	M, N, K   int
	Zeros     int // percent of the weights that are zero; NaturalZeros if as often as other levels
}

// NaturalZeros draws all levels of a format equally often.
const NaturalZeros = -1

// A Done is a Job that ran.
type Done struct {
	Kernel string // that the plan chose
	MACs   int    // M*N*K, zeros included; of epilogues, elements
	Work   int    // multiply-adds that the kernel does
	Packed int    // bytes of packed weights
}

// String returns a text such as "ternary x u2, 64x128x1024 (MxNxK)".
func (j Job) String() string {
	if j.Operation == kernels.OpEpilogue {
		return fmt.Sprintf("%s, %d rows of %d channels", j.Step, j.M, j.K)
	}
	text := fmt.Sprintf("%v x %v, %dx%dx%d (MxNxK)", j.Weights, j.Acts, j.M, j.N, j.K)
	if j.Zeros != NaturalZeros {
		text += fmt.Sprintf(", %d %% zeros", j.Zeros)
	}
	return text
}

// Run plans the product for the kernel and runs it between calls of begin and end. It
// returns an error if another kernel was chosen, or if the result is wrong.
func (j Job) Run(begin, end func()) (Done, error) {
	if j.M < 1 || j.N < 1 || j.K < 1 {
		return Done{}, fmt.Errorf("a product of %dx%dx%d: want at least 1x1x1", j.M, j.N, j.K)
	}
	// Kernels that read bits have their activations packed by another row of the table.
	for _, names := range []string{j.Kernel + packer(j.Kernel), j.Kernel} {
		restore, err := kernels.Use(names)
		if err != nil {
			return Done{}, err
		}
		p, err := j.plan()
		if err == nil && p.kernel != j.Kernel {
			err = fmt.Errorf("kernel %s was chosen", p.kernel)
		}
		if err != nil {
			restore()
			if names == j.Kernel {
				return Done{}, err
			}
			continue
		}
		begin()
		p.run()
		end()
		restore()
		if err := p.check(); err != nil {
			return Done{}, err
		}
		return Done{p.kernel, j.M * j.N * j.K, p.work, p.packed}, nil
	}
	panic("not reached")
}

// packer names the kernel that packs signs for one of that name, with a comma before it.
func packer(kernel string) string {
	for _, k := range kernels.Table() {
		if k.Name != kernel {
			continue
		}
		restore, err := kernels.Use(k.ISA)
		if err != nil {
			return ""
		}
		defer restore()
		dot, err := kernels.NewDot(kernels.Weights{Format: kernels.Binary, N: 1, K: 1, Values: []int8{1}}, kernels.Sign)
		if err != nil || dot.Kernel() == kernel {
			return ""
		}
		return "," + dot.Kernel()
	}
	return ""
}

// A plan is a product that is ready to run.
type plan struct {
	kernel       string
	run          func()
	check        func() error
	work, packed int
}

func (j Job) plan() (*plan, error) {
	switch j.Operation {
	case kernels.OpGEMM:
		return j.gemm()
	case kernels.OpGEMMFloat32:
		return j.gemmFloat32()
	case kernels.OpMixed:
		return j.mixed()
	case kernels.OpDot, kernels.OpDotBinary:
		return j.dot()
	case kernels.OpDotFloat32:
		return j.dotFloat32()
	case kernels.OpEpilogue:
		return j.epilogue()
	}
	return nil, fmt.Errorf("operation %q: want a product or an epilogue", j.Operation)
}

func (j Job) gemm() (*plan, error) {
	w, x, dst := j.weights(), j.codes(), make([]int32, j.M*j.N)
	rows := j.M
	g, err := kernels.NewGEMM(w, j.Acts, kernels.Options{Rows: rows})
	if err != nil {
		return nil, err
	}
	return &plan{kernel: g.Kernel(), work: j.M * g.Work(), packed: g.PackedBytes(),
		run: func() { g.Run(dst, x, j.M) },
		check: func() error {
			values := j.values(x)
			for i := 0; i < len(dst); i += j.step() {
				r, c := i/j.N, i%j.N
				if want := ref.Dot(values[r*j.K:][:j.K], w.Values[c*j.K:][:j.K]); dst[i] != want {
					return fmt.Errorf("result [%d][%d] is %d: want %d", r, c, dst[i], want)
				}
			}
			return nil
		}}, nil
}

func (j Job) dot() (*plan, error) {
	if j.M != 1 || j.N != 1 {
		return nil, fmt.Errorf("an inner product of %dx%d: want M = N = 1", j.M, j.N)
	}
	w, x := j.weights(), j.codes()
	d, err := kernels.NewDot(w, j.Acts)
	if err != nil {
		return nil, err
	}
	var got int32
	return &plan{kernel: d.Kernel(), work: j.K, packed: d.PackedBytes(),
		run: func() { got = d.Run(x) },
		check: func() error {
			if want := ref.Dot(j.values(x), w.Values); got != want {
				return fmt.Errorf("result is %d: want %d", got, want)
			}
			return nil
		}}, nil
}

func (j Job) gemmFloat32() (*plan, error) {
	w, x, dst := floats(j.N*j.K), floats(j.M*j.K), make([]float32, j.M*j.N)
	g, err := kernels.NewGEMMFloat32(w, j.N, j.K, kernels.Options{})
	if err != nil {
		return nil, err
	}
	return &plan{kernel: g.Kernel(), work: j.M * j.N * j.K, packed: g.PackedBytes(),
		run: func() { g.Run(dst, x, j.M) },
		check: func() error {
			for i := 0; i < len(dst); i += j.step() {
				r, c := i/j.N, i%j.N
				if err := near(dst[i], x[r*j.K:][:j.K], w[c*j.K:][:j.K]); err != nil {
					return fmt.Errorf("result [%d][%d]: %w", r, c, err)
				}
			}
			return nil
		}}, nil
}

func (j Job) dotFloat32() (*plan, error) {
	x, y := floats(j.K), floats(j.K + 1)[1:]
	var got float32
	return &plan{kernel: j.Kernel, work: j.K, packed: 4 * j.K, // the table has no plan to ask
		run:   func() { got = kernels.DotFloat32(x, y) },
		check: func() error { return near(got, x, y) }}, nil
}

func (j Job) mixed() (*plan, error) {
	w, x, dst := j.weights(), floats(j.M*j.K), make([]float32, j.M*j.N)
	g, err := kernels.NewMixed(w, kernels.Options{})
	if err != nil {
		return nil, err
	}
	return &plan{kernel: g.Kernel(), work: j.M * j.N * j.K, packed: g.PackedBytes(),
		run: func() { g.Run(dst, x, j.M) },
		check: func() error {
			var want [1]float32
			for i := 0; i < len(dst); i += j.step() {
				r, c := i/j.N, i%j.N
				ref.Mixed(want[:], x[r*j.K:][:j.K], w.Values[c*j.K:][:j.K], 1, 1, j.K)
				if math.Float32bits(dst[i]) != math.Float32bits(want[0]) {
					return fmt.Errorf("result [%d][%d] is %v: want %v", r, c, dst[i], want[0])
				}
			}
			return nil
		}}, nil
}

// step is the distance of results that are checked: emulators are slow. It is odd, so
// that all columns come up.
func (j Job) step() int { return j.M*j.N*j.K>>20 | 1 }

func near(got float32, x, w []float32) error {
	want, size := float64(ref.DotFloat32(x, w)), 0.0
	for i := range w {
		size += math.Abs(float64(x[i]) * float64(w[i]))
	}
	if math.Abs(float64(got)-want) > float64(len(w))*0x1p-24*size {
		return fmt.Errorf("%v is not within rounding of %v", got, want)
	}
	return nil
}

// weights draws levels, of which so many are zeros as the job says.
func (j Job) weights() kernels.Weights {
	r := rand.New(rand.NewPCG(uint64(j.N), uint64(j.K)))
	levels := j.Weights.Levels()
	var others []int8
	for _, l := range levels {
		if l != 0 {
			others = append(others, l)
		}
	}
	w := kernels.Weights{Format: j.Weights, N: j.N, K: j.K, Values: make([]int8, j.N*j.K)}
	for i := range w.Values {
		switch {
		case j.Zeros == NaturalZeros:
			w.Values[i] = levels[r.IntN(len(levels))]
		case r.IntN(100) >= j.Zeros:
			w.Values[i] = others[r.IntN(len(others))]
		}
	}
	return w
}

func (j Job) codes() []uint8 {
	r, x := rand.New(rand.NewPCG(uint64(j.M), 1)), make([]uint8, j.M*j.K)
	for i := range x {
		x[i] = uint8(r.Uint32N(uint32(j.Acts.Max()) + 1))
	}
	return x
}

// values are the numbers that codes mean.
func (j Job) values(codes []uint8) []int16 {
	x := make([]int16, len(codes))
	switch j.Acts {
	case kernels.Sign:
		ref.Signs(x, codes)
	case kernels.S8:
		ref.Signed(x, codes)
	default:
		ref.Unsigned(x, codes)
	}
	return x
}

func floats(n int) []float32 {
	r, x := rand.New(rand.NewPCG(uint64(n), 2)), make([]float32, n)
	for i := range x {
		x[i] = 2*r.Float32() - 1
	}
	return x
}
