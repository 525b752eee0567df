//go:build arm64 && !purego

package kernels

import (
	"example.com/lowbit/kernels/internal/dotprod"
	"example.com/lowbit/kernels/internal/i8mm"
	"example.com/lowbit/kernels/internal/neon"
)

// muladdRow is a row of tiles that multiply, and of a function for one row.
func muladdRow(isa, variant, features string, signed bool, tiles []tileFunc, gemv gemvFunc, l panelLayout, maxProduct int) *gemmRow {
	return &gemmRow{kernelID: arm64ID(isa, "muladd", variant, features), form: codesForm{signed: signed}, tiles: tiles, gemv: gemv,
		nr: l.nr, kstep: l.kstep, bits: l.bits, group: l.group, run: l.run, maxProduct: maxProduct}
}

// unpacking adds tiles, of steps of kstep inputs, that read panels of weights of 8 bits.
// To decode a vector of weights takes as long as two products of it, for each tile, and
// to unpack it not much longer: so that pays from the second tile on.
func (r *gemmRow) unpacking(features string, tiles []tileFunc, kstep int) *gemmRow {
	u := &unpacker{tiles: tiles, steps: r.kstep / kstep, least: 2}
	unpacks := neon.UnpackW4Features
	u.unpack, u.times = neon.UnpackW4, neon.UnpackW4Times
	if r.bits == 2 {
		unpacks = neon.UnpackW2Features
		u.unpack, u.times = neon.UnpackW2, neon.UnpackW2Times
	}
	r.features, r.unpacker = all(r.features, features, unpacks), u
	return r
}

// Fewer bits a weight before more. The generator proves the largest product of each, and
// says how they add up. SMULL leaves the decoder of weights room: the tiles of neon
// have nothing to unpack for.
var muladdGEMM = []*gemmRow{
	muladdRow("i8mm", "w2", all(i8mm.GemmW2Features, i8mm.GemvW2Features), false, i8mm.GemmW2[:], i8mm.GemvW2, panelLayout{16, 8, 8, 2, 16}, i8mm.GemmW2MaxProduct).unpacking(i8mm.GemmW8Features, i8mm.GemmW8[:], 8),
	muladdRow("i8mm", "w4", all(i8mm.GemmW4Features, i8mm.GemvW4Features), false, i8mm.GemmW4[:], i8mm.GemvW4, panelLayout{16, 8, 8, 4, 16}, i8mm.GemmW4MaxProduct).unpacking(i8mm.GemmW8Features, i8mm.GemmW8[:], 8),
	muladdRow("i8mm", "w8", all(i8mm.GemmW8Features, i8mm.GemvW8Features), false, i8mm.GemmW8[:], i8mm.GemvW8, panelLayout{16, 8, 8, 8, 16}, i8mm.GemmW8MaxProduct),
	muladdRow("dotprod", "w2", all(dotprod.GemmW2Features, dotprod.GemvW2Features), true, dotprod.GemmW2[:], dotprod.GemvW2, panelLayout{8, 8, 4, 2, 16}, dotprod.GemmW2MaxProduct).unpacking(dotprod.GemmW8Features, dotprod.GemmW8[:], 4),
	muladdRow("dotprod", "w4", all(dotprod.GemmW4Features, dotprod.GemvW4Features), true, dotprod.GemmW4[:], dotprod.GemvW4, panelLayout{8, 4, 4, 4, 16}, dotprod.GemmW4MaxProduct).unpacking(dotprod.GemmW8Features, dotprod.GemmW8[:], 4),
	muladdRow("dotprod", "w8", all(dotprod.GemmW8Features, dotprod.GemvW8Features), true, dotprod.GemmW8[:], dotprod.GemvW8, panelLayout{8, 4, 4, 8, 16}, dotprod.GemmW8MaxProduct),
	muladdRow("neon", "w2-acc16", all(neon.GemmW2Acc16Features, neon.GemvW2Acc16Features), true, neon.GemmW2Acc16[:], neon.GemvW2Acc16, panelLayout{4, 32, 32, 2, 16}, neon.GemmW2Acc16MaxProduct),
	muladdRow("neon", "w4-acc16", all(neon.GemmW4Acc16Features, neon.GemvW4Acc16Features), true, neon.GemmW4Acc16[:], neon.GemvW4Acc16, panelLayout{4, 32, 32, 4, 16}, neon.GemmW4Acc16MaxProduct),
	muladdRow("neon", "w8-acc16", all(neon.GemmW8Acc16Features, neon.GemvW8Acc16Features), true, neon.GemmW8Acc16[:], neon.GemvW8Acc16, panelLayout{4, 32, 32, 8, 16}, neon.GemmW8Acc16MaxProduct),
	muladdRow("neon", "w2", all(neon.GemmW2Features, neon.GemvW2Features), true, neon.GemmW2[:], neon.GemvW2, panelLayout{4, 16, 16, 2, 16}, neon.GemmW2MaxProduct),
	muladdRow("neon", "w4", all(neon.GemmW4Features, neon.GemvW4Features), true, neon.GemmW4[:], neon.GemvW4, panelLayout{4, 16, 16, 4, 16}, neon.GemmW4MaxProduct),
	muladdRow("neon", "w8", all(neon.GemmW8Features, neon.GemvW8Features), true, neon.GemmW8[:], neon.GemvW8, panelLayout{4, 16, 16, 8, 16}, neon.GemmW8MaxProduct),
}
