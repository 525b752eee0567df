package kernels

import (
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"
)

// TestGEMVKernels calls the functions for one row and several panels by
// themselves, with operands that reach exactly as far as they may read or write.
func TestGEMVKernels(t *testing.T) {
	rows := slices.DeleteFunc(slices.Clone(gemmTable), func(r *gemmRow) bool { return r.gemv == nil || !hasForm[codesForm](r) })
	eachKernel(t, rows, func(t *testing.T, row *gemmRow, e *emulation) {
		rng, a := random(t), newArena(t)
		list := formatsOf(row.takes)
		for _, steps := range some(rng, around(70, 4, 16, 32)) {
			for _, f := range few(rng, e, some(rng, list)) {
				checkGEMVKernel(t, a, e, rng, row, f, steps, pattern(rng.IntN(int(patterns))), pattern(rng.IntN(int(patterns))))
			}
		}
		for _, f := range list { // the worst sums there are
			checkGEMVKernel(t, a, e, rng, row, f, 257, allMax, allMax)
		}
	})
}

func checkGEMVKernel(t *testing.T, a *arena, e *emulation, rng *rand.Rand, row *gemmRow, f Formats, steps int, wp, xp pattern) {
	t.Helper()
	at, shift, k := spot{rng.IntN(2) == 0, rng.IntN(2) * rng.IntN(64)}, rng.IntN(4), steps*row.kstep
	x := prepared(row, f.Acts, draw(rng, xp, codes(f.Acts), k))
	bias := randomSums(rng, gemvPanels*row.nr)
	want := slices.Clone(bias)
	var panels []byte
	length := steps * row.nr * row.kstep * row.bits / 8
	gap := rng.IntN(2) * rng.IntN(100)
	for p := range gemvPanels {
		w := weights(rng, f.Weights, wp, row.nr, k).Values
		panel := panelOf(row, w, steps)
		if len(panel) != length {
			t.Fatalf("a panel has %d bytes: want %d", len(panel), length)
		}
		if p > 0 { // poison between the panels
			panels = append(panels, draw(rng, uniform, codes(U8), gap)...)
		}
		panels = append(panels, panel...)
		for j := range row.nr {
			var sum int32
			for l := range k {
				sum += codeRead(row, x[l]) * int32(w[j*k+l])
			}
			want[p*row.nr+j] += sum << shift
		}
	}
	before := randomSums(rng, len(want))
	if e != nil {
		e.add(unsafe.Pointer(&row.gemv), nil, []emulatedOperand{out(0, before, want, at), in(1, x, at), in(2, panels, at), in(5, bias, at)},
			0, 0, 0, length+gap, steps, 0, shift)
		return
	}
	xs, w, b, dst := input(a, "x", at, x), input(a, "w", at, panels), input(a, "bias", at, bias), place(a, "dst", len(before), at, before)
	a.run(func() {
		row.gemv(&dst[0], &xs[0], &w[0], uintptr(length+gap), uintptr(steps), &b[0], uintptr(shift))
	})
	if i := firstDifference(dst, want); i >= 0 {
		t.Fatalf("%v, %d steps, weights %v, activations %v: output %d: got %d, want %d", f, steps, wp, xp, i, dst[i], want[i])
	}
}
