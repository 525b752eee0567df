package nn

import (
	"fmt"
	"math"

	"example.com/lowbit/kernels"
)

// Limits of a network that Check accepts. They keep every product of sizes
// within int64 (and within int on 32-bit machines), whatever a file says.
const (
	maxSide    = 1 << 14 // H, W, Kernel, Stride, Pad, Pool
	maxWidth   = 1 << 20 // channels, features
	maxCount   = 1 << 29 // weights of a block, elements of a shape
	maxBlocks  = 1 << 10
	maxClasses = 1 << 16
)

// maxSum is the largest magnitude of a sum: up to here float32 holds every
// integer, so training in float32 and inference in int32 see the same sum.
const maxSum = 1 << 24

// CheckShapes returns an error that names the first block and field whose
// shape, format or place in the chain cannot be. It looks at no parameters.
func (n *Network) CheckShapes() error {
	if err := n.Input.check(); err != nil {
		return fmt.Errorf("nn: input: %w", err)
	}
	if n.Classes < 1 || n.Classes > maxClasses {
		return fmt.Errorf("nn: classes is %d: want 1 to %d", n.Classes, maxClasses)
	}
	if len(n.Blocks) < 1 || len(n.Blocks) > maxBlocks {
		return fmt.Errorf("nn: %d blocks: want 1 to %d", len(n.Blocks), maxBlocks)
	}
	streams := make([]bool, len(n.Blocks)) // those that shortcuts read
	for i := range n.Blocks {
		if err := n.checkPlace(i, streams); err != nil {
			return fmt.Errorf("nn: block %d: %w", i, err)
		}
	}
	for i := range n.Blocks {
		if b := &n.Blocks[i]; b.Stream != streams[i] {
			return fmt.Errorf("nn: block %d: stream is %v: want it if and only if an identity shortcut of a low-bit network comes from the block", i, b.Stream)
		}
	}
	in := n.Blocks[len(n.Blocks)-1].OutShape()
	if want := (Shape{1, 1, n.Classes}); in != want {
		return fmt.Errorf("nn: the last block's output is %v: want %v, one logit a class", in, want)
	}
	return nil
}

// Check returns an error that names the first block and field that is wrong:
// what CheckShapes finds, a number of parameters that does not fit the shape,
// a weight that is not a level of its format, a scale, bias or float weight
// that is not finite, a stream's or shortcut's scale that is not positive, or a channel whose sum can leave ±2^24, where float32
// stops holding every integer.
func (n *Network) Check() error {
	if err := n.CheckShapes(); err != nil {
		return err
	}
	for i := range n.Blocks {
		b := &n.Blocks[i]
		if err := b.checkParameters(); err != nil {
			return fmt.Errorf("nn: block %d: %w", i, err)
		}
		if err := checkScale("stream", b.StreamScale, b.Stream); err != nil {
			return fmt.Errorf("nn: block %d: %w", i, err)
		}
		if b.Skip == nil {
			continue
		}
		if err := checkScale("shortcut", b.Skip.Scale, b.Skip.Proj == nil && !n.Float()); err != nil {
			return fmt.Errorf("nn: block %d: %w", i, err)
		}
		if b.Skip.Proj != nil {
			if err := b.Skip.Proj.checkParameters(); err != nil {
				return fmt.Errorf("nn: block %d: shortcut: %w", i, err)
			}
		}
	}
	return nil
}

// checkScale checks the scale of a stream or a shortcut, 0 if there is none.
func checkScale(name string, scale float32, wanted bool) error {
	if !wanted && scale != 0 || wanted && !(scale > 0 && scale <= math.MaxFloat32) {
		return fmt.Errorf("%s's scale is %v: want a positive finite number, 0 if it has none", name, scale)
	}
	return nil
}

func (s Shape) String() string { return fmt.Sprintf("%dx%dx%d", s.H, s.W, s.C) }

func (s Shape) check() error {
	if s.H < 1 || s.W < 1 || s.C < 1 || s.H > maxSide || s.W > maxSide || s.C > maxWidth ||
		int64(s.H)*int64(s.W)*int64(s.C) > maxCount {
		return fmt.Errorf("shape is %v (HxWxC): want sides 1 to %d, channels 1 to %d, at most %d elements", s, maxSide, maxWidth, maxCount)
	}
	return nil
}

// output is the shape and format of what block i puts out, or of the images for -1.
func (n *Network) output(i int) (Shape, kernels.ActFormat) {
	switch {
	case i >= 0:
		return n.Blocks[i].OutShape(), n.Blocks[i].OutAct
	case n.Float():
		return n.Input, kernels.F32
	}
	return n.Input, kernels.U8
}

// checkPlace checks block i among those before it, which are checked, and notes
// whose stream it reads.
func (n *Network) checkPlace(i int, streams []bool) error {
	b, last := &n.Blocks[i], i == len(n.Blocks)-1
	if b.Back < 0 || b.Back > max(0, i-1) {
		return fmt.Errorf("back is %d: want 0 to %d, a block before", b.Back, max(0, i-1))
	}
	if i == 0 && b.Kind == Mean {
		return fmt.Errorf("kind is %q: want weights in the first block", b.Kind)
	}
	in, act := n.output(n.Source(i))
	if err := b.checkShapes(in, act, n.Float(), last); err != nil {
		return err
	}
	s := b.Skip
	if s == nil {
		return nil
	}
	if b.Kind != Conv || b.Pool > 1 || last {
		return fmt.Errorf("a shortcut in a block of kind %q, pool %d: want it in a convolution without pool that is not the last", b.Kind, b.Pool)
	}
	if s.Back < 0 || s.Back > i-1 {
		return fmt.Errorf("shortcut: back is %d: want 0 to %d, a block before", s.Back, i-1)
	}
	from := n.SkipSource(i)
	in, act = n.output(from)
	if p := s.Proj; p != nil {
		if p.Kind != Conv || p.Pool > 1 || p.Back != 0 || p.Skip != nil || p.Stream || p.StreamScale != 0 {
			return fmt.Errorf("shortcut: a projection of kind %q, pool %d, back %d, with stream %v: want a convolution alone", p.Kind, p.Pool, p.Back, p.Stream)
		}
		if err := p.checkShapes(in, act, n.Float(), true); err != nil {
			return fmt.Errorf("shortcut: %w", err)
		}
		if (p.Weights == kernels.Float32) != (b.Weights == kernels.Float32) {
			return fmt.Errorf("shortcut: weights are %v: want float32 if and only if the block's are, which are %v", p.Weights, b.Weights)
		}
		in = p.OutShape()
	} else if !n.Float() {
		streams[from] = true
	}
	if in != b.OutShape() {
		return fmt.Errorf("shortcut of shape %v: want %v, the block's output", in, b.OutShape())
	}
	return nil
}

// checkShapes checks the block as one that follows an output of shape in and
// format act.
func (b *Block) checkShapes(in Shape, act kernels.ActFormat, float, last bool) error {
	if b.In != in {
		return fmt.Errorf("input is %v: want %v, what comes before", b.In, in)
	}
	if b.Out < 1 || b.Out > maxWidth {
		return fmt.Errorf("out is %d: want 1 to %d", b.Out, maxWidth)
	}
	switch b.Kind {
	case Conv:
		if b.Kernel < 1 || b.Kernel > maxSide || b.Stride < 1 || b.Stride > maxSide || b.Pad < 0 || b.Pad >= b.Kernel {
			return fmt.Errorf("kernel, stride, pad are %d, %d, %d: want 1 to %d, 1 to %d, 0 to kernel-1", b.Kernel, b.Stride, b.Pad, maxSide, maxSide)
		}
		if b.Kernel > in.H+2*b.Pad || b.Kernel > in.W+2*b.Pad {
			return fmt.Errorf("kernel is %d: want at most the padded input, %v with a rim of %d", b.Kernel, in, b.Pad)
		}
		// In int64: the product of Kernel, Kernel and C may not fit 32 bits.
		if k := int64(b.Kernel) * int64(b.Kernel) * int64(in.C); k > maxCount || k*int64(b.Out) > maxCount {
			return fmt.Errorf("%d outputs of %d inputs: want at most %d weights", b.Out, k, maxCount)
		}
	case Dense:
		if b.Kernel != 0 || b.Stride != 0 || b.Pad != 0 || b.Pool > 1 {
			return fmt.Errorf("kernel, stride, pad, pool are %d, %d, %d, %d: want 0 in a dense block", b.Kernel, b.Stride, b.Pad, b.Pool)
		}
		if int64(in.Size())*int64(b.Out) > maxCount {
			return fmt.Errorf("%d outputs of %d inputs: want at most %d weights", b.Out, in.Size(), maxCount)
		}
	case Mean:
		if b.Kernel != 0 || b.Stride != 0 || b.Pad != 0 || b.Pool > 1 || b.Out != in.C {
			return fmt.Errorf("kernel, stride, pad, pool, out are %d, %d, %d, %d, %d: want 0 and %d channels in a mean block", b.Kernel, b.Stride, b.Pad, b.Pool, b.Out, in.C)
		}
		if act != kernels.U8 && act != kernels.F32 {
			return fmt.Errorf("input format is %v: want u8 or float32 in a mean block", act)
		}
	default:
		return fmt.Errorf("kind is %q: want %q, %q or %q", b.Kind, Conv, Dense, Mean)
	}
	if b.Pool < 0 || b.Pool > maxSide {
		return fmt.Errorf("pool is %d: want 0 to %d", b.Pool, maxSide)
	}
	if err := b.LinearShape().check(); err != nil {
		return fmt.Errorf("before pooling: %w", err)
	}
	if err := b.OutShape().check(); err != nil {
		return fmt.Errorf("after pooling: %w", err)
	}
	if b.Kind == Mean && b.Weights != kernels.NoWeights {
		return fmt.Errorf("weights are %v: want none in a mean block", b.Weights)
	}
	if b.Kind != Mean && (b.Weights < kernels.Binary || b.Weights > kernels.Float32 || float && b.Weights != kernels.Float32) {
		return fmt.Errorf("weights are %v: want a format, float32 in every block of a network whose activations are", b.Weights)
	}
	if b.InAct != act {
		return fmt.Errorf("input format is %v: want %v, what comes before", b.InAct, act)
	}
	switch {
	case last && b.OutAct != kernels.NoActs:
		return fmt.Errorf("output format is %v: want none in the last block", b.OutAct)
	case !last && (b.OutAct < kernels.Sign || b.OutAct > kernels.F32 || b.OutAct == kernels.S8 || (b.OutAct == kernels.F32) != float):
		return fmt.Errorf("output format is %v: want one for a block before the last, float32 if and only if the first block's input is", b.OutAct)
	}
	return nil
}

// checkParameters expects that checkShapes found nothing.
func (b *Block) checkParameters() error {
	values, floats := b.Out*b.K(), 0
	if b.Weights == kernels.Float32 {
		values, floats = floats, values
	}
	for _, p := range []struct {
		name      string
		got, want int
	}{
		{"values", len(b.Values), values},
		{"float weights", len(b.Float), floats},
		{"scales", len(b.Scale), b.Out},
		{"biases", len(b.Bias), b.Out},
	} {
		if p.got != p.want {
			return fmt.Errorf("%d %s: want %d", p.got, p.name, p.want)
		}
	}
	for _, p := range []struct {
		name string
		x    []float32
	}{{"float weight", b.Float}, {"scale", b.Scale}, {"bias", b.Bias}} {
		for i, v := range p.x {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				return fmt.Errorf("%s %d is %v: want a finite number", p.name, i, v)
			}
		}
	}
	if b.InAct == kernels.F32 || b.Weights == kernels.Float32 {
		return nil
	}
	var level [256]bool
	for _, v := range b.Weights.Levels() {
		level[uint8(v)] = true
	}
	for i, v := range b.Values {
		if !level[uint8(v)] {
			return fmt.Errorf("weight %d of output %d is %d: want a level of %v", i%b.K(), i/b.K(), v, b.Weights)
		}
	}
	for o := range b.Out {
		if lo, hi := b.SumRange(o); lo < -maxSum || hi > maxSum {
			return fmt.Errorf("the sums of output %d reach from %d to %d: want them within ±%d, where float32 is exact", o, lo, hi, maxSum)
		}
	}
	return nil
}

// SumRange returns the least and the greatest sum that output o of a block of
// integer weights and codes can have, over all inputs, rows and columns.
func (b *Block) SumRange(o int) (lo, hi int64) {
	var pos, neg int64
	if b.Kind == Mean {
		pos = int64(b.In.H) * int64(b.In.W)
	}
	for _, w := range b.Values[o*b.K():][:b.K()] {
		if w > 0 {
			pos += int64(w)
		} else {
			neg -= int64(w)
		}
	}
	if b.InAct == kernels.Sign {
		return -pos - neg, pos + neg
	}
	top := int64(b.InAct.Max())
	return -neg * top, pos * top
}
