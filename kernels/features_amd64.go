//go:build amd64 && !purego

package kernels

import "golang.org/x/sys/cpu"

// cpuFeatures maps the names that the generator finds in the instructions to
// what the CPU has. HasAVX512F and the like already imply that the operating
// system saves the registers.
var cpuFeatures = map[string]bool{
	"CMOV":            true, // part of amd64, as are SSE and SSE2
	"MMX+":            true, // the prefetches, which SSE has too
	"SSE":             true,
	"SSE2":            true,
	"SSE3":            cpu.X86.HasSSE3,
	"SSSE3":           cpu.X86.HasSSSE3,
	"SSE4.1":          cpu.X86.HasSSE41,
	"SSE4.2":          cpu.X86.HasSSE42,
	"POPCNT":          cpu.X86.HasPOPCNT,
	"BMI":             cpu.X86.HasBMI1,
	"BMI2":            cpu.X86.HasBMI2,
	"AVX":             cpu.X86.HasAVX,
	"AVX2":            cpu.X86.HasAVX2,
	"FMA3":            cpu.X86.HasFMA,
	"AVXVNNI":         cpu.X86.HasAVXVNNI,
	"AVX512F":         cpu.X86.HasAVX512F,
	"AVX512BW":        cpu.X86.HasAVX512BW,
	"AVX512DQ":        cpu.X86.HasAVX512DQ,
	"AVX512VL":        cpu.X86.HasAVX512VL,
	"AVX512VNNI":      cpu.X86.HasAVX512VNNI,
	"AVX512VBMI":      cpu.X86.HasAVX512VBMI,
	"AVX512VBMI2":     cpu.X86.HasAVX512VBMI2,
	"AVX512BITALG":    cpu.X86.HasAVX512BITALG,
	"AVX512VPOPCNTDQ": cpu.X86.HasAVX512VPOPCNTDQ,
}
