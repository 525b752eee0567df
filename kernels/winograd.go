package kernels

// Winograd's minimal filtering F(2x2, 3x3) (Lavin and Gray, Fast Algorithms for
// Convolutional Neural Networks, arXiv 1509.09308): a convolution of stride 1 by 3x3
// weights makes tiles of 2x2 outputs from 4x4 inputs by 16 products for each pair of
// channels, where the sums alone have 36. With inputs d and weights g of a tile,
//
//	y = Aᵀ[Σ (G g Gᵀ)·(Bᵀ d B)] A
//
// where · multiplies element by element and the sum is over input channels. For many
// tiles and channels, that is one matrix product for each of 16 frequencies.
//
// Sums of whole numbers are exact as long as the direct ones, were they 4 times as
// large, would be: with inputs up to x and weights up to w, K = 9*InC of them to a
// sum, elements of Bᵀ d B are whole and at most 4x, those of G g Gᵀ are whole quarters
// and at most 9w/4 (halves and 3w/2, or whole and w, at the frequencies where one
// transform, or each, has a single term). So no partial sum over channels exceeds
// InC*9wx = K*wx, in whole quarters. Aᵀ adds up, in each direction, terms m0+m1+m2
// and m1-m2-m3 that are 3 products once all are in, and no more than that in
// m1+m2 and m1-m2: 9 products for a channel at most, again in quarters. All are held
// exactly if 4*K*wx is at most 2^24.
//
// The gradient of the weights is the transposed map,
//
//	dg = Gᵀ[Σ (Bᵀ d B)·(A dy Aᵀ)] G
//
// with the sum over tiles.

// winogradSum bounds K*wx: see above.
const winogradSum = 1 << 22

// A winogradRow holds the transforms. Columns are multiples of 8.
type winogradRow struct {
	input   func(dst *float32, dstFreq, dstTile uintptr, row0, row1, row2, row3 *float32, pixel uintptr, pad float32, left, full, half, none, cols uintptr)
	output  func(row0, row1 *float32, pixel uintptr, src *float32, srcFreq, srcTile uintptr, full, half, cols uintptr)
	weights func(dst *float32, dstFreq uintptr, src *float32, srcTap, cols uintptr)

	gradient func(dst *float32, dstFreq, dstTile uintptr, row0, row1 *float32, pixel uintptr, full, half, cols uintptr)
	taps     func(dst *float32, dstTap uintptr, src *float32, srcFreq, cols, add uintptr)
}

// A winograd is the plan of a convolution of images of h x w pixels of c channels to
// images of outH x outW pixels of n.
type winograd struct {
	row              *f32Row
	h, w, c          int
	outH, outW, n    int
	padH             int
	lines, tiles     int // lines of tiles in an image, tiles in a line
	left, full, half uintptr
	none             uintptr // see winogradRow.input
	whole, odd       uintptr // tiles of a line with both columns of outputs, or one
	cRow, nRow, wide int     // elements between tiles before and behind the products, and of a row of panels
	group            int     // lines worked on at a time
	vFreq, mFreq     int     // elements between frequencies
	uFreq            int
}

// winogradTiles is how many tiles are worked on at a time, about.
const winogradTiles = 96

// newWinograd returns nil if this is no convolution for these transforms.
func newWinograd(row *f32Row, h, w, c, n, padH, padW int) *winograd {
	outH, outW := h+2*padH-2, w+2*padW-2
	if row.winograd == nil || c%8 != 0 || n%8 != 0 || padH < 0 || padH > 2 || padW < 0 || padW > 2 || outH < 2 || outW < 2 {
		return nil
	}
	p := &winograd{row: row, h: h, w: w, c: c, outH: outH, outW: outW, n: n, padH: padH}
	p.lines, p.tiles = ceilDiv(outH, 2), ceilDiv(outW, 2)
	p.whole, p.odd = uintptr(outW/2), uintptr(outW%2)
	// Of tile t, the last two columns are 2*t+2-padW and the next.
	in := func(column int) int { return min(p.tiles, max(0, ceilDiv(w-(column-padW), 2))) }
	third, fourth := in(2), in(3)
	p.left, p.full, p.half, p.none = uintptr(padW), uintptr(fourth), uintptr(third-fourth), uintptr(p.tiles-third)
	p.wide = ceilDiv(n, row.nr) * row.nr
	p.cRow, p.nRow = unaliased(c), unaliased(p.wide)
	p.group = max(1, winogradTiles/p.tiles)
	p.vFreq, p.mFreq, p.uFreq = oddLines(p.group*p.tiles*p.cRow), oddLines(p.group*p.tiles*p.nRow), oddLines(p.wide*c)
	return p
}

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

// transform returns the transformed weights, packed in panels for each frequency.
// of is the matrix [c][n] of a tap's weights.
func (p *winograd) transform(ws *trainingWorkspace, of func(tap int) Matrix) []float32 {
	size := p.wide * p.c
	taps, u := grow(&ws.b, 9*size), grow(&ws.u, 16*p.uFreq)
	for tap := range 9 {
		p.row.packF32Panels(taps[tap*size:], of(tap))
	}
	p.row.winograd.weights(&u[0], uintptr(4*p.uFreq), &taps[0], uintptr(4*size), uintptr(size))
	return u
}

// convolve sets y to the convolution of images x with transformed weights.
func (p *winograd) convolve(ws *trainingWorkspace, y, x, u []float32, images int, pad float32) {
	v, m, outside := grow(&ws.v, 16*p.vFreq), grow(&ws.m, 16*p.mFreq), grow(&ws.outside, p.w*p.c)
	spare := grow(&ws.spare, p.outW*p.n)
	fill(outside, pad)
	for at, lines, n := 0, images*p.lines, 0; at < lines; at += n {
		n = blockSize(lines-at, p.group, 1)
		p.input(v, x, at, n, pad, outside)
		p.multiply(m, v, u, n*p.tiles)
		for i := range n {
			image, top := (at+i)/p.lines, (at+i)%p.lines*2
			first := (image*p.outH + top) * p.outW * p.n
			second := &spare[0]
			if top+1 < p.outH {
				second = &y[first+p.outW*p.n]
			}
			p.row.winograd.output(&y[first], second, uintptr(4*p.n), &m[i*p.tiles*p.nRow], uintptr(4*p.mFreq), uintptr(4*p.nRow), p.whole, p.odd, uintptr(p.n))
		}
	}
}

// input transforms n lines of tiles of images x.
func (p *winograd) input(v, x []float32, at, n int, pad float32, outside []float32) {
	for i := range n {
		image, top := (at+i)/p.lines, (at+i)%p.lines*2-p.padH
		var rows [4]*float32
		for r := range rows {
			rows[r] = &outside[0]
			if y := top + r; 0 <= y && y < p.h {
				rows[r] = &x[(image*p.h+y)*p.w*p.c]
			}
		}
		p.row.winograd.input(&v[i*p.tiles*p.cRow], uintptr(4*p.vFreq), uintptr(4*p.cRow), rows[0], rows[1], rows[2], rows[3],
			uintptr(4*p.c), pad, p.left, p.full, p.half, p.none, uintptr(p.c))
	}
}

// multiply multiplies transformed tiles by transformed weights.
func (p *winograd) multiply(m, v, u []float32, tiles int) {
	r := p.row
	count := ceilDiv(tiles, r.mr())
	least, more := tiles/count, tiles%count
	for f := range 16 {
		for j := 0; j < p.wide; j += r.nr {
			for k, kc := 0, 0; k < p.c; k += kc {
				kc = blockSize(p.c-k, trainingKC, 1)
				add := uintptr(min(k, 1))
				b := &u[f*p.uFreq+j*p.c+k*r.nr]
				for t, i := 0, 0; t < count; t++ {
					rows := least
					if t < more {
						rows++
					}
					r.tiles[rows](&m[f*p.mFreq+i*p.nRow+j], uintptr(4*p.nRow), &v[f*p.vFreq+i*p.cRow+k], uintptr(4*p.cRow), 4, b, uintptr(kc), add)
					i += rows
				}
			}
		}
	}
}

// weights sets grad[9][c][n] to the gradient of the weights, or adds it to grad.
func (p *winograd) weights(ws *trainingWorkspace, grad, x, dy []float32, images int, pad float32, add bool) {
	nr, size := p.row.nr, p.group*p.tiles
	qFreq, sumFreq := oddLines(size*p.wide), oddLines(p.c*p.nRow)
	v, q, sums := grow(&ws.v, 16*p.vFreq), grow(&ws.m, 16*qFreq), grow(&ws.u, 16*sumFreq)
	outside, zeros := grow(&ws.outside, p.w*p.c), grow(&ws.spare, p.outW*p.n)
	fill(outside, pad)
	clear(zeros)
	for at, lines, n := 0, images*p.lines, 0; at < lines; at += n {
		n = blockSize(lines-at, p.group, 1)
		p.input(v, x, at, n, pad, outside)
		for i := range n {
			image, top := (at+i)/p.lines, (at+i)%p.lines*2
			first := dy[(image*p.outH+top)*p.outW*p.n:]
			second := zeros
			if top+1 < p.outH {
				second = first[p.outW*p.n:]
			}
			for j := 0; j < p.n; j += nr { // by panels, as they are multiplied
				p.row.winograd.gradient(&q[j*size+i*p.tiles*nr], uintptr(4*qFreq), uintptr(4*nr), &first[j], &second[j],
					uintptr(4*p.n), p.whole, p.odd, uintptr(min(nr, p.n-j)))
			}
		}
		p.correlate(sums, v, q, qFreq, sumFreq, n*p.tiles, at > 0)
	}
	rows, cols := p.c, p.n
	if p.nRow == p.n {
		rows, cols = 1, p.c*p.n
	}
	flag := uintptr(0)
	if add {
		flag = 1
	}
	for i := range rows {
		p.row.winograd.taps(&grad[i*p.n], uintptr(4*p.c*p.n), &sums[i*p.nRow], uintptr(4*sumFreq), uintptr(cols), flag)
	}
}

// correlate multiplies transformed tiles by those of gradients, and adds up over tiles.
func (p *winograd) correlate(sums, v, q []float32, qFreq, sumFreq, tiles int, add bool) {
	r := p.row
	flag := uintptr(0)
	if add {
		flag = 1
	}
	count := ceilDiv(p.c, r.mr())
	least, more := p.c/count, p.c%count
	for f := range 16 {
		for j := 0; j < p.wide; j += r.nr {
			b := &q[f*qFreq+j*p.group*p.tiles]
			for t, i := 0, 0; t < count; t++ {
				rows := least
				if t < more {
					rows++
				}
				r.tiles[rows](&sums[f*sumFreq+i*p.nRow+j], uintptr(4*p.nRow), &v[f*p.vFreq+i], 4, uintptr(4*p.cRow), b, uintptr(tiles), flag)
				i += rows
			}
		}
	}
}
