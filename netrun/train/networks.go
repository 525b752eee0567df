package train

import (
	"fmt"
	"slices"
	"strings"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/nn"
)

// networks are the shapes of METHOD's protocol, for any image: a C is a
// convolution of that many outputs, kernel and padding; a P the pool after it;
// an F a dense layer.
var networks = map[string][]nn.Block{
	"lenet": {
		{Kind: nn.Conv, Out: 32, Kernel: 5, Stride: 1, Pool: 2},
		{Kind: nn.Conv, Out: 64, Kernel: 5, Stride: 1, Pool: 2},
		{Kind: nn.Dense, Out: 512},
	},
	"mlp": {
		{Kind: nn.Dense, Out: 512},
		{Kind: nn.Dense, Out: 512},
	},
	"vgg-small": {
		{Kind: nn.Conv, Out: 128, Kernel: 3, Stride: 1, Pad: 1},
		{Kind: nn.Conv, Out: 128, Kernel: 3, Stride: 1, Pad: 1, Pool: 2},
		{Kind: nn.Conv, Out: 256, Kernel: 3, Stride: 1, Pad: 1},
		{Kind: nn.Conv, Out: 256, Kernel: 3, Stride: 1, Pad: 1, Pool: 2},
		{Kind: nn.Conv, Out: 512, Kernel: 3, Stride: 1, Pad: 1},
		{Kind: nn.Conv, Out: 512, Kernel: 3, Stride: 1, Pad: 1, Pool: 2},
		{Kind: nn.Dense, Out: 1024},
	},
}

// NetworkNames lists the shapes that NewNetwork knows.
func NetworkNames() []string {
	var names []string
	for name := range networks {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// NewNetwork returns a network without parameters: the named hidden layers and a
// dense one to the classes, all with weights of format w and with activations
// of format a between them. a is F32 if and only if w is Float32.
func NewNetwork(name string, input nn.Shape, classes int, w kernels.WeightFormat, a kernels.ActFormat) (*nn.Network, error) {
	hidden, ok := networks[name]
	if !ok {
		return nil, fmt.Errorf("train: no network %q: want one of %s", name, strings.Join(NetworkNames(), ", "))
	}
	in, act := input, kernels.U8
	if w == kernels.Float32 {
		act = kernels.F32
	}
	net := &nn.Network{Name: name, Input: input, Classes: classes, Blocks: slices.Clone(hidden)}
	net.Blocks = append(net.Blocks, nn.Block{Kind: nn.Dense, Out: classes})
	for i := range net.Blocks {
		b := &net.Blocks[i]
		b.In, b.InAct, b.Weights, b.OutAct = in, act, w, a
		if i == len(net.Blocks)-1 {
			b.OutAct = kernels.NoActs
		}
		if b.Kind == nn.Conv && (in.H+2*b.Pad < b.Kernel || in.W+2*b.Pad < b.Kernel) {
			return nil, fmt.Errorf("train: network %s: images of %v are too small", name, input)
		}
		in, act = b.OutShape(), a
	}
	if err := net.CheckShapes(); err != nil {
		return nil, fmt.Errorf("train: network %s: %w", name, err)
	}
	return net, nil
}
