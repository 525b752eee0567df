//go:build arm64 && !purego

package kernels

import "example.com/lowbit/kernels/internal/neon"

var shiftGEMM = []*gemmRow{
	{kernelID: arm64ID("neon", "shift", "", neon.GemmShiftFeatures), form: codesForm{}, tiles: neon.GemmShift[:], nr: 16, kstep: 2, bits: 4, group: 2, run: 16, maxProduct: neon.GemmShiftMaxProduct},
}
