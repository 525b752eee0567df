package kernels

import (
	"slices"
	"testing"

	"example.com/lowbit/ref"
)

// convLUTRows are the rows that look up.
func convLUTRows() []*convInt16Row {
	return slices.DeleteFunc(slices.Clone(convInt16Table), func(r *convInt16Row) bool { return r.lut == nil })
}

// TestConvLUTTiles calls every tile by itself: with any tables, places and indices, at
// the ends of pages, in blocks that end anywhere.
func TestConvLUTTiles(t *testing.T) {
	each(t, convLUTRows(), func(t *testing.T, row *convInt16Row) {
		rng, a := random(t), newArena(t)
		for i := range row.lut.kernels {
			k := &row.lut.kernels[i]
			for pixels := 1; pixels < len(k.tiles); pixels++ {
				for range times(12) {
					end := ends[rng.IntN(2)]
					groups, steps := 1+rng.IntN(3), 1+rng.IntN(9)
					block := 1 + rng.IntN(steps+2)
					// Sums of a block must fit into bytes, from 128 on if of one plane.
					most := max(1, 255/(min(block, steps)*k.tables()*k.planes))
					window := steps * k.tables() * convLUTTable
					tables := make([]byte, 3*window)
					for i := range tables {
						tables[i] = byte(rng.IntN(most))
						if k.planes == 1 {
							tables[i] -= byte(most / 2)
						}
					}
					at, places := make([]uintptr, groups*pixels), make([]uintptr, steps)
					for i := range at {
						at[i] = uintptr(rng.IntN(window + 1))
					}
					for i := range places {
						places[i] = uintptr(rng.IntN(2*window - k.tables()*convLUTTable + 1))
					}
					at[0], places[0] = uintptr(window), uintptr(2*window-k.tables()*convLUTTable)
					w, minus := make([]byte, steps*k.stepBytes()), make([]int16, k.outputs)
					for i := range w {
						w[i] = byte(rng.IntN(16))
					}
					for i := range minus {
						minus[i] = int16(rng.Uint32())
					}
					stride := k.outputs + rng.IntN(20)
					old := make([]int16, (len(at)-1)*stride+k.outputs)
					for i := range old {
						old[i] = int16(rng.Uint32())
					}
					want := slices.Clone(old)
					for i := range at {
						for n := range k.outputs {
							sum := -int(minus[n])
							if k.planes == 1 {
								sum += 128 * k.lanes() * ceilDiv(steps, block)
							}
							for step, offset := range places {
								for table := range k.tables() {
									entries := tables[int(at[i]+offset)+table*convLUTTable:]
									index := func(plane int) byte { return w[step*k.stepBytes()+k.place(n, table, plane)] }
									if k.planes == 1 {
										sum += int(int8(entries[index(0)]))
									} else {
										sum += int(entries[index(0)]) - int(entries[index(1)])
									}
								}
							}
							want[i*stride+n] = int16(sum)
						}
					}
					dst, in, ws := place(a, "dst", len(old), end.aligned(2), old), input(a, "tables", end, tables), input(a, "w", end, w)
					ats, ps, mi := input(a, "at", end, at), input(a, "places", end, places), input(a, "minus", end, minus)
					a.run(func() {
						k.tiles[pixels](&dst[0], uintptr(2*stride), &in[0], &ats[0], uintptr(groups), &ws[0], &ps[0], uintptr(steps), uintptr(block), &mi[0])
					})
					if i := firstDifference(dst, want); i >= 0 {
						t.Fatalf("%d planes, %d outputs, %d pixels, %d steps by %d: sum %d of pixel %d: got %d, want %d", k.planes, k.outputs, pixels, steps, block, i%stride, i/stride, dst[i], want[i])
					}
				}
			}
		}
	})
}

// TestConvLUTTables compares tables with sums, and indices with their nibbles.
func TestConvLUTTables(t *testing.T) {
	each(t, convLUTRows(), func(t *testing.T, row *convInt16Row) {
		rng, a := random(t), newArena(t)
		for _, blocks := range []int{1, 2, 7} {
			for _, end := range ends {
				for _, signs := range [][]int8{convLUTSigns[1][:], convLUTSigns[2][:]} {
					x := draw(rng, uniform, codes(U4), blocks*convLUTBlock)
					want := make([]byte, len(x)/convLUTCodes*convLUTTable)
					for i := range want {
						for k, code := range x[i/convLUTTable*convLUTCodes:][:convLUTCodes] {
							want[i] += code * byte(signs[i%convLUTTable>>k&1])
						}
					}
					in, sign, dst := input(a, "x", end, x), input(a, "signs", end, signs), place[byte](a, "dst", len(want), end, nil)
					a.run(func() { row.lut.tables(&dst[0], &in[0], uintptr(blocks), &sign[0]) })
					if i := firstDifference(dst, want); i >= 0 {
						t.Fatalf("%d blocks, signs %v: entry %d: got %d, want %d", blocks, signs, i, dst[i], want[i])
					}
				}
				w := draw(rng, uniform, codes(U8), blocks*32)
				want := make([]byte, 2*len(w))
				for i := range want {
					want[i] = w[i/64*32+i%32] >> (i % 64 / 32 * 4) & 15
				}
				in, dst := input(a, "w", end, w), place[byte](a, "dst", len(want), end, nil)
				a.run(func() { row.lut.unpack(&dst[0], &in[0], uintptr(len(in))) })
				if i := firstDifference(dst, want); i >= 0 {
					t.Fatalf("%d blocks: index %d: got %d, want %d", blocks, i, dst[i], want[i])
				}
			}
		}
	})
}

// TestConvLUTBlocks has weights that reach the ends of bytes, with the largest codes,
// and wants blocks as long as they then may be.
func TestConvLUTBlocks(t *testing.T) {
	each(t, convLUTRows(), func(t *testing.T, row *convInt16Row) {
		use(t, row.name())
		for _, c := range []struct {
			f       Formats
			outputs int
			level   func(k int) int8
			steps   int // of a block
		}{
			{Formats{Binary, U1}, 64, func(int) int8 { return 1 }, 12}, // at most 15, as 15*8 <= 127, of 48
			{Formats{Binary, U1}, 64, func(int) int8 { return -1 }, 12},
			{Formats{Binary, U1}, 64, func(k int) int8 { return int8(k%2*2 - 1) }, 24}, // at most 31
			{Formats{Binary, U4}, 32, func(int) int8 { return 1 }, 1},
			{Formats{Binary, Sign}, 16, func(int) int8 { return -1 }, 6}, // at most 7, of 24
			{Formats{Ternary, U2}, 32, func(int) int8 { return 1 }, 10},  // 10*24 <= 255
			{Formats{Ternary, U2}, 32, func(int) int8 { return -1 }, 10},
			{Formats{Ternary, U2}, 32, func(k int) int8 { return int8(k%2*2 - 1) }, 16}, // at most 21
			{Formats{Ternary, U4}, 16, func(int) int8 { return -1 }, 2},
		} {
			s := ConvShape{H: 2, W: 3, InC: 384, OutC: c.outputs, KH: 1, KW: 1, StrideH: 1, StrideW: 1}
			w := Weights{Format: c.f.Weights, N: s.OutC, K: s.K(), Values: make([]int8, s.OutC*s.K())}
			for i := range w.Values {
				w.Values[i] = c.level(i)
			}
			p, err := NewConv2DInt16(w, s, c.f.Acts, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if p.lut.kernel.outputs != c.outputs || p.lut.block != c.steps {
				t.Errorf("%v: %d outputs at a time, blocks of %d steps of %d: want %d and %d", c.f, p.lut.kernel.outputs, p.lut.block, p.steps, c.outputs, c.steps)
			}
			for _, pat := range []pattern{uniform, allMax} {
				x := draw(random(t), pat, codes(c.f.Acts), s.H*s.W*s.InC)
				want, dst := make([]int32, s.H*s.W*s.OutC), make([]int16, s.H*s.W*s.OutC)
				ref.Conv2D(want, values(c.f.Acts, x), w.Values, ref.ConvShape(s), zeroValue(c.f.Acts))
				p.Run(dst, x, 1)
				for i := range want {
					if int32(dst[i]) != want[i] {
						t.Fatalf("%v: sum %d: got %d, want %d", c.f, i, dst[i], want[i])
					}
				}
			}
		}
	})
}

// TestConvLUTChoice wants layers of few bits to look up, but for those of too few
// channels.
func TestConvLUTChoice(t *testing.T) {
	for _, row := range convLUTRows() {
		if len(missing(row.features)) > 0 {
			continue
		}
		use(t, row.isa)
		for _, c := range []struct {
			channels int
			f        Formats
			lut      bool
		}{{3, Formats{Ternary, U2}, false}, {16, Formats{Ternary, U2}, true}, {16, Formats{Binary, Sign}, true}, {64, Formats{Ternary, U1}, true}, {256, Formats{Binary, U1}, true}, {64, Formats{Pow2x3, U2}, false}, {16, Formats{Binary, U8}, false}} {
			s := ConvShape{H: 16, W: 16, InC: c.channels, OutC: max(16, c.channels), KH: 3, KW: 3, StrideH: 1, StrideW: 1, PadH: 1, PadW: 1}
			p, err := NewConv2DInt16(weights(random(t), c.f.Weights, uniform, s.OutC, s.K()), s, c.f.Acts, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got := p.Kernel() == row.name(); got != c.lut {
				t.Errorf("%d channels of %v: %s", c.channels, c.f, p.Kernel())
			}
		}
	}
}
