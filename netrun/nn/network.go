// Package nn describes networks of low-bit or float32 layers and runs them:
// a Network is what training exports and model files hold, a Plan is a Network
// made ready to run on this machine.
package nn

import (
	"example.com/lowbit/kernels"
)

// The kinds of blocks.
const (
	Conv  = "conv"
	Dense = "dense"
)

// A Shape is the shape of one image or of its features: H rows of W pixels of
// C channels, channels innermost (NHWC). The output of a dense block is 1x1xC.
type Shape struct{ H, W, C int }

// Size is the number of elements of the shape.
func (s Shape) Size() int { return s.H * s.W * s.C }

// A Block is a linear step (convolution or dense), then max-pooling, then an
// affine step for each output channel, then the activation.
//
// In a low-bit block the sum y is an integer and the output is
// quant.Code(y, Scale, Bias, OutAct.Max()). In a float block the output is
// max(y*Scale+Bias, 0). The last block has no activation: its outputs are the
// logits, y*Scale+Bias.
type Block struct {
	Kind                string               // Conv or Dense
	In                  Shape                // input of the block
	Out                 int                  // output channels or features
	Kernel, Stride, Pad int                  // Conv only: side, step, and rim of code 0
	Pool                int                  // max-pool window and stride after the linear step; 0 or 1 for none
	Weights             kernels.WeightFormat // format of Values; Float32 means that Float is used
	InAct               kernels.ActFormat    // the first block's is U8 (pixels) if low-bit, F32 (pixel/255) if float
	OutAct              kernels.ActFormat    // NoActs for the last block: logits
	Values              []int8               // [Out][K], K in order ky, kx, c; Dense on an image: h, w, c
	Float               []float32            // the same for Float32
	Scale, Bias         []float32            // for each output channel: v = y*Scale + Bias, y the (pooled) sum
}

// A Network is a chain of blocks from images of bytes to logits. All its
// blocks are low-bit, or all are float32.
type Network struct {
	Name, Dataset, Method string
	Input                 Shape // of an image, one byte a channel of a pixel
	Classes               int
	Blocks                []Block
	Meta                  map[string]string // how it was made: seed, epochs, and the like
}

// Float says whether the network is float32 rather than low-bit.
func (n *Network) Float() bool {
	return len(n.Blocks) > 0 && n.Blocks[0].Weights == kernels.Float32
}

// K is the number of inputs of one output's sum.
func (b *Block) K() int {
	if b.Kind == Conv {
		return b.Kernel * b.Kernel * b.In.C
	}
	return b.In.Size()
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

// MACs is the number of multiply-adds of one image, those with padding counted.
func (b *Block) MACs() int64 {
	s := b.LinearShape()
	return int64(s.H) * int64(s.W) * int64(b.Out) * int64(b.K())
}

// WeightBytes is the number of bytes that the weights take at exactly the bits
// of their format: ceil(bits*Out*K/8).
func (b *Block) WeightBytes() int64 {
	return (int64(b.Weights.Bits())*int64(b.Out)*int64(b.K()) + 7) / 8
}

// OtherBytes is the number of bytes of the scales and biases, as float32.
func (b *Block) OtherBytes() int64 { return 8 * int64(b.Out) }

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

// Lenet returns the blocks of 32C5-MP2-64C5-MP2-512FC-10 for 28x28 grey
// images, without padding (28, 24, 12, 8, 4) and without parameters: Values,
// Float, Scale and Bias are nil. Every layer has weights of format w; every
// hidden activation has format a, which is F32 if and only if w is Float32.
// The first layer of a low-bit network reads the pixels, U8.
func Lenet(w kernels.WeightFormat, a kernels.ActFormat) *Network {
	pixels := kernels.U8
	if a == kernels.F32 {
		pixels = kernels.F32
	}
	return &Network{
		Name:    "lenet",
		Input:   Shape{28, 28, 1},
		Classes: 10,
		Blocks: []Block{
			{Kind: Conv, In: Shape{28, 28, 1}, Out: 32, Kernel: 5, Stride: 1, Pool: 2, Weights: w, InAct: pixels, OutAct: a},
			{Kind: Conv, In: Shape{12, 12, 32}, Out: 64, Kernel: 5, Stride: 1, Pool: 2, Weights: w, InAct: a, OutAct: a},
			{Kind: Dense, In: Shape{4, 4, 64}, Out: 512, Weights: w, InAct: a, OutAct: a},
			{Kind: Dense, In: Shape{1, 1, 512}, Out: 10, Weights: w, InAct: a, OutAct: kernels.NoActs},
		},
	}
}
