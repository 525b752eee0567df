package kernels

import (
	"bytes"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// TestTable wants rows that make sense by themselves, as the generator of
// tests, documentation and benchmarks from them relies on it.
func TestTable(t *testing.T) {
	table := Table()
	seen := map[Operation]map[string]bool{}
	last := map[Operation]Kernel{}
	for _, k := range table {
		if seen[k.Operation] == nil {
			seen[k.Operation] = map[string]bool{}
		}
		if seen[k.Operation][k.Name] {
			t.Errorf("%s: %s is there twice", k.Operation, k.Name)
		}
		seen[k.Operation][k.Name] = true
		last[k.Operation] = k
		if !strings.HasPrefix(k.Name, k.ISA+"-"+k.Algorithm) {
			t.Errorf("%s: %s is not named for its instruction set %s and algorithm %s", k.Operation, k.Name, k.ISA, k.Algorithm)
		}
		if (k.ISA == "portable") != (len(k.Features) == 0) {
			t.Errorf("%s: %s needs the features %v", k.Operation, k.Name, k.Features)
		}
		for _, f := range k.Features {
			have, known := cpuFeatures[f]
			if !known {
				t.Errorf("%s: %s needs %s, which the feature detection does not know", k.Operation, k.Name, f)
			}
			if have == slices.Contains(k.Missing, f) {
				t.Errorf("%s: %s: the CPU has %s: %v, and missing are %v", k.Operation, k.Name, f, have, k.Missing)
			}
		}
		if k.Operation != OpEpilogue && k.Operation != OpTraining && (k.TileM < 1 || k.TileN < 1 || k.KStep < 1 || k.WeightBits < 1) {
			t.Errorf("%s: %s has a tile of %dx%d, steps of %d, weights of %d bits", k.Operation, k.Name, k.TileM, k.TileN, k.KStep, k.WeightBits)
		}
		if (k.Operation == OpGEMM || k.Operation == OpDot) && len(k.Formats) == 0 {
			t.Errorf("%s: %s takes no formats", k.Operation, k.Name)
		}
	}
	for _, op := range []Operation{OpDot, OpDotBinary, OpDotFloat32, OpGEMM, OpGEMMFloat32, OpMixed, OpConv2DInt16, OpEpilogue, OpTraining} {
		if last[op].ISA != "portable" {
			t.Errorf("%s: the last row is %q: want a portable one", op, last[op].Name)
		}
	}
}

// TestNothingIsPortable wants the first tier with vectors to compute all that portable
// kernels do: what falls to those there is tens of times slower.
func TestNothingIsPortable(t *testing.T) {
	tier := map[string]string{"amd64": "avx2", "arm64": "neon"}[runtime.GOARCH]
	if tier == "" || len(cpuFeatures) == 0 {
		t.Skip("there is no assembly")
	}
	type work struct {
		op Operation
		f  Formats
	}
	covered := map[work]bool{}
	of := func(isa string) (list []work) {
		for _, k := range Table() {
			if k.ISA == isa {
				for _, f := range append(k.Formats, Formats{Float32, F32}) { // some list none
					list = append(list, work{k.Operation, f})
				}
			}
		}
		return list
	}
	for _, w := range of(tier) {
		covered[w] = true
	}
	for _, w := range of("portable") {
		if (w.op == OpTraining || w.op == OpConv2DInt16) && tier == "neon" {
			continue // their steps have no kernels for arm64 yet
		}
		if !covered[w] {
			t.Errorf("%s of %v: no kernel of %s", w.op, w.f, tier)
		}
	}
}

// TestTierFeatures wants no kernel to need more than the CPUs that its tier is for
// have: it would be missing where the tier is said to run.
func TestTierFeatures(t *testing.T) {
	avx2 := strings.Fields("CMOV MMX+ POPCNT AVX AVX2 FMA3")
	bw := append(slices.Clone(avx2), "AVX512F", "AVX512BW", "AVX512DQ", "AVX512VL")
	vnni := append(slices.Clone(bw), "AVX512VNNI")
	have := map[string][]string{
		"avx2": avx2, "avxvnni": append(slices.Clone(avx2), "AVXVNNI"),
		"avx512bw": bw, "avx512vnni": vnni, "avx512vbmi": append(slices.Clone(vnni), "AVX512VBMI", "AVX512VPOPCNTDQ"),
		"neon": {"AdvSIMD"}, "dotprod": {"AdvSIMD", "DotProd"}, "i8mm": {"AdvSIMD", "DotProd", "I8MM"},
	}
	for _, k := range Table() {
		for _, f := range k.Features {
			if !slices.Contains(have[k.ISA], f) {
				t.Errorf("%s: %s needs %s", k.Operation, k.Name, f)
			}
		}
	}
}

// hasForm reports whether a row's form is of type F.
func hasForm[F form](r *gemmRow) bool {
	_, ok := r.form.(F)
	return ok
}

// TestRowBounds derives, from the layout of a row, what it must say of itself.
func TestRowBounds(t *testing.T) {
	for _, r := range gemmTable {
		if !hasForm[codesForm](r) {
			if !hasForm[bitsForm](r) {
				continue
			}
			if r.kstep != 64 || r.bits != 1 {
				t.Errorf("%s: steps of %d inputs and weights of %d bits: want 64 and 1", r.name(), r.kstep, r.bits)
			}
			continue
		}
		if r.kstep%r.group != 0 || r.nr*r.kstep%(r.run*8/r.bits) != 0 {
			t.Errorf("%s: a step of %d x %d weights of %d bits is not whole groups of %d and runs of %d bytes", r.name(), r.nr, r.kstep, r.bits, r.group, r.run)
		}
	}
	for _, r := range dotTable {
		if block := r.run * 8 / r.bits; block > dotTail || block&(block-1) != 0 {
			t.Errorf("%s: blocks of %d inputs: want a power of two, up to the %d there is room for", r.name(), block, dotTail)
		}
	}
}

func TestFeatures(t *testing.T) {
	have := Features()
	if !slices.IsSorted(have) {
		t.Errorf("features are not sorted: %v", have)
	}
	for _, f := range have {
		if !cpuFeatures[f] {
			t.Errorf("feature %s is not one of the CPU", f)
		}
	}
	// Without assembly, no feature is known but those that tests pretended to have.
	base := map[string]string{"amd64": "SSE2", "arm64": "AdvSIMD"}[runtime.GOARCH]
	if _, known := cpuFeatures[base]; known && !slices.Contains(have, base) {
		t.Errorf("features are %v: want %s among them", have, base)
	}
	if lacks := missing("NOSUCHFEATURE"); !slices.Contains(lacks, "NOSUCHFEATURE") {
		t.Errorf("a feature that is not known counts as present: missing are %v", lacks)
	}
}

// gemmKernel is what dispatch chooses for some formats.
func gemmKernel(t *testing.T, f Formats) string {
	t.Helper()
	g, err := NewGEMM(weights(random(t), f.Weights, uniform, 2, 3), f.Acts, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return g.Kernel()
}

// runnable lists the names that Use can select here, and those it cannot.
func runnable() (can, cannot []string) {
	for _, k := range Table() {
		list := &can
		if len(k.Missing) > 0 {
			list = &cannot
		}
		for _, name := range []string{k.ISA, k.Name} {
			if !slices.Contains(*list, name) {
				*list = append(*list, name)
			}
		}
	}
	cannot = slices.DeleteFunc(cannot, func(name string) bool { return slices.Contains(can, name) })
	return can, cannot
}

// selects reports whether a name is of a tier that is or includes another.
func selects(name, tier string) bool {
	for _, t := range tiers {
		if t.name == name {
			return name == tier || slices.Contains(t.includes, tier)
		}
	}
	return false
}

func TestUse(t *testing.T) {
	f := Formats{Ternary, U2}
	auto := gemmKernel(t, f)
	can, cannot := runnable()
	for _, name := range can {
		restore, err := Use(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := gemmKernel(t, f)
		if tier, _, _ := strings.Cut(got, "-"); got != name && tier != "portable" && !selects(name, tier) {
			t.Errorf("with %s selected, dispatch chooses %s", name, got)
		}
		// Nested, and restored in the opposite order.
		inner, err := Use("portable")
		if err != nil {
			t.Fatal(err)
		}
		if got := gemmKernel(t, f); !strings.HasPrefix(got, "portable-") {
			t.Errorf("with portable selected, dispatch chooses %s", got)
		}
		inner()
		if again := gemmKernel(t, f); again != got {
			t.Errorf("with %s selected again, dispatch chooses %s: want %s", name, again, got)
		}
		restore()
		if got := gemmKernel(t, f); got != auto {
			t.Errorf("after %s, dispatch chooses %s: want %s", name, got, auto)
		}
	}
	for _, name := range cannot {
		_, err := Use(name)
		wantError(t, err, name, "cannot run on this CPU", "lacks")
	}
	for _, name := range []string{"", "avx3", "portable,avx3", "portable,", "PORTABLE"} {
		_, err := Use(name)
		wantError(t, err, "no kernel or instruction set", "auto", "portable")
	}
	if got := gemmKernel(t, f); got != auto {
		t.Errorf("after errors, dispatch chooses %s: want %s", got, auto)
	}
	// A list selects all its members: the first that fits, in table order.
	all := strings.Join(can, ",")
	restore, err := Use(all)
	if err != nil {
		t.Fatal(err)
	}
	if got := gemmKernel(t, f); got != auto {
		t.Errorf("with %s selected, dispatch chooses %s: want %s", all, got, auto)
	}
	restoreAuto, err := Use("auto")
	if err != nil {
		t.Fatal(err)
	}
	if got := gemmKernel(t, f); got != auto {
		t.Errorf("with auto selected, dispatch chooses %s: want %s", got, auto)
	}
	restoreAuto()
	restore()
}

// TestPlansKeepTheirKernel changes the selection under plans that exist.
func TestPlansKeepTheirKernel(t *testing.T) {
	w := weights(random(t), Ternary, uniform, 3, 5)
	g, err := NewGEMM(w, U2, Options{})
	if err != nil {
		t.Fatal(err)
	}
	before := g.Kernel()
	use(t, "portable")
	if g.Kernel() != before {
		t.Errorf("the plan's kernel changed from %s to %s", before, g.Kernel())
	}
	dst := make([]int32, 3)
	g.Run(dst, make([]uint8, 5), 1)
	if !slices.Equal(dst, make([]int32, 3)) {
		t.Errorf("zeros times weights are %v", dst)
	}
}

// TestUseWhileRunning changes the selection while others make and run plans:
// for the race detector.
func TestUseWhileRunning(t *testing.T) {
	w := weights(random(t), Binary, uniform, 5, 70)
	done := make(chan struct{})
	go func() {
		defer close(done)
		dst, x, bits, f := make([]int32, 5), make([]uint8, 70), make([]uint64, 2), make([]float32, 40)
		for range times(200) {
			g, err := NewGEMM(w, U4, Options{})
			if err != nil {
				t.Error(err)
				return
			}
			g.Run(dst, x, 1)
			PackSigns(bits, x)
			DotBinary(bits, bits, 70)
			DotFloat32(f, f)
			Affine(f, f[:8], f[:8], true)
		}
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
			restore, err := Use("portable")
			if err != nil {
				t.Fatal(err)
			}
			runtime.Gosched()
			restore()
		}
	}
}

// child runs one test of this binary in a process with its own environment,
// and returns what it printed.
func child(t *testing.T, test string, env ...string) (string, error) {
	t.Helper()
	if os.Getenv(envEmulated) != "" {
		t.Skip("a child process would not run in the emulator")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Skip(err)
	}
	c := exec.Command(exe, "-test.run=^"+test+"$", "-test.v")
	c.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "LOWBIT_") }), append(env, "LOWBIT_CHILD=1")...)
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err = c.Run()
	if _, failed := err.(*exec.ExitError); err != nil && !failed {
		t.Skipf("no child process: %v", err)
	}
	return out.String(), err
}

// TestChildKernel prints what a process chooses; see TestEnvironment.
func TestChildKernel(t *testing.T) {
	if os.Getenv("LOWBIT_CHILD") == "" {
		t.Skip("runs in a child process of TestEnvironment")
	}
	os.Stdout.WriteString("chosen: " + gemmKernel(t, Formats{Ternary, U2}) + "\n")
}

func TestEnvironment(t *testing.T) {
	auto := gemmKernel(t, Formats{Ternary, U2})
	if os.Getenv(EnvImpl) != "" {
		t.Skipf("%s is set", EnvImpl)
	}
	cases := map[string][]string{
		"":         {"chosen: " + auto},
		"auto":     {"chosen: " + auto},
		"portable": {"chosen: portable-"},
		"avx3":     {"chosen: " + auto, `"avx3"`, EnvImpl, "ignored"},
	}
	if _, cannot := runnable(); len(cannot) > 0 {
		cases[cannot[0]] = []string{"chosen: " + auto, cannot[0], "cannot run", EnvImpl, "ignored"}
	}
	for value, want := range cases {
		out, err := child(t, "TestChildKernel", EnvImpl+"="+value)
		if err != nil {
			t.Errorf("%s=%s: %v\n%s", EnvImpl, value, err, out)
		}
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("%s=%s: want %q in\n%s", EnvImpl, value, w, out)
			}
		}
	}
}

// TestChildRow enters every row of a table; see TestRequire.
func TestChildRow(t *testing.T) {
	if os.Getenv("LOWBIT_CHILD") == "" {
		t.Skip("runs in a child process of TestRequire")
	}
	each(t, gemmTable, func(*testing.T, *gemmRow) {})
}

// TestRequire wants a failure where LOWBIT_REQUIRE asks for what is skipped.
func TestRequire(t *testing.T) {
	if out, err := child(t, "TestChildRow", envRequire+"=portable"); err != nil {
		t.Errorf("requiring portable: %v\n%s", err, out)
	}
	if _, cannot := runnable(); len(cannot) > 0 {
		// An emulated process has no emulator of its own.
		out, err := child(t, "TestChildRow", envRequire+"=portable,"+cannot[0], envEmulated+"=a parent")
		if err == nil || !strings.Contains(out, "asks for "+cannot[0]) {
			t.Errorf("requiring %s: error %v, and\n%s", cannot[0], err, out)
		}
		if out, err := child(t, "TestChildRow"); err != nil || !strings.Contains(out, "SKIP") {
			t.Errorf("requiring nothing: %v\n%s", err, out)
		}
	}
}

func TestCoverageReport(t *testing.T) {
	t.Setenv(envEmulated, "an emulator")
	c := coverageRecord{ran: map[string]string{"portable-muladd": "portable"}}
	var b bytes.Buffer
	c.report(&b)
	for _, want := range []string{"portable: tested, emulated by an emulator: portable-muladd\n", "portable: SKIPPED by the tests: portable-direct portable-epilogue portable-float32 portable-lut portable-popcount portable-shiftadd portable-training\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("want %q in\n%s", want, b.String())
		}
	}
	for name, want := range map[string]string{
		"portable":        "portable-direct portable-epilogue portable-float32 portable-lut portable-popcount portable-shiftadd portable-training",
		"portable-muladd": "",
		"none":            "none",
	} {
		if got := strings.Join(c.left(name), " "); got != want {
			t.Errorf("of %s are left %q: want %q", name, got, want)
		}
	}
}
