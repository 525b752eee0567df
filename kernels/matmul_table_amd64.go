//go:build amd64 && !purego

package kernels

import (
	"example.com/lowbit/kernels/internal/avx2"
	"example.com/lowbit/kernels/internal/avx512"
)

var archF32 = []*f32Row{
	{kernelID{isa: "avx512", algorithm: "float32", features: avx512.GemmF32Features}, avx512.GemmF32[:], 32},
	{kernelID{isa: "avx2", algorithm: "float32", features: avx2.GemmF32Features}, avx2.GemmF32[:], 16},
}
