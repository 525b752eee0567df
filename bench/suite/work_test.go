package suite

import (
	"slices"
	"strings"
	"testing"

	"example.com/lowbit/kernels"
)

// A share of a limit means nothing if the limit is of other instructions.
func TestLoopsAreOfTheKernelsOwnInstructions(t *testing.T) {
	for _, k := range kernels.Table() {
		f := FloatFormats
		if len(k.Formats) > 0 {
			f = k.Formats[0]
		}
		l := loopOf(k, f)
		if l.Run == nil || k.ISA == portable {
			continue
		}
		if !strings.HasPrefix(l.Impl, vectors(k.ISA)+"-") {
			t.Errorf("%s is measured by %s", k.Name, l.Impl)
		}
		if k.Algorithm != l.Kind && k.Algorithm != "popcount" {
			t.Errorf("%s, %s, is measured by %s", k.Name, k.Algorithm, l.Kind)
		}
	}
	for _, name := range []string{"avx2-muladd-w8-acc16", "avx2-float32", "avx2-popcount-lut", "avx2-popcount", "avx2-lut-w2", "avx2-shiftadd", "avx2-shift",
		"neon-float32", "neon-popcount", "neon-lut-w2", "neon-shiftadd", "neon-shift", "neon-muladd-w8", "dotprod-muladd-w8", "i8mm-muladd-w8"} {
		parts := strings.Split(name, "-")
		k := kernels.Kernel{Name: name, ISA: parts[0], Algorithm: parts[1]}
		restore, err := kernels.Use(name)
		if err != nil {
			continue // not on this CPU
		}
		restore()
		if loopOf(k, kernels.Formats{Weights: kernels.Ternary, Acts: kernels.U2}).Run == nil {
			t.Errorf("%s has no limit", name)
		}
	}
}

func TestPasses(t *testing.T) {
	for _, c := range []struct {
		name, algorithm string
		w               kernels.WeightFormat
		a               kernels.ActFormat
		want            float64
	}{
		{"avx2-muladd-w2", "muladd", kernels.Ternary, kernels.U8, 1},
		{"avx2-lut-w1", "lut", kernels.Binary, kernels.U3, 1},
		{"avx2-lut-w1", "lut", kernels.Binary, kernels.U8, 2},
		{"avx2-lut-w2", "lut", kernels.Ternary, kernels.U8, 4},
		{"avx2-popcount-lut", "popcount", kernels.Binary, kernels.Sign, 1},
		{"avx2-popcount-planes-w2", "popcount", kernels.Ternary, kernels.U3, 6},
		{"avx2-shiftadd", "shiftadd", kernels.Ternary, kernels.U2, 2. / 3},
		{"avx2-shiftadd", "shiftadd", kernels.Binary, kernels.U2, 1},
	} {
		k := kernels.Kernel{Name: c.name, ISA: "avx2", Algorithm: c.algorithm}
		if got := passes(k, kernels.Formats{Weights: c.w, Acts: c.a}); got != c.want {
			t.Errorf("%s on %v x %v: %v passes: want %v", c.name, c.w, c.a, got, c.want)
		}
	}
}

func TestUseKeepsThePackingOfItsTier(t *testing.T) {
	for _, k := range rows(kernels.OpGEMM, kernels.Formats{Weights: kernels.Binary, Acts: kernels.Sign}) {
		if k.Algorithm != "popcount" {
			continue
		}
		want, err := bitsPacker(k.ISA)
		if err != nil {
			t.Fatal(err)
		}
		restore, err := use(k)
		if err != nil {
			t.Fatal(err)
		}
		dot, err := kernels.NewDot(randomWeights(kernels.Binary, 1, 64), kernels.Sign)
		restore()
		if err != nil || k.ISA != portable && dot.Kernel() != want {
			t.Errorf("under %s signs are packed by %s, error %v: want %s", k.Name, dot.Kernel(), err, want)
		}
	}
}

// Binary weights can be multiplied, too: that is what other algorithms are compared with.
func TestEveryAlgorithmIsMeasured(t *testing.T) {
	p := kernels.Formats{Weights: kernels.Binary, Acts: kernels.Sign}
	list := gemmRows(p, size{64, 512, 1024})
	for _, k := range rows(kernels.OpGEMM, p) {
		if k.ISA != portable && k.Algorithm != "popcount" && !slices.ContainsFunc(list, func(l kernels.Kernel) bool { return l.Name == k.Name }) {
			t.Errorf("%s is not measured", k.Name)
		}
	}
}
