//go:build arm64 && !purego

package kernels

import "example.com/lowbit/kernels/internal/neon"

// The variants are w1 for binary weights and w2 for ternary ones, with tables of
// four codes; 5 with tables of five, in two registers, and 6 with tables of six, in
// four.
var lutGEMM = []*gemmRow{
	lutRow(64, "5-w1", 5, lutTables(1, 5, fivesLUT), neon.GemmLUTFive1[:], neon.GemmLUTFive1Features, neon.SubsetSums5Features),
	lutRow(64, "5-w2", 5, lutTables(2, 5, fivesLUT), neon.GemmLUTFive2[:], neon.GemmLUTFive2Features, neon.SubsetSums5Features),
	lutRow(32, "w1", 8, lutTables(1, 4, foursLUT), neon.GemmLUT1[:], neon.GemmLUT1Features, neon.SubsetSumsFeatures, neon.GemvLUT1Features).with(neon.GemvLUT1),
	lutRow(32, "w2", 8, lutTables(2, 4, foursLUT), neon.GemmLUT2[:], neon.GemmLUT2Features, neon.SubsetSumsFeatures, neon.GemvLUT2Features).with(neon.GemvLUT2),
	lutRow(64, "6-w1", 6, lutTables(1, 6, sixesLUT), neon.GemmLUTSix1[:], neon.GemmLUTSix1Features, neon.SubsetSums6Features),
	lutRow(64, "6-w2", 6, lutTables(2, 6, sixesLUT), neon.GemmLUTSix2[:], neon.GemmLUTSix2Features, neon.SubsetSums6Features),
}

func lutRow(nr int, variant string, kstep int, f tablesForm, tiles []tileFunc, features ...string) *gemmRow {
	return &gemmRow{kernelID: arm64ID("neon", "lut", variant, all(features...)), form: f, tiles: tiles, nr: nr, kstep: kstep, bits: f.planes}
}

// with adds a function for one row.
func (r *gemmRow) with(gemv gemvFunc) *gemmRow {
	r.gemv = gemv
	return r
}

// lutTables takes codes of 8 bits for one plane of weights and tables of four codes
// only: otherwise to multiply is faster.
func lutTables(planes, group int, l lutLayout) tablesForm {
	most, cache := lutNibble, lutCache
	if planes == 1 && group == 4 {
		most = 255
	}
	if group > 4 {
		// The tables of two rows are as many bytes as the panel of 64 outputs that they
		// meet: more rows, for each panel that comes from afar. Cores where such tables
		// are the fastest have first-level caches of 64 KB or more.
		cache = 40 << 10
	}
	return tablesForm{lutLayout: l, planes: planes, group: group, block: 4 * group, most: most, place: lutInOrder, build: subsetSums[group], cache: cache}
}

var subsetSums = map[int]sumsFunc{4: neon.SubsetSums, 5: neon.SubsetSums5, 6: neon.SubsetSums6}

// lutInOrder has a byte for each output.
func lutInOrder(j, k int) (at, bit int) { return j, k }

// The layouts of rows, for tiles of one plane and of two.
var (
	foursLUT = lutLayout{neon.GemmLUT1Constant, neon.GemmLUT1Period, neon.GemmLUT1End, neon.GemmLUT1Tables, neon.GemmLUT1Sum}
	fivesLUT = lutLayout{neon.GemmLUTFive1Constant, neon.GemmLUTFive1Period, neon.GemmLUTFive1End, neon.GemmLUTFive1Tables, neon.GemmLUTFive1Sum}
	sixesLUT = lutLayout{neon.GemmLUTSix1Constant, neon.GemmLUTSix1Period, neon.GemmLUTSix1End, neon.GemmLUTSix1Tables, neon.GemmLUTSix1Sum}
)
