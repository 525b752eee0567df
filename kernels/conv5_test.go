package kernels

import (
	"math"
	"testing"

	"example.com/lowbit/ref"
)

// TestConv5 compares 5x5 convolutions and their gradients with sums in double precision.
func TestConv5(t *testing.T) {
	each(t, f32Table, func(t *testing.T, row *f32Row) {
		if row.conv5 == nil {
			t.Skip("it has no transforms")
		}
		use(t, row.name())
		rng, a := random(t), newArena(t)
		worst := 0.0
		normal := func(n int) []float32 {
			s := make([]float32, n)
			for i := range s {
				s[i] = float32(rng.NormFloat64())
			}
			return s
		}
		for _, s := range []ConvShape{
			{H: 20, W: 20, InC: 16, OutC: 24, KH: 5, KW: 5, StrideH: 1, StrideW: 1},
			{H: 8, W: 12, InC: 16, OutC: 8, KH: 5, KW: 5, StrideH: 1, StrideW: 1},
			{H: 8, W: 4, InC: 24, OutC: 40, KH: 5, KW: 5, StrideH: 1, StrideW: 1, PadH: 2, PadW: 2},
			{H: 10, W: 8, InC: 40, OutC: 24, KH: 5, KW: 5, StrideH: 1, StrideW: 1, PadH: 1, PadW: 4},
		} {
			p, err := NewConvTraining(s, 0)
			if err != nil {
				t.Fatal(err)
			}
			if !p.conv5() {
				t.Fatalf("%+v does not take the transforms", s)
			}
			for range times(3) {
				at, images, add := spot{rng.IntN(2) == 0, rng.IntN(2) * 4 * rng.IntN(16)}, rng.IntN(6), rng.IntN(2) == 0
				in, out, k := s.H*s.W*s.InC, s.OutH()*s.OutW()*s.OutC, s.K()
				pad := float32(-rng.IntN(2))
				p.pool.New = func() any { // nothing can rely on zeros
					return &trainingWorkspace{b: nans(1 << 16), image: nans(1 << 16), tile: nans(len(p.row.window) * p.row.nr), u: nans(1 << 16), v: nans(1 << 16), m: nans(1 << 16)}
				}
				x, w, dy := input(a, "x", at, normal(images*in)), input(a, "w", at, normal(s.OutC*k)), input(a, "dy", at, normal(images*out))
				before := nans(k * s.OutC)
				if add {
					before = normal(k * s.OutC)
				}
				wantY, wantX, wantW := make([]float64, images*out), make([]float64, images*in), make([]float64, k*s.OutC)
				ref.ConvTraining64(wantY, wantX, wantW, x, w, dy, images, pad, ref.ConvShape(s))
				for i := range wantW {
					if add {
						wantW[i] += float64(before[i])
					}
				}
				y := place(a, "y", images*out, at, nans(images*out))
				dx, dw := place(a, "dx", images*in, at, nans(images*in)), place(a, "dw", len(before), at, before)
				a.run(func() {
					p.Forward(y, x, forwardWeights(p, w), images, pad)
					p.Weights(dw, x, dy, images, pad, add)
					p.Inputs(dx, dy, inputsWeights(p, w), images)
				})
				// Errors are those of a tile, whose elements at the edges of an
				// image are sums of fewer products than others.
				near := func(what string, got []float32, want []float64) {
					t.Helper()
					size := 0.0
					for _, v := range want {
						size = max(size, math.Abs(v))
					}
					for i := range want {
						e := math.Abs(float64(got[i])-want[i]) / max(size, 1)
						if worst = max(worst, e); !(e <= 1e-5) {
							t.Fatalf("%+v, %d images: %s %d: got %v, want %v", s, images, what, i, got[i], want[i])
						}
					}
				}
				near("sum", y, wantY)
				near("gradient of weight", dw, wantW)
				near("gradient of input", dx, wantX)
			}
			// Sums of whole numbers do not go by way of points, and are exact.
			whole, err := NewConvTraining(s, 64)
			if err != nil {
				t.Fatal(err)
			}
			x, w := randomFloats(rng, s.H*s.W*s.InC, true), randomFloats(rng, s.OutC*s.K(), true)
			y, want := make([]float32, s.OutH()*s.OutW()*s.OutC), make([]float32, s.OutH()*s.OutW()*s.OutC)
			ref.ConvTraining(want, make([]float32, len(x)), make([]float32, len(w)), x, w, y, 1, -1, ref.ConvShape(s))
			whole.Forward(y, x, forwardWeights(whole, w), 1, -1)
			if i := firstDifference(y, want); i >= 0 {
				t.Fatalf("%+v: whole sum %d: got %v, want %v", s, i, y[i], want[i])
			}
		}
		t.Logf("largest error: %.2g of the largest element", worst)
	})
}
