package suite

import (
	"fmt"
	"math"
	"sync"
	"testing"

	"example.com/lowbit/kernels"
	"example.com/lowbit/ref"
)

// Mixed measures products of float32 activations with weights of few bits.
func Mixed(b *testing.B) {
	for _, s := range []size{{1, 4096, 4096}, {64, 512, 1024}} {
		caches := []string{"hot"}
		if s.m == 1 {
			caches = append(caches, "cold")
		}
		data := sync.OnceValue(func() *mixedProduct { return newMixedProduct(kernels.Pow2x4, s) })
		for _, cache := range caches {
			for _, k := range rows(kernels.OpMixed, kernels.Formats{}) {
				if k.ISA == portable {
					continue
				}
				name := fmt.Sprintf("w=%v/a=float32/impl=%s/%v/cache=%s", kernels.Pow2x4, k.Name, s, cache)
				run(b, name, func() (*work, error) { return data().work(k, cache == "cold") })
			}
		}
	}
}

// A mixedProduct is the data of a Mixed.
type mixedProduct struct {
	size
	w      kernels.Weights
	x, dst []float32
}

func newMixedProduct(f kernels.WeightFormat, s size) *mixedProduct {
	return &mixedProduct{s, randomWeights(f, s.n, s.k), randomFloats(s.m * s.k), make([]float32, s.m*s.n)}
}

// check wants the very bits of ref.
func (p *mixedProduct) check() error {
	want := make([]float32, 1)
	for i := 0; i < p.m*p.n; i += sampleStep(p.m, p.n, p.k) {
		r, c := i/p.n, i%p.n
		ref.Mixed(want, p.x[r*p.k:][:p.k], p.w.Values[c*p.k:][:p.k], 1, 1, p.k)
		if math.Float32bits(p.dst[i]) != math.Float32bits(want[0]) {
			return fmt.Errorf("result [%d][%d] is %v: want %v", r, c, p.dst[i], want[0])
		}
	}
	return nil
}

func (p *mixedProduct) work(k kernels.Kernel, cold bool) (*work, error) {
	restore, err := use(k)
	if err != nil {
		return nil, err
	}
	defer restore()
	plans, err := ring(func() (*kernels.Mixed, error) { return kernels.NewMixed(p.w, kernels.Options{}) }, cold)
	if err != nil {
		return nil, err
	}
	if err := chosen(plans[0].Kernel(), k); err != nil {
		return nil, err
	}
	packed := plans[0].PackedBytes()
	return &work{
		run:   func(i int) { plans[i%len(plans)].Run(p.dst, p.x, p.m) },
		check: p.check, poison: func() { clear(p.dst) },
		macs: p.macs(), bytes: packed + 4*len(p.x) + 4*len(p.dst),
		weights: p.n * p.k, packed: packed,
		cold: cold, loop: loopOf(kernels.Kernel{ISA: k.ISA, Algorithm: "float32"}, FloatFormats),
	}, nil
}
