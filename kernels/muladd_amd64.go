//go:build amd64 && !purego

package kernels

import (
	"example.com/lowbit/kernels/internal/avx2"
	"example.com/lowbit/kernels/internal/avx512bw"
	"example.com/lowbit/kernels/internal/avx512vnni"
	"example.com/lowbit/kernels/internal/avxvnni"
)

// Fewer bits a weight before more, 16-bit sums before 32-bit ones. The generator
// proves the largest product of each, and says how they add up.
var (
	muladdGEMM = []*gemmRow{
		{kernelID: amd64ID("avx512vnni", "muladd", "w2", avx512vnni.GemmW2Features), form: codesForm{}, tiles: avx512vnni.GemmW2[:], nr: 64, kstep: 4, bits: 2, group: 4, run: 64, maxProduct: avx512vnni.GemmW2MaxProduct},
		{kernelID: amd64ID("avx512vnni", "muladd", "w4", avx512vnni.GemmW4Features), form: codesForm{}, tiles: avx512vnni.GemmW4[:], nr: 64, kstep: 4, bits: 4, group: 4, run: 64, maxProduct: avx512vnni.GemmW4MaxProduct},
		{kernelID: amd64ID("avx512vnni", "muladd", "w8", avx512vnni.GemmW8Features), form: codesForm{}, tiles: avx512vnni.GemmW8[:], nr: 64, kstep: 4, bits: 8, group: 4, run: 64, maxProduct: avx512vnni.GemmW8MaxProduct},
		{kernelID: amd64ID("avx512bw", "muladd", "w2-acc16", avx512bw.GemmW2Acc16Features), form: codesForm{}, tiles: avx512bw.GemmW2Acc16[:], nr: 64, kstep: 4, bits: 2, group: 4, run: 64, maxProduct: avx512bw.GemmW2Acc16MaxProduct},
		{kernelID: amd64ID("avx512bw", "muladd", "w4-acc16", avx512bw.GemmW4Acc16Features), form: codesForm{}, tiles: avx512bw.GemmW4Acc16[:], nr: 64, kstep: 4, bits: 4, group: 4, run: 64, maxProduct: avx512bw.GemmW4Acc16MaxProduct},
		{kernelID: amd64ID("avx512bw", "muladd", "w8-acc16", avx512bw.GemmW8Acc16Features), form: codesForm{}, tiles: avx512bw.GemmW8Acc16[:], nr: 64, kstep: 4, bits: 8, group: 4, run: 64, maxProduct: avx512bw.GemmW8Acc16MaxProduct},
		{kernelID: amd64ID("avx512bw", "muladd", "w2", avx512bw.GemmW2Features), form: codesForm{}, tiles: avx512bw.GemmW2[:], nr: 64, kstep: 4, bits: 2, group: 4, run: 64, maxProduct: avx512bw.GemmW2MaxProduct},
		{kernelID: amd64ID("avx512bw", "muladd", "w4", avx512bw.GemmW4Features), form: codesForm{}, tiles: avx512bw.GemmW4[:], nr: 64, kstep: 4, bits: 4, group: 4, run: 64, maxProduct: avx512bw.GemmW4MaxProduct},
		{kernelID: amd64ID("avx512bw", "muladd", "w8", avx512bw.GemmW8Features), form: codesForm{}, tiles: avx512bw.GemmW8[:], nr: 64, kstep: 4, bits: 8, group: 4, run: 64, maxProduct: avx512bw.GemmW8MaxProduct},
		{kernelID: amd64ID("avx512bw", "muladd", "w8-wide", avx512bw.GemmW8WideFeatures), form: codesForm{}, tiles: avx512bw.GemmW8Wide[:], nr: 64, kstep: 2, bits: 8, group: 2, run: 64, maxProduct: avx512bw.GemmW8WideMaxProduct},
		{kernelID: amd64ID("avxvnni", "muladd", "w2", avxvnni.GemmW2Features), form: codesForm{}, tiles: avxvnni.GemmW2[:], nr: 16, kstep: 8, bits: 2, group: 4, run: 32, maxProduct: avxvnni.GemmW2MaxProduct},
		{kernelID: amd64ID("avxvnni", "muladd", "w4", avxvnni.GemmW4Features), form: codesForm{}, tiles: avxvnni.GemmW4[:], nr: 16, kstep: 4, bits: 4, group: 4, run: 32, maxProduct: avxvnni.GemmW4MaxProduct},
		{kernelID: amd64ID("avxvnni", "muladd", "w8", avxvnni.GemmW8Features), form: codesForm{}, tiles: avxvnni.GemmW8[:], nr: 16, kstep: 4, bits: 8, group: 4, run: 32, maxProduct: avxvnni.GemmW8MaxProduct},
		{kernelID: amd64ID("avx2", "muladd", "w2-acc16", avx2.GemmW2Acc16Features), form: codesForm{}, tiles: avx2.GemmW2Acc16[:], nr: 16, kstep: 8, bits: 2, group: 4, run: 32, maxProduct: avx2.GemmW2Acc16MaxProduct},
		{kernelID: amd64ID("avx2", "muladd", "w4-acc16", avx2.GemmW4Acc16Features), form: codesForm{}, tiles: avx2.GemmW4Acc16[:], nr: 16, kstep: 4, bits: 4, group: 4, run: 32, maxProduct: avx2.GemmW4Acc16MaxProduct},
		{kernelID: amd64ID("avx2", "muladd", "w8-acc16", avx2.GemmW8Acc16Features), form: codesForm{}, tiles: avx2.GemmW8Acc16[:], nr: 16, kstep: 4, bits: 8, group: 4, run: 32, maxProduct: avx2.GemmW8Acc16MaxProduct},
		{kernelID: amd64ID("avx2", "muladd", "w2", avx2.GemmW2Features), form: codesForm{}, tiles: avx2.GemmW2[:], nr: 16, kstep: 8, bits: 2, group: 4, run: 32, maxProduct: avx2.GemmW2MaxProduct},
		{kernelID: amd64ID("avx2", "muladd", "w4", avx2.GemmW4Features), form: codesForm{}, tiles: avx2.GemmW4[:], nr: 16, kstep: 4, bits: 4, group: 4, run: 32, maxProduct: avx2.GemmW4MaxProduct},
		{kernelID: amd64ID("avx2", "muladd", "w8", avx2.GemmW8Features), form: codesForm{}, tiles: avx2.GemmW8[:], nr: 16, kstep: 4, bits: 8, group: 4, run: 32, maxProduct: avx2.GemmW8MaxProduct},
		{kernelID: amd64ID("avx2", "muladd", "w8-wide", avx2.GemmW8WideFeatures), form: codesForm{}, tiles: avx2.GemmW8Wide[:], nr: 16, kstep: 2, bits: 8, group: 2, run: 32, maxProduct: avx2.GemmW8WideMaxProduct},
	}
	muladdDot = []*dotRow{
		{kernelID: amd64ID("avx512vnni", "muladd", "w2", avx512vnni.DotW2Features), dot: avx512vnni.DotW2, bits: 2, run: 64, maxProduct: avx512vnni.DotW2MaxProduct},
		{kernelID: amd64ID("avx512vnni", "muladd", "w4", avx512vnni.DotW4Features), dot: avx512vnni.DotW4, bits: 4, run: 64, maxProduct: avx512vnni.DotW4MaxProduct},
		{kernelID: amd64ID("avx512vnni", "muladd", "w8", avx512vnni.DotW8Features), dot: avx512vnni.DotW8, bits: 8, run: 64, maxProduct: avx512vnni.DotW8MaxProduct},
		{kernelID: amd64ID("avx512bw", "muladd", "w2", avx512bw.DotW2Features), dot: avx512bw.DotW2, bits: 2, run: 64, maxProduct: avx512bw.DotW2MaxProduct},
		{kernelID: amd64ID("avx512bw", "muladd", "w4", avx512bw.DotW4Features), dot: avx512bw.DotW4, bits: 4, run: 64, maxProduct: avx512bw.DotW4MaxProduct},
		{kernelID: amd64ID("avx512bw", "muladd", "w8", avx512bw.DotW8Features), dot: avx512bw.DotW8, bits: 8, run: 64, maxProduct: avx512bw.DotW8MaxProduct},
		{kernelID: amd64ID("avx512bw", "muladd", "w8-wide", avx512bw.DotW8WideFeatures), dot: avx512bw.DotW8Wide, bits: 8, run: 64, maxProduct: avx512bw.DotW8WideMaxProduct},
		{kernelID: amd64ID("avxvnni", "muladd", "w2", avxvnni.DotW2Features), dot: avxvnni.DotW2, bits: 2, run: 32, maxProduct: avxvnni.DotW2MaxProduct},
		{kernelID: amd64ID("avxvnni", "muladd", "w4", avxvnni.DotW4Features), dot: avxvnni.DotW4, bits: 4, run: 32, maxProduct: avxvnni.DotW4MaxProduct},
		{kernelID: amd64ID("avxvnni", "muladd", "w8", avxvnni.DotW8Features), dot: avxvnni.DotW8, bits: 8, run: 32, maxProduct: avxvnni.DotW8MaxProduct},
		{kernelID: amd64ID("avx2", "muladd", "w2", avx2.DotW2Features), dot: avx2.DotW2, bits: 2, run: 32, maxProduct: avx2.DotW2MaxProduct},
		{kernelID: amd64ID("avx2", "muladd", "w4", avx2.DotW4Features), dot: avx2.DotW4, bits: 4, run: 32, maxProduct: avx2.DotW4MaxProduct},
		{kernelID: amd64ID("avx2", "muladd", "w8", avx2.DotW8Features), dot: avx2.DotW8, bits: 8, run: 32, maxProduct: avx2.DotW8MaxProduct},
		{kernelID: amd64ID("avx2", "muladd", "w8-wide", avx2.DotW8WideFeatures), dot: avx2.DotW8Wide, bits: 8, run: 32, maxProduct: avx2.DotW8WideMaxProduct},
	}
)
