package suite

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"example.com/lowbit/kernels"
)

// sparseFormats are those of which shiftadd skips the zeros.
var sparseFormats = []kernels.Formats{
	{Weights: kernels.Ternary, Acts: kernels.U2},
	{Weights: kernels.Pow2x3, Acts: kernels.U3},
	{Weights: kernels.Pow2x4, Acts: kernels.U4},
}

// sparse adds the benchmarks of products with weights of which half are zeros:
// for each tier, the kernel that dense weights get and the one that skips zeros.
func sparse(b *testing.B, s size) {
	for _, p := range sparseFormats {
		data := sync.OnceValue(func() *product {
			d := newProduct(p, s)
			d.w = sparseWeights(d.w)
			return d
		})
		picks := tierPicks(p, s)
		for _, k := range gemmRows(p, s) {
			skips := k.Algorithm == "shiftadd"
			if k.ISA == portable && s.macs() > portableMACs || !skips && !slices.Contains(picks, k.Name) {
				continue
			}
			run(b, fmt.Sprintf("%s/impl=%s/%v/cache=hot/zeros=50", formatKeys(p), k.Name, s), func() (*work, error) {
				w, err := data().work(k, false, 1)
				if err == nil && skips {
					w.loop.MACs = int(float64(w.loop.MACs) * passes(k, p) / 0.5)
				}
				return w, err
			})
		}
	}
}

// sparseWeights returns weights of which half are zeros and the others any level
// but zero equally often.
func sparseWeights(w kernels.Weights) kernels.Weights {
	r := random(w.N, w.K, int(w.Format))
	var levels []int8
	for _, l := range w.Format.Levels() {
		if l != 0 {
			levels = append(levels, l)
		}
	}
	w.Values = make([]int8, w.N*w.K)
	for i := range w.Values {
		if r.Uint32()&1 == 0 {
			w.Values[i] = levels[r.IntN(len(levels))]
		}
	}
	return w
}
