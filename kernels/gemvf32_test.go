package kernels

import (
	"testing"
	"unsafe"
)

// TestFloat32GEMV calls the kernels for one row by themselves, with operands
// that reach exactly as far as they may read or write. They must give the bits
// of the tiles of one row.
func TestFloat32GEMV(t *testing.T) {
	eachKernel(t, f32Table, func(t *testing.T, row *f32Row, e *emulation) {
		if row.gemv == nil {
			t.Skip("the tiles do it for this kernel")
		}
		rng, ar := random(t), newArena(t)
		const panels = 4
		for _, k := range some(rng, around(140, 4, 8)) {
			for _, add := range []uintptr{0, 1} {
				at := ends[rng.IntN(2)]
				stride, depth := 1+rng.IntN(3), k+rng.IntN(3)
				whole := e != nil // sums that are exact, so that they can be foretold
				a := randomFloats(rng, (k-1)*stride+1, whole)
				b := randomFloats(rng, (panels-1)*depth*row.nr+k*row.nr, whole)
				before := randomFloats(rng, panels*row.nr, whole)
				if e != nil {
					want := make([]float32, panels*row.nr)
					for j := range want {
						want[j] = before[j] * float32(add)
						for l := range k {
							want[j] += a[l*stride] * b[(j/row.nr*depth+l)*row.nr+j%row.nr]
						}
						want[j] += 0 // no negative zero
					}
					e.add(unsafe.Pointer(&row.gemv), nil, []emulatedOperand{out(0, before, want, at), in(1, a, at), in(3, b, at)},
						0, 0, 4*stride, 0, 4*depth*row.nr, k, int(add))
					continue
				}
				want := append([]float32(nil), before...)
				for p := range panels {
					row.tiles[1](&want[p*row.nr], 0, &a[0], 0, uintptr(4*stride), &b[p*depth*row.nr], uintptr(k), add)
				}
				x, w, c := input(ar, "a", at, a), input(ar, "b", at, b), place(ar, "c", len(before), at, before)
				ar.run(func() {
					row.gemv(&c[0], &x[0], uintptr(4*stride), &w[0], uintptr(4*depth*row.nr), uintptr(k), add)
				})
				if i := firstDifference(c, want); i >= 0 {
					t.Fatalf("k = %d, add %d: output %d: got %v, and %v from a tile of one row", k, add, i, c[i], want[i])
				}
			}
		}
	})
}
