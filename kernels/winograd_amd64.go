//go:build amd64 && !purego

package kernels

import "example.com/lowbit/kernels/internal/avx2"

var (
	avx2Winograd     = &winogradRow{input: avx2.WinogradInput[:], output: avx2.WinogradOutput[:], weights: avx2.WinogradWeights[:], gradient: avx2.WinogradGradient[:], taps: avx2.WinogradTaps[:]}
	winogradFeatures = all(avx2.WinogradInputFeatures, avx2.WinogradOutputFeatures, avx2.WinogradWeightsFeatures,
		avx2.WinogradGradientFeatures, avx2.WinogradTapsFeatures)
)
