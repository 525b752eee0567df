package train

import (
	"fmt"
	"math"

	"example.com/lowbit/netrun/data"
	"example.com/lowbit/netrun/nn"
)

// FromFloat returns a run, without steps to take, whose network is a float one from
// elsewhere: what InitFrom takes the first weights of a low-bit run from. The mean and
// variance of its sums, which a network does not tell, are measured on the first
// Calibration of the training images, as ptq's are.
func FromFloat(net *nn.Network, cfg Config, images *data.Images, workers int) (*Trainer, error) {
	if err := net.Check(); err != nil {
		return nil, err
	}
	for i := range net.Blocks {
		b := &net.Blocks[i]
		for c := range b.Scale {
			if mean := 1 / float32(b.In.H*b.In.W); b.Kind == nn.Mean && (b.Scale[c] != mean || b.Bias[c] != 0) {
				return nil, fmt.Errorf("train: block %d: means times %v plus %v: want them as they are", i, b.Scale[c]/mean, b.Bias[c])
			}
		}
	}
	c := Default(Float)
	c.Batch, c.Seed, c.Validation, c.Limit = cfg.Batch, cfg.Seed, cfg.Validation, cfg.Limit
	c.Calibration, c.Optimizer = cfg.Calibration, SGD
	t, err := New(net, c, images, workers)
	if err != nil {
		return nil, err
	}
	for i, l := range t.layers {
		if l.Kind == nn.Mean {
			continue
		}
		l.adopt(&net.Blocks[i])
		if l.proj != nil {
			l.proj.adopt(net.Blocks[i].Skip.Proj)
		}
	}
	part := t.train.Slice(0, min(cfg.Calibration, t.train.N))
	for i, l := range t.layers[:len(t.layers)-1] {
		if l.Kind == nn.Mean {
			continue
		}
		t.measure(i, part, nil)
		l.restate(&net.Blocks[i])
		if l.proj != nil {
			l.proj.restate(net.Blocks[i].Skip.Proj)
		}
	}
	return t, nil
}

// adopt takes a block's parameters, with statistics that do nothing.
func (l *layer) adopt(b *nn.Block) {
	copy(l.weight.value, b.Float)
	for c := range l.scale {
		l.mean[c], l.variance[c] = 0, 1-epsilon
		l.gamma.value[c], l.beta.value[c] = b.Scale[c], b.Bias[c]
	}
}

// restate makes batch norm's parameters those that give the block's scales and biases
// with the statistics that were measured.
func (l *layer) restate(b *nn.Block) {
	for c := range l.scale {
		l.gamma.value[c] = float32(float64(b.Scale[c]) * math.Sqrt(float64(l.variance[c])+epsilon))
		l.beta.value[c] = float32(float64(b.Bias[c]) + float64(b.Scale[c])*float64(l.mean[c]))
	}
}
