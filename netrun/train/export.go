package train

import (
	"slices"

	"example.com/lowbit/netrun/nn"
)

// Export returns the network as it is: what nn runs and model files hold. The
// low-bit one has the trainer's very codes and logits in evaluation. Its
// slices are its own.
func (t *Trainer) Export() *nn.Network {
	net := *t.net
	net.Method = t.cfg.Method
	net.Blocks = slices.Clone(t.net.Blocks)
	for i, l := range t.layers {
		b := &net.Blocks[i]
		l.foldRunning()
		b.Scale, b.Bias = slices.Clone(l.scale), slices.Clone(l.bias)
		if l.grid == nil {
			b.Float = slices.Clone(l.weight.value)
			continue
		}
		w := t.values(l)
		b.Values = make([]int8, len(w))
		for j, v := range w {
			b.Values[j] = int8(v)
		}
	}
	return &net
}
