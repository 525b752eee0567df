package quant

import "example.com/lowbit/kernels"

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
	if w.Joined() {
		if v >= 0 && v <= float32(top) {
			return 1
		}
		return 0
	}
	d, one, zero := []float32{1}, []float32{1}, []float32{0}
	kernels.Slopes(d, []float32{v}, one, zero, float32(top), w.Kernel())
	return d[0]
}

// Kernel is the window around one step, as kernels.Slopes takes it.
func (w Window) Kernel() kernels.Window {
	a := w.HalfWidth
	if w.Triangular {
		return kernels.Window{Half: a, Peak: 1 / a, Fall: 1 / (a * a)}
	}
	return kernels.Window{Half: a, Peak: 1 / (2 * a)}
}

// Joined says whether the windows join to slope 1 from 0 to the largest code.
func (w Window) Joined() bool { return !w.Triangular && w.HalfWidth == 0.5 }
