package onnx

import (
	"fmt"

	"example.com/lowbit/netrun/nn"
)

// A builder makes the graph of a network, block by block.
type builder struct {
	net      *nn.Network
	graph    graph
	features []feature // what the blocks put out
	images   feature   // what the first block reads
}

// A feature is a tensor of the graph: images or what a block puts out.
type feature struct {
	name  string
	shape nn.Shape
	// flat says that it is [N, K], not [N, C, H, W]. The elements are those of the
	// shape, in the order of images only if they are the images themselves.
	flat bool
}

func newBuilder(net *nn.Network) *builder {
	b := &builder{net: net}
	in := net.Input
	b.graph = graph{
		name:    net.Name,
		inputs:  []value{{imagesName, uint8s, []int64{-1, int64(in.H), int64(in.W), int64(in.C)}}},
		outputs: []value{{logitsName, float32s, []int64{-1, int64(net.Classes)}}},
	}
	return b
}

// The names of a model's input and output.
const (
	imagesName = "images"
	logitsName = "logits"
)

// encode returns the model's bytes.
func (b *builder) encode() []byte {
	m := model{opset: opsetVersion, graph: b.graph, metadata: [][2]string{{"dataset", b.net.Dataset}, {"method", b.net.Method}}}
	return m.encode()
}

// node adds an operator whose output has its name, and returns that.
func (b *builder) node(name, op string, inputs []string, attributes ...attribute) string {
	b.graph.nodes = append(b.graph.nodes, node{op, name, inputs, []string{name}, attributes})
	return name
}

// constant adds a tensor and returns its name.
func (b *builder) constant(t *tensor) string {
	b.graph.tensors = append(b.graph.tensors, t)
	return t.name
}

// scalar adds a constant of one number, once for all that use the name.
func (b *builder) scalar(name string, v float32) string {
	for _, t := range b.graph.tensors {
		if t.name == name {
			return name
		}
	}
	return b.constant(floatTensor(name, []float32{v}))
}

// perChannel adds a constant of a number a channel, for a feature that is flat or not.
func (b *builder) perChannel(name string, x []float32, flat bool) string {
	if flat {
		return b.constant(floatTensor(name, x, int64(len(x))))
	}
	return b.constant(floatTensor(name, x, int64(len(x)), 1, 1))
}

// bytes adds what the first block reads of the images, still bytes: channels first
// for a convolution. The bytes are moved, not the floats that come of them.
func (b *builder) bytes() feature {
	f := feature{imagesName, b.net.Input, false}
	switch {
	case b.net.Blocks[0].Kind != nn.Conv:
		f.name, f.flat = b.node("images/flat", "Flatten", []string{f.name}, intAttr("axis", 1)), true
	case f.shape.C == 1: // nothing to move
		f.name = b.reshape("images/channels", f.name, 1, int64(f.shape.H), int64(f.shape.W))
	default:
		f.name = b.node("images/channels", "Transpose", []string{f.name}, intsAttr("perm", 0, 3, 1, 2))
	}
	return f
}

// reshape adds one of [N, ...] to [N, dims].
func (b *builder) reshape(name, x string, dims ...int64) string {
	shape := b.constant(int64Tensor(name+"/shape", append([]int64{-1}, dims...), int64(len(dims)+1)))
	return b.node(name, "Reshape", []string{x, shape})
}

// source is what block i reads.
func (b *builder) source(i int) feature {
	if s := b.net.Source(i); s >= 0 {
		return b.features[s]
	}
	return b.images
}

// as4 returns the name of a feature as [N, C, H, W].
func (b *builder) as4(prefix string, f feature) string {
	if !f.flat {
		return f.name
	}
	return b.reshape(prefix+"/image", f.name, int64(f.shape.C), int64(f.shape.H), int64(f.shape.W))
}

// asFlat returns the name of a feature as [N, K].
func (b *builder) asFlat(prefix string, f feature) string {
	if f.flat {
		return f.name
	}
	return b.node(prefix+"/flat", "Flatten", []string{f.name}, intAttr("axis", 1))
}

func blockName(i int) string { return fmt.Sprintf("block%d", i) }

// filters returns the weights of a Conv block, [out][y][x][channel], as ONNX has
// them: channel before y.
func filters[T any](b *nn.Block, w []T) []T {
	side, c := b.Kernel, b.In.C
	out := make([]T, 0, len(w))
	for o := range b.Out {
		of := w[o*b.K():][:b.K()]
		for ch := range c {
			for at := range side * side {
				out = append(out, of[at*c+ch])
			}
		}
	}
	return out
}

// rows returns the weights of a Dense block in the order of a feature's elements:
// channels before positions, unless it is the images.
func rows[T any](b *nn.Block, w []T, images bool) []T {
	if images {
		return w
	}
	positions, c := b.In.H*b.In.W, b.In.C
	out := make([]T, 0, len(w))
	for o := range b.Out {
		of := w[o*b.K():][:b.K()]
		for ch := range c {
			for at := range positions {
				out = append(out, of[at*c+ch])
			}
		}
	}
	return out
}

// filterDims are the dimensions of filters.
func filterDims(b *nn.Block) []int64 {
	side := int64(b.Kernel)
	return []int64{int64(b.Out), int64(b.In.C), side, side}
}

// convAttributes are those of a Conv operator.
func convAttributes(b *nn.Block) []attribute {
	k, s, p := int64(b.Kernel), int64(b.Stride), int64(b.Pad)
	return []attribute{intsAttr("kernel_shape", k, k), intsAttr("strides", s, s), intsAttr("pads", p, p, p, p)}
}

// pool adds the block's max-pooling, if it has one.
func (b *builder) pool(prefix, x string, block *nn.Block) string {
	if block.Pool <= 1 {
		return x
	}
	p := int64(block.Pool)
	return b.node(prefix+"/pool", "MaxPool", []string{x}, intsAttr("kernel_shape", p, p), intsAttr("strides", p, p))
}
