package main

import (
	"math"
	"math/rand/v2"
	"slices"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/models"
	"example.com/lowbit/netrun/nn"
)

// Where the float32 network beside low-bit ones is too large to be shipped, one with
// random weights stands for it: what it takes in time and memory does not depend on
// them. Its accuracy is never measured; the outline of the trained one, if that is
// shipped, tells what was recorded.

// withTwins adds a float32 network with random weights for each shape that has no
// float32 network. random is what was added.
func withTwins(nets []*nn.Network) (all, random []*nn.Network, err error) {
	shipped, err := models.All()
	if err != nil {
		return nil, nil, err
	}
	all = slices.Clone(nets)
	for _, n := range nets {
		twin := func(f *nn.Network) bool { return f.Float() && sameShape(f, n) }
		if slices.ContainsFunc(all, twin) {
			continue
		}
		f := floatShape(n)
		if i := slices.IndexFunc(shipped, func(s models.Shipped) bool { return s.Outline && twin(s.Network) }); i >= 0 {
			o := shipped[i].Network
			f.Name, f.Method, f.Meta = o.Name, o.Method, o.Meta
		}
		fillRandom(f)
		all, random = append(all, f), append(random, f)
	}
	return all, random, nil
}

// floatShape returns the float32 network of a network's shape, without parameters.
func floatShape(n *nn.Network) *nn.Network {
	f := &nn.Network{Name: baseName(n), Dataset: n.Dataset, Method: "float", Input: n.Input, Classes: n.Classes}
	shape := func(b *nn.Block) nn.Block {
		s := nn.Block{
			Kind: b.Kind, Back: b.Back, In: b.In, Out: b.Out, Kernel: b.Kernel, Stride: b.Stride, Pad: b.Pad, Pool: b.Pool,
			Weights: kernels.Float32, InAct: kernels.F32, OutAct: kernels.F32,
		}
		if b.Kind == nn.Mean {
			s.Weights = kernels.NoWeights
		}
		if b.OutAct == kernels.NoActs {
			s.OutAct = kernels.NoActs
		}
		return s
	}
	for i := range n.Blocks {
		b := shape(&n.Blocks[i])
		if s := n.Blocks[i].Skip; s != nil {
			b.Skip = &nn.Skip{Back: s.Back}
			if s.Proj != nil {
				p := shape(s.Proj)
				b.Skip.Proj = &p
			}
		}
		f.Blocks = append(f.Blocks, b)
	}
	return f
}

// fillRandom gives a float32 network weights of He et al.'s standard deviation,
// sqrt(2/K), with which activations are neither denormal nor infinite.
func fillRandom(f *nn.Network) {
	rng := rand.New(rand.NewPCG(1, 2))
	fill := func(b *nn.Block) {
		scale := float32(1)
		if b.Kind == nn.Mean {
			scale = 1 / float32(b.In.H*b.In.W)
		}
		b.Scale, b.Bias = slices.Repeat([]float32{scale}, b.Out), make([]float32, b.Out)
		for range b.Out * b.K() {
			b.Float = append(b.Float, float32(rng.NormFloat64()*math.Sqrt(2/float64(b.K()))))
		}
	}
	for i := range f.Blocks {
		fill(&f.Blocks[i])
		if s := f.Blocks[i].Skip; s != nil && s.Proj != nil {
			fill(s.Proj)
		}
	}
}
