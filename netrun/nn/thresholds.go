package nn

import (
	"sort"

	"example.com/lowbit/netrun/quant"
)

// thresholds returns the integer steps of a low-bit block's activation: the
// code of sum y in channel c is the number of thresholds[c] that y reaches, or
// that -y reaches where negate[c]. It is quant.Code for every sum in SumRange,
// because quant.Code is monotone in y: each step is found by binary search.
func thresholds(b *Block) (steps [][]int32, negate []bool) {
	levels := b.OutAct.Max()
	steps, negate = make([][]int32, b.Out), make([]bool, b.Out)
	all := make([]int32, b.Out*levels)
	for c := range steps {
		lo, hi := b.SumRange(c)
		sign := int64(1)
		if b.Scale[c] < 0 {
			// The code falls as y grows, so count the steps that -y reaches.
			negate[c], sign = true, -1
			lo, hi = -hi, -lo
		}
		steps[c] = all[c*levels:][:levels]
		for j := range steps[c] {
			// A step above the range is hi+1, which no sum reaches.
			n := sort.Search(int(hi-lo+1), func(i int) bool {
				y := sign * (lo + int64(i))
				return int(quant.Code(int32(y), b.Scale[c], b.Bias[c], levels)) > j
			})
			steps[c][j] = int32(lo + int64(n))
		}
	}
	return steps, negate
}
