package suite

import (
	"fmt"
	"math/rand/v2"

	"example.com/lowbit/kernels"
	"example.com/lowbit/ref"
)

// pairs are the formats measured. "some" are those of the shipped networks,
// and those that other libraries have.
func pairs() []kernels.Formats {
	switch *formatsFlag {
	case "peers":
		return comparedFormats()
	case "all":
		var all []kernels.Formats
		for _, w := range kernels.WeightFormats() {
			for _, a := range kernels.ActFormats() {
				if w != kernels.Float32 && a != kernels.F32 {
					all = append(all, kernels.Formats{Weights: w, Acts: a})
				}
			}
		}
		return all
	}
	return []kernels.Formats{
		{Weights: kernels.Binary, Acts: kernels.Sign},
		{Weights: kernels.Binary, Acts: kernels.U1},
		{Weights: kernels.Ternary, Acts: kernels.U2},
		{Weights: kernels.Pow2x3, Acts: kernels.U3},
		{Weights: kernels.Pow2x4, Acts: kernels.U4},
		{Weights: kernels.Pow2x4, Acts: kernels.U8},
		{Weights: kernels.Int8, Acts: kernels.U8},
	}
}

func allShapes() bool { return *shapesFlag == "all" }

func random(a, b, c int) *rand.Rand {
	return rand.New(rand.NewPCG(uint64(a)<<32|uint64(b), uint64(c)))
}

// randomWeights draws every level of the format about equally often: from a
// byte each, as there may be many millions.
func randomWeights(f kernels.WeightFormat, n, k int) kernels.Weights {
	r, levels := random(n, k, int(f)), f.Levels()
	w := kernels.Weights{Format: f, N: n, K: k, Values: make([]int8, n*k)}
	var byByte [256]int8
	for i := range byByte {
		byByte[i] = levels[i*len(levels)>>8]
	}
	var bits uint64
	for i := range w.Values {
		if i&7 == 0 {
			bits = r.Uint64()
		}
		w.Values[i] = byByte[bits&255]
		bits >>= 8
	}
	return w
}

func randomCodes(a kernels.ActFormat, n int) []uint8 {
	r, x := random(n, int(a), 1), make([]uint8, n)
	for i := range x {
		x[i] = uint8(r.Uint32N(uint32(a.Max()) + 1))
	}
	return x
}

func randomFloats(n int) []float32 {
	r, x := random(n, 0, 2), make([]float32, n)
	for i := range x {
		x[i] = 2*r.Float32() - 1
	}
	return x
}

// actValues are the numbers that codes mean.
func actValues(a kernels.ActFormat, codes []uint8) []int16 {
	x := make([]int16, len(codes))
	switch a {
	case kernels.Sign:
		ref.Signs(x, codes)
	case kernels.S8:
		ref.Signed(x, codes)
	default:
		ref.Unsigned(x, codes)
	}
	return x
}

// sampleStep is the step at which m*n sums of k products are compared so that
// a check takes milliseconds: every one if they are few. It is odd, so that it
// does not keep to some columns of a power of two.
func sampleStep(m, n, k int) int { return m*n*k>>23 | 1 }

func checkGEMM(dst []int32, x []int16, w []int8, m, n, k int) error {
	for i := 0; i < m*n; i += sampleStep(m, n, k) {
		r, c := i/n, i%n
		if want := ref.Dot(x[r*k:r*k+k], w[c*k:c*k+k]); dst[i] != want {
			return fmt.Errorf("result [%d][%d] is %d: want %d", r, c, dst[i], want)
		}
	}
	return nil
}

// checkGEMMFloat32 allows for the rounding of k additions.
func checkGEMMFloat32(dst, x, w []float32, m, n, k int) error {
	for i := 0; i < m*n; i += sampleStep(m, n, k) {
		r, c := i/n, i%n
		if err := checkFloat32(dst[i], x[r*k:r*k+k], w[c*k:c*k+k]); err != nil {
			return fmt.Errorf("result [%d][%d]: %w", r, c, err)
		}
	}
	return nil
}

func checkFloat32(got float32, x, w []float32) error {
	want, size := float64(ref.DotFloat32(x, w)), 0.0
	for i := range w {
		size += abs(float64(x[i]) * float64(w[i]))
	}
	if abs(float64(got)-want) <= float64(len(w))*0x1p-24*size {
		return nil
	}
	return fmt.Errorf("%v is not within rounding of %v", got, want)
}

func abs(x float64) float64 { return max(x, -x) }
