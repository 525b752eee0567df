package kernels

import (
	"slices"
	"testing"
)

// TestUnpack calls what unpacks panels by itself, with operands that reach exactly as
// far as it may read or write. TestTiles has the tiles that read what it wrote.
func TestUnpack(t *testing.T) {
	rows := slices.DeleteFunc(slices.Clone(gemmTable), func(r *gemmRow) bool { return r.unpacker == nil || !hasForm[codesForm](r) })
	each(t, rows, func(t *testing.T, row *gemmRow) {
		rng, a, u := random(t), newArena(t), row.unpacker
		if len(u.tiles) != len(row.tiles) || u.least < 1 || row.kstep%u.steps != 0 || u.times*row.bits != 8 {
			t.Fatalf("%d tiles of unpacked panels for %d, %d steps for one of %d inputs, %d bytes for one of %d-bit weights, from %d tiles on",
				len(u.tiles), len(row.tiles), u.steps, row.kstep, u.times, row.bits, u.least)
		}
		perRun := row.run * u.times
		list := formatsOf(row.takes)
		for _, steps := range some(rng, around(70, 4)) {
			for _, at := range ends {
				w := weights(rng, list[rng.IntN(len(list))].Weights, uniform, row.nr, steps*row.kstep).Values
				var packed []byte
				want := make([]byte, len(w))
				for i := range want {
					want[i] = byte(w[i])
				}
				for rest := w; len(rest) > 0; rest = rest[perRun:] {
					packed = append(packed, packedRun(rest[:perRun], row.run, row.bits)...)
				}
				in, out := input(a, "w", at, packed), place[byte](a, "dst", len(want), at, nil)
				a.run(func() { u.unpack(&out[0], &in[0], uintptr(len(in))) })
				if i := firstDifference(out, want); i >= 0 {
					t.Fatalf("%d steps: byte %d is %d: want %d", steps, i, out[i], want[i])
				}
			}
		}
	})
}

// TestUnpackedGEMM has blocks of one tile less than it takes to unpack panels, of as
// many, and of more, for as many inputs as leave room for them in a block and for more.
func TestUnpackedGEMM(t *testing.T) {
	rows := slices.DeleteFunc(slices.Clone(gemmTable), func(r *gemmRow) bool { return r.unpacker == nil })
	each(t, rows, func(t *testing.T, row *gemmRow) {
		use(t, row.name())
		rng, a := random(t), newArena(t)
		list := chosen(t, row)
		most, inputs := row.unpacker.least*row.mr(), 3*row.kstep
		if hasForm[codesForm](row) {
			inputs = cacheL2 / most / row.kstep * row.kstep
		}
		for _, m := range []int{most - row.mr(), most, most + 1} {
			for _, k := range []int{2*row.kstep - 1, inputs, inputs + row.kstep} {
				c := gemmCase{f: list[rng.IntN(len(list))], m: m, n: row.nr + 1, k: k, threads: rng.IntN(3), at: ends[rng.IntN(2)]}
				checkGEMM(t, a, rng, c, row.name())
				g, _ := planGEMM(t, a, rng, c, row.name())
				if unpacks := g.unpackedPanel() > 0; hasForm[codesForm](row) && unpacks != (k <= inputs) {
					t.Errorf("K = %d: panels are unpacked: %v", k, unpacks)
				}
			}
		}
	})
}
