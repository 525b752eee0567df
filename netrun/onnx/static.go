package onnx

import (
	"fmt"
	"math"
	"slices"

	"example.com/lowbit/netrun/nn"
)

// Ranges are the largest values that a float network's features had, which
// are what the steps of 8 bits are chosen by.
type Ranges struct {
	Out []float32 // of each block's output; of the logits it is not used
	// Low and High bound what a shortcut is added to, and what it adds if it projects:
	// those may be negative.
	Sum, Shortcut []Range
}

// A Range is the least and the largest value.
type Range struct{ Low, High float32 }

func (r *Range) add(x []float32) {
	r.Low, r.High = min(r.Low, slices.Min(x)), max(r.High, slices.Max(x))
}

// Static returns a float network's model in 8 bits: symmetric int8 weights with a
// scale for each output, and uint8 features whose range is that of the calibration.
// Where a runtime finds an operator between DequantizeLinear and QuantizeLinear, it
// computes in integers. Rectifying is what the code 0 of a range from 0 does. Weights
// are in -top ... top: 127 or, for runtimes whose sums of two products saturate at 16
// bits as VPMADDUBSW's do, 63.
func Static(net *nn.Network, ranges *Ranges, top int) ([]byte, error) {
	if err := net.Check(); err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	if !net.Float() {
		return nil, fmt.Errorf("onnx: network %s is low-bit: want a float32 one", net.Name)
	}
	if top < 1 || top > 127 {
		return nil, fmt.Errorf("onnx: weights up to %d: want 1 to 127", top)
	}
	if len(ranges.Out) != len(net.Blocks) || len(ranges.Sum) != len(net.Blocks) || len(ranges.Shortcut) != len(net.Blocks) {
		return nil, fmt.Errorf("onnx: ranges of %d blocks: want %d", len(ranges.Out), len(net.Blocks))
	}
	b := newBuilder(net)
	s := &staticBuilder{builder: b, ranges: ranges, top: float64(top)}
	b.images = b.bytes()
	// A byte is the code of byte/255: the operators read the images themselves.
	pixels := s.step("images", Range{0, 1})
	b.images.name = b.node("images/dequantized", "DequantizeLinear", []string{b.images.name, pixels.scale, pixels.zero})
	s.steps = append(s.steps, pixels)
	for i := range net.Blocks {
		s.block(i)
	}
	return b.encode(), nil
}

type staticBuilder struct {
	*builder
	ranges *Ranges
	top    float64 // of the weights
	steps  []step  // of the images and of what the blocks put out
}

// A step says what the codes of a feature mean.
type step struct {
	size        float32
	scale, zero string // the constants
}

// step adds the constants for a range, which is widened to hold 0.
func (s *staticBuilder) step(name string, r Range) step {
	low, high := min(float64(r.Low), 0), max(float64(r.High), 0)
	size := float32((high - low) / 255)
	if size == 0 {
		size = 1
	}
	zero := math.Round(-low / float64(size))
	return step{size, s.scalar(name+"/step", size), s.constant(&tensor{name + "/zero", uint8s, nil, []byte{uint8(min(zero, 255))}})}
}

// round adds the operators that make x codes and numbers again.
func (s *staticBuilder) round(name, x string, t step) string {
	return s.again(name, s.node(name+"/codes", "QuantizeLinear", []string{x, t.scale, t.zero}), t)
}

// again adds the operator that makes codes numbers.
func (s *staticBuilder) again(name, codes string, t step) string {
	return s.node(name+"/numbers", "DequantizeLinear", []string{codes, t.scale, t.zero})
}

// source is what block i reads, and its step.
func (s *staticBuilder) of(i int) (feature, step) {
	if i < 0 {
		return s.images, s.steps[0]
	}
	return s.features[i], s.steps[i+1]
}

func (s *staticBuilder) block(i int) {
	block, prefix, last := &s.net.Blocks[i], blockName(i), i == len(s.net.Blocks)-1
	x, in := s.of(s.net.Source(i))
	out := feature{shape: block.OutShape()}
	var y string
	var t step
	if !last {
		t = s.step(prefix, Range{0, s.ranges.Out[i]})
	}
	switch block.Kind {
	case nn.Conv:
		l := fold(block, 1)
		y = s.conv(prefix, s.as4(prefix, x), in, block, l)
		switch {
		case l.sign != nil:
			y = s.pool(prefix, y, block)
			y = s.node(prefix+"/signed", "Mul", []string{y, s.perChannel(prefix+"/sign", l.sign, false)})
			y = s.node(prefix+"/biased", "Add", []string{y, s.perChannel(prefix+"/offset", l.bias, false)})
		case block.Skip != nil:
			y = s.round(prefix+"/sum", y, s.step(prefix+"/sum", s.ranges.Sum[i]))
			y = s.node(prefix+"/add", "Add", []string{y, s.shortcut(i)})
		case block.Pool > 1 && !last:
			y = s.round(prefix+"/rectified", y, t)
			y = s.pool(prefix, y, block)
		default:
			y = s.pool(prefix, y, block)
		}
	case nn.Dense:
		out.flat = true
		l := fold(block, 1)
		flat := x
		if !x.flat {
			flat.name = s.round(prefix+"/in", s.asFlat(prefix, x), in)
		}
		w := rows(block, l.weights, s.net.Source(i) < 0)
		weights, bias := s.weights(prefix, w, l.bias, in, block.Out, int64(block.Out), int64(block.K()))
		y = s.node(prefix+"/dense", "Gemm", []string{flat.name, weights, bias}, intAttr("transB", 1))
	case nn.Mean:
		y = s.node(prefix+"/mean", "GlobalAveragePool", []string{s.as4(prefix, x)})
		if scale, mean := meanScale(block); !mean {
			y = s.node(prefix+"/scaled", "Mul", []string{y, s.perChannel(prefix+"/scale", scale, false)})
			y = s.node(prefix+"/biased", "Add", []string{y, s.perChannel(prefix+"/bias", block.Bias, false)})
		}
	}
	if !last {
		y = s.round(prefix, y, t)
	}
	s.steps = append(s.steps, t)
	s.finish(prefix, y, out, last)
}

// weights adds the weights of a linear step, [outputs, ...] with the given
// dimensions, and its biases, in codes, and the operators that make them numbers.
func (s *staticBuilder) weights(prefix string, w, bias []float32, in step, outputs int, dims ...int64) (weights, biases string) {
	k := len(w) / outputs
	codes, scales := make([]int8, len(w)), make([]float32, outputs)
	sums, sizes := make([]int32, outputs), make([]float32, outputs)
	for o := range outputs {
		of := w[o*k:][:k]
		scale := float64(max(slices.Max(of), -slices.Min(of))) / s.top
		if scale == 0 {
			scale = 1
		}
		// The bias is a number of steps of the sums, which are 32 bits.
		scale = max(scale, math.Abs(float64(bias[o]))/float64(in.size)/(1<<30))
		scales[o] = float32(scale)
		sizes[o] = scales[o] * in.size
		for j, v := range of {
			codes[o*k+j] = int8(math.RoundToEven(float64(v / scales[o])))
		}
		sums[o] = int32(math.RoundToEven(float64(bias[o]) / float64(sizes[o])))
	}
	n := int64(outputs)
	weights = s.node(prefix+"/weights", "DequantizeLinear", []string{
		s.constant(int8Tensor(prefix+"/weights/codes", codes, dims...)),
		s.constant(floatTensor(prefix+"/weights/scale", scales, n)),
		s.constant(int8Tensor(prefix+"/weights/zero", make([]int8, n), n)),
	}, intAttr("axis", 0))
	biases = s.node(prefix+"/bias", "DequantizeLinear", []string{
		s.constant(int32Tensor(prefix+"/bias/codes", sums, n)),
		s.constant(floatTensor(prefix+"/bias/scale", sizes, n)),
		s.constant(int32Tensor(prefix+"/bias/zero", make([]int32, n), n)),
	}, intAttr("axis", 0))
	return weights, biases
}

func (s *staticBuilder) conv(prefix, x string, in step, block *nn.Block, l linear) string {
	bias := l.bias
	if l.sign != nil {
		bias = make([]float32, block.Out)
	}
	w, b := s.weights(prefix, filters(block, l.weights), bias, in, block.Out, filterDims(block)...)
	return s.node(prefix+"/conv", "Conv", []string{x, w, b}, convAttributes(block)...)
}

// shortcut returns what the shortcut of block i adds.
func (s *staticBuilder) shortcut(i int) string {
	prefix := blockName(i) + "/shortcut"
	from, in := s.of(s.net.SkipSource(i))
	x := s.as4(prefix, from)
	if p := s.net.Blocks[i].Skip.Proj; p != nil {
		x = s.conv(prefix, x, in, p, fold(p, 1))
		x = s.round(prefix, x, s.step(prefix, s.ranges.Shortcut[i]))
	}
	return x
}
