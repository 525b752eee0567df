// Package nn describes networks of low-bit or float32 layers and runs them:
// a Network is what training exports and model files hold, a Plan is a Network
// made ready to run on this machine. A Description is what a Network is made from:
// its layers, without formats and parameters.
package nn

import (
	"example.com/lowbit/kernels"
)

// The kinds of blocks.
const (
	Conv  = "conv"
	Dense = "dense"
	Mean  = "mean" // global average pooling
)

// A Shape is the shape of one image or of its features: H rows of W pixels of
// C channels, channels innermost (NHWC). The output of a dense or mean block is
// 1x1xC.
type Shape struct{ H, W, C int }

// Size is the number of elements of the shape.
func (s Shape) Size() int { return s.H * s.W * s.C }

// A Block is a linear step (convolution, dense, or the sum of each channel over
// all positions), then max-pooling, then an affine step for each output channel,
// then the sum with a shortcut, then the activation.
//
// In a block of a low-bit network the sum y is an integer, v is y*Scale+Bias in
// units of the output's code, plus the shortcut's share if there is one, each
// operation rounded to float32 by itself, and the output is
// quant.Round(v, OutAct.Max()). So it is in a block of such a network that has
// float32 weights, as first and last ones often have, but for the sum of their
// products with codes, which is a float32: an exact one of those is not asked for,
// and its last bits, so a code at times, depend on the kernel.
//
// In a block of a float network the output is max(v, 0). The last block has no
// activation: its outputs are the logits, v.
//
// The linear step of a mean block sums the codes of its input, U8, or its floats;
// Scale makes the mean of the sum: in a float network it is 1/(H*W).
type Block struct {
	Kind                string               // Conv, Dense or Mean
	Back                int                  // the input is the output of the block Back before the previous: 0, the previous
	In                  Shape                // input of the block
	Out                 int                  // output channels or features; the channels of In in a mean block
	Kernel, Stride, Pad int                  // Conv only: side, step, and rim of code 0
	Pool                int                  // max-pool window and stride after the linear step; 0 or 1 for none
	Weights             kernels.WeightFormat // format of Values; Float32 means that Float is used; NoWeights in a mean block
	InAct               kernels.ActFormat    // the first block's is U8 (pixels) in a low-bit network, F32 (pixel/255) in a float one
	OutAct              kernels.ActFormat    // NoActs for the last block: logits
	Values              []int8               // [Out][K], K in order ky, kx, c; Dense on an image: h, w, c
	Float               []float32            // the same for Float32
	Scale, Bias         []float32            // for each output channel: v = y*Scale + Bias, y the (pooled) sum

	Skip *Skip // what a shortcut adds to v; nil for none; Conv without pool only
	// Stream says that an identity shortcut of a later block of a low-bit network
	// reads the block, which then also puts out its stream, u8 codes of finer
	// resolution than OutAct's: quant.Round(v*StreamScale, 255).
	Stream      bool
	StreamScale float32
}

// A Skip is the shortcut of a residual block: it adds u to v.
type Skip struct {
	Back int // the shortcut comes from the block Back before the previous
	// Scale belongs to an identity of a low-bit network: u = r*Scale, r the stream
	// code of the same place and channel. In a float network u is the other
	// block's output and Scale is 0.
	Scale float32
	// Proj, if not nil, projects: a Conv block without pool, OutAct NoActs, Back 0,
	// which reads the output of the block that the shortcut comes from.
	// u = y*Proj.Scale + Proj.Bias, y its sum. Its weights are float32 if and only if
	// those of its block are.
	Proj *Block
}

// A Network is a chain of blocks from images of bytes to logits, with shortcuts
// past some of them. The activations between its blocks are all codes, and then it
// is low-bit though blocks may have float32 weights, or all float32.
type Network struct {
	Name, Dataset, Method string
	Input                 Shape // of an image, one byte a channel of a pixel
	Classes               int
	Blocks                []Block
	Meta                  map[string]string // how it was made: seed, epochs, and the like
}

// Float says whether the network is float32 rather than low-bit.
func (n *Network) Float() bool {
	return len(n.Blocks) > 0 && n.Blocks[0].InAct == kernels.F32
}

// Source is the block whose output block i reads, -1 for the images.
func (n *Network) Source(i int) int { return i - 1 - n.Blocks[i].Back }

// SkipSource is the block that the shortcut of block i, which has one, comes from.
func (n *Network) SkipSource(i int) int { return i - 1 - n.Blocks[i].Skip.Back }

// K is the number of weights of one output: 0 in a mean block.
func (b *Block) K() int {
	switch b.Kind {
	case Conv:
		return b.Kernel * b.Kernel * b.In.C
	case Mean:
		return 0
	}
	return b.In.Size()
}

// proj is the projection of the block's shortcut, nil if there is none.
func (b *Block) proj() *Block {
	if b.Skip == nil {
		return nil
	}
	return b.Skip.Proj
}

// LinearShape is the shape of the block's sums, before pooling.
func (b *Block) LinearShape() Shape {
	if b.Kind == Conv {
		return Shape{
			H: (b.In.H+2*b.Pad-b.Kernel)/b.Stride + 1,
			W: (b.In.W+2*b.Pad-b.Kernel)/b.Stride + 1,
			C: b.Out,
		}
	}
	return Shape{1, 1, b.Out}
}

// OutShape is the shape of the block's output. Pooling drops the rows and
// columns that do not fill a window.
func (b *Block) OutShape() Shape {
	s := b.LinearShape()
	if b.Pool > 1 {
		s.H /= b.Pool
		s.W /= b.Pool
	}
	return s
}

// MACs is the number of multiply-adds of one image, those with padding and those
// of a projecting shortcut counted.
func (b *Block) MACs() int64 {
	s := b.LinearShape()
	total := int64(s.H) * int64(s.W) * int64(b.Out) * int64(b.K())
	if p := b.proj(); p != nil {
		total += p.MACs()
	}
	return total
}

// WeightBytes is the number of bytes that the weights take at exactly the bits
// of their format: ceil(bits*Out*K/8), those of a projecting shortcut counted.
func (b *Block) WeightBytes() int64 {
	total := (int64(b.Weights.Bits())*int64(b.Out)*int64(b.K()) + 7) / 8
	if p := b.proj(); p != nil {
		total += p.WeightBytes()
	}
	return total
}

// OtherBytes is the number of bytes of the scales and biases, as float32.
func (b *Block) OtherBytes() int64 {
	total := 8 * int64(b.Out)
	if b.Stream {
		total += 4
	}
	switch {
	case b.proj() != nil:
		total += b.Skip.Proj.OtherBytes()
	case b.Skip != nil && b.InAct != kernels.F32:
		total += 4
	}
	return total
}

// SameShape says whether the blocks do the same, formats and parameters aside.
func (b *Block) SameShape(c *Block) bool {
	if b.Kind != c.Kind || b.Back != c.Back || b.In != c.In || b.Out != c.Out || b.Kernel != c.Kernel || b.Stride != c.Stride || b.Pad != c.Pad ||
		max(b.Pool, 1) != max(c.Pool, 1) || (b.Skip == nil) != (c.Skip == nil) {
		return false
	}
	if b.Skip == nil {
		return true
	}
	p, q := b.Skip.Proj, c.Skip.Proj
	return b.Skip.Back == c.Skip.Back && (p == nil) == (q == nil) && (p == nil || p.SameShape(q))
}

// MACs is the number of multiply-adds of one image.
func (n *Network) MACs() int64 { return n.sum((*Block).MACs) }

// WeightBytes is the sum of the blocks' WeightBytes.
func (n *Network) WeightBytes() int64 { return n.sum((*Block).WeightBytes) }

// OtherBytes is the sum of the blocks' OtherBytes.
func (n *Network) OtherBytes() int64 { return n.sum((*Block).OtherBytes) }

func (n *Network) sum(of func(*Block) int64) (total int64) {
	for i := range n.Blocks {
		total += of(&n.Blocks[i])
	}
	return total
}
