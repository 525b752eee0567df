package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"example.com/lowbit/ref"
)

// transformable returns shapes that transforms take, and others near them.
func transformable(rng *rand.Rand) ConvShape {
	side := []int{3, 3, 5}[rng.IntN(3)]
	s := ConvShape{H: side + rng.IntN(14), W: side + rng.IntN(14), InC: 8 * (1 + rng.IntN(5)), OutC: 8 * (1 + rng.IntN(5)), KH: side, KW: side, StrideH: 1, StrideW: 1}
	s.PadH, s.PadW = rng.IntN(3), rng.IntN(3)
	if side == 3 && rng.IntN(3) == 0 { // too small for the larger tiles
		s.H, s.W, s.PadH, s.PadW = 4, 4+rng.IntN(4), 0, 0
	}
	if side == 5 { // whole tiles
		s.H, s.W = 4*(1+rng.IntN(4))+4-2*s.PadH, 4*(1+rng.IntN(4))+4-2*s.PadW
	}
	if rng.IntN(6) == 0 {
		s.InC, s.OutC, s.StrideH = s.InC-1, s.OutC-1, 2
	}
	return s
}

// TestFloatEpilogue wants of every way to compute sums the bits of its sums, pooled,
// scaled and added to step by step; the same in memory of the caller's, of which
// nothing is expected, as on any number of threads; and of each image the same alone.
func TestFloatEpilogue(t *testing.T) {
	each(t, f32Table, func(t *testing.T, row *f32Row) {
		use(t, row.name())
		rng, a := random(t), newArena(t)
		methods := map[string]int{}
		for range times(60) {
			s := transformable(rng)
			if rng.IntN(2) == 0 {
				s = randomConv(rng, 40)
			}
			if s.Check() != nil {
				continue
			}
			e := FloatEpilogue{Pool: rng.IntN(min(4, s.OutH()+1, s.OutW()+1))}
			if rng.IntN(4) > 0 {
				e.Scale, e.Bias, e.ReLU = randomFloats(rng, s.OutC, false), randomFloats(rng, s.OutC, false), rng.IntN(2) == 0
			}
			images, threads := rng.IntN(7), rng.IntN(4)
			if s.OutH()*s.OutW() < 6 {
				images *= 9
			}
			at := spot{rng.IntN(2) == 0, rng.IntN(2) * 4 * rng.IntN(16)}
			w := randomFloats(rng, s.OutC*s.K(), false)
			plain, err := NewConv2DFloat32(w, s, Options{})
			if err != nil {
				t.Fatalf("%+v: %v", s, err)
			}
			c, err := NewConv2DFloat32Epilogue(w, s, e, Options{Threads: threads})
			if err != nil {
				t.Fatalf("%+v: %v", s, err)
			}
			methods[c.Method()]++
			pool := e.pool(&s)
			in, sums, out := s.H*s.W*s.InC, s.OutH()*s.OutW()*s.OutC, pool.OutH()*pool.OutW()*pool.C
			xs, adds := randomFloats(rng, images*in, false), randomFloats(rng, images*out, false)
			all, want := make([]float32, images*sums), make([]float32, images*out)
			plain.Run(all, xs, images)
			MaxPool(want, all, pool, images)
			if e.Scale != nil {
				Affine(want, e.Scale, e.Bias, false)
			}
			added := slices.Clone(want)
			for i, v := range adds {
				added[i] += v
			}
			if e.ReLU {
				for i := range want {
					if want[i] < 0 {
						want[i] = 0
					}
					if added[i] < 0 {
						added[i] = 0
					}
				}
			}
			what := fmt.Sprintf("%+v, %s, %+v, %d images, %d threads", s, c.Method(), e, images, threads)
			x, y, dst := input(a, "x", at, xs), input(a, "add", at, adds), place(a, "dst", images*out, at, nans(images*out))
			scratch := place(a, "scratch", c.Scratch(images), spot{}, nans(c.Scratch(images)))
			check := func(want []float32, run func()) {
				t.Helper()
				copy(dst, nans(len(dst)))
				a.run(run)
				if i := firstDifference(dst[:len(want)], want); i >= 0 {
					t.Fatalf("%s: output %d: got %v, want %v", what, i, dst[i], want[i])
				}
			}
			check(want, func() { c.Run(dst, x, images) })
			check(want, func() { c.RunIn(scratch, dst, x, nil, images) })
			if images > 0 {
				check(added, func() { c.RunIn(scratch, dst, x, y, images) })
				i := rng.IntN(images)
				check(want[i*out:][:out], func() { c.RunIn(scratch, dst[:out], x[i*in:][:in], nil, 1) })
			}
		}
		if row.winograd != nil && len(methods) < 4 && !testing.Short() {
			t.Errorf("methods were %v: want all", methods)
		}
	})
}

// TestConv2DFloat32Error bounds what is rounded, in units of 2^-24 of the sums' root
// mean square. A direct sum of K products of random signs rounds, on average, its
// partial sums: about sqrt(K/6)/2 units. The bounds allow for twice what is seen.
func TestConv2DFloat32Error(t *testing.T) {
	each(t, f32Table, func(t *testing.T, row *f32Row) {
		use(t, row.name())
		rng := random(t)
		for _, c := range []struct {
			method string
			s      ConvShape
			bound  float64
			work   int // products of two channels
		}{
			{"direct", ConvShape{H: 24, W: 24, InC: 64, OutC: 16, KH: 3, KW: 3, StrideH: 2, StrideW: 2, PadH: 1, PadW: 1}, 15, 12 * 12 * 9},
			{"F(2x2, 3x3)", ConvShape{H: 4, W: 4, InC: 64, OutC: 160, KH: 3, KW: 3, StrideH: 1, StrideW: 1}, 10, 16},
			{"F(4x4, 3x3)", ConvShape{H: 12, W: 12, InC: 64, OutC: 16, KH: 3, KW: 3, StrideH: 1, StrideW: 1, PadH: 1, PadW: 1}, 50, 9 * 36},
			{"F(4x4, 5x5)", ConvShape{H: 12, W: 12, InC: 64, OutC: 16, KH: 5, KW: 5, StrideH: 1, StrideW: 1}, 90, 4 * 64},
		} {
			s := c.s
			normal := func(n int) []float32 {
				x := make([]float32, n)
				for i := range x {
					x[i] = float32(rng.NormFloat64())
				}
				return x
			}
			x, w := normal(s.H*s.W*s.InC), normal(s.OutC*s.K())
			p, err := NewConv2DFloat32(w, s, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if p.Method() != c.method && row.winograd != nil {
				t.Errorf("%+v is computed by %s: want %s", s, p.Method(), c.method)
			}
			if work := c.work * s.InC * s.OutC; p.Work() != work && row.winograd != nil || p.Work() > s.MACs() {
				t.Errorf("%s has %d products: want %d", p.Method(), p.Work(), work)
			}
			got, want := make([]float32, s.OutH()*s.OutW()*s.OutC), make([]float64, s.OutH()*s.OutW()*s.OutC)
			p.Run(got, x, 1)
			ref.ConvTraining64(want, make([]float64, len(x)), make([]float64, len(w)), x, w, make([]float32, len(got)), 1, 0, ref.ConvShape(s))
			size, errors := 0.0, 0.0
			for i, v := range want {
				size, errors = size+v*v, errors+(float64(got[i])-v)*(float64(got[i])-v)
			}
			units := math.Sqrt(errors/size) * (1 << 24)
			t.Logf("%s: %.3g units", p.Method(), units)
			if !(units <= c.bound) {
				t.Errorf("%s: errors of %.3g units: want up to %v", p.Method(), units, c.bound)
			}
		}
	})
}

func TestAffineAdd(t *testing.T) {
	each(t, f32Table, func(t *testing.T, row *f32Row) {
		use(t, row.name())
		rng, a := random(t), newArena(t)
		for _, channels := range channelCounts(rng) {
			for _, relu := range []bool{false, true} {
				rows, at := rng.IntN(6), spot{rng.IntN(2) == 0, rng.IntN(2) * 4 * rng.IntN(16)}
				values, others := awkward(rng, rows*channels, true), awkward(rng, rows*channels, true)
				scale, bias := awkward(rng, channels, true), awkward(rng, channels, true)
				want := slices.Clone(values)
				for i := range want {
					c := i % channels
					if want[i] = float32(float32(want[i]*scale[c])+bias[c]) + others[i]; relu && want[i] < 0 {
						want[i] = 0
					}
				}
				x, y := place(a, "x", len(values), at, values), input(a, "y", at, others)
				s, b := input(a, "scale", at, scale), input(a, "bias", at, bias)
				a.run(func() { AffineAdd(x, y, s, b, relu) })
				wantBits(t, fmt.Sprintf("%d rows of %d, relu %v", rows, channels, relu), x, want)
			}
		}
		x, y := make([]float32, 36), make([]float32, 36)
		noAllocs(t, "AffineAdd", func() { AffineAdd(x, y, x[:9], x[9:18], true) })
	})
}

func TestFloatEpilogueErrors(t *testing.T) {
	s := ConvShape{H: 4, W: 6, InC: 2, OutC: 3, KH: 2, KW: 2, StrideH: 1, StrideW: 1}
	w, three := make([]float32, s.OutC*s.K()), make([]float32, 3)
	for _, e := range []FloatEpilogue{{Scale: three}, {Bias: three}, {Scale: three[:2], Bias: three[:2]}, {ReLU: true}, {Pool: -1}, {Pool: 4}} {
		_, err := NewConv2DFloat32Epilogue(w, s, e, Options{})
		wantError(t, err, "FloatEpilogue")
	}
	c, err := NewConv2DFloat32Epilogue(w, s, FloatEpilogue{Pool: 2}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	dst, x := make([]float32, 2*1*2*3), make([]float32, 2*4*6*2)
	wantPanic(t, func() { c.RunIn(make([]float32, c.Scratch(2)-1), dst, x, nil, 2) }, "Conv2DFloat32.RunIn", "2 images")
	wantPanic(t, func() { c.RunIn(make([]float32, c.Scratch(2)), dst, x, dst[1:], 2) }, "Conv2DFloat32.RunIn", "add")
	wantPanic(t, func() { c.RunIn(make([]float32, c.Scratch(2)), dst[1:], x, nil, 2) }, "Conv2DFloat32.RunIn", "len(dst) = 11")
	c.RunIn(make([]float32, c.Scratch(2)), dst, x, nil, 2)
}
