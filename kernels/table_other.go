//go:build (!amd64 && !arm64) || purego

package kernels

// No assembly for this CPU: the portable rows are all there is.
var (
	archGEMM      []*gemmRow
	archDot       []*dotRow
	archBits      []*bitsRow
	archF32       []*f32Row
	archF32Dot    []*f32DotRow
	archMixed     []*mixedRow
	archConvInt16 []*convInt16Row
	archEpilogue  []*epilogueRow
	archTraining  []*trainingRow
)
