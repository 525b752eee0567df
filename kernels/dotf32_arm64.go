//go:build arm64 && !purego

package kernels

import "example.com/lowbit/kernels/internal/neon"

var archF32Dot = []*f32DotRow{
	{kernelID: arm64ID("neon", "float32", "", neon.DotF32Features), dot: neon.DotF32, block: neon.DotF32Block},
}
