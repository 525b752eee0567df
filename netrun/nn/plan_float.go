package nn

import "example.com/lowbit/kernels"

// A floatChain is the layers of a float32 network.
type floatChain struct {
	layers []floatLayer
	layout layout
	pixel  [256]float32 // pixel/255
}

type floatLayer struct {
	sizes
	source  int // the layer whose output is read, -1 for the images
	product floatProduct
	affine
	relu bool // at once, without a shortcut
	// What a shortcut adds: the output of layer skipSource if that is not negative,
	// through projection if that is not nil.
	skipSource int
	skipImage  int // elements of an image of what the shortcut reads
	projection floatProduct
	projected  affine
}

type floatProduct interface {
	Run(dst, x []float32, n int)
	Kernel() string
	PackedBytes() int
}

func newFloatChain(net *Network) (chain, []Layer, error) {
	c := &floatChain{layout: newLayout(net, true)}
	for i := range c.pixel {
		c.pixel[i] = float32(i) / 255
	}
	var list []Layer
	for i := range net.Blocks {
		b := &net.Blocks[i]
		l := floatLayer{sizes: b.sizes(), source: net.Source(i), relu: i < len(net.Blocks)-1 && b.Skip == nil, affine: newAffine(b), skipSource: -1}
		if l.pool.Window == 0 && l.bands == 1 && b.proj() == nil {
			l.chunk = maxImages // sums go to the output itself
		}
		var err error
		if l.product, err = newFloatProduct(b, l.rows); err != nil {
			return nil, nil, err
		}
		info := newLayer(b)
		info.Kernel = l.product.Kernel()
		info.Epilogue = "affine"
		info.PackedBytes = int64(l.product.PackedBytes()) + l.affine.bytes()
		if b.Skip != nil {
			l.skipSource = net.SkipSource(i)
			l.skipImage = net.Blocks[l.skipSource].OutShape().Size()
		}
		if p := b.proj(); p != nil {
			if l.projection, err = newFloatProduct(p, p.In.H); err != nil {
				return nil, nil, err
			}
			l.projected = newAffine(p)
			info.Shortcut = l.projection.Kernel()
			info.PackedBytes += int64(l.projection.PackedBytes()) + l.projected.bytes()
		}
		c.layers = append(c.layers, l)
		list = append(list, info)
	}
	return c, list, nil
}

// newFloatProduct plans the linear step of a block, a convolution's on images of so
// many rows.
func newFloatProduct(b *Block, rows int) (floatProduct, error) {
	switch b.Kind {
	case Conv:
		return kernels.NewConv2DFloat32(b.Float, b.convShape(rows), kernels.Options{})
	case Mean:
		return channelSum[float32, float32]{b.In.H * b.In.W, b.In.C}, nil
	}
	return kernels.NewGEMMFloat32(b.Float, b.Out, b.K(), kernels.Options{})
}

// need is the number of elements of the buffer of sums for n images: sums to be
// pooled, and those of projections.
func (c *floatChain) need(n int) (sums int) {
	for i := range c.layers {
		l := &c.layers[i]
		if l.pool.Window > 0 || l.projection != nil {
			sums = max(sums, min(n, l.chunk)*l.linear)
		}
	}
	return sums
}

func (c *floatChain) bytes(n int) int64 {
	return 4 * (c.layout.elements(n) + int64(c.need(n)))
}

func (c *floatChain) space(n int) space {
	return &floatSpace{chain: c, acts: makeBuffers[float32](&c.layout, n), sums: make([]float32, c.need(n))}
}

type floatSpace struct {
	chain *floatChain
	acts  [][]float32 // the layout's buffers
	sums  []float32
	lap   func(layer int) // nil unless profiled
}

func (s *floatSpace) watch(lap func(layer int)) { s.lap = lap }

// output is what layer i puts out for n images.
func (s *floatSpace) output(i, n int) []float32 {
	l := &s.chain.layers[i]
	return s.acts[s.chain.layout.out[i]][:n*l.bands*l.out]
}

func (s *floatSpace) forward(logits []float32, images []uint8, n int) {
	pixels := s.acts[s.chain.layout.images][:len(images)]
	for i, v := range images {
		pixels[i] = s.chain.pixel[v]
	}
	for i := range s.chain.layers {
		l := &s.chain.layers[i]
		x, out := pixels, logits
		if l.source >= 0 {
			x = s.output(l.source, n)
		}
		if i < len(s.chain.layers)-1 {
			out = s.output(i, n)
		}
		for at := 0; at < n*l.bands; at += l.chunk {
			m := min(l.chunk, n*l.bands-at)
			in, y := input(&l.sizes, x, at, m), out[at*l.out:][:m*l.out]
			if l.pool.Window > 0 {
				sums := s.sums[:m*l.linear]
				l.product.Run(sums, in, m)
				kernels.MaxPool(y, sums, l.pool, m)
			} else {
				l.product.Run(y, in, m)
			}
			kernels.Affine(y, l.scale, l.bias, l.relu)
			if l.skipSource >= 0 {
				u := s.output(l.skipSource, n)[at*l.skipImage:][:m*l.skipImage]
				if l.projection != nil {
					sums := s.sums[:m*l.out]
					l.projection.Run(sums, u, m)
					kernels.Affine(sums, l.projected.scale, l.projected.bias, false)
					u = sums
				}
				addShortcut(y, u)
			}
		}
		if s.lap != nil {
			s.lap(i)
		}
	}
}
