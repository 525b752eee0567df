// Package models has the shipped networks: model files built into the program.
package models

import (
	"embed"
	"fmt"
	"path"
	"strings"

	"example.com/lowbit/netrun/model"
	"example.com/lowbit/netrun/nn"
)

const suffix = ".safetensors"

//go:embed *.safetensors
var files embed.FS

// Names lists the shipped networks in alphabetical order: names of files
// without their suffix.
func Names() []string {
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
