package train

import (
	"math"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/quant"
)

// adamEpsilon is small because the gradient of a weight of integer levels is:
// batch norm divides it by the deviation of sums of hundreds of products.
const adamEpsilon = 1e-10

// update takes one optimizer step on all parameters.
func (t *Trainer) update() {
	rate := t.cfg.rate(t.step, t.total)
	for i, l := range t.all {
		for j, p := range l.tensors() {
			lr := rate * float64(t.cfg.NormLR)
			if j == 0 {
				lr = rate * float64(t.cfg.LR)
				if l.grid != nil {
					lr *= float64(l.grid.Max())
				}
				if p.level != nil && t.cfg.FanIn != 0 {
					lr *= math.Pow(float64(l.k)/float64(t.inputs), float64(t.cfg.FanIn))
				}
			} else if p == l.step {
				lr *= t.stepRate(l)
			}
			stream := quant.NewStream(t.cfg.Seed, streamUpdate, uint64(t.step), uint64(4*i+j))
			t.updateTensor(l, p, lr, j == 0, stream, func(moment uint64) quant.Stream {
				return quant.NewStream(t.cfg.Seed, streamState, uint64(t.step), uint64(4*i+j), moment)
			})
		}
		// Never let a step vanish or change sign.
		if l.step != nil {
			l.step.value[0] = max(l.step.value[0], 1e-4)
		}
	}
}

func (t *Trainer) updateTensor(l *layer, p *tensor, lr float64, weights bool, stream quant.Stream, state func(moment uint64) quant.Stream) {
	const size = 1 << 14
	ofM, ofV := state(0), state(1)
	parallel(t.workers, blocks(len(p.grad), size), func(i, _ int) {
		var delta, first, second [quant.EightBlock]float32
		for lo := i * size; lo < min((i+1)*size, len(p.grad)); lo += len(delta) {
			hi := min(lo+len(delta), len(p.grad), (i+1)*size)
			d := delta[:hi-lo]
			m, v := moments(p.m, p.m8, first[:len(d)], lo), moments(p.v, p.v8, second[:len(d)], lo)
			t.delta(d, p.grad[lo:hi], m, v, p.level != nil, lr)
			if p.m8 != nil {
				p.m8.Store(lo/quant.EightBlock, m, ofM)
			}
			if p.v8 != nil {
				p.v8.Store(lo/quant.EightBlock, v, ofV)
			}
			switch {
			case p.level != nil:
				t.move(l, p.level[lo:hi], d, lr, stream, lo)
			case weights:
				top := float32(math.Inf(1))
				if l.grid != nil { // ste: latent weights stay on the grid
					top = l.grid.Max()
				}
				kernels.Descend(p.value[lo:hi], d, float32(lr*float64(t.cfg.Decay)), top)
			default:
				kernels.AddTo(p.value[lo:hi], d)
			}
		}
	})
}

// move applies real updates to discrete weights.
func (t *Trainer) move(l *layer, level []uint8, d []float32, lr float64, stream quant.Stream, lo int) {
	if t.cfg.Decay != 0 {
		decay := float32(lr*float64(t.cfg.Decay)) / l.grid.Max()
		for j, s := range level {
			d[j] -= float32(decay * l.grid.Levels[s])
		}
	}
	l.grid.UpdateAll(level, d, stream, lo, t.cfg.transition())
}

// moments returns the moments from lo on: those of x, or those of e as numbers
// in mem; nil if the optimizer has neither.
func moments(x []float32, e *quant.Eight, mem []float32, lo int) []float32 {
	switch {
	case e != nil:
		e.Load(mem, lo/quant.EightBlock)
		return mem
	case x != nil:
		return x[lo:][:len(mem)]
	}
	return nil
}

// delta sets d to the optimizer's update of parameters with the gradients g, and
// moves their moments along.
func (t *Trainer) delta(d, g, m, v []float32, discrete bool, lr float64) {
	b1 := t.cfg.beta1(t.step, t.total)
	switch t.cfg.Optimizer {
	case SGD:
		a := float32(lr)
		for j, x := range g {
			d[j] = -a * x
		}
	case Momentum:
		kernels.Momentum(d, g, m[:len(g)], b1, -float32(lr))
	case Adam:
		b2 := t.cfg.Beta2
		m, v = m[:len(g)], v[:len(g)]
		n := float64(t.step + 1)
		c1, c2 := 1-math.Pow(float64(t.cfg.Beta1), n), 1-math.Pow(float64(b2), n)
		if discrete {
			// Without the correction of its start the average is small
			// while it is of few gradients; with it, noise would move
			// every weight.
			c1 = 1
		}
		step := kernels.AdamStep{M: 1 - b1, V: 1 - b2, Root: float32(1 / math.Sqrt(c2)), Epsilon: adamEpsilon, Rate: -float32(lr / c1), Power: 1}
		if discrete {
			step.Power = max(1, t.cfg.Contrast)
		}
		kernels.Adam(d, g, m, v, step)
	}
}
