package kernels

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// TestRates wants rates that say something: of kernels that there are, on
// formats that they take.
func TestRates(t *testing.T) {
	gemm, tiers := map[string]Kernel{}, map[string]bool{}
	for _, k := range Table() {
		if k.Operation == OpGEMM {
			gemm[k.Name], tiers[k.ISA] = k, true
		}
	}
	type key struct {
		kernel string
		f      Formats
	}
	seen := map[key]bool{}
	for _, r := range Rates() {
		f := Formats{r.Weights, r.Acts}
		// Tiers that the table does not have are those of other architectures.
		if tier, _, _ := strings.Cut(r.Kernel, "-"); tiers[tier] && !slices.Contains(gemm[r.Kernel].Formats, f) {
			t.Errorf("no %s takes %v", r.Kernel, f)
		}
		if r.Machine == "" {
			t.Errorf("%s on %v: no machine", r.Kernel, f)
		}
		if seen[key{r.Kernel, f}] {
			t.Errorf("%s on %v is there twice", r.Kernel, f)
		}
		seen[key{r.Kernel, f}] = true
		for class, v := range r.GMACs {
			if v <= 0 {
				t.Errorf("%s on %v, %v: %g multiply-adds", r.Kernel, f, ShapeClass(class), v)
			}
		}
	}
}

// lazy is a form that does a tenth of the multiply-adds.
type lazy struct{ codesForm }

func (lazy) work(_ *gemmRow, w Weights, _ ActFormat) int { return w.N * w.K / 10 }

// blocky is a form that computes blocks of 64 rows.
type blocky struct{ codesForm }

func (blocky) rows() int                                                       { return 64 }
func (blocky) compute(*product, *scratch, []int32, []byte, int, int, int, int) { panic("not run") }

// skipping is blocky and computes a share of the products.
type skipping struct {
	blocky
	share float64
}

func (s skipping) work(_ *gemmRow, w Weights, _ ActFormat) int {
	return int(s.share * float64(w.N*w.K))
}

func TestChoose(t *testing.T) {
	table, before, chosen := gemmTable, currentRates, selected.Load()
	defer func() { gemmTable, currentRates = table, before }()
	selected.Store(nil)
	defer selected.Store(chosen)
	pretendFeatures(t)
	row := func(isa, variant string, f form) *gemmRow {
		return &gemmRow{kernelID: kernelID{isa: isa, algorithm: "test", variant: variant}, form: f, bits: 8, maxProduct: 1 << 20}
	}
	gemmTable = []*gemmRow{
		row("avx512vnni", "a", codesForm{}), row("avx512vnni", "b", codesForm{}),
		row("avx2", "a", codesForm{}), row("avx2", "b", codesForm{}), row("avx2", "c", lazy{}), row("avx2", "d", blocky{}),
		row("portable", "a", codesForm{}), row("portable", "b", codesForm{}),
	}
	flat := func(v float32) (r [shapeClasses]float32) {
		for i := range r {
			r[i] = v
		}
		return r
	}
	wide := flat(1)
	wide[Wide] = 100
	for _, c := range []struct {
		name  string
		rates []Rate
		use   string
		rows  int
		want  string
	}{
		{"nothing known: table order", nil, "", 100, "avx512vnni-test-a"},
		{"an unknown row before known ones of a worse tier", []Rate{{"avx2-test-b", Int8, U8, "m", flat(9)}}, "", 100, "avx512vnni-test-a"},
		{"the fastest of a machine", []Rate{{"avx512vnni-test-a", Int8, U8, "m", flat(1)}, {"avx512vnni-test-b", Int8, U8, "m", flat(2)}}, "", 100, "avx512vnni-test-b"},
		{"a measured one before one that is not", []Rate{{"avx2-test-b", Int8, U8, "m", flat(9)}}, "avx2-test-a,avx2-test-b", 100, "avx2-test-b"},
		{"across tiers of a machine", []Rate{{"avx512vnni-test-a", Int8, U8, "m", flat(1)}, {"avx512vnni-test-b", Int8, U8, "m", flat(1)}, {"avx2-test-b", Int8, U8, "m", flat(9)}}, "", 100, "avx2-test-b"},
		{"two machines: the better tier", []Rate{{"avx512vnni-test-a", Int8, U8, "m", flat(1)}, {"avx512vnni-test-b", Int8, U8, "m", flat(1)}, {"avx2-test-b", Int8, U8, "n", flat(9)}}, "", 100, "avx512vnni-test-a"},
		{"a tie: table order", []Rate{{"avx2-test-a", Int8, U8, "m", flat(100)}, {"avx2-test-b", Int8, U8, "m", flat(104)}}, "avx2-test-a,avx2-test-b", 100, "avx2-test-a"},
		{"by class, wide", []Rate{{"avx2-test-a", Int8, U8, "m", wide}, {"avx2-test-b", Int8, U8, "m", flat(50)}}, "avx2-test-a,avx2-test-b", 100, "avx2-test-a"},
		{"by class, few rows", []Rate{{"avx2-test-a", Int8, U8, "m", wide}, {"avx2-test-b", Int8, U8, "m", flat(50)}}, "avx2-test-a,avx2-test-b", 1, "avx2-test-b"},
		{"other formats do not count", []Rate{{"avx2-test-a", Int8, U4, "m", flat(1)}, {"avx2-test-b", Int8, U4, "m", flat(50)}}, "avx2-test-a,avx2-test-b", 1, "avx2-test-a"},
		{"work counts", []Rate{{"avx2-test-a", Int8, U8, "m", flat(50)}, {"avx2-test-c", Int8, U8, "m", flat(6)}}, "avx2-test-a,avx2-test-c", 100, "avx2-test-c"},
		{"blocks of many rows", []Rate{{"avx2-test-a", Int8, U8, "m", flat(50)}, {"avx2-test-d", Int8, U8, "m", flat(200)}}, "avx2-test-a,avx2-test-d", 100, "avx2-test-d"},
		{"a part of a block", []Rate{{"avx2-test-a", Int8, U8, "m", flat(50)}, {"avx2-test-d", Int8, U8, "m", flat(200)}}, "avx2-test-a,avx2-test-d", 8, "avx2-test-a"},
		{"portable only if nothing else", []Rate{{"avx2-test-a", Int8, U8, "m", flat(1)}, {"portable-test-a", Int8, U8, "m", flat(9)}}, "avx2-test-a", 100, "avx2-test-a"},
		{"portable rows among themselves", []Rate{{"portable-test-a", Int8, U8, "m", flat(1)}, {"portable-test-b", Int8, U8, "m", flat(9)}}, "portable", 100, "portable-test-b"},
	} {
		currentRates = c.rates
		if c.use != "" {
			selected.Store(&selection{names: strings.Split(c.use, ",")})
		}
		got, err := chooseGEMM(Weights{Format: Int8, N: 200, K: 1000, Values: make([]int8, 200*1000)}, U8, c.rows)
		selected.Store(chosen)
		if err != nil || got.name() != c.want {
			t.Errorf("%s: got %v, %v: want %s", c.name, got, err, c.want)
		}
	}
}

// TestChooseBinary has tiers that add nothing but a better multiplication, as
// AVX-VNNI does to AVX2.
func TestChooseBinary(t *testing.T) {
	table, before, chosen := gemmTable, currentRates, selected.Load()
	defer func() { gemmTable, currentRates = table, before }()
	selected.Store(nil)
	defer selected.Store(chosen)
	pretendFeatures(t)
	row := func(isa, algorithm string) *gemmRow {
		return &gemmRow{kernelID: kernelID{isa: isa, algorithm: algorithm}, form: codesForm{}, bits: 2, maxProduct: 1 << 20}
	}
	gemmTable = []*gemmRow{
		row("avx512vnni", "muladd"), row("avx512bw", "lut"), row("avxvnni", "muladd"), row("avx2", "lut"), row("avx2", "muladd"),
		row("portable", "popcount"),
	}
	measured := func(f Formats, kernels ...string) (list []Rate) {
		for i, k := range kernels { // the later, the faster
			r := Rate{Kernel: k, Weights: f.Weights, Acts: f.Acts, Machine: "m"}
			for class := range r.GMACs {
				r.GMACs[class] = float32(1 + i)
			}
			list = append(list, r)
		}
		return list
	}
	for _, c := range []struct {
		f        Formats
		use      string
		measured []string
		want     string
	}{
		{Formats{Binary, U3}, "avxvnni", nil, "avx2-lut"},
		{Formats{Binary, Sign}, "avx512vnni", nil, "avx512bw-lut"},
		{Formats{Binary, U8}, "avxvnni", nil, "avxvnni-muladd"},
		{Formats{Ternary, U3}, "avxvnni", nil, "avxvnni-muladd"},
		{Formats{Binary, U3}, "avxvnni", []string{"avx2-muladd", "avx2-lut"}, "avx2-lut"},
		{Formats{Binary, U3}, "avxvnni", []string{"avx2-lut", "avx2-muladd"}, "avxvnni-muladd"},
		{Formats{Binary, U3}, "avxvnni", []string{"avx2-lut", "avxvnni-muladd"}, "avxvnni-muladd"},
		{Formats{Binary, U3}, "avxvnni-muladd", nil, "avxvnni-muladd"},
		{Formats{Ternary, U3}, "avx2", []string{"avx2-muladd", "avx2-lut"}, "avx2-lut"},
	} {
		currentRates = measured(c.f, c.measured...)
		selected.Store(&selection{names: []string{c.use}})
		got, err := chooseGEMM(Weights{Format: c.f.Weights, N: 200, K: 1000}, c.f.Acts, 100)
		selected.Store(chosen)
		if err != nil || got.name() != c.want {
			t.Errorf("%v, %s, measured %v: got %v, %v: want %s", c.f, c.use, c.measured, got, err, c.want)
		}
	}
}

// TestChooseARM64 has the kernels of arm64's tiers, none of them measured. It wants
// those with the most multiply-adds a cycle.
func TestChooseARM64(t *testing.T) {
	table, before, chosen := gemmTable, currentRates, selected.Load()
	defer func() { gemmTable, currentRates = table, before }()
	defer selected.Store(chosen)
	pretendFeatures(t)
	row := func(isa, algorithm string, f form, bits int) *gemmRow {
		return &gemmRow{kernelID: kernelID{isa: isa, algorithm: algorithm}, form: f, tiles: make([]tileFunc, 5), bits: bits, maxProduct: 1 << 20}
	}
	variant := func(algorithm, name string, f form, bits int) *gemmRow {
		r := row("neon", algorithm, f, bits)
		r.variant = name
		return r
	}
	unpacking := func(isa string) *gemmRow {
		r := row(isa, "muladd", codesForm{}, 4)
		r.unpacker = &unpacker{least: 2}
		return r
	}
	lut := func(name string, planes, group, kstep, most int) *gemmRow {
		r := variant("lut", name, tablesForm{planes: planes, group: group, most: most, lutLayout: lutLayout{sum: 255}}, planes)
		r.kstep = kstep
		return r
	}
	gemmTable = []*gemmRow{
		unpacking("i8mm"),
		unpacking("dotprod"),
		row("neon", "popcount", bitsForm{}, 1),
		lut("5-w1", 1, 5, 5, 15),
		lut("5-w2", 2, 5, 5, 15),
		lut("w1", 1, 4, 8, 255),
		lut("w2", 2, 4, 8, 15),
		lut("6-w1", 1, 6, 6, 15),
		row("neon", "muladd", codesForm{}, 4),
		row("neon", "shiftadd", blocky{}, 8),
		variant("popcount", "planes-w1", planesForm{1}, 1),
		variant("popcount", "planes-w2", planesForm{2}, 2),
		row("neon", "shift", codesForm{}, 4),
		row("portable", "muladd", codesForm{}, 8),
	}
	currentRates = nil
	for _, c := range []struct {
		f                   Formats
		rows, n             int
		neon, dotprod, i8mm string
	}{
		{Formats{Binary, Sign}, 0, 200, "neon-popcount", "neon-popcount", "neon-popcount"},
		{Formats{Binary, U1}, 0, 1000, "neon-popcount", "neon-popcount", "neon-popcount"},
		{Formats{Binary, U2}, 0, 200, "neon-popcount-planes-w1", "neon-lut-5-w1", "i8mm-muladd"},
		{Formats{Binary, U3}, 0, 200, "neon-popcount-planes-w1", "neon-lut-5-w1", "i8mm-muladd"},
		{Formats{Binary, U4}, 0, 200, "neon-lut-w1", "neon-lut-5-w1", "i8mm-muladd"},
		{Formats{Binary, U2}, 0, 1000, "neon-popcount-planes-w1", "neon-lut-5-w1", "neon-lut-5-w1"}, // tables for more outputs
		{Formats{Binary, U2}, 0, 10, "neon-popcount-planes-w1", "neon-popcount-planes-w1", "i8mm-muladd"},
		{Formats{Ternary, U2}, 0, 200, "neon-popcount-planes-w2", "dotprod-muladd", "i8mm-muladd"},
		{Formats{Ternary, U4}, 0, 200, "neon-lut-w2", "dotprod-muladd", "i8mm-muladd"},
		{Formats{Pow2x4, U4}, 0, 200, "neon-muladd", "dotprod-muladd", "i8mm-muladd"},
		{Formats{Pow2x4, U4}, 1024, 200, "neon-shiftadd", "dotprod-muladd", "i8mm-muladd"},
		{Formats{Pow2x4, U4}, 16, 200, "neon-muladd", "dotprod-muladd", "i8mm-muladd"}, // a quarter of a block
		{Formats{Pow2x4, U8}, 0, 200, "neon-muladd", "dotprod-muladd", "i8mm-muladd"},
		// For few rows, to decode weights is the most of a product.
		{Formats{Binary, U2}, 1, 256, "neon-popcount-planes-w1", "neon-lut-5-w1", "neon-lut-5-w1"},
		{Formats{Ternary, U1}, 1, 256, "neon-popcount-planes-w2", "neon-popcount-planes-w2", "neon-popcount-planes-w2"},
		{Formats{Ternary, U2}, 2, 256, "neon-popcount-planes-w2", "neon-lut-5-w2", "neon-lut-5-w2"},
		{Formats{Pow2x4, U4}, 1, 256, "neon-muladd", "dotprod-muladd", "dotprod-muladd"}, // USMMLA takes two
		{Formats{Pow2x4, U4}, 2, 256, "neon-muladd", "dotprod-muladd", "i8mm-muladd"},
		{Formats{Binary, U8}, 0, 200, "neon-lut-w1", "dotprod-muladd", "i8mm-muladd"},
	} {
		for use, want := range map[string]string{"neon": c.neon, "dotprod": c.dotprod, "i8mm": c.i8mm} {
			selected.Store(&selection{names: []string{use}})
			cpuFeatures["DotProd"] = use != "neon"
			got, err := chooseGEMM(Weights{Format: c.f.Weights, N: c.n, K: 1000}, c.f.Acts, c.rows)
			if err != nil || got.name() != want {
				t.Errorf("%v, %d rows, %d outputs, %s: got %v, %v: want %s", c.f, c.rows, c.n, use, got, err, want)
			}
		}
	}

	// Where weights are zero, additions of what is not may lead.
	for share, want := range map[float64]string{1: "dotprod-muladd", .48: "neon-shiftadd"} {
		gemmTable[9].form = skipping{share: share}
		cpuFeatures["DotProd"] = true
		selected.Store(&selection{names: []string{"dotprod"}})
		w := Weights{Format: Pow2x4, N: 64, K: 1000, Values: make([]int8, 64*1000)}
		if got, err := chooseGEMM(w, U4, 64); err != nil || got.name() != want {
			t.Errorf("%v of the weights to be added: got %v, %v: want %s", share, got, err, want)
		}
	}
}

func TestShapeClassString(t *testing.T) {
	for class, want := range map[ShapeClass]string{FewRows: "few-rows", Wide: "wide", -1: "ShapeClass(-1)", shapeClasses: "ShapeClass(5)"} {
		if got := class.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestChooseRows wants kernels that compute many rows at a time only where that
// many are promised, or nothing else is selected.
func TestChooseRows(t *testing.T) {
	before := currentRates
	defer func() { currentRates = before }()
	f := Formats{Pow2x4, U4}
	currentRates = nil
	for _, kernel := range []string{"portable-muladd", "portable-shiftadd"} {
		r := Rate{Kernel: kernel, Weights: f.Weights, Acts: f.Acts, Machine: "m"}
		for class := range r.GMACs {
			r.GMACs[class] = map[string]float32{"portable-muladd": 1, "portable-shiftadd": 9}[kernel]
		}
		currentRates = append(currentRates, r)
	}
	w := weights(random(t), f.Weights, uniform, 200, 300)
	for _, c := range []struct {
		use  string
		rows int
		want string
	}{
		{"portable", 0, "portable-muladd"},
		{"portable", 1024, "portable-shiftadd"},
		{"portable", 4, "portable-muladd"}, // of 32 rows it would waste 28
		{"portable-shiftadd", 0, "portable-shiftadd"},
	} {
		restore, err := Use(c.use)
		if err != nil {
			t.Fatal(err)
		}
		g, err := NewGEMM(w, f.Acts, Options{Rows: c.rows})
		restore()
		if err != nil || g.Kernel() != c.want {
			t.Errorf("%s, %d rows: got %s, %v: want %s", c.use, c.rows, g.Kernel(), err, c.want)
		}
	}
}

func TestChooseErrors(t *testing.T) {
	for _, c := range []struct {
		f       Formats
		m, n, k int
		want    string
	}{
		{Formats{Float32, F32}, 1, 1, 1, "integer formats"},
		{Formats{Binary, 99}, 1, 1, 1, "integer formats"},
		{Formats{Binary, U1}, 0, 1, 1, "0x1x1"},
		{Formats{Binary, U1}, 1, -3, 1, "1x-3x1"},
		{Formats{Binary, U1}, 1, 1, 0, "1x1x0"},
	} {
		_, err := Choose(c.f, c.m, c.n, c.k)
		wantError(t, err, c.want)
	}
	// Longer rows than twice a ternary product fits int32 for go to another.
	if name, err := Choose(Formats{Ternary, U1}, 1, 1, 1<<26+1); err != nil || strings.Contains(name, "planes") {
		t.Errorf("rows of 2^26+1: got %s, %v: want no planes", name, err)
	}
	// So do those longer than a kernel's tables can have.
	name, err := Choose(Formats{Binary, U1}, 1, 1, 1<<29)
	if err != nil || strings.Contains(name, "-lut-w") || name == "portable-lut" {
		t.Errorf("rows of 2^29: got %s, %v: want no look-ups of sums", name, err)
	}
}

// pretendFeatures lets a test change cpuFeatures until it ends. Not even a feature that
// is false may stay: without assembly there are none.
func pretendFeatures(t *testing.T) {
	before := maps.Clone(cpuFeatures)
	t.Cleanup(func() {
		clear(cpuFeatures)
		maps.Copy(cpuFeatures, before)
	})
}
