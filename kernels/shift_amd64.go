//go:build amd64 && !purego

package kernels

import (
	"example.com/lowbit/kernels/internal/avx2"
	"example.com/lowbit/kernels/internal/avx512bw"
)

var shiftGEMM = []*gemmRow{
	{kernelID: amd64ID("avx512bw", "shift", "", avx512bw.GemmShiftFeatures), form: codesForm{}, tiles: avx512bw.GemmShift[:], nr: 64, kstep: 2, bits: 4, group: 2, run: 64, maxProduct: avx512bw.GemmShiftMaxProduct},
	{kernelID: amd64ID("avx2", "shift", "", avx2.GemmShiftFeatures), form: codesForm{}, tiles: avx2.GemmShift[:], nr: 16, kstep: 4, bits: 4, group: 4, run: 32, maxProduct: avx2.GemmShiftMaxProduct},
}
