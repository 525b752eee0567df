package train

import (
	"fmt"
	"math"
	"slices"

	"example.com/lowbit/netrun/nn"
	"example.com/lowbit/netrun/quant"
)

// InitFrom sets the first weights of a low-bit run to those of a float run of the
// same shape, rounded to the levels: each output's scaled so that the squared
// error is least, since batch norm takes the scale back out. Layers of float32
// weights have them as they are. Batch norm starts
// from the float one; with Calibration, statistics and steps are measured. That is
// all there is to a PTQ run. From a run of the same method and formats, all parameters
// are taken as they are, the optimizer's state is not. The run must be at its
// first step.
func (t *Trainer) InitFrom(float *Trainer) error {
	again := t.cfg.Method == float.cfg.Method && slices.EqualFunc(t.net.Blocks, float.net.Blocks, func(a, b nn.Block) bool {
		return a.Weights == b.Weights && a.OutAct == b.OutAct
	})
	if !again && (t.cfg.Method == Float || float.cfg.Method != Float) {
		return fmt.Errorf("train: %s weights from %s ones: want low-bit from float, or the same method and formats", t.cfg.Method, float.cfg.Method)
	}
	if t.step != 0 {
		return fmt.Errorf("train: first weights at step %d: want 0", t.step)
	}
	if len(t.layers) != len(float.layers) {
		return fmt.Errorf("train: %d layers from %d: want as many", len(t.layers), len(float.layers))
	}
	for i, l := range t.layers {
		if !l.SameShape(float.layers[i].Block) {
			return fmt.Errorf("train: layer %d differs in shape from the other run's", i)
		}
	}
	if again {
		_, err := t.setParameters(float.appendParameters(nil))
		return err
	}
	// The steps go with what batch norm's first parameters put out: they are
	// made to go with the float network's.
	powers := make([]float64, len(t.layers))
	for i, l := range t.layers {
		if l.Kind != nn.Mean {
			powers[i] = l.power()
		}
	}
	for i, l := range t.all {
		f := float.all[i]
		if l.Kind == nn.Mean {
			continue
		}
		parallel(t.workers, l.Out, func(o, _ int) {
			w := f.weight.value[o*l.k:][:l.k]
			if l.grid == nil {
				copy(l.weight.value[o*l.k:], w)
				return
			}
			scale := fit(l.grid, w)
			for j, v := range w {
				if l.weight.level != nil {
					l.weight.level[o*l.k+j] = l.grid.Nearest(v / scale)
				} else {
					l.weight.value[o*l.k+j] = max(min(v/scale, l.grid.Max()), -l.grid.Max())
				}
			}
		})
		if !f.norm { // the last one of a float network
			continue
		}
		copy(l.gamma.value, f.gamma.value)
		copy(l.beta.value, f.beta.value)
	}
	for i, l := range t.layers {
		if l.Kind != nn.Mean && float.layers[i].norm {
			l.step.value[0] *= float32(math.Sqrt(l.power() / powers[i]))
		}
	}
	if t.cfg.Calibration > 0 {
		return t.calibrate(float)
	}
	return nil
}

// fit returns the scale for which the weights, rounded to the nearest multiples of
// it by the levels, have the least squared error, among 64 candidates.
func fit(g *quant.Grid, w []float32) float32 {
	top := float32(0)
	for _, v := range w {
		top = max(top, v, -v)
	}
	if top == 0 {
		return 1
	}
	best, scale := math.Inf(1), top
	for i := 1; i <= 64; i++ {
		s := top / g.Max() * float32(i) / 64 * 1.25
		var e float64
		for _, v := range w {
			d := float64(v - float32(s*g.Levels[g.Nearest(v/s)]))
			e += float64(d * d)
		}
		if e < best {
			best, scale = e, s
		}
	}
	return scale
}
