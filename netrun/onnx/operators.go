package onnx

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/nn"
)

// run follows one node.
func (m *importer) run(n *node) error {
	if len(n.outputs) == 0 || n.outputs[0] == "" {
		return errors.New("no output")
	}
	for _, name := range n.outputs {
		if name != "" && (m.values[name] != nil || m.constants[name] != nil) {
			return fmt.Errorf("output %q: there is one of this name", name)
		}
	}
	if n.op == "Constant" {
		a := n.attribute("value")
		if a == nil || a.value == nil {
			return errors.New("no tensor: want the attribute value")
		}
		m.constants[n.outputs[0]] = a.value
		return nil
	}
	var x *tracked // the first input that depends on the images
	var at int
	for i, name := range n.inputs {
		v := m.values[name]
		if v == nil && m.constants[name] == nil && name != "" {
			return fmt.Errorf("input %q is nowhere before", name)
		}
		if v != nil && x == nil {
			x, at = v, i
		}
	}
	if x == nil {
		return errors.New("does not depend on the images: want constants in its place")
	}
	if x.ended {
		return errors.New("comes after a softmax: want that at the end")
	}
	out := *x // to be changed below
	out.shared = x.shared || m.readers[n.inputs[at]] > 1
	var err error
	switch n.op {
	case "Identity", "Dropout":
	case "Cast":
		if to, _ := n.int("to", 0); to != int64(float32s) {
			err = fmt.Errorf("to is %d: want float32, %d", to, float32s)
		}
	case "Softmax", "LogSoftmax":
		out.ended = true
	case "Transpose":
		err = out.transpose(n)
	case "Flatten":
		if axis, _ := n.int("axis", 1); axis != 1 {
			err = fmt.Errorf("axis is %d: want 1", axis)
		} else {
			err = out.reshape([]int64{0, -1})
		}
	case "Reshape":
		var dims []int64
		if dims, err = m.constantInts(n, 1); err == nil {
			err = out.reshape(dims)
		}
	case "Squeeze":
		err = out.reshape([]int64{0, -1})
		if x.shape.H*x.shape.W > 1 {
			err = fmt.Errorf("of positions %dx%d: want 1x1", x.shape.H, x.shape.W)
		}
	case "Conv":
		err = m.conv(n, &out)
	case "Gemm", "MatMul":
		err = m.dense(n, &out, at)
	case "GlobalAveragePool", "ReduceMean", "AveragePool":
		err = m.mean(n, &out)
	case "MaxPool":
		err = out.maxPool(n)
	case "BatchNormalization":
		err = m.batchNorm(n, &out)
	case "Add", "Sub", "Mul", "Div":
		err = m.arithmetic(n, &out, at)
	case "Relu", "Clip":
		err = m.rectify(n, &out)
	default:
		err = errors.New("this operator is none of those that are known")
	}
	if err != nil {
		return err
	}
	m.values[n.outputs[0]] = &out
	return nil
}

// Attributes and constants.

func (n *node) attribute(name string) *attribute {
	for i := range n.attributes {
		if n.attributes[i].name == name {
			return &n.attributes[i]
		}
	}
	return nil
}

// int returns an integer attribute, and whether there is one.
func (n *node) int(name string, none int64) (int64, bool) {
	if a := n.attribute(name); a != nil {
		return a.i, true
	}
	return none, false
}

func (n *node) float(name string, none float32) float64 {
	if a := n.attribute(name); a != nil {
		return float64(a.f)
	}
	return float64(none)
}

// all checks that the integers of an attribute are all v, where it is there.
func (n *node) all(name string, v int64) error {
	if a := n.attribute(name); a != nil {
		for _, i := range a.ints {
			if i != v {
				return fmt.Errorf("%s are %d: want %d", name, a.ints, v)
			}
		}
	}
	return nil
}

// same returns the integer that all of an attribute's are.
func (n *node) same(name string, none int64, count int) (int64, error) {
	a := n.attribute(name)
	if a == nil {
		return none, nil
	}
	if len(a.ints) != count || slices.Min(a.ints) != slices.Max(a.ints) || a.ints[0] < 0 || a.ints[0] > 1<<12 {
		return 0, fmt.Errorf("%s are %d: want %d equal ones, of 0 to %d", name, a.ints, count, 1<<12)
	}
	return a.ints[0], nil
}

// none checks that an attribute is not there or 0.
func (n *node) none(names ...string) error {
	for _, name := range names {
		if v, _ := n.int(name, 0); v != 0 {
			return fmt.Errorf("%s is %d: want 0", name, v)
		}
	}
	return nil
}

// constant returns input i, which must be one.
func (m *importer) constant(n *node, i int) (*tensor, error) {
	if i >= len(n.inputs) {
		return nil, fmt.Errorf("%d inputs: want more than %d", len(n.inputs), i)
	}
	t := m.constants[n.inputs[i]]
	if t == nil {
		return nil, fmt.Errorf("input %d, %q: want a constant", i, n.inputs[i])
	}
	return t, nil
}

func (m *importer) constantInts(n *node, i int) ([]int64, error) {
	t, err := m.constant(n, i)
	if err != nil {
		return nil, err
	}
	return t.ints()
}

// vector returns input i as so many numbers, for each channel.
func (m *importer) vector(n *node, i, count int) ([]float32, error) {
	t, err := m.constant(n, i)
	if err != nil {
		return nil, err
	}
	if t.elements() != count {
		return nil, fmt.Errorf("input %d, %q, has dimensions %d: want %d elements", i, t.name, t.dims, count)
	}
	return t.floats()
}

// has tells whether there is an input i.
func (n *node) has(i int) bool { return i < len(n.inputs) && n.inputs[i] != "" }

// perChannel returns a constant that is added to the value or multiplies it, as a number
// a channel.
func (x *tracked) perChannel(t *tensor) ([]float64, error) {
	c := x.shape.C
	if n := t.elements(); n != 1 && n != c {
		return nil, fmt.Errorf("%q has dimensions %d: want one number, or one for each of %d channels", t.name, t.dims, c)
	}
	numbers, err := t.floats()
	if err != nil {
		return nil, err
	}
	if len(numbers) == c && c > 1 {
		// The channels must be where the value has them.
		after := 0
		if x.order == nchw {
			after = 2
		}
		at := slices.IndexFunc(t.dims, func(d int64) bool { return d != 1 })
		if at != len(t.dims)-1-after || x.order.flat() && x.shape.H*x.shape.W > 1 {
			return nil, fmt.Errorf("%q has dimensions %d: want one number a channel", t.name, t.dims)
		}
	}
	return spread(numbers, 0, c)
}

// Shapes.

func (x *tracked) transpose(n *node) error {
	a := n.attribute("perm")
	switch {
	case a != nil && x.order == nhwc && slices.Equal(a.ints, []int64{0, 3, 1, 2}):
		x.order = nchw
	case a != nil && x.order == nchw && slices.Equal(a.ints, []int64{0, 2, 3, 1}):
		x.order = nhwc
	default:
		return errors.New("want channels first made last, or last made first")
	}
	return nil
}

// reshape makes the value one of other dimensions, without moving elements.
func (x *tracked) reshape(dims []int64) error {
	s := x.shape
	size := int64(s.Size())
	fail := fmt.Errorf("from %v to dimensions %d: want channels and positions kept, or vectors", s, dims)
	if len(dims) != 2 && len(dims) != 4 {
		return fail
	}
	d := slices.Clone(dims[1:])
	product, open := int64(1), -1
	for i, v := range d {
		switch {
		case v == -1 && open < 0:
			open = i
		case v < 1 || v > size:
			return fail
		default:
			if product *= v; product > size {
				return fail
			}
		}
	}
	if open >= 0 {
		d[open] = size / product
		product *= d[open]
	}
	if product != size {
		return fail
	}
	first := []int64{int64(s.C), int64(s.H), int64(s.W)}
	last := []int64{int64(s.H), int64(s.W), int64(s.C)}
	switch {
	case len(d) == 1 && x.order.last():
		x.order = flatHWC
	case len(d) == 1:
		x.order = flatCHW
	case slices.Equal(d, first) && x.is(nchw):
		x.order = nchw
	case slices.Equal(d, last) && x.is(nhwc):
		x.order = nhwc
	default:
		return fail
	}
	return nil
}

// Steps of parts.

// begin makes the value what a new part puts out, which reads it.
func (m *importer) begin(n *node, x *tracked, b nn.Block) error {
	source := x.part
	if source != nil && !source.closed() {
		return errors.New("reads what is not rectified: want a Relu before it")
	}
	b.In = x.shape
	p := &part{block: b, node: n, source: source, affine: newAffine(b.Out), depth: 1}
	if source != nil {
		p.depth += source.depth
	}
	if m.weights += len(b.Float); m.weights > maxWeights {
		return fmt.Errorf("more than %d weights", maxWeights)
	}
	order := flatHWC
	if b.Kind != nn.Dense {
		order = nchw
	}
	*x = tracked{part: p, shape: b.OutShape(), order: order}
	if p.block.LinearShape().Size() > maxElements {
		return fmt.Errorf("puts out %v: want at most %d elements", x.shape, maxElements)
	}
	return nil
}

// open returns the value's part, to have a step added that stands after the given stage.
func (x *tracked) open(after stage) (*part, error) {
	switch p := x.part; {
	case p == nil:
		return nil, errors.New("of the images: want a layer before it")
	case x.shared:
		return nil, errors.New("others read what it does, too: want it alone")
	case p.stage > after:
		return nil, errors.New("stands after a Relu or a sum: want it before these")
	default:
		return p, nil
	}
}

// imageStep takes what was done to the images into the first weights: those of each
// channel are every b.In.C-th. The rim of a convolution is 0 in the model after all
// that, and pixels of 0 in the network: an offset makes that a difference.
func (x *tracked) imageStep(b *nn.Block, bias []float64) error {
	if x.part != nil {
		return nil
	}
	k := b.K()
	for c, offset := range x.offset {
		if offset != 0 && b.Pad > 0 {
			return fmt.Errorf("pads images whose channel %d had %v added, with zeros: want no offset, or no pads", c, offset)
		}
	}
	for i, w := range b.Float {
		c := i % b.In.C
		bias[i/k] += float64(w) * x.offset[c]
		b.Float[i] = float32(float64(w) * x.scale[c])
	}
	return nil
}

func (m *importer) conv(n *node, x *tracked) error {
	w, err := m.constant(n, 1)
	if err != nil {
		return err
	}
	if x.order != nchw && !(x.order == nhwc && x.is(nchw)) {
		return errors.New("channels are not first: want [N, C, H, W]")
	}
	if len(w.dims) != 4 || w.dims[1] != int64(x.shape.C) || w.dims[0] < 1 || w.dims[2] != w.dims[3] || w.dims[2] < 1 || w.dims[2] > 1<<10 {
		return fmt.Errorf("weights %q have dimensions %d: want [outputs, %d, side, side]", w.name, w.dims, x.shape.C)
	}
	b := nn.Block{Kind: nn.Conv, In: x.shape, Out: int(w.dims[0]), Kernel: int(w.dims[2])}
	if b.Stride, b.Pad, err = n.window(b.Kernel, x.shape); err != nil {
		return err
	}
	if group, _ := n.int("group", 1); group != 1 {
		return fmt.Errorf("group is %d: want 1", group)
	}
	if b.Float, err = w.floats(); err != nil {
		return err
	}
	b.Float = channelsLast(b.Float, b.In.C, b.Kernel*b.Kernel)
	bias, err := m.bias(n, 2, b.Out, 1)
	if err == nil {
		err = x.imageStep(&b, bias)
	}
	if err == nil {
		err = m.begin(n, x, b)
	}
	if err == nil {
		x.part.offset = bias
	}
	return err
}

// window returns the stride and the pads of a window with that side.
func (n *node) window(side int, in nn.Shape) (stride, pad int, err error) {
	k, err := n.same("kernel_shape", int64(side), 2)
	if err == nil && k != int64(side) {
		err = fmt.Errorf("kernel_shape is %d: want %d", k, side)
	}
	if err == nil {
		err = n.all("dilations", 1)
	}
	s, err2 := n.same("strides", 1, 2)
	p, err3 := n.same("pads", 0, 4)
	if a := n.attribute("auto_pad"); a != nil && (a.s == "SAME_UPPER" || a.s == "SAME_LOWER") {
		if p = int64(side-1) / 2; side%2 == 0 || s != 1 {
			err = fmt.Errorf("auto_pad is %s of side %d, strides %d: want pads that are given", a.s, side, s)
		}
	} else if a != nil && a.s == "VALID" {
		p = 0
	}
	if err = errors.Join(err, err2, err3); err == nil && (s < 1 || p >= int64(side) || int64(side) > int64(min(in.H, in.W))+2*p) {
		err = fmt.Errorf("side %d, strides %d, pads %d on %v: want a window within the padded image", side, s, p, in)
	}
	return int(s), int(p), err
}

// bias returns input i, if there is one, times a factor.
func (m *importer) bias(n *node, i, outputs int, factor float64) ([]float64, error) {
	bias := make([]float64, outputs)
	if !n.has(i) {
		return bias, nil
	}
	t, err := m.constant(n, i)
	if err != nil {
		return nil, err
	}
	if e := t.elements(); e != outputs && e != 1 || e > 1 && (len(t.dims) == 0 || t.dims[len(t.dims)-1] != int64(outputs)) {
		return nil, fmt.Errorf("bias %q has dimensions %d: want %d elements", t.name, t.dims, outputs)
	}
	numbers, err := t.floats()
	if err != nil {
		return nil, err
	}
	for o := range bias {
		bias[o] = factor * float64(numbers[o%len(numbers)])
	}
	return bias, nil
}

// channelsLast returns weights, channels of so many positions for each output, with
// channels innermost.
func channelsLast(w []float32, channels, positions int) []float32 {
	k := channels * positions
	out := make([]float32, len(w))
	for o := 0; o < len(w); o += k {
		for c := range channels {
			for at := range positions {
				out[o+at*channels+c] = w[o+c*positions+at]
			}
		}
	}
	return out
}

func (m *importer) dense(n *node, x *tracked, at int) error {
	if at != 0 || !x.order.flat() {
		return errors.New("want vectors as its first input, after Flatten")
	}
	w, err := m.constant(n, 1)
	if err != nil {
		return err
	}
	if err := n.none("transA"); err != nil {
		return err
	}
	k := x.shape.Size()
	transposed, _ := n.int("transB", 0)
	if len(w.dims) != 2 || transposed < 0 || transposed > 1 || w.dims[1-transposed] < 1 || w.dims[transposed] != int64(k) {
		return fmt.Errorf("weights %q have dimensions %d, transB %d: want %d inputs", w.name, w.dims, transposed, k)
	}
	b := nn.Block{Kind: nn.Dense, In: x.shape, Out: int(w.dims[1-transposed])}
	if b.Float, err = w.floats(); err != nil {
		return err
	}
	if transposed == 0 {
		b.Float = channelsLast(b.Float, k, b.Out) // [K, outputs], made [outputs, K]
	}
	if x.order == flatCHW {
		b.Float = channelsLast(b.Float, b.In.C, b.In.H*b.In.W)
	}
	alpha, beta := 1.0, 1.0
	if n.op == "Gemm" {
		alpha, beta = n.float("alpha", 1), n.float("beta", 1)
	}
	for i, v := range b.Float {
		b.Float[i] = float32(float64(v) * alpha)
	}
	bias, err := m.bias(n, 2, b.Out, beta)
	if err == nil {
		err = x.imageStep(&b, bias)
	}
	if err == nil {
		err = m.begin(n, x, b)
	}
	if err == nil {
		x.part.offset = bias
	}
	return err
}

func (m *importer) mean(n *node, x *tracked) error {
	if x.part == nil || x.order != nchw {
		return errors.New("want channels first, of a layer")
	}
	flat := false
	switch n.op {
	case "ReduceMean":
		var axes []int64
		if a := n.attribute("axes"); a != nil {
			axes = slices.Clone(a.ints)
		} else if n.has(1) {
			var err error
			if axes, err = m.constantInts(n, 1); err != nil {
				return err
			}
		}
		for i, a := range axes {
			if a < 0 {
				axes[i] += 4
			}
		}
		slices.Sort(axes)
		if !slices.Equal(axes, []int64{2, 3}) {
			return fmt.Errorf("axes are %d: want 2 and 3", axes)
		}
		keep, _ := n.int("keepdims", 1)
		flat = keep == 0
	case "AveragePool":
		a := n.attribute("kernel_shape")
		if a == nil || !slices.Equal(a.ints, []int64{int64(x.shape.H), int64(x.shape.W)}) {
			return fmt.Errorf("want a window of all positions, %dx%d", x.shape.H, x.shape.W)
		}
		if err := n.all("pads", 0); err != nil {
			return err
		}
	}
	err := m.begin(n, x, nn.Block{Kind: nn.Mean, Out: x.shape.C})
	if err == nil && flat {
		x.order = flatCHW
	}
	return err
}

func (x *tracked) maxPool(n *node) error {
	p, err := x.open(rectifiedStage)
	if err != nil {
		return err
	}
	b := &p.block
	if x.order != nchw || b.Kind != nn.Conv || b.Pool > 1 || p.skip != nil {
		return errors.New("want it once after a convolution, without a sum between")
	}
	side, err := n.same("kernel_shape", 0, 2)
	if err == nil && side < 1 {
		err = errors.New("kernel_shape is missing")
	}
	if err != nil {
		return err
	}
	stride, pad, err := n.window(int(side), x.shape)
	if err == nil {
		err = n.none("storage_order")
	}
	if err == nil && (stride != int(side) || pad != 0) {
		err = fmt.Errorf("side %d, strides %d, pads %d: want strides of the side and no pads", side, stride, pad)
	}
	if ceil, _ := n.int("ceil_mode", 0); err == nil && ceil != 0 && (x.shape.H%int(side) != 0 || x.shape.W%int(side) != 0) {
		err = fmt.Errorf("ceil_mode with side %d on %v: want windows that are whole", side, x.shape)
	}
	if err != nil {
		return err
	}
	if slices.Min(p.scale) < 0 { // which would turn the largest into the smallest
		k := b.K()
		for i, w := range b.Float {
			b.Float[i] = float32(float64(w) * p.scale[i/k])
		}
		p.scale = newAffine(b.Out).scale
	}
	b.Pool = int(side)
	x.shape = b.OutShape()
	if p.stage == linearStage {
		p.stage = pooledStage
	}
	return nil
}

// follow adds an affine step to the images or to a part.
func (x *tracked) follow(a affine) error {
	if x.part == nil {
		x.affine = x.affine.then(a)
		return nil
	}
	p, err := x.open(pooledStage)
	if err == nil {
		p.affine = p.affine.then(a)
	}
	return err
}

func (m *importer) batchNorm(n *node, x *tracked) error {
	c := x.shape.C
	if x.order != nchw && !(x.order.flat() && x.shape.H*x.shape.W == 1) {
		return errors.New("channels are not first: want [N, C, H, W]")
	}
	if err := n.none("training_mode"); err != nil {
		return err
	}
	var of [4][]float32 // scale, bias, mean, variance
	for i := range of {
		var err error
		if of[i], err = m.vector(n, i+1, c); err != nil {
			return err
		}
	}
	epsilon := n.float("epsilon", 1e-5)
	a := newAffine(c)
	for i := range c {
		v := float64(of[3][i]) + epsilon
		if !(v > 0) {
			return fmt.Errorf("variance %d is %v: want more than 0", i, of[3][i])
		}
		a.scale[i] = float64(of[0][i]) / math.Sqrt(v)
		a.offset[i] = float64(of[1][i]) - float64(of[2][i])*a.scale[i]
	}
	return x.follow(a)
}

// arithmetic is a sum, difference, product or quotient with a constant, or a shortcut.
func (m *importer) arithmetic(n *node, x *tracked, at int) error {
	if len(n.inputs) != 2 {
		return fmt.Errorf("%d inputs: want 2", len(n.inputs))
	}
	if other := m.values[n.inputs[1-at]]; other != nil {
		if n.op != "Add" {
			return errors.New("of two layers: want Add for that")
		}
		y := *other
		y.shared = y.shared || m.readers[n.inputs[1-at]] > 1
		return m.join(x, &y)
	}
	t, err := m.constant(n, 1-at)
	if err != nil {
		return err
	}
	v, err := x.perChannel(t)
	if err != nil {
		return err
	}
	a := newAffine(x.shape.C)
	for c := range a.scale {
		switch {
		case n.op == "Add":
			a.offset[c] = v[c]
		case n.op == "Sub" && at == 0:
			a.offset[c] = -v[c]
		case n.op == "Sub":
			a.scale[c], a.offset[c] = -1, v[c]
		case n.op == "Mul":
			a.scale[c] = v[c]
		case at == 0 && v[c] != 0:
			a.scale[c] = 1 / v[c]
		default:
			return fmt.Errorf("by %q: want a constant divisor that is not 0", t.name)
		}
	}
	return x.follow(a)
}

// join adds a shortcut: one of the two is a convolution that goes on from here, the
// other what a block puts out, or a convolution alone of that, a projection.
func (m *importer) join(x, y *tracked) error {
	if x.shape != y.shape || x.order != y.order || x.part == y.part {
		return fmt.Errorf("of %v and %v: want the same shape, of two layers", x.shape, y.shape)
	}
	goes := func(v *tracked) bool {
		p, err := v.open(linearStage)
		return err == nil && p.block.Kind == nn.Conv
	}
	switch {
	case goes(x) && goes(y):
		if y.part.depth > x.part.depth {
			*x, *y = *y, *x
		}
	case goes(y):
		*x, *y = *y, *x
	case !goes(x):
		return errors.New("want a convolution, not rectified, on one side")
	}
	p, from := x.part, y.part
	p.block.Skip = &nn.Skip{}
	switch {
	case from == nil:
		return errors.New("adds the images: want a layer")
	case from.closed():
		p.skip = from
	case !goes(y):
		return errors.New("want what is rectified, or a convolution, on the other side")
	case from.source == nil:
		return errors.New("adds a convolution of the images: want one of a layer")
	default:
		projection := from.finish(kernels.NoActs)
		p.skip, p.block.Skip.Proj = from.source, &projection
	}
	p.stage = addedStage
	return nil
}

// rectify is Relu, or Clip from 0, or from and to so far away that it does nothing.
func (m *importer) rectify(n *node, x *tracked) error {
	low, high := 0.0, math.Inf(1)
	if n.op == "Clip" {
		low = math.Inf(-1)
		for i, bound := range []*float64{&low, &high} {
			if a := n.attribute([]string{"min", "max"}[i]); a != nil {
				*bound = float64(a.f)
			}
			if !n.has(i + 1) {
				continue
			}
			v, err := m.vector(n, i+1, 1)
			if err != nil {
				return err
			}
			*bound = float64(v[0])
		}
	}
	const far = 1e30
	switch {
	case high < far || low > -far && low != 0:
		return fmt.Errorf("to %v ... %v: want a Relu, from 0", low, high)
	case low != 0:
		return nil
	}
	if x.part != nil && x.part.closed() {
		return nil
	}
	p, err := x.open(addedStage)
	if err == nil {
		p.stage = rectifiedStage
	}
	return err
}
