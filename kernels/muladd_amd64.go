//go:build amd64 && !purego

package kernels

import (
	"example.com/lowbit/kernels/internal/avx2"
	"example.com/lowbit/kernels/internal/avx512vnni"
)

// A muladd tile of the AVX2 room multiplies pairs of bytes into 16 bits. With
// acc16 it also adds pairs there: 8 of 8-bit weights (8*2*2,047 = 32,752 still
// fits), 16 of 4-bit ones (16*2*1,023 = 32,736) and 64 of 2-bit ones, whose
// products are at most 255 (64*2*255 = 32,640). With one pair, 2*16,320 does.
// The wide tile multiplies 16-bit numbers and so takes any product.
const (
	avx2Acc16ProductW8 = 2047
	avx2Acc16ProductW4 = 1023
	avx2Acc16ProductW2 = 255
	avx2PairProduct    = 16320
	anyProduct         = 127 * 255
)

// Fewer bits a weight before more, 16-bit sums before 32-bit ones.
var (
	muladdGEMM = []*gemmRow{
		{kernelID: amd64ID("avx512vnni", "muladd", "w2", avx512vnni.GemmW2Features), form: codesForm{}, tiles: avx512vnni.GemmW2[:], nr: 64, kstep: 4, bits: 2, group: 4, run: 64, maxProduct: anyProduct},
		{kernelID: amd64ID("avx512vnni", "muladd", "w4", avx512vnni.GemmW4Features), form: codesForm{}, tiles: avx512vnni.GemmW4[:], nr: 64, kstep: 4, bits: 4, group: 4, run: 64, maxProduct: anyProduct},
		{kernelID: amd64ID("avx512vnni", "muladd", "w8", avx512vnni.GemmW8Features), form: codesForm{}, tiles: avx512vnni.GemmW8[:], nr: 64, kstep: 4, bits: 8, group: 4, run: 64, maxProduct: anyProduct},
		{kernelID: amd64ID("avx2", "muladd", "w2-acc16", avx2.GemmW2Acc16Features), form: codesForm{}, tiles: avx2.GemmW2Acc16[:], nr: 16, kstep: 8, bits: 2, group: 4, run: 32, maxProduct: avx2Acc16ProductW2},
		{kernelID: amd64ID("avx2", "muladd", "w4-acc16", avx2.GemmW4Acc16Features), form: codesForm{}, tiles: avx2.GemmW4Acc16[:], nr: 16, kstep: 4, bits: 4, group: 4, run: 32, maxProduct: avx2Acc16ProductW4},
		{kernelID: amd64ID("avx2", "muladd", "w8-acc16", avx2.GemmW8Acc16Features), form: codesForm{}, tiles: avx2.GemmW8Acc16[:], nr: 16, kstep: 4, bits: 8, group: 4, run: 32, maxProduct: avx2Acc16ProductW8},
		{kernelID: amd64ID("avx2", "muladd", "w2", avx2.GemmW2Features), form: codesForm{}, tiles: avx2.GemmW2[:], nr: 16, kstep: 8, bits: 2, group: 4, run: 32, maxProduct: avx2PairProduct},
		{kernelID: amd64ID("avx2", "muladd", "w4", avx2.GemmW4Features), form: codesForm{}, tiles: avx2.GemmW4[:], nr: 16, kstep: 4, bits: 4, group: 4, run: 32, maxProduct: avx2PairProduct},
		{kernelID: amd64ID("avx2", "muladd", "w8", avx2.GemmW8Features), form: codesForm{}, tiles: avx2.GemmW8[:], nr: 16, kstep: 4, bits: 8, group: 4, run: 32, maxProduct: avx2PairProduct},
		{kernelID: amd64ID("avx2", "muladd", "w8-wide", avx2.GemmW8WideFeatures), form: codesForm{}, tiles: avx2.GemmW8Wide[:], nr: 16, kstep: 2, bits: 8, group: 2, run: 32, maxProduct: anyProduct},
	}
	muladdDot = []*dotRow{
		{kernelID: amd64ID("avx512vnni", "muladd", "w2", avx512vnni.DotW2Features), dot: avx512vnni.DotW2, bits: 2, run: 64, maxProduct: anyProduct},
		{kernelID: amd64ID("avx512vnni", "muladd", "w4", avx512vnni.DotW4Features), dot: avx512vnni.DotW4, bits: 4, run: 64, maxProduct: anyProduct},
		{kernelID: amd64ID("avx512vnni", "muladd", "w8", avx512vnni.DotW8Features), dot: avx512vnni.DotW8, bits: 8, run: 64, maxProduct: anyProduct},
		{kernelID: amd64ID("avx2", "muladd", "w2", avx2.DotW2Features), dot: avx2.DotW2, bits: 2, run: 32, maxProduct: avx2PairProduct},
		{kernelID: amd64ID("avx2", "muladd", "w4", avx2.DotW4Features), dot: avx2.DotW4, bits: 4, run: 32, maxProduct: avx2PairProduct},
		{kernelID: amd64ID("avx2", "muladd", "w8", avx2.DotW8Features), dot: avx2.DotW8, bits: 8, run: 32, maxProduct: avx2PairProduct},
		{kernelID: amd64ID("avx2", "muladd", "w8-wide", avx2.DotW8WideFeatures), dot: avx2.DotW8Wide, bits: 8, run: 32, maxProduct: anyProduct},
	}
)
