//go:build amd64 && !purego

package kernels

import "example.com/lowbit/kernels/internal/avx2"

var lutGEMM = []*gemmRow{
	{kernelID: amd64ID("avx2", "lut", "w1", all(avx2.GemmLUT1Features, avx2.SubsetSumsFeatures)),
		form: tablesForm{lutLayout: avx2LUT, planes: 1, group: 4, block: 16, most: 255, place: bytesIn(32), build: avx2.SubsetSums}, tiles: avx2.GemmLUT1[:], nr: 64, kstep: 8, bits: 1},
	{kernelID: amd64ID("avx2", "lut", "w2", all(avx2.GemmLUT2Features, avx2.SubsetSumsFeatures)),
		form: tablesForm{lutLayout: avx2LUT, planes: 2, group: 4, block: 16, most: 255, place: bytesIn(32), build: avx2.SubsetSums}, tiles: avx2.GemmLUT2[:], nr: 64, kstep: 8, bits: 2},
}

// avx2LUT is the layout of rows for tiles of one plane and of two.
var avx2LUT = lutLayout{avx2.GemmLUT1Constant, avx2.GemmLUT1Period, avx2.GemmLUT1End, avx2.GemmLUT1Tables, avx2.GemmLUT1Sum}
