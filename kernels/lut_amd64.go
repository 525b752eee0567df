//go:build amd64 && !purego

package kernels

import (
	"example.com/lowbit/kernels/internal/avx2"
	"example.com/lowbit/kernels/internal/avx512bw"
	"example.com/lowbit/kernels/internal/avx512vbmi"
)

// The variants are w1 for binary weights and w2 for ternary ones, with tables of
// four codes; 6 with tables of six; 4x4 with four tables of four in a vector.
var lutGEMM = []*gemmRow{
	lutRow("avx512vbmi", "6-w1", 6, lutSixes(1), avx512vbmi.GemmLUTSix1[:], avx512vbmi.GemmLUTSix1Features, avx512vbmi.SubsetSums6Features),
	lutRow("avx512vbmi", "6-w2", 6, lutSixes(2), avx512vbmi.GemmLUTSix2[:], avx512vbmi.GemmLUTSix2Features, avx512vbmi.SubsetSums6Features),
	lutRow("avx512vbmi", "4x4-w1", 16, lutFours(1, nibblesIn64, quadsLUT), avx512vbmi.GemmLUTDot1[:], avx512vbmi.GemmLUTDot1Features, avx2.SubsetSumsFeatures),
	lutRow("avx512vbmi", "4x4-w2", 16, lutFours(2, nibblesIn64, quadsLUT), avx512vbmi.GemmLUTDot2[:], avx512vbmi.GemmLUTDot2Features, avx2.SubsetSumsFeatures),
	lutRow("avx512bw", "w1", 8, lutFours(1, bytesIn(64), avx512LUT), avx512bw.GemmLUT1[:], avx512bw.GemmLUT1Features, avx2.SubsetSumsFeatures),
	lutRow("avx512bw", "w2", 8, lutFours(2, bytesIn(64), avx512LUT), avx512bw.GemmLUT2[:], avx512bw.GemmLUT2Features, avx2.SubsetSumsFeatures),
	lutRow("avx2", "w1", 8, lutFours(1, bytesIn(32), avx2LUT), avx2.GemmLUT1[:], avx2.GemmLUT1Features, avx2.SubsetSumsFeatures, avx2.GemvLUT1Features).with(avx2.GemvLUT1),
	lutRow("avx2", "w2", 8, lutFours(2, bytesIn(32), avx2LUT), avx2.GemmLUT2[:], avx2.GemmLUT2Features, avx2.SubsetSumsFeatures, avx2.GemvLUT2Features).with(avx2.GemvLUT2),
}

func lutRow(isa, variant string, kstep int, f tablesForm, tiles []tileFunc, features ...string) *gemmRow {
	return &gemmRow{kernelID: amd64ID(isa, "lut", variant, all(features...)), form: f, tiles: tiles, nr: 64, kstep: kstep, bits: f.planes}
}

// with adds a function for one row.
func (r *gemmRow) with(gemv gemvFunc) *gemmRow {
	r.gemv = gemv
	return r
}

// lutFours takes codes of 8 bits for one plane of weights only: two nibbles of
// two planes are four look-ups for four products, where to multiply is faster
// (by a quarter on Zen 3).
func lutFours(planes int, place lutPlace, l lutLayout) tablesForm {
	return tablesForm{lutLayout: l, planes: planes, group: 4, block: 16, most: []int{1: 255, 2: lutNibble}[planes], place: place, build: avx2.SubsetSums, cache: lutCache}
}

// lutSixes takes no more bits than its tables' codes have: bytes hold too few
// sums of six nibbles to go through the panel twice.
func lutSixes(planes int) tablesForm {
	return tablesForm{lutLayout: sixesLUT, planes: planes, group: 6, block: 24, most: lutNibble, place: bytesIn(64), build: avx512vbmi.SubsetSums6, cache: lutCache}
}

// bytesIn has a byte for each output, in vectors of that many.
func bytesIn(vector int) lutPlace {
	return func(j, k int) (int, int) { return vectorPlace(j, vector), k }
}

// nibblesIn64 has, in the dwords of a vector of 64 bytes, a nibble of each byte
// for four inputs: the low ones for the first 16 outputs, the high ones for the next.
func nibblesIn64(j, k int) (at, bit int) { return j/32*64 + j%16*4 + k/4, j%32/16*4 + k%4 }

// The layouts of rows, for tiles of one plane and of two.
var (
	avx2LUT   = lutLayout{avx2.GemmLUT1Constant, avx2.GemmLUT1Period, avx2.GemmLUT1End, avx2.GemmLUT1Tables, avx2.GemmLUT1Sum}
	avx512LUT = lutLayout{avx512bw.GemmLUT1Constant, avx512bw.GemmLUT1Period, avx512bw.GemmLUT1End, avx512bw.GemmLUT1Tables, avx512bw.GemmLUT1Sum}
	sixesLUT  = lutLayout{avx512vbmi.GemmLUTSix1Constant, avx512vbmi.GemmLUTSix1Period, avx512vbmi.GemmLUTSix1End, avx512vbmi.GemmLUTSix1Tables, avx512vbmi.GemmLUTSix1Sum}
	quadsLUT  = lutLayout{avx512vbmi.GemmLUTDot1Constant, avx512vbmi.GemmLUTDot1Period, avx512vbmi.GemmLUTDot1End, avx512vbmi.GemmLUTDot1Tables, avx512vbmi.GemmLUTDot1Sum}
)
