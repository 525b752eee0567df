package kernels

import (
	"math/bits"
	"slices"
	"testing"
	"unsafe"
)

// The packing of weights and the loop over tiles depend on a row's layout, of
// which some are those of kernels that this CPU cannot run. Here every row's
// tiles are replaced by plain Go that reads panels as the tiles do: so plans
// are tested on all layouts everywhere.

// simulated is a row of the same layout that needs no CPU feature.
func simulated(row *gemmRow) *gemmRow {
	s := *row
	s.features = ""
	s.tiles = make([]tileFunc, len(row.tiles))
	for rows := 1; rows < len(row.tiles); rows++ {
		s.tiles[rows] = func(dst *int32, dstStride uintptr, x *byte, xStride uintptr, w *byte, steps uintptr, bias *int32, shift uintptr) {
			n := int(steps)
			panel := unsafe.Slice(w, n*row.nr*row.kstep*row.bits/8)
			biases := unsafe.Slice(bias, row.nr)
			for i := range rows {
				d := unsafe.Slice((*int32)(unsafe.Add(unsafe.Pointer(dst), uintptr(i)*dstStride)), row.nr)
				xs := unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(x), uintptr(i)*xStride)), xBytes(row, n))
				for j := range d {
					d[j] = biases[j] + simulatedSum(row, xs, panel, n, j)<<shift
				}
			}
		}
	}
	if row.unpacker != nil {
		// What unpacking does: the vectors of a run one behind the other.
		u, wide := *row.unpacker, *row
		wide.bits, wide.kstep, wide.unpacker, wide.gemv = 8, row.kstep/u.steps, nil, nil
		u.tiles = simulated(&wide).tiles
		u.unpack = func(dst, w *byte, bytes uintptr) {
			out, in := unsafe.Slice(dst, int(bytes)*u.times), unsafe.Slice(w, bytes)
			perRun := row.run * u.times
			for i := range out {
				code := in[i/perRun*row.run+i%row.run] >> (i % perRun / row.run * row.bits) & byte(1<<row.bits-1)
				out[i] = byte(codeValue(code, row.bits))
			}
		}
		s.unpacker = &u
	}
	if row.gemv != nil {
		s.gemv = func(dst *int32, x, w *byte, panel, steps uintptr, bias *int32, shift uintptr) {
			for p := range uintptr(gemvPanels) {
				at := p * uintptr(row.nr) * 4
				s.tiles[1]((*int32)(unsafe.Add(unsafe.Pointer(dst), at)), 0, x, 0, (*byte)(unsafe.Add(unsafe.Pointer(w), p*panel)), steps, (*int32)(unsafe.Add(unsafe.Pointer(bias), at)), shift)
			}
		}
	}
	return &s
}

// xBytes is how many bytes of a row a tile reads.
func xBytes(row *gemmRow, steps int) int {
	if hasForm[bitsForm](row) {
		return 8 * steps
	}
	return steps * row.kstep
}

// simulatedSum is the sum of output j, negative for popcount.
func simulatedSum(row *gemmRow, x, panel []byte, steps, j int) int32 {
	var sum int32
	for s := range steps {
		if hasForm[bitsForm](row) {
			for b := range 8 {
				sum -= int32(bits.OnesCount8(x[8*s+b] ^ panel[placeOfByte(row, j, 8*s+b, steps)]))
			}
			continue
		}
		step := panel[s*row.nr*row.kstep*row.bits/8:]
		for k := range row.kstep {
			e := (k/row.group*row.nr+j)*row.group + k%row.group // the place in the step
			perRun := row.run * 8 / row.bits
			field, at := e%perRun/row.run, e/perRun*row.run+e%row.run
			code := step[at] >> (field * row.bits) & byte(1<<row.bits-1)
			sum += codeRead(row, x[s*row.kstep+k]) * int32(codeValue(code, row.bits))
		}
	}
	return sum
}

// codeValue is the weight that a packed code stands for.
func codeValue(code byte, bits int) int8 {
	for v, c := range packedCodes[bits] {
		if c == code && (c != 0 || v == 0) {
			return int8(v)
		}
	}
	panic("no such code")
}

func TestSimulatedPlans(t *testing.T) {
	table := gemmTable
	defer func() { gemmTable = table }()
	for _, row := range table {
		if !hasForm[codesForm](row) && !hasForm[bitsForm](row) {
			continue // its own tests have another way
		}
		t.Run(row.name(), func(t *testing.T) {
			gemmTable = []*gemmRow{simulated(row)}
			use(t, "auto")
			rng, a := random(t), newArena(t)
			for _, f := range formatsOf(row.takes) {
				for range times(6) {
					checkGEMM(t, a, rng, gemmCase{f: f, m: 1 + rng.IntN(4*row.mr()), n: 1 + rng.IntN(2*row.nr+1), k: 1 + rng.IntN(3*row.kstep),
						wPattern: pattern(rng.IntN(int(patterns))), xPat: pattern(rng.IntN(int(patterns))), threads: rng.IntN(3), at: ends[rng.IntN(2)]}, row.name())
				}
				checkGEMM(t, a, rng, gemmCase{f: f, m: 1, n: gemvPanels*row.nr + rng.IntN(row.nr), k: 1 + rng.IntN(3*row.kstep), at: ends[rng.IntN(2)]}, row.name())
				checkConv(t, a, rng, convCase{f: f, s: randomConv(rng, 5), images: 1 + rng.IntN(2), threads: rng.IntN(3), at: ends[rng.IntN(2)]}, row.name())
			}
		})
	}
}

func TestSimulatedFloat32Plans(t *testing.T) {
	table := f32Table
	defer func() { f32Table = table; resolve() }()
	for _, row := range table {
		t.Run(row.name(), func(t *testing.T) {
			s := *row
			s.features, s.gemv = "", nil
			if !slices.Contains(Features(), "AVX") {
				s.packRows, s.packColumns = nil, nil
			}
			s.tiles = make([]f32Tile, len(row.tiles))
			for rows := 1; rows < len(row.tiles); rows++ {
				s.tiles[rows] = func(c *float32, cStride uintptr, a *float32, aRow, aCol uintptr, b *float32, k, add uintptr) {
					panel := unsafe.Slice(b, int(k)*row.nr)
					for i := range uintptr(rows) {
						out := unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(c), i*cStride)), row.nr)
						for j := range out {
							if add == 0 {
								out[j] = 0
							}
							for l := range k {
								out[j] += *(*float32)(unsafe.Add(unsafe.Pointer(a), i*aRow+l*aCol)) * panel[int(l)*row.nr+j]
							}
						}
					}
				}
			}
			f32Table = []*f32Row{&s}
			use(t, "auto")
			rng, a := random(t), newArena(t)
			for range times(60) {
				checkMatMul(t, a, rng, 1+rng.IntN(3*row.mr()), 1+rng.IntN(3*row.nr), 1+rng.IntN(50), rng.IntN(5), rng.IntN(5), rng.IntN(2), rng.IntN(2) == 0)
			}
		})
	}
}
