//go:build peers && cgo && !without_onnxruntime

package peers

import "google.golang.org/protobuf/encoding/protowire"

// The numbers of ONNX's fields and element types that a model of one operator
// has: onnx.proto, IR version 8, operators version 13.
const (
	modelIRVersion, modelGraph, modelOpset          = 1, 7, 8
	opsetVersion                                    = 2
	graphNode, graphName, graphInitializer          = 1, 2, 5
	graphInput, graphOutput                         = 11, 12
	nodeInput, nodeOutput, nodeOp                   = 1, 2, 4
	tensorDims, tensorType, tensorName, tensorBytes = 1, 2, 8, 9
	valueName, valueType                            = 1, 2
	typeTensor                                      = 1
	typeElement, typeShape                          = 1, 2
	shapeDim, dimValue                              = 1, 1

	elementFloat, elementUint8, elementInt8, elementInt32 = 1, 2, 3, 6
)

// A message is an encoded protocol buffer message.
type message []byte

func (m message) int(field protowire.Number, v int) message {
	return protowire.AppendVarint(protowire.AppendTag(m, field, protowire.VarintType), uint64(v))
}

func (m message) bytes(field protowire.Number, v []byte) message {
	return protowire.AppendBytes(protowire.AppendTag(m, field, protowire.BytesType), v)
}

func (m message) string(field protowire.Number, v string) message { return m.bytes(field, []byte(v)) }

// productModel is a model of one operator, y = x·w: x is rows x k, and w, a
// constant, k x n.
func productModel(op string, rows, n, k, xType, wType, yType int, w []byte) []byte {
	weights := message{}.int(tensorDims, k).int(tensorDims, n).int(tensorType, wType).string(tensorName, "w").bytes(tensorBytes, w)
	node := message{}.string(nodeInput, "x").string(nodeInput, "w").string(nodeOutput, "y").string(nodeOp, op)
	graph := message{}.bytes(graphNode, node).string(graphName, "product").bytes(graphInitializer, weights).
		bytes(graphInput, tensorValue("x", xType, rows, k)).bytes(graphOutput, tensorValue("y", yType, rows, n))
	return message{}.int(modelIRVersion, 8).bytes(modelGraph, graph).bytes(modelOpset, message{}.int(opsetVersion, 13))
}

// tensorValue declares an input or output of a graph.
func tensorValue(name string, element int, dims ...int) message {
	var shape message
	for _, d := range dims {
		shape = shape.bytes(shapeDim, message{}.int(dimValue, d))
	}
	tensor := message{}.int(typeElement, element).bytes(typeShape, shape)
	return message{}.string(valueName, name).bytes(valueType, message{}.bytes(typeTensor, tensor))
}
