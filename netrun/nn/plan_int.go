package nn

import (
	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/quant"
)

// An intChain is the layers of a low-bit network.
type intChain struct {
	layers []intLayer
	layout layout
	// seen, if set by a test, is given the codes that leave each layer, and its
	// stream's.
	seen func(layer int, codes, stream []uint8)
}

type intLayer struct {
	sizes
	source  int // the layer whose output is read, -1 for the images
	product intProduct
	// The epilogue: residual if not nil, else codes, and in the last layer neither
	// but logits.
	codes interface {
		Run(dst []uint8, sums []int32)
	}
	residual *residual
	logits   affine
	// What the residual adds: the sums of projection if not nil, else the stream
	// of layer skipSource if that is not negative.
	projection intProduct
	skipSource int
	skipImage  int // elements of an image of what the shortcut reads
}

type intProduct interface {
	Run(dst []int32, x []uint8, n int)
	Kernel() string
	PackedBytes() int
}

// An affine is the float32 step of each channel.
type affine struct{ scale, bias []float32 }

func (a affine) bytes() int64 { return 4 * int64(len(a.scale)+len(a.bias)) }

// run sets dst to float32(sums)*scale + bias, each operation rounded by itself.
func (a affine) run(dst []float32, sums []int32) {
	for len(sums) > 0 {
		for c, s := range a.scale {
			dst[c] = float32(float32(sums[c])*s) + a.bias[c]
		}
		dst, sums = dst[len(a.scale):], sums[len(a.scale):]
	}
}

// A coder computes codes by quant.Code itself: for u8, whose 255 thresholds a
// channel would take longer.
type coder struct {
	affine
	top int
}

func (q *coder) Run(dst []uint8, sums []int32) {
	for len(sums) > 0 {
		for c, s := range q.scale {
			dst[c] = quant.Code(sums[c], s, q.bias[c], q.top)
		}
		dst, sums = dst[len(q.scale):], sums[len(q.scale):]
	}
}

// newIntChain plans the layers for Runs of so many images, 0 being any number.
func newIntChain(net *Network, images int) (chain, []Layer, error) {
	c := &intChain{layout: newLayout(net, false)}
	var list []Layer
	for i := range net.Blocks {
		b := &net.Blocks[i]
		l := intLayer{sizes: b.sizes(), source: net.Source(i), skipSource: -1}
		var err error
		if l.product, err = newIntProduct(b, l.rows, images); err != nil {
			return nil, nil, err
		}
		info := newLayer(b)
		info.Kernel = l.product.Kernel()
		info.PackedBytes = int64(l.product.PackedBytes())
		step := newAffine(b)
		if b.Skip != nil {
			l.skipSource = net.SkipSource(i)
			l.skipImage = net.Blocks[l.skipSource].OutShape().Size()
		}
		switch {
		case b.Skip != nil || b.Stream:
			l.residual = newResidual(b, b.OutAct.Max())
			info.PackedBytes += l.residual.bytes()
			if p := b.proj(); p != nil {
				if l.projection, err = newIntProduct(p, p.In.H, images); err != nil {
					return nil, nil, err
				}
				info.Shortcut = l.projection.Kernel()
				info.PackedBytes += int64(l.projection.PackedBytes())
			}
			info.Epilogue = "residual"
		case i == len(net.Blocks)-1:
			l.logits = step
			info.Epilogue = "logits"
			info.PackedBytes += step.bytes()
		case b.OutAct == kernels.U8:
			l.codes = &coder{step, b.OutAct.Max()}
			info.Epilogue = "code"
			info.PackedBytes += step.bytes()
		default:
			t, err := kernels.NewThresholds(thresholds(b))
			if err != nil {
				return nil, nil, err
			}
			l.codes = t
			info.Epilogue = t.Kernel()
			info.PackedBytes += int64(t.Bytes())
		}
		c.layers = append(c.layers, l)
		list = append(list, info)
	}
	return c, list, nil
}

// newIntProduct plans the linear step of a block, a convolution's on images of so
// many rows.
func newIntProduct(b *Block, rows, images int) (intProduct, error) {
	w := kernels.Weights{Format: b.Weights, N: b.Out, K: b.K(), Values: b.Values}
	switch b.Kind {
	case Conv:
		return kernels.NewConv2D(w, b.convShape(rows), b.InAct, kernels.Options{})
	case Mean:
		return channelSum[uint8, int32]{b.In.H * b.In.W, b.In.C}, nil
	}
	return kernels.NewGEMM(w, b.InAct, kernels.Options{Rows: images})
}

func newAffine(b *Block) affine {
	return affine{append([]float32(nil), b.Scale...), append([]float32(nil), b.Bias...)}
}

// need is the number of elements of the buffers of sums for n images: of layers,
// where they are pooled, too, and of projections.
func (c *intChain) need(n int) (sums, projected int) {
	for i := range c.layers {
		l := &c.layers[i]
		sums = max(sums, min(n, l.chunk)*l.linear)
		if l.projection != nil {
			projected = max(projected, min(n, l.chunk)*l.out)
		}
	}
	return sums, projected
}

func (c *intChain) bytes(n int) int64 {
	sums, projected := c.need(n)
	return c.layout.elements(n) + 4*(int64(sums)+int64(projected))
}

func (c *intChain) space(n int) space {
	sums, projected := c.need(n)
	return &intSpace{
		chain:     c,
		codes:     makeBuffers[uint8](&c.layout, n),
		sums:      make([]int32, sums),
		projected: make([]int32, projected),
	}
}

type intSpace struct {
	chain     *intChain
	codes     [][]uint8 // the layout's buffers
	sums      []int32
	projected []int32
	lap       func(layer int) // nil unless profiled
}

func (s *intSpace) watch(lap func(layer int)) { s.lap = lap }

// output and stream are what layer i puts out for n images; output(-1) is nil.
func (s *intSpace) output(i, n int) []uint8 { return s.buffer(s.chain.layout.out, i, n) }
func (s *intSpace) stream(i, n int) []uint8 { return s.buffer(s.chain.layout.stream, i, n) }

func (s *intSpace) buffer(of []int, i, n int) []uint8 {
	if i < 0 || of[i] < 0 {
		return nil
	}
	l := &s.chain.layers[i]
	return s.codes[of[i]][:n*l.bands*l.out]
}

func (s *intSpace) forward(logits []float32, images []uint8, n int) {
	for i := range s.chain.layers {
		l := &s.chain.layers[i]
		x := images
		if l.source >= 0 {
			x = s.output(l.source, n)
		}
		out, stream := s.output(i, n), s.stream(i, n)
		for at := 0; at < n*l.bands; at += l.chunk {
			m := min(l.chunk, n*l.bands-at)
			sums := s.sums[:m*l.linear]
			l.product.Run(sums, input(&l.sizes, x, at, m), m)
			if l.pool.Window > 0 {
				kernels.MaxPool(sums[:m*l.out], sums, l.pool, m)
				sums = sums[:m*l.out]
			}
			switch {
			case l.residual != nil:
				s.residual(l, out, stream, sums, at, m, n)
			case l.codes != nil:
				l.codes.Run(out[at*l.out:][:m*l.out], sums)
			default:
				l.logits.run(logits[at*l.out:], sums)
			}
		}
		if s.chain.seen != nil && out != nil {
			s.chain.seen(i, out, stream)
		}
		if s.lap != nil {
			s.lap(i)
		}
	}
}

// residual is the epilogue of m units of a layer of n images from unit at on. A layer
// with a shortcut is not cut into bands: a unit is an image.
func (s *intSpace) residual(l *intLayer, out, stream []uint8, sums []int32, at, m, n int) {
	if stream != nil {
		stream = stream[at*l.out:][:m*l.out]
	}
	var codes []uint8
	var projected []int32
	switch {
	case l.projection != nil:
		projected = s.projected[:m*l.out]
		l.projection.Run(projected, s.output(l.skipSource, n)[at*l.skipImage:][:m*l.skipImage], m)
	case l.skipSource >= 0:
		codes = s.stream(l.skipSource, n)[at*l.skipImage:][:m*l.skipImage]
	}
	l.residual.run(out[at*l.out:][:m*l.out], stream, sums, codes, projected)
}
