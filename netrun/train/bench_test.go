package train

import (
	"slices"
	"testing"
	"time"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/data"
	"example.com/lowbit/netrun/nn"
	"example.com/lowbit/netrun/quant"
)

// BenchmarkStep is a training step on a batch of 128, on all CPUs: images/s, the
// seconds that an epoch of 60,000 images takes at that rate, and the share of the
// float32 multiply-adds that as many CPUs could do. A step has three products, but the first layer two.
func BenchmarkStep(b *testing.B) {
	lenet, resnet := nn.Shape{H: 28, W: 28, C: 1}, nn.Shape{H: 32, W: 32, C: 3}
	for _, f := range []struct {
		network string
		input   nn.Shape
		method  string
		w       kernels.WeightFormat
		a       kernels.ActFormat
		state   string // of the optimizer, if not float32
	}{
		{"lenet", lenet, Float, kernels.Float32, kernels.F32, ""},
		{"lenet", lenet, STE, kernels.Ternary, kernels.U2, ""},
		{"lenet", lenet, DST, kernels.Ternary, kernels.U2, ""},
		{"lenet", lenet, DST, kernels.Ternary, kernels.U2, Eight},
		{"lenet", lenet, STE, kernels.Pow2x4, kernels.U4, ""},
		{"lenet", lenet, DST, kernels.Pow2x4, kernels.U4, ""},
		{"resnet20", resnet, Float, kernels.Float32, kernels.F32, ""},
		{"resnet20", resnet, DST, kernels.Ternary, kernels.U2, ""},
		{"vgg-small", resnet, DST, kernels.Ternary, kernels.U2, ""}, // seconds a step: -benchtime 3x
	} {
		name := "network=" + f.network + "/method=" + f.method + "/w=" + f.w.String() + "/a=" + f.a.String()
		if f.state != "" {
			name += "/state=" + f.state
		}
		b.Run(name, func(b *testing.B) {
			if f.network == "vgg-small" && testing.Short() {
				b.Skip("its steps take seconds")
			}
			d, err := nn.NamedNetwork(f.network)
			if err != nil {
				b.Fatal(err)
			}
			net, err := d.Network(f.input, 10, nn.Formats{Weights: f.w, Acts: f.a})
			if err != nil {
				b.Fatal(err)
			}
			c := Default(f.method)
			c.State = f.state
			c.Validation, c.Epochs = 0, 1<<19
			t, err := New(net, c, someImages(f.input, 2048), 0)
			if err != nil {
				b.Fatal(err)
			}
			peak := 0.0 // multiply-adds a second, the best of many
			for b.Loop() {
				if _, err := t.Step(); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				peak = max(peak, productRate(t.workers))
				b.StartTimer()
			}
			rate := float64(c.Batch) * float64(b.N) / b.Elapsed().Seconds()
			b.ReportMetric(rate, "images/s")
			b.ReportMetric(60000/rate, "s/epoch")
			b.ReportMetric(100*rate*t.products()/peak, "%peak")
		})
	}
}

func someImages(s nn.Shape, n int) *data.Images {
	images := &data.Images{N: n, H: s.H, W: s.W, C: s.C, Pixels: make([]uint8, n*s.Size()), Labels: make([]uint8, n)}
	stream := quant.NewStream(1)
	for i := range images.Pixels {
		images.Pixels[i] = uint8(stream.Uint64(uint64(i)))
	}
	for i := range images.Labels {
		images.Labels[i] = uint8(i % 10)
	}
	return images
}

// products is the number of multiply-adds in a training step for an image.
func (t *Trainer) products() float64 {
	n := 0
	for _, l := range t.all {
		if l.weight == nil {
			continue
		}
		times := 3
		if l.from == nil {
			times = 2
		}
		n += times * l.positions * l.Out * l.k
	}
	return float64(n)
}

// productRate is the multiply-adds a second that so many CPUs would all reach at
// the rate of the best of them, in products that stay in the first cache: some
// tenths of a millisecond.
func productRate(workers int) float64 {
	const m, n, k, times = 48, 16, 120, 100
	rates := make([]float64, workers)
	parallel(workers, workers, func(i, _ int) {
		a, b, c := make([]float32, m*k), make([]float32, k*n), make([]float32, m*n)
		start := time.Now()
		for range times {
			kernels.MatMul(kernels.RowMajor(c, m, n), kernels.RowMajor(a, m, k), kernels.RowMajor(b, k, n), false)
		}
		rates[i] = times * m * n * k / time.Since(start).Seconds()
	})
	return float64(workers) * slices.Max(rates)
}
