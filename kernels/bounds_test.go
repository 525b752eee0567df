package kernels

import (
	"slices"
	"testing"
	"unsafe"
)

// unsigned and signed activations, as tiles read them.
var (
	unsignedCodes = [2]int{0, 255}
	signedCodes   = [2]int{-128, 127}
)

// codesOf are the activations that a muladd tile reads.
func codesOf(row *gemmRow) [2]int {
	if row.form.(codesForm).signed {
		return signedCodes
	}
	return unsignedCodes
}

// products lists the pairs of a weight, of those that codes of that many bits
// can be, and an activation in a range, of which the magnitude of the product
// is the largest not above the bound; and those, of positive weights and activations, of which
// it is the smallest above: none where no product is.
func products(bits int, xs [2]int, bound int) (at, beyond []product8) {
	for w := -128; w < 128; w++ {
		if packedCodes[bits][byte(w)] == 0 && w != 0 {
			continue
		}
		for x := xs[0]; x <= xs[1]; x++ {
			p := product8{int8(w), int16(x)}
			switch size := p.size(); {
			case size <= bound && (len(at) == 0 || size > at[0].size()):
				at = []product8{p}
			case size <= bound && size == at[0].size():
				at = append(at, p)
			case size > bound && w > 0 && x > 0 && (len(beyond) == 0 || size < beyond[0].size()):
				beyond = []product8{p}
			case size > bound && w > 0 && x > 0 && size == beyond[0].size():
				beyond = append(beyond, p)
			}
		}
	}
	return at, beyond
}

// A product8 is a weight and an activation.
type product8 struct {
	w int8
	x int16
}

func (p product8) size() int {
	v := int(p.w) * int(p.x)
	return max(v, -v)
}

// negated returns the product with the opposite weight if there is one.
func (p product8) negated(bits int) product8 {
	if packedCodes[bits][byte(-p.w)] != 0 {
		p.w = -p.w
	}
	return p
}

// worst are the ways in which products of one magnitude make narrow sums large:
// all of one sign, or the second half of a step's or of two steps' the other way,
// so that sums wander as far as they can and back.
var worst = []func(p, n product8, k int) product8{
	func(p, _ product8, _ int) product8 { return p },
	func(_, n product8, _ int) product8 { return n },
	func(p, n product8, k int) product8 { return []product8{p, n}[k/2%2] },
	func(p, n product8, k int) product8 { return []product8{p, n}[k/64%2] },
}

// boundCase returns rows of activations and of weights, k long each.
func boundCase(rows, nr, k, bits int, p product8, fill func(p, n product8, k int) product8) (xs []uint8, w []int8) {
	for range rows {
		for l := range k {
			xs = append(xs, uint8(fill(p, p.negated(bits), l).x))
		}
	}
	for range nr {
		for l := range k {
			w = append(w, fill(p, p.negated(bits), l).w)
		}
	}
	return xs, w
}

// sumOf is an inner product, of activations as bytes: of int8 if the range is theirs.
func sumOf(of [2]int, xs []uint8, w []int8) (sum int32) {
	for i := range w {
		x := int32(xs[i])
		if of == signedCodes {
			x = int32(int8(xs[i]))
		}
		sum += x * int32(w[i])
	}
	return sum
}

// TestTileBounds goes to the largest product for which a tile says that it is
// exact, in sums as large as there are, and one step beyond: there, a tile with
// a bound below the largest product must be wrong, or the bound were too low and
// this test could not tell.
func TestTileBounds(t *testing.T) {
	rows := slices.DeleteFunc(withUnpacked(gemmTable), func(r *gemmRow) bool { return !hasForm[codesForm](r) })
	eachKernel(t, rows, func(t *testing.T, row *gemmRow, e *emulation) {
		rng, a := random(t), newArena(t)
		at, beyond := products(row.bits, codesOf(row), row.maxProduct)
		for _, p := range few(rng, e, at) {
			for i, fill := range worst {
				for _, steps := range []int{1, 16, 17, 129} {
					rows := 1 + rng.IntN(row.mr())
					k := steps * row.kstep
					xs, w := boundCase(rows, row.nr, k, row.bits, p, fill)
					bias := randomSums(rng, row.nr)
					runTile(t, a, e, rng, row, tileCase{rows: rows, steps: steps, wPattern: pattern(i), at: ends[rng.IntN(2)]}, xs, k, panelOf(row, w, steps), bias,
						func(i, j int) int32 { return bias[j] + sumOf(codesOf(row), xs[i*k:], w[j*k:][:k]) })
				}
			}
		}
		if e != nil {
			return
		}
		for _, p := range beyond {
			const steps = 256
			k := steps * row.kstep
			xs, w := boundCase(1, row.nr, k, row.bits, p, worst[0])
			dst, panel := make([]int32, row.nr), panelOf(row, w, steps)
			bias := make([]int32, row.nr)
			row.tiles[1](&dst[0], uintptr(row.nr)*4, &xs[0], uintptr(k), &panel[0], steps, &bias[0], 0)
			if want := sumOf(codesOf(row), xs, w[:k]); dst[0] == want {
				t.Errorf("|w|*x = %d is exact, though the bound is %d", p.size(), row.maxProduct)
			}
		}
	})
}

// TestDotBounds is TestTileBounds for inner products.
func TestDotBounds(t *testing.T) {
	eachKernel(t, dotTable, func(t *testing.T, row *dotRow, e *emulation) {
		rng, a := random(t), newArena(t)
		block := row.run * 8 / row.bits
		packed := func(w []int8) (p []byte) {
			for ; len(w) > 0; w = w[block:] {
				p = append(p, packedRun(w[:block], row.run, row.bits)...)
			}
			return p
		}
		at, beyond := products(row.bits, unsignedCodes, row.maxProduct)
		for _, p := range few(rng, e, at) {
			for _, fill := range worst {
				for _, blocks := range []int{1, 16, 17, 129} {
					xs, w := boundCase(1, 1, blocks*block, row.bits, p, fill)
					want, end := sumOf(unsignedCodes, xs, w)-restOf(row, w), ends[rng.IntN(2)]
					if e != nil {
						e.add(unsafe.Pointer(&row.dot), want, []emulatedOperand{in(0, xs, end), in(1, packed(w), end)}, 0, 0, blocks)
						continue
					}
					x, pw := input(a, "x", end, xs), input(a, "w", end, packed(w))
					var got int32
					a.run(func() { got = row.dot(&x[0], &pw[0], uintptr(blocks)) })
					if got != want {
						t.Errorf("%d blocks of %d times %d: got %d, want %d", blocks, p.w, p.x, got, want)
					}
				}
			}
		}
		if e != nil {
			return
		}
		for _, p := range beyond {
			xs, w := boundCase(1, 1, 64*block, row.bits, p, worst[0])
			if got, want := row.dot(&xs[0], &packed(w)[0], 64), sumOf(unsignedCodes, xs, w)-restOf(row, w); got == want {
				t.Errorf("|w|*x = %d is exact, though the bound is %d", p.size(), row.maxProduct)
			}
		}
	})
}

// TestBoundsAreTested wants kernels of which the bound is below the largest
// product, or nothing beyond a bound was ever tested.
func TestBoundsAreTested(t *testing.T) {
	if missing("AVX2") != nil && missing("AdvSIMD") != nil {
		t.Skip("this CPU lacks AVX2 and AdvSIMD")
	}
	tiles, dots := 0, 0
	for _, r := range gemmTable {
		if hasForm[codesForm](r) {
			if _, beyond := products(r.bits, codesOf(r), r.maxProduct); len(beyond) > 0 {
				tiles++
			}
		}
	}
	for _, r := range dotTable {
		if _, beyond := products(r.bits, unsignedCodes, r.maxProduct); len(beyond) > 0 {
			dots++
		}
	}
	if tiles == 0 || dots == 0 && missing("AdvSIMD") != nil {
		t.Errorf("%d tiles and %d inner products have a bound", tiles, dots)
	}
}

// TestDispatchKeepsBounds wants no row to take formats with a product beyond its
// bound, and plans to choose another row for them.
func TestDispatchKeepsBounds(t *testing.T) {
	refused := 0
	for _, w := range WeightFormats() {
		for _, a := range ActFormats() {
			if w == Float32 || a == F32 {
				continue
			}
			for _, r := range gemmTable {
				if !hasForm[codesForm](r) {
					continue
				}
				if largest := largestProduct(w, a, r); largest > r.maxProduct {
					refused++
					if r.takes(w, a) {
						t.Errorf("%s takes %v x %v, with products to %d beyond %d", r.name(), w, a, largest, r.maxProduct)
					}
				}
			}
			largest := w.maxAbs() * a.held().Max()
			for _, r := range dotTable {
				if largest > r.maxProduct && r.takes(w, a) {
					t.Errorf("%s takes %v x %v, with products to %d beyond %d", r.name(), w, a, largest, r.maxProduct)
				}
			}
		}
	}
	if refused == 0 && (missing("AVX2") == nil || missing("AdvSIMD") == nil) {
		t.Error("no kernel refuses a format")
	}
	g, err := NewGEMM(weights(random(t), Int8, uniform, 2, 3), U8, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if hasForm[codesForm](g.row) && g.row.maxProduct < largestProduct(Int8, U8, g.row) {
		t.Errorf("int8 x u8 is computed by %s, which is exact to %d", g.Kernel(), g.row.maxProduct)
	}
}

// largestProduct is that of a weight and of what tiles read of activations.
func largestProduct(w WeightFormat, a ActFormat, r *gemmRow) int {
	largest := 0
	for _, l := range w.Levels() {
		for _, x := range prepared(r, a, codes(a)) {
			largest = max(largest, product8{l, int16(codeRead(r, x))}.size())
		}
	}
	return largest
}
