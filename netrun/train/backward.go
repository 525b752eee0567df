package train

import (
	"math"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/nn"
)

// backward takes the gradient of the logits, in the last layer's dout, to the
// gradients of all parameters.
func (t *Trainer) backward(n int) {
	for i, l := range t.layers {
		l.wrote, l.wroteStream, l.passed = i == len(t.layers)-1, false, false
	}
	for i := len(t.layers) - 1; i >= 0; i-- {
		l := t.layers[i]
		if !l.wrote { // nothing reads it
			clear(l.dout)
		}
		if l.Kind == nn.Mean {
			t.averageGradient(l, n)
			continue
		}
		if !l.passed {
			t.shards(n, func(s, lo, hi, worker int) {
				l.clearSums(s)
				t.activationGradient(l, s, lo, hi, worker)
			})
			l.pass()
		}
		t.linearGradient(l, n, i == len(t.layers)-1)
		if l.proj != nil {
			t.linearGradient(l.proj, n, false)
		}
	}
}

// linearGradient takes dout, by now the gradient of the activation's argument, to the
// gradients of the layer's parameters and to the input's share of its gradient.
func (t *Trainer) linearGradient(l *layer, n int, last bool) {
	t.normGradient(l, n, last)
	din, add := l.inputGradient()
	w := t.values(l)
	if l.Kind == nn.Conv {
		t.convGradient(l, w, din, n, add)
	} else {
		t.denseGradient(l, w, din, n, add)
	}
}

// activationGradient turns dout of images lo to hi from the gradient of out into that
// of the activation's argument, passes it on to a shortcut, and adds it to the sums of
// shard s.
func (t *Trainer) activationGradient(l *layer, s, lo, hi, worker int) {
	if l.joined() {
		l.parts(lo, hi, func(at, end int) { t.joinedGradient(l, s, at, end, t.scratch[worker].joiner) })
		return
	}
	window := t.cfg.window()
	low, high, gain := float32(math.Inf(-1)), float32(math.Inf(1)), float32(1)
	slopes := false
	switch {
	case l == t.layers[len(t.layers)-1]:
	case !l.codes:
		low = math.SmallestNonzeroFloat32
	case window.Joined():
		low, high, gain = 0, float32(l.top), l.gain
	default:
		slopes, gain = true, l.gain
	}
	l.parts(lo, hi, func(at, end int) {
		if slopes {
			kernels.Slopes(l.dout[at:end], l.y[at:end], l.scale, l.bias, float32(l.top), window.Kernel())
		}
		l.gradientSums(s, at, end, low, high, gain)
	})
}

// clearSums is what comes before activationGradient in shard s.
func (l *layer) clearSums(s int) {
	l.steps[s] = 0
	clear(l.sums(s))
	if l.proj != nil {
		clear(l.proj.sums(s))
	}
}

// pass notes that activationGradient is done, for all images.
func (l *layer) pass() {
	l.passed = true
	switch {
	case l.proj != nil:
		l.proj.wrote = true
	case l.short != nil:
		_, _, wrote := l.short.identity()
		*wrote = true
	}
}

// gradientSums multiplies elements at to end of dout by gain where the argument is
// from low to high, and by 0 elsewhere, and adds them to the sums of shard s: dout and
// its product with the normalised value.
func (l *layer) gradientSums(s, at, end int, low, high, gain float32) {
	p := l.sums(s)
	kernels.GradientSums(p[:l.Out], p[l.Out:], l.dout[at:end], l.y[at:end], l.batchNorm(), low, high, gain)
}

// normGradient sets the gradients of gamma, beta and step from the sums of shards, and
// the means that norm needs.
func (t *Trainer) normGradient(l *layer, n int, last bool) {
	out := l.Out
	l.reduce(n)
	step := l.step.value[0]
	var dstep float64
	for c := range out {
		l.beta.grad[c] = float32(l.partial[c]) / step
		l.gamma.grad[c] = float32(l.partial[out+c]) / step
		// The code's argument is (gamma*x + beta)/step.
		dstep -= float64(float32(l.gamma.grad[c]*l.gamma.value[c]) + float32(l.beta.grad[c]*l.beta.value[c]))
	}
	switch {
	case l.of != nil: // the block's
	case last || !t.cfg.LearnStep:
		l.step.grad[0] = 0
	case l.joined():
		l.step.grad[0] = l.stepGradient(n)
	default:
		l.step.grad[0] = float32(dstep) / step
	}
	if !l.norm {
		clear(l.gamma.grad)
		for c := range out { // statistics are constants
			l.partial[c], l.partial[out+c] = 0, 0
		}
	}
	count := float64(n * l.sum)
	mean, slope := t.means[:out], t.slopes[:out]
	for c := range out {
		mean[c], slope[c] = float32(l.partial[c]/count), float32(l.partial[out+c]/count)
	}
}

// norm turns dout of images lo to hi from the gradient of the activation's argument
// into that of y.
func (t *Trainer) norm(l *layer, lo, hi int) {
	lo, hi = lo*l.sum*l.Out, hi*l.sum*l.Out
	kernels.NormGradient(l.dout[lo:hi], l.y[lo:hi], l.batchNorm(), t.means[:l.Out], t.slopes[:l.Out])
}

// batchNorm is the layer's batch norm of the batch at hand.
func (l *layer) batchNorm() kernels.Norm {
	return kernels.Norm{Scale: l.scale, Bias: l.bias, Centre: l.centre, InvStd: l.invstd}
}

// convGradient takes a few images at a time from step to step, as conv does.
func (t *Trainer) convGradient(l *layer, w, din []float32, n int, add bool) {
	in, rows, out := l.In.Size(), l.positions, l.Out
	// This is the last of the gradient of a layer that it activates, unless its
	// projection reads that one too.
	passes := l.activates && (l.proj == nil || l.proj.from != l.from)
	if din != nil {
		l.conv.PackInputs(&t.packed, w, t.tasks)
	}
	t.shards(n, func(s, lo, hi, worker int) {
		if passes {
			l.from.clearSums(s)
		}
		grad := l.grads[s*l.k*out:][:l.k*out]
		step := chunk(l.Block)
		for first := true; lo < hi; lo, first = lo+step, false {
			m := min(step, hi-lo)
			t.norm(l, lo, lo+m)
			var dlin []float32
			size := l.sum * out
			if l.Pool > 1 {
				dlin = t.scratch[worker].lin[:m*rows*out]
				kernels.MaxUnpool(dlin, l.dout[lo*size:(lo+m)*size], l.arg[lo*size:(lo+m)*size], poolShape(l.Block), m)
			} else {
				dlin = l.dout[lo*size : (lo+m)*size]
			}
			l.conv.Weights(grad, l.in[lo*in:(lo+m)*in], dlin, m, l.padding(), !first)
			switch {
			case din == nil:
			case add:
				d := t.scratch[worker].input[:m*in]
				l.conv.Inputs(d, dlin, &t.packed, m)
				kernels.AddTo(din[lo*in:(lo+m)*in], d)
			default:
				l.conv.Inputs(din[lo*in:(lo+m)*in], dlin, &t.packed, m)
			}
			if passes {
				t.activationGradient(l.from, s, lo, lo+m, worker)
			}
		}
	})
	if passes {
		l.from.pass()
	}
	// Add the shards' gradients in order, and turn [k][Out] into [Out][k].
	const size = 32
	g := l.weight.grad
	parallel(t.workers, blocks(l.k, size), func(i, _ int) {
		for k := i * size; k < min((i+1)*size, l.k); k++ {
			sum := l.grads[k*out:][:out]
			for s := 1; s < blocks(n, shard); s++ {
				kernels.AddTo(sum, l.grads[(s*l.k+k)*out:][:out])
			}
			for c, v := range sum {
				g[c*l.k+k] = v
			}
		}
	})
}

func (t *Trainer) denseGradient(l *layer, w, din []float32, n int, add bool) {
	t.shards(n, func(_, lo, hi, _ int) { t.norm(l, lo, hi) })
	x, dy := kernels.RowMajor(l.in, n, l.k), kernels.RowMajor(l.dout, n, l.Out)
	ofInput := 0
	if din != nil {
		ofInput = blocks(l.k, columns)
	}
	parallel(t.workers, ofInput+blocks(l.k, columns), func(i, _ int) {
		lo := i * columns
		if i < ofInput {
			hi := min(lo+columns, l.k)
			dx := kernels.Matrix{Data: din[lo:], Rows: n, Cols: hi - lo, RowStride: l.k, ColStride: 1}
			wcols := kernels.Matrix{Data: w[lo:], Rows: l.Out, Cols: hi - lo, RowStride: l.k, ColStride: 1}
			kernels.MatMul(dx, dy, wcols, add)
			return
		}
		lo = (i - ofInput) * columns
		hi := min(lo+columns, l.k)
		g := kernels.Matrix{Data: l.weight.grad[lo:], Rows: l.Out, Cols: hi - lo, RowStride: l.k, ColStride: 1}
		xcols := kernels.Matrix{Data: x.Data[lo:], Rows: n, Cols: hi - lo, RowStride: l.k, ColStride: 1}
		kernels.MatMul(g, dy.T(), xcols, false)
	})
}
