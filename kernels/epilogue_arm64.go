//go:build arm64 && !purego

package kernels

import "example.com/lowbit/kernels/internal/neon"

var archEpilogue = []*epilogueRow{
	{kernelID: arm64ID("neon", "epilogue", "", all(neon.MaxPoolI16Features, neon.MaxPoolI32Features, neon.MaxPoolF32Features, neon.ThresholdsFeatures, neon.ThresholdsI16Features, neon.RequantizeFeatures, neon.AffineFeatures,
		neon.ResidualI16Features, neon.ResidualI32Features, neon.ResidualF32Features, neon.ChannelSumsFeatures, neon.ChannelSumsF32Features)),
		maxPoolI16: neon.MaxPoolI16, maxPoolI32: neon.MaxPoolI32, maxPoolF32: neon.MaxPoolF32, thresholds: neon.Thresholds, thresholdsI16: neon.ThresholdsI16, requantize: neon.Requantize, affine: neon.Affine,
		residualI16: neon.ResidualI16, residualI32: neon.ResidualI32, residualF32: neon.ResidualF32, channelSums: neon.ChannelSums, channelSumsF32: neon.ChannelSumsF32},
}
