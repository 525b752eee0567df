package kernels

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"
)

// A tileCase is one call of an integer tile.
type tileCase struct {
	rows, steps    int
	formats        Formats
	wPattern, xPat pattern
	xGap, dstGap   int // bytes, and sums, between rows
	shift          uint
	at             spot
}

// TestTiles calls every integer tile that reads codes or bits by itself, with
// operands that reach exactly as far as the tile may read or write. The tiles of
// other forms have tests of their own.
func TestTiles(t *testing.T) {
	rows := slices.DeleteFunc(withUnpacked(gemmTable), func(r *gemmRow) bool { return !hasForm[codesForm](r) && !hasForm[bitsForm](r) })
	eachKernel(t, rows, func(t *testing.T, row *gemmRow, e *emulation) {
		if len(row.tiles) < 2 || row.tiles[0] != nil {
			t.Fatalf("the row has %d tiles: want none for 0 rows, then one for each number of rows", len(row.tiles))
		}
		rng, a := random(t), newArena(t)
		list := formatsOf(row.takes)
		// A few steps of every tile at both ends of the pages, where the first
		// byte too far or too early faults.
		for rows := 1; rows <= row.mr(); rows++ {
			for _, steps := range []int{1, 2, 3} {
				for _, at := range ends {
					checkTile(t, a, e, rng, row, tileCase{rows: rows, steps: steps, formats: list[rng.IntN(len(list))], dstGap: rng.IntN(20), shift: 1, at: at})
				}
			}
		}
		for rows := 1; rows <= row.mr(); rows++ {
			// The steps run through the places where sums of bytes or 16 bits are widened.
			for _, steps := range some(rng, around(70, 4, 16, 30, 32)) {
				for _, f := range few(rng, e, some(rng, list)) {
					for range times(2) {
						c := tileCase{rows: rows, steps: steps, formats: f, wPattern: pattern(rng.IntN(int(patterns))), xPat: pattern(rng.IntN(int(patterns))),
							xGap: rng.IntN(3) * rng.IntN(70), dstGap: rng.IntN(2) * rng.IntN(20), shift: uint(rng.IntN(4)), at: spot{rng.IntN(2) == 0, rng.IntN(2) * rng.IntN(64)}}
						checkTile(t, a, e, rng, row, c)
					}
				}
			}
		}
		// The worst sums there are, for long enough that any narrow sum overflows.
		for _, f := range list {
			for _, wp := range some(rng, []pattern{allMax, alternating, pairs, allMin}) {
				steps := []int{16, 17, 129, 257}[rng.IntN(4)]
				if wp == allMax && scale() == 1 && e == nil {
					steps = 1030
				}
				checkTile(t, a, e, rng, row, tileCase{rows: 1 + rng.IntN(row.mr()), steps: steps, formats: f, wPattern: wp, xPat: allMax, at: ends[rng.IntN(2)]})
			}
		}
	})
}

// withUnpacked adds, for rows that unpack weights, rows of the tiles that read them then.
func withUnpacked(rows []*gemmRow) []*gemmRow {
	var more []*gemmRow
	for _, r := range rows {
		if u := r.unpacker; u != nil && hasForm[codesForm](r) {
			wide := *r
			wide.bits, wide.kstep, wide.tiles, wide.unpacker, wide.gemv = 8, r.kstep/u.steps, u.tiles, nil, nil
			more = append(more, &wide)
		}
	}
	return slices.Concat(rows, more)
}

func checkTile(t *testing.T, a *arena, e *emulation, rng *rand.Rand, row *gemmRow, c tileCase) {
	t.Helper()
	if hasForm[bitsForm](row) {
		checkPopcountTile(t, a, e, rng, row, c)
		return
	}
	k := c.steps * row.kstep
	w := weights(rng, c.formats.Weights, c.wPattern, row.nr, k).Values
	stride := k + c.xGap
	// What lies between rows is poison that must not matter.
	xs := draw(rng, uniform, codes(U8), (c.rows-1)*stride+k)
	for i := range c.rows {
		copy(xs[i*stride:], prepared(row, c.formats.Acts, draw(rng, c.xPat, codes(c.formats.Acts), k)))
	}
	// Inputs whose weights are zero hold anything: a row that ends early.
	if pad := rng.IntN(row.kstep); pad > 0 && c.wPattern == uniform {
		for i := range c.rows {
			copy(xs[i*stride+k-pad:], draw(rng, edges, codes(U8), pad))
		}
		for j := range row.nr {
			clear(w[(j+1)*k-pad : (j+1)*k])
		}
	}
	bias := randomSums(rng, row.nr)
	runTile(t, a, e, rng, row, c, xs, stride, panelOf(row, w, c.steps), bias, func(i, j int) int32 {
		var sum int32
		for l := range k {
			sum += codeRead(row, xs[i*stride+l]) * int32(w[j*k+l])
		}
		return bias[j] + sum<<c.shift
	})
}

// codeRead is what a muladd tile takes a byte of activations for.
func codeRead(row *gemmRow, x uint8) int32 {
	if row.form.(codesForm).signed {
		return int32(int8(x))
	}
	return int32(x)
}

// prepared replaces codes of a format by what a muladd tile reads for them.
func prepared(row *gemmRow, a ActFormat, x []uint8) []uint8 {
	signed := row.form.(codesForm).signed
	for i := range x {
		if a == S8 && !signed || a == U8 && signed {
			x[i] ^= 0x80
		}
	}
	return x
}

func checkPopcountTile(t *testing.T, a *arena, e *emulation, rng *rand.Rand, row *gemmRow, c tileCase) {
	t.Helper()
	if row.kstep != 64 {
		t.Fatalf("a popcount step is %d inputs: want 64", row.kstep)
	}
	stride := c.steps + c.xGap/8
	x, w := randomWords(rng, c.xPat, (c.rows-1)*stride+c.steps), randomWords(rng, c.wPattern, row.nr*c.steps)
	panel := make([]byte, 8*len(w))
	for j := range row.nr {
		for s := range c.steps {
			var word [8]byte
			binary.NativeEndian.PutUint64(word[:], w[j*c.steps+s])
			for b, v := range word {
				panel[placeOfByte(row, j, 8*s+b, c.steps)] = v
			}
		}
	}
	bias := randomSums(rng, row.nr)
	c.at = c.at.aligned(8)
	runTile(t, a, e, rng, row, c, bytesOf(x), 8*stride, panel, bias, func(i, j int) int32 {
		var sum int32
		for s := range c.steps {
			sum += int32(bits.OnesCount64(x[i*stride+s] ^ w[j*c.steps+s]))
		}
		return bias[j] - sum<<c.shift
	})
}

// placeOfByte is the place in a popcount panel of the inputs 8b to 8b+7 of output
// j: written apart from the packing that plans use.
func placeOfByte(row *gemmRow, j, b, steps int) int {
	step := b / 8 * 8 * row.nr
	switch row.group {
	case 0:
		return step + 8*j + b%8
	case 128:
		// Vectors of 16 bytes, which a first word that has no other fills by half.
		half := steps % 2 * 8
		if b < half {
			return 8*j + b
		}
		vector := (b - half) / 16
		return half*row.nr + (vector*row.nr+j)*16 + (b-half)%16
	}
	// [8][nr/run][run/4][4]: the outputs of a vector are in four columns.
	lines := row.run / 4
	vector, column, line := j/row.run, j%row.run/lines, j%lines
	return step + ((b%8*row.nr/row.run+vector)*lines+line)*4 + column
}

// runTile calls the tile on the CPU or records the call for the emulator.
func runTile(t *testing.T, a *arena, e *emulation, rng *rand.Rand, row *gemmRow, c tileCase, x []byte, xStride int, panel []byte, bias []int32, want func(i, j int) int32) {
	t.Helper()
	stride := row.nr + c.dstGap
	before := randomSums(rng, (c.rows-1)*stride+row.nr)
	after := slices.Clone(before)
	for i := range c.rows {
		for j := range row.nr {
			after[i*stride+j] = want(i, j)
		}
	}
	if e != nil {
		e.add(unsafe.Pointer(&row.tiles[c.rows]), nil, []emulatedOperand{out(0, before, after, c.at), in(2, x, c.at), in(4, panel, c.at), in(6, bias, c.at)},
			0, 4*stride, 0, xStride, 0, c.steps, 0, int(c.shift))
		return
	}
	xs, w, b := input(a, "x", c.at, x), input(a, "w", c.at, panel), input(a, "bias", c.at, bias)
	dst := place(a, "dst", len(before), c.at, before)
	a.run(func() {
		row.tiles[c.rows](&dst[0], uintptr(stride)*4, &xs[0], uintptr(xStride), &w[0], uintptr(c.steps), &b[0], uintptr(c.shift))
	})
	if i := firstDifference(dst, after); i >= 0 {
		t.Fatalf("%+v: row %d, output %d (of %d, then the gap): got %d, want %d", c, i/stride, i%stride, row.nr, dst[i], after[i])
	}
}

func randomSums(rng *rand.Rand, n int) []int32 {
	s := make([]int32, n)
	for i := range s {
		s[i] = int32(rng.Uint32()) >> rng.IntN(32)
	}
	return s
}

func randomWords(rng *rand.Rand, p pattern, n int) []uint64 {
	s := make([]uint64, n)
	for i := range s {
		switch p {
		case allMax:
			s[i] = 1<<64 - 1
		case allMin:
		case alternating:
			s[i] = 0x5555555555555555
		case sparse:
			s[i] = 1 << rng.IntN(64)
		default:
			s[i] = rng.Uint64()
		}
	}
	return s
}

// panelOf packs w[nr][steps*kstep] for a muladd tile: written from the
// description of the layout, apart from the packing that plans use.
func panelOf(row *gemmRow, w []int8, steps int) []byte {
	k, perRun := steps*row.kstep, row.run*8/row.bits
	var panel []byte
	for s := range steps {
		var step []int8 // [kstep/group][nr][group]
		for g := 0; g < row.kstep; g += row.group {
			for j := range row.nr {
				step = append(step, w[j*k+s*row.kstep+g:][:row.group]...)
			}
		}
		for len(step) > 0 {
			panel = append(panel, packedRun(step[:perRun], row.run, row.bits)...)
			step = step[perRun:]
		}
	}
	return panel
}

// packedRun packs the elements of one run: field f of byte i is element
// f*run+i.
func packedRun(elements []int8, run, bits int) []byte {
	out := make([]byte, run)
	for i := range out {
		for f := range 8 / bits {
			out[i] |= packedCodes[bits][byte(elements[f*run+i])] << (f * bits)
		}
	}
	return out
}

// packedCodes are the codes of the weights that a packed weight of so many
// bits can be, by the weight's bits as a byte.
var packedCodes = func() (codes [9][256]byte) {
	for v := range 256 {
		codes[8][v] = byte(v)
	}
	for e := range 7 {
		v := int8(1) << e
		codes[4][byte(v)], codes[4][byte(-v)] = byte(e+1), byte(e+1)|8
	}
	codes[2][1], codes[2][255] = 1, 3
	return codes
}()
