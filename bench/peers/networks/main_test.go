//go:build peers && cgo

package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/data"
	"example.com/lowbit/netrun/models"
	"example.com/lowbit/netrun/nn"
	"example.com/lowbit/netrun/onnx"
)

// logits are those of ONNX Runtime.
func logits(t *testing.T, file []byte, images *data.Images) []float32 {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model.onnx")
	if err := os.WriteFile(path, file, 0o666); err != nil {
		t.Fatal(err)
	}
	s := &server{batches: map[int]*batch{}}
	if _, err := s.Load(path); err != nil {
		t.Fatal(err)
	}
	defer s.session.Destroy()
	got, err := s.Run(images.N, images.Pixels)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestShipped: ONNX Runtime gives the very logits of the shipped low-bit networks, and
// those of float ones nearly.
func TestShipped(t *testing.T) {
	if os.Getenv(libraryPath) == "" {
		t.Skipf("%s does not name the shared library", libraryPath)
	}
	all, err := models.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if m.Outline {
			continue
		}
		n := m.Network
		images := data.Made(200, n.Input.H, n.Input.W, n.Input.C)
		if set := data.Embedded(); set.Name == n.Dataset {
			if images, err = set.Test(); err != nil {
				t.Fatal(err)
			}
			images = images.Slice(0, 200)
		}
		check(t, n, images)
	}
}

// TestFormats does the same for a residual network without trained weights, in formats
// that no shipped network may have.
func TestFormats(t *testing.T) {
	if os.Getenv(libraryPath) == "" {
		t.Skipf("%s does not name the shared library", libraryPath)
	}
	d, err := nn.NamedNetwork("resnet20")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []nn.Formats{
		{Weights: kernels.Binary, Acts: kernels.Sign, First: kernels.Int8, Last: kernels.Int8},
		{Weights: kernels.Pow2x4, Acts: kernels.U4},
		{Weights: kernels.Float32, Acts: kernels.F32},
	} {
		n, err := d.Network(nn.Shape{H: 32, W: 32, C: 3}, 10, f)
		if err != nil {
			t.Fatal(err)
		}
		fill(n)
		check(t, n, data.Made(8, 32, 32, 3))
	}
}

// fill gives a network parameters.
func fill(n *nn.Network) {
	state := uint32(1)
	next := func() float32 {
		state = state*1664525 + 1013904223
		return float32(state>>8)/(1<<24) - 0.5
	}
	block := func(b *nn.Block) {
		levels := b.Weights.Levels()
		for range b.Out * b.K() {
			if v := next(); b.Weights == kernels.Float32 {
				b.Float = append(b.Float, v)
			} else {
				b.Values = append(b.Values, levels[int((v+0.5)*float32(len(levels)))])
			}
		}
		for range b.Out {
			b.Scale, b.Bias = append(b.Scale, 0.03*next()), append(b.Bias, next()+0.3)
			if b.Kind == nn.Mean {
				b.Scale[len(b.Scale)-1] = 1 / float32(b.In.H*b.In.W)
			}
		}
	}
	for i := range n.Blocks {
		b := &n.Blocks[i]
		block(b)
		if b.Stream {
			b.StreamScale = 60
		}
		switch {
		case b.Skip == nil:
		case b.Skip.Proj != nil:
			block(b.Skip.Proj)
		case !n.Float():
			b.Skip.Scale = 0.02
		}
	}
}

func check(t *testing.T, n *nn.Network, images *data.Images) {
	t.Helper()
	write, tolerance := onnx.Dequantized, float32(0)
	if n.Float() {
		write, tolerance = onnx.Float, 1e-4
	}
	file, err := write(n)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := nn.Compile(n, nn.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := make([]float32, images.N*n.Classes)
	plan.Run(want, images.Pixels, images.N)
	largest := max(slices.Max(want), -slices.Min(want))
	for i, v := range logits(t, file, images) {
		if d := max(v-want[i], want[i]-v); !(d <= tolerance*largest) {
			t.Errorf("%s: logit %d of image %d is %v: want %v", n.Name, i%n.Classes, i/n.Classes, v, want[i])
			return
		}
	}
}
