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
	source int // the layer whose output is read, -1 for the images
	// One of them: floats if the weights are float32.
	ints   *steps[int32]
	floats *steps[float32]
	// What the epilogue needs beside steps: residual if not nil, and logits in the
	// last layer.
	residual   *residual
	logits     affine
	skipSource int // the layer that the shortcut comes from, -1 for none
	skipImage  int // elements of an image of what the shortcut reads
}

// steps are what a layer does, with sums that are integers or floats.
type steps[Y int32 | float32] struct {
	product    product[Y]
	projection product[Y] // of the shortcut, nil for none
	// From sums to codes, if the layer neither is the last nor has a residual.
	codes interface {
		Run(dst []uint8, sums []Y)
	}
}

// A product is a linear step on codes: of n units, with memory for them as numbers.
type product[Y int32 | float32] interface {
	Run(dst []Y, x []uint8, n int, memory []float32)
	Kernel() string
	PackedBytes() int
}

// kernelNames and packedBytes are those of the product and the projection.
func (s *steps[Y]) kernelNames() (product, projection string) {
	if s.projection != nil {
		projection = s.projection.Kernel()
	}
	return s.product.Kernel(), projection
}

func (s *steps[Y]) packedBytes() int64 {
	n := s.product.PackedBytes()
	if s.projection != nil {
		n += s.projection.PackedBytes()
	}
	return int64(n)
}

// An intProduct is a product of integers, which needs no memory.
type intProduct struct {
	plan interface {
		Run(dst []int32, x []uint8, n int)
		Kernel() string
		PackedBytes() int
	}
}

func (p intProduct) Run(dst []int32, x []uint8, n int, _ []float32) { p.plan.Run(dst, x, n) }
func (p intProduct) Kernel() string                                 { return p.plan.Kernel() }
func (p intProduct) PackedBytes() int                               { return p.plan.PackedBytes() }

// An affine is the float32 step of each channel.
type affine struct{ scale, bias []float32 }

func (a affine) bytes() int64 { return 4 * int64(len(a.scale)+len(a.bias)) }

// runAffine sets dst to float32(sums)*scale + bias, each operation rounded by itself.
func runAffine[Y int32 | float32](a affine, dst []float32, sums []Y) {
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
		if b.Skip != nil {
			l.skipSource = net.SkipSource(i)
			l.skipImage = net.Blocks[l.skipSource].OutShape().Size()
		}
		info, plain := newLayer(b), false
		switch {
		case b.Skip != nil || b.Stream:
			l.residual = newResidual(b, b.OutAct.Max())
			info.PackedBytes += l.residual.bytes()
			info.Epilogue = "residual"
		case i == len(net.Blocks)-1:
			l.logits = newAffine(b)
			info.PackedBytes += l.logits.bytes()
			info.Epilogue = "logits"
		default:
			plain = true
		}
		var err error
		if b.Weights == kernels.Float32 {
			l.floats, err = newFloatSteps(b, l.rows, plain, &info)
		} else {
			l.ints, err = newIntSteps(b, l.rows, images, plain, &info)
		}
		if err != nil {
			return nil, nil, err
		}
		c.layers = append(c.layers, l)
		list = append(list, info)
	}
	return c, list, nil
}

// newIntSteps plans the steps of a block, on images of so many rows, with those to
// codes if codes is set, and says in info what they are.
func newIntSteps(b *Block, rows, images int, codes bool, info *Layer) (*steps[int32], error) {
	p, err := newIntProduct(b, rows, images)
	if err != nil {
		return nil, err
	}
	s := &steps[int32]{product: p}
	if p := b.proj(); p != nil {
		if s.projection, err = newIntProduct(p, p.In.H, images); err != nil {
			return nil, err
		}
	}
	info.Kernel, info.Shortcut = s.kernelNames()
	info.PackedBytes += s.packedBytes()
	switch {
	case !codes:
	case b.OutAct == kernels.U8:
		q := &coder{newAffine(b), b.OutAct.Max()}
		info.Epilogue = "code"
		info.PackedBytes += q.bytes()
		s.codes = q
	default:
		t, err := kernels.NewThresholds(thresholds(b))
		if err != nil {
			return nil, err
		}
		info.Epilogue = t.Kernel()
		info.PackedBytes += int64(t.Bytes())
		s.codes = t
	}
	return s, nil
}

// newIntProduct plans the linear step of a block, a convolution's on images of so
// many rows.
func newIntProduct(b *Block, rows, images int) (p intProduct, err error) {
	w := kernels.Weights{Format: b.Weights, N: b.Out, K: b.K(), Values: b.Values}
	switch b.Kind {
	case Conv:
		p.plan, err = kernels.NewConv2D(w, b.convShape(rows), b.InAct, kernels.Options{})
	case Mean:
		p.plan = channelSum[uint8, int32]{b.In.H * b.In.W, b.In.C}
	default:
		p.plan, err = kernels.NewGEMM(w, b.InAct, kernels.Options{Rows: images})
	}
	return p, err
}

func newAffine(b *Block) affine {
	return affine{append([]float32(nil), b.Scale...), append([]float32(nil), b.Bias...)}
}

// A work is the memory of steps for some units: their sums, those of projections,
// and inputs as numbers, where the product wants them.
type work[Y int32 | float32] struct {
	sums, projected []Y
	numbers         []float32
}

// workSizes are the lengths of a work's slices, and their bytes.
type workSizes struct{ sums, projected, numbers int }

func (w workSizes) bytes() int64 { return 4 * (int64(w.sums) + int64(w.projected) + int64(w.numbers)) }

func newWork[Y int32 | float32](w workSizes) work[Y] {
	return work[Y]{make([]Y, w.sums), make([]Y, w.projected), make([]float32, w.numbers)}
}

// grow makes room for what m units of the layer need.
func (w *workSizes) grow(l *intLayer, m int, projection bool) {
	w.sums = max(w.sums, m*l.linear)
	if projection {
		w.projected = max(w.projected, m*l.out)
	}
}

// need is what layers with integer sums, and those with floats, need for n images.
func (c *intChain) need(n int) (ints, floats workSizes) {
	for i := range c.layers {
		l := &c.layers[i]
		m := min(n*l.bands, l.chunk)
		if s := l.ints; s != nil {
			ints.grow(l, m, s.projection != nil)
			continue
		}
		s := l.floats
		floats.grow(l, m, s.projection != nil)
		for _, p := range []product[float32]{s.product, s.projection} {
			if p, ok := p.(*codeProduct); ok {
				floats.numbers = max(floats.numbers, m*p.inputs)
			}
		}
	}
	return ints, floats
}

func (c *intChain) bytes(n int) int64 {
	ints, floats := c.need(n)
	return c.layout.elements(n) + ints.bytes() + floats.bytes()
}

func (c *intChain) space(n int) space {
	ints, floats := c.need(n)
	return &intSpace{
		chain:  c,
		codes:  makeBuffers[uint8](&c.layout, n),
		ints:   newWork[int32](ints),
		floats: newWork[float32](floats),
	}
}

type intSpace struct {
	chain  *intChain
	codes  [][]uint8 // the layout's buffers
	ints   work[int32]
	floats work[float32]
	lap    func(layer int) // nil unless profiled
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

// A part is some units of a layer: what is read and written.
type part struct {
	x           []uint8
	short       []uint8 // what the shortcut reads: a stream, or an output to project
	out, stream []uint8
	logits      []float32
}

func (s *intSpace) forward(logits []float32, images []uint8, n int) {
	for i := range s.chain.layers {
		l := &s.chain.layers[i]
		x := images
		if l.source >= 0 {
			x = s.output(l.source, n)
		}
		short := s.stream(l.skipSource, n)
		if l.projects() {
			short = s.output(l.skipSource, n)
		}
		out, stream := s.output(i, n), s.stream(i, n)
		for at := 0; at < n*l.bands; at += l.chunk {
			m := min(l.chunk, n*l.bands-at)
			p := part{x: input(&l.sizes, x, at, m)}
			if out != nil {
				p.out = out[at*l.out:][:m*l.out]
			} else {
				p.logits = logits[at*l.out:][:m*l.out]
			}
			if stream != nil {
				p.stream = stream[at*l.out:][:m*l.out]
			}
			if short != nil { // a layer with a shortcut is not cut into bands: a unit is an image
				p.short = short[at*l.skipImage:][:m*l.skipImage]
			}
			if l.ints != nil {
				l.ints.run(l, &p, m, &s.ints)
			} else {
				l.floats.run(l, &p, m, &s.floats)
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

// projects says whether the layer has a shortcut that projects.
func (l *intLayer) projects() bool {
	return l.ints != nil && l.ints.projection != nil || l.floats != nil && l.floats.projection != nil
}

// run takes m units of the layer from their input to their output.
func (s *steps[Y]) run(l *intLayer, p *part, m int, w *work[Y]) {
	sums := w.sums[:m*l.linear]
	s.product.Run(sums, p.x, m, w.numbers)
	if l.pool.Window > 0 {
		kernels.MaxPool(sums[:m*l.out], sums, l.pool, m)
		sums = sums[:m*l.out]
	}
	switch {
	case l.residual != nil && s.projection != nil:
		projected := w.projected[:m*l.out]
		s.projection.Run(projected, p.short, m, w.numbers)
		runResidual(l.residual, p.out, p.stream, sums, nil, projected)
	case l.residual != nil:
		runResidual(l.residual, p.out, p.stream, sums, p.short, nil)
	case s.codes != nil:
		s.codes.Run(p.out, sums)
	default:
		runAffine(l.logits, p.logits, sums)
	}
}
