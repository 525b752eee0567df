//go:build arm64 && !purego

package kernels

import "example.com/lowbit/kernels/internal/neon"

var archMixed = []*mixedRow{
	{kernelID: arm64ID("neon", "muladd", "f32", neon.MixedMuladdFeatures), tiles: neon.MixedMuladd[:], nr: neon.MixedMuladdNR, fours: true},
	{kernelID: arm64ID("neon", "expadd", "", neon.MixedExpaddFeatures), tiles: neon.MixedExpadd[:], nr: neon.MixedExpaddNR, fours: true},
}
