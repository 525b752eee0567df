package kernels

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"
)

// lutRows are the rows of tiles that look sums of codes up.
func lutRows() []*gemmRow {
	return slices.DeleteFunc(slices.Clone(gemmTable), func(r *gemmRow) bool { return !hasForm[tablesForm](r) })
}

// A lutCase is one call of a tile on tables of anything.
type lutCase struct {
	rows, steps, sets int
	period            int // steps between widenings
	most              bool
	xGap, dstGap      int // bytes, and sums, between rows
	shift             uint
	at                spot
}

// TestLUTTiles calls the tiles by themselves, with tables that need not be those
// of codes, and look-ups that add up to all that a byte holds.
func TestLUTTiles(t *testing.T) {
	eachKernel(t, lutRows(), func(t *testing.T, row *gemmRow, e *emulation) {
		f := row.form.(tablesForm)
		if e != nil && f.tables > lutAlign {
			t.Skip("the tile writes to its rows, for which emulated calls have no operand")
		}
		rng, a := random(t), newArena(t)
		for rows := 1; rows <= row.mr(); rows++ {
			for _, at := range ends {
				for _, steps := range []int{1, 2, 3} {
					checkLUTTile(t, a, e, rng, row, lutCase{rows: rows, steps: steps, sets: 1, period: 1 + rng.IntN(3), dstGap: rng.IntN(20), shift: 1, at: at})
				}
			}
			for _, period := range some(rng, []int{1, 2, 3, 10, 31}) {
				for _, steps := range few(rng, e, some(rng, []int{period - 1, period, period + 1, 2 * period, 2*period + 1, 5*period + 1})) {
					checkLUTTile(t, a, e, rng, row, lutCase{rows: rows, steps: max(1, steps), sets: 1 + rng.IntN(2), period: period, most: rng.IntN(2) == 0,
						xGap: rng.IntN(3) * lutAlign, dstGap: rng.IntN(2) * rng.IntN(20), shift: uint(rng.IntN(4)), at: spot{tail: rng.IntN(2) == 0}})
				}
			}
		}
		// Bytes of 255 at every widening, up to where sums of 16 bits must go to
		// dst and beyond, in both sets.
		for _, period := range []int{1, 3} {
			for _, flushes := range []int{255, 256, 257, 259, 513} {
				if e != nil && flushes > 259 {
					continue
				}
				for _, sets := range []int{1, 2} {
					checkLUTTile(t, a, e, rng, row, lutCase{rows: 1 + rng.IntN(row.mr()), steps: flushes * period, sets: sets, period: period, most: true, shift: uint(rng.IntN(3)), at: ends[rng.IntN(2)]})
				}
			}
		}
	})
}

// checkLUTTile compares a call with a loop over look-ups.
func checkLUTTile(t *testing.T, a *arena, e *emulation, rng *rand.Rand, row *gemmRow, c lutCase) {
	t.Helper()
	f := row.form.(tablesForm)
	if f.most <= lutNibble {
		c.sets = 1
	}
	entries := 1 << f.group
	perStep := row.kstep / f.group // tables
	// A set is as long as whole blocks of codes make it.
	setTables := ceilDiv(c.steps*row.kstep, f.block) * f.block / f.group
	setBytes := setTables * entries
	stride := f.tables + c.sets*setBytes + c.xGap
	xs := draw(rng, uniform, codes(U8), (c.rows-1)*stride+stride-c.xGap)
	constants := randomSums(rng, c.rows)
	for i := range c.rows {
		x := xs[i*stride:]
		binary.NativeEndian.PutUint32(x[f.constant:], uint32(constants[i]))
		binary.NativeEndian.PutUint32(x[f.constant+4:], 0)
		binary.NativeEndian.PutUint32(x[f.period:], uint32(c.period*perStep*entries))
		binary.NativeEndian.PutUint32(x[f.end:], uint32(f.tables+(c.sets-1)*setBytes+c.steps*perStep*entries))
		for table := range c.sets * setTables {
			// Largest entries whose sum over a period and all planes is 255.
			n := c.period * perStep * f.planes
			place := table % setTables % (c.period * perStep) * f.planes
			most := 0
			for p := range f.planes {
				most = max(most, 255*(place+p+1)/n-255*(place+p)/n)
			}
			if f.planes == 2 && 255/n != most {
				most = 255 / n // both planes look the same table up
			}
			if f.sum == 0 {
				most = 255
			}
			for k := range entries {
				v := rng.IntN(most + 1)
				if c.most {
					v = most
				}
				x[f.tables+table*entries+k] = byte(v)
			}
		}
	}
	indices := make([]byte, c.steps*perStep*f.planes*row.nr) // [table][plane][output]
	for i := range indices {
		indices[i] = byte(rng.IntN(entries))
	}
	panel := lutPanelOf(row, indices, c.steps)
	bias := randomSums(rng, row.nr)
	want := func(i, j int) int32 {
		sum := bias[j] + constants[i]
		for set := range c.sets {
			part := int32(0)
			for table := range c.steps * perStep {
				for p := range f.planes {
					index := indices[(table*f.planes+p)*row.nr+j]
					part += int32(xs[i*stride+f.tables+set*setBytes+table*entries+int(index)])
				}
			}
			sum += part << (c.shift + uint(4*set))
		}
		return sum
	}
	dstStride := row.nr + c.dstGap
	before := randomSums(rng, (c.rows-1)*dstStride+row.nr)
	after := slices.Clone(before)
	for i := range c.rows {
		for j := range row.nr {
			after[i*dstStride+j] = want(i, j)
		}
	}
	if e != nil {
		e.add(unsafe.Pointer(&row.tiles[c.rows]), nil, []emulatedOperand{out(0, before, after, c.at), in(2, xs, c.at), in(4, panel, c.at), in(6, bias, c.at)},
			0, 4*dstStride, 0, stride, 0, c.steps, 0, int(c.shift))
		return
	}
	w, b := input(a, "w", c.at, panel), input(a, "bias", c.at, bias)
	dst := place(a, "dst", len(before), c.at, before)
	var x []byte
	if f.tables > lutAlign {
		x = place(a, "x", len(xs), c.at, xs) // with working memory
	} else {
		x = input(a, "x", c.at, xs)
	}
	a.run(func() {
		row.tiles[c.rows](&dst[0], uintptr(dstStride)*4, &x[0], uintptr(stride), &w[0], uintptr(c.steps), &b[0], uintptr(c.shift))
	})
	if i := firstDifference(dst, after); i >= 0 {
		t.Fatalf("%+v: row %d, output %d (of %d, then the gap): got %d, want %d", c, i/dstStride, i%dstStride, row.nr, dst[i], after[i])
	}
	for i := range c.rows {
		head, tables := xs[i*stride:][:lutAlign], xs[i*stride+f.tables:][:c.sets*setBytes]
		if !slices.Equal(x[i*stride:][:lutAlign], head) || !slices.Equal(x[i*stride+f.tables:][:len(tables)], tables) {
			t.Fatalf("%+v: the tile changed row %d", c, i)
		}
	}
	if c.rows == 1 && row.gemv != nil {
		checkLUTGEMV(t, a, rng, row, c, x, len(panel))
	}
}

// checkLUTGEMV compares the function for one row with tiles of one row.
func checkLUTGEMV(t *testing.T, a *arena, rng *rand.Rand, row *gemmRow, c lutCase, x []byte, panel int) {
	t.Helper()
	stride := panel + rng.IntN(2)*rng.IntN(100)
	w := input(a, "panels", c.at, draw(rng, uniform, codes(U8), (gemvPanels-1)*stride+panel))
	b := input(a, "biases", c.at, randomSums(rng, gemvPanels*row.nr))
	want := make([]int32, len(b))
	for p := range gemvPanels {
		row.tiles[1](&want[p*row.nr], 0, &x[0], 0, &w[p*stride], uintptr(c.steps), &b[p*row.nr], uintptr(c.shift))
	}
	dst := place(a, "sums", len(b), c.at, randomSums(rng, len(b)))
	a.run(func() { row.gemv(&dst[0], &x[0], &w[0], uintptr(stride), uintptr(c.steps), &b[0], uintptr(c.shift)) })
	if i := firstDifference(dst, want); i >= 0 {
		t.Fatalf("%+v: output %d of %d panels: got %d, want %d", c, i, gemvPanels, dst[i], want[i])
	}
}

// lutPanelOf packs [table][plane][output] indices for a tile.
func lutPanelOf(row *gemmRow, indices []byte, steps int) []byte {
	f := row.form.(tablesForm)
	perStep := row.kstep / f.group
	size := row.nr * ceilDiv(row.kstep, 8)
	panel := make([]byte, steps*f.planes*size)
	for s := range steps {
		for p := range f.planes {
			for table := range perStep {
				for j := range row.nr {
					at, shift := lutIndexPlace(row, table, j)
					panel[(s*f.planes+p)*size+at] |= indices[((s*perStep+table)*f.planes+p)*row.nr+j] << shift
				}
			}
		}
	}
	return panel
}

// lutIndexPlace is the byte and bit in a step's plane where the index of output
// j for a table of the step lies: written apart from the packing that plans use.
func lutIndexPlace(row *gemmRow, table, j int) (at, shift int) {
	switch {
	case row.isa == "neon": // in order
		return j, 4 * table
	case row.kstep == 16: // [vector][2 in a byte][16][4 tables]
		vector, half, column := j/32, j/16%2, j%16
		return (vector*16+column)*4 + table, 4 * half
	case row.isa == "avx2": // [vector][4][8] in the order [vector][8][4]
		vector, byte, column := j/32, j/8%4, j%8
		return (vector*8+column)*4 + byte, 4 * table
	}
	byte, column := j/16, j%16 // [4][16] in the order [16][4]
	return column*4 + byte, 4 * table
}

// TestSimulatedLUTPlans replaces the functions of every row by plain Go, so that
// its packing and its prepared rows are tested on CPUs that cannot run it.
func TestSimulatedLUTPlans(t *testing.T) {
	table := gemmTable
	defer func() { gemmTable = table }()
	for _, row := range lutRows() {
		t.Run(row.name(), func(t *testing.T) {
			gemmTable = []*gemmRow{simulatedLUT(row)}
			use(t, "auto")
			rng, a := random(t), newArena(t)
			for _, f := range formatsOf(row.takes) {
				for range times(12) {
					checkGEMM(t, a, rng, gemmCase{f: f, m: 1 + rng.IntN(2*row.mr()), n: 1 + rng.IntN(2*row.nr+1), k: 1 + rng.IntN(5*row.kstep),
						wPattern: pattern(rng.IntN(int(patterns))), xPat: pattern(rng.IntN(int(patterns))), threads: rng.IntN(3), at: ends[rng.IntN(2)]}, row.name())
				}
				checkConv(t, a, rng, convCase{f: f, s: randomConv(rng, 5), images: 1 + rng.IntN(2), threads: rng.IntN(3), at: ends[rng.IntN(2)]}, row.name())
			}
		})
	}
}

// simulatedLUT is a row of the same layout that needs no CPU feature. Its tiles
// widen nothing, but fail where a kernel's bytes would overflow.
func simulatedLUT(row *gemmRow) *gemmRow {
	s, f := *row, row.form.(tablesForm)
	f.build = func(dst, x *byte, blocks, shift uintptr) int32 {
		codes := slices.Clone(unsafe.Slice(x, int(blocks)*f.block)) // may lie where the tables do
		tables, sum := plainSums(f, codes, uint(shift))
		copy(unsafe.Slice(dst, len(tables)), tables)
		return sum
	}
	s.features, s.form, s.gemv, s.tiles = "", f, nil, make([]tileFunc, len(row.tiles))
	for rows := 1; rows < len(row.tiles); rows++ {
		s.tiles[rows] = func(dst *int32, dstStride uintptr, x *byte, xStride uintptr, w *byte, steps uintptr, bias *int32, shift uintptr) {
			for i := range uintptr(rows) {
				out := unsafe.Slice((*int32)(unsafe.Add(unsafe.Pointer(dst), i*dstStride)), row.nr)
				simulatedLUTRow(row, out, (*byte)(unsafe.Add(unsafe.Pointer(x), i*xStride)), w, int(steps), unsafe.Slice(bias, row.nr), shift)
			}
		}
	}
	return &s
}

func simulatedLUTRow(row *gemmRow, dst []int32, x, w *byte, steps int, bias []int32, shift uintptr) {
	f := row.form.(tablesForm)
	header := unsafe.Slice(x, f.tables)
	end := int(binary.NativeEndian.Uint32(header[f.end:]))
	period := int(binary.NativeEndian.Uint32(header[f.period:]))
	constant := int32(binary.NativeEndian.Uint32(header[f.constant:]))
	tables, size := unsafe.Slice(x, end), row.nr*ceilDiv(row.kstep, 8)
	panel := unsafe.Slice(w, steps*f.planes*size)
	perStep := row.kstep / f.group
	for j := range dst {
		sum, shift := bias[j]+constant, shift
		for at := f.tables; at < end; at = (at + 63) &^ 63 {
			narrow, from := 0, at
			for s := range steps {
				for table := range perStep {
					for p := range f.planes {
						byte, bit := lutIndexPlace(row, table, j)
						index := int(panel[(s*f.planes+p)*size+byte]>>bit) & (1<<f.group - 1)
						narrow += int(tables[at+index])
						sum += int32(tables[at+index]) << shift
					}
					at += 1 << f.group
				}
				if f.sum > 0 && narrow > f.sum {
					panic(fmt.Sprintf("look-ups add up to %d", narrow))
				}
				if at-from >= period {
					narrow, from = 0, at
				}
			}
			shift += 4
		}
		dst[j] = sum
	}
}

// TestSubsetSums compares the tables of every kernel with a plain loop.
func TestSubsetSums(t *testing.T) {
	eachKernel(t, lutRows(), func(t *testing.T, row *gemmRow, e *emulation) {
		f := row.form.(tablesForm)
		rng, a := random(t), newArena(t)
		for _, blocks := range []int{1, 2, 3, 7} {
			for _, shift := range []uint{0, 4} {
				for _, at := range ends {
					n := blocks * f.block
					x := draw(rng, uniform, codes(U8), n)
					if f.most < 16 { // fewer bits are not cut off
						x = draw(rng, uniform, codes(U4)[:f.most+1], n)
						shift = 0
					}
					for _, inPlace := range []bool{false, blocks == 1} {
						want, sum := plainSums(f, x, shift)
						before := draw(rng, uniform, codes(U8), len(want))
						if inPlace {
							copy(before, x)
						}
						if e != nil {
							if !inPlace {
								e.add(unsafe.Pointer(&f.build), sum, []emulatedOperand{out(0, before, want, at), in(1, x, at)}, 0, 0, blocks, int(shift))
							}
							continue
						}
						dst := place(a, "tables", len(want), at, before)
						src := input(a, "codes", at, x)
						if inPlace {
							src = dst
						}
						var got int32
						a.run(func() { got = f.build(&dst[0], &src[0], uintptr(blocks), uintptr(shift)) })
						if i := firstDifference(dst, want); i >= 0 || got != sum {
							t.Fatalf("%d blocks, shift %d, in place %v: table %d, entry %d differs; the sum is %d: want %d", blocks, shift, inPlace, i>>f.group, i&(1<<f.group-1), got, sum)
						}
					}
				}
			}
		}
	})
}

func plainSums(f tablesForm, x []byte, shift uint) (tables []byte, sum int32) {
	for at := 0; at < len(x); at += f.group {
		for n := range 1 << f.group {
			entry := byte(0)
			for i, code := range x[at:][:f.group] {
				if n>>i&1 == 1 {
					entry += code >> shift & 15
				}
			}
			tables = append(tables, entry)
		}
	}
	for _, code := range x {
		sum += int32(code >> shift & 15)
	}
	return tables, sum
}

// TestLUTBounds wants as many steps between widenings as bytes allow.
func TestLUTBounds(t *testing.T) {
	for _, row := range lutRows() {
		f := row.form.(tablesForm)
		if row.kstep%f.group != 0 || f.block%row.kstep != 0 && row.kstep%f.block != 0 || f.tables%lutAlign != 0 {
			t.Errorf("%s: steps of %d codes, tables of %d, made %d codes at a time, after %d bytes", row.name(), row.kstep, f.group, f.block, f.tables)
		}
		for _, pair := range formatsOf(row.takes) {
			step := row.kstep * f.planes * min(pair.Acts.Max(), 15) // all bits set, the largest codes
			if n := f.steps(row, pair.Acts); f.sum > 0 && (f.sum != 255 || n < 1 || n*step > 255 || (n+1)*step <= 255) {
				t.Errorf("%s, %v: %d steps of look-ups up to %d", row.name(), pair, n, step)
			}
			if f.group*min(pair.Acts.Max(), 15) > 255 {
				t.Errorf("%s, %v: a table has sums over 255", row.name(), pair)
			}
		}
	}
}

// TestLUTLong has so many inputs that sums of 16 bits are emptied more than
// once, at their largest and not.
func TestLUTLong(t *testing.T) {
	each(t, lutRows(), func(t *testing.T, row *gemmRow) {
		use(t, row.name())
		rng, a := random(t), newArena(t)
		for _, f := range some(rng, chosen(t, row)) {
			form := row.form.(tablesForm)
			k := 256 * max(1, form.steps(row, f.Acts)) * row.kstep
			for _, k := range []int{k, k + 1, 2*k + 17} {
				for _, p := range []pattern{allMax, uniform} {
					checkGEMM(t, a, rng, gemmCase{f: f, m: 2, n: 2, k: k, wPattern: p, xPat: p, at: ends[rng.IntN(2)]}, row.name())
				}
			}
		}
	})
}

// TestLUTWordsLong is that for the sums of four rows in a word.
func TestLUTWordsLong(t *testing.T) {
	rows := slices.DeleteFunc(slices.Clone(gemmTable), func(r *gemmRow) bool { return !hasForm[wordsForm](r) })
	each(t, rows, func(t *testing.T, row *gemmRow) {
		use(t, row.name())
		rng, a := random(t), newArena(t)
		for _, f := range some(rng, chosen(t, row)) {
			k := 1<<16 - 1
			if f.Acts != S8 {
				k /= f.Acts.Max()
			}
			for _, k := range []int{k &^ 7, k, k + 1, 2*k + 9} {
				checkGEMM(t, a, rng, gemmCase{f: f, m: 5, n: 2, k: k, wPattern: allMax, xPat: allMax, at: ends[rng.IntN(2)]}, row.name())
			}
		}
	})
}

// BenchmarkSubsetSums is the share of a product that making tables takes.
func BenchmarkSubsetSums(b *testing.B) {
	for _, row := range lutRows() {
		f := row.form.(tablesForm)
		b.Run(fmt.Sprintf("impl=%s/k=1024", row.name()), func(b *testing.B) {
			enter(b, row.id())
			n := 1024 / f.block
			x, tables := make([]byte, n*f.block), make([]byte, f.bytes(n*f.block))
			b.SetBytes(int64(len(tables)))
			for b.Loop() {
				f.build(&tables[0], &x[0], uintptr(n), 0)
			}
		})
	}
}
