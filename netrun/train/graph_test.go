package train

import (
	"bytes"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/nn"
	"example.com/lowbit/netrun/quant"
)

// residualNet has layers of 8 channels, which kernels take at a time, and of some
// more, identities and a projection, streams, a mean, and with back a
// block that reads one further back, past another that nothing else reads.
func residualNet(w kernels.WeightFormat, a kernels.ActFormat, back bool) *nn.Network {
	pixels, float := kernels.U8, a == kernels.F32
	if float {
		pixels = kernels.F32
	}
	conv := func(side, in, out, stride int) nn.Block {
		return nn.Block{Kind: nn.Conv, In: nn.Shape{H: side, W: side, C: in}, Out: out, Kernel: 3, Stride: stride, Pad: 1, Weights: w, InAct: a, OutAct: a}
	}
	n := &nn.Network{
		Name: "residual", Input: nn.Shape{H: 8, W: 8, C: 2}, Classes: 4,
		Blocks: []nn.Block{
			conv(8, 2, 8, 1), conv(8, 8, 8, 1), conv(8, 8, 8, 1), conv(8, 8, 11, 2), conv(4, 11, 11, 1), conv(4, 11, 11, 1), conv(4, 11, 11, 1),
			{Kind: nn.Mean, In: nn.Shape{H: 4, W: 4, C: 11}, Out: 11, InAct: pixels, OutAct: pixels},
			{Kind: nn.Dense, In: nn.Shape{H: 1, W: 1, C: 11}, Out: 4, Weights: w, InAct: pixels},
		},
	}
	b := n.Blocks
	b[0].InAct, b[6].OutAct = pixels, pixels
	b[0].Stream, b[4].Stream = !float, !float
	b[1].Skip = &nn.Skip{} // block 0's stream has two readers
	b[2].Skip = &nn.Skip{Back: 1}
	b[4].Skip = &nn.Skip{Back: 1, Proj: &nn.Block{Kind: nn.Conv, In: nn.Shape{H: 8, W: 8, C: 8}, Out: 11, Kernel: 1, Stride: 2, Weights: w, InAct: a}}
	b[6].Skip = &nn.Skip{Back: 1}
	if back {
		b[5].Back = 1
	}
	return n
}

func newResidual(t *testing.T, w kernels.WeightFormat, a kernels.ActFormat, c Config, workers int) *Trainer {
	t.Helper()
	tr, err := New(residualNet(w, a, false), c, toy(900), workers)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// The gradients of low-bit networks are those of a plain implementation in
// float64, with the pseudo-derivatives where they belong.
func TestLowBitGradient(t *testing.T) {
	for _, f := range formats {
		for _, window := range []quant.Window{{HalfWidth: 0.5}, {Triangular: true, HalfWidth: 1}} {
			for _, back := range []bool{false, true} {
				testLowBitGradient(t, residualNet(f.w, f.a, back), DST, window)
			}
		}
	}
}

func testLowBitGradient(t *testing.T, net *nn.Network, method string, window quant.Window) {
	t.Helper()
	c := toyConfig(method)
	c.LearnStep, c.HalfWidth, c.Batch = true, window.HalfWidth, 12
	if window.Triangular {
		c.Window = "tri"
	}
	tr, err := New(net, c, toy(900), 2)
	if err != nil {
		t.Fatal(err)
	}
	run(t, tr, 3) // gamma and beta are no longer 1 and 0
	tr.loadBatch(quant.NewStream(5).Perm(800)[:c.Batch], 0)
	tr.forward(c.Batch, true)
	tr.loss(c.Batch, true)
	want := plainGradient(tr, c.Batch)
	tr.backward(c.Batch)
	for i, l := range tr.all {
		for j, p := range l.tensors() {
			w := want[l][j]
			var e, size float64
			for k, g := range p.grad {
				e = max(e, math.Abs(float64(g)-w[k]))
				size = max(size, math.Abs(w[k]))
			}
			tolerance := 1e-3
			if j == 3 { // the step's is a sum that cancels
				tolerance = 0.05
			}
			// Few codes of 1 bit are within their windows.
			if dead := size == 0 && j < 3 && net.Blocks[1].InAct != kernels.Sign; e > tolerance*size || dead {
				t.Errorf("%v,%v,%+v: layer %d tensor %d: gradients up to %v are off by %v", l.Weights, net.Blocks[1].InAct, window, i, j, size, e)
			}
		}
	}
}

// plainGradient returns the gradients of each layer's tensors, from the codes and
// sums of a forward pass and the gradient of the logits.
func plainGradient(tr *Trainer, n int) map[*layer][][]float64 {
	window := tr.cfg.window()
	codes, streams := map[*layer][]float64{}, map[*layer][]float64{}
	for _, l := range tr.layers {
		codes[l], streams[l] = make([]float64, len(l.out)), make([]float64, len(l.out))
	}
	last := tr.layers[len(tr.layers)-1]
	for i, g := range last.dout {
		codes[last][i] = float64(g)
	}
	grads := map[*layer][][]float64{}
	// linear takes the gradient dv of y*scale + bias.
	linear := func(l *layer, dv []float64) {
		count, step := n*l.sum, float64(l.step.value[0])
		dgamma, dbeta := make([]float64, l.Out), make([]float64, l.Out)
		mean, square := make([]float64, l.Out), make([]float64, l.Out)
		for i := range dv {
			y := float64(l.y[i])
			mean[i%l.Out] += y / float64(count)
			square[i%l.Out] += y * y / float64(count)
		}
		normed := func(i int) (x, invstd float64) {
			c := i % l.Out
			invstd = 1 / math.Sqrt(square[c]-mean[c]*mean[c]+epsilon)
			return (float64(l.y[i]) - mean[c]) * invstd, invstd
		}
		for i, d := range dv {
			x, _ := normed(i)
			dgamma[i%l.Out] += d * x / step
			dbeta[i%l.Out] += d / step
		}
		weights := slices.Clone(tr.values(l))
		dw := make([]float64, len(weights))
		for i, d := range dv {
			c := i % l.Out
			x, invstd := normed(i)
			dy := float64(l.gamma.value[c]) * invstd / step * (d - dbeta[c]*step/float64(count) - x*dgamma[c]*step/float64(count))
			// The inputs of this sum.
			image, place := i/l.Out/l.sum, i/l.Out%l.sum
			width := l.OutShape().W
			for k := range l.k {
				at := image*l.In.Size() + k
				if l.Kind == nn.Conv {
					iy := place/width*l.Stride - l.Pad + k/l.In.C/l.Kernel
					ix := place%width*l.Stride - l.Pad + k/l.In.C%l.Kernel
					if iy < 0 || ix < 0 || iy >= l.In.H || ix >= l.In.W {
						dw[c*l.k+k] += dy * float64(l.padding())
						continue
					}
					at = image*l.In.Size() + (iy*l.In.W+ix)*l.In.C + k%l.In.C
				}
				dw[c*l.k+k] += dy * float64(l.in[at])
				if l.from != nil {
					codes[l.from][at] += dy * float64(weights[c*l.k+k])
				}
			}
		}
		grads[l] = [][]float64{dw, dgamma, dbeta, {0}}
	}
	for i := len(tr.layers) - 1; i >= 0; i-- {
		l := tr.layers[i]
		if l.Kind == nn.Mean {
			for j := range codes[l.from] {
				image := j / l.In.Size()
				codes[l.from][j] += codes[l][image*l.Out+j%l.Out] / float64(l.In.H*l.In.W)
			}
			continue
		}
		step, dstep := float64(l.step.value[0]), 0.0
		dv := make([]float64, len(l.out))
		for j := range dv {
			c := j % l.Out
			// Rounded as nn does: what is at the edge of a window counts.
			argument := float32(l.y[j]*l.scale[c]) + l.bias[c]
			if l.proj != nil {
				argument += float32(l.proj.y[j]*l.proj.scale[c]) + l.proj.bias[c]
			} else if l.short != nil {
				argument += float32(l.short.stream[j] * (1.0 / 32 / l.step.value[0]))
			}
			v := float64(argument)
			dv[j] = codes[l][j]
			if l != last {
				dv[j] *= float64(l.gain * window.Slope(argument, l.top))
				dstep -= dv[j] * (v - float64(l.offset)) / step
			}
			if r := v * step * 32; l.Stream && r >= 0 && r <= 255 {
				dv[j] += streams[l][j] * step * 32
				dstep += streams[l][j] * 32 * float64(l.offset)
			}
			if l.short != nil && l.proj == nil {
				streams[l.short][j] += dv[j] / 32 / step
			}
		}
		linear(l, dv)
		grads[l][3][0] = dstep
		if l.proj != nil {
			linear(l.proj, dv)
		}
	}
	return grads
}

// Residual networks have the same bits with any number of threads, and resumed
// after any step.
func TestResidualThreadsAndResume(t *testing.T) {
	for _, method := range []string{Float, STE, DST} {
		w, a := kernels.Pow2x3, kernels.U3
		if method == Float {
			w, a = kernels.Float32, kernels.F32
		}
		c := toyConfig(method)
		c.Epochs, c.Keep, c.LearnStep = 2, "best", method == DST
		whole := newResidual(t, w, a, c, 1)
		runAll(t, whole)
		want := state(t, whole)
		for _, stop := range []int{1, 20, 33} {
			path := filepath.Join(t.TempDir(), "c")
			tr := newResidual(t, w, a, c, 3)
			run(t, tr, stop)
			if err := tr.Save(path); err != nil {
				t.Fatal(err)
			}
			cp, err := ReadCheckpoint(path)
			if err != nil {
				t.Fatal(err)
			}
			if tr, err = cp.Resume(toy(900), 2); err != nil {
				t.Fatal(err)
			}
			runAll(t, tr)
			if !bytes.Equal(state(t, tr), want) {
				t.Errorf("%s: stopped at step %d and resumed, it reaches other bits", method, stop)
			}
		}
	}
}

// Residual networks learn, from scratch and from a float network, whose rounded
// weights are better than none.
func TestResidualLearns(t *testing.T) {
	c := toyConfig(Float)
	c.Epochs = 12
	float := newResidual(t, kernels.Float32, kernels.F32, c, 2)
	runAll(t, float)
	c = toyConfig(DST)
	c.Epochs = 12
	scratch := newResidual(t, kernels.Pow2x4, kernels.U4, c, 2)
	rounded := newResidual(t, kernels.Pow2x4, kernels.U4, c, 2)
	if err := rounded.InitFrom(float); err != nil {
		t.Fatal(err)
	}
	for name, tr := range map[string]*Trainer{"float": float, "scratch": scratch, "rounded": rounded} {
		runAll(t, tr)
		h := tr.History()
		if got := h[len(h)-1].ValidationAccuracy; got < 0.8 {
			t.Errorf("%s: validation accuracy is %v: want 0.8", name, got)
		}
	}
	if a, b := rounded.History()[0].ValidationLoss, scratch.History()[0].ValidationLoss; a >= b {
		t.Errorf("loss %v after an epoch from float, %v from scratch", a, b)
	}
}
