package suite

import (
	"slices"

	"example.com/lowbit/kernels"
)

// What is measured beside peers is more than what a change of a kernel is
// judged by, and must still be over in minutes:
//
//   - the formats and shapes that low-bit products are wanted for;
//   - on a square, as GEMM and as GEMV, every kernel that computes the formats,
//     so that algorithms can be compared tier by tier; on other shapes the one
//     that each tier would take;
//   - from cold weights, where bytes count and not what is done with them, the
//     best kernel, with the narrowest activations of each format of weights, and
//     int8 x u8, which peers have;
//   - portable kernels where a call takes less than about 50 ms, unless there is
//     no other.

func comparing() bool { return *shapesFlag == "peers" }

// comparedGEMM are a square, two convolutions of ResNet-50 and a dense layer on
// a batch.
var comparedGEMM = []size{{1024, 1024, 1024}, {3136, 64, 576}, {196, 256, 2304}, {64, 512, 1024}}

// comparedGEMV are layers of language models.
var comparedGEMV = []size{{1, 4096, 4096}, {1, 6912, 2560}, {1, 14336, 4096}}

// portableMACs is how large a product may be for portable kernels.
const portableMACs = 1 << 25

func comparedFormats() []kernels.Formats {
	var list []kernels.Formats
	for _, f := range []struct {
		w    kernels.WeightFormat
		acts []kernels.ActFormat
	}{
		{kernels.Binary, []kernels.ActFormat{kernels.Sign, kernels.U1, kernels.U2, kernels.U3, kernels.U4, kernels.U8}},
		{kernels.Ternary, []kernels.ActFormat{kernels.U1, kernels.U2, kernels.U3, kernels.U4, kernels.U8}},
		{kernels.Pow2x3, []kernels.ActFormat{kernels.U3}},
		{kernels.Pow2x4, []kernels.ActFormat{kernels.U4, kernels.U8}},
		{kernels.Int8, []kernels.ActFormat{kernels.U4, kernels.U8}},
	} {
		for _, a := range f.acts {
			list = append(list, kernels.Formats{Weights: f.w, Acts: a})
		}
	}
	return list
}

// comparedRows lists the kernels to measure beside peers, dispatch's choice first.
func comparedRows(p kernels.Formats, s size, cache string) []kernels.Kernel {
	list := gemmRows(p, s)
	if cache == "cold" {
		first := slices.IndexFunc(pairs(), func(q kernels.Formats) bool { return q.Weights == p.Weights })
		if p != pairs()[first] && p != (kernels.Formats{Weights: kernels.Int8, Acts: kernels.U8}) {
			return nil
		}
		return list[:1]
	}
	best, picks := list[0].Name, tierPicks(p, s)
	return slices.DeleteFunc(list, func(k kernels.Kernel) bool {
		return k.Name != best && (k.ISA == portable && s.macs() > portableMACs || s.n != s.k && !slices.Contains(picks, k.Name))
	})
}

// tierPicks names the kernel that each tier of this CPU takes for products of a
// size.
func tierPicks(p kernels.Formats, s size) []string {
	var list []string
	for _, tier := range instructionSets() {
		restore, err := kernels.Use(tier)
		if err != nil {
			continue
		}
		list = append(list, gemmChoice(p, s))
		restore()
	}
	return list
}
