package kernels

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.com/lowbit/ref"
)

// intFormats lists the pairs of integer formats.
func intFormats() []Formats {
	return formatsOf(func(WeightFormat, ActFormat) bool { return true })
}

// rangeInt16 says, from the values of activations themselves, whether every sum fits,
// and every sum of two products as tiles make them.
func rangeInt16(w Weights, a ActFormat) bool {
	vs := values(a, codes(a))
	low, high, code := int(vs[0]), int(vs[len(vs)-1]), len(vs)-1
	if a == Sign {
		code = 2
	}
	for n := range w.N {
		sums := [2]int{}
		for _, v := range w.Values[n*w.K:][:w.K] {
			sums[0] += min(int(v)*low, int(v)*high)
			sums[1] += max(int(v)*low, int(v)*high)
			if 2*code*max(int(v), -int(v)) > math.MaxInt16 {
				return false
			}
		}
		if sums[0] < -math.MaxInt16 || sums[1] > math.MaxInt16 {
			return false
		}
	}
	return true
}

// poisonInt16 makes the working memory of a plan start out as nonsense, beside the
// tables of places, and what of it is not written again.
func poisonInt16(c *Conv2DInt16) {
	make := c.scratch.New
	c.scratch.New = func() any {
		s := make().(*convInt16Scratch)
		for _, b := range [][]byte{s.image, s.panel, s.line} {
			for i := range b {
				b[i] = 0xee
			}
		}
		for i := range s.tile {
			s.tile[i] = 0x2bad
		}
		if x := s.winograd; x != nil {
			for f := range winogradFrequencies { // but for the last tile, which is never written again
				for i := range c.winograd.tiles * c.shape.InC {
					x.v[f*c.winograd.vFreq+i] = 0xee
				}
			}
			for i := range x.u {
				x.u[i] = 0xee
			}
			for i := range x.m {
				x.m[i] = 0x2bad
			}
		}
		return s
	}
}

// checkConvInt16 compares a plan with ref, twice, and reports whether there is one:
// if not, some sum must be too large.
func checkConvInt16(t testing.TB, a *arena, rng *rand.Rand, c convCase, kernel string) bool {
	t.Helper()
	w := weights(rng, c.f.Weights, c.wPattern, c.s.OutC, c.s.K())
	if c.f.Weights == Int8 { // small ones, or few sums would fit
		for i, most := 0, int8(1+rng.IntN(127)/(1+rng.IntN(64))); i < len(w.Values); i++ {
			w.Values[i] %= most
		}
	}
	p, err := NewConv2DInt16(w, c.s, c.f.Acts, Options{Threads: c.threads})
	if fits := rangeInt16(w, c.f.Acts); !fits || err != nil {
		if fits || !errors.Is(err, ErrRange) {
			t.Fatalf("%+v: sums fit: %v, and the plan: %v", c, fits, err)
		}
		return false
	}
	if c := winogradInt16Parts(w, &c.s, c.f.Acts); c == 0 && strings.HasSuffix(kernel, "-winograd") {
		kernel = "portable-direct"
	}
	if strings.HasSuffix(kernel, "-lut") && !convLUTTakes(c.f.Weights, c.f.Acts) {
		kernel = "portable-direct"
	}
	if kernel != "" && p.Kernel() != kernel || p.Formats() != c.f || p.Shape() != c.s {
		t.Fatalf("%+v: the plan chose %s for %v and %+v: want %s", c, p.Kernel(), p.Formats(), p.Shape(), kernel)
	}
	poisonInt16(p)
	in, out := c.s.H*c.s.W*c.s.InC, c.s.OutH()*c.s.OutW()*c.s.OutC
	for range 2 {
		xs := draw(rng, c.xPat, codes(c.f.Acts), c.images*in)
		want := make([]int16, c.images*out)
		sums := make([]int32, out)
		for i := range c.images {
			ref.Conv2D(sums, values(c.f.Acts, xs[i*in:][:in]), w.Values, ref.ConvShape(c.s), zeroValue(c.f.Acts))
			for j, sum := range sums {
				want[i*out+j] = int16(sum)
			}
		}
		x, dst := input(a, "x", c.at, xs), place(a, "dst16", len(want), c.at, []int16(nil))
		for i := range dst {
			dst[i] = int16(rng.Uint32())
		}
		a.run(func() { p.Run(dst, x, c.images) })
		if i := firstDifference(dst, want); i >= 0 {
			t.Fatalf("%+v, %s: image %d, sum %d: got %d, want %d", c, p.Kernel(), i/out, i%out, dst[i], want[i])
		}
	}
	return true
}

// convInt16Shapes are special cases: tasks of several images, of a band of rows, of
// windows that are read in place, and numbers of pixels round those of tiles.
var convInt16Shapes = []ConvShape{
	{H: 12, W: 12, InC: 32, OutC: 64, KH: 5, KW: 5, StrideH: 1, StrideW: 1},
	{H: 32, W: 32, InC: 3, OutC: 16, KH: 3, KW: 3, StrideH: 1, StrideW: 1, PadH: 1, PadW: 1},
	{H: 16, W: 16, InC: 16, OutC: 32, KH: 3, KW: 3, StrideH: 2, StrideW: 2, PadH: 1, PadW: 1},
	{H: 16, W: 16, InC: 16, OutC: 32, KH: 1, KW: 1, StrideH: 2, StrideW: 2},
	{H: 33, W: 3, InC: 256, OutC: 17, KH: 2, KW: 1, StrideH: 1, StrideW: 1, PadW: 1},
	{H: 4, W: 5, InC: 8, OutC: 40, KH: 7, KW: 7, StrideH: 1, StrideW: 1, PadH: 3, PadW: 3},
	{H: 40, W: 41, InC: 4, OutC: 1, KH: 1, KW: 1, StrideH: 1, StrideW: 1},
	{H: 50, W: 47, InC: 4, OutC: 20, KH: 3, KW: 3, StrideH: 1, StrideW: 1, PadH: 1, PadW: 1},
	{H: 8, W: 8, InC: 32, OutC: 32, KH: 3, KW: 3, StrideH: 1, StrideW: 1, PadH: 1, PadW: 1},
	{H: 9, W: 7, InC: 84, OutC: 16, KH: 3, KW: 3, StrideH: 1, StrideW: 1, PadH: 1, PadW: 2},
	{H: 3, W: 300, InC: 24, OutC: 2, KH: 3, KW: 7, StrideH: 1, StrideW: 1, PadH: 1, PadW: 0},
}

// TestConv2DInt16 compares every kernel with ref on special and random shapes.
func TestConv2DInt16(t *testing.T) {
	each(t, convInt16Table, func(t *testing.T, row *convInt16Row) {
		use(t, row.name())
		rng, a, list := random(t), newArena(t), intFormats()
		next, fit := 0, map[Formats]int{}
		check := func(s ConvShape) {
			t.Helper()
			next++
			c := convCase{f: list[next%len(list)], s: s, images: 1 + rng.IntN(5), wPattern: pattern(rng.IntN(int(patterns))), xPat: pattern(rng.IntN(int(patterns))),
				threads: rng.IntN(4), at: spot{rng.IntN(2) == 0, rng.IntN(2) * rng.IntN(64)}}
			if checkConvInt16(t, a, rng, c, row.name()) {
				fit[c.f]++
			}
		}
		for _, s := range append(convInt16Shapes, convShapes...) {
			for range times(len(list)) {
				check(s)
			}
		}
		for range times(200) { // for Winograd's products
			s := ConvShape{H: 1 + rng.IntN(12), W: 1 + rng.IntN(12), InC: 4 * (1 + rng.IntN(18)), OutC: 1 + rng.IntN(40), KH: 3, KW: 3, StrideH: 1, StrideW: 1, PadH: rng.IntN(4), PadW: rng.IntN(4)}
			if s.Check() == nil {
				check(s)
			}
		}
		for range times(200) {
			check(randomConv(rng, 5))
			check(randomConv(rng, 18))
			check(randomConv(rng, 41))
		}
		// Every width of an image, for numbers of pixels, and of channels.
		for n := range times(40) {
			check(ConvShape{H: 1, W: 1 + n, InC: 1 + n%9, OutC: 1 + rng.IntN(40), KH: 1, KW: 1, StrideH: 1, StrideW: 1})
			check(ConvShape{H: 3, W: 3, InC: 1 + n%9, OutC: n + 1, KH: 3, KW: 3, StrideH: 1, StrideW: 1, PadH: 1, PadW: 1})
		}
		for _, f := range list {
			if fit[f] == 0 && scale() == 1 {
				t.Errorf("%v: %d plans whose sums fit", f, fit[f])
			}
		}
	})
}

// TestConv2DInt16Range has sums at the ends of the range, some of them by way of sums
// beyond it, and one step too large.
func TestConv2DInt16Range(t *testing.T) {
	each(t, convInt16Table, func(t *testing.T, row *convInt16Row) {
		use(t, row.name())
		for _, c := range []struct {
			f      Formats
			weight int8
			k      int // so many weights make 32767 or -32767, or come nearest
		}{
			{Formats{Binary, Sign}, 1, 32767}, {Formats{Binary, Sign}, -1, 32767}, {Formats{Ternary, U3}, 1, 4681}, {Formats{Ternary, U3}, -1, 4681},
			{Formats{Pow2x4, U1}, 64, 511}, {Formats{Pow2x4, U8}, -64, 2}, {Formats{Int8, U3}, 31, 151}, {Formats{Int8, S8}, 64, 3}, {Formats{Int8, S8}, -64, 3},
		} {
			s := ConvShape{H: 1, W: 1, InC: c.k, OutC: 1, KH: 1, KW: 1, StrideH: 1, StrideW: 1}
			w := Weights{Format: c.f.Weights, N: 1, K: c.k, Values: make([]int8, c.k+1)}
			for i := range w.Values {
				w.Values[i] = c.weight
			}
			beyond := w
			w.Values = w.Values[:c.k]
			p, err := NewConv2DInt16(w, s, c.f.Acts, Options{})
			if err != nil {
				t.Fatalf("%+v: %v", c, err)
			}
			list := codes(c.f.Acts)
			for _, code := range []uint8{list[0], list[len(list)-1]} {
				x, dst := make([]uint8, c.k), make([]int16, 1)
				for i := range x {
					x[i] = code
				}
				p.Run(dst, x, 1)
				if want := int(values(c.f.Acts, x[:1])[0]) * int(c.weight) * c.k; int(dst[0]) != want {
					t.Errorf("%+v, code %d: got %d, want %d", c, code, dst[0], want)
				}
			}
			beyond.K++
			s.InC++
			if _, err := NewConv2DInt16(beyond, s, c.f.Acts, Options{}); !errors.Is(err, ErrRange) {
				t.Errorf("%+v: one weight more: %v", c, err)
			}
		}
		// The sum fits here, but not that of two products of one weight.
		s := ConvShape{H: 1, W: 1, InC: 1, OutC: 1, KH: 1, KW: 1, StrideH: 1, StrideW: 1}
		_, err := NewConv2DInt16(Weights{Int8, 1, 1, []int8{65}}, s, U8, Options{})
		if !errors.Is(err, ErrRange) {
			t.Errorf("a weight of 65 with u8: %v", err)
		}
		wantError(t, err, "magnitude 65", "u8")
		if _, err := NewConv2DInt16(Weights{Int8, 1, 1, []int8{64}}, s, U8, Options{}); err != nil {
			t.Errorf("a weight of 64 with u8: %v", err)
		}
		if _, err := NewConv2DInt16(Weights{Ternary, 1, 2, []int8{1, 1}}, s, U8, Options{}); err == nil || errors.Is(err, ErrRange) {
			t.Errorf("weights of another shape: %v", err)
		}
	})
}

func TestConv2DInt16Allocations(t *testing.T) {
	each(t, convInt16Table, func(t *testing.T, row *convInt16Row) {
		use(t, row.name())
		for _, f := range []Formats{{Binary, Sign}, {Ternary, U2}, {Pow2x4, U4}, {Int8, S8}} {
			for _, s := range allocShapes {
				w := weights(random(t), f.Weights, uniform, s.OutC, s.K())
				for i := range w.Values {
					if f.Weights == Int8 {
						w.Values[i] %= 2
					}
				}
				for _, threads := range []int{1, 2} {
					p, err := NewConv2DInt16(w, s, f.Acts, Options{Threads: threads})
					if err != nil {
						t.Fatal(err)
					}
					dst, x := make([]int16, 9*s.OutH()*s.OutW()*s.OutC), make([]uint8, 9*s.H*s.W*s.InC)
					noAllocs(t, fmt.Sprintf("%v, %+v, %d threads", f, s, threads), func() { p.Run(dst, x, 9) })
				}
			}
		}
	})
}

// TestConv2DInt16Concurrent runs one plan from several goroutines.
func TestConv2DInt16Concurrent(t *testing.T) {
	each(t, convInt16Table, func(t *testing.T, row *convInt16Row) {
		use(t, row.name())
		rng := random(t)
		s := ConvShape{H: 9, W: 9, InC: 8, OutC: 20, KH: 3, KW: 3, StrideH: 1, StrideW: 1, PadH: 1, PadW: 1}
		w := weights(rng, Ternary, uniform, s.OutC, s.K())
		p, err := NewConv2DInt16(w, s, U2, Options{Threads: 2})
		if err != nil {
			t.Fatal(err)
		}
		var done sync.WaitGroup
		for range 4 {
			xs := draw(rng, uniform, codes(U2), s.H*s.W*s.InC)
			want := make([]int32, s.OutH()*s.OutW()*s.OutC)
			ref.Conv2D(want, values(U2, xs), w.Values, ref.ConvShape(s), 0)
			done.Go(func() {
				dst := make([]int16, len(want))
				for range times(20) {
					p.Run(dst, xs, 1)
					for i := range dst {
						if int32(dst[i]) != want[i] {
							t.Errorf("sum %d: got %d, want %d", i, dst[i], want[i])
							return
						}
					}
				}
			})
		}
		done.Wait()
	})
}

func TestConv2DInt16Lengths(t *testing.T) {
	p, err := NewConv2DInt16(Weights{Ternary, 2, 2, make([]int8, 4)}, onePixel, U2, Options{})
	if err != nil {
		t.Fatal(err)
	}
	wantPanic(t, func() { p.Run(make([]int16, 6), make([]uint8, 5), 3) }, "Conv2DInt16.Run", "images = 3", "len(x) = 5", "len(dst) = 6", "3*2 = 6")
	wantPanic(t, func() { p.Run(make([]int16, 5), make([]uint8, 6), 3) }, "len(dst) = 5")
	wantPanic(t, func() { p.Run(nil, nil, -1) }, "images = -1")
	wantPanic(t, func() { p.Run(nil, nil, math.MaxInt/4+1) }, "images = ")
	p.Run(nil, nil, 0)
}

// TestConv2DInt16Bytes wants weights to take their bits, where steps and outputs are
// whole ones.
func TestConv2DInt16Bytes(t *testing.T) {
	s := ConvShape{H: 8, W: 8, InC: 64, OutC: 32, KH: 3, KW: 3, StrideH: 1, StrideW: 1, PadH: 1, PadW: 1}
	for f, bits := range map[WeightFormat]int{Binary: 1, Ternary: 2, Pow2x3: 4, Pow2x4: 4} {
		p, err := NewConv2DInt16(weights(random(t), f, uniform, s.OutC, s.K()), s, U2, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := p.PackedBytes(), s.OutC*s.K()*bits/8; got != want {
			t.Errorf("%v: %d bytes: want %d", f, got, want)
		}
	}
}

// TestUnpackInt16 calls what unpacks weights by itself.
func TestUnpackInt16(t *testing.T) {
	rows := slices.DeleteFunc(slices.Clone(convInt16Table), func(r *convInt16Row) bool { return r.unpack1 == nil })
	each(t, rows, func(t *testing.T, row *convInt16Row) {
		rng, a := random(t), newArena(t)
		for _, c := range []struct {
			f      WeightFormat
			bits   int
			unpack func(dst, w *byte, bytes uintptr)
		}{{Binary, 1, row.unpack1}, {Ternary, 2, row.unpack2}, {Pow2x4, 4, row.unpack4}} {
			for _, runs := range []int{1, 2, 3, 7} {
				for _, at := range ends {
					w := draw(rng, uniform, c.f.Levels(), runs*convInt16Run*8/c.bits)
					packed, want := make([]byte, runs*convInt16Run), make([]byte, len(w))
					for i, v := range w {
						packWeight(packed, i, v, c.bits)
						want[i] = byte(v)
					}
					in, out := input(a, "w", at, packed), place[byte](a, "dst", len(want), at, nil)
					a.run(func() { c.unpack(&out[0], &in[0], uintptr(len(in))) })
					if i := firstDifference(out, want); i >= 0 {
						t.Fatalf("%v, %d runs: byte %d is %d: want %d", c.f, runs, i, out[i], want[i])
					}
				}
			}
		}
	})
}

// TestWinogradInt16 calls the transforms by themselves, with operands that reach exactly
// as far as they may read or write.
func TestWinogradInt16(t *testing.T) {
	rows := slices.DeleteFunc(slices.Clone(convInt16Table), func(r *convInt16Row) bool { return r.winograd == nil })
	bt := [4][4]int{{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, 1, 0, -1}}
	g := [4][3]int{{2, 0, 0}, {1, 1, 1}, {1, -1, 1}, {0, 0, 2}}
	at := [2][4]int{{1, 1, 1, 0}, {0, 1, -1, -1}}
	each(t, rows, func(t *testing.T, row *convInt16Row) {
		rng, a, f := random(t), newArena(t), row.winograd
		bytes := func(n int) []byte { return draw(rng, uniform, codes(U8), n) }
		words := func(n int) []int16 {
			s := make([]int16, n)
			for i := range s {
				s[i] = int16(rng.Uint32())
			}
			return s
		}
		for range times(60) {
			end := ends[rng.IntN(2)]
			tiles, blocks := 1+rng.IntN(5), 1+rng.IntN(3)
			// Tiles in any order, at any distance.
			pixel, offset := 32*blocks+rng.IntN(9), byte(rng.Uint32())
			line := 4*pixel + rng.IntN(40)
			places := make([]uintptr, tiles)
			for i := range places {
				places[i] = uintptr(rng.IntN(100))
			}
			src := bytes(int(slices.Max(places)) + 3*line + 3*pixel + 32*blocks)
			dstTile := 32*blocks + rng.IntN(20)
			dstFreq := tiles*dstTile + rng.IntN(20)
			old := bytes(15*dstFreq + (tiles-1)*dstTile + 32*blocks)
			want := slices.Clone(old)
			for tile, place := range places {
				for i := range 16 * 32 * blocks {
					freq, c := i/(32*blocks), i%(32*blocks)
					sum := int(offset)
					for y, p := range bt[freq/4] {
						for x, q := range bt[freq%4] {
							sum += p * q * int(src[int(place)+y*line+x*pixel+c])
						}
					}
					want[freq*dstFreq+tile*dstTile+c] = byte(sum)
				}
			}
			in, ps, got := input(a, "x", end, src), input(a, "at", end, places), place(a, "dst", len(old), end, old)
			a.run(func() {
				f.input(&got[0], uintptr(dstFreq), uintptr(dstTile), &in[0], uintptr(line), uintptr(pixel), &ps[0], uintptr(tiles), uintptr(blocks), uint8(offset))
			})
			if i := firstDifference(got, want); i >= 0 {
				t.Fatalf("input, %d tiles of %d channels: byte %d: got %d, want %d", tiles, 32*blocks, i, got[i], want[i])
			}

			steps := 1 + rng.IntN(5)
			uFreq := 64*steps + rng.IntN(20)
			src, old = bytes(steps*9*64), bytes(15*uFreq+64*steps)
			want = slices.Clone(old)
			for i := range 16 * 64 * steps {
				freq, c := i/(64*steps), i%(64*steps)
				sum := 0
				for y, p := range g[freq/4] {
					for x, q := range g[freq%4] {
						sum += p * q * int(src[c/64*9*64+(3*y+x)*64+c%64])
					}
				}
				want[freq*uFreq+c] = byte(sum)
			}
			in, got = input(a, "x", end, src), place(a, "dst", len(old), end, old)
			a.run(func() { f.weights(&got[0], uintptr(uFreq), &in[0], uintptr(steps)) })
			if i := firstDifference(got, want); i >= 0 {
				t.Fatalf("weights, %d steps: byte %d: got %d, want %d", steps, i, got[i], want[i])
			}

			// Tiles of sums side by side, two of them each way.
			n := 16 + rng.IntN(20)
			mFreq, outLine := tiles*16+rng.IntN(20), 2*tiles*n+rng.IntN(20)
			m, minus, oldSums := words(15*mFreq+16*tiles), words(16), words(outLine+(2*tiles-1)*n+16)
			wantSums := slices.Clone(oldSums)
			shift, add := 1+rng.IntN(2), rng.IntN(2)
			for i := range 16 * 4 * tiles {
				tile, y, x, c := i/64, i/32%2, i/16%2, i%16
				sum := int16(0)
				for j, p := range at[y] {
					for k, q := range at[x] {
						sum += int16(p*q) * m[(4*j+k)*mFreq+16*tile+c]
					}
				}
				d := &wantSums[y*outLine+(2*tile+x)*n+c]
				if add == 0 {
					*d = 0
				}
				*d += sum>>shift - minus[c]
			}
			for i := range places {
				places[i] = uintptr(2 * 2 * i * n)
			}
			ms, mi, sums, outs := input(a, "m", end, m), input(a, "minus", end, minus), place(a, "sums", len(oldSums), end, oldSums), input(a, "at", end, places)
			a.run(func() {
				f.output(&sums[0], uintptr(2*outLine), uintptr(2*n), &outs[0], &ms[0], uintptr(2*mFreq), uintptr(tiles), uintptr(shift), &mi[0], uintptr(add))
			})
			if i := firstDifference(sums, wantSums); i >= 0 {
				t.Fatalf("output, %d tiles: sum %d: got %d, want %d", tiles, i, sums[i], wantSums[i])
			}
		}
	})
}

// TestConv2DInt16Choice wants layers that gain by Winograd's products to take them,
// and those that do not to be direct.
func TestConv2DInt16Choice(t *testing.T) {
	for _, row := range convInt16Table {
		if row.winograd == nil || len(missing(row.features)) > 0 {
			continue
		}
		use(t, row.isa)
		for channels, want := range map[int]string{16: row.isa + "-direct", 18: row.isa + "-direct", 32: row.name(), 128: row.name()} {
			s := ConvShape{H: 16, W: 16, InC: channels, OutC: channels, KH: 3, KW: 3, StrideH: 1, StrideW: 1, PadH: 1, PadW: 1}
			w := weights(random(t), Ternary, uniform, s.OutC, s.K())
			w.Format = Int8 // or they would be looked up
			p, err := NewConv2DInt16(w, s, U2, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if p.Kernel() != want {
				t.Errorf("%d channels: %s: want %s", channels, p.Kernel(), want)
			}
		}
	}
}

// TestWinogradInt16Parts has weights of which a sum fits where four times as much does
// not, and wants channels to be taken in parts.
func TestWinogradInt16Parts(t *testing.T) {
	s := ConvShape{H: 4, W: 4, InC: 16, OutC: 3, KH: 3, KW: 3, StrideH: 1, StrideW: 1, PadH: 1, PadW: 1}
	for _, c := range []struct {
		level int8
		a     ActFormat
		parts int
	}{{1, U2, 1}, {4, U4, 2}, {8, U4, 4}, {-8, U4, 4}, {14, U4, 4}, {15, U4, 0}, {14, U8, 0}} {
		w := Weights{Int8, s.OutC, s.K(), slices.Repeat([]int8{c.level}, s.OutC*s.K())}
		if got := winogradInt16Parts(w, &s, c.a); got != c.parts {
			t.Errorf("weights of %d with %v: %d parts: want %d", c.level, c.a, got, c.parts)
		}
		if c.parts == 0 {
			continue
		}
		p, err := NewConv2DInt16(w, s, c.a, Options{})
		if err != nil {
			t.Fatal(err)
		}
		x := slices.Repeat([]uint8{uint8(c.a.Max())}, s.H*s.W*s.InC)
		want, dst := make([]int32, s.H*s.W*s.OutC), make([]int16, s.H*s.W*s.OutC)
		ref.Conv2D(want, values(c.a, x), w.Values, ref.ConvShape(s), 0)
		p.Run(dst, x, 1)
		for i := range want {
			if int32(dst[i]) != want[i] {
				t.Fatalf("%s, weights of %d with %v: sum %d: got %d, want %d", p.Kernel(), c.level, c.a, i, dst[i], want[i])
			}
		}
	}
}

func FuzzConv2DInt16(f *testing.F) {
	f.Add(uint64(1), uint8(0), uint8(0), uint8(1), uint8(0), uint8(0))
	f.Add(uint64(2), uint8(1), uint8(7), uint8(3), uint8(1), uint8(17))
	f.Add(uint64(3), uint8(2), uint8(20), uint8(40), uint8(2), uint8(64))
	f.Fuzz(func(t *testing.T, seed uint64, impl, format, maxC, threads, offset uint8) {
		row := runnableRow(convInt16Table, impl)
		use(t, row.name())
		list := intFormats()
		rng, at := fuzzed(seed, offset)
		checkConvInt16(t, newArena(t), rng, convCase{f: list[int(format)%len(list)], s: randomConv(rng, 1+int(maxC)%80), images: 1 + rng.IntN(5),
			wPattern: pattern(rng.IntN(int(patterns))), xPat: pattern(rng.IntN(int(patterns))), threads: int(threads) % 4, at: at}, "")
	})
}
