package onnx

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/data"
	"example.com/lowbit/netrun/nn"
)

// described are the networks that tests run: small ones that have between them
// everything that blocks can be.
var described = map[string][]nn.LayerDescription{
	"pooled": {
		{Kind: nn.Conv, Out: 6, Kernel: 3, Pool: 2},
		{Kind: nn.Conv, Out: 8, Kernel: 3, Pad: 1, Pool: 3},
		{Kind: nn.Dense, Out: 9},
		{Kind: nn.Dense},
	},
	"dense": {{Kind: nn.Dense, Out: 7}, {Kind: nn.Dense}},
	"residual": {
		{Kind: nn.Conv, Out: 4, Kernel: 3, Pad: 1},
		{Kind: nn.Conv, Out: 4, Kernel: 3, Pad: 1},
		{Kind: nn.Conv, Out: 4, Kernel: 3, Pad: 1, Skip: &nn.SkipDescription{Back: 1}},
		{Kind: nn.Conv, Out: 6, Kernel: 3, Pad: 1, Stride: 2},
		{Kind: nn.Conv, Out: 6, Kernel: 3, Pad: 1, Skip: &nn.SkipDescription{Back: 1, Project: true}},
		{Kind: nn.Conv, Out: 6, Kernel: 1, Back: 1, Skip: &nn.SkipDescription{}},
		{Kind: nn.Mean},
		{Kind: nn.Dense, Out: 5},
		{Kind: nn.Conv, Out: 5, Kernel: 1, Skip: &nn.SkipDescription{}},
		{Kind: nn.Dense},
	},
}

// random returns one of the described networks with random parameters, some scales
// negative or 0.
func random(t testing.TB, name string, input nn.Shape, f nn.Formats) *nn.Network {
	t.Helper()
	d := nn.Description{Name: name, Layers: described[name]}
	n, err := d.Network(input, 10, f)
	if err != nil {
		t.Fatal(err)
	}
	n.Dataset, n.Method = "made", "none"
	rng := rand.New(rand.NewPCG(5, uint64(len(name))))
	fill := func(b *nn.Block, top float64) {
		var squares float64
		levels := b.Weights.Levels()
		for range b.Out * b.K() {
			if b.Weights == kernels.Float32 {
				w := rng.NormFloat64()
				squares += w * w
				b.Float = append(b.Float, float32(w))
				continue
			}
			w := levels[rng.IntN(len(levels))]
			squares += float64(w) * float64(w)
			b.Values = append(b.Values, w)
		}
		code := 0.6
		if b.InAct != kernels.F32 {
			code = max(0.5, float64(b.InAct.Max())/2)
		}
		for o := range b.Out {
			scale := top / (code * math.Sqrt(squares/float64(b.Out))) * (0.3 + rng.Float64())
			if b.Kind == nn.Mean {
				scale = 1 / float64(b.In.H*b.In.W)
			} else if o%3 == 1 {
				scale = -scale
			}
			if o == 4 && b.Kind == nn.Conv {
				scale = 0
			}
			bias := 0.0
			if b.Kind != nn.Mean {
				bias = top * (rng.Float64() - 0.3)
			}
			b.Scale, b.Bias = append(b.Scale, float32(scale)), append(b.Bias, float32(bias))
		}
	}
	for i := range n.Blocks {
		b := &n.Blocks[i]
		top := 1.0
		if b.OutAct > kernels.NoActs && b.OutAct != kernels.F32 {
			top = float64(b.OutAct.Max())
		}
		fill(b, top)
		if b.Stream {
			b.StreamScale = float32(100 / top)
		}
		switch {
		case b.Skip == nil:
		case b.Skip.Proj != nil:
			fill(b.Skip.Proj, top)
		case !n.Float():
			b.Skip.Scale = float32(top / 120)
		}
	}
	return n
}

// run returns the logits of a plan.
func run(t *testing.T, n *nn.Network, images *data.Images) []float32 {
	t.Helper()
	p, err := nn.Compile(n, nn.Options{})
	if err != nil {
		t.Fatal(err)
	}
	logits := make([]float32, images.N*n.Classes)
	p.Run(logits, images.Pixels, images.N)
	return logits
}

var inputs = []nn.Shape{{H: 12, W: 10, C: 3}, {H: 11, W: 11, C: 1}}

var floats = nn.Formats{Weights: kernels.Float32, Acts: kernels.F32}

// TestFloat: a model computes what the network does, and is read as a network that does.
func TestFloat(t *testing.T) {
	for name := range described {
		for _, input := range inputs {
			n := random(t, name, input, floats)
			images := data.Made(3, input.H, input.W, input.C)
			want := run(t, n, images)
			file, err := Float(n)
			if err != nil {
				t.Fatal(err)
			}
			if d := difference(evaluate(t, file, floatsOf(images.Pixels), images.N), want); !(d < 1e-5) {
				t.Errorf("%s on %v: logits differ by %v of the largest", name, input, d)
			}
			again, err := Import(file, Input{})
			if err != nil {
				t.Errorf("%s on %v: %v", name, input, err)
				continue
			}
			if len(again.Blocks) != len(n.Blocks) || !slices.EqualFunc(again.Blocks, n.Blocks, func(a, b nn.Block) bool { return a.SameShape(&b) }) {
				t.Errorf("%s on %v: read as a network of other shape", name, input)
			}
			if d := difference(run(t, again, images), want); !(d < 1e-5) {
				t.Errorf("%s on %v, read again: logits differ by %v of the largest", name, input, d)
			}
		}
	}
}

// TestDequantized: a low-bit network's model computes the very logits.
func TestDequantized(t *testing.T) {
	for _, f := range []nn.Formats{
		{Weights: kernels.Ternary, Acts: kernels.U2, First: kernels.Int8, Last: kernels.Int8},
		{Weights: kernels.Binary, Acts: kernels.Sign},
		{Weights: kernels.Pow2x4, Acts: kernels.U4},
		{Weights: kernels.Int8, Acts: kernels.U8},
	} {
		for name := range described {
			for _, input := range inputs {
				n := random(t, name, input, f)
				images := data.Made(3, input.H, input.W, input.C)
				file, err := Dequantized(n)
				if err != nil {
					t.Fatal(err)
				}
				got, want := evaluate(t, file, floatsOf(images.Pixels), images.N), run(t, n, images)
				if !slices.Equal(got, want) {
					t.Errorf("%s of %v/%v on %v: logits differ by %v of the largest", name, f.Weights, f.Acts, input, difference(got, want))
				}
			}
		}
	}
	// Float32 weights in a low-bit network: their sums are rounded.
	n := random(t, "pooled", inputs[0], nn.Formats{Weights: kernels.Ternary, Acts: kernels.U8, First: kernels.Float32, Last: kernels.Float32})
	images := data.Made(3, 12, 10, 3)
	file, err := Dequantized(n)
	if err != nil {
		t.Fatal(err)
	}
	if d := difference(evaluate(t, file, floatsOf(images.Pixels), images.N), run(t, n, images)); !(d < 0.02) {
		t.Errorf("float32 first and last: logits differ by %v of the largest", d)
	}
}

// TestStatic: in 8 bits, logits are near.
func TestStatic(t *testing.T) {
	for name := range described {
		for _, input := range inputs {
			n := random(t, name, input, floats)
			images := data.Made(8, input.H, input.W, input.C)
			ranges, err := Calibrate(n, images.Pixels)
			if err != nil {
				t.Fatal(err)
			}
			file, err := Static(n, ranges, 127)
			if err != nil {
				t.Fatal(err)
			}
			if d := difference(evaluate(t, file, floatsOf(images.Pixels), images.N), run(t, n, images)); !(d < 0.06) {
				t.Errorf("%s on %v: logits differ by %v of the largest", name, input, d)
			}
		}
	}
}

func TestExportErrors(t *testing.T) {
	float, low := random(t, "pooled", inputs[0], floats), random(t, "pooled", inputs[0], nn.Formats{Weights: kernels.Ternary, Acts: kernels.U2})
	broken := *float
	broken.Classes = 3
	for i, f := range []func() ([]byte, error){
		func() ([]byte, error) { return Float(low) },
		func() ([]byte, error) { return Float(&broken) },
		func() ([]byte, error) { return Dequantized(float) },
		func() ([]byte, error) { return Dequantized(&broken) },
		func() ([]byte, error) { return Static(low, &Ranges{}, 127) },
		func() ([]byte, error) { return Static(float, &Ranges{}, 127) },
		func() ([]byte, error) { return Static(float, &Ranges{}, 0) },
		func() ([]byte, error) { return Static(&broken, &Ranges{}, 127) },
		func() ([]byte, error) { _, err := Calibrate(float, make([]byte, 7)); return nil, err },
		func() ([]byte, error) { _, err := Calibrate(low, make([]byte, 360)); return nil, err },
		func() ([]byte, error) { _, err := Calibrate(&broken, make([]byte, 360)); return nil, err },
	} {
		if file, err := f(); err == nil || file != nil {
			t.Errorf("%d: error %v, %d bytes: want an error alone", i, err, len(file))
		}
	}
}

func ExampleImport() {
	n := &nn.Network{
		Name: "sum", Input: nn.Shape{H: 1, W: 2, C: 1}, Classes: 1,
		Blocks: []nn.Block{{
			Kind: nn.Dense, In: nn.Shape{H: 1, W: 2, C: 1}, Out: 1, Weights: kernels.Float32, InAct: kernels.F32,
			Float: []float32{2, 3}, Scale: []float32{255}, Bias: []float32{1},
		}},
	}
	file, err := Float(n)
	if err != nil {
		fmt.Println(err)
		return
	}
	again, err := Import(file, Input{})
	fmt.Println(again.Blocks[0].Float, again.Blocks[0].Bias, err)
	_, err = Import(file[:100], Input{})
	fmt.Println(err)
	// Output:
	// [510 765] [1] <nil>
	// onnx: field 7: unexpected EOF
}
