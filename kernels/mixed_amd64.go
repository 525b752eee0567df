//go:build amd64 && !purego

package kernels

import (
	"example.com/lowbit/kernels/internal/avx2"
	"example.com/lowbit/kernels/internal/avx512bw"
)

var archMixed = []*mixedRow{
	{kernelID: amd64ID("avx512bw", "muladd", "f32", avx512bw.MixedMuladdFeatures), tiles: avx512bw.MixedMuladd[:], nr: avx512bw.MixedMuladdNR, vector: avx512bw.MixedMuladdVector},
	{kernelID: amd64ID("avx512bw", "expadd", "", avx512bw.MixedExpaddFeatures), tiles: avx512bw.MixedExpadd[:], nr: avx512bw.MixedExpaddNR, vector: avx512bw.MixedExpaddVector},
	{kernelID: amd64ID("avx2", "muladd", "f32", avx2.MixedMuladdFeatures), tiles: avx2.MixedMuladd[:], nr: avx2.MixedMuladdNR, vector: avx2.MixedMuladdVector},
	{kernelID: amd64ID("avx2", "expadd", "", avx2.MixedExpaddFeatures), tiles: avx2.MixedExpadd[:], nr: avx2.MixedExpaddNR, vector: avx2.MixedExpaddVector},
}
