//go:build amd64 && !purego

package kernels

import (
	"example.com/lowbit/kernels/internal/avx2"
	"example.com/lowbit/kernels/internal/avx512bw"
)

// The generator and the packing agree on the length of a chunk.
var (
	_ [chunkSlots]byte = [avx2.ShiftAddSlots]byte{}
	_ [chunkSlots]byte = [avx512bw.ShiftAddSlots]byte{}
)

// Columns of 384 inputs and 64 rows are 24 KiB: three quarters of the
// first-level cache of CPUs with AVX2 alone. Those with AVX-512 have 48 KiB, and
// columns of 128 rows.
var shiftaddGEMM = []*gemmRow{
	{kernelID: amd64ID("avx512bw", "shiftadd", "", all(avx512bw.ShiftAddFeatures, avx512bw.ShiftAddSumsFeatures, avx2.ColumnsFeatures)),
		form: &columnsForm{lanes: avx512bw.ShiftAddLanes, inputs: 288, vector: 64, transpose: avx2.Columns, add: avx512bw.ShiftAdd, finish: avx512bw.ShiftAddSums},
		nr:   64, kstep: columnsStep, bits: 8 * chunkBytes / chunkSlots},
	{kernelID: amd64ID("avx2", "shiftadd", "", all(avx2.ShiftAddFeatures, avx2.ShiftAddSumsFeatures, avx2.ColumnsFeatures)),
		form: &columnsForm{lanes: avx2.ShiftAddLanes, inputs: 384, vector: 32, transpose: avx2.Columns, add: avx2.ShiftAdd, finish: avx2.ShiftAddSums},
		nr:   64, kstep: columnsStep, bits: 8 * chunkBytes / chunkSlots},
}
