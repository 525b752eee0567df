package kernels

import (
	"fmt"
	"sync"
)

// A ConvTraining computes the three float32 products of training a convolution:
// its sums, and the gradients of its weights and of its inputs. No matrix of
// patches is ever made: windows are multiplied where they lie in the image. It
// is safe for use by many goroutines; each method runs on the calling one, and
// allocates nothing once its pooled workspace has grown. For one kernel, the
// bits of a result depend only on the numbers of images and on the values.
type ConvTraining struct {
	row   *f32Row
	shape ConvShape
	h, w  int // of an image with its padding
	taps  []uintptr
	// Of the windows of the images of a group; back is taps of the
	// convolution that takes dy to dx, if there is one.
	places []uintptr
	group  int
	back   []uintptr
	pool   sync.Pool
}

// Blocks of the reduction. A block of b's panel, and as many lines of a that
// the gradient of weights reads, stay in L1.
const (
	trainingKC     = matMulKC
	trainingPlaces = 192
	// trainingChunk bounds the elements of the padded images made at a time.
	trainingChunk = 1 << 16
)

type trainingWorkspace struct{ b, image, tile []float32 }

// grow returns the first n elements of a buffer that grows as needed.
func grow(buf *[]float32, n int) []float32 {
	if len(*buf) < n {
		*buf = make([]float32, n)
	}
	return (*buf)[:n]
}

// NewConvTraining plans the products for a shape. Weights are ordered
// [OutC][KH][KW][InC]. It returns an error if the shape cannot be.
func NewConvTraining(shape ConvShape) (*ConvTraining, error) {
	if err := shape.Check(); err != nil {
		return nil, err
	}
	t := &ConvTraining{row: current.Load().f32, shape: shape, h: shape.H + 2*shape.PadH, w: shape.W + 2*shape.PadW}
	t.pool.New = func() any { return &trainingWorkspace{tile: make([]float32, t.row.mr()*t.row.nr)} }
	s := &t.shape
	t.taps = windowPlaces(s.KH, s.KW, s.InC, t.w)
	positions := s.OutH() * s.OutW()
	t.group = max(1, trainingPlaces/positions)
	for image := range t.group {
		for oy := range s.OutH() {
			for ox := range s.OutW() {
				t.places = append(t.places, uintptr(4*((image*t.h+oy*s.StrideH)*t.w+ox*s.StrideW)*s.InC))
			}
		}
	}
	if t.same() {
		t.back = windowPlaces(s.KH, s.KW, s.OutC, s.OutW()+s.KW-1)
	}
	return t, nil
}

// windowPlaces lists where the elements of a window lie, in bytes.
func windowPlaces(kh, kw, channels, width int) []uintptr {
	var list []uintptr
	for y := range kh {
		for x := range kw {
			for c := range channels {
				list = append(list, uintptr(4*((y*width+x)*channels+c)))
			}
		}
	}
	return list
}

// same says whether dx is a convolution of dy with no more products than dy has:
// then none of dx's sums has to be stored and loaded again for each tap.
func (t *ConvTraining) same() bool {
	s := &t.shape
	return s.StrideH == 1 && s.StrideW == 1 && 2*s.PadH == s.KH-1 && 2*s.PadW == s.KW-1
}

// Kernel is the name of the kernel that was chosen.
func (t *ConvTraining) Kernel() string { return t.row.name() }

// Shape is the convolution's shape.
func (t *ConvTraining) Shape() ConvShape { return t.shape }

func (t *ConvTraining) check(method string, x, w, y, images int) {
	s := &t.shape
	in, out, weights := s.H*s.W*s.InC, s.OutH()*s.OutW()*s.OutC, s.OutC*s.K()
	if images < 0 || images > maxDim || x != images*in || y != images*out || w != weights {
		panic(fmt.Sprintf("kernels: ConvTraining.%s: %d images, %d inputs, %d weights, %d outputs: want %d*%d = %d inputs, %d weights, %d*%d = %d outputs",
			method, images, x, w, y, images, in, images*in, weights, images, out, images*out))
	}
}

// Forward sets y[images][OutH][OutW][OutC] to the convolution of
// x[images][H][W][InC] with w. Pixels outside an image have the value pad. A sum
// takes its products in the order of the weights, as MatMul's does. It panics if
// a length is not as the shape says.
func (t *ConvTraining) Forward(y, x, w []float32, images int, pad float32) {
	t.check("Forward", len(x), len(w), len(y), images)
	ws := t.pool.Get().(*trainingWorkspace)
	defer t.pool.Put(ws)
	s := &t.shape
	k, nr := s.K(), t.row.nr
	width := ceilDiv(s.OutC, nr) * nr
	b := grow(&ws.b, width*k)
	m := RowMajor(w, s.OutC, k).T()
	for k0, kc := 0, 0; k0 < k; k0 += kc {
		kc = blockSize(k-k0, trainingKC, 1)
		t.row.packF32Panels(b[width*k0:], m.view(k0, 0, kc, s.OutC))
	}
	in, out := s.H*s.W*s.InC, s.OutH()*s.OutW()*s.OutC
	step := t.chunk()
	for i := 0; i < images; i += step {
		n := min(step, images-i)
		image := t.padded(ws, x[i*in:(i+n)*in], s.H, s.W, s.InC, s.PadH, s.PadW, pad)
		t.slide(ws, y[i*out:(i+n)*out], image, b, t.taps, slideShape{n, s.OutH(), s.OutW(), s.OutC, t.h, t.w, s.InC, s.StrideH, s.StrideW})
	}
}

// chunk is the number of images that are padded at a time.
func (t *ConvTraining) chunk() int {
	s := &t.shape
	return max(1, trainingChunk/max(t.h*t.w*s.InC, (s.OutH()+s.KH-1)*(s.OutW()+s.KW-1)*s.OutC))
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

// slideShape is what slide goes over: images of outH x outW x outC sums, from
// windows in images of h x w x c.
type slideShape struct{ images, outH, outW, outC, h, w, c, strideH, strideW int }

// slide multiplies windows of x by packed panels.
func (t *ConvTraining) slide(ws *trainingWorkspace, y, x, packed []float32, taps []uintptr, s slideShape) {
	r := t.row
	k, nr := len(taps), r.nr
	width := ceilDiv(s.outC, nr) * nr
	aRow, lineCut := uintptr(4*s.strideW*s.c), r.cut(s.outW)
	for k0, kc := 0, 0; k0 < k; k0 += kc {
		kc = blockSize(k-k0, trainingKC, 1)
		for j := 0; j < s.outC; j += nr {
			e := edge{row: r, tile: ws.tile, cols: min(nr, s.outC-j), stride: s.outC}
			b := &packed[width*k0+j*kc]
			for line := range s.images * s.outH {
				image, oy := line/s.outH, line%s.outH
				a := x[(image*s.h+oy*s.strideH)*s.w*s.c:]
				c := y[line*s.outW*s.outC+j:]
				for q, i, rows := 0, 0, 0; q < lineCut.tiles; q, i = q+1, i+rows {
					rows = lineCut.rows(q)
					e.window(c[i*s.outC:], &a[i*s.strideW*s.c], aRow, &taps[k0], b, kc, rows, k0 > 0)
				}
			}
		}
	}
}

// A cut is rows cut into tiles as even as can be.
type cut struct{ tiles, least, more int }

func (r *f32Row) cut(n int) cut {
	tiles := ceilDiv(n, r.mr())
	return cut{tiles, n / tiles, n % tiles}
}

// rows is the number of rows of tile t.
func (c cut) rows(t int) int {
	if t < c.more {
		return c.least + 1
	}
	return c.least
}

// An edge runs tiles of a panel that may have fewer columns than they.
type edge struct {
	row    *f32Row
	tile   []float32
	cols   int
	stride int // between rows of c, in elements
}

// window runs a tile on windows, adjacent rows of which are aRow bytes apart.
func (e *edge) window(c []float32, a *float32, aRow uintptr, places *uintptr, b *float32, k, rows int, add bool) {
	f, nr := e.row.window[rows], e.row.nr
	if e.cols == nr {
		f(&c[0], uintptr(4*e.stride), a, aRow, places, b, uintptr(k), oneIf(add))
		return
	}
	e.load(c, rows, add)
	f(&e.tile[0], uintptr(4*nr), a, aRow, places, b, uintptr(k), oneIf(add))
	e.store(c, rows)
}

// product runs a tile on a matrix whose rows of adjacent elements are aRow bytes
// apart, and adds to c.
func (e *edge) product(c []float32, a *float32, aRow uintptr, b *float32, k, rows int) {
	f, nr := e.row.tiles[rows], e.row.nr
	if e.cols == nr {
		f(&c[0], uintptr(4*e.stride), a, aRow, 4, b, uintptr(k), 1)
		return
	}
	e.load(c, rows, true)
	f(&e.tile[0], uintptr(4*nr), a, aRow, 4, b, uintptr(k), 1)
	e.store(c, rows)
}

func (e *edge) load(c []float32, rows int, add bool) {
	for s := 0; s < rows && add; s++ {
		copy(e.tile[s*e.row.nr:], c[s*e.stride:][:e.cols])
	}
}

func (e *edge) store(c []float32, rows int) {
	for s := range rows {
		copy(c[s*e.stride:][:e.cols], e.tile[s*e.row.nr:])
	}
}

func oneIf(b bool) uintptr {
	if b {
		return 1
	}
	return 0
}

// Weights sets grad[KH*KW*InC][OutC], the weights' order transposed, to the
// gradient of the weights, or adds it to grad: the sums of x times the gradient
// dy of the convolution over images and positions, taken in this order. Pixels
// outside an image have the value pad. It panics if a length is not as the shape
// says.
func (t *ConvTraining) Weights(grad, x, dy []float32, images int, pad float32, add bool) {
	t.check("Weights", len(x), len(grad), len(dy), images)
	if images == 0 && !add {
		clear(grad)
	}
	ws := t.pool.Get().(*trainingWorkspace)
	defer t.pool.Put(ws)
	s, r := &t.shape, t.row
	nr, run := r.nr, s.KW*s.InC
	runCut := r.cut(run)
	positions := s.OutH() * s.OutW()
	in, size := s.H*s.W*s.InC, t.h*t.w*s.InC
	step := max(1, t.chunk()/t.group) * t.group
	b := grow(&ws.b, min(t.group*positions, trainingPlaces)*ceilDiv(s.OutC, nr)*nr)
	for i := 0; i < images; i += step {
		n := min(step, images-i)
		image := t.padded(ws, x[i*in:(i+n)*in], s.H, s.W, s.InC, s.PadH, s.PadW, pad)
		for g := 0; g < n; g += t.group {
			count := min(t.group, n-g) * positions
			for p, pc := 0, 0; p < count; p += pc {
				pc = blockSize(count-p, trainingPlaces, 1)
				more := add || i+g+p > 0
				r.packF32Panels(b, RowMajor(dy[((i+g)*positions+p)*s.OutC:], pc, s.OutC))
				for j := 0; j < s.OutC; j += nr {
					e := edge{row: r, tile: ws.tile, cols: min(nr, s.OutC-j), stride: s.OutC}
					for ky := range s.KH {
						a, c := image[g*size+ky*t.w*s.InC:], grad[ky*run*s.OutC+j:]
						for q, i, rows := 0, 0, 0; q < runCut.tiles; q, i = q+1, i+rows {
							rows = runCut.rows(q)
							e.window(c[i*s.OutC:], &a[i], 4, &t.places[p], &b[j*pc], pc, rows, more)
						}
					}
				}
			}
		}
	}
}

// Inputs sets dx[images][H][W][InC] to the gradient of the inputs, of dy and the
// weights w. It panics if a length is not as the shape says.
func (t *ConvTraining) Inputs(dx, dy, w []float32, images int) {
	t.check("Inputs", len(dx), len(w), len(dy), images)
	ws := t.pool.Get().(*trainingWorkspace)
	defer t.pool.Put(ws)
	s, r := &t.shape, t.row
	k, nr, taps := s.K(), r.nr, s.KH*s.KW
	width := ceilDiv(s.InC, nr) * nr
	b := grow(&ws.b, taps*s.OutC*width)
	in, out := s.H*s.W*s.InC, s.OutH()*s.OutW()*s.OutC
	// of is the matrix [OutC][InC] of a tap's weights.
	of := func(tap int) Matrix {
		return Matrix{Data: w[tap*s.InC:], Rows: s.OutC, Cols: s.InC, RowStride: k, ColStride: 1}
	}
	step := t.chunk()
	if t.same() {
		t.packFlipped(b, width, of)
		padH, padW := s.KH-1-s.PadH, s.KW-1-s.PadW
		for i := 0; i < images; i += step {
			n := min(step, images-i)
			grads := t.padded(ws, dy[i*out:(i+n)*out], s.OutH(), s.OutW(), s.OutC, padH, padW, 0)
			t.slide(ws, dx[i*in:(i+n)*in], grads, b, t.back, slideShape{n, s.H, s.W, s.InC, s.OutH() + 2*padH, s.OutW() + 2*padW, s.OutC, 1, 1})
		}
		return
	}
	for tap := range taps {
		r.packF32Panels(b[tap*s.OutC*width:], of(tap))
	}
	for i := range images {
		t.scatter(ws, dx[i*in:(i+1)*in], dy[i*out:(i+1)*out], b, width)
	}
}

// packFlipped packs the weights of the convolution from dy to dx: the taps in
// the opposite order, outputs and inputs exchanged. A block of the reduction may
// begin and end within a tap.
func (t *ConvTraining) packFlipped(b []float32, width int, of func(tap int) Matrix) {
	s, r := &t.shape, t.row
	taps := s.KH * s.KW
	k := taps * s.OutC
	for k0, kc := 0, 0; k0 < k; k0 += kc {
		kc = blockSize(k-k0, trainingKC, 1)
		for j := 0; j < s.InC; j += r.nr {
			panel := b[width*k0+j*kc:]
			for at := k0; at < k0+kc; {
				tap, o := at/s.OutC, at%s.OutC
				n := min(s.OutC-o, k0+kc-at)
				r.packF32Panels(panel[(at-k0)*r.nr:], of(taps-1-tap).view(o, j, n, min(r.nr, s.InC-j)))
				at += n
			}
		}
	}
}

// scatter adds each tap's product to the inputs that it reads.
func (t *ConvTraining) scatter(ws *trainingWorkspace, dx, dy, packed []float32, width int) {
	s, r := &t.shape, t.row
	d, pads := dx, s.PadH > 0 || s.PadW > 0
	if pads {
		d = grow(&ws.image, t.h*t.w*s.InC)
	}
	clear(d)
	outH, outW := s.OutH(), s.OutW()
	aRow, lineCut := uintptr(4*s.OutC), r.cut(outW)
	for tap := range s.KH * s.KW {
		ky, kx := tap/s.KW, tap%s.KW
		for j := 0; j < s.InC; j += r.nr {
			e := edge{row: r, tile: ws.tile, cols: min(r.nr, s.InC-j), stride: s.StrideW * s.InC}
			b := &packed[tap*s.OutC*width+j*s.OutC]
			for oy := range outH {
				c := d[((oy*s.StrideH+ky)*t.w+kx)*s.InC+j:]
				a := dy[oy*outW*s.OutC:]
				for q, i, rows := 0, 0, 0; q < lineCut.tiles; q, i = q+1, i+rows {
					rows = lineCut.rows(q)
					e.product(c[i*e.stride:], &a[i*s.OutC], aRow, b, s.OutC, rows)
				}
			}
		}
	}
	if pads {
		for y := range s.H {
			copy(dx[y*s.W*s.InC:][:s.W*s.InC], d[((y+s.PadH)*t.w+s.PadW)*s.InC:])
		}
	}
}
