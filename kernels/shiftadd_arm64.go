//go:build arm64 && !purego

package kernels

import "example.com/lowbit/kernels/internal/neon"

// The generator and the packing agree on the length of a chunk.
var _ [chunkSlots]byte = [neon.ShiftAddSlots]byte{}

// Columns of 384 inputs and 64 rows are 24 KiB: three quarters of the smallest
// first-level cache. The sums are in the order of the rows, as if four were a
// vector.
var shiftaddGEMM = []*gemmRow{
	{kernelID: arm64ID("neon", "shiftadd", "", all(neon.ShiftAddFeatures, neon.ShiftAddSumsFeatures, neon.ColumnsFeatures)),
		form: &columnsForm{lanes: neon.ShiftAddLanes, inputs: 384, vector: 4, transpose: neon.Columns, add: neon.ShiftAdd, finish: neon.ShiftAddSums},
		nr:   64, kstep: columnsStep, bits: 8 * chunkBytes / chunkSlots},
}
