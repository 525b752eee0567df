package kernels

import "fmt"

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
// depend only on its row of a and its column of b. c must not overlap a or b,
// and ColStride of c must be 1. It panics, naming the shapes, if they do not fit.
func MatMul(c, a, b Matrix, add bool) {
	c.check("c")
	a.check("a")
	b.check("b")
	if a.Rows != c.Rows || b.Cols != c.Cols || a.Cols != b.Rows || c.ColStride != 1 {
		panic(fmt.Sprintf("kernels: MatMul: %dx%d (column stride %d) = %dx%d · %dx%d: want MxN (1) = MxK · KxN",
			c.Rows, c.Cols, c.ColStride, a.Rows, a.Cols, b.Rows, b.Cols))
	}
	for i := range c.Rows {
		row := c.Data[i*c.RowStride:][:c.Cols]
		if !add {
			clear(row)
		}
		for k := range a.Cols {
			x := a.Data[i*a.RowStride+k*a.ColStride]
			for j := range row {
				row[j] += x * b.Data[k*b.RowStride+j*b.ColStride]
			}
		}
	}
}
