//go:build arm64 && !purego

package kernels

import (
	"example.com/lowbit/kernels/internal/neon"
	"example.com/lowbit/kernels/internal/portable"
)

var archEpilogue = []*epilogueRow{
	{kernelID: arm64ID("neon", "epilogue", "", all(neon.MaxPoolI32Features, neon.MaxPoolF32Features, neon.ThresholdsFeatures, neon.RequantizeFeatures, neon.AffineFeatures)),
		maxPoolI32: neon.MaxPoolI32, maxPoolF32: neon.MaxPoolF32, thresholds: neon.Thresholds, requantize: neon.Requantize, affine: neon.Affine,
		maxPoolI16: portable.MaxPool[int16], thresholdsI16: portable.ThresholdsI16,
		residualI16: portable.Residual[int16], residualI32: portable.Residual[int32], residualF32: portable.Residual[float32],
		channelSums: portable.ChannelSums[byte, int32], channelSumsF32: portable.ChannelSums[float32, float32]},
}
