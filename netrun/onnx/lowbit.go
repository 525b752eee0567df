package onnx

import (
	"fmt"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/nn"
)

// Dequantized returns the model of a low-bit network in operators of float32. Its
// features are codes as numbers, its weights levels as numbers, so sums are integers
// that float32 holds exactly, in any order; what follows rounds each operation by
// itself, as package nn does. A runtime that does what the operators say gives the same
// codes and logits; but where weights are float32, whose sums it may round otherwise.
func Dequantized(net *nn.Network) ([]byte, error) {
	if err := net.Check(); err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	if net.Float() {
		return nil, fmt.Errorf("onnx: network %s is float32: want a low-bit one", net.Name)
	}
	b := newBuilder(net)
	b.images = b.bytes()
	b.images.name = b.node("images/codes", "Cast", []string{b.images.name}, intAttr("to", int64(float32s)))
	l := &lowBuilder{builder: b, streams: make([]feature, len(net.Blocks))}
	for i := range net.Blocks {
		l.block(i)
	}
	return b.encode(), nil
}

type lowBuilder struct {
	*builder
	streams []feature // of the blocks that have one
}

func (l *lowBuilder) block(i int) {
	block, prefix, last := &l.net.Blocks[i], blockName(i), i == len(l.net.Blocks)-1
	x := l.source(i)
	out := feature{shape: block.OutShape(), flat: block.Kind == nn.Dense}
	var v string
	switch block.Kind {
	case nn.Conv:
		v = l.conv(prefix, x, block)
	case nn.Dense:
		w, bias := l.numbers(prefix, block, func(w []float32) []float32 { return rows(block, w, l.net.Source(i) < 0) }, int64(block.Out), int64(block.K()))
		v = l.node(prefix+"/dense", "Gemm", append([]string{l.asFlat(prefix, x), w}, bias...), intAttr("transB", 1))
		v = l.affine(prefix, v, block, true)
	case nn.Mean:
		v = l.node(prefix+"/sum", "ReduceSum", []string{l.as4(prefix, x), l.constant(int64Tensor(prefix+"/axes", []int64{2, 3}, 2))})
		v = l.affine(prefix, v, block, false)
	}
	if s := block.Skip; s != nil {
		name := prefix + "/shortcut"
		var u string
		if s.Proj != nil {
			u = l.conv(name, l.features[l.net.SkipSource(i)], s.Proj)
		} else {
			u = l.as4(name, l.streams[l.net.SkipSource(i)])
			u = l.node(name, "Mul", []string{u, l.scalar(name+"/scale", s.Scale)})
		}
		v = l.node(prefix+"/add", "Add", []string{v, u})
	}
	if block.Stream {
		scaled := l.node(prefix+"/stream/scaled", "Mul", []string{v, l.scalar(prefix+"/stream/scale", block.StreamScale)})
		l.streams[i] = out
		l.streams[i].name = l.round(prefix+"/stream", scaled, 255)
	}
	if !last {
		v = l.round(prefix, v, block.OutAct.Max())
	}
	l.finish(prefix, v, out, last)
}

// numbers adds the weights, ordered and with dimensions as given, and biases, if sums
// need any. Codes of Sign, 0 and 1, mean -1 and +1: the sum of w*(2c-1) is that of 2w*c
// less that of w. So the rim, code 0, is a zero as ONNX pads with.
func (l *lowBuilder) numbers(prefix string, b *nn.Block, ordered func([]float32) []float32, dims ...int64) (weights string, bias []string) {
	w := make([]float32, b.Out*b.K())
	for i := range w {
		if b.Weights == kernels.Float32 {
			w[i] = b.Float[i]
		} else {
			w[i] = float32(b.Values[i])
		}
	}
	if b.InAct == kernels.Sign {
		less := make([]float32, b.Out)
		for i, v := range w {
			less[i/b.K()] -= v
			w[i] = 2 * v
		}
		bias = []string{l.perChannel(prefix+"/less", less, true)}
	}
	return l.constant(floatTensor(prefix+"/weights", ordered(w), dims...)), bias
}

// conv adds a convolution, pooling and the affine step.
func (l *lowBuilder) conv(prefix string, x feature, b *nn.Block) string {
	w, bias := l.numbers(prefix, b, func(w []float32) []float32 { return filters(b, w) }, filterDims(b)...)
	y := l.node(prefix+"/conv", "Conv", append([]string{l.as4(prefix, x), w}, bias...), convAttributes(b)...)
	if b.Pool > 1 {
		y = l.pool(prefix, y, b)
	} else if b.Weights != kernels.Float32 {
		// Sums are within these limits: this changes nothing, but keeps a runtime from
		// multiplying the weights by the scales below, and rounding.
		const limit = 1 << 24
		y = l.node(prefix+"/sums", "Clip", []string{y, l.scalar("sums/low", -limit), l.scalar("sums/high", limit)})
	}
	return l.affine(prefix, y, b, false)
}

// affine adds the affine step of a block's sums.
func (l *lowBuilder) affine(prefix, y string, b *nn.Block, flat bool) string {
	y = l.node(prefix+"/scaled", "Mul", []string{y, l.perChannel(prefix+"/scale", b.Scale, flat)})
	return l.node(prefix+"/biased", "Add", []string{y, l.perChannel(prefix+"/bias", b.Bias, flat)})
}

// round adds quant.Round: the floor of v+0.5 from 0 to top.
func (l *lowBuilder) round(prefix, v string, top int) string {
	v = l.node(prefix+"/raised", "Add", []string{v, l.scalar("half", 0.5)})
	v = l.node(prefix+"/floor", "Floor", []string{v})
	return l.node(prefix+"/codes", "Clip", []string{v, l.scalar("code/0", 0), l.scalar(fmt.Sprintf("code/%d", top), float32(top))})
}
