package train

import "math"

// Steps are learned as LSQ does (Esser et al. 2020, arXiv 1902.08153): a code's
// derivative is 1 where it is not clipped, 0 where it is, and that of the value
// step*code by step is code - v within, v being the argument that is rounded, and the
// clipped code beyond. Here batch norm follows whatever reads codes, so that a
// common factor of a layer's codes changes nothing: the sum of gradient times code
// over a batch is 0, and what is left is -v within and 0 beyond, which normGradient
// and stepGradient take. PACT (Choi et al. 2018, arXiv 1805.06085) learns the clipping
// point, step times the largest code, by the gradient beyond alone: the same but
// for -code instead of -v within.

// stepRate is what the rate of a layer's step is times the common one. Adam's
// updates are of the rate's own size, which would be many percent of a step of
// 8-bit codes, so it is made relative to the step. Other optimizers follow the gradient's
// size: LSQ's factor brings it in line with that of the weights.
func (t *Trainer) stepRate(l *layer) float64 {
	if t.cfg.Optimizer == Adam {
		return float64(l.step.value[0])
	}
	return 1 / math.Sqrt(float64(l.sum*l.Out)*float64(max(l.top, 1)))
}
