package train

import (
	"math"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/nn"
)

// columns is the number of outputs or inputs of a dense layer that one task
// computes. An element's bits do not depend on it.
const columns = 64

// forward takes n images in t.input to the last layer's out. With training
// set, batch norm uses the statistics of the batch and updates the running
// ones.
func (t *Trainer) forward(n int, training bool) { t.forwardTo(len(t.layers), n, training) }

// forwardTo is forward for the layers before end.
func (t *Trainer) forwardTo(end, n int, training bool) {
	for i, l := range t.layers[:end] {
		if l.Kind == nn.Mean {
			t.average(l, n)
			continue
		}
		t.linear(l, n, training)
		if l.proj != nil {
			t.linear(l.proj, n, training)
		}
		if i+1 < end && t.layers[i+1].activates {
			continue
		}
		t.shards(n, func(_, lo, hi, worker int) { t.activate(l, lo, hi, worker) })
	}
}

// linear takes the layer's sums, and the scales and biases of their batch norm.
func (t *Trainer) linear(l *layer, n int, training bool) {
	w := t.values(l)
	statistics := training && l.norm
	if l.Kind == nn.Conv {
		t.conv(l, w, n, statistics)
	} else {
		t.dense(l, w, n, statistics)
	}
	switch {
	case !training:
		l.foldRunning()
	case l.norm:
		t.statistics(l, n)
		l.foldBatch()
	default:
		l.foldBatch()
	}
}

// values returns the weights as the numbers to multiply by. Those of a low-bit
// layer are made in a workspace that the layers share, and last until the next
// call.
func (t *Trainer) values(l *layer) []float32 {
	if l.grid == nil {
		return l.weight.value
	}
	w := t.workspace[:len(l.weight.grad)]
	const size = 1 << 14
	parallel(t.workers, blocks(len(w), size), func(i, _ int) {
		lo, hi := i*size, min((i+1)*size, len(w))
		if l.weight.level != nil {
			l.grid.Expand(w[lo:hi], l.weight.level[lo:hi])
		} else {
			l.grid.Round(w[lo:hi], l.weight.value[lo:hi])
		}
	})
	return w
}

// conv takes a few images at a time from step to step, so that they are still near
// the core. With statistics set, shards take sums for these.
func (t *Trainer) conv(l *layer, w []float32, n int, statistics bool) {
	in, rows, size := l.In.Size(), l.positions, l.sum*l.Out
	l.conv.PackForward(&t.packed, w, t.tasks)
	t.shards(n, func(s, lo, hi, worker int) {
		clear(l.sums(s))
		for step := chunk(l.Block); lo < hi; lo += step {
			m := min(step, hi-lo)
			if l.activates {
				t.activate(l.from, lo, lo+m, worker)
			}
			x, y := l.in[lo*in:(lo+m)*in], l.y[lo*size:(lo+m)*size]
			if l.Pool > 1 {
				lin := t.scratch[worker].lin[:m*rows*l.Out]
				l.conv.Forward(lin, x, &t.packed, m, l.padding())
				kernels.MaxPoolArg(y, l.arg[lo*size:(lo+m)*size], lin, poolShape(l.Block), m)
			} else {
				l.conv.Forward(y, x, &t.packed, m, l.padding())
			}
			if statistics {
				l.columnSums(s, lo, lo+m)
			}
		}
	})
}

func (t *Trainer) dense(l *layer, w []float32, n int, statistics bool) {
	parallel(t.workers, blocks(l.Out, columns), func(i, _ int) {
		lo, hi := i*columns, min((i+1)*columns, l.Out)
		y := kernels.Matrix{Data: l.y[lo:], Rows: n, Cols: hi - lo, RowStride: l.Out, ColStride: 1}
		kernels.MatMul(y, kernels.RowMajor(l.in, n, l.k), kernels.RowMajor(w[lo*l.k:], hi-lo, l.k).T(), false)
	})
	if statistics {
		t.shards(n, func(s, lo, hi, _ int) {
			clear(l.sums(s))
			l.columnSums(s, lo, hi)
		})
	}
}

// sums is shard s's part of two sums for each channel.
func (l *layer) sums(s int) []float64 { return l.partial[s*2*l.Out:][:2*l.Out] }

// columnSums adds images lo to hi to the sums of shard s: y and its square.
func (l *layer) columnSums(s, lo, hi int) {
	p := l.sums(s)
	l.parts(lo, hi, func(at, end int) { kernels.ColumnSums(p[:l.Out], p[l.Out:], l.y[at:end]) })
}

// statistics takes each channel's mean and variance over the batch from the sums of
// shards.
func (t *Trainer) statistics(l *layer, n int) {
	out := l.Out
	l.reduce(n)
	count := float64(n * l.sum)
	// The first steps average over what there is.
	momentum := max(float64(t.cfg.Statistics), 1/float64(t.step+1))
	for c := range out {
		mean := l.partial[c] / count
		variance := max(l.partial[out+c]/count-mean*mean, 0)
		l.centre[c], l.invstd[c] = float32(mean), float32(1/math.Sqrt(variance+epsilon))
		l.mean[c] += float32(momentum * (mean - float64(l.mean[c])))
		l.variance[c] += float32(momentum * (variance - float64(l.variance[c])))
	}
}

// reduce adds the shards' partial sums to the first shard's.
func (l *layer) reduce(n int) {
	for s := 1; s < blocks(n, shard); s++ {
		for i, v := range l.partial[s*2*l.Out:][:2*l.Out] {
			l.partial[i] += v
		}
	}
}

// activate sets out of images lo to hi from y: codes as quant.Code defines them, the
// rectified sums of a float layer, or the logits.
func (t *Trainer) activate(l *layer, lo, hi, worker int) {
	last := l == t.layers[len(t.layers)-1]
	l.parts(lo, hi, func(at, end int) {
		out, y := l.out[at:end], l.y[at:end]
		switch {
		case l.joined():
			l.activateJoined(t.scratch[worker].joiner, at, end)
		case last || !l.codes:
			copy(out, y)
			kernels.Affine(out, l.scale, l.bias, !last)
		default: // sign: codes 0 and 1 mean -1 and +1
			kernels.Codes(out, y, l.scale, l.bias, float32(l.top), l.gain, 1-l.gain)
		}
	})
}
