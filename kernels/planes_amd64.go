//go:build amd64 && !purego

package kernels

import (
	"example.com/lowbit/kernels/internal/avx2"
	"example.com/lowbit/kernels/internal/avx512vbmi"
)

var planesGEMM = []*gemmRow{
	{kernelID: amd64ID("avx512vbmi", "popcount", "planes-w1", avx512vbmi.GemmPlanesW1Features), form: planesForm{1}, tiles: avx512vbmi.GemmPlanesW1[:], nr: 32, kstep: 64, bits: 1},
	{kernelID: amd64ID("avx512vbmi", "popcount", "planes-w2", avx512vbmi.GemmPlanesW2Features), form: planesForm{2}, tiles: avx512vbmi.GemmPlanesW2[:], nr: 32, kstep: 64, bits: 2},
	{kernelID: amd64ID("avx2", "popcount", "planes-w1", avx2.GemmPlanesW1Features), form: planesForm{1}, tiles: avx2.GemmPlanesW1[:], nr: 16, kstep: 64, bits: 1},
	{kernelID: amd64ID("avx2", "popcount", "planes-w2", avx2.GemmPlanesW2Features), form: planesForm{2}, tiles: avx2.GemmPlanesW2[:], nr: 16, kstep: 64, bits: 2},
}
