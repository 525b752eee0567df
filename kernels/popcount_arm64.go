//go:build arm64 && !purego

package kernels

import "example.com/lowbit/kernels/internal/neon"

var (
	popcountGEMM = []*gemmRow{
		{kernelID: arm64ID("neon", "popcount", "", neon.GemmBitsFeatures), form: bitsForm{}, tiles: neon.GemmBits[:], nr: 8, kstep: 64, bits: 1, group: 128},
	}
	popcountBits = []*bitsRow{
		{kernelID: arm64ID("neon", "popcount", "", all(neon.DotBitsFeatures, neon.PackBitsFeatures)), xor: neon.DotBits, pack: neon.PackBits},
	}
	planesGEMM = []*gemmRow{
		{kernelID: arm64ID("neon", "popcount", "planes-w1", neon.GemmPlanesW1Features), form: planesForm{1}, tiles: neon.GemmPlanesW1[:], nr: 8, kstep: 64, bits: 1, group: 128},
		{kernelID: arm64ID("neon", "popcount", "planes-w2", neon.GemmPlanesW2Features), form: planesForm{2}, tiles: neon.GemmPlanesW2[:], nr: 8, kstep: 64, bits: 2, group: 128},
	}
)
