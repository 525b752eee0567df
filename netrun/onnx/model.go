package onnx

import (
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// What is written: the version of the format and that of the operators, the first
// with scales for each channel in DequantizeLinear.
const (
	irVersion    = 8
	opsetVersion = 13
	producer     = "lowbit"
)

// A model is the parts of an ONNX model that this package reads and writes.
type model struct {
	opset    int64 // version of the operators
	metadata [][2]string
	graph    graph
}

type graph struct {
	name    string
	nodes   []node
	tensors []*tensor // constants
	inputs  []value
	outputs []value
}

type node struct {
	op, name        string
	inputs, outputs []string
	attributes      []attribute
}

// An attribute has one of the kinds' values.
type attribute struct {
	name  string
	kind  int
	i     int64
	f     float32
	s     string
	ints  []int64
	value *tensor
}

// The kinds of attributes that operators here have, by ONNX's numbers.
const (
	kindFloat  = 1
	kindInt    = 2
	kindString = 3
	kindTensor = 4
	kindInts   = 7
)

// An element is the type of a tensor's elements, by ONNX's numbers.
type element int32

const (
	float32s element = 1
	uint8s   element = 2
	int8s    element = 3
	int32s   element = 6
	int64s   element = 7
)

// A tensor is a constant: data are its elements in little endian.
type tensor struct {
	name    string
	element element
	dims    []int64
	data    []byte
}

// A value is an input or an output of a graph. A dimension of -1 may be any number.
type value struct {
	name    string
	element element
	dims    []int64
}

// The numbers of fields, as onnx.proto has them.
const (
	modelIRVersion, modelProducer, modelGraph, modelOpset, modelMetadata = 1, 2, 7, 8, 14
	opsetDomain, opsetNumber                                             = 1, 2
	entryKey, entryValue                                                 = 1, 2
	graphNode, graphName, graphTensor, graphInput, graphOutput           = 1, 2, 5, 11, 12
	nodeInput, nodeOutput, nodeName, nodeOp, nodeAttribute, nodeDomain   = 1, 2, 3, 4, 5, 7
	attrName, attrFloat, attrInt, attrString, attrTensor                 = 1, 2, 3, 4, 5
	attrInts, attrKind                                                   = 8, 20
	tensorDims, tensorElement, tensorFloats, tensorInt32s, tensorInt64s  = 1, 2, 4, 5, 7
	tensorName, tensorData, tensorExternal, tensorLocation               = 8, 9, 13, 14
	valueName, valueType, typeTensor, typeElement, typeShape             = 1, 2, 1, 1, 2
	shapeDim, dimValue, dimParam                                         = 1, 1, 2
)

// A message is an encoded protocol buffer message.
type message []byte

func (m *message) int(field protowire.Number, v int64) {
	*m = protowire.AppendVarint(protowire.AppendTag(*m, field, protowire.VarintType), uint64(v))
}

func (m *message) float(field protowire.Number, v float32) {
	*m = protowire.AppendFixed32(protowire.AppendTag(*m, field, protowire.Fixed32Type), math.Float32bits(v))
}

func (m *message) bytes(field protowire.Number, v []byte) {
	*m = protowire.AppendBytes(protowire.AppendTag(*m, field, protowire.BytesType), v)
}

func (m *message) string(field protowire.Number, v string) {
	*m = protowire.AppendString(protowire.AppendTag(*m, field, protowire.BytesType), v)
}

// encode returns the bytes of the model's file.
func (m *model) encode() []byte {
	var opset, out message
	opset.string(opsetDomain, "")
	opset.int(opsetNumber, m.opset)
	out.int(modelIRVersion, irVersion)
	out.string(modelProducer, producer)
	out.bytes(modelGraph, m.graph.encode())
	out.bytes(modelOpset, opset)
	for _, e := range m.metadata {
		var entry message
		entry.string(entryKey, e[0])
		entry.string(entryValue, e[1])
		out.bytes(modelMetadata, entry)
	}
	return out
}

func (g *graph) encode() (out message) {
	for i := range g.nodes {
		out.bytes(graphNode, g.nodes[i].encode())
	}
	out.string(graphName, g.name)
	for _, t := range g.tensors {
		out.bytes(graphTensor, t.encode())
	}
	for _, v := range g.inputs {
		out.bytes(graphInput, v.encode())
	}
	for _, v := range g.outputs {
		out.bytes(graphOutput, v.encode())
	}
	return out
}

func (n *node) encode() (out message) {
	for _, name := range n.inputs {
		out.string(nodeInput, name)
	}
	for _, name := range n.outputs {
		out.string(nodeOutput, name)
	}
	out.string(nodeName, n.name)
	out.string(nodeOp, n.op)
	for i := range n.attributes {
		out.bytes(nodeAttribute, n.attributes[i].encode())
	}
	return out
}

func (a *attribute) encode() (out message) {
	out.string(attrName, a.name)
	switch a.kind {
	case kindFloat:
		out.float(attrFloat, a.f)
	case kindInt:
		out.int(attrInt, a.i)
	case kindString:
		out.string(attrString, a.s)
	case kindTensor:
		out.bytes(attrTensor, a.value.encode())
	case kindInts:
		for _, v := range a.ints {
			out.int(attrInts, v)
		}
	}
	out.int(attrKind, int64(a.kind))
	return out
}

func (t *tensor) encode() (out message) {
	for _, d := range t.dims {
		out.int(tensorDims, d)
	}
	out.int(tensorElement, int64(t.element))
	out.string(tensorName, t.name)
	out.bytes(tensorData, t.data)
	return out
}

func (v *value) encode() (out message) {
	var shape, of, kind message
	for _, d := range v.dims {
		var dim message
		if d < 0 {
			dim.string(dimParam, "N")
		} else {
			dim.int(dimValue, d)
		}
		shape.bytes(shapeDim, dim)
	}
	of.int(typeElement, int64(v.element))
	of.bytes(typeShape, shape)
	kind.bytes(typeTensor, of)
	out.string(valueName, v.name)
	out.bytes(valueType, kind)
	return out
}

// Tensors of numbers.

func floatTensor(name string, x []float32, dims ...int64) *tensor {
	t := &tensor{name, float32s, dims, make([]byte, 4*len(x))}
	for i, v := range x {
		binary.LittleEndian.PutUint32(t.data[4*i:], math.Float32bits(v))
	}
	return t
}

func int32Tensor(name string, x []int32, dims ...int64) *tensor {
	t := &tensor{name, int32s, dims, make([]byte, 4*len(x))}
	for i, v := range x {
		binary.LittleEndian.PutUint32(t.data[4*i:], uint32(v))
	}
	return t
}

func int64Tensor(name string, x []int64, dims ...int64) *tensor {
	t := &tensor{name, int64s, dims, make([]byte, 8*len(x))}
	for i, v := range x {
		binary.LittleEndian.PutUint64(t.data[8*i:], uint64(v))
	}
	return t
}

func int8Tensor(name string, x []int8, dims ...int64) *tensor {
	t := &tensor{name, int8s, dims, make([]byte, len(x))}
	for i, v := range x {
		t.data[i] = byte(v)
	}
	return t
}

// Attributes.

func intAttr(name string, v int64) attribute { return attribute{name: name, kind: kindInt, i: v} }

func intsAttr(name string, v ...int64) attribute {
	return attribute{name: name, kind: kindInts, ints: v}
}
