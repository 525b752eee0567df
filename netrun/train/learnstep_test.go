package train

import (
	"math"
	"testing"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/nn"
	"example.com/lowbit/netrun/quant"
)

// With codes of 8 bits the loss is almost smooth in the step, and its slope is the
// gradient: for layers alone and joined, some of whose codes are clipped.
func TestStepGradient(t *testing.T) {
	for name, net := range map[string]*nn.Network{
		"chain":    floatLayers(toyNet(kernels.Ternary, kernels.U8), 1),
		"residual": residualNet(kernels.Ternary, kernels.U8, false),
	} {
		c := toyConfig(DST)
		c.LearnStep, c.Batch = true, 100
		tr, err := New(net, c, toy(900), 2)
		if err != nil {
			t.Fatal(err)
		}
		run(t, tr, 6) // gamma and beta are no longer 1 and 0
		order := quant.NewStream(5).Perm(800)
		loss := func() float64 {
			tr.loadBatch(order[:c.Batch], 0)
			tr.forward(c.Batch, true)
			s := tr.loss(c.Batch, true)
			return s.mean()
		}
		for i, l := range tr.layers[:len(tr.layers)-1] {
			if l.Kind == nn.Mean {
				continue
			}
			// The slope of a line through the losses at steps a few percent apart, and the
			// mean of the gradients there: what rounding does to each averages out.
			const points = 12
			before := l.step.value[0]
			middle := before * 0.3 // codes reach to little more than a standard deviation
			var slope, square, gradient float64
			for k := 1; k <= points; k++ {
				h := float32(k) * 0.08 / points
				for _, h := range []float32{h, -h} {
					l.step.value[0] = middle * (1 + h)
					slope += loss() * float64(h)
					square += float64(h * h)
					tr.backward(c.Batch)
					gradient += float64(l.step.grad[0]) / (2 * points)
				}
			}
			slope /= square * float64(middle)
			t.Logf("%s layer %d: gradient %.4f, slope %.4f", name, i, gradient, slope)
			if e := math.Abs(gradient - slope); e > 0.1*math.Abs(slope)+0.02/float64(middle) {
				t.Errorf("%s layer %d: gradient is %v: want %v, the slope", name, i, gradient, slope)
			}
			l.step.value[0] = before
		}
	}
}
