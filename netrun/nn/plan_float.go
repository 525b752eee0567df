package nn

import "example.com/lowbit/kernels"

// A floatChain is the layers of a float32 network.
type floatChain struct {
	layers []floatLayer
	input  int          // elements of an image
	pixel  [256]float32 // pixel/255
}

type floatLayer struct {
	sizes
	product interface {
		Run(dst, x []float32, n int)
		Kernel() string
		PackedBytes() int
	}
	affine
	relu bool
}

func newFloatChain(net *Network) (chain, []Layer, error) {
	c := &floatChain{input: net.Input.Size()}
	for i := range c.pixel {
		c.pixel[i] = float32(i) / 255
	}
	var list []Layer
	for i := range net.Blocks {
		b := &net.Blocks[i]
		l := floatLayer{sizes: b.sizes(), relu: i < len(net.Blocks)-1}
		l.affine = affine{append([]float32(nil), b.Scale...), append([]float32(nil), b.Bias...)}
		if l.pool.Window == 0 && l.bands == 1 {
			l.chunk = maxImages // sums go to the output itself
		}
		var err error
		if b.Kind == Conv {
			l.product, err = kernels.NewConv2DFloat32(b.Float, b.convShape(l.rows), kernels.Options{})
		} else {
			l.product, err = kernels.NewGEMMFloat32(b.Float, b.Out, b.K(), kernels.Options{})
		}
		if err != nil {
			return nil, nil, err
		}
		info := newLayer(b)
		info.Kernel = l.product.Kernel()
		info.Epilogue = "affine"
		info.PackedBytes = int64(l.product.PackedBytes()) + l.affine.bytes()
		c.layers = append(c.layers, l)
		list = append(list, info)
	}
	return c, list, nil
}

// need is the number of elements of each buffer for n images: the image and
// the outputs of odd layers, the outputs of even layers, and sums to be pooled.
// The last layer puts out to the caller's logits.
func (c *floatChain) need(n int) (acts [2]int, sums int) {
	acts[1] = n * c.input
	for i := range c.layers {
		l := &c.layers[i]
		if i < len(c.layers)-1 {
			acts[i%2] = max(acts[i%2], n*l.bands*l.out)
		}
		if l.pool.Window > 0 {
			sums = max(sums, min(n, l.chunk)*l.linear)
		}
	}
	return acts, sums
}

func (c *floatChain) bytes(n int) int64 {
	acts, sums := c.need(n)
	return 4 * (int64(acts[0]) + int64(acts[1]) + int64(sums))
}

func (c *floatChain) space(n int) space {
	acts, sums := c.need(n)
	return &floatSpace{
		chain: c,
		acts:  [2][]float32{make([]float32, acts[0]), make([]float32, acts[1])},
		sums:  make([]float32, sums),
	}
}

type floatSpace struct {
	chain *floatChain
	acts  [2][]float32
	sums  []float32
	lap   func(layer int) // nil unless profiled
}

func (s *floatSpace) watch(lap func(layer int)) { s.lap = lap }

func (s *floatSpace) forward(logits []float32, images []uint8, n int) {
	x := s.acts[1][:len(images)]
	for i, v := range images {
		x[i] = s.chain.pixel[v]
	}
	for i := range s.chain.layers {
		l := &s.chain.layers[i]
		out := logits
		if i < len(s.chain.layers)-1 {
			out = s.acts[i%2][:n*l.bands*l.out]
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
		}
		if s.lap != nil {
			s.lap(i)
		}
		x = out
	}
}
