package nn

import "example.com/lowbit/kernels"

// A floatChain is the layers of a float32 network.
type floatChain struct {
	layers []floatLayer
	layout layout
}

type floatLayer struct {
	in, out int // elements of an image
	source  int // the layer whose output is read, -1 for the images
	conv    *kernels.Conv2DFloat32
	// The sums of other layers.
	product floatProduct
	affine
	relu bool
	// What a shortcut adds: the output of layer skipSource if that is not negative,
	// through projection if that is not nil.
	skipSource int
	skipImage  int // elements of an image of what the shortcut reads
	projection *kernels.Conv2DFloat32
	chunk      int // images that are projected at a time
}

type floatProduct interface {
	Run(dst, x []float32, n int)
	Kernel() string
	PackedBytes() int
}

// projectedBytes is about what projections of images take that wait for the sums that
// they are added to.
const projectedBytes = 128 << 10

func newFloatChain(net *Network) (chain, []Layer, error) {
	c := &floatChain{layout: newLayout(net, true)}
	var list []Layer
	for i := range net.Blocks {
		b := &net.Blocks[i]
		last := i == len(net.Blocks)-1
		l := floatLayer{in: b.In.Size(), out: b.OutShape().Size(), source: net.Source(i), skipSource: -1, chunk: maxImages}
		info := newLayer(b)
		info.Epilogue = "affine"
		var err error
		if b.Kind == Conv {
			if l.conv, err = newFloatConv(b, !last); err != nil {
				return nil, nil, err
			}
			info.Kernel = convKernel(l.conv)
			info.PackedBytes = int64(l.conv.PackedBytes()) + newAffine(b).bytes()
		} else {
			l.relu, l.affine = !last, newAffine(b)
			if l.product, err = newFloatProduct(b, b.In.H); err != nil {
				return nil, nil, err
			}
			info.Kernel = l.product.Kernel()
			info.PackedBytes = int64(l.product.PackedBytes()) + l.affine.bytes()
		}
		if b.Skip != nil {
			l.skipSource = net.SkipSource(i)
			l.skipImage = net.Blocks[l.skipSource].OutShape().Size()
		}
		if p := b.proj(); p != nil {
			if l.projection, err = newFloatConv(p, false); err != nil {
				return nil, nil, err
			}
			l.chunk = min(max(projectedBytes/(4*l.out), 1), maxImages)
			info.Shortcut = convKernel(l.projection)
			info.PackedBytes += int64(l.projection.PackedBytes()) + newAffine(p).bytes()
		}
		c.layers = append(c.layers, l)
		list = append(list, info)
	}
	return c, list, nil
}

// newFloatConv plans a convolution with its pooling and affine step.
func newFloatConv(b *Block, relu bool) (*kernels.Conv2DFloat32, error) {
	e := kernels.FloatEpilogue{Scale: b.Scale, Bias: b.Bias, ReLU: relu, Pool: b.Pool}
	return kernels.NewConv2DFloat32Epilogue(b.Float, b.convShape(b.In.H), e, kernels.Options{})
}

// convKernel names the kernel and how it is used.
func convKernel(c *kernels.Conv2DFloat32) string {
	if m := c.Method(); m != "direct" {
		return c.Kernel() + " " + m
	}
	return c.Kernel()
}

// newFloatProduct plans the linear step of a block, a convolution's on images of so
// many rows.
func newFloatProduct(b *Block, rows int) (floatProduct, error) {
	switch b.Kind {
	case Conv:
		return kernels.NewConv2DFloat32(b.Float, b.convShape(rows), kernels.Options{})
	case Mean:
		return floatMean{b.In.H * b.In.W, b.In.C}, nil
	}
	return kernels.NewGEMMFloat32(b.Float, b.Out, b.K(), kernels.Options{})
}

// A floatMean is the linear step of a mean block: the sum of each of its channels over
// all positions.
type floatMean struct{ positions, channels int }

func (s floatMean) Kernel() string   { return "sum" }
func (s floatMean) PackedBytes() int { return 0 }

func (s floatMean) Run(dst, x []float32, n int) {
	image := s.positions * s.channels
	for i := range n {
		kernels.ChannelSumsFloat32(dst[i*s.channels:][:s.channels], x[i*image:][:image])
	}
}

// need is the number of elements of the buffers of projections, and of the memory that
// convolutions work in, for n images.
func (c *floatChain) need(n int) (projected, scratch int) {
	for i := range c.layers {
		l := &c.layers[i]
		m := min(n, l.chunk)
		if l.conv != nil {
			scratch = max(scratch, l.conv.Scratch(m))
		}
		if l.projection != nil {
			projected, scratch = max(projected, m*l.out), max(scratch, l.projection.Scratch(m))
		}
	}
	return projected, scratch
}

// Weights of more than farBytes are read from memory, not from the third level of cache,
// which takes more time than activations do: as many images share them as can, until
// they take farArenaBytes.
const (
	farBytes      = 16 << 20
	farArenaBytes = 32 << 20
)

// together is the number of images that pass the layers together. What convolutions work
// in grows little with it.
func (c *floatChain) together(weights int64) int {
	n := min(max(int(arenaBytes/(4*c.layout.elements(1))), minImages), maxImages)
	for weights > farBytes && n < maxImages && c.bytes(n+1) <= farArenaBytes {
		n++
	}
	return n
}

func (c *floatChain) bytes(n int) int64 {
	projected, scratch := c.need(n)
	return 4 * (c.layout.elements(n) + int64(projected) + int64(scratch))
}

func (c *floatChain) space(n int) space {
	projected, scratch := c.need(n)
	return &floatSpace{chain: c, acts: makeBuffers[float32](&c.layout, n), projected: make([]float32, projected), scratch: make([]float32, scratch)}
}

type floatSpace struct {
	chain     *floatChain
	acts      [][]float32 // the layout's buffers
	projected []float32
	scratch   []float32
	lap       func(layer int) // nil unless profiled
}

func (s *floatSpace) watch(lap func(layer int)) { s.lap = lap }

// output is what layer i puts out for n images.
func (s *floatSpace) output(i, n int) []float32 {
	return s.acts[s.chain.layout.out[i]][:n*s.chain.layers[i].out]
}

func (s *floatSpace) forward(logits []float32, images []uint8, n int) {
	pixels := s.acts[s.chain.layout.images][:len(images)]
	kernels.FloatsOfBytes(pixels, images, 0, 255)
	for i := range s.chain.layers {
		l := &s.chain.layers[i]
		x, out := pixels, logits
		if l.source >= 0 {
			x = s.output(l.source, n)
		}
		if i < len(s.chain.layers)-1 {
			out = s.output(i, n)
		}
		for at := 0; at < n; at += l.chunk {
			m := min(l.chunk, n-at)
			in, y := x[at*l.in:][:m*l.in], out[at*l.out:][:m*l.out]
			var add []float32
			if l.skipSource >= 0 {
				add = s.output(l.skipSource, n)[at*l.skipImage:][:m*l.skipImage]
			}
			if l.projection != nil {
				projected := s.projected[:m*l.out]
				l.projection.RunIn(s.scratch, projected, add, nil, m)
				add = projected
			}
			if l.conv != nil {
				l.conv.RunIn(s.scratch, y, in, add, m)
				continue
			}
			l.product.Run(y, in, m)
			kernels.Affine(y, l.scale, l.bias, l.relu)
		}
		if s.lap != nil {
			s.lap(i)
		}
	}
}
