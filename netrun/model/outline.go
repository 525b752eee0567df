package model

import (
	"bytes"
	"encoding/json"
	"fmt"

	"example.com/lowbit/netrun/nn"
)

// EncodeOutline returns what a model file tells of n besides its parameters: the
// description, as indented JSON. It is for networks that are too large to be kept.
func EncodeOutline(n *nn.Network) ([]byte, error) {
	if err := n.CheckShapes(); err != nil {
		return nil, fmt.Errorf("model: outline: %w", err)
	}
	text, err := describe(n)
	if err != nil {
		return nil, fmt.Errorf("model: outline: %w", err)
	}
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		return nil, fmt.Errorf("model: outline: %w", err)
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

// DecodeOutline returns the network of an outline, without parameters and with its
// shapes checked.
func DecodeOutline(text []byte) (*nn.Network, error) {
	n, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("model: outline: %w", err)
	}
	return n, nil
}
