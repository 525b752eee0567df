package quant

import (
	"math"
	"testing"
)

// What is stored is within a step of 1/8 to 1/16, and on average what it was.
func TestEight(t *testing.T) {
	for _, signed := range []bool{true, false} {
		const n, draws = 300, 1000 // the second block is short
		src, sum := make([]float32, n), make([]float64, n)
		r := NewStream(1)
		for i := range src {
			src[i] = float32(math.Exp2(-float64(i%18))) * r.Normal(uint64(i)) * 1e-5
			if !signed {
				src[i] *= src[i]
			}
		}
		src[7] = 0
		e, got := NewEight(n, signed), make([]float32, n)
		var least [2]float32 // of a block's numbers but 0
		for i, x := range src {
			part := float32(1.0 / (1 << 15))
			if !signed {
				part *= part
			}
			least[i/EightBlock] = max(least[i/EightBlock], x*part, -x*part)
		}
		for draw := range draws {
			s := NewStream(2, uint64(draw))
			for b := range e.Bases {
				hi := min((b+1)*EightBlock, n)
				e.Store(b, src[b*EightBlock:hi], s)
				e.Load(got[b*EightBlock:hi], b)
			}
			for i, x := range got {
				sum[i] += float64(x)
				if d := x - src[i]; max(d, -d) > max(src[i], -src[i])/8 && max(d, -d) > least[i/EightBlock] {
					t.Fatalf("signed %v: %v became %v", signed, src[i], x)
				}
				if !signed && src[i] > 0 && x == 0 {
					t.Fatalf("%v vanished", src[i])
				}
			}
		}
		for i, x := range src {
			// A step is an eighth; five sigma of its rounding.
			tolerance := 5*math.Abs(float64(x))/16/math.Sqrt(draws) + float64(least[i/EightBlock])
			if signed && math.Abs(float64(x)) < float64(least[i/EightBlock]) { // 0 or the least
				tolerance = 5 * float64(least[i/EightBlock]) / math.Sqrt(draws)
			}
			if mean := sum[i] / draws; math.Abs(mean-float64(x)) > tolerance {
				t.Errorf("signed %v: %v became %v on average", signed, x, mean)
			}
		}
		if want := n + 4; e.Bytes() != want {
			t.Errorf("%d bytes: want %d", e.Bytes(), want)
		}
	}
}

// Any bits are stored without panic, and come back as a number of their sign.
func TestEightHostile(t *testing.T) {
	src := []float32{math.MaxFloat32, -math.MaxFloat32, math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32, 0, float32(math.Inf(1)), float32(math.NaN()), 1, -1e-30}
	for n := range len(src) + 1 {
		e, got := NewEight(n, true), make([]float32, n)
		if n == 0 {
			continue
		}
		e.Store(0, src[:n], NewStream(3))
		e.Load(got, 0)
		for i, x := range got {
			if x*src[i] < 0 {
				t.Errorf("%v became %v", src[i], x)
			}
		}
	}
}
