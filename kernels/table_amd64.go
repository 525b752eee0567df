//go:build amd64 && !purego

package kernels

import (
	"slices"
	"strings"

	"example.com/lowbit/kernels/internal/avx2"
	"example.com/lowbit/kernels/internal/avx512"
)

// amd64ID names a row; its features are those that the generator read from the
// instructions.
func amd64ID(isa, algorithm, variant, features string) kernelID {
	return kernelID{isa: isa, algorithm: algorithm, variant: variant, features: features}
}

// all joins the features of functions that are used together.
func all(features ...string) string {
	list := strings.Fields(strings.Join(features, " "))
	slices.Sort(list)
	return strings.Join(slices.Compact(list), " ")
}

// A muladd tile of the AVX2 room multiplies pairs of bytes into 16 bits. With
// acc16 it also adds pairs there: 8 of 8-bit weights (8*2*2,047 = 32,752 still
// fits), 16 of 4-bit ones (16*2*1,023 = 32,736) and 64 of 2-bit ones, whose
// products are at most 255 (64*2*255 = 32,640). With one pair, 2*16,320 does.
// The wide tile multiplies 16-bit numbers and so takes any product.
const (
	avx2Acc16ProductW8 = 2047
	avx2Acc16ProductW4 = 1023
	avx2Acc16ProductW2 = 255
	avx2PairProduct    = 16320
	anyProduct         = 127 * 255
)

// The rows, best first: fewer bits a weight before more, 16-bit sums before
// 32-bit ones.
var (
	archGEMM = []*gemmRow{
		{kernelID: amd64ID("avx512", "popcount", "", avx512.GemmBitsFeatures), tiles: avx512.GemmBits[:], nr: 32, kstep: 64, bits: 1},
		{kernelID: amd64ID("avx2", "popcount", "lut", avx2.GemmBitsLUTFeatures), tiles: avx2.GemmBitsLUT[:], nr: 64, kstep: 64, bits: 1, group: 8, leastN: 33},
		{kernelID: amd64ID("avx2", "popcount", "", avx2.GemmBitsFeatures), tiles: avx2.GemmBits[:], nr: 16, kstep: 64, bits: 1},
		{kernelID: amd64ID("avx512", "muladd", "w2", avx512.GemmW2Features), tiles: avx512.GemmW2[:], nr: 64, kstep: 4, bits: 2, group: 4, run: 64, maxProduct: anyProduct},
		{kernelID: amd64ID("avx512", "muladd", "w4", avx512.GemmW4Features), tiles: avx512.GemmW4[:], nr: 64, kstep: 4, bits: 4, group: 4, run: 64, maxProduct: anyProduct},
		{kernelID: amd64ID("avx512", "muladd", "w8", avx512.GemmW8Features), tiles: avx512.GemmW8[:], nr: 64, kstep: 4, bits: 8, group: 4, run: 64, maxProduct: anyProduct},
		{kernelID: amd64ID("avx2", "muladd", "w2-acc16", avx2.GemmW2Acc16Features), tiles: avx2.GemmW2Acc16[:], nr: 16, kstep: 8, bits: 2, group: 4, run: 32, maxProduct: avx2Acc16ProductW2},
		{kernelID: amd64ID("avx2", "muladd", "w4-acc16", avx2.GemmW4Acc16Features), tiles: avx2.GemmW4Acc16[:], nr: 16, kstep: 4, bits: 4, group: 4, run: 32, maxProduct: avx2Acc16ProductW4},
		{kernelID: amd64ID("avx2", "muladd", "w8-acc16", avx2.GemmW8Acc16Features), tiles: avx2.GemmW8Acc16[:], nr: 16, kstep: 4, bits: 8, group: 4, run: 32, maxProduct: avx2Acc16ProductW8},
		{kernelID: amd64ID("avx2", "muladd", "w2", avx2.GemmW2Features), tiles: avx2.GemmW2[:], nr: 16, kstep: 8, bits: 2, group: 4, run: 32, maxProduct: avx2PairProduct},
		{kernelID: amd64ID("avx2", "muladd", "w4", avx2.GemmW4Features), tiles: avx2.GemmW4[:], nr: 16, kstep: 4, bits: 4, group: 4, run: 32, maxProduct: avx2PairProduct},
		{kernelID: amd64ID("avx2", "muladd", "w8", avx2.GemmW8Features), tiles: avx2.GemmW8[:], nr: 16, kstep: 4, bits: 8, group: 4, run: 32, maxProduct: avx2PairProduct},
		{kernelID: amd64ID("avx2", "muladd", "w8-wide", avx2.GemmW8WideFeatures), tiles: avx2.GemmW8Wide[:], nr: 16, kstep: 2, bits: 8, group: 2, run: 32, maxProduct: anyProduct},
	}
	archDot = []*dotRow{
		{kernelID: amd64ID("avx512", "muladd", "w2", avx512.DotW2Features), dot: avx512.DotW2, bits: 2, run: 64, maxProduct: anyProduct},
		{kernelID: amd64ID("avx512", "muladd", "w4", avx512.DotW4Features), dot: avx512.DotW4, bits: 4, run: 64, maxProduct: anyProduct},
		{kernelID: amd64ID("avx512", "muladd", "w8", avx512.DotW8Features), dot: avx512.DotW8, bits: 8, run: 64, maxProduct: anyProduct},
		{kernelID: amd64ID("avx2", "muladd", "w2", avx2.DotW2Features), dot: avx2.DotW2, bits: 2, run: 32, maxProduct: avx2PairProduct},
		{kernelID: amd64ID("avx2", "muladd", "w4", avx2.DotW4Features), dot: avx2.DotW4, bits: 4, run: 32, maxProduct: avx2PairProduct},
		{kernelID: amd64ID("avx2", "muladd", "w8", avx2.DotW8Features), dot: avx2.DotW8, bits: 8, run: 32, maxProduct: avx2PairProduct},
		{kernelID: amd64ID("avx2", "muladd", "w8-wide", avx2.DotW8WideFeatures), dot: avx2.DotW8Wide, bits: 8, run: 32, maxProduct: anyProduct},
	}
	archBits = []*bitsRow{
		{kernelID: amd64ID("avx512", "popcount", "", all(avx512.DotBitsFeatures, avx512.PackBitsFeatures)), xor: avx512.DotBits, pack: avx512.PackBits},
		{kernelID: amd64ID("avx2", "popcount", "", all(avx2.DotBitsFeatures, avx2.PackBitsFeatures)), xor: avx2.DotBits, pack: avx2.PackBits},
	}
	archF32 = []*f32Row{
		{kernelID: amd64ID("avx512", "float32", "", all(avx512.GemmF32Features, avx512.GemvF32Features, avx2.PackRowsF32Features, avx2.PackColumnsF32Features)), tiles: avx512.GemmF32[:], gemv: avx512.GemvF32, nr: 32, packRows: avx2.PackRowsF32, packColumns: avx2.PackColumnsF32},
		{kernelID: amd64ID("avx2", "float32", "", all(avx2.GemmF32Features, avx2.GemvF32Features, avx2.PackRowsF32Features, avx2.PackColumnsF32Features)), tiles: avx2.GemmF32[:], gemv: avx2.GemvF32, nr: 16, packRows: avx2.PackRowsF32, packColumns: avx2.PackColumnsF32},
	}
	archF32Dot = []*f32DotRow{
		{kernelID: amd64ID("avx512", "float32", "", avx512.DotF32Features), dot: avx512.DotF32, block: 64},
		{kernelID: amd64ID("avx2", "float32", "", avx2.DotF32Features), dot: avx2.DotF32, block: 32},
	}
	archEpilogue = []*epilogueRow{
		{kernelID: amd64ID("avx2", "epilogue", "", all(avx2.MaxPoolI32Features, avx2.MaxPoolF32Features, avx2.ThresholdsFeatures, avx2.RequantizeFeatures, avx2.AffineFeatures)),
			maxPoolI32: avx2.MaxPoolI32, maxPoolF32: avx2.MaxPoolF32, thresholds: avx2.Thresholds, requantize: avx2.Requantize, affine: avx2.Affine},
	}
)
