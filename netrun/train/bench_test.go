package train

import (
	"testing"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/data"
	"example.com/lowbit/netrun/nn"
	"example.com/lowbit/netrun/quant"
)

// BenchmarkStep is a training step of lenet on a batch of 128, on all CPUs:
// images/s, and the seconds that an epoch of 60,000 images takes at that rate.
func BenchmarkStep(b *testing.B) {
	const n = 4096
	images := &data.Images{N: n, H: 28, W: 28, C: 1, Pixels: make([]uint8, n*784), Labels: make([]uint8, n)}
	s := quant.NewStream(1)
	for i := range images.Pixels {
		images.Pixels[i] = uint8(s.Uint64(uint64(i)))
	}
	for i := range images.Labels {
		images.Labels[i] = uint8(i % 10)
	}
	for _, f := range []struct {
		method string
		w      kernels.WeightFormat
		a      kernels.ActFormat
	}{{Float, kernels.Float32, kernels.F32}, {STE, kernels.Ternary, kernels.U2}, {DST, kernels.Ternary, kernels.U2}, {DST, kernels.Pow2x4, kernels.U4}} {
		b.Run("method="+f.method+"/w="+f.w.String()+"/a="+f.a.String(), func(b *testing.B) {
			net, err := NewNetwork("lenet", nn.Shape{H: 28, W: 28, C: 1}, 10, f.w, f.a)
			if err != nil {
				b.Fatal(err)
			}
			c := Default(f.method)
			c.Validation, c.Epochs = 0, 1<<19
			t, err := New(net, c, images, 0)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := t.Step(); err != nil {
					b.Fatal(err)
				}
			}
			rate := float64(c.Batch) * float64(b.N) / b.Elapsed().Seconds()
			b.ReportMetric(rate, "images/s")
			b.ReportMetric(60000/rate, "s/epoch")
		})
	}
}
