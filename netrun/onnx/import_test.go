package onnx

import (
	"math/rand/v2"
	"strings"
	"testing"

	"example.com/lowbit/netrun/data"
	"example.com/lowbit/netrun/nn"
)

// A sketch is a model in the making, as other programs write them.
type sketch struct {
	graph graph
	rng   *rand.Rand
}

func newSketch(dims ...int64) *sketch {
	s := &sketch{rng: rand.New(rand.NewPCG(9, 9))}
	s.graph.inputs = []value{{"in", float32s, dims}}
	return s
}

// add adds an operator whose output is called name.
func (s *sketch) add(name, op, inputs string, attributes ...attribute) *sketch {
	s.graph.nodes = append(s.graph.nodes, node{op, "node " + name, strings.Fields(inputs), []string{name}, attributes})
	return s
}

// numbers adds a constant of random numbers from low to high.
func (s *sketch) numbers(name string, low, high float32, dims ...int64) *sketch {
	n := int64(1)
	for _, d := range dims {
		n *= d
	}
	x := make([]float32, n)
	for i := range x {
		x[i] = low + (high-low)*s.rng.Float32()
	}
	s.graph.tensors = append(s.graph.tensors, floatTensor(name, x, dims...))
	return s
}

// norm adds batch norm of so many channels.
func (s *sketch) norm(name, x string, c int64) *sketch {
	s.numbers(name+".g", -1, 2, c).numbers(name+".b", -1, 1, c).numbers(name+".m", -1, 1, c).numbers(name+".v", 0.5, 2, c)
	return s.add(name, "BatchNormalization", x+" "+name+".g "+name+".b "+name+".m "+name+".v", attribute{name: "epsilon", kind: kindFloat, f: 1e-3})
}

// file ends the model with an output of 10.
func (s *sketch) file(output string) []byte {
	s.graph.outputs = []value{{output, float32s, []int64{-1, 10}}}
	m := model{opset: 13, graph: s.graph}
	return m.encode()
}

func window(k, stride, pad int64) []attribute {
	return []attribute{intsAttr("kernel_shape", k, k), intsAttr("strides", stride, stride), intsAttr("pads", pad, pad, pad, pad)}
}

// channelsFirst returns images as a model of floats has them.
func channelsFirst(im *data.Images, mean, std []float32) []float32 {
	var x []float32
	for i := range im.N {
		for c := range im.C {
			for at := range im.H * im.W {
				x = append(x, (float32(im.Image(i)[at*im.C+c])/255-mean[c])/std[c])
			}
		}
	}
	return x
}

// TestImport reads models as other programs write them and compares what the networks
// compute with what the models say.
func TestImport(t *testing.T) {
	none, one := []float32{0, 0, 0}, []float32{1, 1, 1}
	for name, c := range map[string]struct {
		file      []byte
		in        Input
		mean, std []float32
		images    nn.Shape
		blocks    int
	}{
		"batch norm before and after pooling, normalisation inside": {
			file: newSketch(-1, 3, 11, 9).
				numbers("mean", 0.3, 0.6, 1, 3, 1, 1).numbers("std", 0.2, 0.4, 3, 1, 1).
				add("centred", "Sub", "in mean").add("normal", "Div", "centred std").
				numbers("w1", -1, 1, 4, 3, 2, 2).add("c1", "Conv", "normal w1", window(2, 1, 0)...).norm("n1", "c1", 4).
				add("r1", "Relu", "n1").add("p1", "MaxPool", "r1", window(2, 2, 0)...).
				numbers("w2", -1, 1, 6, 4, 3, 3).numbers("b2", -1, 1, 6).add("c2", "Conv", "p1 w2 b2", window(3, 1, 1)...).
				add("p2", "MaxPool", "c2", window(2, 2, 0)...).norm("n2", "p2", 6).add("r2", "Relu", "n2").
				add("f", "Flatten", "r2").numbers("w3", -1, 1, 24, 10).add("m3", "MatMul", "f w3").
				numbers("b3", -1, 1, 10).add("a3", "Add", "b3 m3").add("s3", "Softmax", "a3").file("s3"),
			mean: none, std: one, images: nn.Shape{H: 11, W: 9, C: 3}, blocks: 3,
		},
		"a residual network, its projection first, normalised outside": {
			file: newSketch(-1, 3, 9, 9).
				numbers("w1", -1, 1, 4, 3, 3, 3).add("c1", "Conv", "in w1", window(3, 1, 0)...).norm("n1", "c1", 4).add("r1", "Relu", "n1").
				numbers("wp", -1, 1, 6, 4, 1, 1).add("cp", "Conv", "r1 wp", window(1, 2, 0)...).norm("np", "cp", 6).
				numbers("w2", -1, 1, 6, 4, 3, 3).add("c2", "Conv", "r1 w2", window(3, 2, 1)...).norm("n2", "c2", 6).add("r2", "Relu", "n2").
				numbers("w3", -1, 1, 6, 6, 3, 3).add("c3", "Conv", "r2 w3", window(3, 1, 1)...).norm("n3", "c3", 6).
				add("a3", "Add", "np n3").add("r3", "Relu", "a3").
				numbers("w4", -1, 1, 6, 6, 3, 3).add("c4", "Conv", "r3 w4", window(3, 1, 1)...).norm("n4", "c4", 6).
				add("a4", "Add", "r3 n4").add("d4", "Dropout", "a4").add("r4", "Relu", "d4").
				add("m", "ReduceMean", "r4", intsAttr("axes", -1, -2), intAttr("keepdims", 0)).
				numbers("w5", -1, 1, 6, 10).numbers("b5", -1, 1, 10).
				add("g", "Gemm", "m w5 b5", attribute{name: "alpha", kind: kindFloat, f: 0.5}, attribute{name: "beta", kind: kindFloat, f: 2}).file("g"),
			in: Input{Mean: []float32{0.4, 0.5, 0.6}, Std: []float32{0.2, 0.25, 0.3}}, mean: []float32{0.4, 0.5, 0.6}, std: []float32{0.2, 0.25, 0.3},
			images: nn.Shape{H: 9, W: 9, C: 3}, blocks: 6,
		},
		"vectors, Clip and a Constant": {
			file: func() []byte {
				s := newSketch(-1, 30).numbers("w1", -1, 1, 7, 30).add("g1", "Gemm", "in w1", intAttr("transB", 1))
				s.graph.nodes = append(s.graph.nodes, node{"Constant", "", nil, []string{"zero"}, []attribute{{name: "value", kind: kindTensor, value: floatTensor("", []float32{0})}}})
				return s.add("r1", "Clip", "g1 zero").numbers("w2", -1, 1, 7, 10).add("m2", "MatMul", "r1 w2").
					numbers("scale", -1, 1, 10).add("s2", "Mul", "m2 scale").file("s2")
			}(),
			in: Input{Shape: nn.Shape{H: 5, W: 6, C: 1}}, mean: none, std: one, images: nn.Shape{H: 5, W: 6, C: 1}, blocks: 2,
		},
	} {
		n, err := Import(c.file, c.in)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		images := data.Made(3, c.images.H, c.images.W, c.images.C)
		if n.Input != c.images || len(n.Blocks) != c.blocks {
			t.Errorf("%s: %d blocks on %v: want %d on %v", name, len(n.Blocks), n.Input, c.blocks, c.images)
			continue
		}
		if d := difference(run(t, n, images), evaluate(t, c.file, channelsFirst(images, c.mean, c.std), images.N)); !(d < 1e-4) {
			t.Errorf("%s: logits differ by %v of the largest", name, d)
		}
	}
}

// TestImportErrors: what is no network of ours is refused, and the error says where.
func TestImportErrors(t *testing.T) {
	conv := func() *sketch {
		return newSketch(-1, 3, 8, 8).numbers("w", -1, 1, 10, 3, 3, 3).add("c", "Conv", "in w", window(3, 1, 1)...)
	}
	end := func(s *sketch, x string) []byte {
		return s.add("m", "GlobalAveragePool", x).add("f", "Flatten", "m").file("f")
	}
	for _, c := range []struct {
		want string
		file []byte
	}{
		{"no graph", nil},
		{"not a protocol buffer", []byte("\x00\x00")},
		{"field 7: unexpected EOF", []byte("\x3a\x7f")},
		{`node 1: Elu "node e": this operator is none of those that are known`, end(conv().add("e", "Elu", "c"), "e")},
		{`node 1: GlobalAveragePool "node m": reads what is not rectified`, end(conv(), "c")},
		{`node 1: Relu "node r": input "x" is nowhere before`, end(conv().add("r", "Relu", "x"), "r")},
		{`node 0: Conv "node c": group is 3`, end(newSketch(-1, 3, 8, 8).numbers("w", -1, 1, 10, 3, 3, 3).add("c", "Conv", "in w", intAttr("group", 3)), "c")},
		{`weights "w" have dimensions [10 2 3 3]: want [outputs, 3, side, side]`, end(newSketch(-1, 3, 8, 8).numbers("w", -1, 1, 10, 2, 3, 3).add("c", "Conv", "in w"), "c")},
		{"pads are [1 0 1 0]", end(newSketch(-1, 3, 8, 8).numbers("w", -1, 1, 10, 3, 3, 3).add("c", "Conv", "in w", intsAttr("pads", 1, 0, 1, 0)), "c")},
		{"want a window within the padded image", end(newSketch(-1, 3, 8, 8).numbers("w", -1, 1, 10, 3, 9, 9).add("c", "Conv", "in w"), "c")},
		{"side 3, strides 2, pads 1: want strides of the side and no pads", end(conv().add("r", "Relu", "c").add("p", "MaxPool", "r", window(3, 2, 1)...), "p")},
		{"pads images whose channel 0 had 1 added", end(newSketch(-1, 3, 8, 8).numbers("one", 1, 1, 1).add("a", "Add", "in one").numbers("w", -1, 1, 10, 3, 3, 3).add("c", "Conv", "a w", window(3, 1, 1)...), "c")},
		{"to 0 ... 6: want a Relu", end(conv().numbers("0", 0, 0).numbers("6", 6, 6).add("r", "Clip", "c 0 6"), "r")},
		{"stands after a Relu", end(conv().add("r", "Relu", "c").numbers("two", 2, 2).add("s", "Mul", "r two"), "s")},
		{"others read what it does, too", end(conv().add("r", "Relu", "c").numbers("w2", -1, 1, 10, 10, 1, 1).add("d", "Conv", "r w2").add("e", "Relu", "d").add("a", "Add", "d e"), "a")},
		{"the logits are rectified", func() []byte {
			s := conv().add("r", "Relu", "c").add("m", "GlobalAveragePool", "r").add("f", "Flatten", "m").numbers("w2", -1, 1, 10, 10)
			return s.add("g", "Gemm", "f w2").add("h", "Relu", "g").file("h")
		}()},
		{"comes after a softmax", end(conv().add("s", "Softmax", "c").add("r", "Relu", "s"), "r")},
		{`"two" has dimensions [10]: want one number a channel`, end(conv().numbers("two", 1, 2, 10).add("s", "Mul", "c two").add("r", "Relu", "s"), "r")},
		{`input "in": dimensions are [-1 3 -1 8]`, end(newSketch(-1, 3, -1, 8), "in")},
		{"images of 4x4x1: want 8x8x3", end(conv(), "c")},
		{`output "g": want what layers make of the images`, conv().file("g")},
	} {
		in := Input{}
		if strings.HasPrefix(c.want, "images of") {
			in.Shape = nn.Shape{H: 4, W: 4, C: 1}
		}
		n, err := Import(c.file, in)
		if err == nil || n != nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "onnx: ") {
			t.Errorf("error %v: want %q", err, c.want)
		}
	}
}

// TestDecodeLimits: sizes that a file claims are compared with what is there.
func TestDecodeLimits(t *testing.T) {
	file := func(c tensor) []byte {
		m := model{opset: 13, graph: graph{tensors: []*tensor{&c}}}
		return m.encode()
	}
	for _, c := range []struct {
		want string
		file []byte
	}{
		{`tensor 0: "w": 4 bytes of data: want 4000000, of dimensions [1000 1000]`, file(tensor{"w", float32s, []int64{1000, 1000}, make([]byte, 4)})},
		{`"w": dimensions are [536870912 2]`, file(tensor{"w", float32s, []int64{1 << 29, 2}, nil})},
		{`"w": dimensions are [-1]`, file(tensor{"w", float32s, []int64{-1}, nil})},
		{`more than 8 numbers`, file(tensor{"w", float32s, make([]int64, 9), nil})},
		{"string of 2000 bytes", file(tensor{strings.Repeat("w", 2000), float32s, nil, make([]byte, 4)})},
	} {
		if _, err := Import(c.file, Input{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v: want %q", err, c.want)
		}
	}
	external := message{}
	external.bytes(tensorExternal, nil)
	var g, m message
	g.bytes(graphTensor, external)
	m.bytes(modelGraph, g)
	if _, err := Import(m, Input{}); err == nil || !strings.Contains(err.Error(), "another file") {
		t.Errorf("external data: error %v", err)
	}
}

// TestTypedData: numbers may stand in fields of their own, packed or not.
func TestTypedData(t *testing.T) {
	var packed, single message
	for _, v := range []float32{1, 2} {
		packed = append(packed, floatTensor("", []float32{v}).data...)
		single.float(tensorFloats, v)
	}
	var whole message
	whole.bytes(tensorFloats, packed)
	for i, m := range []message{whole, single} {
		m.int(tensorDims, 2)
		m.int(tensorElement, int64(float32s))
		var c tensor
		if err := c.decode(m); err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		if x, err := c.floats(); err != nil || x[0] != 1 || x[1] != 2 {
			t.Errorf("%d: %v, error %v", i, x, err)
		}
	}
	var m message
	m.int(tensorDims, 3)
	m.int(tensorElement, int64(int64s))
	m.bytes(tensorInt64s, []byte{5, 0xac, 0x02, 7})
	var c tensor
	if err := c.decode(m); err != nil {
		t.Fatal(err)
	}
	if x, err := c.ints(); err != nil || len(x) != 3 || x[0] != 5 || x[1] != 300 || x[2] != 7 {
		t.Errorf("%v, error %v", x, err)
	}
}

// FuzzImport: no input makes the reader panic, and what it accepts can be compiled and
// written.
func FuzzImport(f *testing.F) {
	for name := range described {
		file, err := Float(random(f, name, nn.Shape{H: 9, W: 9, C: 1}, floats))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(file)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		n, err := Import(file, Input{})
		if err != nil {
			if n != nil {
				t.Error("a network and an error")
			}
			return
		}
		if _, err := Float(n); err != nil {
			t.Error(err)
		}
	})
}
