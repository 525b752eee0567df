package nn

import (
	"errors"
	"strings"

	"example.com/lowbit/kernels"
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
	source     int // the layer whose output is read, -1 for the images
	steps      stepper
	projects   bool // the layer has a shortcut that projects
	skipSource int  // the layer that the shortcut comes from, -1 for none
	skipImage  int  // elements of an image of what the shortcut reads
}

// A sum is what products are held in: 16 bits where they fit, which halves what is written
// and read again, and float32 in layers of such weights.
type sum interface{ int16 | int32 | float32 }

// A stepper is the steps of a layer, whatever its sums are.
type stepper interface {
	// run takes m units of the layer from their input to their output.
	run(l *intLayer, p *part, m int, s *intSpace)
	// grow makes room for what m units need.
	grow(n *needs, l *sizes, m int)
}

// steps are what a layer does with sums of one type.
type steps[Y sum] struct {
	product    product[Y]
	projection product[Y] // of the shortcut, nil for none
	epilogue   epilogue[Y]
	work       func(*intSpace) *work[Y]
	need       func(*needs) *workSizes
}

// A product is a linear step on codes: of n units, with memory for them as numbers.
type product[Y sum] interface {
	Run(dst []Y, x []uint8, n int, memory []float32)
	Kernel() string
	PackedBytes() int
}

// An epilogue takes sums, and those of a projection, to the output.
type epilogue[Y sum] func(p *part, sums, projected []Y)

// name says in info what the products are.
func (s *steps[Y]) name(info *Layer) {
	info.Kernel = s.product.Kernel()
	info.PackedBytes += int64(s.product.PackedBytes())
	if s.projection != nil {
		info.Shortcut = s.projection.Kernel()
		info.PackedBytes += int64(s.projection.PackedBytes())
	}
}

// An intProduct is a product of integers, which needs no memory.
type intProduct[Y int16 | int32] struct {
	plan interface {
		Run(dst []Y, x []uint8, n int)
		Kernel() string
		PackedBytes() int
	}
}

func (p intProduct[Y]) Run(dst []Y, x []uint8, n int, _ []float32) { p.plan.Run(dst, x, n) }
func (p intProduct[Y]) Kernel() string                             { return p.plan.Kernel() }
func (p intProduct[Y]) PackedBytes() int                           { return p.plan.PackedBytes() }

// newIntChain plans the layers for Runs of so many images, 0 being any number.
func newIntChain(net *Network, images int) (chain, []Layer, error) {
	c := &intChain{layout: newLayout(net, false)}
	var list []Layer
	for i := range net.Blocks {
		b := &net.Blocks[i]
		l := intLayer{source: net.Source(i), skipSource: -1, projects: b.proj() != nil}
		if b.Skip != nil {
			l.skipSource = net.SkipSource(i)
			l.skipImage = net.Blocks[l.skipSource].OutShape().Size()
		}
		info := newLayer(b)
		var err error
		if l.steps, l.sizes, err = newSteps(b, i == len(net.Blocks)-1, images, &info); err != nil {
			return nil, nil, err
		}
		c.layers = append(c.layers, l)
		list = append(list, info)
	}
	return c, list, nil
}

// newSteps plans the steps of a block, says how it is cut, and in info what they are.
func newSteps(b *Block, last bool, images int, info *Layer) (stepper, sizes, error) {
	short, err := newShortSteps(b)
	if err != nil {
		return nil, sizes{}, err
	}
	if short == nil {
		b = b.asFloat()
	}
	e, err := newEnding(b, last)
	if err != nil {
		return nil, sizes{}, err
	}
	info.Epilogue = e.kernel
	info.PackedBytes += e.bytes
	if short != nil {
		short.epilogue = e.shorts()
		short.name(info)
		return short, b.sizes(2), nil
	}
	cut := b.sizes(4)
	if b.Weights == kernels.Float32 {
		s := &steps[float32]{epilogue: e.floats(), work: (*intSpace).workFloats, need: (*needs).forFloats}
		p, err := newCodeProduct(b, cut.rows)
		if err != nil {
			return nil, cut, err
		}
		s.product = p
		if p := b.proj(); p != nil {
			if s.projection, err = newCodeProduct(p, p.In.H); err != nil {
				return nil, cut, err
			}
		}
		s.name(info)
		return s, cut, nil
	}
	s := &steps[int32]{epilogue: e.ints(), work: (*intSpace).workInts, need: (*needs).forInts}
	p, err := newIntProduct(b, cut.rows, images)
	if err != nil {
		return nil, cut, err
	}
	s.product = p
	if p := b.proj(); p != nil {
		if s.projection, err = newIntProduct(p, p.In.H, images); err != nil {
			return nil, cut, err
		}
	}
	s.name(info)
	return s, cut, nil
}

// asFloat is b with weights in float32, if it is a first layer whose sums need more than 16
// bits: of so few inputs that kernels with sums of 32 would take longer than FMA. Check
// keeps sums, and so all parts of them, within 2^24: they are exact in float32, in
// whatever order they are taken.
func (b *Block) asFloat() *Block {
	if b.Kind != Conv || b.InAct != kernels.U8 || b.In.C > fewChannels || b.Skip != nil || b.Weights == kernels.Float32 {
		return b
	}
	f := *b
	f.Weights, f.Values, f.Float = kernels.Float32, nil, make([]float32, len(b.Values))
	for i, v := range b.Values {
		f.Float[i] = float32(v)
	}
	return &f
}

const fewChannels = 4

// newIntProduct plans the linear step of a block, a convolution's on images of so
// many rows.
func newIntProduct(b *Block, rows, images int) (p intProduct[int32], err error) {
	switch b.Kind {
	case Conv:
		p.plan, err = kernels.NewConv2D(b.weights(), b.convShape(rows), b.InAct, kernels.Options{})
	case Mean:
		p.plan = channelSum{b.In.H * b.In.W, b.In.C}
	default:
		p.plan, err = kernels.NewGEMM(b.weights(), b.InAct, kernels.Options{Rows: images})
	}
	return p, err
}

func (b *Block) weights() kernels.Weights {
	return kernels.Weights{Format: b.Weights, N: b.Out, K: b.K(), Values: b.Values}
}

// newShortSteps plans a convolution with sums of 16 bits, nil if the block is none, if
// they do not fit, or if other kernels are faster: where there is no assembly for them, too.
func newShortSteps(b *Block) (*steps[int16], error) {
	if b.Kind != Conv || b.Weights == kernels.Float32 {
		return nil, nil
	}
	s := &steps[int16]{work: (*intSpace).workShorts, need: (*needs).forShorts}
	for _, q := range []struct {
		b  *Block
		to *product[int16]
	}{{b, &s.product}, {b.proj(), &s.projection}} {
		if q.b == nil {
			continue
		}
		if slower, err := wideIsFaster(q.b); err != nil || slower {
			return nil, err
		}
		plan, err := kernels.NewConv2DInt16(q.b.weights(), q.b.convShape(q.b.In.H), q.b.InAct, kernels.Options{})
		if errors.Is(err, kernels.ErrRange) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(plan.Kernel(), "portable-") {
			return nil, nil
		}
		*q.to = intProduct[int16]{plan}
	}
	return s, nil
}

// wideIsFaster tells of a convolution whether kernels with sums of 32 bits are faster:
// those that look sums up or count bits are, for many outputs.
func wideIsFaster(b *Block) (bool, error) {
	if b.Out < 128 {
		return false, nil
	}
	s := b.LinearShape()
	name, err := kernels.Choose(kernels.Formats{Weights: b.Weights, Acts: b.InAct}, s.H*s.W, b.Out, b.K())
	return strings.Contains(name, "-lut") || strings.Contains(name, "-popcount"), err
}

// An affine is the float32 step of each channel.
type affine struct{ scale, bias []float32 }

func newAffine(b *Block) affine {
	return affine{append([]float32(nil), b.Scale...), append([]float32(nil), b.Bias...)}
}

func (a affine) bytes() int64 { return 4 * int64(len(a.scale)+len(a.bias)) }

// runAffine sets dst to float32(sums)*scale + bias, each operation rounded by itself.
func runAffine[Y sum](a affine, dst []float32, sums []Y) {
	for len(sums) > 0 {
		for c, s := range a.scale {
			dst[c] = float32(float32(sums[c])*s) + a.bias[c]
		}
		dst, sums = dst[len(a.scale):], sums[len(a.scale):]
	}
}

// A work is the memory of steps for some units: their sums, those of projections,
// and inputs as numbers, where the product wants them.
type work[Y sum] struct {
	sums, projected []Y
	numbers         []float32
}

// workSizes are the lengths of a work's slices.
type workSizes struct{ sums, projected, numbers int }

// bytes is what they take, with sums of so many bytes.
func (w workSizes) bytes(sum int64) int64 {
	return sum*(int64(w.sums)+int64(w.projected)) + 4*int64(w.numbers)
}

func newWork[Y sum](w workSizes) work[Y] {
	return work[Y]{make([]Y, w.sums), make([]Y, w.projected), make([]float32, w.numbers)}
}

// needs are what the layers need, by the type of their sums.
type needs struct{ shorts, ints, floats workSizes }

func (n *needs) forShorts() *workSizes { return &n.shorts }
func (n *needs) forInts() *workSizes   { return &n.ints }
func (n *needs) forFloats() *workSizes { return &n.floats }

func (s *steps[Y]) grow(n *needs, l *sizes, m int) {
	w := s.need(n)
	w.sums = max(w.sums, m*l.linear)
	if s.projection != nil {
		w.projected = max(w.projected, m*l.out)
	}
	for _, p := range []product[Y]{s.product, s.projection} {
		if p, ok := p.(interface{ numbers(n int) int }); ok {
			w.numbers = max(w.numbers, p.numbers(m))
		}
	}
}

// need is what n images need.
func (c *intChain) need(n int) needs {
	var all needs
	for i := range c.layers {
		l := &c.layers[i]
		l.steps.grow(&all, &l.sizes, min(n*l.bands, l.chunk))
	}
	return all
}

func (c *intChain) bytes(n int) int64 {
	need := c.need(n)
	return c.layout.elements(n) + need.shorts.bytes(2) + need.ints.bytes(4) + need.floats.bytes(4)
}

func (c *intChain) space(n int) space {
	need := c.need(n)
	return &intSpace{
		chain:  c,
		codes:  makeBuffers[uint8](&c.layout, n),
		shorts: newWork[int16](need.shorts),
		ints:   newWork[int32](need.ints),
		floats: newWork[float32](need.floats),
	}
}

type intSpace struct {
	chain  *intChain
	codes  [][]uint8 // the layout's buffers
	shorts work[int16]
	ints   work[int32]
	floats work[float32]
	part   part            // what forward works on
	lap    func(layer int) // nil unless profiled
}

func (s *intSpace) workShorts() *work[int16]   { return &s.shorts }
func (s *intSpace) workInts() *work[int32]     { return &s.ints }
func (s *intSpace) workFloats() *work[float32] { return &s.floats }

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
		if l.projects {
			short = s.output(l.skipSource, n)
		}
		out, stream := s.output(i, n), s.stream(i, n)
		p := &s.part
		for at := 0; at < n*l.bands; at += l.chunk {
			m := min(l.chunk, n*l.bands-at)
			*p = part{x: input(&l.sizes, x, at, m)}
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
			l.steps.run(l, p, m, s)
		}
		if s.chain.seen != nil && out != nil {
			s.chain.seen(i, out, stream)
		}
		if s.lap != nil {
			s.lap(i)
		}
	}
	s.part = part{} // the caller's memory is not held
}

func (s *steps[Y]) run(l *intLayer, p *part, m int, space *intSpace) {
	w := s.work(space)
	sums := w.sums[:m*l.linear]
	s.product.Run(sums, p.x, m, w.numbers)
	if l.pool.Window > 0 {
		kernels.MaxPool(sums[:m*l.out], sums, l.pool, m)
		sums = sums[:m*l.out]
	}
	var projected []Y
	if s.projection != nil {
		projected = w.projected[:m*l.out]
		s.projection.Run(projected, p.short, m, w.numbers)
	}
	s.epilogue(p, sums, projected)
}
