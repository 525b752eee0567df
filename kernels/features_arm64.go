//go:build arm64 && !purego

package kernels

import "golang.org/x/sys/cpu"

// cpuFeatures maps the names of the generator's instruction table to what the CPU
// has, as far as the operating system tells: Linux, Darwin and the BSDs tell all of
// it, Windows nothing of I8MM, others AdvSIMD alone, which arm64 always has. What is
// not told counts as missing.
var cpuFeatures = map[string]bool{
	"AdvSIMD": cpu.ARM64.HasASIMD,
	"DotProd": cpu.ARM64.HasASIMDDP,
	"I8MM":    cpu.ARM64.HasI8MM,
}
