//go:build arm64 && !purego

package kernels

import "golang.org/x/sys/cpu"

// cpuFeatures maps the names of the generator's instruction table to what the CPU
// has.
var cpuFeatures = map[string]bool{
	"AdvSIMD": cpu.ARM64.HasASIMD,
	"DotProd": cpu.ARM64.HasASIMDDP,
	"I8MM":    cpu.ARM64.HasI8MM,
}
