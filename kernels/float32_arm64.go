//go:build arm64 && !purego

package kernels

import "example.com/lowbit/kernels/internal/neon"

var archF32 = []*f32Row{
	{kernelID: arm64ID("neon", "float32", "", all(neon.GemmF32Features, neon.WindowF32Features, neon.AffineAddFeatures, neon.GemvF32Features, neon.PackRowsF32Features, neon.PackColumnsF32Features)), tiles: neon.GemmF32[:], window: neon.WindowF32[:], gemv: neon.GemvF32, nr: 16, packRows: neon.PackRowsF32, packColumns: neon.PackColumnsF32, affineAdd: neon.AffineAdd},
}
