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
		{"float among", func(n *Network) { n.Blocks[1].Weights = kernels.Float32 }, "block 1: 51200 values: want 0"},
		{"float weights", func(n *Network) { toFloat(&n.Blocks[0]); toFloat(&n.Blocks[3]) }, ""},
		{"float weight", func(n *Network) { toFloat(&n.Blocks[0]); n.Blocks[0].Float[7] = inf }, "block 0: float weight 7 is +Inf"},
		{"float weights of float images", func(n *Network) { toFloat(&n.Blocks[0]); n.Blocks[0].InAct = kernels.F32 }, "block 0: output format is u2: want one for a block before the last, float32 if and only if"},
		{"float images", func(n *Network) { n.Blocks[0].InAct = kernels.F32 }, "block 0: weights are ternary: want a format, float32 in every block"},
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
			n := lenet(kernels.Ternary, kernels.U2)
			fill(rand.New(rand.NewPCG(1, 2)), n)
			test.change(n)
			err := n.Check()
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("error %v: want %q", err, test.want)
			}
		})
	}
}

// Each field of a residual network that is wrong is named. In resnet20 block 2 has an
// identity from 0, block 8 a projection from 6, block 19 is the mean.
func TestCheckResidual(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, test := range []struct {
		name   string
		change func(n *Network)
		want   string
	}{
		{"right", func(n *Network) {}, ""},
		{"the same input from before", func(n *Network) { n.Blocks[5].Back = 2 }, ""},
		{"back", func(n *Network) { n.Blocks[5].Back = 5 }, "block 5: back is 5: want 0 to 4"},
		{"negative back", func(n *Network) { n.Blocks[5].Back = -1 }, "block 5: back is -1"},
		{"first back", func(n *Network) { n.Blocks[0].Back = 1 }, "block 0: back is 1: want 0 to 0"},
		{"huge back", func(n *Network) { n.Blocks[5].Back = math.MinInt }, "block 5: back is -"},
		{"shape back", func(n *Network) { n.Blocks[9].Back = 4 }, "block 9: input is 16x16x32: want 32x32x16"},
		{"skip back", func(n *Network) { n.Blocks[2].Skip.Back = 2 }, "block 2: shortcut: back is 2: want 0 to 1"},
		{"skip negative", func(n *Network) { n.Blocks[2].Skip.Back = math.MinInt }, "block 2: shortcut: back is -"},
		{"first skip", func(n *Network) { n.Blocks[0].Skip = &Skip{} }, "block 0: shortcut: back is 0"},
		{"no projection", func(n *Network) { n.Blocks[8].Skip.Proj = nil }, "block 8: shortcut of shape 32x32x16: want 16x16x32"},
		{"projection's stride", func(n *Network) { n.Blocks[8].Skip.Proj.Stride = 3 }, "block 8: shortcut of shape 11x11x32: want 16x16x32"},
		{"projection's input", func(n *Network) { n.Blocks[8].Skip.Proj.In.C++ }, "block 8: shortcut: input is 32x32x17: want 32x32x16"},
		{"projection's out", func(n *Network) { n.Blocks[8].Skip.Proj.Out = 1 << 30 }, "block 8: shortcut: out is 1073741824"},
		{"projection's format", func(n *Network) { n.Blocks[8].Skip.Proj.InAct = kernels.U8 }, "block 8: shortcut: input format is u8: want u2"},
		{"projection's output", func(n *Network) { n.Blocks[8].Skip.Proj.OutAct = kernels.U2 }, "block 8: shortcut: output format is u2"},
		{"projection's weights", func(n *Network) { n.Blocks[8].Skip.Proj.Weights = kernels.Float32 }, "block 8: shortcut: weights are float32: want float32 if and only if"},
		{"projection without float weights", func(n *Network) { toFloat(&n.Blocks[8]) }, "block 8: shortcut: weights are ternary: want float32 if and only if"},
		{"float weights", func(n *Network) { toFloat(&n.Blocks[0]); toFloat(&n.Blocks[8]); toFloat(n.Blocks[8].Skip.Proj) }, ""},
		{"projection of kind", func(n *Network) { n.Blocks[8].Skip.Proj.Kind = Dense }, `block 8: shortcut: a projection of kind "dense"`},
		{"projection with pool", func(n *Network) { n.Blocks[8].Skip.Proj.Pool = 2 }, "block 8: shortcut: a projection of"},
		{"projection with back", func(n *Network) { n.Blocks[8].Skip.Proj.Back = 1 }, "block 8: shortcut: a projection of"},
		{"projection with stream", func(n *Network) { n.Blocks[8].Skip.Proj.Stream = true }, "block 8: shortcut: a projection of"},
		{"projection with skip", func(n *Network) { p := n.Blocks[8].Skip.Proj; p.Skip = &Skip{Proj: p} }, "block 8: shortcut: a projection of"},
		{"skip in mean", func(n *Network) { n.Blocks[19].Skip = &Skip{} }, `block 19: a shortcut in a block of kind "mean"`},
		{"skip in last", func(n *Network) {
			n.Blocks = n.Blocks[:3]
			n.Blocks[2].OutAct, n.Blocks[2].Stream = kernels.NoActs, false
		}, `block 2: a shortcut in a block of kind "conv", pool 0: want it in a convolution without pool that is not the last`},
		{"skip with pool", func(n *Network) { n.Blocks[2].Pool = 2 }, `block 2: a shortcut in a block of kind "conv", pool 2`},
		{"no stream", func(n *Network) { n.Blocks[0].Stream = false }, "block 0: stream is false"},
		{"stream", func(n *Network) { n.Blocks[1].Stream = true }, "block 1: stream is true"},
		{"stream scale", func(n *Network) { n.Blocks[0].StreamScale = 0 }, "block 0: stream's scale is 0"},
		{"stream NaN", func(n *Network) { n.Blocks[0].StreamScale = nan }, "block 0: stream's scale is NaN"},
		{"stream scale without", func(n *Network) { n.Blocks[1].StreamScale = 1 }, "block 1: stream's scale is 1"},
		{"skip scale", func(n *Network) { n.Blocks[2].Skip.Scale = inf }, "block 2: shortcut's scale is +Inf"},
		{"skip negative scale", func(n *Network) { n.Blocks[2].Skip.Scale = -1 }, "block 2: shortcut's scale is -1"},
		{"skip scale without", func(n *Network) { n.Blocks[8].Skip.Scale = 1 }, "block 8: shortcut's scale is 1"},
		{"projection's level", func(n *Network) { n.Blocks[8].Skip.Proj.Values[16] = 3 }, "block 8: shortcut: weight 0 of output 1 is 3"},
		{"projection's values", func(n *Network) { n.Blocks[8].Skip.Proj.Values = nil }, "block 8: shortcut: 0 values: want 512"},
		{"projection's bias", func(n *Network) { n.Blocks[8].Skip.Proj.Bias[1] = nan }, "block 8: shortcut: bias 1 is NaN"},
		{"first mean", func(n *Network) { n.Blocks = n.Blocks[19:]; n.Blocks[0].In = n.Input }, `block 0: kind is "mean"`},
		{"mean's out", func(n *Network) { n.Blocks[19].Out = 63 }, "block 19: kernel, stride, pad, pool, out are 0, 0, 0, 0, 63: want 0 and 64"},
		{"mean's weights", func(n *Network) { n.Blocks[19].Weights = kernels.Ternary }, "block 19: weights are ternary: want none"},
		{"mean's values", func(n *Network) { n.Blocks[19].Values = make([]int8, 64) }, "block 19: 64 values: want 0"},
		{"mean's scale", func(n *Network) { n.Blocks[19].Scale = n.Blocks[19].Scale[:1] }, "block 19: 1 scales: want 64"},
		{"mean's input", func(n *Network) { n.Blocks[18].OutAct, n.Blocks[19].InAct = kernels.U2, kernels.U2 }, "block 19: input format is u2: want u8"},
		{"no weights", func(n *Network) { n.Blocks[1].Weights = kernels.NoWeights }, "block 1: weights are"},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := resnet20(kernels.Ternary, kernels.U2)
			fill(rand.New(rand.NewPCG(1, 2)), n)
			test.change(n)
			err := n.Check()
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("error %v: want %q", err, test.want)
			}
		})
	}
	// A float network has shortcuts without scales and streams.
	for want, change := range map[string]func(n *Network){
		"":                            func(n *Network) {},
		"block 0: stream is true":     func(n *Network) { n.Blocks[0].Stream = true },
		"block 2: shortcut's scale":   func(n *Network) { n.Blocks[2].Skip.Scale = 1 },
		"block 19: 64 float weights":  func(n *Network) { n.Blocks[19].Float = make([]float32, 64) },
		"block 8: shortcut: 1 values": func(n *Network) { n.Blocks[8].Skip.Proj.Values = make([]int8, 1) },
	} {
		n := resnet20(kernels.Float32, kernels.F32)
		fill(rand.New(rand.NewPCG(1, 2)), n)
		change(n)
		if err := n.Check(); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("float: error %v: want %q", err, want)
		}
	}
}

// Sums of a mean are bounded, too.
func TestCheckMeanSums(t *testing.T) {
	for rows, ok := range map[int]bool{256: true, 260: false} {
		in := Shape{rows, 257, 1} // 256*257*255 is just below 2^24
		n := &Network{Input: in, Classes: 1, Blocks: []Block{
			{Kind: Conv, In: in, Out: 1, Kernel: 1, Stride: 1, Weights: kernels.Binary, InAct: kernels.U8, OutAct: kernels.U8, Values: []int8{1}, Scale: []float32{1}, Bias: []float32{0}},
			{Kind: Mean, In: in, Out: 1, InAct: kernels.U8, Scale: []float32{1}, Bias: []float32{0}},
		}}
		if err := n.Check(); (err == nil) != ok || err != nil && !strings.Contains(err.Error(), "block 1: the sums of output 0 reach from 0") {
			t.Errorf("%d rows: error %v", rows, err)
		}
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
