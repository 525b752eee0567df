package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.com/lowbit/ref"
)

// use selects a kernel until the test ends.
func use(t testing.TB, name string) {
	t.Helper()
	restore, err := Use(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(restore)
}

// poison makes the working memory of a plan start out as nonsense, so that
// nothing can rely on zeros in it.
func poison(p *product) {
	make := p.scratch.New
	p.scratch.New = func() any {
		s := make().(*scratch)
		for i := range s.x {
			s.x[i] = 0xee
		}
		for i := range s.codes {
			s.codes[i] = 0xee
		}
		for i := range s.panel {
			s.panel[i] = 0xee
		}
		for i := range s.tile {
			s.tile[i] = -0x11111112
		}
		return s
	}
}

// A gemmCase is one product.
type gemmCase struct {
	f              Formats
	m, n, k        int
	wPattern, xPat pattern
	threads        int
	at             spot
}

// planGEMM returns a plan for random weights of the case, made from read-only
// weights that are nonsense afterwards, and the weights.
func planGEMM(t testing.TB, a *arena, rng *rand.Rand, c gemmCase, kernel string) (*GEMM, []int8) {
	t.Helper()
	w := weights(rng, c.f.Weights, c.wPattern, c.n, c.k)
	values := slices.Clone(w.Values)
	w.Values = input(a, "weights", c.at, w.Values)
	var g *GEMM
	a.run(func() {
		var err error
		if g, err = NewGEMM(w, c.f.Acts, Options{Threads: c.threads}); err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
	})
	a.bufs["weights"].Unprotect()
	for i := range w.Values {
		w.Values[i] = -128
	}
	if kernel != "" && g.Kernel() != kernel {
		t.Fatalf("%+v: the plan chose %s: want %s", c, g.Kernel(), kernel)
	}
	if g.Formats() != c.f {
		t.Fatalf("the plan says its formats are %v: want %v", g.Formats(), c.f)
	}
	poison(g.product)
	return g, values
}

func checkGEMM(t testing.TB, a *arena, rng *rand.Rand, c gemmCase, kernel string) {
	t.Helper()
	g, w := planGEMM(t, a, rng, c, kernel)
	for range 2 { // the second Run finds working memory that was used
		xs := draw(rng, c.xPat, codes(c.f.Acts), c.m*c.k)
		want := make([]int32, c.m*c.n)
		ref.GEMM(want, values(c.f.Acts, xs), w, c.m, c.n, c.k)
		x, dst := input(a, "x", c.at, xs), place(a, "dst", len(want), c.at, randomSums(rng, len(want)))
		a.run(func() { g.Run(dst, x, c.m) })
		if i := firstDifference(dst, want); i >= 0 {
			t.Fatalf("%+v, %s: row %d, output %d: got %d, want %d", c, g.Kernel(), i/c.n, i%c.n, dst[i], want[i])
		}
	}
}

// chosen lists the formats that the row takes, for which dispatch must choose it
// where it is selected.
func chosen(t *testing.T, row *gemmRow) []Formats {
	t.Helper()
	var list []Formats
	for _, f := range formatsOf(row.takes) {
		first, err := find(gemmTable, func(r *gemmRow) bool { return r.takes(f.Weights, f.Acts) })
		switch {
		case err != nil:
			t.Errorf("%v: %v", f, err)
		case first == row:
			list = append(list, f)
		default:
			t.Errorf("%v: dispatch chooses %s where %s is selected", f, first.name(), row.name())
		}
	}
	return list
}

func firstDifference[T comparable](got, want []T) int {
	for i := range want {
		if got[i] != want[i] {
			return i
		}
	}
	return -1
}

// TestGEMM compares every kernel, on every pair of formats it takes, with ref.
func TestGEMM(t *testing.T) {
	each(t, gemmTable, func(t *testing.T, row *gemmRow) {
		use(t, row.name())
		rng, a := random(t), newArena(t)
		for _, f := range chosen(t, row) {
			check := func(c gemmCase) {
				t.Helper()
				c.f, c.wPattern, c.xPat = f, pattern(rng.IntN(int(patterns))), pattern(rng.IntN(int(patterns)))
				checkGEMM(t, a, rng, c, row.name())
			}
			// One size at a time at every edge, the others at random.
			small := func(limit int) int { return 1 + rng.IntN(limit) }
			for _, m := range some(rng, around(3*row.mr()+2, row.mr())) {
				check(gemmCase{m: m, n: small(2*row.nr + 1), k: small(80), at: ends[rng.IntN(2)]})
			}
			for _, n := range some(rng, around(3*row.nr+2, row.nr)) {
				check(gemmCase{m: small(2 * row.mr()), n: n, k: small(80), at: ends[rng.IntN(2)]})
			}
			for _, k := range some(rng, around(520, row.kstep)) {
				check(gemmCase{m: small(row.mr() + 1), n: small(row.nr + 1), k: k, at: ends[rng.IntN(2)]})
			}
			for offset := range 64 {
				if scale() < 1 && offset%9 != 0 {
					continue
				}
				check(gemmCase{m: small(row.mr() + 1), n: small(row.nr + 1), k: small(70), at: spot{offset%2 == 0, offset}})
			}
		}
	})
}

// TestGEMMThreads has many blocks of rows, or few and many panels, and wants
// the same bits from every number of threads.
func TestGEMMThreads(t *testing.T) {
	each(t, gemmTable, func(t *testing.T, row *gemmRow) {
		use(t, row.name())
		rng, a := random(t), newArena(t)
		list := chosen(t, row)
		for _, s := range [][3]int{{1, 5 * row.nr, 65}, {3, 3*row.nr + 1, 129}, {600, row.nr - 1, 40}, {70, row.nr + 3, 1500}} {
			if scale() < 0.2 {
				s[0] = min(s[0], 20)
			}
			for threads := range 4 {
				for _, f := range some(rng, list[len(list)-1:]) {
					checkGEMM(t, a, rng, gemmCase{f: f, m: s[0], n: s[1], k: s[2], threads: threads, at: ends[rng.IntN(2)]}, row.name())
				}
			}
		}
	})
}

// TestGEMMConcurrent runs one plan from many goroutines at once.
func TestGEMMConcurrent(t *testing.T) {
	each(t, gemmTable, func(t *testing.T, row *gemmRow) {
		use(t, row.name())
		rng := random(t)
		for _, f := range some(rng, chosen(t, row)) {
			const m = 7
			n, k := 2*row.nr+1, 2*row.kstep+3
			w := weights(rng, f.Weights, uniform, n, k)
			g, err := NewGEMM(w, f.Acts, Options{Threads: 2})
			if err != nil {
				t.Fatal(err)
			}
			var wait sync.WaitGroup
			for range 8 {
				seed := rng.Uint64()
				wait.Go(func() {
					rng := rand.New(rand.NewPCG(seed, 1))
					dst, want := make([]int32, m*n), make([]int32, m*n)
					for range times(10) {
						x := draw(rng, uniform, codes(f.Acts), m*k)
						g.Run(dst, x, m)
						ref.GEMM(want, values(f.Acts, x), w.Values, m, n, k)
						if i := firstDifference(dst, want); i >= 0 {
							t.Errorf("%v: sum %d: got %d, want %d", f, i, dst[i], want[i])
						}
					}
				})
			}
			wait.Wait()
		}
	})
}

// TestGEMMBound goes to the largest sums that int32 holds, where formats reach
// them at a K that is not too large, and one step further, which is an error.
func TestGEMMBound(t *testing.T) {
	each(t, gemmTable, func(t *testing.T, row *gemmRow) {
		use(t, row.name())
		for _, f := range chosen(t, row) {
			largest := uint8(f.Acts.Max())
			if f.Acts == S8 {
				largest = 0x80
			}
			k := math.MaxInt32 / int(f2(f))
			if k > times(300_000) {
				continue
			}
			x := slices.Repeat([]uint8{largest}, k)
			w := weights(random(t), f.Weights, allMax, 2, k)
			for i := range k { // the second output is the opposite sum
				w.Values[k+i] = f.Weights.Levels()[0]
			}
			g, err := NewGEMM(w, f.Acts, Options{})
			if err != nil {
				t.Fatal(err)
			}
			got, want := make([]int32, 2), make([]int32, 2)
			g.Run(got, x, 1)
			ref.GEMM(want, values(f.Acts, x), w.Values, 1, 2, k)
			if max(want[0], want[1]) < math.MaxInt32-f2(f) || !slices.Equal(got, want) {
				t.Errorf("%v, K = %d: got %d, want %d", f, k, got, want)
			}
			_, err = NewGEMM(weights(random(t), f.Weights, allMax, 1, k+1), f.Acts, Options{})
			if err == nil || !strings.Contains(err.Error(), "range of int32") {
				t.Errorf("%v, K = %d: got error %v: want one about the range of int32", f, k+1, err)
			}
		}
	})
}

// f2 is the largest product of a pair of formats.
func f2(f Formats) int32 {
	var largest int32
	for _, x := range values(f.Acts, codes(f.Acts)) {
		largest = max(largest, int32(x), -int32(x))
	}
	return largest * int32(f.Weights.maxAbs())
}

// TestGEMMWrongCodes has codes that the format does not have: sums may be
// wrong, memory must not be.
func TestGEMMWrongCodes(t *testing.T) {
	each(t, gemmTable, func(t *testing.T, row *gemmRow) {
		use(t, row.name())
		rng, a := random(t), newArena(t)
		for _, f := range chosen(t, row) {
			for _, at := range ends {
				c := gemmCase{f: f, m: row.mr() + 1, n: row.nr + 1, k: row.kstep + 1, at: at}
				g, _ := planGEMM(t, a, rng, c, row.name())
				x := input(a, "x", at, slices.Repeat([]uint8{255}, c.m*c.k))
				dst := place[int32](a, "dst", c.m*c.n, at, nil)
				a.run(func() { g.Run(dst, x, c.m) })
			}
		}
	})
}

// TestGEMV compares with the row of a GEMM.
func TestGEMV(t *testing.T) {
	each(t, gemmTable, func(t *testing.T, row *gemmRow) {
		use(t, row.name())
		rng, a := random(t), newArena(t)
		for _, f := range some(rng, chosen(t, row)) {
			for range times(20) {
				n, k, at := 1+rng.IntN(2*gemvPanels*row.nr), 1+rng.IntN(300), ends[rng.IntN(2)]
				w := weights(rng, f.Weights, pattern(rng.IntN(int(patterns))), n, k)
				v, err := NewGEMV(w, f.Acts, Options{Threads: rng.IntN(4)})
				if err != nil {
					t.Fatal(err)
				}
				least := (n*k*f.Weights.Bits() + 7) / 8
				if _, skips := row.form.(worker); skips {
					least = 4 * n // zeros may take nothing
				}
				if v.Kernel() != row.name() || v.PackedBytes() < least {
					t.Fatalf("%v: kernel %s with %d bytes of weights for %dx%d", f, v.Kernel(), v.PackedBytes(), n, k)
				}
				xs, want := draw(rng, uniform, codes(f.Acts), k), make([]int32, n)
				ref.GEMM(want, values(f.Acts, xs), w.Values, 1, n, k)
				x, dst := input(a, "x", at, xs), place[int32](a, "dst", n, at, nil)
				a.run(func() { v.Run(dst, x) })
				if i := firstDifference(dst, want); i >= 0 {
					t.Fatalf("%v, %dx%d: output %d: got %d, want %d", f, n, k, i, dst[i], want[i])
				}
			}
		}
	})
}

// noAllocs fails the test if f allocates.
func noAllocs(t *testing.T, what string, f func()) {
	t.Helper()
	if raceEnabled {
		return
	}
	// The average is rounded down, so a goroutine's first working memory is not
	// counted. The collector empties pools: it is held off. On a busy machine, other
	// goroutines may still allocate, so that only another try tells.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	n := testing.AllocsPerRun(30, f)
	for try := 0; try < 5 && n != 0; try++ {
		n = testing.AllocsPerRun(30, f)
	}
	if n != 0 {
		t.Errorf("%s: %v allocations a run: want none", what, n)
	}
}

func TestGEMMAllocations(t *testing.T) {
	each(t, gemmTable, func(t *testing.T, row *gemmRow) {
		use(t, row.name())
		rng := random(t)
		for _, f := range chosen(t, row) {
			for _, threads := range []int{1, 2} {
				for _, k := range []int{64, 67} {
					const m, n = 9, 33
					g, err := NewGEMM(weights(rng, f.Weights, uniform, n, k), f.Acts, Options{Threads: threads})
					if err != nil {
						t.Fatal(err)
					}
					dst, x := make([]int32, m*n), make([]uint8, m*k)
					noAllocs(t, fmt.Sprintf("%v, K = %d, %d threads", f, k, threads), func() { g.Run(dst, x, m) })
				}
			}
		}
	})
}

// TestNoRows runs plans on nothing.
func TestNoRows(t *testing.T) {
	g, err := NewGEMM(Weights{Ternary, 1, 1, []int8{1}}, U2, Options{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	g.Run(nil, nil, 0)
	c, err := NewConv2D(Weights{Ternary, 1, 1, []int8{1}}, ConvShape{H: 1, W: 1, InC: 1, OutC: 1, KH: 1, KW: 1, StrideH: 1, StrideW: 1}, U2, Options{})
	if err != nil {
		t.Fatal(err)
	}
	c.Run(nil, nil, 0)
}
