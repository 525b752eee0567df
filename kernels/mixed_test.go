package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"example.com/lowbit/ref"
)

// mixedWeights are the formats that Mixed takes.
var mixedWeights = []WeightFormat{Binary, Ternary, Pow2x3, Pow2x4}

// mixedActs draws activations for which the row's products are exact: with
// exponents so different that the order of additions tells, zeros of both signs
// and, but for expadd, subnormal numbers.
func mixedActs(rng *rand.Rand, row *mixedRow, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		exponent := 100 + rng.IntN(40)
		switch rng.IntN(8) {
		case 0:
			continue // zero
		case 1:
			x[i] = float32(math.Copysign(0, -1))
			continue
		case 2:
			// The largest of which 64 times as much is finite, and the smallest.
			exponent = []int{1, 247}[rng.IntN(2)]
		case 3:
			exponent = 1
			if row.algorithm != "expadd" {
				exponent = 0
			}
		}
		x[i] = math.Float32frombits(rng.Uint32()&^(255<<23) | uint32(exponent)<<23)
	}
	return x
}

// mixedPanel packs w[nr][k] for a tile: written from the description of the
// layout, apart from the packing that plans use.
func mixedPanel(row *mixedRow, w []int8, k int) []byte {
	var panel []byte
	for l := range k {
		for b := range row.nr / 2 {
			j := b
			switch {
			case row.fours:
				j = b%4*4 + b/4
			case row.vector > 0:
				vector := b%16/8*2 + b%2
				j = vector*row.vector/4 + b/16*4 + b%8/2
			}
			panel = append(panel, packedCodes[4][byte(w[j*k+l])]|packedCodes[4][byte(w[(row.nr/2+j)*k+l])]<<4)
		}
	}
	return panel
}

func sameBits(got, want []float32) int {
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			return i
		}
	}
	return -1
}

// TestMixedTiles calls every tile by itself, with operands that reach exactly as
// far as the tile may read or write.
func TestMixedTiles(t *testing.T) {
	eachKernel(t, mixedTable, func(t *testing.T, row *mixedRow, e *emulation) {
		rng, a := random(t), newArena(t)
		for rows := 1; rows <= row.mr(); rows++ {
			for _, k := range some(rng, around(40, 8)) {
				at, xGap, gap := ends[rng.IntN(2)], rng.IntN(5), rng.IntN(9)
				w := weights(rng, Pow2x4, pattern(rng.IntN(int(patterns))), row.nr, k).Values
				xStride, stride := k+xGap, row.nr+gap
				x, panel := mixedActs(rng, row, (rows-1)*xStride+k), mixedPanel(row, w, k)
				before := randomFloats(rng, (rows-1)*stride+row.nr, false)
				want := slices.Clone(before)
				for i := range rows {
					ref.Mixed(want[i*stride:][:row.nr], x[i*xStride:], w, 1, row.nr, k)
				}
				if e != nil {
					e.add(unsafe.Pointer(&row.tiles[rows]), nil, []emulatedOperand{out(0, before, want, at), in(2, x, at), in(4, panel, at)}, 0, 4*stride, 0, 4*xStride, 0, k)
					continue
				}
				xs, p, dst := input(a, "x", at, x), input(a, "panel", at, panel), place(a, "dst", len(before), at, before)
				a.run(func() { row.tiles[rows](&dst[0], uintptr(4*stride), &xs[0], uintptr(4*xStride), &p[0], uintptr(k)) })
				if i := sameBits(dst, want); i >= 0 {
					t.Fatalf("%d rows, k = %d: row %d, output %d: got %v, want %v", rows, k, i/stride, i%stride, dst[i], want[i])
				}
			}
		}
	})
}

func checkMixed(t *testing.T, a *arena, rng *rand.Rand, row *mixedRow, f WeightFormat, m, n, k, threads int) {
	t.Helper()
	at := ends[rng.IntN(2)]
	w := weights(rng, f, pattern(rng.IntN(int(patterns))), n, k)
	p, err := NewMixed(w, Options{Threads: threads})
	if err != nil {
		t.Fatal(err)
	}
	if p.Kernel() != row.name() || p.Formats() != (Formats{f, F32}) || p.PackedBytes() < n*k/2 {
		t.Fatalf("the plan is %s for %v with %d bytes of %dx%d weights: want %s", p.Kernel(), p.Formats(), p.PackedBytes(), n, k, row.name())
	}
	for range 2 {
		xs, want := mixedActs(rng, row, m*k), make([]float32, m*n)
		ref.Mixed(want, xs, w.Values, m, n, k)
		x, dst := input(a, "x", at, xs), place(a, "dst", m*n, at, nans(m*n))
		a.run(func() { p.Run(dst, x, m) })
		if i := sameBits(dst, want); i >= 0 {
			t.Fatalf("%v, %dx%dx%d, %d threads: row %d, output %d: got %v, want %v", f, m, n, k, threads, i/n, i%n, dst[i], want[i])
		}
	}
}

// TestMixed compares plans with ref, bit for bit.
func TestMixed(t *testing.T) {
	each(t, mixedTable, func(t *testing.T, row *mixedRow) {
		use(t, row.name())
		rng, a := random(t), newArena(t)
		for _, f := range mixedWeights {
			for _, m := range some(rng, around(3*row.mr()+2, row.mr())) {
				checkMixed(t, a, rng, row, f, m, 1+rng.IntN(2*row.nr), 1+rng.IntN(50), rng.IntN(4))
			}
			for _, n := range some(rng, around(2*row.nr+2, row.nr)) {
				checkMixed(t, a, rng, row, f, 1+rng.IntN(4), n, 1+rng.IntN(50), rng.IntN(4))
			}
			for _, k := range some(rng, around(300)) {
				checkMixed(t, a, rng, row, f, 1+rng.IntN(4), 1+rng.IntN(2*row.nr), k, rng.IntN(4))
			}
		}
		// Rows of more than one block.
		checkMixed(t, a, rng, row, Pow2x4, 41, row.nr+3, 1000, 2)
		w := weights(rng, Ternary, uniform, 9, 70)
		p, err := NewMixed(w, Options{Threads: 2})
		if err != nil {
			t.Fatal(err)
		}
		dst, x := make([]float32, 3*9), make([]float32, 3*70)
		noAllocs(t, "Mixed.Run", func() { p.Run(dst, x, 3) })
		p.Run(nil, nil, 0)
	})
}

// TestSimulatedMixed tests plans on the layouts of all rows everywhere.
func TestSimulatedMixed(t *testing.T) {
	table := mixedTable
	defer func() { mixedTable = table }()
	for _, row := range table {
		t.Run(row.name(), func(t *testing.T) {
			s := *row
			s.features = ""
			s.tiles = make([]mixedTile, len(row.tiles))
			for rows := 1; rows < len(s.tiles); rows++ {
				s.tiles[rows] = func(dst *float32, dstStride uintptr, x *float32, xStride uintptr, w *byte, k uintptr) {
					n := int(k)
					panel := unsafe.Slice(w, n*s.nr/2)
					values := make([]int8, s.nr*n)
					// The place of each weight, from where a panel of one has it.
					for j := range s.nr {
						one := make([]int8, s.nr)
						one[j] = 1
						at := slices.IndexFunc(mixedPanel(&s, one, 1), func(b byte) bool { return b != 0 })
						for l := range n {
							code := panel[l*s.nr/2+at]
							if j >= s.nr/2 {
								code >>= 4
							}
							values[j*n+l] = codeValue(code&15, 4)
						}
					}
					for i := range uintptr(rows) {
						out := unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(dst), i*dstStride)), s.nr)
						ref.Mixed(out, unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(x), i*xStride)), n), values, 1, s.nr, n)
					}
				}
			}
			mixedTable = []*mixedRow{&s}
			use(t, "auto")
			rng, a := random(t), newArena(t)
			for range times(20) {
				checkMixed(t, a, rng, &s, mixedWeights[rng.IntN(4)], 1+rng.IntN(5), 1+rng.IntN(2*row.nr), 1+rng.IntN(30), rng.IntN(3))
			}
		})
	}
}

func TestMixedErrors(t *testing.T) {
	_, err := NewMixed(Weights{Int8, 1, 1, []int8{1}}, Options{})
	wantError(t, err, "int8", "pow2:4")
	_, err = NewMixed(Weights{Float32, 1, 1, []int8{1}}, Options{})
	wantError(t, err, "float32")
	_, err = NewMixed(Weights{Ternary, 1, 2, []int8{1, 2}}, Options{})
	wantError(t, err, "[0][1] is 2")
	_, err = NewMixed(Weights{Ternary, 1, 1, []int8{1}}, Options{Threads: -1})
	wantError(t, err, "Threads")
	p, err := NewMixed(Weights{Ternary, 2, 3, make([]int8, 6)}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range [][3]int{{1, 2, 2}, {1, 3, 3}, {-1, 2, 3}, {2, 2, 3}} {
		wantPanic(t, func() { p.Run(make([]float32, c[1]), make([]float32, c[2]), c[0]) }, "Mixed.Run", fmt.Sprintf("m = %d", c[0]))
	}
}
