package quant

import (
	"math"
	"testing"

	"example.com/lowbit/kernels"
)

var formats = []kernels.WeightFormat{kernels.Binary, kernels.Ternary, kernels.Pow2x3, kernels.Pow2x4, kernels.Int8}

func TestGrid(t *testing.T) {
	for _, f := range formats {
		g := NewGrid(f)
		n := len(g.Levels)
		for i, l := range g.Levels {
			if l != -g.Levels[n-1-i] || i > 0 && l <= g.Levels[i-1] {
				t.Errorf("%v: levels %v are not ascending and symmetric", f, g.Levels)
			}
			if a := math.Abs(float64(l)); f != kernels.Int8 && a != 0 && math.Log2(a) != math.Floor(math.Log2(a)) {
				t.Errorf("%v: level %v is no power of two", f, l)
			}
		}
	}
	for b, want := range map[kernels.WeightFormat]float32{kernels.Pow2x3: 4, kernels.Pow2x4: 64} {
		if g := NewGrid(b); g.Max() != want || len(g.Levels) != 1<<b.Bits()-1 {
			t.Errorf("%v: %d levels up to %v: want %d up to %v", b, len(g.Levels), g.Max(), 1<<b.Bits()-1, want)
		}
	}
}

func TestNearest(t *testing.T) {
	for _, f := range formats {
		g := NewGrid(f)
		for v := -1.5 * g.Max(); v <= 1.5*g.Max(); v += g.Max() / 512 {
			best := math.Inf(1)
			for _, l := range g.Levels {
				best = min(best, math.Abs(float64(l-v)))
			}
			if got := math.Abs(float64(g.Levels[g.Nearest(v)] - v)); got != best {
				t.Fatalf("%v: nearest to %v is %v away: want %v", f, v, got, best)
			}
			// Many at once, as vectors take them; where levels are equally near
			// too, and just below.
			var r, x [21]float32
			for i := range x {
				x[i] = v + g.Max()*float32(i)/16
				if i%2 == 1 {
					x[i] = float32(math.Floor(float64(x[i]))) + 0.5
				}
				if i%4 == 3 {
					x[i] = math.Nextafter32(x[i], float32(math.Inf(-1)))
				}
			}
			g.Round(r[:], x[:])
			for i, v := range x {
				if r[i] != g.Levels[g.Nearest(v)] {
					t.Fatalf("%v: Round(%v) = %v, Nearest is %v", f, v, r[i], g.Levels[g.Nearest(v)])
				}
			}
		}
	}
}

// updates calls f for every level of the grid and updates from far below to
// far above the gaps, both signs, exact multiples of the gaps among them.
func updates(g *Grid, f func(s uint8, d float32)) {
	for s := range g.Levels {
		for i := -96; i <= 96; i++ {
			f(uint8(s), float32(i)/32*g.Max())
			f(uint8(s), float32(i)/32)
		}
		for _, d := range []float32{1e-30, 1e-6, 1e9} {
			f(uint8(s), d)
			f(uint8(s), -d)
		}
	}
}

func TestWalk(t *testing.T) {
	for _, f := range formats {
		g := NewGrid(f)
		updates(g, func(s uint8, d float32) {
			from, h := g.Levels[s], g.Max()
			target := max(min(from+d, h), -h)
			to, nu, delta := g.Walk(s, d)
			at := g.Levels[to]
			if d > 0 && (at > target || at < from) || d < 0 && (at < target || at > from) || d == 0 && to != s {
				t.Fatalf("%v: %v walks by %v to %v, past %v or backwards", f, from, d, at, target)
			}
			if nu < 0 || delta < 0 || nu > 0 && nu >= delta {
				t.Fatalf("%v: %v by %v leaves %v of a gap of %v", f, from, d, nu, delta)
			}
			if got := float32(math.Abs(float64(target - at))); got != nu {
				t.Fatalf("%v: %v by %v leaves %v: want %v", f, from, d, nu, got)
			}
			if nu > 0 {
				step := 1
				if d < 0 {
					step = -1
				}
				if gap := float32(math.Abs(float64(g.Levels[int(to)+step] - at))); gap != delta {
					t.Fatalf("%v: %v by %v: gap %v: want %v", f, from, d, delta, gap)
				}
			}
			for _, rule := range []Transition{Tanh, Unbiased} {
				if nu > 0 {
					if p := rule.Probability(nu, delta); p < 0 || p > 1 {
						t.Fatalf("%v: probability %v", f, p)
					}
				}
				// u = 0 always moves on if anything is left (and its
				// probability is not rounded to nothing), u -> 1 never
				// does unless it is certain.
				if got := g.Update(s, d, 0, rule); nu > 1e-20 && got == to || nu == 0 && got != to {
					t.Fatalf("%v rule %d: %v by %v, u = 0: level %v after a walk to %v", f, rule, from, d, g.Levels[got], at)
				}
				if got := g.Update(s, d, 1, rule); got != to {
					t.Fatalf("%v rule %d: %v by %v, u = 1: level %v after a walk to %v", f, rule, from, d, g.Levels[got], at)
				}
			}
		})
	}
}

// The uniform ternary grid is GXNOR-Net's: kappa = trunc(d/dz), nu = d - kappa*dz.
func TestWalkIsGXNOR(t *testing.T) {
	g := NewGrid(kernels.Int8)
	for s := range g.Levels {
		for d := float32(-20); d <= 20; d += 0.375 {
			t0 := max(min(g.Levels[s]+d, 127), -127) - g.Levels[s]
			kappa := float32(math.Trunc(float64(t0)))
			to, nu, _ := g.Walk(uint8(s), d)
			if g.Levels[to] != g.Levels[s]+kappa || nu != float32(math.Abs(float64(t0-kappa))) {
				t.Fatalf("%v by %v: walks to %v leaving %v: want %v leaving %v", g.Levels[s], d, g.Levels[to], nu, g.Levels[s]+kappa, t0-kappa)
			}
		}
	}
}

// Over many draws, the unbiased rule moves a weight by the clipped update and
// both rules transit as often as their probability says, within five sigma.
func TestTransitionFrequency(t *testing.T) {
	const draws = 20000
	for _, f := range formats[:4] {
		g := NewGrid(f)
		for s := range g.Levels {
			for i, d := range []float32{0.01, 0.3, -0.3, 0.77, -1.5, 3.1, -11.3, 40} {
				to, nu, delta := g.Walk(uint8(s), d)
				for _, rule := range []Transition{Tanh, Unbiased} {
					stream := NewStream(7, uint64(f), uint64(s), uint64(i), uint64(rule))
					moved, sum := 0, 0.0
					for j := range draws {
						n := g.Update(uint8(s), d, stream.Uniform(uint64(j)), rule)
						if n != to {
							moved++
						}
						sum += float64(g.Levels[n] - g.Levels[s])
					}
					p := 0.0
					if delta > 0 {
						p = float64(rule.Probability(nu, delta))
					}
					sigma := math.Sqrt(p*(1-p)/draws) + 1e-9
					if got := float64(moved) / draws; math.Abs(got-p) > 5*sigma {
						t.Errorf("%v rule %d: %v by %v: transits %v of the time: want %v", f, rule, g.Levels[s], d, got, p)
					}
					want := float64(max(min(g.Levels[s]+d, g.Max()), -g.Max()) - g.Levels[s])
					if mean := sum / draws; rule == Unbiased && math.Abs(mean-want) > 5*sigma*float64(delta)+1e-6 {
						t.Errorf("%v: %v by %v: moves by %v on average: want %v", f, g.Levels[s], d, mean, want)
					}
				}
			}
		}
	}
}

func TestUpdateAll(t *testing.T) {
	for _, f := range formats {
		g := NewGrid(f)
		for _, rule := range []Transition{Tanh, Unbiased} {
			for _, size := range []float32{1e-12, 1e-7, 1e-4, 0.01, 0.1, 0.5, 2, 100} {
				const n = 20000
				r, stream := NewStream(4, uint64(f)), NewStream(5, uint64(rule))
				s, d := make([]uint8, n), make([]float32, n)
				want := make([]uint8, n)
				for i := range s {
					s[i] = uint8(r.Uint64(uint64(i)) % uint64(len(g.Levels)))
					d[i] = size * r.Normal(uint64(n+i))
					if i%100 == 0 {
						d[i] = 0
					}
					want[i] = g.Update(s[i], d[i], stream.Uniform(uint64(7+i)), rule)
				}
				g.UpdateAll(s, d, stream, 7, rule)
				for i := range s {
					if s[i] != want[i] {
						t.Fatalf("%v rule %d: update %v gives level %d: want %d", f, rule, d[i], s[i], want[i])
					}
				}
			}
		}
	}
}

func TestUpdateNaN(t *testing.T) {
	g := NewGrid(kernels.Pow2x4)
	nan := float32(math.NaN())
	for s := range g.Levels {
		if got := g.Update(uint8(s), nan, 0, Tanh); got != uint8(s) {
			t.Errorf("level %d moves to %d on NaN", s, got)
		}
	}
}

func TestStream(t *testing.T) {
	s := NewStream(1, 2, 3)
	if s != NewStream(1, 2, 3) || s == NewStream(1, 3, 2) || s == NewStream(2, 2, 3) || s == NewStream(1, 2) {
		t.Error("a stream's name does not make it")
	}
	const n = 1 << 16
	var bins [16]int
	var sum, square float64
	for i := range uint64(n) {
		u := s.Uniform(i)
		if u < 0 || u >= 1 {
			t.Fatalf("number %d is %v", i, u)
		}
		bins[int(u*16)]++
		x := float64(s.Normal(i))
		sum += x
		square += x * x
	}
	for i, b := range bins {
		if math.Abs(float64(b)-n/16) > 5*math.Sqrt(n/16) {
			t.Errorf("bin %d has %d of %d", i, b, n)
		}
	}
	if mean, variance := sum/n, square/n; math.Abs(mean) > 0.02 || math.Abs(variance-1) > 0.03 {
		t.Errorf("normal numbers have mean %v and variance %v", mean, variance)
	}
	seen := make([]bool, 1000)
	for _, p := range s.Perm(len(seen)) {
		if seen[p] {
			t.Fatalf("%d twice in a permutation", p)
		}
		seen[p] = true
	}
}

// Every window has area 1 a step, so the slope's integral is the number of
// steps, and half-a-step rectangles are the clipped straight-through slope.
func TestWindow(t *testing.T) {
	for _, top := range []int{1, 3, 7, 15, 255} {
		for _, w := range []Window{{false, 0.5}, {false, 0.25}, {false, 1}, {false, 1.7}, {true, 0.5}, {true, 1}, {true, 2}} {
			const h = 1.0 / 256
			integral := 0.0
			for v := -4 + h/2; v < float64(top)+4; v += h {
				slope := w.Slope(float32(v), top)
				if slope < 0 {
					t.Fatalf("%+v top %d: slope %v at %v", w, top, slope, v)
				}
				integral += float64(slope) * h
			}
			if math.Abs(integral-float64(top)) > 0.02*float64(top) {
				t.Errorf("%+v top %d: area %v", w, top, integral)
			}
		}
		for _, v := range []float32{-1e30, 1e30, float32(math.NaN()), float32(math.Inf(1))} {
			if s := (Window{true, 1}).Slope(v, top); s != 0 {
				t.Errorf("slope %v at %v", s, v)
			}
		}
	}
}

// The code is the nearest level of 0 ... top and never decreases.
func TestCodeRounds(t *testing.T) {
	for _, a := range []kernels.ActFormat{kernels.U1, kernels.U2, kernels.U3, kernels.U4, kernels.U8} {
		last := uint8(0)
		for y := int32(-3000); y < 3000; y++ {
			c := Code(y, 0.11, 0.4, a.Max())
			want := math.Floor(float64(float32(float32(y)*0.11)+0.4) + 0.5)
			if got := min(max(want, 0), float64(a.Max())); float64(c) != got && math.Abs(want-float64(c)) > 1 || c < last {
				t.Fatalf("%v: code of %d is %d: want %v, at least %d", a, y, c, got, last)
			}
			last = c
		}
		if int(last) != a.Max() {
			t.Errorf("%v: largest code is %d", a, last)
		}
	}
}
