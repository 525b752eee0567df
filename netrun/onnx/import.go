package onnx

import (
	"errors"
	"fmt"
	"slices"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/nn"
)

// An Input says what a model's images are, as far as the model does not.
type Input struct {
	// Shape is that of the images, for a model that takes them as vectors, which are
	// rows of pixels, channels innermost; the zero value is to have it from the model.
	Shape nn.Shape
	// Mean and Std are what was done to images before the model had them, for each
	// channel or for all: (pixel/255 - Mean) / Std. None are 0 and 1. A model of uint8
	// has the bytes themselves, and none of this.
	Mean, Std []float32
}

// Import returns the float32 network that a float ONNX model computes, without a name.
// It knows convolutions, matrix products, batch norm and what else is done to each
// channel, max-pooling, rectifying, means over all positions, and sums with shortcuts,
// where they stand as in blocks of package nn; an error names the node. What is done to
// the images' channels becomes part of the first weights. A softmax at the end is left
// out.
func Import(file []byte, in Input) (*nn.Network, error) {
	m, err := decode(file)
	if err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	net, err := m.network(in)
	if err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	if err := net.Check(); err != nil {
		return nil, fmt.Errorf("onnx: the network: %w", err)
	}
	return net, nil
}

// A tracked value is a tensor that depends on the images: they themselves, less an
// affine step, or what a part of the network puts out.
type tracked struct {
	part  *part // nil for the images
	shape nn.Shape
	order order
	affine
	// shared says that others read the value, or one that it is another form of.
	shared bool
	ended  bool // by a softmax
}

// The order of a value's elements.
type order int

const (
	nchw order = iota
	nhwc
	flatCHW // channels before positions, as vectors
	flatHWC
)

func (o order) flat() bool { return o >= flatCHW }

// last tells whether channels are innermost.
func (o order) last() bool { return o == nhwc || o == flatHWC }

// is tells whether the elements are in the same order as in o, whatever the dimensions.
func (x *tracked) is(o order) bool {
	return x.order.last() == o.last() || x.shape.C == 1 || x.shape.H*x.shape.W == 1
}

// An affine step is v*scale + offset for each channel. Of the images, v is pixel/255.
type affine struct{ scale, offset []float64 }

func newAffine(channels int) affine {
	return affine{slices.Repeat([]float64{1}, channels), make([]float64, channels)}
}

// then follows the step by another.
func (a affine) then(b affine) affine {
	c := affine{slices.Clone(a.scale), slices.Clone(a.offset)}
	for i := range c.scale {
		c.scale[i] *= b.scale[i]
		c.offset[i] = c.offset[i]*b.scale[i] + b.offset[i]
	}
	return c
}

// A part is a block in the making, or a projection.
type part struct {
	block  nn.Block
	node   *node // that began it
	source *part // nil: the images
	skip   *part // that the shortcut comes from
	affine
	stage stage
	depth int // parts from the images to this one
	index int // of the block, from 1; 0 before it is placed
}

// The stages of a part, in the order of a block's steps. Affine steps before pooling,
// and pooling after rectifying, are brought into it where they make no difference.
type stage int

const (
	linearStage stage = iota
	pooledStage
	addedStage
	rectifiedStage
)

// closed tells whether the part puts out what a block does: nothing negative.
func (p *part) closed() bool {
	return p.stage == rectifiedStage ||
		p.block.Kind == nn.Mean && p.stage == linearStage && slices.Min(p.scale) >= 0 && slices.Min(p.offset) >= 0
}

// maxWeights bounds the weights of all parts together, as many may use one tensor.
const maxWeights = MaxFile / 4

// An importer is the state of an import.
type importer struct {
	graph     *graph
	opset     int64
	constants map[string]*tensor
	values    map[string]*tracked
	readers   map[string]int
	weights   int // so far
}

func (m *model) network(in Input) (*nn.Network, error) {
	g := &m.graph
	i := &importer{graph: g, opset: m.opset, constants: map[string]*tensor{}, values: map[string]*tracked{}, readers: map[string]int{}}
	for _, t := range g.tensors {
		i.constants[t.name] = t
	}
	for at := range g.nodes {
		for _, name := range g.nodes[at].inputs {
			i.readers[name]++
		}
	}
	if err := i.images(in); err != nil {
		return nil, err
	}
	if len(g.outputs) != 1 {
		return nil, fmt.Errorf("%d outputs: want one, the logits", len(g.outputs))
	}
	i.readers[g.outputs[0].name]++
	for at := range g.nodes {
		n := &g.nodes[at]
		if err := i.run(n); err != nil {
			return nil, fmt.Errorf("node %d: %w", at, n.fail(err))
		}
	}
	out := i.values[g.outputs[0].name]
	if out == nil || out.part == nil {
		return nil, fmt.Errorf("output %q: want what layers make of the images", g.outputs[0].name)
	}
	return finish(out.part)
}

// images finds the input that is no constant.
func (m *importer) images(in Input) error {
	var found *value
	for i := range m.graph.inputs {
		v := &m.graph.inputs[i]
		if m.constants[v.name] != nil { // old models list constants, too
			continue
		}
		if found != nil {
			return fmt.Errorf("inputs %q and %q: want one, the images", found.name, v.name)
		}
		found = v
	}
	if found == nil {
		return errors.New("no input: want images")
	}
	x, err := imageValue(found, in)
	if err != nil {
		return fmt.Errorf("input %q: %w", found.name, err)
	}
	m.values[found.name] = x
	return nil
}

func imageValue(v *value, in Input) (*tracked, error) {
	if v.element != float32s && v.element != uint8s {
		return nil, fmt.Errorf("elements of type %d: want float32, %d, or uint8, %d", v.element, float32s, uint8s)
	}
	x := &tracked{shape: in.Shape}
	switch len(v.dims) {
	case 4:
		x.shape, x.order = imageOrder(v.dims, v.element == uint8s, in.Shape)
	case 2:
		x.order = flatHWC
	default:
		return nil, fmt.Errorf("dimensions are %d: want [N, C, H, W], [N, H, W, C] or [N, K]", v.dims)
	}
	if s := in.Shape; s != (nn.Shape{}) && s != x.shape {
		return nil, fmt.Errorf("images of %v: want %v, as the model says", s, x.shape)
	}
	s := x.shape
	if s.H < 1 || s.W < 1 || s.C < 1 || s.H > 1<<12 || s.W > 1<<12 || s.C > 1<<10 || s.Size() > 1<<24 {
		return nil, fmt.Errorf("dimensions are %d, images %v: want sizes that are known and at most %d bytes", v.dims, s, 1<<24)
	}
	if len(v.dims) == 2 && v.dims[1] != int64(s.Size()) {
		return nil, fmt.Errorf("vectors of %d: want %d, images of %v", v.dims[1], s.Size(), s)
	}
	x.affine = newAffine(s.C)
	if v.element == uint8s {
		if len(in.Mean)+len(in.Std) > 0 {
			return nil, errors.New("bytes: want no mean or standard deviation taken out before")
		}
		x.scale = slices.Repeat([]float64{255}, s.C)
		return x, nil
	}
	mean, err := spread(in.Mean, 0, s.C)
	if err != nil {
		return nil, fmt.Errorf("mean: %w", err)
	}
	std, err := spread(in.Std, 1, s.C)
	if err != nil {
		return nil, fmt.Errorf("standard deviation: %w", err)
	}
	for c := range s.C {
		if !(std[c] > 0) {
			return nil, fmt.Errorf("standard deviation is %v: want more than 0", std[c])
		}
		x.scale[c], x.offset[c] = 1/std[c], -mean[c]/std[c]
	}
	return x, nil
}

// imageOrder tells where the dimensions have the channels: where the shape says, if it
// is given, else where there are few. Where that is no help, bytes are taken to have
// them last, as images come, and numbers first.
func imageOrder(d []int64, bytes bool, given nn.Shape) (nn.Shape, order) {
	first := nn.Shape{H: int(d[2]), W: int(d[3]), C: int(d[1])}
	last := nn.Shape{H: int(d[1]), W: int(d[2]), C: int(d[3])}
	few := func(c int) bool { return c >= 1 && c <= 4 }
	takeLast := bytes
	if few(first.C) != few(last.C) {
		takeLast = few(last.C)
	}
	if given == first || given == last {
		takeLast = given == last && (bytes || given != first)
	}
	if takeLast {
		return last, nhwc
	}
	return first, nchw
}

// spread returns a number for each channel: one of those there are, the only one, or
// if there is none the default.
func spread(x []float32, none float64, channels int) ([]float64, error) {
	if len(x) > 1 && len(x) != channels {
		return nil, fmt.Errorf("%d numbers: want one, or one for each of %d channels", len(x), channels)
	}
	out := slices.Repeat([]float64{none}, channels)
	for i := range out {
		if len(x) > 0 {
			out[i] = float64(x[i%len(x)])
		}
	}
	return out, nil
}

// finish returns the network that ends in a part.
func finish(last *part) (*nn.Network, error) {
	if last.stage == rectifiedStage {
		return nil, fmt.Errorf("%w: the logits are rectified: want them as they are", last.node.fail(errors.New("output")))
	}
	net := &nn.Network{Method: "float", Classes: last.block.Out}
	// A part comes after what it reads. Parts that the logits do not depend on are left out.
	var place func(p *part)
	place = func(p *part) {
		if p == nil || p.index > 0 {
			return
		}
		place(p.source)
		place(p.skip)
		net.Blocks = append(net.Blocks, p.finish(kernels.F32))
		b := &net.Blocks[len(net.Blocks)-1]
		p.index = len(net.Blocks)
		if p.source != nil {
			b.Back = p.index - 1 - p.source.index
		} else {
			net.Input = b.In
		}
		if p.skip != nil {
			b.Skip.Back = p.index - 1 - p.skip.index
		}
	}
	place(last)
	net.Blocks[len(net.Blocks)-1].OutAct = kernels.NoActs
	return net, nil
}

// finish returns the part's block.
func (p *part) finish(out kernels.ActFormat) nn.Block {
	b := p.block
	b.InAct, b.OutAct, b.Weights = kernels.F32, out, kernels.Float32
	positions := 1
	if b.Kind == nn.Mean {
		b.Weights, positions = kernels.NoWeights, b.In.H*b.In.W
	}
	for c := range p.scale {
		b.Scale = append(b.Scale, float32(p.scale[c])/float32(positions))
		b.Bias = append(b.Bias, float32(p.offset[c]))
	}
	return b
}
