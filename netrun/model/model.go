package model

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/nlpodyssey/safetensors"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/atomicfile"
	"example.com/lowbit/netrun/nn"
)

// nlpodyssey/safetensors does the container: it views tensors in place, checks
// offsets for gaps, overlaps and overflow, and writes deterministic bytes. What
// it does not do is done here: tighter limits, the checksum, and the one form.

const (
	version   = "1"
	maxHeader = 1 << 20
	maxFile   = 1 << 30
)

// WriteFile writes n to path, which then is the whole file or what it was
// before, however the write ends. The error names the path.
func WriteFile(path string, n *nn.Network) error {
	data, err := Encode(n)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return atomicfile.Write(path, data)
}

// ReadFile reads the network of a model file. The error names the path.
func ReadFile(path string) (*nn.Network, error) {
	data, err := readAll(path)
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	n, err := Decode(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return n, nil
}

// readAll reads a regular file of at most maxFile bytes, after a look at the
// header's length.
func readAll(path string) ([]byte, error) {
	f, err := atomicfile.OpenRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return nil, fmt.Errorf("%s: %v of %d bytes: want a regular file of at most %d", path, info.Mode().Type(), info.Size(), maxFile)
	}
	var head [8]byte
	if _, err := io.ReadFull(f, head[:]); err != nil {
		return nil, fmt.Errorf("%s: header length: %w", path, err)
	}
	if err := checkHeader(head[:], info.Size()); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	data := make([]byte, info.Size())
	copy(data, head[:])
	if _, err := io.ReadFull(f, data[8:]); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return data, nil
}

// checkHeader checks the header's length, the first 8 bytes of a file.
func checkHeader(head []byte, size int64) error {
	if l := binary.LittleEndian.Uint64(head); l > maxHeader || int64(l) > size-8 {
		return fmt.Errorf("header length is %d in a file of %d bytes: want at most %d and within the file", l, size, maxHeader)
	}
	return nil
}

// Encode returns the bytes of the model file of n, the same for equal networks.
// It returns an error if n.Check does, if a string is not UTF-8, or if the file
// would be larger than Decode reads.
func Encode(n *nn.Network) ([]byte, error) {
	if err := n.Check(); err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	strings := []string{n.Name, n.Dataset, n.Method}
	for k, v := range n.Meta {
		strings = append(strings, k, v)
	}
	for _, s := range strings {
		if !utf8.ValidString(s) { // JSON could not give it back
			return nil, fmt.Errorf("model: string %q: want UTF-8", s)
		}
	}
	if size := n.WeightBytes() + n.OtherBytes() + 8 + maxHeader; size > maxFile {
		return nil, fmt.Errorf("model: up to %d bytes: want at most %d", size, maxFile)
	}
	text, err := describe(n)
	if err != nil {
		return nil, fmt.Errorf("model: network: %w", err)
	}
	views := make(map[string]safetensors.TensorView)
	for _, t := range tensors(n) {
		if views[t.name], err = safetensors.NewTensorView(t.dtype, t.shape, t.data()); err != nil {
			return nil, fmt.Errorf("model: tensor %s: %w", t.name, err)
		}
	}
	// The checksum covers the data in the order that Serialize lays it out.
	file, err := serialize(views, text, "")
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	sum := checksum(text, file[8+binary.LittleEndian.Uint64(file):])
	if file, err = serialize(views, text, sum); err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	if l := binary.LittleEndian.Uint64(file); l > maxHeader {
		return nil, fmt.Errorf("model: header of %d bytes: want at most %d", l, maxHeader)
	}
	return file, nil
}

// Decode returns the network in the bytes of a model file, checked as nn's
// Check does. The network does not refer to data. An error names the field,
// what it should be and what it is.
func Decode(data []byte) (*nn.Network, error) {
	n, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	return n, nil
}

func decode(data []byte) (*nn.Network, error) {
	if len(data) < 8 || len(data) > maxFile {
		return nil, fmt.Errorf("file of %d bytes: want 8 to %d", len(data), maxFile)
	}
	if err := checkHeader(data[:8], int64(len(data))); err != nil {
		return nil, err
	}
	length, header, err := safetensors.ReadMetadata(data)
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	metadata, found, body := header.Metadata(), header.Tensors(), data[8+length:]
	if v := metadata["lowbit_format"]; v != version {
		return nil, fmt.Errorf("lowbit_format is %q: want %q", v, version)
	}
	text := []byte(metadata["network"])
	sum := checksum(text, body)
	if metadata["sha256"] != sum {
		return nil, fmt.Errorf("sha256 is %q: want %s, that of the contents", metadata["sha256"], sum)
	}
	n, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	views := make(map[string]safetensors.TensorView)
	for _, t := range tensors(n) {
		info := found[t.name]
		if info == nil {
			return nil, fmt.Errorf("tensor %s is missing", t.name)
		}
		if info.DType != t.dtype || !slices.Equal(info.Shape, t.shape) {
			return nil, fmt.Errorf("tensor %s is %v %d: want %v %d", t.name, info.DType, info.Shape, t.dtype, t.shape)
		}
		part := body[info.DataOffsets[0]:info.DataOffsets[1]]
		if err := t.set(part); err != nil {
			return nil, fmt.Errorf("tensor %s: %w", t.name, err)
		}
		if views[t.name], err = safetensors.NewTensorView(t.dtype, t.shape, part); err != nil {
			return nil, fmt.Errorf("tensor %s: %w", t.name, err)
		}
		delete(found, t.name)
	}
	for name := range found {
		return nil, fmt.Errorf("tensor %q is unknown: want those of %d blocks", name, len(n.Blocks))
	}
	if err := n.Check(); err != nil {
		return nil, err
	}
	// What remains is a file that says the same in other words: keys twice,
	// other spacing, other order.
	if text, err = describe(n); err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	again, err := serialize(views, text, sum)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, data) {
		return nil, fmt.Errorf("header: not in the one form that is written for this network")
	}
	return n, nil
}

// serialize returns the file of the tensors, with the description text.
func serialize(views map[string]safetensors.TensorView, text []byte, sum string) ([]byte, error) {
	return safetensors.Serialize(views, map[string]string{
		"lowbit_format": version,
		"network":       string(text),
		"sha256":        sum,
	})
}

func checksum(text, body []byte) string {
	h := sha256.New()
	h.Write(text)
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil))
}

// A tensor is a place of a network's parameters in a file.
type tensor struct {
	name  string
	dtype safetensors.DType
	shape []uint64
	data  func() []byte      // the bytes of the parameters
	set   func([]byte) error // sets the parameters; the bytes fit dtype and shape
}

// tensors returns the tensors of n, whose shapes are checked.
func tensors(n *nn.Network) []tensor {
	var list []tensor
	for i := range n.Blocks {
		b := &n.Blocks[i]
		prefix := fmt.Sprintf("%d.", i)
		list = append(list, blockTensors(prefix, b)...)
		if b.Stream {
			list = append(list, scaleTensor(prefix+"stream", &b.StreamScale))
		}
		switch {
		case b.Skip == nil:
		case b.Skip.Proj != nil:
			list = append(list, blockTensors(prefix+"skip.", b.Skip.Proj)...)
		case !n.Float():
			list = append(list, scaleTensor(prefix+"skip", &b.Skip.Scale))
		}
	}
	return list
}

// blockTensors returns those of a block's weights, if it has any, scales and biases.
func blockTensors(prefix string, b *nn.Block) []tensor {
	floats := func(name string, x *[]float32, shape ...uint64) tensor {
		return tensor{prefix + name, safetensors.F32, shape,
			func() []byte { return floatBytes(*x) },
			func(data []byte) error { *x = bytesFloat(data); return nil }}
	}
	list := []tensor{floats("scale", &b.Scale, uint64(b.Out)), floats("bias", &b.Bias, uint64(b.Out))}
	name, count := prefix+"weights", b.Out*b.K()
	switch b.Weights {
	case kernels.NoWeights:
	case kernels.Float32:
		list = append(list, floats("weights", &b.Float, uint64(b.Out), uint64(b.K())))
	case kernels.Int8:
		list = append(list, tensor{name, safetensors.I8, []uint64{uint64(b.Out), uint64(b.K())},
			func() []byte { return int8Bytes(b.Values) },
			func(data []byte) error { b.Values = bytesInt8(data); return nil }})
	default:
		list = append(list, tensor{name, safetensors.U8, []uint64{uint64(packedSize(b.Weights, count))},
			func() []byte { return pack(b.Weights, b.Values) },
			func(data []byte) (err error) { b.Values, err = unpack(b.Weights, data, count); return err }})
	}
	return list
}

// scaleTensor returns the tensor of a single scale.
func scaleTensor(prefix string, x *float32) tensor {
	return tensor{prefix + "_scale", safetensors.F32, []uint64{1},
		func() []byte { return floatBytes([]float32{*x}) },
		func(data []byte) error { *x = bytesFloat(data)[0]; return nil }}
}

func floatBytes(x []float32) []byte {
	data := make([]byte, 4*len(x))
	for i, v := range x {
		binary.LittleEndian.PutUint32(data[4*i:], math.Float32bits(v))
	}
	return data
}

func bytesFloat(data []byte) []float32 {
	x := make([]float32, len(data)/4)
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return x
}

func int8Bytes(x []int8) []byte {
	data := make([]byte, len(x))
	for i, v := range x {
		data[i] = byte(v)
	}
	return data
}

func bytesInt8(data []byte) []int8 {
	x := make([]int8, len(data))
	for i, v := range data {
		x[i] = int8(v)
	}
	return x
}
