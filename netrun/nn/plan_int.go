package nn

import (
	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/quant"
)

// An intChain is the layers of a low-bit network.
type intChain struct {
	layers []intLayer
	// seen, if set by a test, is given the codes that leave each layer.
	seen func(layer int, codes []uint8)
}

type intLayer struct {
	sizes
	product interface {
		Run(dst []int32, x []uint8, n int)
		Kernel() string
		PackedBytes() int
	}
	codes interface {
		Run(dst []uint8, sums []int32)
	} // nil in the last layer
	logits affine // of the last layer
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
	c := &intChain{}
	var list []Layer
	for i := range net.Blocks {
		b := &net.Blocks[i]
		l := intLayer{sizes: b.sizes()}
		w := kernels.Weights{Format: b.Weights, N: b.Out, K: b.K(), Values: b.Values}
		var err error
		if b.Kind == Conv {
			l.product, err = kernels.NewConv2D(w, b.convShape(l.rows), b.InAct, kernels.Options{})
		} else {
			l.product, err = kernels.NewGEMM(w, b.InAct, kernels.Options{Rows: images})
		}
		if err != nil {
			return nil, nil, err
		}
		info := newLayer(b)
		info.Kernel = l.product.Kernel()
		info.PackedBytes = int64(l.product.PackedBytes())
		step := affine{append([]float32(nil), b.Scale...), append([]float32(nil), b.Bias...)}
		switch {
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

// need is the number of elements of each buffer for n images: codes of even
// and of odd layers, and sums, which are pooled where they are.
func (c *intChain) need(n int) (codes [2]int, sums int) {
	for i := range c.layers {
		l := &c.layers[i]
		if l.codes != nil {
			codes[i%2] = max(codes[i%2], n*l.bands*l.out)
		}
		sums = max(sums, min(n, l.chunk)*l.linear)
	}
	return codes, sums
}

func (c *intChain) bytes(n int) int64 {
	codes, sums := c.need(n)
	return int64(codes[0]) + int64(codes[1]) + 4*int64(sums)
}

func (c *intChain) space(n int) space {
	codes, sums := c.need(n)
	return &intSpace{
		chain: c,
		codes: [2][]uint8{make([]uint8, codes[0]), make([]uint8, codes[1])},
		sums:  make([]int32, sums),
	}
}

type intSpace struct {
	chain *intChain
	codes [2][]uint8 // what even and odd layers put out
	sums  []int32
	lap   func(layer int) // nil unless profiled
}

func (s *intSpace) watch(lap func(layer int)) { s.lap = lap }

func (s *intSpace) forward(logits []float32, images []uint8, n int) {
	x := images
	for i := range s.chain.layers {
		l := &s.chain.layers[i]
		var out []uint8
		if l.codes != nil {
			out = s.codes[i%2][:n*l.bands*l.out]
		}
		for at := 0; at < n*l.bands; at += l.chunk {
			m := min(l.chunk, n*l.bands-at)
			sums := s.sums[:m*l.linear]
			l.product.Run(sums, input(&l.sizes, x, at, m), m)
			if l.pool.Window > 0 {
				kernels.MaxPool(sums[:m*l.out], sums, l.pool, m)
				sums = sums[:m*l.out]
			}
			if l.codes != nil {
				l.codes.Run(out[at*l.out:][:m*l.out], sums)
			} else {
				l.logits.run(logits[at*l.out:], sums)
			}
		}
		if s.chain.seen != nil && l.codes != nil {
			s.chain.seen(i, out)
		}
		if s.lap != nil {
			s.lap(i)
		}
		x = out
	}
}
