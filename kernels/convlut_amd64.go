//go:build amd64 && !purego

package kernels

import "example.com/lowbit/kernels/internal/avx2"

// avx2ConvLUT has 64 indices of a table, but for few outputs.
var avx2ConvLUT = &convLUTRow{
	kernels: []convLUTKernel{{1, 64, avx2.ConvLUT1x64[:]}, {1, 32, avx2.ConvLUT1x32[:]}, {1, 16, avx2.ConvLUT1x16[:]}, {2, 32, avx2.ConvLUT2x32[:]}, {2, 16, avx2.ConvLUT2x16[:]}},
	tables:  avx2.ConvLUTTables, unpack: avx2.UnpackNibbles,
}
