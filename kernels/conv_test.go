package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"example.com/lowbit/ref"
)

// randomConv returns a shape with strides of 1 to 3, pads of 0 to 3 and
// windows of 1x1 to 5x5, often larger than the image without its pads.
func randomConv(rng *rand.Rand, maxC int) ConvShape {
	for {
		s := ConvShape{H: 1 + rng.IntN(9), W: 1 + rng.IntN(9), InC: 1 + rng.IntN(maxC), OutC: 1 + rng.IntN(maxC),
			KH: 1 + rng.IntN(5), KW: 1 + rng.IntN(5), StrideH: 1 + rng.IntN(3), StrideW: 1 + rng.IntN(3), PadH: rng.IntN(4), PadW: rng.IntN(4)}
		if s.Check() == nil {
			return s
		}
	}
}

// convShapes are the special cases.
var convShapes = []ConvShape{
	{H: 1, W: 1, InC: 1, OutC: 1, KH: 1, KW: 1, StrideH: 1, StrideW: 1},                     // a number
	{H: 5, W: 7, InC: 64, OutC: 17, KH: 1, KW: 1, StrideH: 1, StrideW: 1},                   // pointwise: no gathering
	{H: 5, W: 7, InC: 7, OutC: 5, KH: 1, KW: 1, StrideH: 2, StrideW: 1},                     // pointwise with a stride
	{H: 5, W: 7, InC: 7, OutC: 5, KH: 1, KW: 1, StrideH: 1, StrideW: 1, PadW: 1},            // pointwise with a pad
	{H: 28, W: 28, InC: 1, OutC: 32, KH: 5, KW: 5, StrideH: 1, StrideW: 1},                  // first layer: short lines
	{H: 8, W: 8, InC: 3, OutC: 16, KH: 3, KW: 3, StrideH: 1, StrideW: 1, PadH: 1, PadW: 1},  // lines of 9 bytes
	{H: 1, W: 1, InC: 3, OutC: 3, KH: 5, KW: 5, StrideH: 1, StrideW: 1, PadH: 2, PadW: 2},   // window larger than the image
	{H: 2, W: 1, InC: 5, OutC: 2, KH: 1, KW: 1, StrideH: 3, StrideW: 2, PadH: 3, PadW: 3},   // windows all outside the image
	{H: 1, W: 30, InC: 2, OutC: 2, KH: 1, KW: 5, StrideH: 1, StrideW: 3, PadW: 2},           // one row
	{H: 30, W: 1, InC: 2, OutC: 2, KH: 5, KW: 1, StrideH: 3, StrideW: 1, PadH: 2},           // one column
	{H: 4, W: 4, InC: 2, OutC: 3, KH: 4, KW: 4, StrideH: 1, StrideW: 1},                     // window as large as the image
	{H: 3, W: 5, InC: 65, OutC: 9, KH: 3, KW: 3, StrideH: 1, StrideW: 1, PadH: 1, PadW: 1},  // a line over a word of bits
	{H: 6, W: 6, InC: 1, OutC: 4, KH: 2, KW: 4, StrideH: 2, StrideW: 1, PadH: 3, PadW: 0},   // pads larger than the window
	{H: 12, W: 10, InC: 8, OutC: 1, KH: 3, KW: 2, StrideH: 3, StrideW: 3, PadH: 0, PadW: 1}, // lines of 16 bytes
}

// A convCase is one convolution.
type convCase struct {
	f              Formats
	s              ConvShape
	images         int
	wPattern, xPat pattern
	threads        int
	at             spot
}

func checkConv(t testing.TB, a *arena, rng *rand.Rand, c convCase, kernel string) {
	t.Helper()
	w := weights(rng, c.f.Weights, c.wPattern, c.s.OutC, c.s.K())
	p, err := NewConv2D(w, c.s, c.f.Acts, Options{Threads: c.threads})
	if err != nil {
		t.Fatalf("%+v: %v", c, err)
	}
	if kernel != "" && p.Kernel() != kernel {
		t.Fatalf("%+v: the plan chose %s: want %s", c, p.Kernel(), kernel)
	}
	poison(p.product)
	in, out := c.s.H*c.s.W*c.s.InC, c.s.OutH()*c.s.OutW()*c.s.OutC
	xs := draw(rng, c.xPat, codes(c.f.Acts), c.images*in)
	want := make([]int32, c.images*out)
	for i := range c.images {
		ref.Conv2D(want[i*out:], values(c.f.Acts, xs[i*in:][:in]), w.Values, ref.ConvShape(c.s), zeroValue(c.f.Acts))
	}
	x, dst := input(a, "x", c.at, xs), place(a, "dst", len(want), c.at, randomSums(rng, len(want)))
	for range 2 {
		a.run(func() { p.Run(dst, x, c.images) })
		if i := firstDifference(dst, want); i >= 0 {
			t.Fatalf("%+v, %s: image %d, sum %d: got %d, want %d", c, p.Kernel(), i/out, i%out, dst[i], want[i])
		}
	}
}

// TestConv2D compares every kernel with ref on special and random shapes.
func TestConv2D(t *testing.T) {
	each(t, gemmTable, func(t *testing.T, row *gemmRow) {
		use(t, row.name())
		rng, a := random(t), newArena(t)
		list := chosen(t, row)
		next := 0
		check := func(s ConvShape) {
			t.Helper()
			next++
			checkConv(t, a, rng, convCase{f: list[next%len(list)], s: s, images: 1 + rng.IntN(3), wPattern: pattern(rng.IntN(int(patterns))), xPat: pattern(rng.IntN(int(patterns))),
				threads: rng.IntN(4), at: spot{rng.IntN(2) == 0, rng.IntN(2) * rng.IntN(64)}}, row.name())
		}
		for _, s := range convShapes {
			for range times(len(list)) {
				check(s)
			}
		}
		for range times(60) {
			check(randomConv(rng, 5))
		}
		for range times(20) {
			check(randomConv(rng, 70))
		}
	})
}

var allocShapes = []ConvShape{
	{H: 7, W: 7, InC: 1, OutC: 5, KH: 5, KW: 5, StrideH: 1, StrideW: 1},
	{H: 6, W: 6, InC: 3, OutC: 5, KH: 3, KW: 3, StrideH: 1, StrideW: 1, PadH: 1, PadW: 1},
}

func TestConv2DAllocations(t *testing.T) {
	each(t, gemmTable, func(t *testing.T, row *gemmRow) {
		use(t, row.name())
		for _, f := range chosen(t, row) {
			for _, s := range allocShapes {
				p, err := NewConv2D(weights(random(t), f.Weights, uniform, s.OutC, s.K()), s, f.Acts, Options{Threads: 2})
				if err != nil {
					t.Fatal(err)
				}
				dst, x := make([]int32, 2*s.OutH()*s.OutW()*s.OutC), make([]uint8, 2*s.H*s.W*s.InC)
				noAllocs(t, fmt.Sprintf("%v, %+v", f, s), func() { p.Run(dst, x, 2) })
			}
		}
	})
}

// TestConvShape compares what a shape says of itself with ref, and wants an
// error that names the field for every shape that cannot be.
func TestConvShape(t *testing.T) {
	rng := random(t)
	for range 100 {
		s := randomConv(rng, 9)
		r := ref.ConvShape(s)
		if s.OutH() != r.OutH() || s.OutW() != r.OutW() || s.OutH() < 1 || s.OutW() < 1 {
			t.Errorf("%+v: output %dx%d: want %dx%d", s, s.OutH(), s.OutW(), r.OutH(), r.OutW())
		}
		if k := s.KH * s.KW * s.InC; s.K() != k || s.MACs() != s.OutH()*s.OutW()*s.OutC*k {
			t.Errorf("%+v: K %d, MACs %d", s, s.K(), s.MACs())
		}
	}
	good := ConvShape{H: 4, W: 4, InC: 2, OutC: 3, KH: 3, KW: 3, StrideH: 1, StrideW: 1}
	for field, spoil := range map[string]func(s *ConvShape){
		"H is 0": func(s *ConvShape) { s.H = 0 }, "W is -1": func(s *ConvShape) { s.W = -1 }, "InC is 0": func(s *ConvShape) { s.InC = 0 },
		"OutC is 0": func(s *ConvShape) { s.OutC = 0 }, "KH is 0": func(s *ConvShape) { s.KH = 0 }, "KW is 0": func(s *ConvShape) { s.KW = 0 },
		"StrideH is 0": func(s *ConvShape) { s.StrideH = 0 }, "StrideW is -2": func(s *ConvShape) { s.StrideW = -2 },
		"PadH is -1": func(s *ConvShape) { s.PadH = -1 }, "PadW is -1": func(s *ConvShape) { s.PadW = -1 },
		"window 5x3 on 4x4": func(s *ConvShape) { s.KH = 5 }, "window 3x5 on 4x4": func(s *ConvShape) { s.KW = 5 },
		fmt.Sprint("H is ", math.MaxInt): func(s *ConvShape) { s.H = math.MaxInt },
	} {
		s := good
		spoil(&s)
		_, err := NewConv2D(weights(rng, Ternary, uniform, 3, 18), s, U2, Options{})
		wantError(t, err, field)
		_, err = NewConv2DFloat32(slices.Repeat([]float32{1}, 54), s, Options{})
		wantError(t, err, field)
	}
	_, err := NewConv2D(weights(rng, Ternary, uniform, 3, 17), good, U2, Options{})
	wantError(t, err, "3x17", "3x18")
	_, err = NewConv2D(weights(rng, Ternary, uniform, 2, 18), good, U2, Options{})
	wantError(t, err, "2x18", "3x18")
}
