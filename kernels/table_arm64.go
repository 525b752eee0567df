//go:build arm64 && !purego

package kernels

import "slices"

// arm64ID names a row; its features are those that the generator read from the
// instructions.
func arm64ID(isa, algorithm, variant, features string) kernelID {
	return kernelID{isa: isa, algorithm: algorithm, variant: variant, features: features}
}

// The rows of all algorithms; within a tier, those in front are preferred
// where no measurement says otherwise.
var (
	archGEMM = slices.Concat(popcountGEMM, lutGEMM, muladdGEMM, shiftaddGEMM, planesGEMM, shiftGEMM)
	archDot  = muladdDot
	archBits = popcountBits

	archConvInt16 []*convInt16Row // none yet
)
