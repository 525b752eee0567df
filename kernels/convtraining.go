package kernels

import (
	"fmt"
	"sync"
)

// A ConvTraining computes the three float32 products of training a convolution:
// its sums, and the gradients of its weights and of its inputs. No matrix of
// patches is ever made: windows are multiplied where they lie in the image, or, at a
// stride of 1 and with channels in multiples of 8, those of 3x3 and 5x5 weights are
// transformed to fewer products (see winograd and conv5), which rounds more: by some
// 1e-6 and 1e-5 of the largest sums. It is safe for use by many goroutines; each
// method runs on the calling one, and allocates nothing once its pooled workspace has
// grown. For one kernel, the bits of a result depend only on the values.
type ConvTraining struct {
	row   *f32Row
	shape ConvShape
	exact bool // sums of Forward are of whole numbers
	h, w  int  // of an image with its padding
	// Windows of x, and where the convolution that takes dy to dx has fewer
	// products than dy has, those of dy with a border of zeros.
	x, dy *windows
	// Where they are not nil, the convolutions of the methods.
	forward, weights, inputs *winograd
	// Rows one behind the other, of channels in or out, or of a panel.
	inRows, outRows, panelRows []uintptr
	channels                   []uintptr // of an output
	pool                       sync.Pool
}

// windows says where the elements of windows lie, in bytes: from a window's
// place, its elements, and the windows of a group of images.
type windows struct {
	taps, places []uintptr
	group        int
	positions    int // windows of an image
	size         int // elements of an image
}

// Blocks of the reduction. A block of b's panel, and as many lines of a that
// the gradient of weights reads, stay in L1. A group of images has enough
// windows for whole tiles.
const (
	trainingKC     = matMulKC
	trainingPlaces = 192
	// trainingChunk bounds the elements of the padded images made at a time.
	trainingChunk = 1 << 16
)

func newWindows(h, w, c, kh, kw, strideH, strideW int) *windows {
	outH, outW := (h-kh)/strideH+1, (w-kw)/strideW+1
	s := &windows{positions: outH * outW, size: h * w * c}
	s.group = max(1, trainingPlaces/s.positions)
	place := func(y, x, c0 int) uintptr { return uintptr(4 * ((y*w+x)*c + c0)) }
	for i := range kh * kw * c {
		s.taps = append(s.taps, place(i/c/kw, i/c%kw, i%c))
	}
	for i := range s.group * s.positions {
		image, p := i/s.positions, i%s.positions
		s.places = append(s.places, place(image*h+p/outW*strideH, p%outW*strideW, 0))
	}
	return s
}

// apart lists n rows that are so many elements apart.
func apart(n, elements int) []uintptr {
	list := make([]uintptr, n)
	for i := range list {
		list[i] = uintptr(4 * i * elements)
	}
	return list
}

type trainingWorkspace struct {
	b, image, tile                []float32
	u, v, m, line, outside, spare []float32 // see winograd
	scratch                       [8 * conv5Points]float32
	// rows are those of a line of tiles. They are here, and not in the functions that
	// set them, as what a kernel from a table is given escapes to the heap.
	rows [6]*float32
	sums []float32 // see Conv2DFloat32
}

// grow returns the first n elements of a buffer that grows as needed.
func grow(buf *[]float32, n int) []float32 {
	if len(*buf) < n {
		*buf = make([]float32, n)
	}
	return (*buf)[:n]
}

// NewConvTraining plans the products for a shape. Weights are ordered
// [OutC][KH][KW][InC]. If whole is not 0, weights, inputs and the pad of Forward are
// whole numbers and no product of the largest of them exceeds it: then its sums are
// exact if K*whole is at most 2^24. It returns an error if the shape cannot be, or
// whole is negative.
func NewConvTraining(shape ConvShape, whole int) (*ConvTraining, error) {
	if err := shape.Check(); err != nil {
		return nil, err
	}
	if whole < 0 {
		return nil, fmt.Errorf("kernels: ConvTraining: products up to %d: want at least 0", whole)
	}
	t := &ConvTraining{row: current.Load().f32, shape: shape, exact: whole != 0, h: shape.H + 2*shape.PadH, w: shape.W + 2*shape.PadW}
	s, r := &t.shape, t.row
	t.pool.New = func() any { return &trainingWorkspace{tile: make([]float32, len(r.window)*r.nr)} }
	t.x = newWindows(t.h, t.w, s.InC, s.KH, s.KW, s.StrideH, s.StrideW)
	if s.StrideH == 1 && s.StrideW == 1 && 2*s.PadH == s.KH-1 && 2*s.PadW == s.KW-1 {
		t.dy = newWindows(s.OutH()+s.KH-1, s.OutW()+s.KW-1, s.OutC, s.KH, s.KW, 1, 1)
	}
	if s.KH == 3 && s.KW == 3 && s.StrideH == 1 && s.StrideW == 1 {
		t.weights = bestWinograd(r, s.H, s.W, s.InC, s.OutC, s.PadH, s.PadW)
		if whole == 0 {
			t.forward = t.weights
		} else if whole <= winogradSum/s.K() {
			t.forward = newWinograd(r, 2, s.H, s.W, s.InC, s.OutC, s.PadH, s.PadW)
		}
		t.inputs = bestWinograd(r, s.OutH(), s.OutW(), s.OutC, s.InC, 2-s.PadH, 2-s.PadW)
	}
	t.channels = apart(s.OutC, 1)
	t.inRows, t.outRows, t.panelRows = apart(len(r.window), s.InC), apart(max(len(r.window), t.x.group*t.x.positions), s.OutC), apart(len(r.window), r.nr)
	return t, nil
}

// Kernel is the name of the kernel that was chosen.
func (t *ConvTraining) Kernel() string { return t.row.name() }

// Shape is the convolution's shape.
func (t *ConvTraining) Shape() ConvShape { return t.shape }

func (t *ConvTraining) check(method string, x, y, images int) {
	s := &t.shape
	in, out := s.H*s.W*s.InC, s.OutH()*s.OutW()*s.OutC
	if images < 0 || images > maxDim || x != images*in || y != images*out {
		panic(fmt.Sprintf("kernels: ConvTraining.%s: %d images, %d inputs, %d outputs: want %d*%d = %d inputs, %d*%d = %d outputs",
			method, images, x, y, images, in, images*in, images, out, images*out))
	}
}

// packed returns weights that were packed for the method.
func (t *ConvTraining) packed(method string, w *ConvWeights, inputs bool) []float32 {
	if w.of != t || w.inputs != inputs {
		panic("kernels: ConvTraining." + method + ": the weights were not packed for it")
	}
	return w.data
}

// Forward sets y[images][OutH][OutW][OutC] to the convolution of
// x[images][H][W][InC] with the weights that PackForward packed. Pixels outside an
// image have the value pad. A sum takes its products in the order of the weights, as
// MatMul's does, unless they are transformed. It panics if a length is not as the shape
// says, or if the weights are of another ConvTraining or for Inputs.
func (t *ConvTraining) Forward(y, x []float32, w *ConvWeights, images int, pad float32) {
	t.check("Forward", len(x), len(y), images)
	b := t.packed("Forward", w, false)
	ws := t.pool.Get().(*trainingWorkspace)
	defer t.pool.Put(ws)
	if !t.exact && t.conv5() {
		t.conv5Forward(ws, y, x, b, images, pad)
		return
	}
	if p := t.forward; p != nil {
		p.convolve(ws, y, x, b, images, pad)
		return
	}
	s := &t.shape
	in, out := s.H*s.W*s.InC, s.OutH()*s.OutW()*s.OutC
	step := t.chunk()
	for i := 0; i < images; i += step {
		n := min(step, images-i)
		image := t.padded(ws, x[i*in:(i+n)*in], s.H, s.W, s.InC, s.PadH, s.PadW, pad)
		t.slide(ws, y[i*out:(i+n)*out], t.outRows, s.OutC, image, b, t.x)
	}
}

// chunk is the number of images that are padded at a time.
func (t *ConvTraining) chunk() int {
	size := t.x.size
	if t.dy != nil {
		size = max(size, t.dy.size)
	}
	return max(1, trainingChunk/size/t.x.group) * t.x.group
}

// padded returns the images with their padding, in the workspace unless they
// have none.
func (t *ConvTraining) padded(ws *trainingWorkspace, x []float32, h, w, c, padH, padW int, pad float32) []float32 {
	if padH == 0 && padW == 0 {
		return x
	}
	row := (w + 2*padW) * c
	n := len(x) / (h * w * c)
	dst := grow(&ws.image, n*(h+2*padH)*row)
	for d := dst; n > 0; n-- {
		fill(d[:padH*row], pad)
		d = d[padH*row:]
		for range h {
			fill(d[:padW*c], pad)
			copy(d[padW*c:], x[:w*c])
			fill(d[(padW+w)*c:row], pad)
			x, d = x[w*c:], d[row:]
		}
		fill(d[:padH*row], pad)
		d = d[padH*row:]
	}
	return dst
}

func fill(s []float32, v float32) {
	for i := range s {
		s[i] = v
	}
}

// slide multiplies the windows of images by packed panels of cols columns.
func (t *ConvTraining) slide(ws *trainingWorkspace, y []float32, yRows []uintptr, cols int, images, packed []float32, v *windows) {
	k, nr := len(v.taps), t.row.nr
	width := ceilDiv(cols, nr) * nr
	count := len(y) / cols
	for k0, kc := 0, 0; k0 < k; k0 += kc {
		kc = blockSize(k-k0, trainingKC, 1)
		for j := 0; j < cols; j += nr {
			p := t.panel(ws, packed[width*k0+j*kc:], min(nr, cols-j), kc)
			for at := 0; at < count; at += len(v.places) {
				n := min(len(v.places), count-at)
				a := images[at/v.positions*v.size:]
				for q, i, rows, tiles := 0, 0, 0, p.row.cut(n); q < tiles.n; q, i = q+1, i+rows {
					rows = tiles.rows(q)
					p.multiply(y[(at+i)*cols+j:], yRows, &a[0], v.places[i:], &v.taps[k0], rows, k0 > 0)
				}
			}
		}
	}
}

// A cut is rows cut into tiles as even as can be.
type cut struct{ n, least, more int }

func (r *f32Row) cut(rows int) cut { return cutRows(rows, len(r.window)-1) }

// cutRows cuts rows into tiles of at most so many.
func cutRows(rows, most int) cut {
	n := ceilDiv(rows, most)
	return cut{n, rows / n, rows % n}
}

// rows is the number of rows of tile t.
func (c cut) rows(t int) int {
	if t < c.more {
		return c.least + 1
	}
	return c.least
}

// A trainingPanel is a panel of b that tiles pass by.
type trainingPanel struct {
	row  *f32Row
	b    *float32
	cols int // that there are, of the row's nr
	k    int
	tile []float32
	rows *uintptr // of tile
}

func (t *ConvTraining) panel(ws *trainingWorkspace, b []float32, cols, k int) trainingPanel {
	return trainingPanel{t.row, &b[0], cols, k, ws.tile, &t.panelRows[0]}
}

// multiply runs a tile of so many rows. A panel of fewer columns than the tile has
// goes by way of a copy of the tile.
func (p *trainingPanel) multiply(c []float32, cRows []uintptr, a *float32, aRows []uintptr, places *uintptr, rows int, add bool) {
	f, nr := p.row.window[rows], p.row.nr
	flag := uintptr(0)
	if add {
		flag = 1
	}
	if p.cols == nr {
		f(&c[0], &cRows[0], a, &aRows[0], places, p.b, uintptr(p.k), flag)
		return
	}
	for i, at := range cRows[:rows] {
		copy(p.tile[i*nr:], c[at/4:][:p.cols])
	}
	f(&p.tile[0], p.rows, a, &aRows[0], places, p.b, uintptr(p.k), flag)
	for i, at := range cRows[:rows] {
		copy(c[at/4:][:p.cols], p.tile[i*nr:])
	}
}

// Weights sets grad[KH*KW*InC][OutC], the weights' order transposed, to the
// gradient of the weights, or adds it to grad: the sums of x times the gradient
// dy of the convolution over images and positions, taken in this order unless they
// are transformed. Pixels outside an image have the value pad. It panics if a length is
// not as the shape says.
func (t *ConvTraining) Weights(grad, x, dy []float32, images int, pad float32, add bool) {
	t.check("Weights", len(x), len(dy), images)
	if s := &t.shape; len(grad) != s.OutC*s.K() {
		panic(fmt.Sprintf("kernels: ConvTraining.Weights: a gradient of %d: want %d*%d", len(grad), s.K(), s.OutC))
	}
	if images == 0 && !add {
		clear(grad)
	}
	ws := t.pool.Get().(*trainingWorkspace)
	defer t.pool.Put(ws)
	if t.conv5() {
		t.conv5Weights(ws, grad, x, dy, images, pad, add)
		return
	}
	if p := t.weights; p != nil && images > 0 {
		p.weights(ws, grad, x, dy, images, pad, add)
		return
	}
	s, r, v := &t.shape, t.row, t.x
	nr, in := r.nr, s.H*s.W*s.InC
	b := grow(&ws.b, min(len(v.places), trainingPlaces)*ceilDiv(s.OutC, nr)*nr)
	tiles, step := r.cut(len(v.taps)), t.chunk()
	for i := 0; i < images; i += step {
		n := min(step, images-i)
		image := t.padded(ws, x[i*in:(i+n)*in], s.H, s.W, s.InC, s.PadH, s.PadW, pad)
		for g := 0; g < n; g += v.group {
			count := min(v.group, n-g) * v.positions
			for at, k := 0, 0; at < count; at += k {
				k = blockSize(count-at, trainingPlaces, 1)
				more := add || i+g+at > 0
				r.packF32Panels(b, RowMajor(dy[((i+g)*v.positions+at)*s.OutC:], k, s.OutC))
				for j := 0; j < s.OutC; j += nr {
					p := t.panel(ws, b[j*k:], min(nr, s.OutC-j), k)
					for q, tap, rows := 0, 0, 0; q < tiles.n; q, tap = q+1, tap+rows {
						rows = tiles.rows(q)
						p.multiply(grad[tap*s.OutC+j:], t.outRows, &image[g*v.size], v.taps[tap:], &v.places[at], rows, more)
					}
				}
			}
		}
	}
}

// Inputs sets dx[images][H][W][InC] to the gradient of the inputs, of dy and the
// weights that PackInputs packed. It panics if a length is not as the shape says, or
// if the weights are of another ConvTraining or for Forward.
func (t *ConvTraining) Inputs(dx, dy []float32, w *ConvWeights, images int) {
	t.check("Inputs", len(dx), len(dy), images)
	b := t.packed("Inputs", w, true)
	ws := t.pool.Get().(*trainingWorkspace)
	defer t.pool.Put(ws)
	if t.conv5() {
		t.conv5Inputs(ws, dx, dy, b, images)
		return
	}
	if p := t.inputs; p != nil {
		p.convolve(ws, dx, dy, b, images, 0)
		return
	}
	s := &t.shape
	in, out := s.H*s.W*s.InC, s.OutH()*s.OutW()*s.OutC
	if t.dy != nil {
		padH, padW := s.KH-1-s.PadH, s.KW-1-s.PadW
		step := t.chunk()
		for i := 0; i < images; i += step {
			n := min(step, images-i)
			grads := t.padded(ws, dy[i*out:(i+n)*out], s.OutH(), s.OutW(), s.OutC, padH, padW, 0)
			t.slide(ws, dx[i*in:(i+n)*in], t.inRows, s.InC, grads, b, t.dy)
		}
		return
	}
	for i := 0; i < images; i += t.x.group {
		n := min(t.x.group, images-i)
		t.scatter(ws, dx[i*in:(i+n)*in], dy[i*out:(i+n)*out], b, ceilDiv(s.InC, t.row.nr)*t.row.nr, n)
	}
}

// scatter adds each tap's product to the inputs that it reads, in a group of
// images.
func (t *ConvTraining) scatter(ws *trainingWorkspace, dx, dy, packed []float32, width, images int) {
	s, r, v := &t.shape, t.row, t.x
	d, pads := dx, s.PadH > 0 || s.PadW > 0
	if pads {
		d = grow(&ws.image, images*v.size)
	}
	clear(d)
	tiles := r.cut(images * v.positions)
	for tap := range s.KH * s.KW {
		for j := 0; j < s.InC; j += r.nr {
			p := t.panel(ws, packed[tap*s.OutC*width+j*s.OutC:], min(r.nr, s.InC-j), s.OutC)
			c := d[v.taps[tap*s.InC]/4+uintptr(j):]
			for q, i, rows := 0, 0, 0; q < tiles.n; q, i = q+1, i+rows {
				rows = tiles.rows(q)
				p.multiply(c, v.places[i:], &dy[0], t.outRows[i:], &t.channels[0], rows, true)
			}
		}
	}
	if pads {
		t.crop(dx, d)
	}
}
