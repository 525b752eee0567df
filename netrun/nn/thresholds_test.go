package nn

import (
	"math"
	"math/rand/v2"
	"testing"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/quant"
	"example.com/lowbit/ref"
)

// Every code of every sum in range equals quant.Code, on random scales and
// biases and on those at the ends of float32.
func TestThresholds(t *testing.T) {
	const tiny, huge = math.SmallestNonzeroFloat32, math.MaxFloat32
	negZero := float32(math.Copysign(0, -1))
	scales := []float32{0, negZero, tiny, -tiny, 0x1p-126, -0x1p-127, huge, -huge, 1, -1, 0.5, -0.5, 1.0 / 3, 255, 1e-7, -1e-7, 1e30}
	biases := []float32{0, negZero, tiny, -tiny, 0.5, -0.5, 0.49999997, -0.49999997, 0.50000006, 1, 15, 254.5, 1 << 23, 1 << 24, -(1 << 24), huge, -huge}
	rng := rand.New(rand.NewPCG(1, 2))
	for _, act := range []kernels.ActFormat{kernels.Sign, kernels.U1, kernels.U2, kernels.U3, kernels.U4, kernels.U8} {
		b := &Block{Kind: Dense, Weights: kernels.Ternary, InAct: kernels.U4, OutAct: act}
		for _, s := range scales {
			for _, o := range biases {
				b.Scale, b.Bias = append(b.Scale, s), append(b.Bias, o)
			}
		}
		for range 300 {
			s := float32(rng.NormFloat64() * math.Exp(rng.NormFloat64()*3-3))
			b.Scale, b.Bias = append(b.Scale, s), append(b.Bias, float32(rng.NormFloat64()*float64(act.Max())))
		}
		b.Out = len(b.Scale)
		b.In = Shape{1, 1, 40}
		b.Values = make([]int8, b.Out*b.K())
		for i := range b.Values {
			b.Values[i] = int8(rng.IntN(3) - 1)
		}
		if err := b.checkParameters(); err != nil {
			t.Fatal(err)
		}
		steps, negate := thresholds(b)
		code := make([]uint8, 1)
		for c := range steps {
			lo, hi := b.SumRange(c)
			for y := lo; y <= hi; y++ {
				ref.Thresholds(code, []int32{int32(y)}, steps[c:c+1], negate[c:c+1])
				if want := quant.Code(int32(y), b.Scale[c], b.Bias[c], act.Max()); code[0] != want {
					t.Fatalf("%v: sum %d, scale %g, bias %g: code %d, want %d", act, y, b.Scale[c], b.Bias[c], code[0], want)
				}
			}
		}
	}
}

// At the ends of the widest range that Check allows, and around every step.
func TestThresholdsWide(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	// As many weights of 127 and of -127, times u8, as reach just below 2^24.
	k := 2 * (maxSum / (127 * 255))
	b := &Block{Kind: Dense, In: Shape{1, 1, k}, Out: 64, Weights: kernels.Int8, InAct: kernels.U8, OutAct: kernels.U4}
	b.Values = make([]int8, b.Out*k)
	for i := range b.Values {
		b.Values[i] = int8(127 - 254*(i%2))
	}
	for range b.Out {
		b.Scale = append(b.Scale, float32(rng.NormFloat64()*1e-6))
		b.Bias = append(b.Bias, float32(rng.NormFloat64()*8))
	}
	if err := b.checkParameters(); err != nil {
		t.Fatal(err)
	}
	steps, negate := thresholds(b)
	for c := range steps {
		lo, hi := b.SumRange(c)
		if hi < maxSum-127*255 {
			t.Fatalf("sums reach only %d", hi)
		}
		try := []int64{lo, lo + 1, -1, 0, 1, hi - 1, hi}
		for _, s := range steps[c] {
			for d := int64(-2); d <= 2; d++ {
				y := int64(s) + d
				if negate[c] {
					y = -y
				}
				try = append(try, min(max(y, lo), hi))
			}
		}
		for range 1000 {
			try = append(try, lo+rng.Int64N(hi-lo+1))
		}
		code := make([]uint8, 1)
		for _, y := range try {
			ref.Thresholds(code, []int32{int32(y)}, steps[c:c+1], negate[c:c+1])
			if want := quant.Code(int32(y), b.Scale[c], b.Bias[c], b.OutAct.Max()); code[0] != want {
				t.Fatalf("sum %d, scale %g, bias %g: code %d, want %d", y, b.Scale[c], b.Bias[c], code[0], want)
			}
		}
	}
}
