package job

import (
	"fmt"
	"slices"

	"example.com/lowbit/kernels"
	"example.com/lowbit/ref"
)

// The steps between layers, for Job.Step. Their jobs have M rows of K channels, M the
// square of an even number.
const (
	Thresholds = "thresholds,u2"
	Requantize = "requantize,u8"
	MaxPoolI32 = "maxpool,int32"
	MaxPoolF32 = "maxpool,float32"
	Affine     = "affine-relu,float32"
)

// Steps lists them all.
func Steps() []string { return []string{Thresholds, Requantize, MaxPoolI32, MaxPoolF32, Affine} }

// EpilogueJob is a job of a step, on the sums of a convolution of 24x24 outputs of 32
// channels.
func EpilogueJob(kernel, step string) Job {
	return Job{Kernel: kernel, Operation: kernels.OpEpilogue, Step: step, Weights: kernels.Float32, Acts: kernels.F32, M: 24 * 24, N: 1, K: 32, Zeros: NaturalZeros}
}

func (j Job) epilogue() (*plan, error) {
	n := j.M * j.K
	acc := make([]int32, n)
	for i, f := range floats(n) {
		acc[i] = int32(1000 * f)
	}
	p := &plan{kernel: j.Kernel, work: n} // functions without a plan have no name to ask for
	switch j.Step {
	case Thresholds:
		list, negate := make([][]int32, j.K), make([]bool, j.K)
		for c := range list {
			list[c], negate[c] = []int32{-500, int32(c), 500}, c%3 == 0
		}
		t, err := kernels.NewThresholds(list, negate)
		if err != nil {
			return nil, err
		}
		got, want := make([]uint8, n), make([]uint8, n)
		ref.Thresholds(want, acc, list, negate)
		p.kernel, p.run, p.check = t.Kernel(), func() { t.Run(got, acc) }, func() error { return same(got, want) }
	case Requantize:
		mul, add := make([]int32, j.K), make([]int64, j.K)
		for c := range mul {
			mul[c], add[c] = int32(1000+c), 1<<21
		}
		q, err := kernels.NewRequantize(mul, add, 13, 255)
		if err != nil {
			return nil, err
		}
		got, want := make([]uint8, n), make([]uint8, n)
		ref.Requantize(want, acc, mul, add, 13, 255)
		p.kernel, p.run, p.check = q.Kernel(), func() { q.Run(got, acc) }, func() error { return same(got, want) }
	case MaxPoolI32:
		pool(p, j, acc)
	case MaxPoolF32:
		pool(p, j, floats(n))
	case Affine:
		scale, bias, x := floats(j.K), floats(j.K), floats(n)
		want := slices.Clone(x)
		ref.Affine(want, scale, bias, true)
		p.run, p.check = func() { kernels.Affine(x, scale, bias, true) }, func() error { return same(x, want) }
	default:
		return nil, fmt.Errorf("step %q: want one of %q", j.Step, Steps())
	}
	return p, nil
}

func pool[T int32 | float32](p *plan, j Job, src []T) {
	side := 1
	for side*side < j.M {
		side++
	}
	s := kernels.PoolShape{H: side, W: side, C: j.K, Window: 2, Stride: 2}
	got, want := make([]T, len(src)/4), make([]T, len(src)/4)
	ref.MaxPool(want, src, ref.PoolShape(s))
	p.run, p.check = func() { kernels.MaxPool(got, src, s, 1) }, func() error { return same(got, want) }
}

func same[T comparable](got, want []T) error {
	for i := range want {
		if got[i] != want[i] {
			return fmt.Errorf("element %d is %v: want %v", i, got[i], want[i])
		}
	}
	return nil
}
