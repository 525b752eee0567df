package train

import (
	"fmt"

	"example.com/lowbit/netrun/measure"
	"example.com/lowbit/netrun/nn"
)

// checkMemory returns an error if a run takes more memory than the machine has, or
// than 1 TiB if that is not known: to ask for it would end the process.
func checkMemory(net *nn.Network, c *Config) error {
	have := measure.Memory()
	if have == 0 {
		have = 1 << 40
	}
	const gib = 1 << 30
	if n := need(net, c); n > have {
		return fmt.Errorf("train: about %.1f GiB for batches of %d images and the network's weights: want at most the memory, %.1f; smaller batches and layers help", float64(n)/gib, c.Batch, float64(have)/gib)
	}
	return nil
}

// need is about the number of bytes that New takes, or fewer. The limits of shapes and
// batches keep it within an int64.
func need(net *nn.Network, c *Config) int64 {
	batch, shards := int64(c.Batch), int64(blocks(c.Batch, shard))
	perWeight := int64(4 + 4) // gradient and value
	if c.discrete() {
		perWeight = 4 + 1
	}
	moments := map[string]int64{Momentum: 1, Adam: 2}[c.Optimizer]
	if c.State != Eight {
		moments *= 4
	}
	perWeight += moments
	var of func(b *nn.Block) int64
	of = func(b *nn.Block) int64 {
		sums, weights := batch*int64(b.OutShape().Size()), int64(b.Out)*int64(b.K())
		n := 4*2*sums + weights*perWeight
		if b.Kind != nn.Mean {
			n += 4 * sums
		}
		if b.Kind == nn.Conv {
			n += 4 * shards * weights
		}
		if b.Stream {
			n += 4 * 2 * sums
		}
		if b.Skip != nil && b.Skip.Proj != nil {
			n += of(b.Skip.Proj)
		}
		return n
	}
	n := 4 * batch * int64(net.Input.Size())
	for i := range net.Blocks {
		n += of(&net.Blocks[i])
	}
	return n
}
