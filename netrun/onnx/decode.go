package onnx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// Limits of what is read. A tensor's data stay where they are in the file, so that
// reading takes little more memory than the file, whatever it says.
const (
	MaxFile       = 1 << 30 // of the file
	maxNodes      = 1 << 14
	maxTensors    = 1 << 14
	maxDims       = 8
	maxElements   = 1 << 29
	maxInputs     = 64 // of a node
	maxAttributes = 16
	maxInts       = 64 // of an attribute
	maxName       = 1 << 10
)

// decode returns the model in the bytes of a file. It refers to them.
func decode(data []byte) (*model, error) {
	if len(data) > MaxFile {
		return nil, fmt.Errorf("%d bytes: want at most %d", len(data), MaxFile)
	}
	m := &model{}
	found := false
	err := fields(data, func(f field) (err error) {
		switch f.number {
		case modelIRVersion:
			var v int64
			if v, err = f.int(); err == nil && (v < 3 || v > 100) {
				err = fmt.Errorf("IR version is %d: want 3 or more", v)
			}
		case modelOpset:
			return m.addOpset(f)
		case modelGraph:
			if found {
				return errors.New("two graphs: want one")
			}
			found = true
			var b []byte
			if b, err = f.bytes(); err == nil {
				err = m.graph.decode(b)
			}
		}
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, errors.New("no graph: want an ONNX model")
	case m.opset == 0:
		return nil, errors.New("no version of the operators: want one")
	}
	return m, nil
}

// addOpset notes the version of the standard operators. Those of other domains are
// refused where a node has one.
func (m *model) addOpset(f field) error {
	b, err := f.bytes()
	if err != nil {
		return err
	}
	var domain string
	var version int64
	err = fields(b, func(f field) (err error) {
		switch f.number {
		case opsetDomain:
			domain, err = f.string()
		case opsetNumber:
			version, err = f.int()
		}
		return err
	})
	if err == nil && (domain == "" || domain == "ai.onnx") {
		if m.opset = version; version < 7 || version > 1000 {
			err = fmt.Errorf("operators of version %d: want 7 or later", version)
		}
	}
	return err
}

func (g *graph) decode(data []byte) error {
	return fields(data, func(f field) (err error) {
		var b []byte
		switch f.number {
		case graphName:
			g.name, err = f.string()
			return err
		case graphNode, graphTensor, graphInput, graphOutput:
			if b, err = f.bytes(); err != nil {
				return err
			}
		}
		switch f.number {
		case graphNode:
			if len(g.nodes) == maxNodes {
				return fmt.Errorf("more than %d nodes", maxNodes)
			}
			var n node
			if err := n.decode(b); err != nil {
				return fmt.Errorf("node %d: %w", len(g.nodes), err)
			}
			g.nodes = append(g.nodes, n)
		case graphTensor:
			if len(g.tensors) == maxTensors {
				return fmt.Errorf("more than %d tensors", maxTensors)
			}
			t := &tensor{}
			if err := t.decode(b); err != nil {
				return fmt.Errorf("tensor %d: %w", len(g.tensors), err)
			}
			g.tensors = append(g.tensors, t)
		case graphInput, graphOutput:
			to := &g.inputs
			if f.number == graphOutput {
				to = &g.outputs
			}
			if len(*to) == maxTensors {
				return fmt.Errorf("more than %d inputs or outputs", maxTensors)
			}
			var v value
			if err := v.decode(b); err != nil {
				return fmt.Errorf("input or output %d: %w", len(*to), err)
			}
			*to = append(*to, v)
		}
		return nil
	})
}

func (n *node) decode(data []byte) error {
	err := fields(data, func(f field) (err error) {
		switch f.number {
		case nodeInput, nodeOutput:
			to := &n.inputs
			if f.number == nodeOutput {
				to = &n.outputs
			}
			if len(*to) == maxInputs {
				return fmt.Errorf("more than %d inputs or outputs", maxInputs)
			}
			var s string
			s, err = f.string()
			*to = append(*to, s)
		case nodeName:
			n.name, err = f.string()
		case nodeOp:
			n.op, err = f.string()
		case nodeDomain:
			var s string
			if s, err = f.string(); err == nil && s != "" && s != "ai.onnx" {
				err = fmt.Errorf("an operator of %q: want those of ONNX itself", s)
			}
		case nodeAttribute:
			if len(n.attributes) == maxAttributes {
				return fmt.Errorf("more than %d attributes", maxAttributes)
			}
			var b []byte
			if b, err = f.bytes(); err != nil {
				return err
			}
			var a attribute
			if err := a.decode(b); err != nil {
				return fmt.Errorf("attribute %d: %w", len(n.attributes), err)
			}
			n.attributes = append(n.attributes, a)
		}
		return err
	})
	if err != nil {
		return n.fail(err)
	}
	return nil
}

// fail names the node in an error.
func (n *node) fail(err error) error {
	if n.op == "" && n.name == "" {
		return err
	}
	return fmt.Errorf("%s %q: %w", n.op, n.name, err)
}

func (a *attribute) decode(data []byte) error {
	err := fields(data, func(f field) (err error) {
		var b []byte
		switch f.number {
		case attrName:
			a.name, err = f.string()
		case attrFloat:
			a.f, err = f.float()
		case attrInt:
			a.i, err = f.int()
		case attrString:
			a.s, err = f.string()
		case attrTensor:
			if b, err = f.bytes(); err == nil {
				a.value = &tensor{}
				err = a.value.decode(b)
			}
		case attrInts:
			a.ints, err = f.ints(a.ints, maxInts)
		case attrKind:
			var v int64
			v, err = f.int()
			a.kind = int(min(max(v, 0), 1000))
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", a.name, err)
	}
	return nil
}

// size is the number of bytes of an element, 0 if this package reads none of the type.
func (e element) size() int64 {
	switch e {
	case uint8s, int8s:
		return 1
	case float32s, int32s:
		return 4
	case int64s:
		return 8
	}
	return 0
}

func (t *tensor) decode(data []byte) error {
	var numbers []byte // of a field for a type, in little endian
	err := fields(data, func(f field) (err error) {
		switch f.number {
		case tensorDims:
			t.dims, err = f.ints(t.dims, maxDims)
		case tensorElement:
			var v int64
			v, err = f.int()
			t.element = element(min(max(v, 0), 1000))
		case tensorName:
			t.name, err = f.string()
		case tensorData:
			t.data, err = f.bytes()
		case tensorFloats:
			if f.wire == protowire.Fixed32Type {
				numbers = binary.LittleEndian.AppendUint32(numbers, uint32(f.value))
			} else {
				numbers, err = f.bytes() // packed: the numbers themselves
			}
		case tensorInt32s, tensorInt64s:
			numbers, err = f.appendInts(numbers, f.number == tensorInt64s)
		case tensorExternal, tensorLocation:
			return errors.New("its data are in another file: want a model that is one file")
		}
		return err
	})
	if err == nil {
		err = t.check(numbers)
	}
	if err != nil {
		return fmt.Errorf("%q: %w", t.name, err)
	}
	return nil
}

// check compares the data, or numbers if they are in a field of their own, with the
// dimensions. The type of others than this package reads is found where they are used.
func (t *tensor) check(numbers []byte) error {
	elements := int64(1)
	for _, d := range t.dims {
		if d < 0 || d > maxElements || elements*d > maxElements {
			return fmt.Errorf("dimensions are %d: want at most %d elements", t.dims, maxElements)
		}
		elements *= d
	}
	size := t.element.size()
	if size == 0 {
		t.data = nil
		return nil
	}
	if len(t.data) == 0 {
		if size == 1 && len(numbers) > 0 { // bytes have the field of int32
			for i := range len(numbers) / 4 {
				numbers[i] = numbers[4*i]
			}
			numbers = numbers[:len(numbers)/4]
		}
		t.data = numbers
	}
	if int64(len(t.data)) != elements*size {
		return fmt.Errorf("%d bytes of data: want %d, of dimensions %d", len(t.data), elements*size, t.dims)
	}
	return nil
}

// elements is the number of elements.
func (t *tensor) elements() int {
	n := 1
	for _, d := range t.dims {
		n *= int(d)
	}
	return n
}

// floats returns the elements of a float32 tensor, all finite.
func (t *tensor) floats() ([]float32, error) {
	if t.element != float32s {
		return nil, fmt.Errorf("tensor %q has elements of type %d: want float32, %d", t.name, t.element, float32s)
	}
	x := make([]float32, len(t.data)/4)
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.data[4*i:]))
		if f := float64(x[i]); math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, fmt.Errorf("tensor %q: element %d is %v: want a finite number", t.name, i, x[i])
		}
	}
	return x, nil
}

// ints returns the elements of a short tensor of int64 or int32.
func (t *tensor) ints() ([]int64, error) {
	if t.elements() > maxInts {
		return nil, fmt.Errorf("tensor %q has %d elements: want at most %d", t.name, t.elements(), maxInts)
	}
	var x []int64
	switch t.element {
	case int64s:
		for i := 0; i < len(t.data); i += 8 {
			x = append(x, int64(binary.LittleEndian.Uint64(t.data[i:])))
		}
	case int32s:
		for i := 0; i < len(t.data); i += 4 {
			x = append(x, int64(int32(binary.LittleEndian.Uint32(t.data[i:]))))
		}
	default:
		return nil, fmt.Errorf("tensor %q has elements of type %d: want int64, %d", t.name, t.element, int64s)
	}
	return x, nil
}

func (v *value) decode(data []byte) error {
	err := fields(data, func(f field) error {
		switch f.number {
		case valueName:
			var err error
			v.name, err = f.string()
			return err
		case valueType:
			return f.message(func(f field) error {
				if f.number != typeTensor {
					return nil
				}
				return f.message(v.tensorType)
			})
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("%q: %w", v.name, err)
	}
	return nil
}

func (v *value) tensorType(f field) error {
	switch f.number {
	case typeElement:
		e, err := f.int()
		v.element = element(min(max(e, 0), 1000))
		return err
	case typeShape:
		v.dims = []int64{}
		return f.message(func(f field) error {
			if f.number != shapeDim {
				return nil
			}
			if len(v.dims) == maxDims {
				return fmt.Errorf("more than %d dimensions", maxDims)
			}
			d := int64(-1)
			err := f.message(func(f field) (err error) {
				if f.number == dimValue {
					d, err = f.int()
				}
				return err
			})
			v.dims = append(v.dims, max(d, -1))
			return err
		})
	}
	return nil
}

// A field is one of a message.
type field struct {
	number protowire.Number
	wire   protowire.Type
	value  uint64 // of a number
	data   []byte // of bytes, a string or a message
}

// fields calls each for all fields of a message, in their order.
func fields(data []byte, each func(field) error) error {
	for len(data) > 0 {
		number, wire, n := protowire.ConsumeTag(data)
		if n < 0 {
			return fmt.Errorf("not a protocol buffer: %w", protowire.ParseError(n))
		}
		data = data[n:]
		f := field{number: number, wire: wire}
		switch wire {
		case protowire.VarintType:
			f.value, n = protowire.ConsumeVarint(data)
		case protowire.Fixed32Type:
			var v uint32
			v, n = protowire.ConsumeFixed32(data)
			f.value = uint64(v)
		case protowire.Fixed64Type:
			f.value, n = protowire.ConsumeFixed64(data)
		case protowire.BytesType:
			f.data, n = protowire.ConsumeBytes(data)
		default: // groups, which ONNX has none of
			return fmt.Errorf("field %d has wire type %d: want none of ONNX's", number, wire)
		}
		if n < 0 {
			return fmt.Errorf("field %d: %w", number, protowire.ParseError(n))
		}
		data = data[n:]
		if err := each(f); err != nil {
			return err
		}
	}
	return nil
}

func (f *field) want(wire protowire.Type) error {
	if f.wire != wire {
		return fmt.Errorf("field %d has wire type %d: want %d", f.number, f.wire, wire)
	}
	return nil
}

func (f *field) int() (int64, error) { return int64(f.value), f.want(protowire.VarintType) }

func (f *field) float() (float32, error) {
	return math.Float32frombits(uint32(f.value)), f.want(protowire.Fixed32Type)
}

func (f *field) bytes() ([]byte, error) { return f.data, f.want(protowire.BytesType) }

func (f *field) string() (string, error) {
	if len(f.data) > maxName || !utf8.Valid(f.data) {
		return "", fmt.Errorf("field %d is a string of %d bytes: want UTF-8 of at most %d", f.number, len(f.data), maxName)
	}
	return string(f.data), f.want(protowire.BytesType)
}

// message calls each for the fields of a message.
func (f *field) message(each func(field) error) error {
	if err := f.want(protowire.BytesType); err != nil {
		return err
	}
	return fields(f.data, each)
}

// ints appends the integers of the field, packed or one alone, up to a number of them.
func (f *field) ints(x []int64, most int) ([]int64, error) {
	one := func(v uint64) error {
		if len(x) == most {
			return fmt.Errorf("field %d has more than %d numbers", f.number, most)
		}
		x = append(x, int64(v))
		return nil
	}
	err := f.each(one)
	return x, err
}

// appendInts appends the integers in little endian, as int64 or int32: few, as only
// shapes are read from such fields.
func (f *field) appendInts(b []byte, long bool) ([]byte, error) {
	err := f.each(func(v uint64) error {
		switch {
		case len(b) >= 8*maxInts:
			return fmt.Errorf("field %d has many numbers: want at most %d, or raw data", f.number, maxInts)
		case long:
			b = binary.LittleEndian.AppendUint64(b, v)
		default:
			b = binary.LittleEndian.AppendUint32(b, uint32(v))
		}
		return nil
	})
	return b, err
}

// each calls do for the field's integers.
func (f *field) each(do func(uint64) error) error {
	if f.wire == protowire.VarintType {
		return do(f.value)
	}
	if err := f.want(protowire.BytesType); err != nil {
		return err
	}
	for data := f.data; len(data) > 0; {
		v, n := protowire.ConsumeVarint(data)
		if n < 0 {
			return fmt.Errorf("field %d: %w", f.number, protowire.ParseError(n))
		}
		if err := do(v); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}
