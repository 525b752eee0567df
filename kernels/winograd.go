package kernels

// Winograd's minimal filtering F(m x m, 3x3) (Lavin and Gray, Fast Algorithms for
// Convolutional Neural Networks, arXiv 1509.09308): a convolution of stride 1 by 3x3
// weights makes tiles of m x m outputs from n x n inputs, n = m+2, by n*n products for
// each pair of channels: 4 an output for m = 2 and 2.25 for m = 4, where the sums have
// 9. With inputs d and weights g of a tile,
//
//	y = Aᵀ[Σ (G g Gᵀ)·(Bᵀ d B)] A
//
// where · multiplies element by element and the sum is over input channels. For many
// tiles and channels, that is one matrix product for each of n*n frequencies.
//
// With m = 4, the transforms divide by 3, and results round about three times as much
// as direct ones of 64 channels. With m = 2, sums of whole numbers are exact as long as
// the direct ones, were they 4 times as large, would be: with inputs up to x and
// weights up to w, K = 9*InC of them to a sum, elements of Bᵀ d B are whole and at most
// 4x, those of G g Gᵀ are whole quarters and at most 9w/4 (halves and 3w/2, or whole
// and w, at the frequencies where one transform, or each, has a single term). So no
// partial sum over channels exceeds InC*9wx = K*wx, in whole quarters. Aᵀ adds up, in
// each direction, terms m0+m1+m2 and m1-m2-m3 that are 3 products once all are in, and
// no more than that in m1+m2 and m1-m2: 9 products for a channel at most, again in
// quarters. All are held exactly if 4*K*wx is at most 2^24.
//
// The gradient of the weights is the transposed map,
//
//	dg = Gᵀ[Σ (Bᵀ d B)·(A dy Aᵀ)] G
//
// with the sum over tiles.

// winogradSum bounds K*wx: see above.
const winogradSum = 1 << 22

// A winogradRow holds the transforms, by m. Columns are multiples of 8.
type winogradRow struct {
	input    []func(dst *float32, dstFreq, dstTile uintptr, rows **float32, pixel uintptr, pad float32, left, inside, right, tiles, cols uintptr, scratch *float32)
	output   []func(rows **float32, pixel uintptr, src *float32, srcFreq, srcTile uintptr, tiles, cols uintptr, scratch *float32)
	weights  []func(dst *float32, dstFreq uintptr, src *float32, srcTap, cols uintptr, scratch *float32)
	gradient []func(dst *float32, dstFreq, dstTile uintptr, rows **float32, pixel uintptr, tiles, cols uintptr, scratch *float32)
	taps     []func(dst *float32, dstTap uintptr, src *float32, srcFreq, cols, add uintptr, scratch *float32)
}

// A winograd is the plan of a convolution of images of h x w pixels of c channels to
// images of outH x outW pixels of n.
type winograd struct {
	row           *f32Row
	m             int
	h, w, c       int
	outH, outW, n int
	padH          int
	lines, tiles  int     // lines of tiles in an image, tiles in a line
	left, inside  uintptr // columns of a line of tiles: padding, of the image, padding
	right         uintptr
	cRow, nRow    int // elements between tiles before and behind the products
	wide          int // columns of the panels
	group         int // lines worked on at a time
	vFreq, mFreq  int // elements between frequencies
	uFreq         int
}

// About so many frequencies of tiles are worked on at a time. Where there are many
// weights, or sums of their gradients, it is more of them that read these from afar.
const (
	winogradProducts     = 1536
	winogradManyProducts = 3456
	winogradManyWeights  = 200 * 200
)

// newWinograd returns nil if this is no convolution for these transforms.
func newWinograd(row *f32Row, m, h, w, c, n, padH, padW int) *winograd {
	outH, outW := h+2*padH-2, w+2*padW-2
	if row.winograd == nil || c%8 != 0 || n%8 != 0 || padH < 0 || padH > 2 || padW < 0 || padW > 2 || outH < 2 || outW < 2 {
		return nil
	}
	p := &winograd{row: row, m: m, h: h, w: w, c: c, outH: outH, outW: outW, n: n, padH: padH}
	p.lines, p.tiles = ceilDiv(outH, m), ceilDiv(outW, m)
	columns := m*p.tiles + 2
	p.left, p.inside = uintptr(padW), uintptr(w)
	p.right = uintptr(columns) - p.left - p.inside
	p.wide = ceilDiv(n, row.nr) * row.nr
	p.cRow, p.nRow = unaliased(c), unaliased(p.wide)
	products := winogradProducts
	if c*n >= winogradManyWeights {
		products = winogradManyProducts
	}
	p.uFreq = oddLines(p.wide * c)
	p.setGroup(max(1, products/(p.frequencies()*p.tiles)))
	return p
}

func (p *winograd) setGroup(lines int) {
	p.group = lines
	p.vFreq, p.mFreq = oddLines(lines*p.tiles*p.cRow), oddLines(lines*p.tiles*p.nRow)
}

// bestWinograd is newWinograd for the m of fewer products, 2 or 4.
func bestWinograd(row *f32Row, h, w, c, n, padH, padW int) *winograd {
	p, q := newWinograd(row, 2, h, w, c, n, padH, padW), newWinograd(row, 4, h, w, c, n, padH, padW)
	if p != nil && q.lines*q.tiles*q.frequencies() < p.lines*p.tiles*p.frequencies() {
		return q
	}
	return p
}

func (p *winograd) frequencies() int { return (p.m + 2) * (p.m + 2) }

// unaliased is a distance for rows of n elements that does not bring them all to the
// same few sets of the L1 cache.
func unaliased(n int) int {
	if n%128 == 0 {
		return n + 16
	}
	return n
}

// oddLines rounds up to an odd number of cache lines.
func oddLines(n int) int { return (ceilDiv(n, 16) | 1) * 16 }

// grow makes room for weights, inputs and products; for what the transforms need; for
// a line of padding, and a line of outputs that are not wanted, or of gradients that
// are zero, with a tile of them.
func (p *winograd) grow(ws *trainingWorkspace, u, v, m int) {
	grow(&ws.u, u*p.frequencies())
	grow(&ws.v, v*p.frequencies())
	grow(&ws.m, m*p.frequencies())
	grow(&ws.line, 8*(p.m+2)*(p.m*p.tiles+2))
	grow(&ws.outside, p.w*p.c)
	grow(&ws.spare, (p.outW+p.m*p.m)*p.n)
}

// convolve sets y to the convolution of images x with transformed weights u.
func (p *winograd) convolve(ws *trainingWorkspace, y, x, u []float32, images int, pad float32) {
	p.grow(ws, 0, p.vFreq, p.mFreq)
	defer clear(ws.rows[:])
	fill(ws.outside[:p.w*p.c], pad)
	for at, lines, n := 0, images*p.lines, 0; at < lines; at += n {
		n = blockSize(lines-at, p.group, 1)
		p.input(ws, x, at, n, pad)
		p.multiply(ws, u, n*p.tiles)
		for i := range n {
			p.output(ws, y, 0, at+i, ws.m[i*p.tiles*p.nRow:])
		}
	}
}

// input transforms n lines of tiles of images x.
func (p *winograd) input(ws *trainingWorkspace, x []float32, at, n int, pad float32) {
	for i := range n {
		image, top := (at+i)/p.lines, (at+i)%p.lines*p.m-p.padH
		rows := &ws.rows
		for r := range p.m + 2 {
			rows[r] = &ws.outside[0]
			if y := top + r; 0 <= y && y < p.h {
				rows[r] = &x[(image*p.h+y)*p.w*p.c]
			}
		}
		p.row.winograd.input[p.m](&ws.v[i*p.tiles*p.cRow], uintptr(4*p.vFreq), uintptr(4*p.cRow), &rows[0], uintptr(4*p.c),
			pad, p.left, p.inside, p.right, uintptr(p.tiles), uintptr(p.c), &ws.line[0])
	}
}

// multiply multiplies transformed tiles by transformed weights.
func (p *winograd) multiply(ws *trainingWorkspace, u []float32, tiles int) {
	r := p.row
	for f := range p.frequencies() {
		for j := 0; j < p.wide; j += r.nr {
			for k, kc := 0, 0; k < p.c; k += kc {
				kc = blockSize(p.c-k, trainingKC, 1)
				add := uintptr(min(k, 1))
				b := &u[f*p.uFreq+j*p.c+k*r.nr]
				for t, i, rows, cut := 0, 0, 0, cutRows(tiles, r.mr()); t < cut.n; t, i = t+1, i+rows {
					rows = cut.rows(t)
					r.tiles[rows](&ws.m[f*p.mFreq+i*p.nRow+j], uintptr(4*p.nRow), &ws.v[f*p.vFreq+i*p.cRow+k], uintptr(4*p.cRow), 4, b, uintptr(kc), add)
				}
			}
		}
	}
}

// outRow returns the elements of a row of the tiles of a line, nil if it is below the
// image. y begins with row first of all images.
func (p *winograd) outRow(y []float32, first, line, row int) []float32 {
	image, at := line/p.lines, line%p.lines*p.m+row
	if at >= p.outH {
		return nil
	}
	return y[(image*p.outH+at-first)*p.outW*p.n:][:p.outW*p.n]
}

// output transforms the products of a line of tiles. The last tile, if it has fewer
// columns, goes by way of a copy.
func (p *winograd) output(ws *trainingWorkspace, y []float32, first, line int, products []float32) {
	whole, part := p.outW/p.m, p.outW%p.m*p.n
	rows := &ws.rows
	f := p.row.winograd.output[p.m]
	for r := range p.m {
		rows[r] = &ws.spare[0]
		if to := p.outRow(y, first, line, r); to != nil {
			rows[r] = &to[0]
		}
	}
	if whole > 0 {
		f(&rows[0], uintptr(4*p.n), &products[0], uintptr(4*p.mFreq), uintptr(4*p.nRow), uintptr(whole), uintptr(p.n), &ws.line[0])
	}
	if part == 0 {
		return
	}
	tile := ws.spare[p.outW*p.n:]
	for r := range p.m {
		rows[r] = &tile[r*p.m*p.n]
	}
	f(&rows[0], uintptr(4*p.n), &products[whole*p.nRow], uintptr(4*p.mFreq), uintptr(4*p.nRow), 1, uintptr(p.n), &ws.line[0])
	for r := range p.m {
		if to := p.outRow(y, first, line, r); to != nil {
			copy(to[whole*p.m*p.n:], tile[r*p.m*p.n:][:part])
		}
	}
}

// winogradPanels is how many panels of a gradient are worked on at a time, where all
// lines are one group: their sums need not leave the caches.
const winogradPanels = 4

// weights sets grad[9][c][n] to the gradient of the weights, or adds it to grad.
func (p *winograd) weights(ws *trainingWorkspace, grad, x, dy []float32, images int, pad float32, add bool) {
	nr, size, lines := p.row.nr, p.group*p.tiles, images*p.lines
	cols := p.wide
	if lines <= p.group {
		cols = min(cols, winogradPanels*nr)
	}
	sums := sumsOf{unaliased(cols), oddLines(p.c * unaliased(cols))}
	qFreq := oddLines(size * p.wide)
	p.grow(ws, sums.freq, p.vFreq, qFreq)
	defer clear(ws.rows[:])
	fill(ws.outside[:p.w*p.c], pad)
	clear(ws.spare[:(p.outW+p.m*p.m)*p.n])
	for at, n := 0, 0; at < lines; at += n {
		n = blockSize(lines-at, p.group, 1)
		p.input(ws, x, at, n, pad)
		for i := range n {
			for j := 0; j < p.n; j += nr { // by panels, as they are multiplied
				p.gradient(ws, dy, at+i, j, ws.m[j*size+i*p.tiles*nr:], qFreq)
			}
		}
		for j := 0; j < p.wide; j += cols {
			p.correlate(ws, sums, ws.m[j*size:], qFreq, min(cols, p.wide-j), n*p.tiles, at > 0)
			if at+n == lines {
				p.taps(ws, grad[j:], sums, min(cols, p.n-j), add)
			}
		}
	}
}

// A sumsOf says how many elements lie between rows of sums, and between frequencies.
type sumsOf struct{ row, freq int }

// taps transforms sums back, to so many columns of grad.
func (p *winograd) taps(ws *trainingWorkspace, grad []float32, sums sumsOf, cols int, add bool) {
	rows := p.c
	if cols == p.n && sums.row == p.n {
		rows, cols = 1, p.c*p.n
	}
	flag := uintptr(0)
	if add {
		flag = 1
	}
	for i := range rows {
		p.row.winograd.taps[p.m](&grad[i*p.n], uintptr(4*p.c*p.n), &ws.u[i*sums.row], uintptr(4*sums.freq), uintptr(cols), flag, &ws.line[0])
	}
}

// gradient transforms the panel at column j of a line of tiles.
func (p *winograd) gradient(ws *trainingWorkspace, dy []float32, line, j int, to []float32, freq int) {
	nr := p.row.nr
	cols := uintptr(min(nr, p.n-j))
	whole, part := p.outW/p.m, p.outW%p.m*p.n
	f := p.row.winograd.gradient[p.m]
	rows := &ws.rows
	tile := ws.spare[p.outW*p.n:]
	for r := range p.m {
		from := p.outRow(dy, 0, line, r)
		if from == nil {
			from = ws.spare[:p.outW*p.n]
		}
		rows[r] = &from[j]
		copy(tile[r*p.m*p.n:][:part], from[whole*p.m*p.n:])
	}
	if whole > 0 {
		f(&to[0], uintptr(4*freq), uintptr(4*nr), &rows[0], uintptr(4*p.n), uintptr(whole), cols, &ws.line[0])
	}
	if part > 0 {
		for r := range p.m {
			rows[r] = &tile[r*p.m*p.n+j]
		}
		f(&to[whole*nr], uintptr(4*freq), uintptr(4*nr), &rows[0], uintptr(4*p.n), 1, cols, &ws.line[0])
	}
}

// correlate multiplies transformed tiles by so many columns of those of gradients, and
// adds up over tiles.
func (p *winograd) correlate(ws *trainingWorkspace, sums sumsOf, q []float32, qFreq, cols, tiles int, add bool) {
	r := p.row
	flag := uintptr(0)
	if add {
		flag = 1
	}
	cut := cutRows(p.c, r.mr())
	for f := range p.frequencies() {
		for j := 0; j < cols; j += r.nr {
			b := &q[f*qFreq+j*p.group*p.tiles]
			for t, i, rows := 0, 0, 0; t < cut.n; t, i = t+1, i+rows {
				rows = cut.rows(t)
				r.tiles[rows](&ws.u[f*sums.freq+i*sums.row+j], uintptr(4*sums.row), &ws.v[f*p.vFreq+i], 4, uintptr(4*p.cRow), b, uintptr(tiles), flag)
			}
		}
	}
}
