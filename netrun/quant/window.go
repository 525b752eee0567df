package quant

import "math"

// A Window is the pseudo-derivative of an activation quantizer: each step of
// the staircase, whose true derivative is zero or infinite, is given the slope
// of a window of area 1 around it (Deng et al. 2018, arXiv 1705.09283).
type Window struct {
	Triangular bool // max(0, a-|d|)/a²; otherwise rectangular, 1/(2a) for |d| <= a
	// HalfWidth is a > 0, in steps. Rectangular windows of half a step join
	// to slope 1 over the quantizer's range: the clipped straight-through
	// estimator.
	HalfWidth float32
}

// Slope is the sum of the windows at v for a quantizer with codes 0 ... top,
// which steps at 0.5, 1.5, ... top-0.5.
func (w Window) Slope(v float32, top int) float32 {
	a := w.HalfWidth
	if !w.Triangular && a == 0.5 {
		if v >= 0 && v <= float32(top) {
			return 1
		}
		return 0
	}
	if !(v > 0.5-a-1 && v < float32(top)+a+1) { // out of reach, or NaN
		return 0
	}
	first := max(int(math.Ceil(float64(v-a+0.5))), 1)
	last := min(int(math.Floor(float64(v+a+0.5))), top)
	var slope float32
	for j := first; j <= last; j++ {
		d := v - (float32(j) - 0.5)
		if d < 0 {
			d = -d
		}
		switch {
		case d > a:
		case w.Triangular:
			slope += (a - d) / (a * a)
		default:
			slope += 1 / (2 * a)
		}
	}
	return slope
}
