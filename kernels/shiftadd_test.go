package kernels

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"example.com/lowbit/ref"
)

// shiftAddRows are the rows whose form is columnsForm.
func shiftAddRows() []*gemmRow {
	return slices.DeleteFunc(slices.Clone(gemmTable), func(r *gemmRow) bool { return !hasForm[*columnsForm](r) })
}

// runProgram is what columnsForm.add does, as its stub describes it.
func runProgram(f *columnsForm, sums []int32, columns, program []byte, segments int) {
	take := func(n int) uint32 {
		var v uint32
		for i := range n {
			v |= uint32(program[i]) << (8 * i)
		}
		program = program[n:]
		return v
	}
	for range segments {
		both, odd, at, chunks := uint16(take(4)), uint16(take(4)), take(4), take(4)
		sum := make([]uint16, f.lanes)
		for i := range sum {
			if sum[i] = odd; i%2 == 0 {
				sum[i] = both - odd<<8
			}
		}
		for range chunks {
			mask, e := byte(take(4)), take(4)
			v := make([]byte, f.lanes)
			for range chunkSlots {
				offset := take(2)
				for i := range v {
					v[i] += columns[int(offset)+i]
				}
			}
			for i := range v {
				sum[i] += uint16(v[i]^mask) << e
			}
		}
		for i, s := range sum {
			sums[int(at)/4+placeOfSum(f, i)] += int32(int16(s))
		}
	}
}

// placeOfSum is where the sum of lane i is: as dwords of which a vector has one
// for each four lanes, the first lanes of fours, then the second, and so on.
func placeOfSum(f *columnsForm, i int) int {
	vector, lane := i/f.vector, i%f.vector
	return vector*f.vector + lane%4*(f.vector/4) + lane/4
}

// randomProgram is a program of random segments over some columns whose codes
// are at most maxColumn.
func randomProgram(rng *rand.Rand, f *columnsForm, segments, columns, outputs int) []byte {
	var p []byte
	for range segments {
		var body []byte
		var reach [2]int
		chunks, start := 0, 0
		for limit := 1 + rng.IntN(6); chunks < limit; chunks++ {
			sign, e := rng.IntN(2), rng.IntN(7)
			if reach[sign] += chunkSlots * maxColumn << e; reach[sign] > math.MaxInt16 {
				break
			}
			start -= sign * 255 << e
			body = binary.LittleEndian.AppendUint32(body, -uint32(sign))
			body = binary.LittleEndian.AppendUint32(body, uint32(e))
			for range chunkSlots {
				body = binary.LittleEndian.AppendUint16(body, uint16(f.lanes*rng.IntN(columns)))
			}
		}
		p = binary.LittleEndian.AppendUint32(p, uint32(uint16(start+start<<8))*0x10001)
		p = binary.LittleEndian.AppendUint32(p, uint32(uint16(start))*0x10001)
		p = binary.LittleEndian.AppendUint32(p, uint32(4*f.lanes*rng.IntN(outputs)))
		p = binary.LittleEndian.AppendUint32(p, uint32(chunks))
		p = append(p, body...)
	}
	return p
}

// TestShiftAdd calls the functions of the form by themselves, with operands that
// reach exactly as far as they may read or write.
func TestShiftAdd(t *testing.T) {
	eachKernel(t, shiftAddRows(), func(t *testing.T, row *gemmRow, e *emulation) {
		f := row.form.(*columnsForm)
		rng, a := random(t), newArena(t)
		for segments := 1; segments <= 4+times(8); segments++ {
			at := ends[rng.IntN(2)]
			columns, outputs := 1+rng.IntN(9), 1+rng.IntN(4)
			program := randomProgram(rng, f, segments, columns, outputs)
			x := draw(rng, pattern(rng.IntN(int(patterns))), codes(U8)[:maxColumn+1], columns*f.lanes)
			before := randomSums(rng, outputs*f.lanes)
			want := slices.Clone(before)
			runProgram(f, want, x, program, segments)
			if e != nil {
				e.add(unsafe.Pointer(&f.add), nil, []emulatedOperand{out(0, before, want, at), in(1, x, at), in(2, program, at)}, 0, 0, 0, segments)
				continue
			}
			xs, p, sums := input(a, "columns", at, x), input(a, "program", at, program), place(a, "sums", len(before), at, before)
			a.run(func() { f.add(&sums[0], &xs[0], &p[0], uintptr(segments)) })
			if i := firstDifference(sums, want); i >= 0 {
				t.Fatalf("%d segments: sum %d of output %d: got %d, want %d", segments, i%f.lanes, i/f.lanes, sums[i], want[i])
			}
		}
		for steps := 1; steps <= 3; steps++ {
			at := ends[rng.IntN(2)]
			stride, k := steps*columnsStep+rng.IntN(20), steps*columnsStep
			x := draw(rng, uniform, codes(U8), 31*stride+k)
			before := draw(rng, uniform, codes(U8), (k-1)*f.lanes+32)
			want := slices.Clone(before)
			for l := range k {
				for i := range 32 {
					want[l*f.lanes+i] = x[i*stride+l]
				}
			}
			if e != nil {
				e.add(unsafe.Pointer(&f.transpose), nil, []emulatedOperand{out(0, before, want, at), in(2, x, at)}, 0, f.lanes, 0, stride, steps)
				continue
			}
			xs, columns := input(a, "x", at, x), place(a, "columns", len(before), at, before)
			a.run(func() { f.transpose(&columns[0], uintptr(f.lanes), &xs[0], uintptr(stride), uintptr(steps)) })
			if i := firstDifference(columns, want); i >= 0 {
				t.Fatalf("%d steps: row %d of column %d: got %d, want %d", steps, i%f.lanes, i/f.lanes, columns[i], want[i])
			}
		}
		for groups := 1; groups <= 3 && f.finish != nil; groups++ {
			at, shift := ends[rng.IntN(2)], rng.IntN(3)
			stride := 8*groups + rng.IntN(5)
			sums, bias := randomSums(rng, 8*groups*f.lanes), randomSums(rng, 8*groups)
			before := randomSums(rng, (f.lanes-1)*stride+8*groups)
			want := slices.Clone(before)
			for i := range f.lanes {
				for j := range 8 * groups {
					want[i*stride+j] = bias[j] + sums[j*f.lanes+placeOfSum(f, i)]<<shift
				}
			}
			if e != nil {
				e.add(unsafe.Pointer(&f.finish), nil, []emulatedOperand{out(0, before, want, at), in(2, sums, at), in(3, bias, at)}, 0, 4*stride, 0, 0, shift, groups)
				continue
			}
			s, b, dst := input(a, "sums", at, sums), input(a, "bias", at, bias), place(a, "dst", len(before), at, before)
			a.run(func() { f.finish(&dst[0], uintptr(4*stride), &s[0], &b[0], uintptr(shift), uintptr(groups)) })
			if i := firstDifference(dst, want); i >= 0 {
				t.Fatalf("%d groups: row %d, output %d: got %d, want %d", groups, i/stride, i%stride, dst[i], want[i])
			}
		}
	})
}

// simulatedColumns is a row of the same layout in plain Go.
func simulatedColumns(row *gemmRow) *gemmRow {
	s, f := *row, *row.form.(*columnsForm)
	s.features, s.form = "", &f
	f.transpose = func(dst *byte, dstStride uintptr, x *byte, xStride, blocks uintptr) {
		k, stride := int(blocks)*columnsStep, int(xStride)
		to, from := unsafe.Slice(dst, (k-1)*f.lanes+32), unsafe.Slice(x, 31*stride+k)
		for l := range k {
			for i := range 32 {
				to[l*int(dstStride)+i] = from[i*stride+l]
			}
		}
	}
	f.add = func(sums *int32, columns, program *byte, segments uintptr) {
		length, reach := programExtent(&f, program, int(segments))
		runProgram(&f, unsafe.Slice(sums, s.nr*f.lanes), unsafe.Slice(columns, reach), unsafe.Slice(program, length), int(segments))
	}
	f.finish = nil
	return &s
}

// programExtent is the length of a program and of the columns that it reads.
func programExtent(f *columnsForm, program *byte, segments int) (length, reach int) {
	for range segments {
		chunks := binary.LittleEndian.Uint32((*[4]byte)(unsafe.Add(unsafe.Pointer(program), length+12))[:])
		length += headBytes
		for range chunks {
			for slot := range chunkSlots {
				offset := binary.LittleEndian.Uint16((*[2]byte)(unsafe.Add(unsafe.Pointer(program), length+8+2*slot))[:])
				reach = max(reach, int(offset)+f.lanes)
			}
			length += chunkBytes
		}
	}
	return length, reach
}

// TestSimulatedShiftAdd tests plans on the layouts of all rows everywhere.
func TestSimulatedShiftAdd(t *testing.T) {
	table := gemmTable
	defer func() { gemmTable = table }()
	for _, row := range shiftAddRows() {
		t.Run(row.name(), func(t *testing.T) {
			rng, a := random(t), newArena(t)
			use(t, "auto")
			rows := []*gemmRow{simulatedColumns(row)}
			if len(missing(row.features)) == 0 {
				rows = append(rows, row)
			}
			for _, r := range rows {
				gemmTable = []*gemmRow{r}
				for _, f := range formatsOf(row.takes) {
					for range times(6) {
						checkGEMM(t, a, rng, gemmCase{f: f, m: 1 + rng.IntN(2*row.mr()), n: 1 + rng.IntN(row.nr+9), k: 1 + rng.IntN(100),
							wPattern: pattern(rng.IntN(int(patterns))), xPat: pattern(rng.IntN(int(patterns))), threads: rng.IntN(3), at: ends[rng.IntN(2)]}, row.name())
					}
					checkConv(t, a, rng, convCase{f: f, s: randomConv(rng, 5), images: 1 + rng.IntN(2), threads: rng.IntN(3), at: ends[rng.IntN(2)]}, row.name())
				}
				// Several blocks of inputs, and long segments.
				inputs := row.form.(*columnsForm).inputs
				for _, k := range []int{inputs, inputs + 1, 3*inputs - 1} {
					checkGEMM(t, a, rng, gemmCase{f: Formats{Pow2x4, U4}, m: row.mr() + 3, n: 3, k: k, xPat: pattern(rng.IntN(int(patterns)))}, row.name())
					checkGEMM(t, a, rng, gemmCase{f: Formats{Pow2x4, U4}, m: row.mr(), n: 9, k: k, wPattern: pattern(rng.IntN(int(patterns))), xPat: allMax}, row.name())
				}
			}
		})
	}
}

// TestShiftAddSegments goes to the largest sum of a segment and one step
// beyond.
func TestShiftAddSegments(t *testing.T) {
	for _, row := range shiftAddRows() {
		f := row.form.(*columnsForm)
		for sign := range 2 {
			for beyond := range 2 {
				// 73·64 + 8 + 1 = 4681 is 32767 with u3.
				w := slices.Repeat([]int8{64}, 73)
				w = append(w, 8, int8(1+beyond))
				if sign == 1 {
					for i := range w {
						w[i] = -w[i]
					}
				}
				b := builder{lanes: f.lanes, amax: U3.Max()}
				b.add(w, 0)
				if len(b.list) != 1+beyond {
					t.Errorf("%s: sum %d with u3: %d segments", row.name(), 4681+beyond, len(b.list))
				}
				for _, s := range b.list {
					if max(s.reach[0], s.reach[1]) > math.MaxInt16 {
						t.Errorf("%s: a segment reaches %v", row.name(), s.reach)
					}
				}
				if len(missing(row.features)) > 0 {
					continue
				}
				use(t, row.name())
				p := &product{row: row, n: 1, k: len(w), bias: make([]int32, row.nr)}
				f.pack(p, Weights{Pow2x4, 1, len(w), w}, U3)
				s := &scratch{x: make([]byte, p.block*p.stride+gatherSlack), tile: make([]int32, f.lanes*row.nr)}
				x := slices.Repeat([]uint8{7}, f.lanes*len(w))
				got, want := make([]int32, f.lanes), make([]int32, f.lanes)
				columns, _ := f.prepare(p, s, &matrix{x, len(w)}, 0, f.lanes)
				f.compute(p, s, got, columns, 0, f.lanes, 0, 1)
				ref.GEMM(want, values(U3, x), w, f.lanes, 1, len(w))
				if !slices.Equal(got, want) {
					t.Errorf("%s: sum %d with u3: got %d, want %d", row.name(), 4681+beyond, got, want[0])
				}
			}
		}
	}
}

// TestHalve compares the number of chunks with all ways to move what does not
// fill one, and with the programs that are made.
func TestHalve(t *testing.T) {
	rng := random(t)
	count := func(counts [exponents]int, down int) int {
		chunks := 0
		for e := exponents - 1; e >= 0; e-- {
			if rest := counts[e] % chunkSlots; e > 0 && down>>e&1 == 1 {
				counts[e] -= rest
				counts[e-1] += 2 * rest
			}
			chunks += ceilDiv(counts[e], chunkSlots)
		}
		return chunks
	}
	f := &columnsForm{lanes: 64, inputs: 384}
	for range times(500) {
		var counts [exponents]int
		var w []int8
		for e := range counts {
			counts[e] = rng.IntN(1 + rng.IntN(30))
			for range counts[e] {
				w = append(w, int8(1)<<e)
			}
		}
		best := math.MaxInt
		for down := range 1 << exponents {
			best = min(best, count(counts, down))
		}
		chunks, down := halve(counts)
		bits := 0
		for e, d := range down {
			if d {
				bits |= 1 << e
			}
		}
		if chunks != best || count(counts, bits) != best {
			t.Fatalf("%v: %d chunks, %d by moving %v: want %d", counts, chunks, count(counts, bits), down, best)
		}
		if len(w) == 0 {
			continue
		}
		rng.Shuffle(len(w), func(i, j int) { w[i], w[j] = w[j], w[i] })
		b := builder{lanes: f.lanes, amax: U4.Max()}
		b.add(w, 0)
		made := len(b.chunks) / chunkBytes
		if work := f.work(nil, Weights{Pow2x4, 1, len(w), w}, U4); made != chunks || work != chunks*chunkSlots {
			t.Fatalf("%v: %d chunks in the program and %d slots of work: want %d chunks", counts, made, work, chunks)
		}
	}
}

// TestShiftAddBytes wants no memory behind a program that PackedBytes does not
// count: with large codes there are more segments than outputs and blocks.
func TestShiftAddBytes(t *testing.T) {
	for _, row := range shiftAddRows() {
		if len(missing(row.features)) > 0 {
			continue
		}
		use(t, row.name())
		for _, f := range []Formats{{Pow2x4, U4}, {Ternary, U1}} {
			g, err := NewGEMM(weights(random(t), f.Weights, uniform, 40, 1000), f.Acts, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if held := cap(g.packed) + 4*cap(g.bias); g.PackedBytes() != held {
				t.Errorf("%s, %v: PackedBytes is %d: the plan holds %d", row.name(), f, g.PackedBytes(), held)
			}
		}
	}
}

// TestShiftAddRows wants offsets of columns that programs can hold.
func TestShiftAddRows(t *testing.T) {
	for _, row := range shiftAddRows() {
		f := row.form.(*columnsForm)
		if f.inputs%columnsStep != 0 || f.inputs*f.lanes > math.MaxUint16 || f.lanes%32 != 0 {
			t.Errorf("%s: columns of %d rows, %d inputs at a time: want whole steps of %d, and the last to be at up to %d", row.name(), f.lanes, f.inputs, columnsStep, math.MaxUint16)
		}
	}
}
