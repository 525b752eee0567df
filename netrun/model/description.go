package model

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/nn"
)

// description and block are the JSON of a network without its parameters.
type description struct {
	Name    string            `json:"name"`
	Dataset string            `json:"dataset"`
	Method  string            `json:"method"`
	Input   [3]int            `json:"input"`
	Classes int               `json:"classes"`
	Blocks  []block           `json:"blocks"`
	Meta    map[string]string `json:"meta,omitempty"`
}

type block struct {
	linear
	Back   int   `json:"back,omitempty"`
	Skip   *skip `json:"skip,omitempty"`
	Stream bool  `json:"stream,omitempty"`
}

type skip struct {
	Back int     `json:"back"`
	Proj *linear `json:"proj,omitempty"`
}

// linear is what blocks and projections have in common.
type linear struct {
	Kind    string `json:"kind"`
	In      [3]int `json:"in"`
	Out     int    `json:"out"`
	Kernel  int    `json:"kernel,omitempty"`
	Stride  int    `json:"stride,omitempty"`
	Pad     int    `json:"pad,omitempty"`
	Pool    int    `json:"pool,omitempty"`
	Weights string `json:"weights,omitempty"`
	InAct   string `json:"in_act"`
	OutAct  string `json:"out_act,omitempty"`
}

// describe returns the JSON description of n, whose shapes are checked.
func describe(n *nn.Network) ([]byte, error) {
	d := description{
		Name: n.Name, Dataset: n.Dataset, Method: n.Method,
		Input: triple(n.Input), Classes: n.Classes, Meta: n.Meta,
	}
	for i := range n.Blocks {
		b := &n.Blocks[i]
		e := block{linear: describeLinear(b), Back: b.Back, Stream: b.Stream}
		if b.Skip != nil {
			e.Skip = &skip{Back: b.Skip.Back}
			if b.Skip.Proj != nil {
				p := describeLinear(b.Skip.Proj)
				e.Skip.Proj = &p
			}
		}
		d.Blocks = append(d.Blocks, e)
	}
	return json.Marshal(d)
}

func describeLinear(b *nn.Block) linear {
	e := linear{
		Kind: b.Kind, In: triple(b.In), Out: b.Out,
		Kernel: b.Kernel, Stride: b.Stride, Pad: b.Pad,
		InAct: b.InAct.String(),
	}
	if b.Pool > 1 { // 0 and 1 both mean none
		e.Pool = b.Pool
	}
	if b.Weights != kernels.NoWeights {
		e.Weights = b.Weights.String()
	}
	if b.OutAct != kernels.NoActs {
		e.OutAct = b.OutAct.String()
	}
	return e
}

// parse returns the network that text describes, without parameters and with
// its shapes checked.
func parse(text []byte) (*nn.Network, error) {
	var d description
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("text after the JSON object: want none")
	}
	n := &nn.Network{
		Name: d.Name, Dataset: d.Dataset, Method: d.Method,
		Input: shape(d.Input), Classes: d.Classes, Meta: d.Meta,
	}
	for i, e := range d.Blocks {
		b, err := e.linear.block()
		if err != nil {
			return nil, fmt.Errorf("block %d: %w", i, err)
		}
		b.Back, b.Stream = e.Back, e.Stream
		if e.Skip != nil {
			b.Skip = &nn.Skip{Back: e.Skip.Back}
			if e.Skip.Proj != nil {
				p, err := e.Skip.Proj.block()
				if err != nil {
					return nil, fmt.Errorf("block %d: shortcut: %w", i, err)
				}
				b.Skip.Proj = &p
			}
		}
		n.Blocks = append(n.Blocks, b)
	}
	return n, n.CheckShapes()
}

// block is the inverse of describeLinear. Weights are left out of means alone, which
// CheckShapes sees to.
func (e *linear) block() (nn.Block, error) {
	b := nn.Block{
		Kind: e.Kind, In: shape(e.In), Out: e.Out,
		Kernel: e.Kernel, Stride: e.Stride, Pad: e.Pad, Pool: e.Pool,
	}
	var err error
	if e.Weights != "" {
		if b.Weights, err = kernels.ParseWeightFormat(e.Weights); err != nil {
			return b, fmt.Errorf("weights: %w", err)
		}
	}
	if b.InAct, err = kernels.ParseActFormat(e.InAct); err != nil {
		return b, fmt.Errorf("in_act: %w", err)
	}
	if e.OutAct != "" {
		if b.OutAct, err = kernels.ParseActFormat(e.OutAct); err != nil {
			return b, fmt.Errorf("out_act: %w", err)
		}
	}
	return b, nil
}

func triple(s nn.Shape) [3]int { return [3]int{s.H, s.W, s.C} }

func shape(t [3]int) nn.Shape { return nn.Shape{H: t[0], W: t[1], C: t[2]} }
