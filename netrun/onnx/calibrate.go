package onnx

import (
	"fmt"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/nn"
)

// Calibrate runs a float network over images, [n][H][W][C], and returns the ranges of
// what its blocks put out.
func Calibrate(net *nn.Network, images []uint8) (*Ranges, error) {
	if err := net.Check(); err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	size := net.Input.Size()
	if !net.Float() || len(images) == 0 || len(images)%size != 0 {
		return nil, fmt.Errorf("onnx: calibration of network %s with %d bytes: want a float32 network and images of %d", net.Name, len(images), size)
	}
	n := len(net.Blocks)
	r := &Ranges{Out: make([]float32, n), Sum: make([]Range, n), Shortcut: make([]Range, n)}
	steps := make([]linearStep, n)
	projections := make([]linearStep, n)
	for i := range net.Blocks {
		b := &net.Blocks[i]
		var err error
		if steps[i], err = newLinearStep(b); err == nil && b.Skip != nil && b.Skip.Proj != nil {
			projections[i], err = newLinearStep(b.Skip.Proj)
		}
		if err != nil {
			return nil, fmt.Errorf("onnx: block %d: %w", i, err)
		}
	}
	pixels, out := make([]float32, size), make([][]float32, n)
	for ; len(images) > 0; images = images[size:] {
		for i, v := range images[:size] {
			pixels[i] = float32(v) / 255
		}
		for i := range net.Blocks {
			b, x := &net.Blocks[i], pixels
			if s := net.Source(i); s >= 0 {
				x = out[s]
			}
			y := steps[i].run(x)
			kernels.Affine(y, b.Scale, b.Bias, i < n-1 && b.Skip == nil)
			if b.Skip != nil {
				r.Sum[i].add(y)
				u := out[net.SkipSource(i)]
				if p := b.Skip.Proj; p != nil {
					u = projections[i].run(u)
					kernels.Affine(u, p.Scale, p.Bias, false)
					r.Shortcut[i].add(u)
				}
				for j, v := range u {
					y[j] = max(y[j]+v, 0)
				}
			}
			out[i] = y
			var of Range
			of.add(y)
			r.Out[i] = max(r.Out[i], of.High)
		}
	}
	return r, nil
}

// A linearStep is a block's linear step and pooling, for one image.
type linearStep struct {
	block     *nn.Block
	product   interface{ Run(dst, x []float32, n int) } // nil in a mean block
	sums, out []float32
}

func newLinearStep(b *nn.Block) (s linearStep, err error) {
	s = linearStep{block: b, sums: make([]float32, b.LinearShape().Size()), out: make([]float32, b.OutShape().Size())}
	switch b.Kind {
	case nn.Conv:
		s.product, err = kernels.NewConv2DFloat32(b.Float, kernels.ConvShape{
			H: b.In.H, W: b.In.W, InC: b.In.C, OutC: b.Out, KH: b.Kernel, KW: b.Kernel,
			StrideH: b.Stride, StrideW: b.Stride, PadH: b.Pad, PadW: b.Pad,
		}, kernels.Options{})
	case nn.Dense:
		s.product, err = kernels.NewGEMMFloat32(b.Float, b.Out, b.K(), kernels.Options{})
	}
	return s, err
}

// run returns the result, which the next call overwrites.
func (s *linearStep) run(x []float32) []float32 {
	if s.product == nil {
		clear(s.out)
		for ; len(x) > 0; x = x[len(s.out):] {
			for c := range s.out {
				s.out[c] += x[c]
			}
		}
		return s.out
	}
	s.product.Run(s.sums, x, 1)
	if s.block.Pool <= 1 {
		copy(s.out, s.sums)
		return s.out
	}
	l := s.block.LinearShape()
	kernels.MaxPool(s.out, s.sums, kernels.PoolShape{H: l.H, W: l.W, C: l.C, Window: s.block.Pool, Stride: s.block.Pool}, 1)
	return s.out
}
