package quant

import "math"

// A Stream is a random stream by counter: number i is a function of the
// stream's key and of i alone, so any goroutine may draw any part of it and a
// run gives the same bits with any number of threads.
type Stream uint64

// NewStream returns the stream named by a seed and any further numbers, such
// as step and tensor.
func NewStream(seed uint64, names ...uint64) Stream {
	h := mix(seed + 0x9e3779b97f4a7c15)
	for _, n := range names {
		h = mix(h ^ mix(n+0x9e3779b97f4a7c15))
	}
	return Stream(h)
}

// mix is the output function of SplitMix64 (Steele, Lea and Flood 2014).
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

const streamStep = 0x9e3779b97f4a7c15

// Uint64 is number i of the stream.
func (s Stream) Uint64(i uint64) uint64 {
	return mix(uint64(s) + i*streamStep)
}

// Uniform is number i as one of the 2^24 multiples of 2^-24 in [0, 1).
func (s Stream) Uniform(i uint64) float32 {
	return float32(s.Uint64(i)>>40) * 0x1p-24
}

// Normal is number i of a standard normal stream (Box-Muller on the uniform
// numbers 2i and 2i+1).
func (s Stream) Normal(i uint64) float32 {
	r := math.Sqrt(-2 * math.Log(1-float64(s.Uniform(2*i))))
	return float32(r * math.Cos(2*math.Pi*float64(s.Uniform(2*i+1))))
}

// Perm is a permutation of 0 ... n-1 (Fisher-Yates). It allocates the result.
func (s Stream) Perm(n int) []int32 {
	p := make([]int32, n)
	for i := range p {
		p[i] = int32(i)
	}
	for i := n - 1; i > 0; i-- {
		// The modulo favours small numbers by less than n/2^64.
		j := s.Uint64(uint64(i)) % uint64(i+1)
		p[i], p[j] = p[j], p[i]
	}
	return p
}
