//go:build arm64 && !purego

package kernels

import "example.com/lowbit/kernels/internal/neon"

var archEpilogue = []*epilogueRow{
	{kernelID: arm64ID("neon", "epilogue", "", all(neon.MaxPoolI32Features, neon.MaxPoolF32Features, neon.ThresholdsFeatures, neon.RequantizeFeatures, neon.AffineFeatures)),
		maxPoolI32: neon.MaxPoolI32, maxPoolF32: neon.MaxPoolF32, thresholds: neon.Thresholds, requantize: neon.Requantize, affine: neon.Affine},
}
