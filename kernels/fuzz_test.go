package kernels

import (
	"math/rand/v2"
	"testing"

	"example.com/lowbit/ref"
)

// The fuzz targets compare plans with ref, like the tests, on formats, shapes,
// kernels and values that the fuzzer chooses: the numbers it mutates pick a
// row, formats and a size, and seed the values.

// fuzzGEMMRow selects a row of the table that can run here, and formats that
// it takes, until the input is done.
func fuzzGEMMRow(t *testing.T, impl, format uint8) (*gemmRow, Formats) {
	row := runnableRow(gemmTable, impl)
	use(t, row.name())
	list := chosen(t, row)
	return row, list[int(format)%len(list)]
}

func runnableRow[R interface{ id() *kernelID }](table []R, impl uint8) R {
	var rows []R
	for _, r := range table {
		if len(missing(r.id().features)) == 0 {
			rows = append(rows, r)
		}
	}
	return rows[int(impl)%len(rows)]
}

// fuzzed is the generator of an input's values, and where they lie.
func fuzzed(seed uint64, offset uint8) (*rand.Rand, spot) {
	return rand.New(rand.NewPCG(seed, 2)), spot{tail: offset&64 == 0, offset: int(offset & 63)}
}

func FuzzGEMM(f *testing.F) {
	f.Add(uint64(1), uint8(0), uint8(0), uint16(1), uint16(1), uint16(1), uint8(0), uint8(0))
	f.Add(uint64(2), uint8(3), uint8(7), uint16(7), uint16(33), uint16(65), uint8(1), uint8(17))
	f.Add(uint64(3), uint8(6), uint8(20), uint16(13), uint16(16), uint16(256), uint8(2), uint8(64))
	f.Fuzz(func(t *testing.T, seed uint64, impl, format uint8, m, n, k uint16, threads, offset uint8) {
		row, formats := fuzzGEMMRow(t, impl, format)
		rng, at := fuzzed(seed, offset)
		checkGEMM(t, newArena(t), rng, gemmCase{f: formats, m: 1 + int(m)%100, n: 1 + int(n)%150, k: 1 + int(k)%1500,
			wPattern: pattern(rng.IntN(int(patterns))), xPat: pattern(rng.IntN(int(patterns))), threads: int(threads) % 4, at: at}, row.name())
	})
}

func FuzzConv2D(f *testing.F) {
	f.Add(uint64(1), uint8(0), uint8(0), uint8(1), uint8(0), uint8(0))
	f.Add(uint64(2), uint8(3), uint8(7), uint8(3), uint8(1), uint8(17))
	f.Add(uint64(3), uint8(6), uint8(20), uint8(40), uint8(2), uint8(64))
	f.Fuzz(func(t *testing.T, seed uint64, impl, format, maxC, threads, offset uint8) {
		row, formats := fuzzGEMMRow(t, impl, format)
		rng, at := fuzzed(seed, offset)
		checkConv(t, newArena(t), rng, convCase{f: formats, s: randomConv(rng, 1+int(maxC)%80), images: 1 + rng.IntN(3),
			wPattern: pattern(rng.IntN(int(patterns))), xPat: pattern(rng.IntN(int(patterns))), threads: int(threads) % 4, at: at}, row.name())
	})
}

func FuzzDot(f *testing.F) {
	f.Add(uint64(1), uint8(0), uint8(0), uint16(1), uint8(0))
	f.Add(uint64(2), uint8(1), uint8(7), uint16(777), uint8(17))
	f.Fuzz(func(t *testing.T, seed uint64, impl, format uint8, k uint16, offset uint8) {
		row := runnableRow(dotTable, impl)
		use(t, row.name())
		list := formatsOf(row.takes)
		rng, at := fuzzed(seed, offset)
		checkDot(t, newArena(t), rng, list[int(format)%len(list)], 1+int(k)%5000, pattern(rng.IntN(int(patterns))), pattern(rng.IntN(int(patterns))), at, "")
	})
}

func FuzzGEMV(f *testing.F) {
	f.Add(uint64(1), uint8(0), uint8(0), uint16(1), uint16(1), uint8(0), uint8(0))
	f.Add(uint64(2), uint8(3), uint8(7), uint16(33), uint16(65), uint8(1), uint8(17))
	f.Fuzz(func(t *testing.T, seed uint64, impl, format uint8, n, k uint16, threads, offset uint8) {
		row, formats := fuzzGEMMRow(t, impl, format)
		rng, at := fuzzed(seed, offset)
		a := newArena(t)
		w := weights(rng, formats.Weights, pattern(rng.IntN(int(patterns))), 1+int(n)%300, 1+int(k)%3000)
		g, err := NewGEMV(w, formats.Acts, Options{Threads: int(threads) % 4})
		if err != nil {
			t.Fatal(err)
		}
		if g.Kernel() != row.name() {
			t.Fatalf("the plan chose %s: want %s", g.Kernel(), row.name())
		}
		poison(g.g.product)
		xs, want := draw(rng, pattern(rng.IntN(int(patterns))), codes(formats.Acts), w.K), make([]int32, w.N)
		ref.GEMM(want, values(formats.Acts, xs), w.Values, 1, w.N, w.K)
		x, dst := input(a, "x", at, xs), place(a, "dst", w.N, at, randomSums(rng, w.N))
		a.run(func() { g.Run(dst, x) })
		if i := firstDifference(dst, want); i >= 0 {
			t.Fatalf("%v, %dx%d: output %d: got %d, want %d", formats, w.N, w.K, i, dst[i], want[i])
		}
	})
}

func FuzzMixed(f *testing.F) {
	f.Add(uint64(1), uint8(0), uint8(0), uint8(0), uint8(0), uint16(0), uint8(0))
	f.Add(uint64(2), uint8(1), uint8(3), uint8(6), uint8(70), uint16(300), uint8(2))
	f.Fuzz(func(t *testing.T, seed uint64, impl, format, m, n uint8, k uint16, threads uint8) {
		row := runnableRow(mixedTable, impl)
		use(t, row.name())
		rng, _ := fuzzed(seed, 0)
		format %= uint8(len(mixedWeights))
		checkMixed(t, newArena(t), rng, row, mixedWeights[format], 1+int(m)%50, 1+int(n), 1+int(k)%2000, int(threads)%4)
	})
}

func FuzzDotBinary(f *testing.F) {
	f.Add(uint64(1), uint8(0), uint16(1), uint8(0))
	f.Add(uint64(2), uint8(1), uint16(777), uint8(17))
	f.Fuzz(func(t *testing.T, seed uint64, impl uint8, k uint16, offset uint8) {
		use(t, runnableRow(bitsTable, impl).name())
		rng, at := fuzzed(seed, offset&^7)
		a, n := newArena(t), int(k)%9000
		x, y := make([]uint64, (n+63)/64), make([]uint64, (n+63)/64)
		PackSigns(x, draw(rng, pattern(rng.IntN(int(patterns))), codes(Sign), n))
		PackSigns(y, draw(rng, pattern(rng.IntN(int(patterns))), codes(Sign), n))
		want := ref.DotBinary(x, y, n)
		x, y = input(a, "x", at, x), input(a, "y", at, y)
		a.run(func() {
			if got := DotBinary(x, y, n); got != want {
				t.Fatalf("k = %d: got %d, want %d", n, got, want)
			}
		})
	})
}

func FuzzGEMMFloat32(f *testing.F) {
	f.Add(uint64(1), uint8(0), uint8(1), uint8(1), uint16(1))
	f.Add(uint64(2), uint8(1), uint8(15), uint8(33), uint16(400))
	f.Fuzz(func(t *testing.T, seed uint64, impl, m, n uint8, k uint16) {
		row := runnableRow(f32Table, impl)
		use(t, row.name())
		rng, _ := fuzzed(seed, 0)
		checkGEMMFloat32(t, newArena(t), rng, row.name(), 1+int(m)%60, 1+int(n)%80, 1+int(k)%900)
	})
}

func FuzzConv2DFloat32(f *testing.F) {
	f.Add(uint64(1), uint8(0), uint8(1))
	f.Add(uint64(2), uint8(1), uint8(20))
	f.Fuzz(func(t *testing.T, seed uint64, impl, maxC uint8) {
		use(t, runnableRow(f32Table, impl).name())
		rng, _ := fuzzed(seed, 0)
		checkConvFloat32(t, newArena(t), rng, randomConv(rng, 1+int(maxC)%40))
	})
}

func FuzzDotFloat32(f *testing.F) {
	f.Add(uint64(1), uint8(0), uint16(1), true)
	f.Add(uint64(2), uint8(1), uint16(777), false)
	f.Fuzz(func(t *testing.T, seed uint64, impl uint8, n uint16, whole bool) {
		use(t, runnableRow(f32DotTable, impl).name())
		rng, _ := fuzzed(seed, 0)
		checkDotFloat32(t, newArena(t), rng, int(n)%5000, whole)
	})
}

func FuzzMatMul(f *testing.F) {
	f.Add(uint64(1), uint8(0), uint16(1), uint16(1), uint16(1), uint8(0), uint8(0), uint8(0), false)
	f.Add(uint64(2), uint8(1), uint16(7), uint16(33), uint16(65), uint8(1), uint8(2), uint8(1), true)
	f.Add(uint64(3), uint8(1), uint16(200), uint16(5), uint16(330), uint8(3), uint8(4), uint8(0), true)
	f.Fuzz(func(t *testing.T, seed uint64, impl uint8, m, n, k uint16, aKind, bKind, cKind uint8, add bool) {
		use(t, runnableRow(f32Table, impl).name())
		rng, _ := fuzzed(seed, 0)
		checkMatMul(t, newArena(t), rng, int(m)%250, int(n)%600, int(k)%400, int(aKind)%5, int(bKind)%5, int(cKind)%2, add)
	})
}

func FuzzEpilogue(f *testing.F) {
	f.Add(uint64(1), uint8(0), uint8(1), uint8(1), uint8(0), uint8(0))
	f.Add(uint64(2), uint8(1), uint8(5), uint8(9), uint8(7), uint8(64))
	f.Fuzz(func(t *testing.T, seed uint64, impl, rows, cols, rest, offset uint8) {
		row := runnableRow(epilogueTable, impl)
		rng, at := fuzzed(seed, offset)
		c := 8 * (1 + int(cols)%20)
		checkEpilogueKernels(t, newArena(t), rng, row, 1+int(rows)%9, c, c+int(rest)%8, at)
	})
}
