package kernels

import "math"

// Winograd's F(2x2, 3x3) (arXiv 1509.09308) in whole numbers. With d a tile of 4x4
// codes and g weights of 3x3,
//
//	4·y = Aᵀ [(2G·g·2Gᵀ) · (Bᵀ·d·B)] A
//
// has 2x2 sums by 16 products in place of 36, · being the product by elements, added
// up over channels before the last transform. All is whole: 2G·g·2Gᵀ is at most 9 times
// the largest weight, and Bᵀ·d·B, with codes up to m, from -2m to 4m. So weights and,
// with 2m added, codes are bytes still, of which the tiles of direct convolutions make
// matrix products, one for each of the 16 frequencies. What 2m adds to these is the
// product of one more tile, of which every element is 2m: it is computed first, and
// then is what is too much in the others.
//
// Sums are modulo 2^16 throughout; as the last transform only adds and subtracts, 4·y
// is right if it fits into 16 bits, whatever its terms do. Where it does not fit, it is
// taken over some of the channels at a time, and y is added up.

// A winogradInt16Row has the transforms: see the generator.
type winogradInt16Row struct {
	input   func(dst *byte, dstFreq, dstTile uintptr, src *byte, line, pixel uintptr, at *uintptr, tiles, blocks uintptr, offset uint8)
	weights func(dst *byte, dstFreq uintptr, src *byte, steps uintptr)
	output  func(dst *int16, line, pixel uintptr, at *uintptr, src *int16, srcFreq uintptr, tiles, shift uintptr, minus *int16, add uintptr)
}

const (
	winogradFrequencies = 16
	winogradTaps        = 9
	winogradBlock       = 32 // channels that are transformed at a time
	winogradUnpacked    = 16 // steps of which weights are unpacked at a time: whole runs
	winogradParts       = 4  // the most parts that channels are taken in
	// A task has tiles that take about so much memory, a part of the second-level
	// cache, but so many at least, for which its weights are transformed, and at most.
	winogradBytes     = 256 << 10
	winogradTiles     = 64
	winogradManyTiles = 256
	// So many are multiplied before their products, which the first-level cache then
	// holds, are transformed: ten times the most that the kernel takes at a time.
	winogradMultiplied = 60
)

// winogradCode is the largest code of activations: those of Sign are 0 and 1.
func winogradCode(a ActFormat) int { return a.held().Max() }

// winogradTakes reports whether codes up to the format's largest, and weights up to u
// when transformed, give bytes of which VPMADDUBSW's sums of two products fit.
func winogradTakes(a ActFormat, u int) bool {
	x := 6 * winogradCode(a)
	return x <= math.MaxUint8 && u <= math.MaxInt8 && 2*x*u <= math.MaxInt16
}

// winogradInt16Parts is the number of parts in which channels are taken, or 0 if this
// is no convolution for Winograd's products.
func winogradInt16Parts(w Weights, s *ConvShape, a ActFormat) int {
	if s.KH != 3 || s.KW != 3 || s.StrideH != 1 || s.StrideW != 1 || s.InC%convInt16Inputs != 0 || !winogradTakes(a, 0) {
		return 0
	}
	steps := s.InC / convInt16Inputs
	// The most and the least that channels up to those of a step add to an output.
	most, least := make([]int, s.OutC*(steps+1)), make([]int, s.OutC*(steps+1))
	largest := 0
	for n := range s.OutC {
		to := n * (steps + 1)
		for c := range s.InC {
			if c%convInt16Inputs == 0 {
				most[to+1], least[to+1] = most[to], least[to]
				to++
			}
			var g [winogradTaps]int
			for tap := range g {
				g[tap] = int(w.Values[n*w.K+tap*s.InC+c])
				most[to] += max(g[tap], 0) * winogradCode(a)
				least[to] += min(g[tap], 0) * winogradCode(a)
			}
			largest = max(largest, winogradLargest(&g))
		}
	}
	if !winogradTakes(a, largest) {
		return 0
	}
	for parts := 1; parts <= min(winogradParts, steps); parts++ {
		fits := true
		for n := range s.OutC {
			at := n * (steps + 1)
			for p := range parts {
				first, last := at+steps*p/parts, at+steps*(p+1)/parts
				fits = fits && 4*(most[last]-most[first]) <= math.MaxInt16 && 4*(least[last]-least[first]) >= math.MinInt16
			}
		}
		if fits {
			return parts
		}
	}
	return 0
}

// winogradLargest is the largest magnitude in 2G·g·2Gᵀ.
func winogradLargest(g *[winogradTaps]int) int {
	line := func(a, b, c int) [4]int { return [4]int{2 * a, a + b + c, a - b + c, 2 * c} }
	largest := 0
	columns := [3][4]int{}
	for x := range columns {
		columns[x] = line(g[x], g[3+x], g[6+x])
	}
	for i := range 4 {
		for _, v := range line(columns[0][i], columns[1][i], columns[2][i]) {
			largest = max(largest, v, -v)
		}
	}
	return largest
}

// A winogradInt16 is what the plan of a convolution by Winograd's products has beside
// that of a direct one.
type winogradInt16 struct {
	parts               int  // of the channels
	across              int  // tiles in a line
	tiles               int  // the most tiles of a task
	blocks              int  // of channels
	vFreq, uFreq, mFreq int  // bytes between frequencies, of tiles, weights and products
	whole               bool // images are whole tiles
}

// layOutWinograd is layOut for Winograd's products.
func (c *Conv2DInt16) layOutWinograd(parts int) {
	s, p := &c.shape, &winogradInt16{parts: parts}
	c.winograd = p
	outH, outW := s.OutH(), s.OutW()
	c.steps = s.InC / convInt16Inputs
	p.across = ceilDiv(outW, 2)
	p.whole = outH%2 == 0 && outW%2 == 0
	c.line = (2*p.across + 2) * s.InC
	p.blocks = ceilDiv(s.InC, winogradBlock)
	tiles := min(max(winogradTiles, winogradBytes/(winogradFrequencies*s.InC)), winogradManyTiles)
	down := ceilDiv(outH, 2)
	c.rows, c.images = outH, max(1, tiles/(down*p.across))
	if down*p.across >= 2*tiles { // halves would not be less
		bands := down * p.across / tiles
		c.rows = 2 * ceilDiv(down, bands)
	}
	p.tiles = c.images * ceilDiv(c.rows, 2) * p.across
	// Whole blocks are written, which reach into the next tile, before that is: behind
	// the last one is room for it, then the one of which all elements are 2m.
	p.vFreq = oddLines(ceilDiv(p.tiles*s.InC+p.blocks*winogradBlock, 4)) * 4
	p.uFreq = oddLines(c.steps*convInt16Step/4) * 4
	p.mFreq = oddLines(winogradMultiplied*convInt16Outputs/2) * 4
}

// packWinograd is pack for Winograd's products: the order is that of steps, then taps.
func (c *Conv2DInt16) packWinograd(w Weights) {
	s := &c.shape
	c.bits = convInt16Bits(w.Format, s.InC)
	c.panel = convInt16Panel(c.steps*winogradTaps, c.bits)
	c.packed = make([]byte, ceilDiv(s.OutC, convInt16Outputs)*c.panel)
	for n := range s.OutC {
		panel := c.packed[n/convInt16Outputs*c.panel:]
		for k, v := range w.Values[n*w.K:][:w.K] {
			tap, channel := k/s.InC, k%s.InC
			step := channel/convInt16Inputs*winogradTaps + tap
			packWeight(panel, step*convInt16Step+convInt16Place(n%convInt16Outputs, channel%convInt16Inputs), v, c.bits)
		}
	}
}

// winogradScratch is the working memory of one goroutine.
type winogradScratch struct {
	v, u    []byte    // transformed codes and weights
	m       []int16   // products
	minus   []int16   // those of the tile of which all elements are 2m
	tiles   []uintptr // where tiles lie in v, and that one behind them
	to      []uintptr // where their sums lie in the result, if images are whole tiles
	toPanel []uintptr // where they lie in sums of a panel
}

func (c *Conv2DInt16) newWinogradScratch(w *convInt16Scratch) {
	s, p := &c.shape, c.winograd
	down := ceilDiv(c.rows, 2)
	w.image = make([]byte, c.images*c.imageBytes()+winogradBlock)
	if c.bits < 8 {
		w.panel = make([]byte, winogradUnpacked*winogradTaps*convInt16Step)
	}
	w.places = make([]uintptr, c.steps)
	for k := range w.places {
		w.places[k] = uintptr(k * convInt16Inputs)
	}
	w.at = make([]uintptr, p.tiles)
	x := &winogradScratch{v: make([]byte, winogradFrequencies*p.vFreq), u: make([]byte, winogradFrequencies*p.uFreq), m: make([]int16, winogradFrequencies*p.mFreq/2),
		minus: make([]int16, winogradFrequencies*convInt16Outputs), tiles: make([]uintptr, p.tiles+1)}
	w.winograd = x
	if p.whole {
		x.to = make([]uintptr, p.tiles)
	}
	if !p.whole || s.OutC%convInt16Outputs > 0 {
		w.tile = make([]int16, p.tiles*4*convInt16Outputs)
		x.toPanel = make([]uintptr, p.tiles)
	}
	for t := range w.at {
		tx, ty, image := t%p.across, t/p.across%down, t/p.across/down
		w.at[t] = uintptr(image*c.imageBytes() + 2*ty*c.line + 2*tx*s.InC)
		if x.to != nil {
			x.to[t] = uintptr(2 * ((image*s.OutH()+2*ty)*s.OutW() + 2*tx) * s.OutC)
		}
		if x.toPanel != nil {
			x.toPanel[t] = uintptr(2 * ((image*down+ty)*2*2*p.across + 2*tx) * convInt16Outputs)
		}
	}
	for t := range x.tiles {
		x.tiles[t] = uintptr(t * s.InC)
	}
	x.tiles[p.tiles] = uintptr((p.tiles-1)*s.InC + p.blocks*winogradBlock)
	for f := range winogradFrequencies {
		last := x.v[f*p.vFreq+int(x.tiles[p.tiles]):][:s.InC]
		for i := range last {
			last[i] = c.winogradOffset()
		}
	}
}

// winogradOffset is what makes transformed codes unsigned.
func (c *Conv2DInt16) winogradOffset() byte { return byte(2 * winogradCode(c.formats.Acts)) }

// winogradTask computes panels of rows of outputs, of images that lie, with their
// padding, in the working memory.
func (c *Conv2DInt16) winogradTask(ws *convInt16Scratch, dst []int16, images, rows, first, last int) {
	s, p, x, f := &c.shape, c.winograd, ws.winograd, c.row.winograd
	tiles := images * ceilDiv(rows, 2) * p.across
	for t, n := range spans(tiles, winogradBlock*p.blocks) {
		f.input(&x.v[t*s.InC], uintptr(p.vFreq), uintptr(s.InC), &ws.image[0], uintptr(c.line), uintptr(s.InC), &ws.at[t], uintptr(n), uintptr(p.blocks), uint8(c.winogradOffset()))
	}
	shift := uintptr(2)
	if c.formats.Acts == Sign { // 2·Σ w·c - Σ w
		shift = 1
	}
	for panel := first; panel < last; panel++ {
		c.transformWeights(ws, panel)
		to, at, line, pixel := dst[panel*convInt16Outputs:], x.to, 2*s.OutW()*s.OutC, 2*s.OutC
		cols := min(convInt16Outputs, s.OutC-panel*convInt16Outputs)
		byPanel := !p.whole || cols < convInt16Outputs
		if byPanel {
			to, at, line, pixel = ws.tile, x.toPanel, 2*2*p.across*convInt16Outputs, 2*convInt16Outputs
		}
		minus := c.minusOf(panel)
		for part := range p.parts {
			k0, k1 := c.steps*part/p.parts, c.steps*(part+1)/p.parts
			c.products(ws, x.minus, convInt16Outputs, x.tiles[p.tiles:], k0, k1, false)
			for t := 0; t < tiles; t += winogradMultiplied {
				n := min(winogradMultiplied, tiles-t)
				c.products(ws, x.m, p.mFreq/2, x.tiles[t:t+n], k0, k1, true)
				f.output(&to[0], uintptr(line), uintptr(pixel), &at[t], &x.m[0], uintptr(p.mFreq), uintptr(n), shift, minus, uintptr(min(part, 1)))
			}
			minus = &noMinus[0] // once is enough
		}
		if byPanel {
			c.copyPanel(dst[panel*convInt16Outputs:], ws.tile, images, rows, cols)
		}
	}
}

// transformWeights unpacks and transforms a panel.
func (c *Conv2DInt16) transformWeights(ws *convInt16Scratch, panel int) {
	w := c.packed[panel*c.panel:][:c.panel]
	for k := 0; k < c.steps; k += winogradUnpacked {
		n := min(winogradUnpacked, c.steps-k)
		from := w[k*winogradTaps*convInt16Step*c.bits/8:]
		from = c.unpacked(ws.panel, from[:min(len(from), convInt16Panel(n*winogradTaps, c.bits))])
		c.row.winograd.weights(&ws.winograd.u[k*convInt16Step], uintptr(c.winograd.uFreq), &from[0], uintptr(n))
	}
}

// products multiplies tiles by the weights of the steps first to last. Products of
// frequencies lie stride apart; corrected are those from which minus is subtracted.
func (c *Conv2DInt16) products(ws *convInt16Scratch, dst []int16, stride int, tiles []uintptr, first, last int, corrected bool) {
	p, x := c.winograd, ws.winograd
	for f := range winogradFrequencies {
		minus := &noMinus[0]
		if corrected {
			minus = &x.minus[f*convInt16Outputs]
		}
		c.row.tile(dst[f*stride:], convInt16Outputs, x.v[f*p.vFreq:], tiles, x.u[f*p.uFreq+first*convInt16Step:], ws.places[first:last], minus)
	}
}

// copyPanel copies the sums of a panel that are in the result.
func (c *Conv2DInt16) copyPanel(dst, src []int16, images, rows, cols int) {
	s := &c.shape
	outW := s.OutW()
	for i := range images * rows {
		from := src[(i/rows*2*ceilDiv(rows, 2)+i%rows)*2*c.winograd.across*convInt16Outputs:]
		for x := range outW {
			copy(dst[(i*outW+x)*s.OutC:][:cols], from[x*convInt16Outputs:])
		}
	}
}
