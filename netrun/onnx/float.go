package onnx

import (
	"fmt"
	"math"
	"slices"

	"example.com/lowbit/netrun/nn"
)

// Float returns the model of a float32 network. The affine step of a block is part
// of its weights, where that is the same: not where a channel whose scale is negative
// is pooled. Rectifying comes before pooling, where runtimes fuse it with the
// convolution; the maximum is the same.
func Float(net *nn.Network) ([]byte, error) {
	if err := net.Check(); err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	if !net.Float() {
		return nil, fmt.Errorf("onnx: network %s is low-bit: want a float32 one", net.Name)
	}
	b := newBuilder(net)
	b.images = b.bytes()
	b.images.name = b.node("images/float", "Cast", []string{b.images.name}, intAttr("to", int64(float32s)))
	for i := range net.Blocks {
		b.floatBlock(i)
	}
	return b.encode(), nil
}

// linear is the weights and biases that stand for a block's linear and affine steps.
type linear struct {
	weights, bias []float32
	// sign is what pooled sums are still to be multiplied by, before the bias is
	// added; nil if there is nothing left to do.
	sign []float32
}

// fold multiplies the block's weights by the scales of its outputs and by factor.
func fold(b *nn.Block, factor float64) linear {
	l := linear{weights: make([]float32, len(b.Float)), bias: slices.Clone(b.Bias)}
	scale := b.Scale
	if b.Pool > 1 && slices.Min(scale) < 0 {
		l.sign, scale = make([]float32, b.Out), make([]float32, b.Out)
		for o, s := range b.Scale {
			l.sign[o], scale[o] = float32(math.Copysign(1, float64(s))), float32(math.Abs(float64(s)))
		}
	}
	k := b.K()
	for i, w := range b.Float {
		l.weights[i] = float32(float64(w) * float64(scale[i/k]) * factor)
	}
	return l
}

// pixelFactor is what the weights of block i are multiplied by: a float network
// reads pixel/255, its model the bytes.
func pixelFactor(net *nn.Network, i int) float64 {
	if net.Source(i) < 0 {
		return 1. / 255
	}
	return 1
}

func (b *builder) floatBlock(i int) {
	block, prefix, last := &b.net.Blocks[i], blockName(i), i == len(b.net.Blocks)-1
	x, out := b.source(i), feature{shape: block.OutShape()}
	relu := func(x string) string { return b.node(prefix+"/relu", "Relu", []string{x}) }
	var y string
	switch block.Kind {
	case nn.Conv:
		l := fold(block, pixelFactor(b.net, i))
		y = b.convFloat(prefix, b.as4(prefix, x), block, l)
		switch {
		case l.sign != nil:
			y = b.pool(prefix, y, block)
			y = b.node(prefix+"/signed", "Mul", []string{y, b.perChannel(prefix+"/sign", l.sign, false)})
			y = b.node(prefix+"/biased", "Add", []string{y, b.perChannel(prefix+"/bias", l.bias, false)})
			if !last {
				y = relu(y)
			}
		case block.Skip != nil:
			y = relu(b.node(prefix+"/add", "Add", []string{y, b.floatShortcut(i)}))
		default:
			if !last {
				y = relu(y)
			}
			y = b.pool(prefix, y, block)
		}
	case nn.Dense:
		out.flat = true
		l := fold(block, pixelFactor(b.net, i))
		w := b.constant(floatTensor(prefix+"/weights", rows(block, l.weights, b.net.Source(i) < 0), int64(block.Out), int64(block.K())))
		y = b.node(prefix+"/dense", "Gemm", []string{b.asFlat(prefix, x), w, b.perChannel(prefix+"/bias", l.bias, true)}, intAttr("transB", 1))
		if !last {
			y = relu(y)
		}
	case nn.Mean:
		y = b.node(prefix+"/mean", "GlobalAveragePool", []string{b.as4(prefix, x)})
		if scale, mean := meanScale(block); !mean {
			y = b.node(prefix+"/scaled", "Mul", []string{y, b.perChannel(prefix+"/scale", scale, false)})
			y = b.node(prefix+"/biased", "Add", []string{y, b.perChannel(prefix+"/bias", block.Bias, false)})
			if !last {
				y = relu(y)
			}
		}
	}
	b.finish(prefix, y, out, last)
}

// finish notes what a block puts out, and makes that of the last one the logits.
func (b *builder) finish(prefix, y string, out feature, last bool) {
	out.name = y
	if last {
		b.asFlat(prefix, out)
		b.graph.nodes[len(b.graph.nodes)-1].outputs[0] = logitsName
	}
	b.features = append(b.features, out)
}

// meanScale returns what means, rather than sums, are to be multiplied by, and
// whether that and the biases change nothing: features are rectified, and so are
// their means.
func meanScale(b *nn.Block) (scale []float32, mean bool) {
	positions := float32(b.In.H * b.In.W)
	mean = true
	for o, s := range b.Scale {
		mean = mean && s == 1/positions && b.Bias[o] == 0
		scale = append(scale, s*positions)
	}
	return scale, mean
}

// convFloat adds a convolution, with the biases unless they are for later.
func (b *builder) convFloat(prefix, x string, block *nn.Block, l linear) string {
	inputs := []string{x, b.constant(floatTensor(prefix+"/weights", filters(block, l.weights), filterDims(block)...))}
	if l.sign == nil {
		inputs = append(inputs, b.perChannel(prefix+"/bias", l.bias, true))
	}
	return b.node(prefix+"/conv", "Conv", inputs, convAttributes(block)...)
}

// floatShortcut returns what the shortcut of block i adds.
func (b *builder) floatShortcut(i int) string {
	prefix := blockName(i) + "/shortcut"
	from := b.as4(prefix, b.features[b.net.SkipSource(i)])
	if p := b.net.Blocks[i].Skip.Proj; p != nil {
		return b.convFloat(prefix, from, p, fold(p, 1))
	}
	return from
}
