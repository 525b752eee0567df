//go:build amd64 && !purego

package kernels

import (
	"example.com/lowbit/kernels/internal/avx2"
	"example.com/lowbit/kernels/internal/avx512bw"
	"example.com/lowbit/kernels/internal/avx512vnni"
	"example.com/lowbit/kernels/internal/avxvnni"
)

// muladdRow is a row of tiles that multiply, and of a function for one row.
func muladdRow(isa, variant, features string, tiles []tileFunc, gemv gemvFunc, l panelLayout, maxProduct int) *gemmRow {
	return &gemmRow{kernelID: amd64ID(isa, "muladd", variant, features), form: codesForm{}, tiles: tiles, gemv: gemv,
		nr: l.nr, kstep: l.kstep, bits: l.bits, group: l.group, run: l.run, maxProduct: maxProduct}
}

// unpacking adds tiles, of steps of kstep inputs, that read panels of weights of 8 bits.
// On Zen 3 it gains a tenth with many tiles, nothing with three.
func (r *gemmRow) unpacking(unpack func(dst, w *byte, bytes uintptr), times int, tiles []tileFunc, kstep int, features ...string) *gemmRow {
	r.features = all(append(features, r.features)...)
	r.unpacker = &unpacker{unpack: unpack, times: times, tiles: tiles, steps: r.kstep / kstep, least: 4}
	return r
}

// Fewer bits a weight before more, 16-bit sums before 32-bit ones. The generator
// proves the largest product of each, and says how they add up.
var (
	muladdGEMM = []*gemmRow{
		muladdRow("avx512vnni", "w2", all(avx512vnni.GemmW2Features, avx512vnni.GemvW2Features), avx512vnni.GemmW2[:], avx512vnni.GemvW2, panelLayout{64, 4, 4, 2, 64}, avx512vnni.GemmW2MaxProduct),
		muladdRow("avx512vnni", "w4", all(avx512vnni.GemmW4Features, avx512vnni.GemvW4Features), avx512vnni.GemmW4[:], avx512vnni.GemvW4, panelLayout{64, 4, 4, 4, 64}, avx512vnni.GemmW4MaxProduct),
		muladdRow("avx512vnni", "w8", all(avx512vnni.GemmW8Features, avx512vnni.GemvW8Features), avx512vnni.GemmW8[:], avx512vnni.GemvW8, panelLayout{64, 4, 4, 8, 64}, avx512vnni.GemmW8MaxProduct),
		muladdRow("avx512bw", "w2-acc16", all(avx512bw.GemmW2Acc16Features, avx512bw.GemvW2Acc16Features), avx512bw.GemmW2Acc16[:], avx512bw.GemvW2Acc16, panelLayout{64, 4, 4, 2, 64}, avx512bw.GemmW2Acc16MaxProduct),
		muladdRow("avx512bw", "w4-acc16", all(avx512bw.GemmW4Acc16Features, avx512bw.GemvW4Acc16Features), avx512bw.GemmW4Acc16[:], avx512bw.GemvW4Acc16, panelLayout{64, 4, 4, 4, 64}, avx512bw.GemmW4Acc16MaxProduct),
		muladdRow("avx512bw", "w8-acc16", all(avx512bw.GemmW8Acc16Features, avx512bw.GemvW8Acc16Features), avx512bw.GemmW8Acc16[:], avx512bw.GemvW8Acc16, panelLayout{64, 4, 4, 8, 64}, avx512bw.GemmW8Acc16MaxProduct),
		muladdRow("avx512bw", "w2", all(avx512bw.GemmW2Features, avx512bw.GemvW2Features), avx512bw.GemmW2[:], avx512bw.GemvW2, panelLayout{64, 4, 4, 2, 64}, avx512bw.GemmW2MaxProduct),
		muladdRow("avx512bw", "w4", all(avx512bw.GemmW4Features, avx512bw.GemvW4Features), avx512bw.GemmW4[:], avx512bw.GemvW4, panelLayout{64, 4, 4, 4, 64}, avx512bw.GemmW4MaxProduct),
		muladdRow("avx512bw", "w8", all(avx512bw.GemmW8Features, avx512bw.GemvW8Features), avx512bw.GemmW8[:], avx512bw.GemvW8, panelLayout{64, 4, 4, 8, 64}, avx512bw.GemmW8MaxProduct),
		muladdRow("avx512bw", "w8-wide", all(avx512bw.GemmW8WideFeatures, avx512bw.GemvW8WideFeatures), avx512bw.GemmW8Wide[:], avx512bw.GemvW8Wide, panelLayout{64, 2, 2, 8, 64}, avx512bw.GemmW8WideMaxProduct),
		muladdRow("avxvnni", "w2", all(avxvnni.GemmW2Features, avxvnni.GemvW2Features), avxvnni.GemmW2[:], avxvnni.GemvW2, panelLayout{16, 8, 4, 2, 32}, avxvnni.GemmW2MaxProduct),
		muladdRow("avxvnni", "w4", all(avxvnni.GemmW4Features, avxvnni.GemvW4Features), avxvnni.GemmW4[:], avxvnni.GemvW4, panelLayout{16, 4, 4, 4, 32}, avxvnni.GemmW4MaxProduct),
		muladdRow("avxvnni", "w8", all(avxvnni.GemmW8Features, avxvnni.GemvW8Features), avxvnni.GemmW8[:], avxvnni.GemvW8, panelLayout{16, 4, 4, 8, 32}, avxvnni.GemmW8MaxProduct),
		muladdRow("avx2", "w2-acc16", all(avx2.GemmW2Acc16Features, avx2.GemvW2Acc16Features), avx2.GemmW2Acc16[:], avx2.GemvW2Acc16, panelLayout{16, 8, 4, 2, 32}, avx2.GemmW2Acc16MaxProduct).unpacking(avx2.UnpackW2, avx2.UnpackW2Times, avx2.GemmW2Acc16Unpacked[:], 4, avx2.UnpackW2Features, avx2.GemmW2Acc16UnpackedFeatures),
		muladdRow("avx2", "w4-acc16", all(avx2.GemmW4Acc16Features, avx2.GemvW4Acc16Features), avx2.GemmW4Acc16[:], avx2.GemvW4Acc16, panelLayout{16, 4, 4, 4, 32}, avx2.GemmW4Acc16MaxProduct).unpacking(avx2.UnpackW4, avx2.UnpackW4Times, avx2.GemmW4Acc16Unpacked[:], 4, avx2.UnpackW4Features, avx2.GemmW4Acc16UnpackedFeatures),
		muladdRow("avx2", "w8-acc16", all(avx2.GemmW8Acc16Features, avx2.GemvW8Acc16Features), avx2.GemmW8Acc16[:], avx2.GemvW8Acc16, panelLayout{16, 4, 4, 8, 32}, avx2.GemmW8Acc16MaxProduct),
		muladdRow("avx2", "w2", all(avx2.GemmW2Features, avx2.GemvW2Features), avx2.GemmW2[:], avx2.GemvW2, panelLayout{16, 8, 4, 2, 32}, avx2.GemmW2MaxProduct),
		muladdRow("avx2", "w4", all(avx2.GemmW4Features, avx2.GemvW4Features), avx2.GemmW4[:], avx2.GemvW4, panelLayout{16, 4, 4, 4, 32}, avx2.GemmW4MaxProduct),
		muladdRow("avx2", "w8", all(avx2.GemmW8Features, avx2.GemvW8Features), avx2.GemmW8[:], avx2.GemvW8, panelLayout{16, 4, 4, 8, 32}, avx2.GemmW8MaxProduct),
		muladdRow("avx2", "w8-wide", all(avx2.GemmW8WideFeatures, avx2.GemvW8WideFeatures), avx2.GemmW8Wide[:], avx2.GemvW8Wide, panelLayout{16, 2, 2, 8, 32}, avx2.GemmW8WideMaxProduct),
	}
	muladdDot = []*dotRow{
		{kernelID: amd64ID("avx512vnni", "muladd", "w2", all(avx512vnni.DotW2Features, avx512vnni.DotW2S8Features)), dot: avx512vnni.DotW2, signed: avx512vnni.DotW2S8, bits: 2, run: 64, maxProduct: avx512vnni.DotW2MaxProduct},
		{kernelID: amd64ID("avx512vnni", "muladd", "w4", all(avx512vnni.DotW4Features, avx512vnni.DotW4S8Features)), dot: avx512vnni.DotW4, signed: avx512vnni.DotW4S8, bits: 4, run: 64, maxProduct: avx512vnni.DotW4MaxProduct},
		{kernelID: amd64ID("avx512vnni", "muladd", "w8", all(avx512vnni.DotW8Features, avx512vnni.DotW8S8Features)), dot: avx512vnni.DotW8, signed: avx512vnni.DotW8S8, bits: 8, run: 64, maxProduct: avx512vnni.DotW8MaxProduct},
		{kernelID: amd64ID("avx512bw", "muladd", "w2", all(avx512bw.DotW2Features, avx512bw.DotW2S8Features)), dot: avx512bw.DotW2, signed: avx512bw.DotW2S8, bits: 2, run: 64, maxProduct: avx512bw.DotW2MaxProduct},
		{kernelID: amd64ID("avx512bw", "muladd", "w4", all(avx512bw.DotW4Features, avx512bw.DotW4S8Features)), dot: avx512bw.DotW4, signed: avx512bw.DotW4S8, bits: 4, run: 64, maxProduct: avx512bw.DotW4MaxProduct},
		{kernelID: amd64ID("avx512bw", "muladd", "w8", avx512bw.DotW8Features), dot: avx512bw.DotW8, bits: 8, run: 64, maxProduct: avx512bw.DotW8MaxProduct},
		{kernelID: amd64ID("avx512bw", "muladd", "w8-flips", all(avx512bw.DotW8FlipsFeatures, avx512bw.DotW8FlipsS8Features)), dot: avx512bw.DotW8Flips, signed: avx512bw.DotW8FlipsS8, bits: 8, run: 64, rest: flipsRest, maxProduct: avx512bw.DotW8FlipsMaxProduct},
		{kernelID: amd64ID("avxvnni", "muladd", "w2", all(avxvnni.DotW2Features, avxvnni.DotW2S8Features)), dot: avxvnni.DotW2, signed: avxvnni.DotW2S8, bits: 2, run: 32, maxProduct: avxvnni.DotW2MaxProduct},
		{kernelID: amd64ID("avxvnni", "muladd", "w4", all(avxvnni.DotW4Features, avxvnni.DotW4S8Features)), dot: avxvnni.DotW4, signed: avxvnni.DotW4S8, bits: 4, run: 32, maxProduct: avxvnni.DotW4MaxProduct},
		{kernelID: amd64ID("avxvnni", "muladd", "w8", all(avxvnni.DotW8Features, avxvnni.DotW8S8Features)), dot: avxvnni.DotW8, signed: avxvnni.DotW8S8, bits: 8, run: 32, maxProduct: avxvnni.DotW8MaxProduct},
		{kernelID: amd64ID("avx2", "muladd", "w2", all(avx2.DotW2Features, avx2.DotW2S8Features)), dot: avx2.DotW2, signed: avx2.DotW2S8, bits: 2, run: 32, maxProduct: avx2.DotW2MaxProduct},
		{kernelID: amd64ID("avx2", "muladd", "w4", all(avx2.DotW4Features, avx2.DotW4S8Features)), dot: avx2.DotW4, signed: avx2.DotW4S8, bits: 4, run: 32, maxProduct: avx2.DotW4MaxProduct},
		{kernelID: amd64ID("avx2", "muladd", "w8", avx2.DotW8Features), dot: avx2.DotW8, bits: 8, run: 32, maxProduct: avx2.DotW8MaxProduct},
		{kernelID: amd64ID("avx2", "muladd", "w8-flips", all(avx2.DotW8FlipsFeatures, avx2.DotW8FlipsS8Features)), dot: avx2.DotW8Flips, signed: avx2.DotW8FlipsS8, bits: 8, run: 32, rest: flipsRest, maxProduct: avx2.DotW8FlipsMaxProduct},
	}
)

// flipsRest is what is missing in the sums of a kernel that flips the signs of codes:
// see the generator.
func flipsRest(w []int8) int32 {
	var sum int32
	for _, v := range w {
		if v < 0 {
			sum += 127 * int32(v)
		} else {
			sum += 128 * int32(v)
		}
	}
	return sum
}
