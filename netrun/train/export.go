package train

import (
	"slices"

	"example.com/lowbit/netrun/nn"
)

// Export returns the network as it is: what nn runs and model files hold. The
// low-bit one has the trainer's very codes and logits in evaluation, but for
// layers of float32 weights, whose sums may differ in the last bits. Its slices
// are its own.
func (t *Trainer) Export() *nn.Network {
	net := *t.net
	net.Method = t.cfg.Method
	net.Blocks = slices.Clone(t.net.Blocks)
	for i, l := range t.layers {
		b := &net.Blocks[i]
		if l.Kind == nn.Mean {
			b.Scale, b.Bias = slices.Repeat([]float32{l.meanScale()}, b.Out), make([]float32, b.Out)
			continue
		}
		t.exportBlock(b, l)
		if l.Stream {
			b.StreamScale = l.streamScale()
		}
		if l.Skip == nil {
			continue
		}
		b.Skip = &nn.Skip{Back: l.Skip.Back}
		switch {
		case l.proj != nil:
			p := *l.Skip.Proj
			t.exportBlock(&p, l.proj)
			b.Skip.Proj = &p
		case l.codes:
			b.Skip.Scale = l.skipScale()
		}
	}
	return &net
}

// exportBlock sets the block's weights, scales and biases to the layer's.
func (t *Trainer) exportBlock(b *nn.Block, l *layer) {
	l.foldRunning()
	b.Scale, b.Bias = slices.Clone(l.scale), slices.Clone(l.bias)
	if l.grid == nil {
		b.Float = slices.Clone(l.weight.value)
		return
	}
	w := t.values(l)
	b.Values = make([]int8, len(w))
	for j, v := range w {
		b.Values[j] = int8(v)
	}
}
