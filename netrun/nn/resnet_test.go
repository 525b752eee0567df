package nn

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"example.com/lowbit/kernels"
)

// The published shapes: 20 layers with the dense one, 16, 32 and 64 channels,
// 41 million multiply-adds, 0.27 million weights.
func TestResnet20(t *testing.T) {
	for _, f := range append(formats, struct {
		w kernels.WeightFormat
		a kernels.ActFormat
	}{kernels.Float32, kernels.F32}) {
		n := resnet20(f.w, f.a)
		if err := n.CheckShapes(); err != nil {
			t.Fatal(err)
		}
		// 432 + 6*2304 + 4608 + 5*9216 + 18432 + 5*36864 + 640 weights, and
		// projections of 512 and 2048.
		var weights, layers int
		for i := range n.Blocks {
			b := &n.Blocks[i]
			weights += b.Out * b.K()
			if b.K() > 0 {
				layers++
			}
			if b.proj() != nil {
				weights += b.Skip.Proj.Out * b.Skip.Proj.K()
			}
		}
		if weights != 268336+512+2048 || layers != 20 || n.MACs() != 40551040+2*131072 {
			t.Errorf("%v: %d weights, %d layers, %d MACs", f.w, weights, layers, n.MACs())
		}
		if want := int64(weights) * int64(f.w.Bits()) / 8; n.WeightBytes() != want {
			t.Errorf("%v: %d bytes of weights: want %d", f.w, n.WeightBytes(), want)
		}
	}
}

// Plans of resnet20: an image's logits are those of the definitions, batches and
// threads give the same, Run does not allocate, and the accounts are right.
func TestPlanResnet20(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for _, f := range []struct {
		w kernels.WeightFormat
		a kernels.ActFormat
		// Of one image. Outputs and streams take three buffers of 32x32x16 codes and,
		// where the first projection's block reads two outputs and writes both kinds, one
		// of 16x16x32; the sums of the first stage 32x32x16 and those of the first projection 16x16x32,
		// all of 16 bits, and those of the mean 64 of 32.
		// Floats have no streams, but the output that a shortcut reads stays, as do the
		// sums of projections, and convolutions take so much more. All of this with AVX2.
		bytes int64
	}{
		{kernels.Ternary, kernels.U2, 3*32*32*16 + 16*16*32 + 2*(32*32*16+16*16*32) + 4*64},
		{kernels.Float32, kernels.F32, 4 * (3*32*32*16 + 16*16*32 + 50144)},
	} {
		n := resnet20(f.w, f.a)
		fill(rng, n)
		if err := n.Check(); err != nil {
			t.Fatal(err)
		}
		const count = 21
		images := randomImages(rng, n, count)
		p, err := Compile(n, Options{Threads: 2})
		if err != nil {
			t.Fatal(err)
		}
		want := make([]float32, count*10)
		p.Run(want, images, count)
		if f.w != kernels.Float32 {
			_, _, logits := evaluate(n, images[:n.Input.Size()])
			if !slices.Equal(want[:10], logits) {
				t.Errorf("%v: logits are %v: want %v", f.w, want[:10], logits)
			}
		} else {
			near(t, want[:10], evaluateFloat(n, images[:n.Input.Size()]), f.w)
		}
		one, err := Compile(n, Options{Batch: 1})
		if err != nil {
			t.Fatal(err)
		}
		got := make([]float32, count*10)
		for i := range count {
			one.Run(got[i*10:][:10], images[i*n.Input.Size():][:n.Input.Size()], 1)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v: logits of images one by one differ", f.w)
		}
		if n := allocations(func() { one.Run(got[:10], images[:n.Input.Size()], 1) }); n > 0 && !raceEnabled {
			t.Errorf("%v: Run allocates %v times", f.w, n)
		}
		if got := one.ActivationBytes(1); got != f.bytes && strings.HasPrefix(one.Layers()[1].Kernel, "avx2-") {
			t.Errorf("%v: %d bytes of activations: want %d", f.w, got, f.bytes)
		}
		var macs, weights int64
		var shortcuts, projections int
		for _, l := range one.Layers() {
			macs += l.MACs
			weights += l.WeightBytes
			if l.Skip {
				shortcuts++
			}
			if l.Shortcut != "" {
				projections++
			}
		}
		if macs != n.MACs() || weights != n.WeightBytes() || shortcuts != 9 || projections != 2 {
			t.Errorf("%v: layers have %d MACs, %d bytes of weights, %d shortcuts, %d projections", f.w, macs, weights, shortcuts, projections)
		}
	}
}

// SameShape sees every field that shapes a block, and no other.
func TestSameShape(t *testing.T) {
	same := func(change func(n *Network)) bool {
		a, b := resnet20(kernels.Ternary, kernels.U2), resnet20(kernels.Ternary, kernels.U2)
		change(b)
		return slices.EqualFunc(a.Blocks, b.Blocks, func(x, y Block) bool { return x.SameShape(&y) })
	}
	for i, change := range []func(n *Network){
		func(n *Network) { *n = *resnet20(kernels.Float32, kernels.F32) },
		func(n *Network) { n.Blocks[1].Pool = 1 },
		func(n *Network) { n.Blocks[2].Skip.Scale, n.Blocks[0].StreamScale = 2, 2 },
	} {
		if !same(change) {
			t.Errorf("change %d of formats and parameters: another shape", i)
		}
	}
	for i, change := range []func(n *Network){
		func(n *Network) { n.Blocks[1].Kind = Dense },
		func(n *Network) { n.Blocks[1].Back = 1 },
		func(n *Network) { n.Blocks[1].In.W++ },
		func(n *Network) { n.Blocks[1].Out++ },
		func(n *Network) { n.Blocks[1].Kernel++ },
		func(n *Network) { n.Blocks[1].Stride++ },
		func(n *Network) { n.Blocks[1].Pad++ },
		func(n *Network) { n.Blocks[1].Pool = 2 },
		func(n *Network) { n.Blocks[2].Skip = nil },
		func(n *Network) { n.Blocks[1].Skip = &Skip{} },
		func(n *Network) { n.Blocks[2].Skip.Back = 0 },
		func(n *Network) { n.Blocks[8].Skip.Proj = nil },
		func(n *Network) { n.Blocks[8].Skip.Proj.Stride = 1 },
	} {
		if same(change) {
			t.Errorf("change %d of a shape: the same shape", i)
		}
	}
}

func BenchmarkResnet20(b *testing.B) {
	for _, f := range append(formats, struct {
		w kernels.WeightFormat
		a kernels.ActFormat
	}{kernels.Float32, kernels.F32}) {
		rng := rand.New(rand.NewPCG(13, 14))
		n := resnet20(f.w, f.a)
		fill(rng, n)
		const batch = 8
		images := randomImages(rng, n, batch)
		b.Run(fmt.Sprintf("w=%v/a=%v/batch=%d", f.w, f.a, batch), func(b *testing.B) {
			p, err := Compile(n, Options{Batch: batch})
			if err != nil {
				b.Fatal(err)
			}
			logits := make([]float32, batch*n.Classes)
			for b.Loop() {
				p.Run(logits, images, batch)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*batch), "µs/image")
		})
	}
}
