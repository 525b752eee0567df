package kernels

import (
	"fmt"
	"sync"
)

// A Matrix is a view of float32 elements: element (i, j) is
// Data[i*RowStride+j*ColStride].
type Matrix struct {
	Data                 []float32
	Rows, Cols           int
	RowStride, ColStride int
}

// RowMajor is a view of data as rows of cols elements, one after the other.
func RowMajor(data []float32, rows, cols int) Matrix {
	return Matrix{Data: data, Rows: rows, Cols: cols, RowStride: cols, ColStride: 1}
}

// T is the transposed view of the same elements.
func (m Matrix) T() Matrix {
	m.Rows, m.Cols, m.RowStride, m.ColStride = m.Cols, m.Rows, m.ColStride, m.RowStride
	return m
}

func (m Matrix) check(name string) {
	if m.Rows < 0 || m.Cols < 0 || m.RowStride < 0 || m.ColStride < 0 {
		panic(fmt.Sprintf("kernels: MatMul: %s is %dx%d with strides %d, %d: want none negative", name, m.Rows, m.Cols, m.RowStride, m.ColStride))
	}
	if m.Rows > 0 && m.Cols > 0 && reach(reach(len(m.Data)-1, m.Rows, m.RowStride), m.Cols, m.ColStride) < 0 {
		panic(fmt.Sprintf("kernels: MatMul: %s is %dx%d with strides %d, %d but has %d elements: want at least 1 + %d*%d + %d*%d",
			name, m.Rows, m.Cols, m.RowStride, m.ColStride, len(m.Data), m.Rows-1, m.RowStride, m.Cols-1, m.ColStride))
	}
}

// reach is last less n-1 strides, or negative if that many do not fit. It does
// not overflow.
func reach(last, n, stride int) int {
	if last < 0 || stride > 0 && n-1 > last/stride {
		return -1
	}
	return last - (n-1)*stride
}

// MatMul sets c to a·b, or adds a·b to c. It runs on the calling goroutine,
// allocates nothing once its pooled workspace has grown, and may be called by
// many goroutines at once. For one implementation, the bits of an element of c
// depend only on its row of a and its column of b (and, with add, on what it
// held). c must not overlap a or b, and ColStride of c must be 1. It panics,
// naming the shapes, if they do not fit.
func MatMul(c, a, b Matrix, add bool) {
	c.check("c")
	a.check("a")
	b.check("b")
	if a.Rows != c.Rows || b.Cols != c.Cols || a.Cols != b.Rows || c.ColStride != 1 {
		panic(fmt.Sprintf("kernels: MatMul: %dx%d (column stride %d) = %dx%d · %dx%d: want MxN (1) = MxK · KxN",
			c.Rows, c.Cols, c.ColStride, a.Rows, a.Cols, b.Rows, b.Cols))
	}
	if c.Rows > 1 && c.RowStride < c.Cols {
		panic(fmt.Sprintf("kernels: MatMul: rows of c are %d apart: want at least their length, %d", c.RowStride, c.Cols))
	}
	if c.Rows == 0 || c.Cols == 0 {
		return
	}
	if a.Cols == 0 {
		for i := 0; i < c.Rows && !add; i++ {
			clear(c.Data[i*c.RowStride:][:c.Cols])
		}
		return
	}
	r := current.Load().f32
	w := matMulPool.Get().(*matMulWorkspace)
	defer matMulPool.Put(w)
	w.growTile(r)
	w.growB(r)
	// Block by block as BLIS does: a panel of b stays in the L1 cache while
	// the rows of a block of a, which stays in L2, pass it by.
	// Where one block holds all rows of a, panels of b are needed once, and are
	// still in L2 then if they are few.
	width := matMulNC
	if c.Rows <= matMulMC {
		width = matMulThin
	}
	for k, kc := 0, 0; k < a.Cols; k += kc {
		kc = blockSize(a.Cols-k, matMulKC, 1)
		var block Matrix
		for j, nc := 0, 0; j < c.Cols; j += nc {
			nc = blockSize(c.Cols-j, width, r.nr)
			r.packF32Panels(w.b, b.view(k, j, kc, nc))
			for i, mc := 0, 0; i < c.Rows; i += mc {
				mc = blockSize(c.Rows-i, matMulMC, r.mr())
				if j == 0 || mc < c.Rows {
					block = w.unalias(a.view(i, k, mc, kc))
				}
				r.multiply(c.view(i, j, mc, nc), block, w.b, add || k > 0, w.tile)
			}
		}
	}
}

// The largest blocks. A panel of b (16 columns) is 24 KiB, which leaves room in
// L1 for the rows of a that pass by, and a block of a is 216 KiB of L2. The
// panels of b, 768 KiB, are each read once for a block of a.
const (
	matMulKC = 384
	matMulMC = 144
	matMulNC = 512

	matMulThin = 128
)

// blockSize cuts n into equal blocks of at most limit, and returns the size of
// the first, rounded up to a multiple of unit.
func blockSize(n, limit, unit int) int {
	limit = max(limit/unit, 1) * unit
	blocks := ceilDiv(n, limit)
	size := ceilDiv(n, blocks)
	return min((size+unit-1)/unit*unit, n)
}

// view is the part of m with its first element at (i, j). It may be empty.
func (m Matrix) view(i, j, rows, cols int) Matrix {
	if m.Rows, m.Cols = rows, cols; rows > 0 && cols > 0 {
		m.Data = m.Data[i*m.RowStride+j*m.ColStride:]
	}
	return m
}

// matMulWorkspace holds the copies that MatMul makes.
type matMulWorkspace struct {
	a, b, tile []float32
}

var matMulPool = sync.Pool{New: func() any { return new(matMulWorkspace) }}

// growTile makes room for a tile at the edge, growB for a block of b.
func (w *matMulWorkspace) growTile(r *f32Row) {
	if n := r.mr() * r.nr; len(w.tile) < n {
		w.tile = make([]float32, n)
	}
}

func (w *matMulWorkspace) growB(r *f32Row) {
	if n := matMulKC * max(matMulNC, r.nr); len(w.b) < n {
		w.b = make([]float32, n)
	}
}

// unalias returns a, copied if a tile would read its elements from the same few
// sets of the L1 cache: its lines lie a multiple of 512 bytes apart.
func (w *matMulWorkspace) unalias(a Matrix) Matrix {
	lines := a
	if a.RowStride == 1 {
		lines = a.T()
	}
	if lines.ColStride != 1 || lines.RowStride%128 != 0 || lines.Rows < 2 {
		return a
	}
	// Odd multiples of a cache line spread over all sets.
	stride := ceilDiv(lines.Cols, 16) | 1
	stride *= 16
	if n := lines.Rows * stride; len(w.a) < n {
		w.a = make([]float32, n)
	}
	for i := range lines.Rows {
		copy(w.a[i*stride:][:lines.Cols], lines.Data[i*lines.RowStride:])
	}
	lines.Data, lines.RowStride = w.a, stride
	if a.RowStride == 1 {
		return lines.T()
	}
	return lines
}

// multiply sets c to a·b, or adds a·b to c. b is packed as panels of nr columns.
// Rows are cut into tiles as even as can be: a tile of few rows has too few
// sums to keep the multipliers busy.
func (r *f32Row) multiply(c, a Matrix, panels []float32, add bool, tile []float32) {
	var addFlag uintptr
	if add {
		addFlag = 1
	}
	mr, nr, k := r.mr(), r.nr, a.Cols
	tiles := ceilDiv(c.Rows, mr)
	least, more := c.Rows/tiles, c.Rows%tiles
	aRow, aCol, cRow := uintptr(4*a.RowStride), uintptr(4*a.ColStride), uintptr(4*c.RowStride)
	for j := 0; j < c.Cols; j += nr {
		b := &panels[j*k]
		if c.Rows == 1 && r.gemv != nil && c.Cols-j >= 4*nr {
			r.gemv(&c.Data[j], &a.Data[0], aCol, b, uintptr(4*nr*k), uintptr(k), addFlag)
			j += 3 * nr
			continue
		}
		cols := min(nr, c.Cols-j)
		for t, i := 0, 0; t < tiles; t++ {
			rows := least
			if t < more {
				rows++
			}
			f, x := r.tiles[rows], &a.Data[i*a.RowStride]
			if cols == nr {
				f(&c.Data[i*c.RowStride+j], cRow, x, aRow, aCol, b, uintptr(k), addFlag)
			} else {
				if add {
					for s := range rows {
						copy(tile[s*nr:], c.Data[(i+s)*c.RowStride+j:][:cols])
					}
				}
				f(&tile[0], uintptr(4*nr), x, aRow, aCol, b, uintptr(k), addFlag)
				for s := range rows {
					copy(c.Data[(i+s)*c.RowStride+j:][:cols], tile[s*nr:])
				}
			}
			i += rows
		}
	}
}

// packF32Panels copies b as panels of nr columns, one row of a panel behind the
// other. Columns of the last panel that b does not have are left undefined.
func (r *f32Row) packF32Panels(dst []float32, b Matrix) {
	if r.packRows != nil && b.ColStride == 1 {
		r.packRowPanels(dst, b)
		return
	}
	for j := 0; j < b.Cols; j += r.nr {
		panel := dst[j*b.Rows:][:r.nr*b.Rows]
		v := b.view(0, j, b.Rows, min(r.nr, b.Cols-j))
		if r.packColumns != nil && b.RowStride == 1 {
			r.packColumnPanel(panel, v)
		} else {
			packF32Panel(panel, v, r.nr)
		}
	}
}

// packRowPanels packs adjacent columns, 16 at a time. It goes over few rows at
// once, so that their pages stay in the TLB from panel to panel.
func (r *f32Row) packRowPanels(dst []float32, b Matrix) {
	const chunk = 32
	for k := 0; k < b.Rows; k += chunk {
		rows := min(chunk, b.Rows-k)
		for j := 0; j < b.Cols; j += 16 {
			panel, column := j/r.nr*r.nr, j%r.nr
			r.packRows(&dst[panel*b.Rows+k*r.nr+column], uintptr(4*r.nr), &b.Data[k*b.RowStride+j], uintptr(4*b.RowStride), uintptr(rows), uintptr(min(16, b.Cols-j)))
		}
	}
}

// packColumnPanel packs columns whose elements are adjacent, in blocks of 8x8.
func (r *f32Row) packColumnPanel(panel []float32, b Matrix) {
	rows, cols := b.Rows&^7, b.Cols&^7
	if rows > 0 {
		for j := 0; j < cols; j += 8 {
			r.packColumns(&panel[j], uintptr(4*r.nr), &b.Data[j*b.ColStride], uintptr(4*b.ColStride), uintptr(rows))
		}
		packF32Panel(panel[min(cols, r.nr-1):], b.view(0, cols, rows, b.Cols-cols), r.nr)
	}
	packF32Panel(panel[min(rows, b.Rows-1)*r.nr:], b.view(rows, 0, b.Rows-rows, b.Cols), r.nr)
}

// packF32Panel packs any columns, to rows that are nr apart.
func packF32Panel(panel []float32, b Matrix, nr int) {
	for j := range b.Cols {
		for k := range b.Rows {
			panel[k*nr+j] = b.Data[k*b.RowStride+j*b.ColStride]
		}
	}
}
