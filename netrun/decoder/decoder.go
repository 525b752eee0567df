// Package decoder runs the blocks of a decoder-only transformer on one token, as a
// language model does for each token it writes. What that takes is reading the weights:
// it is here to be measured against the bandwidth of memory.
package decoder

import (
	"fmt"
	"math"

	"example.com/lowbit/kernels"
)

// A Shape is the shape of a decoder.
type Shape struct {
	Hidden, FFN             int // features of the stream, and inside the feed-forward network
	Heads, KVHeads, HeadDim int // of queries, and of keys and values
	Blocks                  int
}

// BitNet2B is the shape of BitNet b1.58 2B4T (Ma et al., arXiv 2504.12285), whose
// block this package follows: squared ReLU, and a norm before each linear layer.
var BitNet2B = Shape{Hidden: 2560, FFN: 6912, Heads: 20, KVHeads: 5, HeadDim: 128, Blocks: 30}

// Weights is the number of weights of a block's linear layers, which are its products.
func (s Shape) Weights() int {
	q, kv := s.Heads*s.HeadDim, s.KVHeads*s.HeadDim
	return s.Hidden*(q+2*kv) + q*s.Hidden + 3*s.Hidden*s.FFN
}

func (s Shape) check() error {
	for _, f := range []struct {
		name string
		got  int
	}{{"Hidden", s.Hidden}, {"FFN", s.FFN}, {"Heads", s.Heads}, {"KVHeads", s.KVHeads}, {"HeadDim", s.HeadDim}, {"Blocks", s.Blocks}} {
		if f.got < 1 || f.got > 1<<16 {
			return fmt.Errorf("decoder: Shape.%s is %d: want 1 to %d", f.name, f.got, 1<<16)
		}
	}
	if s.Heads%s.KVHeads != 0 {
		return fmt.Errorf("decoder: %d heads, %d of keys and values: want a multiple", s.Heads, s.KVHeads)
	}
	return nil
}

// A Block is one block with its working memory: it is for one goroutine at a time.
//
// Weights have one scale a layer and activations one a token: before each integer
// product they are rounded to s8, so that the largest is 127. Norms, and what is added
// to the stream, are float32. The token is the first one, so attention has nothing to
// choose from: it passes on its own value, and rotating its query and key would be in vain.
type Block struct {
	shape                Shape
	qkv, out, gate, down *linear // gate has the rows of the other half, up, behind its own
	x, y, values         []float32
}

// NewBlock makes a block with random weights of the format, the same for one seed.
func NewBlock(s Shape, w kernels.WeightFormat, seed uint64) (*Block, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	b := &Block{shape: s}
	q, kv := s.Heads*s.HeadDim, s.KVHeads*s.HeadDim
	for i, l := range []struct {
		to   **linear
		n, k int
	}{{&b.qkv, q + 2*kv, s.Hidden}, {&b.out, s.Hidden, q}, {&b.gate, 2 * s.FFN, s.Hidden}, {&b.down, s.Hidden, s.FFN}} {
		var err error
		if *l.to, err = newLinear(w, l.n, l.k, seed+uint64(i)<<32); err != nil {
			return nil, err
		}
	}
	widest := max(q+2*kv, 2*s.FFN)
	b.x, b.y, b.values = make([]float32, widest), make([]float32, widest), make([]float32, q)
	return b, nil
}

// Kernels names the kernels of the products: of queries, keys and values; of
// attention's output; of gate and up; of down.
func (b *Block) Kernels() []string {
	var names []string
	for _, l := range b.linears() {
		names = append(names, l.kernel())
	}
	return names
}

// PackedBytes is the memory that the packed weights take.
func (b *Block) PackedBytes() int {
	total := 0
	for _, l := range b.linears() {
		total += l.bytes()
	}
	return total
}

func (b *Block) linears() []*linear { return []*linear{b.qkv, b.out, b.gate, b.down} }

// Run takes the stream of a token, Hidden numbers, through the block. It does not
// allocate.
func (b *Block) Run(stream []float32) {
	s := &b.shape
	if len(stream) != s.Hidden {
		panic(fmt.Sprintf("decoder: Block.Run: len(stream) = %d: want Hidden = %d", len(stream), s.Hidden))
	}
	x := b.x[:s.Hidden]
	norm(x, stream)
	y := b.y[:b.qkv.n]
	b.qkv.run(y, x)

	v := y[(s.Heads+s.KVHeads)*s.HeadDim:]
	for h := range s.Heads {
		copy(b.values[h*s.HeadDim:][:s.HeadDim], v[h*s.KVHeads/s.Heads*s.HeadDim:])
	}
	norm(b.values, b.values)
	y = b.y[:s.Hidden]
	b.out.run(y, b.values)
	add(stream, y)

	norm(x, stream)
	y = b.y[:b.gate.n]
	b.gate.run(y, x)
	x = b.x[:s.FFN]
	for i, up := range y[s.FFN:] {
		g := max(y[i], 0)
		x[i] = g * g * up
	}
	norm(x, x)
	y = b.y[:s.Hidden]
	b.down.run(y, x)
	add(stream, y)
}

// norm sets dst to x over its root mean square (RMSNorm with gains of 1).
func norm(dst, x []float32) {
	gain := float32(1 / math.Sqrt(float64(kernels.DotFloat32(x, x))/float64(len(x))+1e-5))
	for i, v := range x {
		dst[i] = v * gain
	}
}

func add(y, x []float32) {
	for i, v := range x {
		y[i] += v
	}
}

// A linear is a linear layer without bias, of low-bit weights and s8 activations or of
// float32.
type linear struct {
	n, k  int
	ints  *kernels.GEMM
	float *kernels.GEMMFloat32
	scale float32 // of the weights
	codes []uint8
	sums  []int32
}

func newLinear(w kernels.WeightFormat, n, k int, seed uint64) (*linear, error) {
	l := &linear{n: n, k: k}
	rng := splitMix(seed)
	var err error
	if w == kernels.Float32 {
		values := make([]float32, n*k)
		for i := range values {
			values[i] = float32(int32(rng.next()>>32)) / (1 << 31) * float32(math.Sqrt(3/float64(k)))
		}
		l.float, err = kernels.NewGEMMFloat32(values, n, k, kernels.Options{Rows: 1})
		return l, err
	}
	levels := w.Levels()
	values := make([]int8, n*k)
	square := 0.0
	for i := range values {
		values[i] = levels[(rng.next()>>32)*uint64(len(levels))>>32]
	}
	for _, v := range levels {
		square += float64(v) * float64(v) / float64(len(levels))
	}
	l.scale = float32(1 / math.Sqrt(square*float64(k))) // outputs are about as large as inputs
	l.codes, l.sums = make([]uint8, k), make([]int32, n)
	l.ints, err = kernels.NewGEMM(kernels.Weights{Format: w, N: n, K: k, Values: values}, kernels.S8, kernels.Options{Rows: 1})
	return l, err
}

func (l *linear) kernel() string {
	if l.float != nil {
		return l.float.Kernel()
	}
	return l.ints.Kernel()
}

func (l *linear) bytes() int {
	if l.float != nil {
		return l.float.PackedBytes()
	}
	return l.ints.PackedBytes()
}

// run sets y to the layer's outputs for x.
func (l *linear) run(y, x []float32) {
	if l.float != nil {
		l.float.Run(y, x, 1)
		return
	}
	largest := float32(1e-5)
	for _, v := range x {
		largest = max(largest, v, -v)
	}
	gain := 127 / largest
	codes := l.codes[:len(x)]
	for i, v := range x {
		// To the nearest: adding 128 makes it positive, and truncation rounds down.
		codes[i] = uint8(int32(v*gain+128.5) - 128)
	}
	l.ints.Run(l.sums, codes, 1)
	scale := l.scale / gain
	for i, v := range l.sums {
		y[i] = float32(v) * scale
	}
}

// A splitMix is Steele, Lea and Flood's generator (OOPSLA 2014): random weights should
// take less time than packing them.
type splitMix uint64

func (s *splitMix) next() uint64 {
	*s += 0x9e3779b97f4a7c15
	z := uint64(*s)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
