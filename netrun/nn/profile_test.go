package nn

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"example.com/lowbit/kernels"
)

func TestProfile(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, net := range []*Network{randomNetwork(rng, kernels.Ternary, kernels.U2), randomNetwork(rng, kernels.Float32, kernels.F32)} {
		p, err := Compile(net, Options{Threads: 2})
		if err != nil {
			t.Fatal(err)
		}
		const n = 2*maxImages + 3 // several passes
		images := make([]uint8, n*net.Input.Size())
		for i := range images {
			images[i] = uint8(rng.Uint32())
		}
		want, got := make([]float32, n*net.Classes), make([]float32, n*net.Classes)
		p.Run(want, images, n)
		// A clock that ticks at every look counts the layers' ends.
		var now time.Duration
		times := make([]time.Duration, len(net.Blocks))
		p.Profile(times, func() time.Duration { now++; return now }, got, images, n)
		if !slices.Equal(got, want) {
			t.Errorf("%v: logits of Profile differ from Run's", net.Blocks[0].Weights)
		}
		for i, ticks := range times {
			if want := time.Duration(ceilDiv(n, p.sub)); ticks != want {
				t.Errorf("%v: layer %d was seen %d times, want %d", net.Blocks[0].Weights, i, ticks, want)
			}
		}
	}
}
