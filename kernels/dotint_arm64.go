//go:build arm64 && !purego

package kernels

import (
	"example.com/lowbit/kernels/internal/dotprod"
	"example.com/lowbit/kernels/internal/i8mm"
	"example.com/lowbit/kernels/internal/neon"
)

var muladdDot = []*dotRow{
	{kernelID: arm64ID("i8mm", "muladd", "w2", all(i8mm.DotW2Features, i8mm.DotW2S8Features)), dot: i8mm.DotW2, signed: i8mm.DotW2S8, bits: 2, run: 16, maxProduct: i8mm.DotW2MaxProduct},
	{kernelID: arm64ID("i8mm", "muladd", "w4", all(i8mm.DotW4Features, i8mm.DotW4S8Features)), dot: i8mm.DotW4, signed: i8mm.DotW4S8, bits: 4, run: 16, maxProduct: i8mm.DotW4MaxProduct},
	{kernelID: arm64ID("i8mm", "muladd", "w8", all(i8mm.DotW8Features, i8mm.DotW8S8Features)), dot: i8mm.DotW8, signed: i8mm.DotW8S8, bits: 8, run: 16, maxProduct: i8mm.DotW8MaxProduct},
	{kernelID: arm64ID("dotprod", "muladd", "w2", all(dotprod.DotW2Features, dotprod.DotW2S8Features)), dot: dotprod.DotW2, signed: dotprod.DotW2S8, bits: 2, run: 16, rest: topRest, maxProduct: dotprod.DotW2MaxProduct},
	{kernelID: arm64ID("dotprod", "muladd", "w4", all(dotprod.DotW4Features, dotprod.DotW4S8Features)), dot: dotprod.DotW4, signed: dotprod.DotW4S8, bits: 4, run: 16, rest: topRest, maxProduct: dotprod.DotW4MaxProduct},
	{kernelID: arm64ID("dotprod", "muladd", "w8", all(dotprod.DotW8Features, dotprod.DotW8S8Features)), dot: dotprod.DotW8, signed: dotprod.DotW8S8, bits: 8, run: 16, rest: topRest, maxProduct: dotprod.DotW8MaxProduct},
	{kernelID: arm64ID("neon", "muladd", "w2", all(neon.DotW2Features, neon.DotW2S8Features)), dot: neon.DotW2, signed: neon.DotW2S8, bits: 2, run: 16, rest: topRest, maxProduct: neon.DotW2MaxProduct},
	{kernelID: arm64ID("neon", "muladd", "w4", all(neon.DotW4Features, neon.DotW4S8Features)), dot: neon.DotW4, signed: neon.DotW4S8, bits: 4, run: 16, rest: topRest, maxProduct: neon.DotW4MaxProduct},
	{kernelID: arm64ID("neon", "muladd", "w8", all(neon.DotW8Features, neon.DotW8S8Features)), dot: neon.DotW8, signed: neon.DotW8S8, bits: 8, run: 16, rest: halvesRest, maxProduct: neon.DotW8MaxProduct},
}

// topRest is what is missing in the sums of a kernel that takes the top bit of codes
// for a sign: see the generator.
func topRest(w []int8) int32 { return -s8Bias(w) }

// halvesRest is topRest where the other bits of the upper eight of sixteen codes are
// flipped as well.
func halvesRest(w []int8) int32 {
	sum := topRest(w)
	for i, v := range w {
		if i%16 >= 8 {
			sum -= int32(v)
		}
	}
	return sum
}
