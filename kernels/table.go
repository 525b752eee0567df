package kernels

import (
	"fmt"
	"slices"
	"strings"
)

// The kernel table: for each operation, the kernels that implement it, best
// first. Everything else (dispatch, tests, benchmarks, documentation) reads
// these rows. The rows of one instruction set are in table_*.go; the portable
// rows come last and need no CPU feature, so every operation has one.

// kernelID is what the rows of all operations have in common.
type kernelID struct {
	isa       string // the tier, a room below internal/: avx2, neon, portable
	algorithm string // popcount, muladd, float32, ...
	variant   string // tells rows of one algorithm apart; may be empty
	features  string // CPU features, read from the generated instructions
}

// name is how a row is called everywhere, such as avx2-muladd-w4.
func (id *kernelID) name() string {
	if id.variant == "" {
		return id.isa + "-" + id.algorithm
	}
	return id.isa + "-" + id.algorithm + "-" + id.variant
}

func (id *kernelID) id() *kernelID { return id }

// A tileFunc computes one tile of a product: a few rows of x by nr outputs,
// over steps of kstep inputs. Strides are in bytes. With muladd,
//
//	dst[i][j] = bias[j] + (Σ x[i][k]·w[k][j]) << shift
//
// and with popcount, on bits,
//
//	dst[i][j] = bias[j] - (Σ popcount(x[i] XOR w[j])) << shift
type tileFunc = func(dst *int32, dstStride uintptr, x *byte, xStride uintptr, w *byte, steps uintptr, bias *int32, shift uintptr)

// A gemvFunc computes one row by gemvPanels panels that lie panel bytes apart,
// like tiles of one row.
type gemvFunc = func(dst *int32, x, w *byte, panel, steps uintptr, bias *int32, shift uintptr)

const gemvPanels = 4

// A gemmRow is a kernel for GEMV, GEMM and Conv2D on integer formats.
type gemmRow struct {
	kernelID
	form       form       // how it reads activations and weights
	tiles      []tileFunc // by number of rows; tiles[0] is nil
	gemv       gemvFunc   // nil where the tile of one row does it
	nr         int        // outputs a tile
	kstep      int        // inputs a step
	bits       int        // bits of a packed weight
	group      int        // inputs of one output that lie side by side in a panel; 0 is a step's
	run        int        // bytes of packed weights that are unpacked as one vector
	maxProduct int        // |weight|·activation up to which the tile is exact
	unpacker   *unpacker  // nil if tiles only read panels as they are packed
}

// An unpacker writes a panel out, decoded, for tiles that read it many times: the
// tiles that decode panels themselves do so each time, and need vector pipes for it.
type unpacker struct {
	unpack func(dst, w *byte, bytes uintptr) // of so many bytes of a panel
	times  int                               // bytes written for each of a panel
	tiles  []tileFunc                        // by number of rows, as many as the row has; of what was written
	steps  int                               // of these tiles for each of the row's
	least  int                               // tiles that read a panel, from which on it pays
}

// mr is the number of rows of the largest tile.
func (r *gemmRow) mr() int {
	if f, ok := r.form.(computer); ok {
		return f.rows()
	}
	return len(r.tiles) - 1
}

// takes reports whether the row computes these formats exactly.
func (r *gemmRow) takes(w WeightFormat, a ActFormat) bool { return r.form.takes(r, w, a.held()) }

// packs reports whether codes of that many bits can hold the format's levels.
func packs(bits int, w WeightFormat) bool {
	switch bits {
	case 1:
		return w == Binary
	case 2:
		return w == Binary || w == Ternary
	case 4:
		return w != Int8
	}
	return true
}

// A dotRow is a kernel for Dot on integer formats. Its function sums blocks of
// run*8/bits products; for popcount a block is one word of 64 bits.
type dotRow struct {
	kernelID
	dot        func(x, w *byte, blocks uintptr) int32
	bits       int
	run        int
	maxProduct int
	// signed is dot for S8 codes, with the sum over their u8 codes. It is nil where
	// there is no assembly.
	signed func(x, w *byte, blocks uintptr) int32
	// rest is what is missing in the sums for a row of weights; nil if nothing is.
	rest func(w []int8) int32
}

func (r *dotRow) takes(w WeightFormat, a ActFormat) bool {
	return packs(r.bits, w) && w.maxAbs()*a.held().Max() <= r.maxProduct
}

// A bitsRow is a kernel for DotBinary and for packing codes to bits.
type bitsRow struct {
	kernelID
	xor  func(x, y *uint64, words uintptr) int // popcount of x XOR y
	pack func(dst *uint64, x *byte, words, bit uintptr)
}

// An f32Tile computes one tile of a float32 product: strides are in bytes, a
// is read in place and b is a packed panel of nr columns.
//
//	c[i][j] = (add != 0 ? c[i][j] : 0) + Σ a[i*aRow+k*aCol]·b[k][j]
type f32Tile = func(c *float32, cStride uintptr, a *float32, aRow, aCol uintptr, b *float32, k uintptr, add uintptr)

// An f32Window computes one tile of a float32 product whose rows, and the columns
// of its first operand, lie anywhere: rows and places are in bytes.
//
//	c[cRows[i]+j] = (add != 0 ? c[cRows[i]+j] : 0) + Σ a[aRows[i]+places[k]]·b[k][j]
type f32Window = func(c *float32, cRows *uintptr, a *float32, aRows, places *uintptr, b *float32, k uintptr, add uintptr)

// An f32Row is a kernel for float32 GEMV, GEMM, Conv2D, MatMul and ConvTraining.
type f32Row struct {
	kernelID
	tiles  []f32Tile
	window []f32Window // by number of rows, maybe fewer than tiles
	nr     int
	// gemv computes one row by four panels that lie panel bytes apart, with the
	// bits of the tiles. It is nil where there is no assembly.
	gemv func(c, a *float32, aCol uintptr, b *float32, panel, k, add uintptr)
	// packRows copies up to 16 columns of adjacent elements into a panel, and
	// packColumns transposes 8. Both are nil where there is no assembly.
	packRows    func(dst *float32, dstStride uintptr, src *float32, srcStride uintptr, rows, cols uintptr)
	packColumns func(dst *float32, dstStride uintptr, src *float32, srcStride uintptr, rows uintptr)
	// affineAdd is AffineAdd on columns in multiples of 8, nil where there is no assembly.
	affineAdd func(x, y *float32, rows, stride uintptr, scale, bias *float32, relu, cols uintptr)
	winograd  *winogradRow // nil where there is no assembly
	conv5     *conv5Steps  // nil where there is no assembly
}

func (r *f32Row) mr() int { return len(r.tiles) - 1 }

// An f32DotRow is a kernel for DotFloat32; n is a multiple of block.
type f32DotRow struct {
	kernelID
	dot   func(x, y *float32, n uintptr) float32
	block int
}

// An epilogueRow holds the steps between layers. Columns are a multiple of 8;
// what is left over takes the portable row.
type epilogueRow struct {
	kernelID
	maxPoolI16     func(dst, src *int16, pixels, cols, stride, step, row, window uintptr)
	maxPoolI32     func(dst, src *int32, pixels, cols, stride, step, row, window uintptr)
	maxPoolF32     func(dst, src *float32, pixels, cols, stride, step, row, window uintptr)
	thresholds     func(dst *byte, acc *int32, rows, stride uintptr, thr, flip *int32, levels, cols uintptr)
	thresholdsI16  func(dst *byte, acc *int16, rows, stride uintptr, thr, base *int16, levels, cols uintptr)
	requantize     func(dst *byte, acc *int32, rows, stride uintptr, mul *int32, add *int64, shift, top, cols uintptr)
	affine         func(x *float32, rows, stride uintptr, scale, bias *float32, relu, cols uintptr)
	residualI16    residualFunc[int16]
	residualI32    residualFunc[int32]
	residualF32    residualFunc[float32]
	channelSums    func(dst *int32, x *byte, rows, stride, cols uintptr)
	channelSumsF32 func(dst, x *float32, rows, stride, cols uintptr)
}

var (
	gemmTable     = table(archGEMM, portableGEMM)
	dotTable      = table(archDot, portableDot)
	bitsTable     = table(archBits, portableBits)
	f32Table      = table(archF32, portableF32)
	f32DotTable   = table(archF32Dot, portableF32Dot)
	epilogueTable = table(archEpilogue, portableEpilogue)

	convInt16Table = table(archConvInt16, portableConvInt16)
)

// table joins rows and puts those of better tiers first.
func table[R interface{ id() *kernelID }](parts ...[]R) []R {
	rows := slices.Concat(parts...)
	slices.SortStableFunc(rows, func(a, b R) int { return tierRank(b.id().isa) - tierRank(a.id().isa) })
	return rows
}

// An Operation is what a kernel computes.
type Operation string

// The operations of the kernel table. GEMV, GEMM and Conv2D share their rows,
// and so do DotBinary and the packing of codes to bits.
const (
	OpDot         Operation = "dot"
	OpDotBinary   Operation = "dotbinary"
	OpDotFloat32  Operation = "dotfloat32"
	OpGEMM        Operation = "gemm"
	OpGEMMFloat32 Operation = "gemmfloat32"
	OpMixed       Operation = "mixed"
	OpConv2DInt16 Operation = "conv2dint16"
	OpEpilogue    Operation = "epilogue"
	OpTraining    Operation = "training"
)

// A Kernel describes one row of the kernel table.
type Kernel struct {
	Operation Operation
	Name      string   // such as avx2-muladd-w4; what Use takes
	ISA       string   // its tier, such as avx2; Use takes it too
	Algorithm string   // such as muladd
	Features  []string // CPU features its instructions need
	Missing   []string // those this CPU lacks: none means it can run here
	// Formats the kernel computes exactly; nil for what has no formats.
	Formats []Formats
	// TileM and TileN are the rows and outputs of the register tile, KStep the
	// inputs of one step, WeightBits the bits of a packed weight.
	TileM, TileN, KStep, WeightBits int
}

// Formats is a pair of weight and activation formats.
type Formats struct {
	Weights WeightFormat
	Acts    ActFormat
}

// String returns a name such as "ternary x u2".
func (f Formats) String() string { return f.Weights.String() + " x " + f.Acts.String() }

// Table lists the kernels of every operation, best first within an operation,
// whether or not this CPU can run them. The caller owns the result.
func Table() []Kernel {
	var list []Kernel
	base := func(op Operation, id *kernelID) Kernel {
		return Kernel{Operation: op, Name: id.name(), ISA: id.isa, Algorithm: id.algorithm,
			Features: strings.Fields(id.features), Missing: missing(id.features)}
	}
	for _, r := range gemmTable {
		k := base(OpGEMM, r.id())
		k.TileM, k.TileN, k.KStep, k.WeightBits = r.mr(), r.nr, r.kstep, r.bits
		k.Formats = formatsOf(r.takes)
		list = append(list, k)
	}
	for _, r := range dotTable {
		k := base(OpDot, r.id())
		k.WeightBits, k.KStep, k.TileM, k.TileN = r.bits, r.run*8/r.bits, 1, 1
		k.Formats = formatsOf(r.takes)
		list = append(list, k)
	}
	for _, r := range bitsTable {
		k := base(OpDotBinary, r.id())
		k.WeightBits, k.KStep, k.TileM, k.TileN = 1, 64, 1, 1
		list = append(list, k)
	}
	for _, r := range f32Table {
		k := base(OpGEMMFloat32, r.id())
		k.TileM, k.TileN, k.KStep, k.WeightBits = r.mr(), r.nr, 1, 32
		list = append(list, k)
	}
	for _, r := range f32DotTable {
		k := base(OpDotFloat32, r.id())
		k.WeightBits, k.KStep, k.TileM, k.TileN = 32, r.block, 1, 1
		list = append(list, k)
	}
	for _, r := range mixedTable {
		k := base(OpMixed, r.id())
		k.TileM, k.TileN, k.KStep, k.WeightBits = r.mr(), r.nr, 1, 4
		k.Formats = []Formats{{Binary, F32}, {Ternary, F32}, {Pow2x3, F32}, {Pow2x4, F32}}
		list = append(list, k)
	}
	for _, r := range convInt16Table {
		k := base(OpConv2DInt16, r.id())
		k.TileM, k.TileN, k.KStep, k.WeightBits = len(r.tiles)-1, convInt16Outputs, convInt16Inputs, 8
		if r.lut != nil {
			t := &r.lut.kernels[0]
			k.TileM, k.TileN, k.KStep, k.WeightBits = len(t.tiles)-1, t.outputs, t.tables()*convLUTCodes, t.planes
		}
		k.Formats = formatsOf(r.takes)
		list = append(list, k)
	}
	for _, r := range epilogueTable {
		list = append(list, base(OpEpilogue, r.id()))
	}
	for _, r := range trainingTable {
		list = append(list, base(OpTraining, r.id()))
	}
	return list
}

func formatsOf(takes func(WeightFormat, ActFormat) bool) []Formats {
	var list []Formats
	for _, w := range WeightFormats() {
		for _, a := range ActFormats() {
			if w != Float32 && a != F32 && takes(w, a) {
				list = append(list, Formats{w, a})
			}
		}
	}
	return list
}

// fitting returns the rows that can run here, are selected, and fit. If there are
// none, portable ones that fit are the last resort.
func fitting[R interface{ id() *kernelID }](rows []R, fits func(R) bool) []R {
	s := selected.Load()
	var list, last []R
	for _, r := range rows {
		id := r.id()
		switch {
		case len(missing(id.features)) > 0 || !fits(r):
		case s == nil || s.matches(id):
			list = append(list, r)
		case id.isa == "portable":
			last = append(last, r)
		}
	}
	if len(list) == 0 {
		return last
	}
	return list
}

// find returns the first of the rows that fitting returns.
func find[R interface{ id() *kernelID }](rows []R, fits func(R) bool) (R, error) {
	if list := fitting(rows, fits); len(list) > 0 {
		return list[0], nil
	}
	var none R
	return none, fmt.Errorf("kernels: no kernel fits")
}

// must is find for operations of which a portable row takes everything.
func must[R interface{ id() *kernelID }](rows []R) R {
	r, err := find(rows, func(R) bool { return true })
	if err != nil {
		panic(err)
	}
	return r
}

// known reports whether any row has the name, as its own or its ISA's, and the
// features that every row of that name lacks.
func known(name string) (ok bool, lacks []string) {
	runs := false
	for _, k := range Table() {
		if k.Name != name && k.ISA != name {
			continue
		}
		ok = true
		if len(k.Missing) == 0 {
			runs = true
		}
		for _, f := range k.Missing {
			if !slices.Contains(lacks, f) {
				lacks = append(lacks, f)
			}
		}
	}
	if runs {
		lacks = nil
	}
	return ok, lacks
}
