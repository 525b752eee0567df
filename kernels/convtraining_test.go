package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"unsafe"

	"example.com/lowbit/ref"
)

// TestWindowTiles calls every tile on windows by itself. It must give the bits of
// the tile on the same elements in a matrix.
func TestWindowTiles(t *testing.T) {
	eachKernel(t, f32Table, func(t *testing.T, row *f32Row, e *emulation) {
		rng, a := random(t), newArena(t)
		nr := row.nr
		// anywhere draws n places of up to limit elements.
		anywhere := func(n, limit int) (list []uintptr, reach int) {
			list = make([]uintptr, n)
			for i := range list {
				at := rng.IntN(limit)
				list[i], reach = uintptr(4*at), max(reach, at)
			}
			return list, reach
		}
		for rows := 1; rows < len(row.window); rows++ {
			for _, k := range some(rng, around(40, 4, 8)) {
				for add := range 2 {
					at := ends[rng.IntN(2)]
					places, reach := anywhere(k, 3*k)
					aRows, reachRows := anywhere(rows, 50)
					whole := e != nil || rng.IntN(2) == 0
					as, b := randomFloats(rng, reach+reachRows+1, whole), randomFloats(rng, k*nr, whole)
					cRows, order := make([]uintptr, rows), rng.Perm(rows)
					for i := range cRows {
						cRows[i] = uintptr(4 * order[i] * (nr + 3))
					}
					before := nans((rows-1)*(nr+3) + nr)
					want, gathered, tile := slices.Clone(before), make([]float32, rows*k), make([]float32, rows*nr)
					for i := range rows {
						for p := range k {
							gathered[i*k+p] = as[(places[p]+aRows[i])/4]
						}
						for j := range nr {
							tile[i*nr+j] = float32(rng.IntN(1000) * add)
							before[int(cRows[i]/4)+j] = tile[i*nr+j]
						}
					}
					if e == nil {
						for i := range rows { // one by one: tiles may have fewer rows than these
							row.tiles[1](&tile[i*nr], 0, &gathered[i*k], 0, 4, &b[0], uintptr(k), uintptr(add))
						}
					} else {
						for i := range tile {
							for p := range k {
								tile[i] += gathered[i/nr*k+p] * b[p*nr+i%nr]
							}
							tile[i] += 0 // no negative zero
						}
					}
					for i := range rows {
						copy(want[cRows[i]/4:], tile[i*nr:][:nr])
					}
					if e != nil {
						e.add(unsafe.Pointer(&row.window[rows]), nil, []emulatedOperand{out(0, before, want, at), in(1, cRows, at), in(2, as, at), in(3, aRows, at), in(4, places, at), in(5, b, at)},
							0, 0, 0, 0, 0, 0, k, add)
						continue
					}
					c, x := place(a, "c", len(before), at, before), input(a, "a", at, as)
					cr, ar, pl, w := input(a, "cRows", at, cRows), input(a, "aRows", at, aRows), input(a, "places", at, places), input(a, "b", at, b)
					a.run(func() { row.window[rows](&c[0], &cr[0], &x[0], &ar[0], &pl[0], &w[0], uintptr(k), uintptr(add)) })
					for i := range c {
						if math.Float32bits(c[i]) != math.Float32bits(want[i]) {
							t.Fatalf("k = %d, add %d, tile of %d rows at %v: element %d: got %v, want %v", k, add, rows, cRows, i, c[i], want[i])
						}
					}
				}
			}
		}
	})
}

func TestConvTraining(t *testing.T) {
	each(t, f32Table, func(t *testing.T, row *f32Row) {
		use(t, row.name())
		rng, a := random(t), newArena(t)
		for _, s := range some(rng, convShapes) {
			checkConvTraining(t, a, rng, s)
		}
		for range times(60) {
			checkConvTraining(t, a, rng, randomConv(rng, 6))
			checkConvTraining(t, a, rng, randomConv(rng, 2*row.nr+2))
		}
		// Paths that are apart: a reduction of more than a block, odd windows
		// that keep the size of an image, many images.
		for _, s := range []ConvShape{
			{H: 5, W: 7, InC: 3, OutC: 70, KH: 3, KW: 3, StrideH: 1, StrideW: 1, PadH: 1, PadW: 1},
			{H: 6, W: 6, InC: 50, OutC: 5, KH: 3, KW: 3, StrideH: 1, StrideW: 1, PadH: 1, PadW: 1},
			{H: 16, W: 16, InC: 2, OutC: 3, KH: 3, KW: 3, StrideH: 2, StrideW: 2, PadH: 1, PadW: 1},
			{H: 40, W: 40, InC: 40, OutC: 2, KH: 1, KW: 3, StrideH: 1, StrideW: 1, PadW: 1},
		} {
			checkConvTraining(t, a, rng, s)
		}
	})
}

// TestWinogradTraining wants all sizes, paddings and numbers of channels that
// transforms know, and those where they end, to be exact with whole numbers.
func TestWinogradTraining(t *testing.T) {
	each(t, f32Table, func(t *testing.T, row *f32Row) {
		use(t, row.name())
		rng, a := random(t), newArena(t)
		for range times(150) {
			s := ConvShape{H: 1 + rng.IntN(9), W: 1 + rng.IntN(9), InC: 8 * (1 + rng.IntN(row.nr/4)), OutC: 8 * (1 + rng.IntN(row.nr/4)),
				KH: 3, KW: 3, StrideH: 1, StrideW: 1, PadH: rng.IntN(4), PadW: rng.IntN(4)}
			if s.Check() == nil {
				checkConvTraining(t, a, rng, s)
			}
		}
		for _, s := range []ConvShape{
			{H: 3, W: 50, InC: 8, OutC: 16, PadH: 1, PadW: 1},    // a line is more than a group
			{H: 6, W: 6, InC: 128, OutC: 8, PadH: 1, PadW: 1},    // rows apart
			{H: 5, W: 4, InC: 8, OutC: 400, PadH: 1, PadW: 1},    // a reduction of two blocks
			{H: 21, W: 20, InC: 400, OutC: 24, PadH: 1, PadW: 1}, // several groups
		} {
			s.KH, s.KW, s.StrideH, s.StrideW = 3, 3, 1, 1
			checkConvTraining(t, a, rng, s)
		}
	})
}

// TestWinogradExact works at the bound up to which sums of whole numbers take
// transforms, and above it.
func TestWinogradExact(t *testing.T) {
	each(t, f32Table, func(t *testing.T, row *f32Row) {
		use(t, row.name())
		rng := random(t)
		// Of inputs, and of them. Weights are up to 127: with even ones alone, what is
		// between transforms would be whole, and exact above the bound.
		const largest, channels = 114, 32
		for range times(20) {
			s := ConvShape{H: 4, W: 5, InC: channels, OutC: 16, KH: 3, KW: 3, StrideH: 1, StrideW: 1, PadH: 1, PadW: 1}
			bound := winogradSum / (s.K() * largest) // of weights
			x, w, y := make([]float32, s.H*s.W*s.InC), make([]float32, s.OutC*s.K()), make([]float32, s.H*s.W*s.OutC)
			kind := rng.IntN(4) // all the largest, those of any sign, any, about the largest
			draw := func(list []float32, top int) {
				for i := range list {
					switch list[i] = float32(top); {
					case kind == 1:
						list[i] *= float32(1 - 2*rng.IntN(2))
					case kind == 2:
						list[i] = float32(rng.IntN(2*top+1) - top)
					case kind == 3: // at twice the bound, transforms would give other sums
						list[i] -= float32(rng.IntN(2))
					}
				}
			}
			draw(x, largest)
			for more := range 2 {
				draw(w, bound*(1+3*more))
				p, err := NewConvTraining(s, largest*bound*(1+3*more))
				if err != nil {
					t.Fatal(err)
				}
				if more == 1 && p.forward != nil || more == 0 && (p.forward == nil) != (row.winograd == nil) {
					t.Fatalf("%s: products up to %d: transforms: %v", row.name(), largest*bound*(1+3*more), p.forward != nil)
				}
				p.Forward(y, x, forwardWeights(p, w), 1, -largest)
				want, none := make([]float32, len(y)), make([]float32, len(y))
				ref.ConvTraining(want, make([]float32, len(x)), make([]float32, len(w)), x, w, none, 1, -largest, ref.ConvShape(s))
				if i := firstDifference(y, want); i >= 0 {
					t.Fatalf("sum %d: got %v, want %v", i, y[i], want[i])
				}
			}
		}
	})
}

// round rounds to whole numbers what is about as near to them as sums as large as
// those wanted can be.
func round(got, want []float32) {
	largest := 0.0
	for _, v := range want {
		largest = max(largest, math.Abs(float64(v)))
	}
	for i, v := range got {
		if whole := math.Round(float64(v)); math.Abs(float64(v)-whole) < min(0.4, 1e-4*(1+largest)) {
			got[i] = float32(whole)
		}
	}
}

// checkConvTraining works on whole numbers, whose sums are exact.
func checkConvTraining(t *testing.T, a *arena, rng *rand.Rand, s ConvShape) {
	t.Helper()
	at := spot{rng.IntN(2) == 0, rng.IntN(2) * 4 * rng.IntN(16)}
	images := rng.IntN(4)
	in, out, k := s.H*s.W*s.InC, s.OutH()*s.OutW()*s.OutC, s.K()
	if in+out < 100 {
		images *= 20
	}
	pad := float32(-rng.IntN(2))
	p, err := NewConvTraining(s, 64*rng.IntN(2))
	if err != nil {
		t.Fatalf("%+v: %v", s, err)
	}
	p.pool.New = func() any { // nothing can rely on zeros
		return &trainingWorkspace{b: nans(1 << 16), image: nans(1 << 16), tile: nans(len(p.row.window) * p.row.nr),
			u: nans(1 << 18), v: nans(1 << 18), m: nans(1 << 18), line: nans(1 << 12), outside: nans(1 << 12), spare: nans(1 << 12)}
	}
	ws, xs, dys := randomFloats(rng, s.OutC*k, true), randomFloats(rng, images*in, true), randomFloats(rng, images*out, true)
	var before []float32
	add := rng.IntN(2) == 0
	wantY, wantDW, wantDX := make([]float32, images*out), make([]float32, k*s.OutC), make([]float32, images*in)
	if before = nans(k * s.OutC); add {
		before = randomFloats(rng, k*s.OutC, true)
		copy(wantDW, before)
	}
	ref.ConvTraining(wantY, wantDX, wantDW, xs, ws, dys, images, pad, ref.ConvShape(s))
	x, w, dy := input(a, "x", at, xs), input(a, "w", at, ws), input(a, "dy", at, dys)
	y, dx, dw := place(a, "y", len(wantY), at, nans(len(wantY))), place(a, "dx", len(wantDX), at, nans(len(wantDX))), place(a, "dw", len(wantDW), at, before)
	a.run(func() {
		p.Forward(y, x, forwardWeights(p, w), images, pad)
		p.Weights(dw, x, dy, images, pad, add)
		p.Inputs(dx, dy, inputsWeights(p, w), images)
	})
	for _, c := range []struct {
		what      string
		got, want []float32
		p         *winograd
	}{{"sum", y, wantY, p.forward}, {"gradient of weight", dw, wantDW, p.weights}, {"gradient of input", dx, wantDX, p.inputs}} {
		if c.p != nil && c.p.m == 4 {
			round(c.got, c.want)
		}
		if i := firstDifference(c.got, c.want); i >= 0 {
			t.Fatalf("%+v, %d images: %s %d: got %v, want %v", s, images, c.what, i, c.got[i], c.want[i])
		}
	}
}

// TestConvTrainingBits wants the bits of MatMul on matrices of patches, and the
// same ones however many images there are.
func TestConvTrainingBits(t *testing.T) {
	each(t, f32Table, func(t *testing.T, row *f32Row) {
		use(t, row.name())
		rng := random(t)
		s := ConvShape{H: 9, W: 8, InC: 20, OutC: row.nr + 3, KH: 5, KW: 5, StrideH: 1, StrideW: 1}
		const images = 5
		p, err := NewConvTraining(s, 0)
		if err != nil {
			t.Fatal(err)
		}
		positions, k, in := s.OutH()*s.OutW(), s.K(), s.H*s.W*s.InC
		x, w, dy := randomFloats(rng, images*in, false), randomFloats(rng, k*s.OutC, false), randomFloats(rng, images*positions*s.OutC, false)
		patches := make([]float32, images*positions*k)
		for i := range patches {
			at, tap := i/k, i%k/s.InC
			image, oy, ox := at/positions, at%positions/s.OutW(), at%s.OutW()
			patches[i] = x[image*in+((oy+tap/s.KW)*s.W+ox+tap%s.KW)*s.InC+i%s.InC]
		}
		want := make([]float32, len(dy))
		MatMul(RowMajor(want, images*positions, s.OutC), RowMajor(patches, images*positions, k), RowMajor(w, s.OutC, k).T(), false)
		got := make([]float32, len(dy))
		p.Forward(got, x, forwardWeights(p, w), images, 0)
		if i := firstDifference(got, want); i >= 0 {
			t.Fatalf("sum %d: got %v, want %v", i, got[i], want[i])
		}
		wantW, gotW := make([]float32, k*s.OutC), make([]float32, k*s.OutC)
		MatMul(RowMajor(wantW, k, s.OutC), RowMajor(patches, images*positions, k).T(), RowMajor(dy, images*positions, s.OutC), false)
		for i := range images { // one after the other
			p.Weights(gotW, x[i*in:][:in], dy[i*positions*s.OutC:][:positions*s.OutC], 1, 0, i > 0)
		}
		if i := firstDifference(gotW, wantW); i >= 0 {
			t.Fatalf("gradient of weight %d: got %v, want %v", i, gotW[i], wantW[i])
		}
	})
}

func TestConvTrainingErrors(t *testing.T) {
	if _, err := NewConvTraining(ConvShape{H: 1, W: 1, InC: 1, OutC: 1, KH: 2, KW: 1, StrideH: 1, StrideW: 1}, 0); err == nil {
		t.Error("a window larger than the image: want an error")
	}
	if _, err := NewConvTraining(ConvShape{H: 1, W: 1, InC: 1, OutC: 1, KH: 1, KW: 1, StrideH: 1, StrideW: 1}, -1); err == nil {
		t.Error("negative products: want an error")
	}
	p, err := NewConvTraining(ConvShape{H: 3, W: 4, InC: 2, OutC: 5, KH: 2, KW: 2, StrideH: 1, StrideW: 1}, 0)
	if err != nil {
		t.Fatal(err)
	}
	x, w, y := make([]float32, 2*24), make([]float32, 40), make([]float32, 2*30)
	forward, inputs := forwardWeights(p, w), inputsWeights(p, w)
	wantPanic(t, func() { p.Forward(y[1:], x, forward, 2, 0) }, "ConvTraining.Forward")
	wantPanic(t, func() { p.Forward(y, x, inputs, 2, 0) }, "ConvTraining.Forward")
	wantPanic(t, func() { p.Weights(w, x, y, 1, 0, false) }, "ConvTraining.Weights")
	wantPanic(t, func() { p.Weights(w[1:], x, y, 2, 0, false) }, "ConvTraining.Weights")
	wantPanic(t, func() { p.PackInputs(inputs, w[1:], nil) }, "ConvTraining", "39 weights")
	wantPanic(t, func() { p.Inputs(x, y, forward, 2) }, "ConvTraining.Inputs")
	wantPanic(t, func() { p.Inputs(x, y, new(ConvWeights), 2) }, "ConvTraining.Inputs")
	wantPanic(t, func() { p.Inputs(nil, nil, inputs, -1) }, "ConvTraining.Inputs")
}

func TestConvTrainingAllocations(t *testing.T) {
	each(t, f32Table, func(t *testing.T, row *f32Row) {
		use(t, row.name())
		for _, s := range []ConvShape{
			{H: 3, W: 4, InC: 2, OutC: 5, KH: 2, KW: 2, StrideH: 1, StrideW: 1},
			{H: 9, W: 7, InC: 8, OutC: 24, KH: 3, KW: 3, StrideH: 1, StrideW: 1, PadH: 1, PadW: 1},
			{H: 9, W: 7, InC: 8, OutC: 24, KH: 3, KW: 3, StrideH: 2, StrideW: 2, PadH: 1, PadW: 1},
			{H: 8, W: 12, InC: 16, OutC: 8, KH: 5, KW: 5, StrideH: 1, StrideW: 1},
		} {
			p, err := NewConvTraining(s, 0)
			if err != nil {
				t.Fatal(err)
			}
			x, w, y := make([]float32, 2*s.H*s.W*s.InC), make([]float32, s.OutC*s.K()), make([]float32, 2*s.OutH()*s.OutW()*s.OutC)
			forward, inputs := forwardWeights(p, w), inputsWeights(p, w)
			noAllocs(t, fmt.Sprintf("ConvTraining of %+v", s), func() {
				p.Forward(y, x, forward, 2, 0)
				p.Weights(w, x, y, 2, 0, true)
				p.Inputs(x, y, inputs, 2)
			})
		}
	})
}

// backwards runs tasks on goroutines, the last one first.
func backwards(tasks int, task func(i int)) {
	var wait sync.WaitGroup
	for i := range tasks {
		wait.Go(func() { task(tasks - 1 - i) })
	}
	wait.Wait()
}

// forwardWeights packs w where nothing can rely on zeros.
func forwardWeights(p *ConvTraining, w []float32) *ConvWeights {
	packed := &ConvWeights{data: nans(1 << 16)}
	p.PackForward(packed, w, backwards)
	return packed
}

// inputsWeights does so in the calling goroutine.
func inputsWeights(p *ConvTraining, w []float32) *ConvWeights {
	packed := &ConvWeights{data: nans(1 << 16)}
	p.PackInputs(packed, w, nil)
	return packed
}

// TestWinogradRounding bounds the error of sums of random numbers: its root mean
// square, as a part of that of the sums.
func TestWinogradRounding(t *testing.T) {
	each(t, f32Table, func(t *testing.T, row *f32Row) {
		use(t, row.name())
		if row.winograd == nil {
			t.Skip("no transforms")
		}
		rng := random(t)
		s := ConvShape{H: 8, W: 8, InC: 64, OutC: 16, KH: 3, KW: 3, StrideH: 1, StrideW: 1}
		x, w := make([]float32, s.H*s.W*s.InC), make([]float32, s.OutC*s.K())
		for _, list := range [][]float32{x, w} {
			for i := range list {
				list[i] = float32(rng.NormFloat64())
			}
		}
		for m, limit := range map[int]float64{0: 6e-7, 2: 4e-7, 4: 2e-6} {
			p, err := NewConvTraining(s, 0)
			if err != nil {
				t.Fatal(err)
			}
			if p.forward = nil; m > 0 {
				p.forward = newWinograd(row, m, s.H, s.W, s.InC, s.OutC, 0, 0)
			}
			y := make([]float32, s.OutH()*s.OutW()*s.OutC)
			p.Forward(y, x, forwardWeights(p, w), 1, 0)
			wrong, size := 0.0, 0.0
			for i, got := range y {
				at, o, want := i/s.OutC, i%s.OutC, 0.0
				for k := range s.K() {
					tap := k / s.InC
					want += float64(x[((at/s.OutW()+tap/3)*s.W+at%s.OutW()+tap%3)*s.InC+k%s.InC]) * float64(w[o*s.K()+k])
				}
				wrong += (float64(got) - want) * (float64(got) - want)
				size += want * want
			}
			if part := math.Sqrt(wrong / size); part > limit {
				t.Errorf("m = %d: an error of %.2g: want at most %.2g", m, part, limit)
			} else {
				t.Logf("m = %d: an error of %.2g", m, part)
			}
		}
	})
}
