//go:build amd64 && !purego

package kernels

import (
	"slices"

	"example.com/lowbit/kernels/internal/avx2"
	"example.com/lowbit/kernels/internal/avx512bw"
)

// amd64ID names a row; its features are those that the generator read from the
// instructions.
func amd64ID(isa, algorithm, variant, features string) kernelID {
	return kernelID{isa: isa, algorithm: algorithm, variant: variant, features: features}
}

// The rows of all algorithms; within a tier, those in front are preferred
// where no measurement says otherwise.
var (
	archGEMM = slices.Concat(popcountGEMM, lutGEMM, muladdGEMM, shiftaddGEMM, planesGEMM, shiftGEMM)
	archDot  = muladdDot
	archBits = popcountBits
	archF32  = []*f32Row{
		{kernelID: amd64ID("avx512bw", "float32", "", all(avx512bw.GemmF32Features, avx512bw.WindowF32Features, avx512bw.GemvF32Features, avx2.PackRowsF32Features, avx2.PackColumnsF32Features, avx2.AffineAddFeatures, winogradFeatures, conv5Features)), tiles: avx512bw.GemmF32[:], window: avx512bw.WindowF32[:], gemv: avx512bw.GemvF32, nr: 32, packRows: avx2.PackRowsF32, packColumns: avx2.PackColumnsF32, affineAdd: avx2.AffineAdd, winograd: avx2Winograd, conv5: avx2Conv5},
		{kernelID: amd64ID("avx2", "float32", "", all(avx2.GemmF32Features, avx2.WindowF32Features, avx2.GemvF32Features, avx2.PackRowsF32Features, avx2.PackColumnsF32Features, avx2.AffineAddFeatures, winogradFeatures, conv5Features)), tiles: avx2.GemmF32[:], window: avx2.WindowF32[:], gemv: avx2.GemvF32, nr: 16, packRows: avx2.PackRowsF32, packColumns: avx2.PackColumnsF32, affineAdd: avx2.AffineAdd, winograd: avx2Winograd, conv5: avx2Conv5},
	}
	archF32Dot = []*f32DotRow{
		{kernelID: amd64ID("avx512bw", "float32", "", avx512bw.DotF32Features), dot: avx512bw.DotF32, block: avx512bw.DotF32Block},
		{kernelID: amd64ID("avx2", "float32", "", avx2.DotF32Features), dot: avx2.DotF32, block: avx2.DotF32Block},
	}
	avx2Conv5     = &conv5Steps{avx2.Conv5Image, avx2.Conv5Sums, avx2.Conv5Weights, avx2.Conv5ToSums, avx2.Conv5ToImage, avx2.Conv5ToWeights}
	conv5Features = all(avx2.Conv5ImageFeatures, avx2.Conv5SumsFeatures, avx2.Conv5WeightsFeatures, avx2.Conv5ToSumsFeatures, avx2.Conv5ToImageFeatures, avx2.Conv5ToWeightsFeatures)
	archEpilogue  = []*epilogueRow{
		{kernelID: amd64ID("avx2", "epilogue", "", all(avx2.MaxPoolI16Features, avx2.MaxPoolI32Features, avx2.MaxPoolF32Features, avx2.ThresholdsFeatures, avx2.ThresholdsI16Features, avx2.RequantizeFeatures, avx2.AffineFeatures,
			avx2.ResidualI16Features, avx2.ResidualI32Features, avx2.ResidualF32Features, avx2.ChannelSumsFeatures, avx2.ChannelSumsF32Features)),
			maxPoolI16: avx2.MaxPoolI16, maxPoolI32: avx2.MaxPoolI32, maxPoolF32: avx2.MaxPoolF32, thresholds: avx2.Thresholds, thresholdsI16: avx2.ThresholdsI16, requantize: avx2.Requantize, affine: avx2.Affine,
			residualI16: avx2.ResidualI16, residualI32: avx2.ResidualI32, residualF32: avx2.ResidualF32, channelSums: avx2.ChannelSums, channelSumsF32: avx2.ChannelSumsF32},
	}
)
