// Package models has the shipped networks: model files built into the program.
package models

import (
	"embed"
	"fmt"
	"path"
	"slices"
	"strings"

	"example.com/lowbit/netrun/model"
	"example.com/lowbit/netrun/nn"
)

const (
	suffix  = ".safetensors"
	outline = ".json"
)

// .safetensors and .json in one pattern, as there may be none of the latter.
//
//go:embed *.[js]*[ns]
var files embed.FS

// Names lists the shipped networks in alphabetical order: names of files
// without their suffix.
func Names() []string { return names(suffix) }

// names lists the files that end so.
func names(suffix string) []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // the root of an embedded file system is always there
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), suffix); ok {
			names = append(names, name)
		}
	}
	return names
}

// Load returns a shipped network, checked as files from elsewhere are. The
// error, of a name that is not one of Names, lists them.
func Load(name string) (*nn.Network, error) {
	data, err := files.ReadFile(name + suffix)
	if err != nil || path.Base(name) != name {
		return nil, fmt.Errorf("models: no shipped network %q: want one of %s", name, strings.Join(Names(), ", "))
	}
	n, err := model.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("shipped network %s: %w", name, err)
	}
	return n, nil
}

// A Shipped is one of the files.
type Shipped struct {
	Name    string // without the suffix
	Bytes   int
	Network *nn.Network
	// Outline says that the network is too large to be shipped: there are its shapes
	// and metadata, in a file NAME.json, without parameters.
	Outline bool
}

// All returns the shipped networks and outlines, in alphabetical order.
func All() ([]Shipped, error) {
	var all []Shipped
	for _, name := range Names() {
		data, err := files.ReadFile(name + suffix)
		if err != nil {
			return nil, err
		}
		n, err := Load(name)
		if err != nil {
			return nil, err
		}
		all = append(all, Shipped{name, len(data), n, false})
	}
	for _, name := range names(outline) {
		text, err := files.ReadFile(name + outline)
		if err != nil {
			return nil, err
		}
		n, err := model.DecodeOutline(text)
		if err != nil {
			return nil, fmt.Errorf("shipped outline %s: %w", name, err)
		}
		all = append(all, Shipped{name, len(text), n, true})
	}
	slices.SortFunc(all, func(a, b Shipped) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}
