package train

import (
	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/nn"
)

// chunkElements bounds the sums that are made before they are pooled, so that
// they stay near the core.
const chunkElements = 1 << 16

// chunk is the number of images whose sums are made at a time. A call reads the weights
// and writes their gradient: it shall have sums enough for that to cost little.
func chunk(b *nn.Block) int {
	sums, weights := b.LinearShape().Size(), b.Out*b.K()
	return max(1, min(shard, max(chunkElements, 4*weights)/sums))
}

// newConv plans the products of a convolution.
func newConv(b *nn.Block) *kernels.ConvTraining {
	whole := 0
	if levels := b.Weights.Levels(); levels != nil {
		whole = int(levels[len(levels)-1]) * b.InAct.Max()
	}
	c, err := kernels.NewConvTraining(kernels.ConvShape{H: b.In.H, W: b.In.W, InC: b.In.C, OutC: b.Out, KH: b.Kernel, KW: b.Kernel,
		StrideH: b.Stride, StrideW: b.Stride, PadH: b.Pad, PadW: b.Pad}, whole)
	if err != nil {
		panic(err) // shapes were checked
	}
	return c
}

// poolShape is the shape of the pooling after a convolution.
func poolShape(b *nn.Block) kernels.PoolShape {
	lin := b.LinearShape()
	return kernels.PoolShape{H: lin.H, W: lin.W, C: lin.C, Window: b.Pool, Stride: b.Pool}
}
