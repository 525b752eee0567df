package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"example.com/lowbit/ref"
)

// sums returns numbers at the ends of int32, near the given ones, and random.
func sums(rng *rand.Rand, n int, near []int32) []int32 {
	s := make([]int32, n)
	for i := range s {
		switch v := int32(rng.Uint32()) >> rng.IntN(32); rng.IntN(4) {
		case 0:
			s[i] = []int32{math.MinInt32, math.MinInt32 + 1, -1, 0, 1, math.MaxInt32 - 1, math.MaxInt32}[rng.IntN(7)]
		case 1:
			if len(near) > 0 {
				v = near[rng.IntN(len(near))] + int32(rng.IntN(3)-1)
			}
			s[i] = v
		default:
			s[i] = v
		}
	}
	return s
}

// sums16 is sums for numbers of 16 bits, without the least.
func sums16(rng *rand.Rand, n int, near []int32) []int16 {
	s := make([]int16, n)
	for i, v := range sums(rng, n, near) {
		s[i] = int16(min(max(v, -math.MaxInt16), math.MaxInt16))
	}
	return s
}

// channelCounts are numbers of channels round the width of the kernels.
func channelCounts(rng *rand.Rand) []int { return some(rng, around(70, 8, 16, 32)) }

func TestThresholds(t *testing.T) {
	each(t, epilogueTable, func(t *testing.T, row *epilogueRow) {
		use(t, row.name())
		rng, a := random(t), newArena(t)
		for _, channels := range channelCounts(rng) {
			for _, levels := range []int{1, 2, 3, 7, 15, 255} {
				if levels == 255 && channels%8 != 1 {
					continue
				}
				thresholds, negate := make([][]int32, channels), make([]bool, channels)
				var all []int32
				for c := range thresholds {
					thresholds[c], negate[c] = sums(rng, levels, []int32{-1 << 15, 1 << 15}), rng.IntN(2) == 0
					if rng.IntN(4) > 0 {
						slices.Sort(thresholds[c])
					}
					all = append(all, thresholds[c]...)
				}
				if rng.IntN(4) == 0 {
					clear(negate)
				}
				p, err := NewThresholds(thresholds, negate)
				if err != nil {
					t.Fatal(err)
				}
				if p.Kernel() != row.name() || p.Bytes() < 4*channels*levels {
					t.Fatalf("kernel %s with %d bytes for %d thresholds: want %s", p.Kernel(), p.Bytes(), channels*levels, row.name())
				}
				at := spot{rng.IntN(2) == 0, rng.IntN(2) * rng.IntN(64)}
				rows := rng.IntN(6)
				want, want16 := make([]uint8, rows*channels), make([]uint8, rows*channels)
				acc, acc16 := sums(rng, rows*channels, all), sums16(rng, rows*channels, all)
				ref.Thresholds(want, acc, thresholds, negate)
				ref.Thresholds(want16, acc16, thresholds, negate)
				for _, list := range thresholds { // the plan keeps its own
					clear(list)
				}
				checkThresholds(t, a, at, acc, want, p.Run, channels, levels)
				checkThresholds(t, a, at, acc16, want16, p.RunInt16, channels, levels)
			}
		}
		p, err := NewThresholds([][]int32{{1}, {2}, {3}, {4}, {5}, {6}, {7}, {8}, {9}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		dst, acc, acc16 := make([]uint8, 18), make([]int32, 18), make([]int16, 18)
		noAllocs(t, "Thresholds.Run", func() { p.Run(dst, acc); p.RunInt16(dst, acc16) })
	})
}

func checkThresholds[S int16 | int32](t *testing.T, a *arena, at spot, acc []S, want []uint8, run func(dst []uint8, acc []S), channels, levels int) {
	t.Helper()
	x, dst := input(a, fmt.Sprintf("acc%T", acc), at, acc), place(a, "dst", len(want), at, slices.Repeat([]uint8{0xee}, len(want)))
	a.run(func() { run(dst, x) })
	if i := firstDifference(dst, want); i >= 0 {
		t.Fatalf("%d channels, %d levels, sum %d of %T: got code %d, want %d", channels, levels, x[i], acc, dst[i], want[i])
	}
}

func TestRequantize(t *testing.T) {
	each(t, epilogueTable, func(t *testing.T, row *epilogueRow) {
		use(t, row.name())
		rng, a := random(t), newArena(t)
		for _, channels := range channelCounts(rng) {
			for range times(12) {
				mul, add := make([]int32, channels), make([]int64, channels)
				shift := uint(rng.IntN(63))
				near := []int32{0}
				for c := range mul {
					mul[c] = int32(rng.Uint32()) >> rng.IntN(32)
					add[c] = (rng.Int64() >> 1) >> rng.IntN(63)
					if rng.IntN(2) == 0 {
						add[c] = -add[c]
					}
					if rng.IntN(4) == 0 {
						mul[c], add[c] = []int32{math.MinInt32, -1, 0, 1, math.MaxInt32}[rng.IntN(5)], []int64{-1 << 62, 0, 1<<62 - 1}[rng.IntN(3)]
					}
					if mul[c] != 0 { // where the code changes
						edge := (int64(rng.IntN(256))<<shift - add[c]) / int64(mul[c])
						if int64(int32(edge)) == edge {
							near = append(near, int32(edge))
						}
					}
				}
				top := uint8(1<<(1+rng.IntN(8)) - 1)
				if rng.IntN(4) == 0 {
					top = uint8(rng.IntN(256))
				}
				p, err := NewRequantize(mul, add, shift, top)
				if err != nil {
					t.Fatal(err)
				}
				if p.Kernel() != row.name() {
					t.Fatalf("kernel %s: want %s", p.Kernel(), row.name())
				}
				rows, at := rng.IntN(6), spot{rng.IntN(2) == 0, rng.IntN(2) * rng.IntN(64)}
				acc, want := sums(rng, rows*channels, near), make([]uint8, rows*channels)
				ref.Requantize(want, acc, mul, add, shift, top)
				x, dst := input(a, "acc", at, acc), place(a, "dst", len(want), at, slices.Repeat([]uint8{0xee}, len(want)))
				a.run(func() { p.Run(dst, x) })
				if i := firstDifference(dst, want); i >= 0 {
					c := i % channels
					t.Fatalf("%d channels: (%d*%d + %d) >> %d, at most %d: got %d, want %d", channels, x[i], mul[c], add[c], shift, top, dst[i], want[i])
				}
			}
		}
		p, err := NewRequantize(make([]int32, 9), make([]int64, 9), 3, 15)
		if err != nil {
			t.Fatal(err)
		}
		dst, acc := make([]uint8, 18), make([]int32, 18)
		noAllocs(t, "Requantize.Run", func() { p.Run(dst, acc) })
	})
}

func TestAffine(t *testing.T) {
	each(t, epilogueTable, func(t *testing.T, row *epilogueRow) {
		use(t, row.name())
		rng, a := random(t), newArena(t)
		negativeZero := float32(math.Copysign(0, -1))
		for _, channels := range channelCounts(rng) {
			for _, relu := range []bool{false, true} {
				for range times(6) {
					scale, bias := randomFloats(rng, channels, false), randomFloats(rng, channels, false)
					rows, at := rng.IntN(6), spot{rng.IntN(2) == 0, rng.IntN(2) * 4 * rng.IntN(16)}
					xs := randomFloats(rng, rows*channels, false)
					for i := range xs {
						c := i % channels
						switch rng.IntN(6) {
						case 0: // where a fused multiply-add would round otherwise
							xs[i] = -bias[c] / scale[c]
						case 1:
							xs[i], bias[c] = negativeZero, negativeZero
						case 2:
							xs[i] = []float32{math.MaxFloat32, -math.MaxFloat32, math.SmallestNonzeroFloat32, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN())}[rng.IntN(6)]
						}
					}
					want := slices.Clone(xs)
					ref.Affine(want, scale, bias, relu)
					s, b, x := input(a, "scale", at, scale), input(a, "bias", at, bias), place(a, "x", len(xs), at, xs)
					a.run(func() { Affine(x, s, b, relu) })
					for i, got := range x {
						if math.Float32bits(got) != math.Float32bits(want[i]) && !(isNaN(got) && isNaN(want[i])) {
							t.Fatalf("%d channels, relu %v: %v*%v + %v: got %v, want %v", channels, relu, xs[i], scale[i%channels], bias[i%channels], got, want[i])
						}
					}
				}
			}
		}
		x := make([]float32, 18)
		noAllocs(t, "Affine", func() { Affine(x, x[:9], x[9:], true) })
	})
}

func isNaN(x float32) bool { return x != x }

func TestMaxPool(t *testing.T) {
	each(t, epilogueTable, func(t *testing.T, row *epilogueRow) {
		use(t, row.name())
		rng, a := random(t), newArena(t)
		for range times(200) {
			s := PoolShape{H: 1 + rng.IntN(8), W: 1 + rng.IntN(8), C: 1 + rng.IntN(90), Window: 1 + rng.IntN(4), Stride: 1 + rng.IntN(4)}
			if s.Check() != nil {
				continue
			}
			images, at := rng.IntN(4), spot{rng.IntN(2) == 0, rng.IntN(2) * 4 * rng.IntN(16)}
			checkMaxPool(t, a, s, images, at, sums(rng, images*s.H*s.W*s.C, nil))
			checkMaxPool(t, a, s, images, at, sums16(rng, images*s.H*s.W*s.C, nil))
			checkMaxPool(t, a, s, images, at, randomFloats(rng, images*s.H*s.W*s.C, false))
		}
		x := make([]float32, 4*9)
		acc, acc16 := make([]int32, 4*9), make([]int16, 4*9)
		s := PoolShape{H: 2, W: 2, C: 9, Window: 2, Stride: 2}
		noAllocs(t, "MaxPool", func() { MaxPool(x[:9], x, s, 1); MaxPool(acc[:9], acc, s, 1); MaxPool(acc16[:9], acc16, s, 1) })
	})
}

func checkMaxPool[T int16 | int32 | float32](t *testing.T, a *arena, s PoolShape, images int, at spot, xs []T) {
	t.Helper()
	in, out := s.H*s.W*s.C, s.OutH()*s.OutW()*s.C
	want := make([]T, images*out)
	for i := range images {
		ref.MaxPool(want[i*out:], xs[i*in:][:in], ref.PoolShape(s))
	}
	x, dst := input(a, fmt.Sprintf("x%T", xs), at, xs), place[T](a, fmt.Sprintf("dst%T", xs), len(want), at, nil)
	for i := range dst { // must be forgotten
		dst[i] = math.MaxInt16
	}
	a.run(func() { MaxPool(dst, x, s, images) })
	if i := firstDifference(dst, want); i >= 0 {
		t.Fatalf("%+v, %d images, %T: element %d: got %v, want %v", s, images, xs, i, dst[i], want[i])
	}
	MaxPool(xs[:len(want)], xs, s, images) // onto itself
	if i := firstDifference(xs[:len(want)], want); i >= 0 {
		t.Fatalf("%+v, %d images, %T, in place: element %d: got %v, want %v", s, images, xs, i, xs[i], want[i])
	}
}

// TestEpilogueKernels calls the kernels by themselves on a part of the columns:
// the others must stay as they are.
func TestEpilogueKernels(t *testing.T) {
	each(t, epilogueTable, func(t *testing.T, row *epilogueRow) {
		rng, a := random(t), newArena(t)
		for _, cols := range some(rng, []int{8, 16, 24, 32, 40, 64, 72, 136}) {
			for _, rest := range []int{0, 1, 7} {
				for _, rows := range []int{1, 2, 5} {
					checkEpilogueKernels(t, a, rng, row, rows, cols, cols+rest, ends[rng.IntN(2)])
				}
			}
			for _, rest := range []int{0, 3} {
				checkMaxPoolKernel(t, a, rng, row.maxPoolI32, cols, cols+rest, ends[rng.IntN(2)], func(n int) []int32 { return sums(rng, n, nil) })
				checkMaxPoolKernel(t, a, rng, row.maxPoolI16, cols, cols+rest, ends[rng.IntN(2)], func(n int) []int16 { return sums16(rng, n, nil) })
				checkMaxPoolKernel(t, a, rng, row.maxPoolF32, cols, cols+rest, ends[rng.IntN(2)], func(n int) []float32 { return randomFloats(rng, n, false) })
			}
		}
	})
}

// checkMaxPoolKernel pools a row of pixels whose last window ends where the
// input does.
func checkMaxPoolKernel[T int16 | int32 | float32](t *testing.T, a *arena, rng *rand.Rand, kernel func(dst, src *T, pixels, cols, stride, step, row, window uintptr),
	cols, stride int, at spot, random func(n int) []T) {
	t.Helper()
	pixels, step, window := 1+rng.IntN(4), 1+rng.IntN(3), 1+rng.IntN(3)
	row := ((pixels-1)*step + window + rng.IntN(2)) * stride
	xs := random((window-1)*row + ((pixels-1)*step+window-1)*stride + cols)
	old := random((pixels-1)*stride + cols)
	want := append([]T(nil), old...)
	for i := range pixels {
		for j := range cols {
			best := xs[i*step*stride+j]
			for y := range window {
				for x := range window {
					best = max(best, xs[y*row+(i*step+x)*stride+j])
				}
			}
			want[i*stride+j] = best
		}
	}
	x, dst := input(a, fmt.Sprintf("x%T", xs), at, xs), place(a, fmt.Sprintf("dst%T", xs), len(old), at, old)
	a.run(func() {
		kernel(&dst[0], &x[0], uintptr(pixels), uintptr(cols), uintptr(stride), uintptr(step), uintptr(row), uintptr(window))
	})
	if i := firstDifference(dst, want); i >= 0 {
		t.Fatalf("max-pool of %d pixels, %d of %d channels, step %d, window %d: element %d: got %v, want %v", pixels, cols, stride, step, window, i, dst[i], want[i])
	}
}

func checkEpilogueKernels(t *testing.T, a *arena, rng *rand.Rand, row *epilogueRow, rows, cols, stride int, at spot) {
	t.Helper()
	levels := []int{1, 2, 3, 5}[rng.IntN(4)]
	n := (rows-1)*stride + cols // the last row ends with its last column
	accs := sums(rng, n, nil)
	thr, flips := sums(rng, (levels-1)*stride+cols, nil), make([]int32, cols)
	thresholds, negate := make([][]int32, cols), make([]bool, cols)
	mul, add := make([]int32, cols), make([]int64, cols)
	for c := range cols {
		for j := range levels {
			thresholds[c] = append(thresholds[c], thr[j*stride+c])
		}
		negate[c] = rng.IntN(2) == 0
		if negate[c] {
			flips[c] = -1
		}
		mul[c], add[c] = int32(rng.Uint32())>>rng.IntN(32), rng.Int64N(1<<40)-1<<39
	}
	scale, bias := randomFloats(rng, cols, false), randomFloats(rng, cols, false)
	shift, top := uint(rng.IntN(40)), uint8(rng.IntN(256))
	relu := rng.IntN(2)
	fs := randomFloats(rng, n, false)

	acc, th, fl := input(a, "acc", at, accs), input(a, "thr", at, thr), input(a, "flip", at, flips)
	codes := place(a, "codes", n, at, slices.Repeat([]uint8{0xee}, n))
	a.run(func() {
		row.thresholds(&codes[0], &acc[0], uintptr(rows), uintptr(stride), &th[0], &fl[0], uintptr(levels), uintptr(cols))
	})
	acc16s, exceeds, bases := sums16(rng, n, nil), sums16(rng, len(thr), nil), make([]int16, cols)
	for c := range bases {
		bases[c] = int16(rng.IntN(2) * levels)
	}
	acc16, ex, ba := input(a, "acc16", at, acc16s), input(a, "exceed", at, exceeds), input(a, "base", at, bases)
	codes16 := place(a, "codes16", n, at, slices.Repeat([]uint8{0xee}, n))
	a.run(func() {
		row.thresholdsI16(&codes16[0], &acc16[0], uintptr(rows), uintptr(stride), &ex[0], &ba[0], uintptr(levels), uintptr(cols))
	})
	m, ad := input(a, "mul", at, mul), input(a, "add", at, add)
	requantized := place(a, "requantized", n, at, slices.Repeat([]uint8{0xee}, n))
	a.run(func() {
		row.requantize(&requantized[0], &acc[0], uintptr(rows), uintptr(stride), &m[0], &ad[0], uintptr(shift), uintptr(top), uintptr(cols))
	})
	s, b, x := input(a, "scale", at, scale), input(a, "bias", at, bias), place(a, "x", n, at, fs)
	a.run(func() {
		row.affine(&x[0], uintptr(rows), uintptr(stride), &s[0], &b[0], uintptr(relu), uintptr(cols))
	})
	for r := range rows {
		want, wantF := make([]uint8, cols), slices.Clone(fs[r*stride:][:cols])
		check := func(what string, got []uint8) {
			t.Helper()
			for c := range min(stride, n-r*stride) {
				w := uint8(0xee)
				if c < cols {
					w = want[c]
				}
				if got[r*stride+c] != w {
					t.Fatalf("%s: %d rows of %d, %d columns: row %d, column %d of sum %d: got %d, want %d", what, rows, stride, cols, r, c, accs[r*stride+c], got[r*stride+c], w)
				}
			}
		}
		ref.Thresholds(want, accs[r*stride:][:cols], thresholds, negate)
		check("thresholds", codes)
		for c := range want {
			count := int(bases[c])
			for j := range levels {
				if acc16s[r*stride+c] > exceeds[j*stride+c] {
					count--
				}
			}
			want[c] = uint8(max(count, -count))
		}
		check("thresholds of 16 bits", codes16)
		ref.Requantize(want, accs[r*stride:][:cols], mul, add, shift, top)
		check("requantize", requantized)
		ref.Affine(wantF, scale, bias, relu != 0)
		for c := range min(stride, n-r*stride) {
			w := fs[r*stride+c]
			if c < cols {
				w = wantF[c]
			}
			if x[r*stride+c] != w {
				t.Fatalf("affine: %d rows of %d, %d columns: row %d, column %d: got %v, want %v", rows, stride, cols, r, c, x[r*stride+c], w)
			}
		}
	}

	checkResidualKernel(t, a, rng, row.residualI16, rows, cols, stride, at, func(n int) []int16 { return sums16(rng, n, nil) })
	checkResidualKernel(t, a, rng, row.residualI32, rows, cols, stride, at, func(n int) []int32 { return sums(rng, n, nil) })
	checkResidualKernel(t, a, rng, row.residualF32, rows, cols, stride, at, func(n int) []float32 { return awkward(rng, n, true) })
	checkChannelSumKernel(t, a, row.channelSums, rows, cols, stride, at, func(n int) []byte { return slices.Repeat([]byte{255}, n) })
	checkChannelSumKernel(t, a, row.channelSumsF32, rows, cols, stride, at, func(n int) []float32 { return randomFloats(rng, n, false) })
}
