package kernels

import (
	"math/rand/v2"

	"example.com/lowbit/ref"
)

// A pattern says how test values are chosen from the levels of a format.
type pattern int

const (
	uniform     pattern = iota
	edges               // the smallest, the largest, and zero if there is one
	allMax              // the largest everywhere
	allMin              // the smallest everywhere
	alternating         // smallest, largest, smallest, ...
	pairs               // two largest, two smallest, ...: saturates sums of pairs
	sparse              // mostly the level nearest to zero
	patterns            // how many there are
)

var patternNames = [...]string{"uniform", "edges", "max", "min", "alternating", "pairs", "sparse"}

func (p pattern) String() string { return patternNames[p] }

// draw returns n levels in the pattern. levels are in ascending order.
func draw[T int8 | uint8](rng *rand.Rand, p pattern, levels []T, n int) []T {
	out := make([]T, n)
	low, high := levels[0], levels[len(levels)-1]
	zero := low
	for _, l := range levels {
		if l == 0 {
			zero = 0
		}
	}
	for i := range out {
		switch p {
		case edges:
			out[i] = []T{low, high, zero}[rng.IntN(3)]
		case allMax:
			out[i] = high
		case allMin:
			out[i] = low
		case alternating:
			out[i] = []T{low, high}[i%2]
		case pairs:
			out[i] = []T{high, low}[i/2%2]
		case sparse:
			out[i] = zero
			if rng.IntN(8) == 0 {
				out[i] = levels[rng.IntN(len(levels))]
			}
		default:
			out[i] = levels[rng.IntN(len(levels))]
		}
	}
	return out
}

// weights returns an N x K matrix of the format in the pattern.
func weights(rng *rand.Rand, f WeightFormat, p pattern, n, k int) Weights {
	return Weights{Format: f, N: n, K: k, Values: draw(rng, p, f.Levels(), n*k)}
}

// codes lists the codes of an integer activation format, by ascending values.
func codes(a ActFormat) []uint8 {
	list := make([]uint8, a.Max()+1)
	for i := range list {
		list[i] = uint8(i)
		if a == S8 {
			list[i] -= 128
		}
	}
	return list
}

// values are what codes mean.
func values(a ActFormat, x []uint8) []int16 {
	v := make([]int16, len(x))
	switch a {
	case Sign:
		ref.Signs(v, x)
	case S8:
		ref.Signed(v, x)
	default:
		ref.Unsigned(v, x)
	}
	return v
}

// zeroCode is the code of padding pixels, and zeroValue its meaning.
const zeroCode = 0

func zeroValue(a ActFormat) int16 { return values(a, []uint8{zeroCode})[0] }

// around returns the sizes at which a kernel that works in steps of the given
// lengths changes its path: up to twice each step and one more, and the
// neighbours of powers of two, up to limit and in ascending order.
func around(limit int, steps ...int) []int {
	in := make([]bool, limit+1)
	mark := func(n int) {
		if n >= 1 && n <= limit {
			in[n] = true
		}
	}
	for _, s := range steps {
		for _, n := range []int{1, 2, s/2 - 1, s / 2, s/2 + 1, s - 1, s, s + 1, 2*s - 1, 2 * s, 2*s + 1, 3*s + 1} {
			mark(n)
		}
	}
	for p := 1; p <= limit+1; p *= 2 {
		mark(p - 1)
		mark(p)
		mark(p + 1)
	}
	var sizes []int
	for n, ok := range in {
		if ok {
			sizes = append(sizes, n)
		}
	}
	return sizes
}
