package suite

import (
	"strings"
	"testing"

	"example.com/lowbit/kernels"
)

// A share of a limit means nothing if the limit is of other instructions.
func TestLoopsAreOfTheKernelsOwnInstructions(t *testing.T) {
	for _, k := range kernels.Table() {
		l := loopOf(k)
		if l.Run == nil || k.ISA == portable {
			continue
		}
		if len(k.Missing) == 0 && !strings.HasPrefix(l.Impl, vectors(k.ISA)+"-") {
			t.Errorf("%s is measured by %s", k.Name, l.Impl)
		}
		if k.Algorithm != "popcount" && k.Algorithm != l.Kind {
			t.Errorf("%s, %s, is measured by %s", k.Name, k.Algorithm, l.Kind)
		}
	}
	for name, algorithm := range map[string]string{"avx2-muladd-w8-acc16": "muladd", "avx2-float32": "float32", "avx2-popcount-lut": "popcount"} {
		k := kernels.Kernel{Name: name, ISA: "avx2", Algorithm: algorithm}
		restore, err := kernels.Use(name)
		if err != nil {
			continue // not on this CPU
		}
		restore()
		if loopOf(k).Run == nil {
			t.Errorf("%s has no limit", name)
		}
	}
}

func TestUseKeepsThePackingOfItsTier(t *testing.T) {
	for _, k := range rows(kernels.OpGEMM, kernels.Formats{Weights: kernels.Binary, Acts: kernels.Sign}) {
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
