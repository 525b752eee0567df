package main

import (
	"fmt"
	"slices"
	"strings"
)

// A core is one that the analyser has a model of.
type core struct {
	name  string // the analyser's, for -mcpu
	model string // whose scheduling model that is
	// width is how many instructions the core decodes a cycle. Some models have the
	// width of its dispatch, in parts of instructions, alone.
	width    int
	features []string // of the kernels that run there
	// split has loads that write their address back given to the analyser as a load
	// and an addition: these models have the address ready with the data, five or six
	// cycles later, where cores have it after one.
	split bool
	note  string
}

var cores = []core{
	{"cortex-a72", "Cortex-A57", 3, []string{"AdvSIMD"}, true, "two vector pipes, of which one multiplies integers"},
	{"neoverse-n1", "Neoverse N1", 4, []string{"AdvSIMD", "DotProd"}, false, "two vector pipes"},
	{"neoverse-n2", "Neoverse N2", 5, []string{"AdvSIMD", "DotProd", "I8MM"}, true, "two vector pipes"},
	{"neoverse-v1", "Neoverse V1", 8, []string{"AdvSIMD", "DotProd", "I8MM"}, false, "four vector pipes"},
	{"apple-m1", "Cyclone (Apple A7)", 8, []string{"AdvSIMD", "DotProd"}, true, "three vector pipes in the model, four in the M1"},
}

func coresNamed(list string) ([]core, error) {
	var found []core
	for _, name := range strings.Split(list, ",") {
		i := slices.IndexFunc(cores, func(c core) bool { return c.name == strings.TrimSpace(name) })
		if i < 0 {
			return nil, fmt.Errorf("no core %q: want some of %s", name, coreNames())
		}
		found = append(found, cores[i])
	}
	return found, nil
}

func coreNames() string {
	var names []string
	for _, c := range cores {
		names = append(names, c.name)
	}
	return strings.Join(names, ",")
}

// runs reports whether the core has the features.
func (c *core) runs(features []string) bool {
	return !slices.ContainsFunc(features, func(f string) bool { return !slices.Contains(c.features, f) })
}
