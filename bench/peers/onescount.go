package peers

import (
	"math/bits"
	"runtime"

	"example.com/lowbit/bench/suite"
)

// What Go alone can do for products of signs: 64 of them a word, and the
// compiler's POPCNT.
func init() {
	libraries["go"] = func() (library, error) {
		peer := suite.Peer{Impl: "peer-go-onescount", Formats: binarySign, Plan: onesCount}
		dot := peer
		dot.Bits, dot.Plan = true, onesCountDot
		return library{version: runtime.Version(), products: []suite.Peer{peer}, dots: []suite.Peer{dot}}, nil
	}
}

func onesCount(p suite.Problem) (*suite.Call, error) {
	words := (p.K + 63) / 64
	w := packSigns(p.Weights, p.K)
	x := make([]uint64, p.M*words)
	return &suite.Call{
		Run: func() {
			packBits(x, p.Codes, p.K)
			for m := range p.M {
				onesCountRow(p.Sums[m*p.N:m*p.N+p.N], x[m*words:m*words+words], w, int32(p.K))
			}
		},
		Packed: 8 * len(w),
	}, nil
}

// onesCountRow multiplies a row of k signs by all the rows of w.
func onesCountRow(dst []int32, x, w []uint64, k int32) {
	for n := range dst {
		dst[n] = k - 2*differing(x, w[n*len(x):n*len(x)+len(x)])
	}
}

func onesCountDot(p suite.Problem) (*suite.Call, error) {
	words := (p.K + 63) / 64
	x, w := packBits(make([]uint64, words), p.Codes, p.K), packSigns(p.Weights, p.K)
	return &suite.Call{
		Run:    func() { p.Sums[0] = int32(p.K) - 2*differing(x, w) },
		Packed: 8 * words,
	}, nil
}

// differing counts the bits in which x and w, of the same length, differ.
func differing(x, w []uint64) int32 {
	n := 0
	w = w[:len(x)]
	for i, v := range x {
		n += bits.OnesCount64(v ^ w[i])
	}
	return int32(n)
}

// packBits packs codes 0 and 1 in rows of k that begin with a new word. What
// remains of a row's last word is 0.
func packBits(dst []uint64, codes []uint8, k int) []uint64 {
	words := (k + 63) / 64
	for row := range len(codes) / k {
		src := codes[row*k : row*k+k]
		for i := range words {
			var word uint64
			for j, v := range src[64*i : min(k, 64*i+64)] {
				word |= uint64(v) << j
			}
			dst[row*words+i] = word
		}
	}
	return dst
}

// packSigns packs weights of which +1 is a bit.
func packSigns(weights []int8, k int) []uint64 {
	codes := make([]uint8, len(weights))
	for i, w := range weights {
		codes[i] = uint8(w+1) / 2
	}
	return packBits(make([]uint64, len(weights)/k*((k+63)/64)), codes, k)
}
