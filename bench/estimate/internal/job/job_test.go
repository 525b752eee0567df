package job

import (
	"strings"
	"testing"

	"example.com/lowbit/kernels"
)

// TestRun runs every operation by portable kernels.
func TestRun(t *testing.T) {
	for _, j := range []Job{
		{"portable-popcount", kernels.OpGEMM, "", kernels.Binary, kernels.Sign, 3, 5, 70, NaturalZeros},
		{"portable-muladd", kernels.OpGEMM, "", kernels.Int8, kernels.S8, 3, 5, 70, 0},
		{"portable-muladd", kernels.OpDot, "", kernels.Ternary, kernels.U2, 1, 1, 70, 50},
		{"portable-popcount", kernels.OpDotBinary, "", kernels.Binary, kernels.U1, 1, 1, 70, NaturalZeros},
		{"portable-float32", kernels.OpGEMMFloat32, "", kernels.Float32, kernels.F32, 3, 5, 70, NaturalZeros},
		{"portable-float32", kernels.OpDotFloat32, "", kernels.Float32, kernels.F32, 1, 1, 70, NaturalZeros},
		{"portable-muladd", kernels.OpMixed, "", kernels.Pow2x4, kernels.F32, 3, 5, 70, NaturalZeros},
		EpilogueJob("portable-epilogue", Thresholds),
		EpilogueJob("portable-epilogue", Requantize),
		EpilogueJob("portable-epilogue", MaxPoolI32),
		EpilogueJob("portable-epilogue", MaxPoolF32),
		EpilogueJob("portable-epilogue", Affine),
	} {
		calls := 0
		count := func() { calls++ }
		done, err := j.Run(count, count)
		if err != nil && strings.Contains(err.Error(), "no kernel or instruction set") {
			t.Errorf("%v: the table has no %s", j, j.Kernel)
			continue
		}
		if err != nil || calls != 2 || done.Kernel != j.Kernel || done.MACs != j.M*j.N*j.K {
			t.Errorf("%v by %s: %+v, %v, %d calls: want %d MAC", j, j.Kernel, done, err, calls, j.M*j.N*j.K)
		}
	}
}

func TestRunErrors(t *testing.T) {
	none := func() { t.Error("a job that cannot be done ran") }
	for want, j := range map[string]Job{
		"want at least 1x1x1": {"portable-muladd", kernels.OpGEMM, "", kernels.Int8, kernels.U8, 0, 1, 1, 0},
		"was chosen":          {"portable-popcount", kernels.OpGEMM, "", kernels.Int8, kernels.U8, 1, 1, 1, 0},
		"no kernel":           {"z80-muladd", kernels.OpGEMM, "", kernels.Int8, kernels.U8, 1, 1, 1, 0},
		"want one of":         EpilogueJob("portable-epilogue", "sort"),
	} {
		if _, err := j.Run(none, none); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v by %s: error %v: want %q", j, j.Kernel, err, want)
		}
	}
}

// TestZeros wants as many zeros as are asked for.
func TestZeros(t *testing.T) {
	for percent, want := range map[int][2]int{0: {0, 0}, 50: {4500, 5500}, 100: {10000, 10000}, NaturalZeros: {3000, 3700}} {
		zeros := 0
		for _, v := range (Job{Weights: kernels.Ternary, N: 100, K: 100, Zeros: percent}).weights().Values {
			if v == 0 {
				zeros++
			}
		}
		if zeros < want[0] || zeros > want[1] {
			t.Errorf("%d %%: %d of 10000 are zeros: want %v", percent, zeros, want)
		}
	}
}
