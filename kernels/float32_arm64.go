//go:build arm64 && !purego

package kernels

var (
	archF32    []*f32Row
	archF32Dot []*f32DotRow
)
