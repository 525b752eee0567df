//go:build (amd64 || arm64) && !purego

package limits

import (
	"slices"
	"strings"

	"example.com/lowbit/kernels"
)

// has reports whether the CPU has every feature of a generated list.
func has(features string) bool {
	have := kernels.Features()
	for _, f := range strings.Fields(features) {
		if !slices.Contains(have, f) {
			return false
		}
	}
	return true
}

// A featured loop needs CPU features.
type featured struct {
	Loop
	features string
}

func archLoops() []Loop {
	var loops []Loop
	for _, l := range all {
		if has(l.features) {
			loops = append(loops, l.Loop)
		}
	}
	return loops
}
