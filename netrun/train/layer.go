package train

import (
	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/nn"
	"example.com/lowbit/netrun/quant"
)

// epsilon is added to a channel's variance before the root.
const epsilon = 1e-5

// shard is the number of images that a task of one goroutine handles. Sums
// over a batch are taken shard by shard and then over the shards in order, so
// its value, unlike the number of goroutines, is part of the result.
const shard = 16

// A tensor is a trained parameter with its gradient and optimizer state.
type tensor struct {
	value []float32 // nil for discrete weights
	level []uint8   // indices of levels: discrete weights
	grad  []float32
	// The optimizer's moments, as far as it has them: float32, or one byte each.
	m, v   []float32
	m8, v8 *quant.Eight
}

// eight says whether moments take a byte each.
func newTensor(n int, discrete bool, optimizer string, eight bool) *tensor {
	t := &tensor{grad: make([]float32, n)}
	if discrete {
		t.level = make([]uint8, n)
	} else {
		t.value = make([]float32, n)
	}
	first, second := optimizer != SGD, optimizer == Adam
	if first && eight {
		t.m8 = quant.NewEight(n, true)
	} else if first {
		t.m = make([]float32, n)
	}
	if second && eight {
		t.v8 = quant.NewEight(n, false)
	} else if second {
		t.v = make([]float32, n)
	}
	return t
}

// momentBytes is the size of the optimizer's state.
func (t *tensor) momentBytes() int {
	n := 4 * (len(t.m) + len(t.v))
	for _, e := range []*quant.Eight{t.m8, t.v8} {
		if e != nil {
			n += e.Bytes()
		}
	}
	return n
}

// A layer is a block in training, or the projection of a block's shortcut.
type layer struct {
	*nn.Block
	graph
	grid           *quant.Grid // of the weights, nil for float32
	codes          bool        // it is of a low-bit network
	k              int         // inputs of a sum
	positions, sum int         // outputs a channel of an image: of the linear step, after pooling
	norm           bool        // batch norm; otherwise only a bias
	top            int         // largest code
	gain, offset   float32     // code = value/step + offset; next value = gain*code + const

	weight, gamma, beta, step *tensor
	mean, variance            []float32 // running statistics

	// Of the batch at hand. Rows of images.
	in   []float32 // values: the last layer's out
	y    []float32 // sums after pooling
	arg  []uint8   // which of a pooling window was largest
	out  []float32
	dout []float32 // gradient of out, then of y

	scale, bias    []float32 // v = y*scale + bias, in units of the code
	centre, invstd []float32 // batch norm of the batch: (y-centre)*invstd

	conv    *kernels.ConvTraining // of a convolution
	partial []float64             // [shards][2][Out], summed in order of shards
	grads   []float32             // conv: [shards][k][Out]
}

func newLayer(b *nn.Block, c *Config, last bool) *layer {
	l := &layer{Block: b, k: b.K(), codes: c.Method != Float, norm: !(last && c.Method == Float), gain: 1}
	lin, out := b.LinearShape(), b.OutShape()
	l.positions, l.sum = lin.H*lin.W, out.H*out.W
	if b.Weights.Levels() != nil {
		l.grid = quant.NewGrid(b.Weights)
	}
	step := float32(1)
	if b.OutAct != kernels.NoActs && l.codes {
		l.top = b.OutAct.Max()
		step = c.Step
		if step == 0 {
			step = defaultStep(b.OutAct)
		}
		if b.OutAct == kernels.Sign {
			l.gain, l.offset = 2, 0.5
		}
	}
	n := c.Batch
	l.out = make([]float32, n*l.sum*b.Out)
	l.dout = make([]float32, len(l.out))
	if b.Kind == nn.Mean {
		return l
	}
	l.weight = newTensor(b.Out*l.k, c.discrete() && l.grid != nil, c.Optimizer, c.State == Eight)
	l.gamma = newTensor(b.Out, false, c.Optimizer, false)
	l.beta = newTensor(b.Out, false, c.Optimizer, false)
	l.step = newTensor(1, false, c.Optimizer, false)
	l.step.value[0] = step
	l.mean, l.variance = make([]float32, b.Out), make([]float32, b.Out)
	for i := range b.Out {
		l.gamma.value[i], l.variance[i] = 1, 1
	}
	l.scale, l.bias = make([]float32, b.Out), make([]float32, b.Out)
	l.centre, l.invstd = make([]float32, b.Out), make([]float32, b.Out)

	l.y = make([]float32, len(l.out))
	if b.Stream {
		l.stream, l.dstream = make([]float32, len(l.out)), make([]float32, len(l.out))
	}
	if b.Pool > 1 {
		l.arg = make([]uint8, len(l.y))
	}
	shards := (n + shard - 1) / shard
	l.partial = make([]float64, shards*2*b.Out)
	l.steps = make([]float64, shards)
	if b.Kind == nn.Conv {
		l.conv = newConv(b)
		l.grads = make([]float32, shards*l.k*b.Out)
	}
	return l
}

// tensors lists what the optimizer trains; the weights come first. A projection
// has the step of its block.
func (l *layer) tensors() []*tensor {
	switch {
	case l.Kind == nn.Mean:
		return nil
	case l.of != nil:
		return []*tensor{l.weight, l.gamma, l.beta}
	}
	return []*tensor{l.weight, l.gamma, l.beta, l.step}
}

// padding is the value of a pixel outside the image.
func (l *layer) padding() float32 {
	if l.InAct == kernels.Sign {
		return -1
	}
	return 0
}

// initialize draws the first weights.
func (l *layer) initialize(c *Config, index int) {
	s := quant.NewStream(c.Seed, streamInit, uint64(index))
	sigma := l.deviation(c)
	for i := range len(l.weight.grad) {
		w := sigma * s.Normal(uint64(i))
		switch {
		case l.weight.level != nil:
			l.weight.level[i] = l.grid.Nearest(w)
		case l.grid != nil:
			l.weight.value[i] = max(min(w, l.grid.Max()), -l.grid.Max())
		default:
			l.weight.value[i] = w
		}
	}
}

// deviation is the standard deviation of the first weights: for float He's
// (arXiv 1502.01852), of the low-bit ones the configured part of the range.
func (l *layer) deviation(c *Config) float32 {
	if l.grid != nil {
		return c.Spread * l.grid.Max()
	}
	return sqrt32(2 / float32(l.k))
}

// foldBatch sets scale and bias to those of the batch's statistics, fold to
// those of the running ones: the latter are what is exported.
func (l *layer) foldBatch() {
	if !l.norm {
		for c := range l.scale {
			l.centre[c], l.invstd[c] = 0, 1
		}
	}
	l.fold(l.centre, l.invstd)
}

func (l *layer) foldRunning() {
	for c, v := range l.variance {
		l.centre[c], l.invstd[c] = l.mean[c], 1/sqrt32(v+epsilon)
		if !l.norm {
			l.centre[c], l.invstd[c] = 0, 1
		}
	}
	l.fold(l.centre, l.invstd)
}

func (l *layer) fold(centre, invstd []float32) {
	step := l.step.value[0]
	for c := range l.scale {
		s := float32(l.gamma.value[c]*invstd[c]) / step
		l.scale[c] = s
		l.bias[c] = l.beta.value[c]/step + l.offset - float32(centre[c]*s)
	}
}
