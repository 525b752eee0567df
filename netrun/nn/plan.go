package nn

import (
	"fmt"
	"sync"
	"sync/atomic"

	"example.com/lowbit/kernels"
)

// Options are choices for a plan. The zero value is one thread and batches of
// any size.
type Options struct {
	// Threads is the number of goroutines that one Run may use, each on
	// images of its own; 0 and 1 mean the caller's alone.
	Threads int
	// Batch is the largest number of images that Run will be given at once,
	// for buffers no larger than that needs; 0 is no promise. A larger batch
	// is still right.
	Batch int
}

// A Plan is a network made ready to run: weights packed for the kernels that
// dispatch chose, and memory for activations laid out. It is safe for use by
// many goroutines. The logits of an image depend only on the image: not on the
// batch, on threads, or, for a network without float32 weights, on the kernels.
type Plan struct {
	chain   chain
	images  int // bytes of an image
	classes int
	threads int
	sub     int // largest number of images that pass the layers together
	layers  []Layer

	mu   sync.Mutex
	free []*run // runs that no Run uses now
}

// A chain is the layers of a plan, in integers or in float32.
type chain interface {
	// space returns memory for n images.
	space(n int) space
	// bytes is what n images take of a space, in bytes.
	bytes(n int) int64
}

// A space is the activations of one goroutine.
type space interface {
	// forward computes the logits of n images.
	forward(logits []float32, images []uint8, n int)
	// watch has lap called whenever forward is done with a layer; nil ends it.
	watch(lap func(layer int))
}

// A Layer says what a plan does for one block.
type Layer struct {
	Kind            string // Conv, Dense or Mean
	In, Linear, Out Shape  // of the input, the sums and the output
	Weights         kernels.WeightFormat
	InAct, OutAct   kernels.ActFormat
	Kernel          string // of the product
	Epilogue        string // from sums to the output: a kernel, or what Go code does
	Skip            bool   // a shortcut is added
	Shortcut        string // the kernel of the shortcut's product, if it projects
	Stream          bool   // a shortcut of a later layer reads the layer's stream
	MACs            int64  // multiply-adds of an image
	WeightBytes     int64  // weights at exactly their bits
	PackedBytes     int64  // what the plan holds: packed weights, corrections, thresholds, scales and biases
}

// The sizes of what passes the layers together: the activations of a few
// images, so that a dense layer's weights are read once for all of them, in the
// second or third level of cache; and within a layer the sums of fewer images,
// or of a band of rows of one, in the first or second.
const (
	arenaBytes = 1 << 20
	sumBytes   = 48 << 10 // of some images
	shortBytes = 96 << 10 // the same, of 16 bits: weights are unpacked once for all of them
	bandBytes  = 16 << 10 // of a band of rows of one
	minImages  = 4
	maxImages  = 16
)

// Compile checks the network, chooses kernels and packs the weights for them.
// The plan does not refer to the network afterwards.
func Compile(net *Network, opt Options) (*Plan, error) {
	if err := net.Check(); err != nil {
		return nil, err
	}
	if opt.Threads < 0 || opt.Batch < 0 {
		return nil, fmt.Errorf("nn: options are Threads %d, Batch %d: want 0 or more", opt.Threads, opt.Batch)
	}
	p := &Plan{images: net.Input.Size(), classes: net.Classes, threads: max(1, opt.Threads)}
	var err error
	if net.Float() {
		p.chain, p.layers, err = newFloatChain(net)
	} else {
		images := 0
		if opt.Batch == 1 { // a larger one says nothing of the least
			images = 1
		}
		p.chain, p.layers, err = newIntChain(net, images)
	}
	if err != nil {
		return nil, fmt.Errorf("nn: %w", err)
	}
	p.sub = min(max(int(arenaBytes/p.chain.bytes(1)), minImages), maxImages)
	if c, ok := p.chain.(*floatChain); ok {
		p.sub = c.together(p.PackedBytes())
	}
	if opt.Batch > 0 {
		p.sub = min(p.sub, ceilDiv(opt.Batch, p.threads))
	}
	p.free = []*run{p.newRun()}
	return p, nil
}

// Run sets logits[n][classes] to the logits of the images [n][H][W][C]. It
// allocates nothing, unless more goroutines call it at once than ever before,
// and panics if a length is not as the shapes say.
func (p *Plan) Run(logits []float32, images []uint8, n int) {
	if n < 0 || len(images) != n*p.images || len(logits) != n*p.classes {
		panic(fmt.Sprintf("nn: Plan.Run: n = %d, len(logits) = %d, len(images) = %d: want %d*%d = %d and %d*%d = %d",
			n, len(logits), len(images), n, p.classes, n*p.classes, n, p.images, n*p.images))
	}
	if n == 0 {
		return
	}
	r := p.takeRun()
	r.logits, r.pixels, r.n, r.size = logits, images, n, p.part(n)
	r.next.Store(0)
	r.do()
	r.logits, r.pixels = nil, nil
	p.mu.Lock()
	p.free = append(p.free, r)
	p.mu.Unlock()
}

// part is the number of images of a part of a batch of n: parts are as even as
// can be, and every thread has the same number of them.
func (p *Plan) part(n int) int {
	threads := min(p.threads, n)
	rounds := ceilDiv(ceilDiv(n, p.sub), threads)
	return ceilDiv(n, rounds*threads)
}

// A run is the memory of one call of Run: a space for each thread.
type run struct {
	p      *Plan
	spaces []space
	help   func() // made once: starting it as a goroutine allocates nothing
	wait   sync.WaitGroup

	logits  []float32
	pixels  []uint8
	n, size int
	next    atomic.Int64 // the next part
	space   atomic.Int64 // the next of spaces
}

func (p *Plan) newRun() *run {
	r := &run{p: p}
	for range p.threads {
		r.spaces = append(r.spaces, p.chain.space(p.sub))
	}
	r.help = func() {
		defer r.wait.Done()
		r.drain(r.spaces[r.space.Add(1)])
	}
	return r
}

func (p *Plan) takeRun() *run {
	p.mu.Lock()
	defer p.mu.Unlock()
	if last := len(p.free) - 1; last >= 0 {
		r := p.free[last]
		p.free = p.free[:last]
		return r
	}
	return p.newRun()
}

// do works off the parts on as many goroutines as there are parts and threads.
func (r *run) do() {
	helpers := min(len(r.spaces), ceilDiv(r.n, r.size)) - 1
	r.space.Store(0)
	r.wait.Add(helpers)
	for range helpers {
		go r.help()
	}
	r.drain(r.spaces[0])
	r.wait.Wait()
}

func (r *run) drain(s space) {
	for {
		at := int(r.next.Add(1)-1) * r.size
		if at >= r.n {
			return
		}
		n := min(r.size, r.n-at)
		s.forward(r.logits[at*r.p.classes:][:n*r.p.classes], r.pixels[at*r.p.images:][:n*r.p.images], n)
	}
}

// Layers says what the plan does, block by block. The caller owns the result.
func (p *Plan) Layers() []Layer { return append([]Layer(nil), p.layers...) }

// ActivationBytes is the memory that one Run of n images uses for activations,
// at its peak: inputs, outputs and streams of layers and their sums, for all threads.
// The caller's images and logits, and the few rows that a kernel gathers in
// cache, are not counted.
func (p *Plan) ActivationBytes(n int) int64 {
	if n < 1 {
		return 0
	}
	size := p.part(n)
	return int64(min(p.threads, ceilDiv(n, size))) * p.chain.bytes(size)
}

// PackedBytes is the memory that the plan holds for all layers' parameters.
func (p *Plan) PackedBytes() int64 {
	var total int64
	for i := range p.layers {
		total += p.layers[i].PackedBytes
	}
	return total
}

// newLayer fills in what does not depend on kernels.
func newLayer(b *Block) Layer {
	return Layer{
		Kind: b.Kind, In: b.In, Linear: b.LinearShape(), Out: b.OutShape(),
		Weights: b.Weights, InAct: b.InAct, OutAct: b.OutAct,
		Skip: b.Skip != nil, Stream: b.Stream,
		MACs: b.MACs(), WeightBytes: b.WeightBytes(),
	}
}

// convShape is the shape of a Conv block on h rows as kernels want it.
func (b *Block) convShape(h int) kernels.ConvShape {
	return kernels.ConvShape{
		H: h, W: b.In.W, InC: b.In.C, OutC: b.Out, KH: b.Kernel, KW: b.Kernel,
		StrideH: b.Stride, StrideW: b.Stride, PadH: b.Pad, PadW: b.Pad,
	}
}

// sizes are how a layer is cut into units that are computed one after the
// other: an image, or a band of rows of an image whose sums are many.
type sizes struct {
	image           int               // elements of the input of an image
	bands           int               // units of an image
	step            int               // elements of the input from one band to the next
	in, linear, out int               // elements of a unit: of its input, its sums, its output
	rows            int               // of the input of a unit
	chunk           int               // units whose sums are held at a time, 1 if an image has several
	pool            kernels.PoolShape // of a unit; Window 0 if there is none
}

// sizes cuts a layer whose sums have so many bytes. Convolutions with sums of 16 bits cut
// themselves into bands: their units are images.
func (b *Block) sizes(sum int) sizes {
	linear := b.LinearShape()
	s := sizes{image: b.In.Size(), bands: 1, rows: b.In.H}
	pool := max(b.Pool, 1)
	height := linear.H / pool * pool // rows of sums that are used
	row := linear.W * linear.C
	if b.Kind == Conv && b.Pad == 0 && b.Skip == nil && sum == 4 && 4*linear.Size() > bandBytes {
		// The input of a band is rows of the image, as they are. The tallest
		// bands that are whole windows of the pool and fit are taken, else the
		// lowest.
		band := pool
		for r := pool; r <= height && 4*r*row <= bandBytes; r += pool {
			if height%r == 0 {
				band = r
			}
		}
		s.bands = height / band
		s.rows = (band-1)*b.Stride + b.Kernel
		s.step = band * b.Stride * b.In.W * b.In.C
		linear.H = band
	}
	s.in = s.rows * b.In.W * b.In.C
	s.linear = linear.Size()
	s.out = b.OutShape().Size() / s.bands
	if b.Pool > 1 {
		s.pool = kernels.PoolShape{H: linear.H, W: linear.W, C: linear.C, Window: b.Pool, Stride: b.Pool}
	}
	if s.chunk = 1; s.bands == 1 {
		bytes := sumBytes
		if sum == 2 {
			bytes = shortBytes
		}
		s.chunk = min(max(bytes/(sum*s.linear), 1), maxImages)
	}
	return s
}

// input returns the input of m units from unit u on.
func input[T uint8 | float32](s *sizes, x []T, u, m int) []T {
	return x[u/s.bands*s.image+u%s.bands*s.step:][:m*s.in]
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }
