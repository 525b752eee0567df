package suite

import (
	"fmt"
	"testing"

	"example.com/lowbit/kernels"
)

// MatMul measures the products of training: lenet's conv2 on a batch
// of 64 images, forward (a·bᵀ with weights in rows), the gradient of the
// activations (a·b) and the gradient of the weights (aᵀ·b).
func MatMul(b *testing.B) {
	for _, s := range []struct {
		size
		layout string
	}{{size{4096, 64, 800}, "nt"}, {size{4096, 800, 64}, "nn"}, {size{64, 800, 4096}, "tn"}} {
		for _, k := range rows(kernels.OpGEMMFloat32, kernels.Formats{}) {
			name := fmt.Sprintf("%s/impl=%s/%v/cache=hot/layout=%s", floatKeys, k.Name, s.size, s.layout)
			run(b, name, func() (*work, error) { return matMul(k, s.size, s.layout), nil })
		}
	}
}

// matMul makes data in the layout and the check of it in plain rows. MatMul
// dispatches at each call.
func matMul(k kernels.Kernel, s size, layout string) *work {
	p := newFloatProduct(s) // x is MxK, w is NxK
	a, b := kernels.RowMajor(p.x, s.m, s.k), kernels.RowMajor(p.w, s.n, s.k).T()
	if layout[0] == 't' {
		a = transposed(a)
	}
	if layout[1] == 'n' {
		b = transposed(b)
	}
	c := kernels.RowMajor(p.dst, s.m, s.n)
	return &work{
		around: func() (func(), error) { return use(k) },
		run:    func(int) { kernels.MatMul(c, a, b, false) },
		check:  p.check,
		macs:   s.macs(), bytes: 4 * (len(p.x) + len(p.w) + len(p.dst)),
		loop: loopOf(k, FloatFormats),
	}
}

// transposed is the same matrix with rows and columns exchanged in memory.
func transposed(m kernels.Matrix) kernels.Matrix {
	data := make([]float32, m.Rows*m.Cols)
	for i := range m.Rows {
		for j := range m.Cols {
			data[j*m.Rows+i] = m.Data[i*m.RowStride+j*m.ColStride]
		}
	}
	return kernels.RowMajor(data, m.Cols, m.Rows).T()
}
