//go:build amd64 && !purego

package kernels

import "example.com/lowbit/kernels/internal/avx2"

var archConvInt16 = []*convInt16Row{
	{kernelID: amd64ID("avx2", "lut", "", all(avx2.ConvLUT1x64Features, avx2.ConvLUT1x32Features, avx2.ConvLUT1x16Features, avx2.ConvLUT2x32Features, avx2.ConvLUT2x16Features, avx2.ConvLUTTablesFeatures, avx2.UnpackNibblesFeatures)), lut: avx2ConvLUT},
	{kernelID: amd64ID("avx2", "winograd", "", all(avx2.ConvInt16Features, avx2.UnpackW1Features, avx2.UnpackW2Features, avx2.UnpackW4Features, avx2.WinogradInt16InputFeatures, avx2.WinogradInt16WeightsFeatures, avx2.WinogradInt16OutputFeatures)),
		tiles: avx2.ConvInt16[:], unpack1: avx2.UnpackW1, unpack2: avx2.UnpackW2, unpack4: avx2.UnpackW4,
		winograd: &winogradInt16Row{avx2.WinogradInt16Input, avx2.WinogradInt16Weights, avx2.WinogradInt16Output}},
	{kernelID: amd64ID("avx2", "direct", "", all(avx2.ConvInt16Features, avx2.UnpackW1Features, avx2.UnpackW2Features, avx2.UnpackW4Features)),
		tiles: avx2.ConvInt16[:], unpack1: avx2.UnpackW1, unpack2: avx2.UnpackW2, unpack4: avx2.UnpackW4},
}
