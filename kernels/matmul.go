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
	if m.Rows > 0 && m.Cols > 0 {
		if last := (m.Rows-1)*m.RowStride + (m.Cols-1)*m.ColStride; last >= len(m.Data) {
			panic(fmt.Sprintf("kernels: MatMul: %s is %dx%d with strides %d, %d but has %d elements: want at least %d",
				name, m.Rows, m.Cols, m.RowStride, m.ColStride, len(m.Data), last+1))
		}
	}
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
	w.grow(r)
	// Block by block as BLIS does: a panel of b stays in the L1 cache while
	// the rows of a block of a, which stays in L2, pass it by.
	for k, kc := 0, 0; k < a.Cols; k += kc {
		kc = blockSize(a.Cols-k, matMulKC, 1)
		for j, nc := 0, 0; j < c.Cols; j += nc {
			nc = blockSize(c.Cols-j, matMulNC, r.nr)
			packF32Panels(w.b, b.view(k, j, kc, nc), r.nr)
			for i, mc := 0, 0; i < c.Rows; i += mc {
				mc = blockSize(c.Rows-i, matMulMC, r.mr())
				block := w.unalias(a.view(i, k, mc, kc))
				r.multiply(c.view(i, j, mc, nc), block, w.b, add || k > 0, w.tile)
			}
		}
	}
}

// The largest blocks: 20 KiB for a panel of b (16 columns) beside 8 KiB for a
// tile's rows of a in L1, 240 KiB for a block of a in L2, 640 KiB for one of b.
const (
	matMulKC = 320
	matMulMC = 192
	matMulNC = 512
)

// blockSize cuts n into equal blocks of at most limit, and returns the size of
// the first, rounded up to a multiple of unit.
func blockSize(n, limit, unit int) int {
	limit = max(limit/unit, 1) * unit
	blocks := (n + limit - 1) / limit
	size := (n + blocks - 1) / blocks
	return min((size+unit-1)/unit*unit, n)
}

// view is the part of m with its first element at (i, j).
func (m Matrix) view(i, j, rows, cols int) Matrix {
	m.Data, m.Rows, m.Cols = m.Data[i*m.RowStride+j*m.ColStride:], rows, cols
	return m
}

// matMulWorkspace holds the copies that MatMul makes.
type matMulWorkspace struct {
	a, b, tile []float32
}

var matMulPool = sync.Pool{New: func() any { return new(matMulWorkspace) }}

func (w *matMulWorkspace) grow(r *f32Row) {
	if n := matMulKC * max(matMulNC, r.nr); len(w.b) < n {
		w.b = make([]float32, n)
	}
	if n := r.mr() * r.nr; len(w.tile) < n {
		w.tile = make([]float32, n)
	}
}

// unalias returns a, copied if the rows of a tile would fall on the same few
// sets of the L1 cache.
func (w *matMulWorkspace) unalias(a Matrix) Matrix {
	if a.ColStride != 1 || a.RowStride%128 != 0 || a.Rows == 1 {
		return a
	}
	const stride = matMulKC + 16
	if len(w.a) == 0 {
		w.a = make([]float32, matMulMC*stride)
	}
	for i := range a.Rows {
		copy(w.a[i*stride:][:a.Cols], a.Data[i*a.RowStride:][:a.Cols])
	}
	a.Data, a.RowStride = w.a, stride
	return a
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
	tiles := (c.Rows + mr - 1) / mr
	least, more := c.Rows/tiles, c.Rows%tiles
	aRow, aCol, cRow := uintptr(4*a.RowStride), uintptr(4*a.ColStride), uintptr(4*c.RowStride)
	for j := 0; j < c.Cols; j += nr {
		b := &panels[j*k]
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

// packF32Panels copies b as panels of nr columns, a panel row after row. The last
// panel is filled up with zeros.
func packF32Panels(dst []float32, b Matrix, nr int) {
	for j := 0; j < b.Cols; j += nr {
		panel := dst[j*b.Rows:][:nr*b.Rows]
		v := b.view(0, j, b.Rows, min(nr, b.Cols-j))
		switch {
		case v.Cols < nr:
			packEdge(panel, v, nr)
		case v.ColStride == 1:
			packRows(panel, v)
		default:
			packColumns(panel, v)
		}
	}
}

func packEdge(panel []float32, b Matrix, nr int) {
	for k := range b.Rows {
		row := panel[k*nr:][:nr]
		src := b.Data[k*b.RowStride:]
		for j := range b.Cols {
			row[j] = src[j*b.ColStride]
		}
		clear(row[b.Cols:])
	}
}

// packRows copies 4 elements at a time: the compiler does that by one load.
func packRows(panel []float32, b Matrix) {
	for k := range b.Rows {
		dst, src := panel[k*b.Cols:][:b.Cols], b.Data[k*b.RowStride:][:b.Cols]
		for len(dst) >= 16 && len(src) >= 16 {
			*(*[16]float32)(dst) = [16]float32(src)
			dst, src = dst[16:], src[16:]
		}
		copy(dst, src)
	}
}

func packColumns(panel []float32, b Matrix) {
	nr := b.Cols
	k := 0
	if b.RowStride == 1 && nr%4 == 0 {
		for ; k+4 <= b.Rows; k += 4 {
			for j := 0; j < nr; j += 4 {
				x0 := (*[4]float32)(b.Data[j*b.ColStride+k:])
				x1 := (*[4]float32)(b.Data[(j+1)*b.ColStride+k:])
				x2 := (*[4]float32)(b.Data[(j+2)*b.ColStride+k:])
				x3 := (*[4]float32)(b.Data[(j+3)*b.ColStride+k:])
				for s := range 4 {
					y := (*[4]float32)(panel[(k+s)*nr+j:])
					y[0], y[1], y[2], y[3] = x0[s], x1[s], x2[s], x3[s]
				}
			}
		}
	}
	for ; k < b.Rows; k++ {
		for j := range nr {
			panel[k*nr+j] = b.Data[k*b.RowStride+j*b.ColStride]
		}
	}
}
