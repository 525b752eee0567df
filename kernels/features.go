package kernels

import (
	"slices"
	"strings"
)

// Features lists the CPU features, by the names the kernel table uses, that
// this CPU and operating system have. The caller owns the slice.
func Features() []string {
	var have []string
	for name, ok := range cpuFeatures {
		if ok {
			have = append(have, name)
		}
	}
	slices.Sort(have)
	return have
}

// missing returns those of a space-separated list of features that this CPU
// lacks. A name that is not known counts as missing, so that a kernel can
// never run on a guess.
func missing(features string) []string {
	var lacks []string
	for _, name := range strings.Fields(features) {
		if !cpuFeatures[name] {
			lacks = append(lacks, name)
		}
	}
	return lacks
}

// all joins the features of functions that are used together.
func all(features ...string) string {
	list := strings.Fields(strings.Join(features, " "))
	slices.Sort(list)
	return strings.Join(slices.Compact(list), " ")
}
