package nn

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"example.com/lowbit/kernels"
)

// Each field that is wrong is named.
func TestCheck(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, test := range []struct {
		name   string
		change func(n *Network)
		want   string
	}{
		{"right", func(n *Network) {}, ""},
		{"pool 1", func(n *Network) { n.Blocks[2].Pool = 1 }, ""},
		{"input", func(n *Network) { n.Input.C = 0 }, "input: shape is 28x28x0"},
		{"input size", func(n *Network) { n.Input = Shape{1 << 14, 1 << 14, 4} }, "input: shape is 16384x16384x4"},
		{"classes", func(n *Network) { n.Classes = 11 }, "the last block's output is 1x1x10: want 1x1x11"},
		{"no blocks", func(n *Network) { n.Blocks = nil }, "0 blocks"},
		{"kind", func(n *Network) { n.Blocks[1].Kind = "con" }, `block 1: kind is "con"`},
		{"chain", func(n *Network) { n.Blocks[1].In.H++ }, "block 1: input is 13x12x32: want 12x12x32"},
		{"out", func(n *Network) { n.Blocks[0].Out = 0 }, "block 0: out is 0"},
		{"kernel", func(n *Network) { n.Blocks[0].Kernel = 29 }, "block 0: kernel is 29"},
		{"stride", func(n *Network) { n.Blocks[0].Stride = 0 }, "block 0: kernel, stride, pad are 5, 0, 0"},
		{"pad", func(n *Network) { n.Blocks[0].Pad = 5 }, "block 0: kernel, stride, pad are 5, 1, 5"},
		{"pool", func(n *Network) { n.Blocks[0].Pool = 25 }, "after pooling: shape is 0x0x32"},
		{"negative pool", func(n *Network) { n.Blocks[0].Pool = -1 }, "pool is -1"},
		{"dense kernel", func(n *Network) { n.Blocks[3].Kernel = 1 }, "block 3: kernel, stride, pad, pool are 1, 0, 0, 0"},
		{"too many", func(n *Network) { n.Blocks[2].Out = 1 << 20 }, "want at most 536870912 weights"},
		{"no format", func(n *Network) { n.Blocks[1].Weights = 0 }, "block 1: weights are"},
		{"float among", func(n *Network) { n.Blocks[1].Weights = kernels.Float32 }, "block 1: weights are float32"},
		{"in act", func(n *Network) { n.Blocks[1].InAct = kernels.U3 }, "block 1: input format is u3: want u2"},
		{"first act", func(n *Network) { n.Blocks[0].InAct = kernels.U2 }, "block 0: input format is u2: want u8"},
		{"float act", func(n *Network) { n.Blocks[1].OutAct = kernels.F32 }, "block 1: output format is float32"},
		{"no act", func(n *Network) { n.Blocks[1].OutAct = 0 }, "block 1: output format is"},
		{"last act", func(n *Network) { n.Blocks[3].OutAct = kernels.U2 }, "block 3: output format is u2: want none"},
		{"values", func(n *Network) { n.Blocks[1].Values = n.Blocks[1].Values[1:] }, "block 1: 51199 values: want 51200"},
		{"floats", func(n *Network) { n.Blocks[1].Float = make([]float32, 1) }, "block 1: 1 float weights: want 0"},
		{"scales", func(n *Network) { n.Blocks[1].Scale = nil }, "block 1: 0 scales: want 64"},
		{"scale", func(n *Network) { n.Blocks[1].Scale[3] = inf }, "block 1: scale 3 is +Inf"},
		{"bias", func(n *Network) { n.Blocks[1].Bias[3] = nan }, "block 1: bias 3 is NaN"},
		{"level", func(n *Network) { n.Blocks[1].Values[805] = 2 }, "block 1: weight 5 of output 1 is 2: want a level of ternary"},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := Lenet(kernels.Ternary, kernels.U2)
			fill(rand.New(rand.NewPCG(1, 2)), n)
			test.change(n)
			err := n.Check()
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("error %v: want %q", err, test.want)
			}
		})
	}
}

// Sums that float32 may not hold are refused; those just within are not.
func TestCheckSums(t *testing.T) {
	const most = maxSum / (127 * 255)
	for k, ok := range map[int]bool{most: true, most + 1: false} {
		b := Block{Kind: Dense, In: Shape{1, 1, k}, Out: 1, Weights: kernels.Int8, InAct: kernels.U8, Scale: []float32{1}, Bias: []float32{0}}
		b.Values = make([]int8, k)
		for i := range b.Values {
			b.Values[i] = -127
		}
		n := &Network{Input: b.In, Classes: 1, Blocks: []Block{b}}
		if err := n.Check(); (err == nil) != ok || err != nil && !strings.Contains(err.Error(), "the sums of output 0 reach from -") {
			t.Errorf("%d weights of -127 on u8: error %v", k, err)
		}
	}
}
