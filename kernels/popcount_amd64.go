//go:build amd64 && !purego

package kernels

import (
	"example.com/lowbit/kernels/internal/avx2"
	"example.com/lowbit/kernels/internal/avx512bw"
	"example.com/lowbit/kernels/internal/avx512vbmi"
)

var (
	popcountGEMM = []*gemmRow{
		{kernelID: amd64ID("avx512vbmi", "popcount", "", avx512vbmi.GemmBitsFeatures), form: bitsForm{}, tiles: avx512vbmi.GemmBits[:], nr: 32, kstep: 64, bits: 1},
		{kernelID: amd64ID("avx512bw", "popcount", "lut", avx512bw.GemmBitsLUTFeatures), form: bitsForm{}, tiles: avx512bw.GemmBitsLUT[:], nr: 128, kstep: 64, bits: 1, group: 8, run: 64},
		{kernelID: amd64ID("avx2", "popcount", "lut", avx2.GemmBitsLUTFeatures), form: bitsForm{}, tiles: avx2.GemmBitsLUT[:], nr: 64, kstep: 64, bits: 1, group: 8, run: 32},
		{kernelID: amd64ID("avx2", "popcount", "", avx2.GemmBitsFeatures), form: bitsForm{}, tiles: avx2.GemmBits[:], nr: 16, kstep: 64, bits: 1},
	}
	popcountBits = []*bitsRow{
		{kernelID: amd64ID("avx512vbmi", "popcount", "", all(avx512vbmi.DotBitsFeatures, avx512bw.PackBitsFeatures)), xor: avx512vbmi.DotBits, pack: avx512bw.PackBits},
		{kernelID: amd64ID("avx2", "popcount", "", all(avx2.DotBitsFeatures, avx2.PackBitsFeatures)), xor: avx2.DotBits, pack: avx2.PackBits},
	}
)
