package nn

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"example.com/lowbit/kernels"
)

// floatNetwork is a named network in float32 with random parameters.
func floatNetwork(tb testing.TB, rng *rand.Rand, name string) *Network {
	tb.Helper()
	d, err := NamedNetwork(name)
	if err != nil {
		tb.Fatal(err)
	}
	input := Shape{32, 32, 3}
	if name == "lenet" {
		input = Shape{28, 28, 1}
	}
	n, err := d.Network(input, 10, Formats{Weights: kernels.Float32, Acts: kernels.F32})
	if err != nil {
		tb.Fatal(err)
	}
	fill(rng, n)
	return n
}

// BenchmarkFloat is an image of the float32 networks, and with layers=true the
// time of each layer.
func BenchmarkFloat(b *testing.B) {
	for _, name := range []string{"lenet", "resnet20", "vgg-small"} {
		rng := rand.New(rand.NewPCG(13, 14))
		n := floatNetwork(b, rng, name)
		images := randomImages(rng, n, 64)
		for _, batch := range []int{1, 64} {
			p, err := Compile(n, Options{Batch: batch})
			if err != nil {
				b.Fatal(err)
			}
			logits, x := make([]float32, batch*n.Classes), images[:batch*n.Input.Size()]
			b.Run(fmt.Sprintf("net=%s/batch=%d", name, batch), func(b *testing.B) {
				for b.Loop() {
					p.Run(logits, x, batch)
				}
				perImage := b.Elapsed().Seconds() / float64(b.N*batch)
				b.ReportMetric(perImage*1e6, "µs/image")
				b.ReportMetric(float64(n.MACs())/perImage, "mac/s")
			})
			b.Run(fmt.Sprintf("net=%s/batch=%d/layers", name, batch), func(b *testing.B) {
				times, start := make([]time.Duration, len(n.Blocks)), time.Now()
				for b.Loop() {
					p.Profile(times, func() time.Duration { return time.Since(start) }, logits, x, batch)
				}
				for i, t := range times {
					b.ReportMetric(t.Seconds()*1e6/float64(b.N*batch), fmt.Sprintf("µs/%02d", i+1))
				}
			})
		}
	}
}
