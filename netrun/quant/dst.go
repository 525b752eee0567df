package quant

import (
	"math"
	mathbits "math/bits"

	"example.com/lowbit/kernels"
)

// A Transition is the rule for the last move of a discrete weight update: with
// which probability the part of the update that does not reach the next level
// moves the weight there all the same.
type Transition uint8

const (
	// Tanh is GXNOR-Net's p = tanh(3*|nu|/delta) (Deng et al. 2018, arXiv
	// 1705.09283): small updates move the weight three times as often as
	// they would on average.
	Tanh Transition = iota
	// Unbiased is stochastic rounding, p = |nu|/delta: the weight moves by
	// the update on average.
	Unbiased
)

// gain is m of METHOD's tanh(m*|nu|/delta).
const gain = 3

// Update is the discrete state transition (DST): it returns the index of the
// level that the weight at level index s moves to under the real update d, in
// units of the levels. u in [0, 1) decides the random transition. No float
// copy of the weight is needed; a NaN leaves it where it is.
//
// The update is first clipped to the grid, t = clip(L[s]+d, -H, H). The weight
// walks to the last level not past t, and goes one level further with the
// probability that rule gives for the rest nu = t - L[s'] of the gap delta to
// the next level.
func (g *Grid) Update(s uint8, d, u float32, rule Transition) uint8 {
	n, nu, delta := g.Walk(s, d)
	if delta == 0 {
		return n
	}
	// tanh(x) <= x: most draws are settled without the tanh.
	if x := gain * nu / delta; rule == Tanh && (u >= x || u >= tanh(x)) {
		return n
	}
	if rule == Unbiased && u >= nu/delta {
		return n
	}
	if d < 0 {
		return n - 1
	}
	return n + 1
}

// UpdateAll moves each weight at level index s[i] by Update with the real update
// d[i] and number first+i of the stream.
func (g *Grid) UpdateAll(s []uint8, d []float32, stream Stream, first int, rule Transition) {
	// The usual update is far smaller than the gap it starts into, and fails
	// to cross it. This case is decided first, from tables, without a branch
	// that no processor can predict: reach is a little less than the gap from a
	// level downwards or upwards, and 0 where there is none. No probability
	// exceeds bound*|d|/gap, and rounding of level+d moves it by up to 2^-24 of
	// the level.
	const slack, bound = float32(64 * 0x1p-23), float32(gain * (1 + 1e-5))
	const block = 256
	var mask [block / 8]uint8
	for lo := 0; lo < len(s); lo += block {
		hi := min(lo+block, len(s))
		m, state := mask[:(hi-lo+7)/8], uint64(stream)+uint64(first+lo)*streamStep
		if g.reach != nil {
			kernels.Moves(m, s[lo:hi], d[lo:hi], state, g.reach, slack, bound)
		} else {
			kernels.MovesWhole(m, s[lo:hi], d[lo:hi], state, uint8(len(g.Levels)-1), within, slack, bound)
		}
		for j, bits := range m {
			for ; bits != 0; bits &= bits - 1 {
				i := lo + 8*j + mathbits.TrailingZeros8(bits)
				s[i] = g.Update(s[i], d[i], stream.Uniform(uint64(first+i)), rule)
			}
		}
	}
}

// within is the part of a gap that an update is below which ends in it.
const within = 1 - 1e-6

func tanh(x float32) float32 { return float32(math.Tanh(float64(x))) }

// Walk is the deterministic part of Update: the level index it reaches, the
// length nu >= 0 of what is left of the update, and the gap delta from that
// level to the next one in the same direction, 0 if there is nothing left.
func (g *Grid) Walk(s uint8, d float32) (to uint8, nu, delta float32) {
	l, i := g.Levels, int(s)
	switch {
	case d > 0:
		t := min(l[i]+d, l[len(l)-1])
		for i+1 < len(l) && l[i+1] <= t {
			i++
		}
		if i+1 < len(l) {
			nu, delta = t-l[i], l[i+1]-l[i]
		}
	case d < 0:
		t := max(l[i]+d, l[0])
		for i > 0 && l[i-1] >= t {
			i--
		}
		if i > 0 {
			nu, delta = l[i]-t, l[i]-l[i-1]
		}
	}
	if nu == 0 {
		delta = 0
	}
	return uint8(i), nu, delta
}

// Probability is the chance that rule moves a weight over the gap delta when
// nu of it is left.
func (rule Transition) Probability(nu, delta float32) float32 {
	if rule == Tanh {
		return tanh(gain * nu / delta)
	}
	return nu / delta
}
