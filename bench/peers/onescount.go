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
	w := packBits(make([]uint64, p.N*words), p.Weights, p.K)
	x := make([]uint64, p.M*words)
	return &suite.Call{
		Run: func() {
			packBits(x, p.Codes, p.K)
			for m := range p.M {
				row := x[m*words : m*words+words]
				for n := range p.N {
					p.Sums[m*p.N+n] = int32(p.K) - 2*differing(row, w[n*words:n*words+words])
				}
			}
		},
		Packed: 8 * len(w),
	}, nil
}

func onesCountDot(p suite.Problem) (*suite.Call, error) {
	words := (p.K + 63) / 64
	x, w := packBits(make([]uint64, words), p.Codes, p.K), packBits(make([]uint64, words), p.Weights, p.K)
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

// packBits sets a bit for every positive number, in rows of k numbers that
// begin with a new word. What remains of a row's last word is 0.
func packBits[T uint8 | int8](dst []uint64, src []T, k int) []uint64 {
	words := (k + 63) / 64
	for row := range len(src) / k {
		numbers := src[row*k : row*k+k]
		for i := range words {
			var word uint64
			for j, v := range numbers[64*i : min(k, 64*i+64)] {
				if v > 0 {
					word |= 1 << j
				}
			}
			dst[row*words+i] = word
		}
	}
	return dst
}
