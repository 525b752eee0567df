package kernels

import (
	"math/rand/v2"
	"testing"
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
