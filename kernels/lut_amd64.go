//go:build amd64 && !purego

package kernels

import "example.com/lowbit/kernels/internal/avx2"

var lutGEMM = []*gemmRow{
	{kernelID: amd64ID("avx2", "lut", "w1", all(avx2.GemmLUT1Features, avx2.SubsetSumsFeatures)), form: tablesForm{avx2LUT, 1, avx2.SubsetSums},
		tiles: avx2.GemmLUT1[:], nr: 64, kstep: lutKStep, bits: 1, run: 32},
	{kernelID: amd64ID("avx2", "lut", "w2", all(avx2.GemmLUT2Features, avx2.SubsetSumsFeatures)), form: tablesForm{avx2LUT, 2, avx2.SubsetSums},
		tiles: avx2.GemmLUT2[:], nr: 64, kstep: lutKStep, bits: 2, run: 32},
}

// avx2LUT is the layout of rows for tiles of one plane and of two.
var avx2LUT = lutLayout{avx2.GemmLUT1Constant, avx2.GemmLUT1Period, avx2.GemmLUT1End, avx2.GemmLUT1Tables, avx2.GemmLUT1Sum}
