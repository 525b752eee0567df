package kernels

import (
	"math/bits"
	"slices"
	"testing"
	"unsafe"
)

// planesTotal is what a tile adds up for row x, its planes' words with the
// highest first, and output j of a panel, [planes] of steps*nr words.
func planesTotal(row *gemmRow, x, panel []uint64, planes, steps, j int) int32 {
	total := int64(0)
	for p := range planes {
		total *= 2
		for q := range row.form.(planesForm).weights {
			for k := range steps {
				total += int64(bits.OnesCount64(x[p*steps+k] ^ panel[q*steps*row.nr+placeOfByte(row, j, 8*k, steps)/8]))
			}
		}
	}
	if row.form.(planesForm).weights == 2 {
		total = (total + 1) / 2
	}
	return int32(total)
}

// planesRows lists the rows that read planes.
func planesRows() []*gemmRow {
	return slices.DeleteFunc(slices.Clone(gemmTable), func(r *gemmRow) bool { return !hasForm[planesForm](r) })
}

// TestPlanesTiles calls every tile that reads planes by itself, with operands that
// reach exactly as far as the tile may read or write.
func TestPlanesTiles(t *testing.T) {
	eachKernel(t, planesRows(), func(t *testing.T, row *gemmRow, e *emulation) {
		rng, a := random(t), newArena(t)
		check := func(rows, planes, steps int, wp, xp pattern, at spot) {
			t.Helper()
			c := tileCase{rows: rows, steps: steps, wPattern: wp, xPat: xp, dstGap: rng.IntN(2) * rng.IntN(20), shift: uint(rng.IntN(2)), at: at.aligned(8)}
			length := 1 + planes*steps
			stride := length + rng.IntN(3)*rng.IntN(9)
			x := randomWords(rng, xp, (rows-1)*stride+length)
			for i := range rows {
				x[i*stride] = uint64(planes)
			}
			panel := randomWords(rng, wp, row.form.(planesForm).weights*steps*row.nr)
			bias := randomSums(rng, row.nr)
			runTile(t, a, e, rng, row, c, bytesOf(x), 8*stride, bytesOf(panel), bias, func(i, j int) int32 {
				return bias[j] - planesTotal(row, x[i*stride+1:], panel, planes, steps, j)<<c.shift
			})
		}
		for rows := 1; rows <= row.mr(); rows++ {
			for planes := 1; planes <= maxPlanes; planes++ {
				for _, at := range ends {
					check(rows, planes, 1+rng.IntN(3), uniform, uniform, at)
				}
				// Bytes are widened after 31 steps.
				for _, steps := range few(rng, e, some(rng, around(70, 31))) {
					check(rows, planes, steps, pattern(rng.IntN(int(patterns))), pattern(rng.IntN(int(patterns))), ends[rng.IntN(2)])
				}
				check(rows, planes, 200, allMin, allMax, ends[0]) // all bits differ
			}
		}
	})
}

// simulatedPlanes is a row of the same layout that needs no CPU feature.
func simulatedPlanes(row *gemmRow) *gemmRow {
	s := *row
	s.features = ""
	s.tiles = make([]tileFunc, len(row.tiles))
	for rows := 1; rows < len(row.tiles); rows++ {
		s.tiles[rows] = func(dst *int32, dstStride uintptr, x *byte, xStride uintptr, w *byte, steps uintptr, bias *int32, shift uintptr) {
			n := int(steps)
			panel := unsafe.Slice((*uint64)(unsafe.Pointer(w)), row.form.(planesForm).weights*n*row.nr)
			for i := range uintptr(rows) {
				head := (*uint64)(unsafe.Add(unsafe.Pointer(x), i*xStride))
				planes := int(*head)
				xs := unsafe.Slice(head, 1+planes*n)[1:]
				d := unsafe.Slice((*int32)(unsafe.Add(unsafe.Pointer(dst), i*dstStride)), row.nr)
				for j, b := range unsafe.Slice(bias, row.nr) {
					d[j] = b - planesTotal(row, xs, panel, planes, n, j)<<shift
				}
			}
		}
	}
	return &s
}

// TestSimulatedPlanesPlans is TestSimulatedPlans for rows that read planes.
func TestSimulatedPlanesPlans(t *testing.T) {
	rows := planesRows()
	table := gemmTable
	defer func() { gemmTable = table }()
	for _, row := range rows {
		t.Run(row.name(), func(t *testing.T) {
			gemmTable = []*gemmRow{simulatedPlanes(row)}
			use(t, "auto")
			rng, a := random(t), newArena(t)
			for _, f := range formatsOf(row.takes) {
				for range times(6) {
					checkGEMM(t, a, rng, gemmCase{f: f, m: 1 + rng.IntN(2*row.mr()), n: 1 + rng.IntN(2*row.nr+1), k: 1 + rng.IntN(3*row.kstep),
						wPattern: pattern(rng.IntN(int(patterns))), xPat: pattern(rng.IntN(int(patterns))), threads: rng.IntN(3), at: ends[rng.IntN(2)]}, row.name())
				}
				checkConv(t, a, rng, convCase{f: f, s: randomConv(rng, 5), images: 1 + rng.IntN(2), threads: rng.IntN(3), at: ends[rng.IntN(2)]}, row.name())
			}
		})
	}
}

// TestPlanesRows wants rows whose numbers agree with their form.
func TestPlanesRows(t *testing.T) {
	for _, r := range planesRows() {
		if f := r.form.(planesForm); r.bits != f.weights || r.kstep != 64 {
			t.Errorf("%s: steps of %d inputs and weights of %d bits: want 64 and %d", r.name(), r.kstep, r.bits, f.weights)
		}
	}
}
