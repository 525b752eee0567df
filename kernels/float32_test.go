package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"example.com/lowbit/ref"
)

// randomFloats returns numbers of mixed size and sign, or small whole numbers,
// whose sums are exact in any order.
func randomFloats(rng *rand.Rand, n int, whole bool) []float32 {
	s := make([]float32, n)
	for i := range s {
		if whole {
			s[i] = float32(rng.IntN(17) - 8)
		} else {
			s[i] = float32(rng.NormFloat64() * math.Exp(2*rng.NormFloat64()))
		}
	}
	return s
}

// nans returns n quiet NaNs: what must be neither read nor left behind.
func nans(n int) []float32 {
	return slices.Repeat([]float32{float32(math.NaN())}, n)
}

// A sum32 checks a float32 sum of products against its exact value, by the
// bound that holds for every order of the additions: each partial sum is
// rounded once, and each product at most once.
type sum32 struct {
	exact, size float64
	terms       int
}

func (s *sum32) add(x, w float32) {
	s.exact += float64(x) * float64(w)
	s.size += math.Abs(float64(x) * float64(w))
	s.terms++
}

const epsilon32 = 1.0 / (1 << 23)

func (s *sum32) check(got float32) error {
	bound := float64(s.terms+1) * epsilon32 * s.size
	if diff := math.Abs(float64(got) - s.exact); !(diff <= bound) {
		return fmt.Errorf("got %v, want %v: the difference %v is over %d*eps*Σ|x||w| = %v", got, s.exact, diff, s.terms+1, bound)
	}
	return nil
}

// TestFloat32Tiles calls every float32 tile by itself, with operands that
// reach exactly as far as the tile may read or write. Tiles with different
// numbers of rows must give a row the same bits.
func TestFloat32Tiles(t *testing.T) {
	eachKernel(t, f32Table, func(t *testing.T, row *f32Row, e *emulation) {
		rng, a := random(t), newArena(t)
		if e != nil {
			emulateFloat32Tiles(rng, row, e)
			return
		}
		nr := row.nr
		for _, k := range some(rng, around(140, 4, 8)) {
			for _, whole := range []bool{false, true} {
				at := ends[rng.IntN(2)]
				b := randomFloats(rng, k*nr, whole)
				// The rows of a, once along rows and once transposed.
				values := randomFloats(rng, row.mr()*k, whole)
				before := randomFloats(rng, row.mr()*nr, whole)
				for _, add := range []bool{false, true} {
					first := make([]float32, 0, row.mr()*nr) // by tiles of one row
					for i := range row.mr() {
						first = append(first, float32Tile(t, a, row, values[i*k:][:k], 1, k, b, before[i*nr:][:nr], add, "apart", at)...)
					}
					for i := range row.mr() {
						for j := range nr {
							var s sum32
							for l := range k {
								s.add(values[i*k+l], b[l*nr+j])
							}
							if add {
								s.add(before[i*nr+j], 1)
							}
							if err := s.check(first[i*nr+j]); err != nil || whole && float64(first[i*nr+j]) != s.exact {
								t.Fatalf("k = %d, add %v, output %d: got %v, want %v (whole numbers: %v): %v", k, add, j, first[i*nr+j], s.exact, whole, err)
							}
						}
					}
					for rows := 1; rows <= row.mr(); rows++ {
						for _, layout := range []string{"apart", "rows", "columns"} {
							got := float32Tile(t, a, row, values[:rows*k], rows, k, b, before[:rows*nr], add, layout, at)
							if i := firstDifference(got, first[:rows*nr]); i >= 0 {
								t.Fatalf("k = %d, add %v, %s, tile of %d rows: row %d, output %d: got %v, and %v from a tile of one row",
									k, add, layout, rows, i/nr, i%nr, got[i], first[i])
							}
						}
					}
				}
			}
		}
	})
}

// emulateFloat32Tiles records calls of every tile on whole numbers, whose sums
// are exact.
func emulateFloat32Tiles(rng *rand.Rand, row *f32Row, e *emulation) {
	nr := row.nr
	for rows := 1; rows <= row.mr(); rows++ {
		for _, k := range some(rng, around(140, 4, 8)) {
			for add := range 2 {
				at := ends[rng.IntN(2)]
				rowStride, colStride, stride := 2*k+1, 1+rng.IntN(2), nr+3*rng.IntN(2)
				if rng.IntN(3) == 0 {
					rowStride, colStride = 1, rows+1
				}
				a, b, c := nans((rows-1)*rowStride+(k-1)*colStride+1), randomFloats(rng, k*nr, true), nans((rows-1)*stride+nr)
				want := slices.Clone(c)
				for i := range rows {
					for l := range k {
						a[i*rowStride+l*colStride] = float32(rng.IntN(17) - 8)
					}
					for j := range nr {
						var sum float32
						if add != 0 {
							sum = float32(rng.IntN(1000))
							c[i*stride+j] = sum
						}
						for l := range k {
							sum += a[i*rowStride+l*colStride] * b[l*nr+j]
						}
						want[i*stride+j] = sum + 0 // no negative zero
					}
				}
				e.add(unsafe.Pointer(&row.tiles[rows]), nil, []emulatedOperand{out(0, c, want, at), in(2, a, at), in(5, b, at)}, 0, 4*stride, 0, 4*rowStride, 4*colStride, 0, k, add)
			}
		}
	}
}

// float32Tile returns what a tile of some rows makes of a[rows][k] and a panel
// b[k][nr]. Either all elements of a lie apart, with NaNs between them, or those of
// a row or a column lie side by side.
func float32Tile(t *testing.T, ar *arena, row *f32Row, a []float32, rows, k int, b, before []float32, add bool, layout string, at spot) []float32 {
	t.Helper()
	nr := row.nr
	rowStride, colStride := 2*k+1, 2
	switch layout {
	case "rows":
		rowStride, colStride = k+1, 1
	case "columns":
		rowStride, colStride = 1, rows+1
	}
	spread := nans((rows-1)*rowStride + (k-1)*colStride + 1)
	for i := range rows {
		for l := range k {
			spread[i*rowStride+l*colStride] = a[i*k+l]
		}
	}
	stride := nr + 3
	cs := nans((rows-1)*stride + nr)
	if add {
		for i := range rows {
			copy(cs[i*stride:], before[i*nr:][:nr])
		}
	}
	x, w, c := input(ar, "a", at, spread), input(ar, "b", at, b), place(ar, "c", len(cs), at, cs)
	flag := uintptr(0)
	if add {
		flag = 1
	}
	ar.run(func() {
		row.tiles[rows](&c[0], uintptr(4*stride), &x[0], uintptr(4*rowStride), uintptr(4*colStride), &w[0], uintptr(k), flag)
	})
	out := make([]float32, 0, rows*nr)
	for i := range rows {
		out = append(out, c[i*stride:][:nr]...)
		for j := nr; j < stride && i+1 < rows; j++ {
			if math.Float32bits(c[i*stride+j]) != math.Float32bits(cs[i*stride+j]) {
				t.Fatalf("k = %d, tile of %d rows: the gap behind row %d was written", k, rows, i)
			}
		}
	}
	return out
}

// TestFloat32Packing calls the packing of panels by itself.
func TestFloat32Packing(t *testing.T) {
	each(t, f32Table, func(t *testing.T, row *f32Row) {
		if row.packRows == nil || row.packColumns == nil {
			t.Skip("plain Go packs for this kernel: TestMatMul covers it")
		}
		rng, a := random(t), newArena(t)
		for rows := 1; rows <= 40; rows++ {
			for _, at := range ends {
				for _, cols := range some(rng, []int{1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16}) {
					src, dst := cols+rng.IntN(9), 16+16*rng.IntN(2)
					checkPacking(t, a, rng, at, rows, cols, 16, src, 1, dst, func(to, from *float32) {
						row.packRows(to, uintptr(4*dst), from, uintptr(4*src), uintptr(rows), uintptr(cols))
					})
				}
				if rows%8 == 0 {
					src, dst := rows+rng.IntN(9), 8+8*rng.IntN(4)
					checkPacking(t, a, rng, at, rows, 8, 8, 1, src, dst, func(to, from *float32) {
						row.packColumns(to, uintptr(4*dst), from, uintptr(4*src), uintptr(rows))
					})
				}
			}
		}
	})
}

// checkPacking packs rows x cols elements to rows of width, zeros behind cols.
func checkPacking(t *testing.T, a *arena, rng *rand.Rand, at spot, rows, cols, width, rowStride, colStride, dstStride int, pack func(dst, src *float32)) {
	t.Helper()
	from := randomFloats(rng, (rows-1)*rowStride+(cols-1)*colStride+1, true)
	src, dst := input(a, "src", at, from), place(a, "dst", (rows-1)*dstStride+width, at, nans((rows-1)*dstStride+width))
	a.run(func() { pack(&dst[0], &src[0]) })
	for i, got := range dst {
		r, j := i/dstStride, i%dstStride
		switch {
		case j >= width:
			if !isNaN(got) {
				t.Fatalf("%d rows, %d columns: the gap behind row %d was written", rows, cols, r)
			}
		case j >= cols:
			if got != 0 {
				t.Fatalf("%d rows, %d columns: row %d is filled up with %v: want zeros", rows, cols, r, got)
			}
		case got != from[r*rowStride+j*colStride]:
			t.Fatalf("%d rows, %d columns: row %d, column %d: got %v, want %v", rows, cols, r, j, got, from[r*rowStride+j*colStride])
		}
	}
}

// checkProduct compares dst[m][n] with the sums over k of x[m][k]*w[n][k].
func checkProduct(t testing.TB, what string, dst, x, w []float32, m, n, k int) {
	t.Helper()
	for i := range m {
		for j := range n {
			var s sum32
			for l := range k {
				s.add(x[i*k+l], w[j*k+l])
			}
			if err := s.check(dst[i*n+j]); err != nil {
				t.Fatalf("%s, %dx%dx%d: row %d, output %d: %v", what, m, n, k, i, j, err)
			}
		}
	}
}

func checkGEMMFloat32(t testing.TB, a *arena, rng *rand.Rand, kernel string, m, n, k int) {
	t.Helper()
	at := spot{rng.IntN(2) == 0, rng.IntN(2) * 4 * rng.IntN(16)}
	w, xs := randomFloats(rng, n*k, false), randomFloats(rng, m*k, false)
	var bits []float32
	for threads := range 4 {
		g, err := NewGEMMFloat32(input(a, "weights", at, w), n, k, Options{Threads: threads})
		if err != nil {
			t.Fatal(err)
		}
		if g.Kernel() != kernel || g.PackedBytes() < 4*n*k {
			t.Fatalf("kernel %s with %d bytes of weights for %dx%d: want %s", g.Kernel(), g.PackedBytes(), n, k, kernel)
		}
		x, dst := input(a, "x", at, xs), place(a, "dst", m*n, at, nans(m*n))
		a.run(func() { g.Run(dst, x, m) })
		if bits == nil {
			checkProduct(t, kernel, dst, xs, w, m, n, k)
			bits = slices.Clone(dst)
		}
		if i := firstDifference(dst, bits); i >= 0 {
			t.Fatalf("%dx%dx%d: sum %d is %v on %d threads, %v on one", m, n, k, i, dst[i], threads, bits[i])
		}
		// The bits of a row do not depend on the rows beside it.
		r := rng.IntN(m)
		one := place(a, "dst", n, at, nans(n))
		g.Run(one, xs[r*k:][:k], 1)
		if i := firstDifference(one, bits[r*n:][:n]); i >= 0 {
			t.Fatalf("%dx%dx%d: row %d, output %d is %v alone, %v among others", m, n, k, r, i, one[i], bits[r*n+i])
		}
	}
}

func TestGEMMFloat32(t *testing.T) {
	each(t, f32Table, func(t *testing.T, row *f32Row) {
		use(t, row.name())
		rng, a := random(t), newArena(t)
		check := func(m, n, k int) { t.Helper(); checkGEMMFloat32(t, a, rng, row.name(), m, n, k) }
		for _, m := range some(rng, around(2*row.mr()+2, row.mr())) {
			check(m, 1+rng.IntN(2*row.nr), 1+rng.IntN(40))
		}
		for _, n := range some(rng, around(2*row.nr+2, row.nr)) {
			check(1+rng.IntN(2*row.mr()), n, 1+rng.IntN(40))
		}
		for _, k := range some(rng, around(2*matMulKC+2, matMulKC)) {
			check(1+rng.IntN(2*row.mr()), 1+rng.IntN(row.nr+1), k)
		}
		check(times(300), row.nr+1, 200)
	})
}

func checkConvFloat32(t testing.TB, a *arena, rng *rand.Rand, s ConvShape) {
	t.Helper()
	at := spot{rng.IntN(2) == 0, rng.IntN(2) * 4 * rng.IntN(16)}
	images := 1 + rng.IntN(3)
	w, xs := randomFloats(rng, s.OutC*s.K(), true), randomFloats(rng, images*s.H*s.W*s.InC, true)
	in, out := s.H*s.W*s.InC, s.OutH()*s.OutW()*s.OutC
	want := make([]float32, images*out)
	for i := range images {
		ref.Conv2DFloat32(want[i*out:], xs[i*in:][:in], w, ref.ConvShape(s))
	}
	c, err := NewConv2DFloat32(w, s, Options{Threads: rng.IntN(4)})
	if err != nil {
		t.Fatalf("%+v: %v", s, err)
	}
	x, dst := input(a, "x", at, xs), place(a, "dst", len(want), at, nans(len(want)))
	a.run(func() { c.Run(dst, x, images) })
	if c.Method() != "direct" { // of whole numbers, what is transformed is not whole
		round(dst, want)
	}
	if i := firstDifference(dst, want); i >= 0 { // exact
		t.Fatalf("%+v, image %d, sum %d: got %v, want %v", s, i/out, i%out, dst[i], want[i])
	}
}

func TestConv2DFloat32(t *testing.T) {
	each(t, f32Table, func(t *testing.T, row *f32Row) {
		use(t, row.name())
		rng, a := random(t), newArena(t)
		for _, s := range some(rng, convShapes) {
			checkConvFloat32(t, a, rng, s)
		}
		for range times(60) {
			checkConvFloat32(t, a, rng, randomConv(rng, 6))
		}
	})
}

func TestFloat32Allocations(t *testing.T) {
	each(t, f32Table, func(t *testing.T, row *f32Row) {
		use(t, row.name())
		const m, n, k = 9, 33, 70
		rng := random(t)
		g, err := NewGEMMFloat32(randomFloats(rng, n*k, false), n, k, Options{Threads: 2})
		if err != nil {
			t.Fatal(err)
		}
		dst, x := make([]float32, m*n), make([]float32, m*k)
		noAllocs(t, "GEMMFloat32", func() { g.Run(dst, x, m) })
		w := make([]float32, n*k)
		noAllocs(t, "MatMul", func() { MatMul(RowMajor(dst, m, n), RowMajor(x, m, k), RowMajor(w, n, k).T(), true) })
		s := allocShapes[1]
		c, err := NewConv2DFloat32(randomFloats(rng, s.OutC*s.K(), false), s, Options{Threads: 2})
		if err != nil {
			t.Fatal(err)
		}
		dst, x = make([]float32, s.OutH()*s.OutW()*s.OutC), make([]float32, s.H*s.W*s.InC)
		noAllocs(t, "Conv2DFloat32", func() { c.Run(dst, x, 1) })
	})
}

// A view is a matrix in memory: some elements before it that are none of its
// own, strides, and where its pages end.
func randomView(a *arena, rng *rand.Rand, operand string, at spot, rows, cols int, kind int, from []float32) Matrix {
	m := Matrix{Rows: rows, Cols: cols, RowStride: cols, ColStride: 1}
	switch kind {
	case 1: // rows apart
		m.RowStride = cols + 1 + rng.IntN(9)
	case 2: // transposed
		m.RowStride, m.ColStride = 1, max(1, rows)
	case 3: // transposed, apart
		m.RowStride, m.ColStride = 1, rows+1+rng.IntN(9)
	case 4: // every element apart
		m.ColStride = 2
		m.RowStride = 2*cols + rng.IntN(5)
	}
	n := 0
	if rows > 0 && cols > 0 {
		n = (rows-1)*m.RowStride + (cols-1)*m.ColStride + 1
	}
	s := nans(n)
	for i := range rows {
		for j := range cols {
			s[i*m.RowStride+j*m.ColStride] = from[i*cols+j]
		}
	}
	m.Data = place(a, operand, n, at, s)
	return m
}

func TestMatMul(t *testing.T) {
	each(t, f32Table, func(t *testing.T, row *f32Row) {
		use(t, row.name())
		rng, ar := random(t), newArena(t)
		for _, s := range matMulSizes(rng, row) {
			m, n, k := s[0], s[1], s[2]
			for range times(3) {
				checkMatMul(t, ar, rng, m, n, k, rng.IntN(5), rng.IntN(5), rng.IntN(2), rng.IntN(2) == 0)
			}
		}
	})
}

// matMulSizes goes round the edges of tiles and of the blocks for the caches.
func matMulSizes(rng *rand.Rand, row *f32Row) [][3]int {
	var sizes [][3]int
	small := func(limit int) int { return 1 + rng.IntN(limit) }
	for _, m := range around(2*row.mr()+2, row.mr()) {
		sizes = append(sizes, [3]int{m, small(2 * row.nr), small(20)})
	}
	for _, n := range around(2*row.nr+2, row.nr) {
		sizes = append(sizes, [3]int{small(2 * row.mr()), n, small(20)})
	}
	for _, k := range around(40, 8) {
		sizes = append(sizes, [3]int{small(2 * row.mr()), small(2 * row.nr), k})
	}
	for _, d := range []int{-1, 0, 1} {
		sizes = append(sizes, [3]int{matMulMC + d, small(20), small(20)}, [3]int{small(5), matMulNC + d, small(20)}, [3]int{small(5), small(20), matMulKC + d})
	}
	sizes = append(sizes, [3]int{5, 3, 2*matMulKC + 3}, [3]int{2*matMulMC + 5, 3, 40}, [3]int{3, 2*matMulNC + 5, 7}, [3]int{0, 3, 4}, [3]int{3, 0, 4}, [3]int{3, 4, 0}, [3]int{0, 0, 0},
		[3]int{20, 20, 128}, [3]int{20, 20, 256})
	return some(rng, sizes)
}

func checkMatMul(t testing.TB, ar *arena, rng *rand.Rand, m, n, k, aKind, bKind, cKind int, add bool) {
	t.Helper()
	as, bs, before := randomFloats(rng, m*k, false), randomFloats(rng, k*n, false), randomFloats(rng, m*n, false)
	at := spot{rng.IntN(2) == 0, rng.IntN(2) * 4 * rng.IntN(16)}
	if !add {
		before = nans(m * n)
	}
	a := randomView(ar, rng, "a", at, m, k, aKind, as)
	ar.bufs["a"].Protect()
	b := randomView(ar, rng, "b", at, k, n, bKind, bs)
	ar.bufs["b"].Protect()
	c := randomView(ar, rng, "c", at, m, n, cKind, before)
	old := slices.Clone(c.Data)
	ar.run(func() { MatMul(c, a, b, add) })
	what := fmt.Sprintf("%dx%dx%d, strides of a %d,%d, of b %d,%d, of c %d, add %v", m, n, k, a.RowStride, a.ColStride, b.RowStride, b.ColStride, c.RowStride, add)
	for i, v := range c.Data {
		r, j := i/c.RowStride, i%c.RowStride
		if j >= n {
			if math.Float32bits(v) != math.Float32bits(old[i]) {
				t.Fatalf("%s: the gap behind row %d of c was written", what, r)
			}
			continue
		}
		var s sum32
		for l := range k {
			s.add(as[r*k+l], bs[l*n+j])
		}
		if add {
			s.add(before[r*n+j], 1)
		}
		if err := s.check(v); err != nil {
			t.Fatalf("%s: row %d, column %d: %v", what, r, j, err)
		}
	}
	if m == 0 || n == 0 {
		return
	}
	// An element's bits depend on its row and column alone.
	i, j := rng.IntN(m), rng.IntN(n)
	one := []float32{before[i*n+j]}
	row := Matrix{Data: a.Data, Rows: 1, Cols: k, RowStride: a.RowStride, ColStride: a.ColStride}
	col := Matrix{Data: b.Data, Rows: k, Cols: 1, RowStride: b.RowStride, ColStride: b.ColStride}
	if k > 0 {
		row.Data, col.Data = a.Data[i*a.RowStride:], b.Data[j*b.ColStride:]
	}
	MatMul(RowMajor(one, 1, 1), row, col, add)
	if got := c.Data[i*c.RowStride+j]; got != one[0] {
		t.Fatalf("%s: row %d, column %d is %v, and %v alone", what, i, j, got, one[0])
	}
}

func checkDotFloat32(t testing.TB, a *arena, rng *rand.Rand, n int, whole bool) {
	t.Helper()
	at := spot{rng.IntN(2) == 0, rng.IntN(2) * 4 * rng.IntN(16)}
	xs, ys := randomFloats(rng, n, whole), randomFloats(rng, n, whole)
	x, y := input(a, "x", at, xs), input(a, "y", at, ys)
	var s sum32
	for i := range xs {
		s.add(xs[i], ys[i])
	}
	var got float32
	a.run(func() { got = DotFloat32(x, y) })
	if err := s.check(got); err != nil || whole && float64(got) != s.exact {
		t.Fatalf("n = %d: got %v, want %v: %v", n, got, s.exact, err)
	}
}

func TestDotFloat32(t *testing.T) {
	each(t, f32DotTable, func(t *testing.T, row *f32DotRow) {
		use(t, row.name())
		rng, a := random(t), newArena(t)
		for _, n := range append([]int{0}, some(rng, around(300, row.block))...) {
			for _, whole := range []bool{false, true} {
				checkDotFloat32(t, a, rng, n, whole)
			}
		}
		x := make([]float32, 100)
		noAllocs(t, "DotFloat32", func() { DotFloat32(x, x) })
	})
}

// TestDotFloat32Kernels calls the kernels by themselves, on whole blocks.
func TestDotFloat32Kernels(t *testing.T) {
	eachKernel(t, f32DotTable, func(t *testing.T, row *f32DotRow, e *emulation) {
		rng, a := random(t), newArena(t)
		for n := 0; n <= 20*row.block; n += row.block {
			for _, at := range ends {
				xs, ys := randomFloats(rng, n, true), randomFloats(rng, n, true)
				var s sum32
				for i := range xs {
					s.add(xs[i], ys[i])
				}
				want := float32(s.exact)
				if e != nil {
					e.add(unsafe.Pointer(&row.dot), want, []emulatedOperand{in(0, xs, at), in(1, ys, at)}, 0, 0, n)
					continue
				}
				x, y := input(a, "x", at, xs), input(a, "y", at, ys)
				var got float32
				a.run(func() { got = row.dot(unsafe.SliceData(x), unsafe.SliceData(y), uintptr(n)) })
				if got != want {
					t.Fatalf("n = %d: got %v, want %v", n, got, want)
				}
			}
		}
	})
}
