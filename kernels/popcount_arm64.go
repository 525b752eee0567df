//go:build arm64 && !purego

package kernels

import "example.com/lowbit/kernels/internal/neon"

var (
	popcountGEMM = []*gemmRow{
		{kernelID: arm64ID("neon", "popcount", "", neon.GemmBitsFeatures), form: bitsForm{}, tiles: neon.GemmBits[:], nr: 8, kstep: 64, bits: 1, group: 128},
	}
	popcountBits []*bitsRow
	planesGEMM   []*gemmRow
)
