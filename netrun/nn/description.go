package nn

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/atomicfile"
)

// networks are the shapes that networks are commonly measured by, for any image.
//
//go:embed networks/*.json
var networks embed.FS

// A Description is the layers of a network, for any image and number of
// classes. Its JSON is what NetworkHelp says.
type Description struct {
	Name   string             `json:"name"`
	Layers []LayerDescription `json:"layers"`
}

// A LayerDescription is a Block without what follows from the others.
type LayerDescription struct {
	Kind    string           `json:"kind"`
	Out     int              `json:"out"`
	Kernel  int              `json:"kernel"`
	Stride  int              `json:"stride"` // 0 is 1
	Pad     int              `json:"pad"`
	Pool    int              `json:"pool"`
	Back    int              `json:"back"`
	Skip    *SkipDescription `json:"skip"`
	Weights string           `json:"weights"` // "" for the network's
	Acts    string           `json:"acts"`
}

// A SkipDescription is a Skip.
type SkipDescription struct {
	Back    int  `json:"back"`
	Project bool `json:"project"`
}

// NetworkHelp explains description files.
const NetworkHelp = `A network file is a JSON object: name, and layers, an array of objects in the order in
which they run. A layer's fields; all but kind may be left out if 0:

  kind     conv, dense, or mean (of each channel over all positions)
  out      outputs; of the last layer, the classes if left out
  kernel   side of a convolution; stride (1), pad (0) as usual
  pool     window and stride of max-pooling, after the convolution
  back     reads the output of the layer so many before the previous one
  skip     {"back": N}: adds a shortcut from the layer N before the previous one;
           with "project": true through a convolution of 1x1, to fit another shape
  weights  format of this layer's weights, which may be float32, acts of its
           outputs; else those of the run. A layer before a mean puts out u8. Not
           looked at in float runs.
`

// maxDescription bounds a file's size.
const maxDescription = 1 << 20

// ReadDescription reads a description file.
func ReadDescription(path string) (*Description, error) {
	f, err := atomicfile.OpenRegular(path)
	if err != nil {
		return nil, fmt.Errorf("network file: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxDescription+1))
	if err == nil && len(text) > maxDescription {
		err = fmt.Errorf("more than %d bytes", maxDescription)
	}
	var d *Description
	if err == nil {
		d, err = parseDescription(text)
	}
	if err != nil {
		return nil, fmt.Errorf("network file %s: %w", path, err)
	}
	if d.Name == "" {
		d.Name = strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	}
	return d, nil
}

func parseDescription(text []byte) (*Description, error) {
	d := new(Description)
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(d); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("text after the JSON object: want none")
	}
	return d, nil
}

// NetworkNames lists the networks that NamedNetwork knows.
func NetworkNames() []string {
	files, err := networks.ReadDir("networks")
	if err != nil {
		panic(err) // embedded
	}
	var names []string
	for _, f := range files {
		names = append(names, strings.TrimSuffix(f.Name(), ".json"))
	}
	return names
}

// NamedNetwork returns the description of a network by name.
func NamedNetwork(name string) (*Description, error) {
	text, err := networks.ReadFile("networks/" + name + ".json")
	if err != nil {
		return nil, fmt.Errorf("no network %q: want one of %s", name, strings.Join(NetworkNames(), ", "))
	}
	return parseDescription(text)
}

// Formats are those of a network's layers: of all weights and of the activations
// between layers, where the description says nothing else.
type Formats struct {
	Weights kernels.WeightFormat
	Acts    kernels.ActFormat
	// First and Last are those of the first and the last layer's weights, if not
	// NoWeights; Float32 is one. A last layer of Int8 reads U8, others Acts.
	First, Last kernels.WeightFormat
}

func (f Formats) float() bool { return f.Acts == kernels.F32 }

// Network returns the network without parameters.
func (d *Description) Network(input Shape, classes int, f Formats) (*Network, error) {
	net := &Network{Name: d.Name, Input: input, Classes: classes}
	if n := len(d.Layers); n > maxBlocks { // before time is spent on each pair
		return nil, fmt.Errorf("network %s: %d layers: want 1 to %d", d.Name, n, maxBlocks)
	}
	for i := range d.Layers {
		b, err := d.block(net, i, f)
		if err != nil {
			return nil, fmt.Errorf("network %s: layer %d: %w", d.Name, i+1, err)
		}
		net.Blocks = append(net.Blocks, b)
	}
	if err := net.CheckShapes(); err != nil {
		return nil, fmt.Errorf("network %s: %w", d.Name, err)
	}
	return net, nil
}

// block returns block i, whose formats and shape follow from those before, and
// marks the stream that it reads. CheckShapes finds what is wrong beyond that.
func (d *Description) block(net *Network, i int, f Formats) (b Block, err error) {
	l := &d.Layers[i]
	b = Block{Kind: l.Kind, Back: l.Back, Out: l.Out, Kernel: l.Kernel, Stride: l.Stride, Pad: l.Pad, Pool: l.Pool, In: net.Input}
	if b.InAct = kernels.U8; f.float() {
		b.InAct = kernels.F32
	}
	if b.Weights, b.OutAct, err = d.formats(i, f); err != nil {
		return b, err
	}
	last := i == len(d.Layers)-1
	if last && b.Out == 0 {
		b.Out = net.Classes
	}
	if b.Kind == Conv && b.Stride == 0 {
		b.Stride = 1
	}
	source := func(back int) (*Block, error) {
		if i == 0 {
			return nil, fmt.Errorf("back is %d in the first layer: want nothing that reads a layer before", back)
		}
		if back < 0 || back > i-1 {
			return nil, fmt.Errorf("back is %d: want 0 to %d", back, i-1)
		}
		return &net.Blocks[i-1-back], nil
	}
	if i > 0 || l.Back != 0 {
		from, err := source(l.Back)
		if err != nil {
			return b, err
		}
		b.In, b.InAct = from.OutShape(), from.OutAct
	}
	if b.Kind == Mean {
		b.Weights, b.Out, b.OutAct = kernels.NoWeights, b.In.C, b.InAct
	}
	if b.Kind == Conv && (b.In.H+2*b.Pad < b.Kernel || b.In.W+2*b.Pad < b.Kernel) {
		return b, fmt.Errorf("kernel is %d on %v with a rim of %d: images of %v are too small", b.Kernel, b.In, b.Pad, net.Input)
	}
	if l.Skip == nil {
		return b, nil
	}
	from, err := source(l.Skip.Back)
	if err != nil {
		return b, fmt.Errorf("skip: %w", err)
	}
	b.Skip = &Skip{Back: l.Skip.Back}
	if l.Skip.Project {
		in, out := from.OutShape(), b.OutShape()
		stride := max(1, (in.H+max(out.H, 1)-1)/max(out.H, 1))
		b.Skip.Proj = &Block{Kind: Conv, In: in, Out: b.Out, Kernel: 1, Stride: stride, Weights: b.Weights, InAct: from.OutAct}
	} else if !f.float() {
		from.Stream = true
	}
	return b, nil
}

// formats are those of layer i's weights and outputs.
func (d *Description) formats(i int, f Formats) (w kernels.WeightFormat, a kernels.ActFormat, err error) {
	l, last := &d.Layers[i], i == len(d.Layers)-1
	w, a = f.Weights, f.Acts
	if !f.float() {
		switch {
		case last && f.Last != kernels.NoWeights:
			w = f.Last
		case i == 0 && f.First != kernels.NoWeights:
			w = f.First
		}
		if l.Weights != "" {
			if w, err = kernels.ParseWeightFormat(l.Weights); err != nil {
				return w, a, err
			}
		}
		for j := i + 1; j < len(d.Layers); j++ {
			next := &d.Layers[j]
			wide := next.Kind == Mean || j == len(d.Layers)-1 && f.Last == kernels.Int8
			if wide && j-1-next.Back == i {
				a = kernels.U8
			}
		}
		if l.Acts != "" {
			if a, err = kernels.ParseActFormat(l.Acts); err != nil {
				return w, a, err
			}
		}
	}
	if last {
		if l.Acts != "" {
			return w, a, fmt.Errorf("acts is %q: want none in the last layer, which puts out logits", l.Acts)
		}
		a = kernels.NoActs
	}
	return w, a, nil
}
