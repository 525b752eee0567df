//go:build arm64 && !purego

package kernels

import "example.com/lowbit/kernels/internal/neon"

var (
	archF32 = []*f32Row{
		{kernelID: arm64ID("neon", "float32", "", all(neon.GemmF32Features)), tiles: neon.GemmF32[:], nr: 16},
	}
	archF32Dot []*f32DotRow
)
