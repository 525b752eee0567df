package kernels

// Convolutions of 5x5 and their gradients by Winograd's F(4x4, 5x5): 400 products for the
// 16 sums of a tile are 64, one for each of the points at which polynomials are
// multiplied. Of whole numbers, sums are whole no more: Forward does not take exact ones
// this way; gradients, which are not whole, always do.

// A conv5Transform takes tiles of channels, 8 times blocks of them, to the points or
// back. Rows and columns lie so many bytes apart.
type conv5Transform func(dst *float32, dstRow, dstCol uintptr, src *float32, srcRow, srcCol uintptr, scratch *float32, blocks uintptr)

// conv5Steps are the transforms of images, of gradients of sums and of weights, and
// those back, of which the last two add.
type conv5Steps struct{ image, sums, weights, toSums, toImage, toWeights conv5Transform }

const (
	conv5Points = 64
	conv5Tile   = 4 // sums of a tile, each way; it reads 8 pixels
	// conv5Tiles bounds the tiles that are transformed at a time.
	conv5Tiles = 64
)

// conv5 says whether a convolution can take this way.
func (t *ConvTraining) conv5() bool {
	s := &t.shape
	return t.row.conv5 != nil && s.KH == 5 && s.KW == 5 && s.StrideH == 1 && s.StrideW == 1 && s.InC%8 == 0 && s.InC > 8 && s.OutC%8 == 0 &&
		s.OutH()%conv5Tile == 0 && s.OutW()%conv5Tile == 0
}

// A points is what transforms put out: for each point a matrix of rows and columns,
// packed as panels of nr columns if nr is not 0.
type points struct {
	data           []float32
	rows, cols, nr int
}

// floats is the distance of points. It is an odd number of cache lines, so that those
// of an element lie in different sets.
func (p *points) floats() int {
	cols := p.cols
	if p.nr > 0 {
		cols = ceilDiv(cols, p.nr) * p.nr
	}
	return oddLines(p.rows * cols)
}

// newPoints takes the memory from buf.
func newPoints(buf *[]float32, rows, cols, nr int) points {
	p := points{nil, rows, cols, nr}
	p.data = grow(buf, conv5Points*p.floats())
	return p
}

// matrix is that of point i, for points that are not packed.
func (p *points) matrix(i int) Matrix { return RowMajor(p.data[i*p.floats():], p.rows, p.cols) }

// set transforms the columns src of a row.
func (p *points) set(f conv5Transform, row int, src []float32, srcRow, srcCol int, scratch *float32) {
	step := uintptr(4 * p.floats())
	if p.nr == 0 {
		f(&p.data[row*p.cols], 8*step, step, &src[0], uintptr(4*srcRow), uintptr(4*srcCol), scratch, uintptr(p.cols/8))
		return
	}
	for j := 0; j < p.cols; j += p.nr {
		n := min(p.nr, p.cols-j)
		f(&p.data[j*p.rows+row*p.nr], 8*step, step, &src[j], uintptr(4*srcRow), uintptr(4*srcCol), scratch, uintptr(n/8))
	}
}

// back transforms a row back, to dst.
func (p *points) back(f conv5Transform, row int, dst []float32, dstRow, dstCol int, scratch *float32) {
	step := uintptr(4 * p.floats())
	f(&dst[0], uintptr(4*dstRow), uintptr(4*dstCol), &p.data[row*p.cols], 8*step, step, scratch, uintptr(p.cols/8))
}

// eachTile calls f for the tiles of n images of rows of w pixels of c channels, with
// the place of each one's first pixel. Tiles are numbered across images.
func (t *ConvTraining) eachTile(n, h, w, c int, f func(tile, at int)) {
	outH, outW := t.shape.OutH(), t.shape.OutW()
	tile := 0
	for i := range n {
		for y := 0; y < outH; y += conv5Tile {
			for x := 0; x < outW; x += conv5Tile {
				f(tile, ((i*h+y)*w+x)*c)
				tile++
			}
		}
	}
}

// conv5Chunk is the number of images that are transformed at a time, and tiles that
// of an image's.
func (t *ConvTraining) conv5Chunk() (images, tiles int) {
	tiles = t.shape.OutH() / conv5Tile * t.shape.OutW() / conv5Tile
	return max(1, conv5Tiles/tiles), tiles
}

// conv5Forward is Forward.
func (t *ConvTraining) conv5Forward(ws *trainingWorkspace, y, x, b []float32, images int, pad float32) {
	s, r := &t.shape, t.row
	scratch, steps := &ws.scratch[0], t.row.conv5
	panels := t.conv5Panels()
	in, out := s.H*s.W*s.InC, s.OutH()*s.OutW()*s.OutC
	step, tiles := t.conv5Chunk()
	for i := 0; i < images; i += step {
		n := min(step, images-i)
		image := t.padded(ws, x[i*in:(i+n)*in], s.H, s.W, s.InC, s.PadH, s.PadW, pad)
		pixels, products := newPoints(&ws.v, n*tiles, s.InC, 0), newPoints(&ws.m, n*tiles, s.OutC, 0)
		t.eachTile(n, t.h, t.w, s.InC, func(tile, at int) {
			pixels.set(steps.image, tile, image[at:], t.w*s.InC, s.InC, scratch)
		})
		for k := range conv5Points {
			r.multiply(products.matrix(k), pixels.matrix(k), b[k*panels:], false, ws.tile)
		}
		t.eachTile(n, s.OutH(), s.OutW(), s.OutC, func(tile, at int) {
			products.back(steps.toSums, tile, y[i*out+at:], s.OutW()*s.OutC, s.OutC, scratch)
		})
	}
}

// conv5Inputs is Inputs.
func (t *ConvTraining) conv5Inputs(ws *trainingWorkspace, dx, dy, b []float32, images int) {
	s, r := &t.shape, t.row
	scratch, steps := &ws.scratch[0], t.row.conv5
	weights := points{b, s.OutC, s.InC, r.nr}
	in, out := s.H*s.W*s.InC, s.OutH()*s.OutW()*s.OutC
	step, tiles := t.conv5Chunk()
	for i := 0; i < images; i += step {
		n := min(step, images-i)
		sums, products := newPoints(&ws.v, n*tiles, s.OutC, 0), newPoints(&ws.m, n*tiles, s.InC, 0)
		t.eachTile(n, s.OutH(), s.OutW(), s.OutC, func(tile, at int) {
			sums.set(steps.sums, tile, dy[i*out+at:], s.OutW()*s.OutC, s.OutC, scratch)
		})
		for k := range conv5Points {
			r.multiply(products.matrix(k), sums.matrix(k), weights.data[k*weights.floats():], false, ws.tile)
		}
		d := dx[i*in : (i+n)*in]
		if s.PadH > 0 || s.PadW > 0 {
			d = grow(&ws.image, n*t.x.size)
		}
		clear(d)
		t.eachTile(n, t.h, t.w, s.InC, func(tile, at int) {
			products.back(steps.toImage, tile, d[at:], t.w*s.InC, s.InC, scratch)
		})
		if s.PadH > 0 || s.PadW > 0 {
			t.crop(dx[i*in:(i+n)*in], d)
		}
	}
}

// crop copies images without their padding.
func (t *ConvTraining) crop(dst, src []float32) {
	s := &t.shape
	line := s.W * s.InC
	for y := range len(dst) / line {
		copy(dst[y*line:][:line], src[((y/s.H*t.h+y%s.H+s.PadH)*t.w+s.PadW)*s.InC:])
	}
}

// conv5Weights is Weights.
func (t *ConvTraining) conv5Weights(ws *trainingWorkspace, grad, x, dy []float32, images int, pad float32, add bool) {
	s, r := &t.shape, t.row
	scratch, steps := &ws.scratch[0], t.row.conv5
	if !add {
		clear(grad)
	}
	if images == 0 {
		return
	}
	in, out := s.H*s.W*s.InC, s.OutH()*s.OutW()*s.OutC
	products := newPoints(&ws.m, s.InC, s.OutC, 0)
	step, tiles := t.conv5Chunk()
	for i := 0; i < images; i += step {
		n := min(step, images-i)
		image := t.padded(ws, x[i*in:(i+n)*in], s.H, s.W, s.InC, s.PadH, s.PadW, pad)
		pixels, sums := newPoints(&ws.v, n*tiles, s.InC, 0), newPoints(&ws.u, n*tiles, s.OutC, r.nr)
		t.eachTile(n, t.h, t.w, s.InC, func(tile, at int) {
			pixels.set(steps.image, tile, image[at:], t.w*s.InC, s.InC, scratch)
		})
		t.eachTile(n, s.OutH(), s.OutW(), s.OutC, func(tile, at int) {
			sums.set(steps.sums, tile, dy[i*out+at:], s.OutW()*s.OutC, s.OutC, scratch)
		})
		for k := range conv5Points {
			r.multiply(products.matrix(k), pixels.matrix(k).T(), sums.data[k*sums.floats():], i > 0, ws.tile)
		}
	}
	for c := range s.InC {
		products.back(steps.toWeights, c, grad[c*s.OutC:], 5*s.InC*s.OutC, s.InC*s.OutC, scratch)
	}
}
