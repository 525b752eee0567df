//go:build arm64 && !purego

package kernels

var (
	popcountGEMM []*gemmRow
	popcountBits []*bitsRow
	planesGEMM   []*gemmRow
)
