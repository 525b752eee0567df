package onnx

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"testing"
)

// An array is a tensor of the interpreter below: numbers of any type as float32.
type array struct {
	dims []int
	x    []float32
}

func (a array) at(i ...int) float32 {
	n := 0
	for j, v := range i {
		n = n*a.dims[j] + v
	}
	return a.x[n]
}

func makeArray(dims ...int) array {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return array{dims, make([]float32, n)}
}

// evaluate runs a model as ONNX's documents say, each operator by a plain loop, on a
// batch of images that are its input's elements.
func evaluate(t *testing.T, file []byte, images []float32, batch int) []float32 {
	t.Helper()
	m, err := decode(file)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]array{}
	for _, c := range m.graph.tensors {
		values[c.name] = c.array(t)
	}
	dims := []int{batch}
	for _, d := range m.graph.inputs[0].dims[1:] {
		dims = append(dims, int(d))
	}
	values[m.graph.inputs[0].name] = array{dims, images}
	for i := range m.graph.nodes {
		n := &m.graph.nodes[i]
		if n.op == "Constant" {
			values[n.outputs[0]] = n.attribute("value").value.array(t)
			continue
		}
		var in []array
		for _, name := range n.inputs {
			v, ok := values[name]
			if !ok {
				t.Fatalf("node %s %s: no value %q", n.op, n.name, name)
			}
			in = append(in, v)
		}
		values[n.outputs[0]] = apply(t, n, in)
	}
	out, ok := values[m.graph.outputs[0].name]
	if !ok {
		t.Fatalf("no output")
	}
	if want := []int{batch, int(m.graph.outputs[0].dims[1])}; !slices.Equal(out.dims, want) {
		t.Fatalf("output of dimensions %d: want %d", out.dims, want)
	}
	return out.x
}

func (c *tensor) array(t *testing.T) array {
	a := array{}
	for _, d := range c.dims {
		a.dims = append(a.dims, int(d))
	}
	for i := 0; i < len(c.data); i += int(c.element.size()) {
		d := c.data[i:]
		switch c.element {
		case float32s:
			a.x = append(a.x, math.Float32frombits(binary.LittleEndian.Uint32(d)))
		case int32s:
			a.x = append(a.x, float32(int32(binary.LittleEndian.Uint32(d))))
		case int64s:
			a.x = append(a.x, float32(int64(binary.LittleEndian.Uint64(d))))
		case uint8s:
			a.x = append(a.x, float32(d[0]))
		case int8s:
			a.x = append(a.x, float32(int8(d[0])))
		default:
			t.Fatalf("elements of type %d", c.element)
		}
	}
	return a
}

func apply(t *testing.T, n *node, in []array) array {
	t.Helper()
	each := func(f func(v float32) float32) array {
		out := array{in[0].dims, make([]float32, len(in[0].x))}
		for i, v := range in[0].x {
			out.x[i] = f(v)
		}
		return out
	}
	switch n.op {
	case "Cast", "Identity", "Dropout", "Softmax":
		return in[0]
	case "Relu":
		return each(func(v float32) float32 { return max(v, 0) })
	case "Floor":
		return each(func(v float32) float32 { return float32(math.Floor(float64(v))) })
	case "Clip":
		low, high := float32(math.Inf(-1)), float32(math.Inf(1))
		if len(in) > 1 {
			low = in[1].x[0]
		}
		if len(in) > 2 {
			high = in[2].x[0]
		}
		return each(func(v float32) float32 { return min(max(v, low), high) })
	case "Add":
		return broadcast(t, in[0], in[1], func(a, b float32) float32 { return a + b })
	case "Sub":
		return broadcast(t, in[0], in[1], func(a, b float32) float32 { return a - b })
	case "Mul":
		return broadcast(t, in[0], in[1], func(a, b float32) float32 { return a * b })
	case "Div":
		return broadcast(t, in[0], in[1], func(a, b float32) float32 { return a / b })
	case "QuantizeLinear":
		return each(func(v float32) float32 {
			q := math.RoundToEven(float64(v/in[1].x[0])) + float64(in[2].x[0])
			return float32(min(max(q, 0), 255))
		})
	case "DequantizeLinear":
		out := each(func(v float32) float32 { return v })
		inner := len(out.x)
		if len(in[1].x) > 1 {
			inner /= out.dims[0] // axis 0
		}
		for i := range out.x {
			out.x[i] = (out.x[i] - in[2].x[i/inner%len(in[2].x)]) * in[1].x[i/inner]
		}
		return out
	case "Transpose":
		return permute(in[0], n.attribute("perm").ints)
	case "Flatten":
		return array{[]int{in[0].dims[0], len(in[0].x) / in[0].dims[0]}, in[0].x}
	case "Reshape":
		out := array{nil, in[0].x}
		product, open := 1, -1
		for i, d := range in[1].x {
			if d == 0 {
				d = float32(in[0].dims[i])
			}
			out.dims = append(out.dims, int(d))
			if d < 0 {
				open = i
			} else {
				product *= int(d)
			}
		}
		if open >= 0 {
			out.dims[open] = len(out.x) / product
		}
		return out
	case "Gemm", "MatMul":
		return matrix(n, in)
	case "Conv":
		return convolve(n, in)
	case "MaxPool":
		return pooled(n, in[0])
	case "GlobalAveragePool", "ReduceSum", "ReduceMean":
		return reduced(n, in[0])
	case "BatchNormalization":
		out := each(func(v float32) float32 { return v })
		positions := len(out.x) / out.dims[0] / out.dims[1]
		for i := range out.x {
			c := i / positions % out.dims[1]
			out.x[i] = (out.x[i]-in[3].x[c])/float32(math.Sqrt(float64(in[4].x[c])+n.float("epsilon", 1e-5)))*in[1].x[c] + in[2].x[c]
		}
		return out
	}
	t.Fatalf("operator %s", n.op)
	return array{}
}

// broadcast stretches dimensions of 1, and missing ones in front.
func broadcast(t *testing.T, a, b array, f func(a, b float32) float32) array {
	t.Helper()
	rank := max(len(a.dims), len(b.dims))
	pad := func(x array) array {
		return array{append(slices.Repeat([]int{1}, rank-len(x.dims)), x.dims...), x.x}
	}
	a, b = pad(a), pad(b)
	var dims []int
	for i := range rank {
		if a.dims[i] != b.dims[i] && a.dims[i] != 1 && b.dims[i] != 1 {
			t.Fatalf("dimensions %d and %d", a.dims, b.dims)
		}
		dims = append(dims, max(a.dims[i], b.dims[i]))
	}
	out := makeArray(dims...)
	index := make([]int, rank)
	pick := func(x array) float32 {
		n := 0
		for i, v := range index {
			n = n*x.dims[i] + min(v, x.dims[i]-1)
		}
		return x.x[n]
	}
	for i := range out.x {
		for j, rest := rank-1, i; j >= 0; j-- {
			index[j], rest = rest%dims[j], rest/dims[j]
		}
		out.x[i] = f(pick(a), pick(b))
	}
	return out
}

func permute(a array, perm []int64) array {
	var dims []int
	for _, p := range perm {
		dims = append(dims, a.dims[p])
	}
	out := makeArray(dims...)
	from := make([]int, len(perm))
	for i := range out.x {
		for j, rest := len(perm)-1, i; j >= 0; j-- {
			from[perm[j]], rest = rest%dims[j], rest/dims[j]
		}
		out.x[i] = a.at(from...)
	}
	return out
}

func matrix(n *node, in []array) array {
	transposed, _ := n.int("transB", 0)
	rows, k := in[0].dims[0], in[0].dims[1]
	cols := in[1].dims[1-transposed]
	out := makeArray(rows, cols)
	for r := range rows {
		for c := range cols {
			sum := 0.0
			for i := range k {
				w := in[1].x[i*cols+c]
				if transposed == 1 {
					w = in[1].x[c*k+i]
				}
				sum += float64(in[0].x[r*k+i]) * float64(w)
			}
			if n.op == "Gemm" {
				sum *= n.float("alpha", 1)
			}
			if len(in) > 2 {
				sum += n.float("beta", 1) * float64(in[2].x[c])
			}
			out.x[r*cols+c] = float32(sum)
		}
	}
	return out
}

func convolve(n *node, in []array) array {
	x, w := in[0], in[1]
	stride, _ := n.same("strides", 1, 2)
	pad, _ := n.same("pads", 0, 4)
	s, p, side := int(stride), int(pad), w.dims[2]
	h, wd := (x.dims[2]+2*p-side)/s+1, (x.dims[3]+2*p-side)/s+1
	out := makeArray(x.dims[0], w.dims[0], h, wd)
	i := 0
	for b := range x.dims[0] {
		for o := range w.dims[0] {
			for oy := range h {
				for ox := range wd {
					sum := 0.0
					for c := range w.dims[1] {
						for ky := range side {
							for kx := range side {
								y, xx := oy*s+ky-p, ox*s+kx-p
								if y >= 0 && y < x.dims[2] && xx >= 0 && xx < x.dims[3] {
									sum += float64(x.at(b, c, y, xx)) * float64(w.at(o, c, ky, kx))
								}
							}
						}
					}
					if len(in) > 2 {
						sum += float64(in[2].x[o])
					}
					out.x[i] = float32(sum)
					i++
				}
			}
		}
	}
	return out
}

func pooled(n *node, x array) array {
	side64, _ := n.same("kernel_shape", 0, 2)
	side := int(side64)
	out := makeArray(x.dims[0], x.dims[1], x.dims[2]/side, x.dims[3]/side)
	i := 0
	for b := range out.dims[0] {
		for c := range out.dims[1] {
			for y := range out.dims[2] {
				for xx := range out.dims[3] {
					v := float32(math.Inf(-1))
					for k := range side * side {
						v = max(v, x.at(b, c, y*side+k/side, xx*side+k%side))
					}
					out.x[i] = v
					i++
				}
			}
		}
	}
	return out
}

// reduced sums over positions, or takes their mean.
func reduced(n *node, x array) array {
	positions := x.dims[2] * x.dims[3]
	out := makeArray(x.dims[0], x.dims[1], 1, 1)
	for i := range out.x {
		sum := 0.0
		for _, v := range x.x[i*positions:][:positions] {
			sum += float64(v)
		}
		if n.op != "ReduceSum" {
			sum /= float64(positions)
		}
		out.x[i] = float32(sum)
	}
	if keep, _ := n.int("keepdims", 1); keep == 0 {
		out.dims = out.dims[:2]
	}
	return out
}

func floatsOf(images []uint8) []float32 {
	x := make([]float32, len(images))
	for i, v := range images {
		x[i] = float32(v)
	}
	return x
}

// difference is the largest difference of two slices as a part of the largest number.
func difference(got, want []float32) float64 {
	if len(got) != len(want) {
		panic(fmt.Sprintf("%d numbers: want %d", len(got), len(want)))
	}
	worst, largest := 0.0, 1e-30
	for i, v := range want {
		if d := math.Abs(float64(v) - float64(got[i])); !(d <= worst) {
			worst = d
		}
		largest = max(largest, math.Abs(float64(v)))
	}
	return worst / largest
}
