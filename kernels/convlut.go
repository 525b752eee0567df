package kernels

import (
	"math"
	"unsafe"
)

// Convolutions of binary and ternary weights by look-ups, with 16-bit sums. For every
// four channels of a pixel there is a table of sums of its codes, of which every window
// that the pixel is in looks one up for each output: see the generator.

// A convLUTTile computes some pixels by the outputs of a panel.
type convLUTTile = func(dst *int16, dstStride uintptr, tables *byte, at *uintptr, groups uintptr, w *byte, places *uintptr, steps, block uintptr, minus *int16)

// A convLUTKernel has the tiles of a number of outputs.
type convLUTKernel struct {
	planes  int // indices of an output for a table
	outputs int
	tiles   []convLUTTile // by number of pixels; tiles[0] is nil
}

// A convLUTRow has the tiles, the most outputs first, and what else there is to do.
type convLUTRow struct {
	kernels []convLUTKernel
	tables  func(dst, x *byte, blocks uintptr, signs *int8)
	unpack  func(dst, w *byte, bytes uintptr)
}

const (
	convLUTCodes = 4  // of a table
	convLUTTable = 16 // bytes
	convLUTBlock = 16 // codes of which tables are made at a time
	convLUTBytes = 96 << 10
)

// convLUTSigns are those of a code whose bit of the index is 0 and 1, by planes.
var convLUTSigns = [3][2]int8{1: {-1, 1}, 2: {0, 1}}

// lanes is 2 if the halves of a vector have different tables, or 1.
func (k *convLUTKernel) lanes() int {
	if k.planes*k.outputs < 64 {
		return 2
	}
	return 1
}

// tables is how many a step has.
func (k *convLUTKernel) tables() int { return 2 * k.lanes() }

// stepBytes is the number of indices of a step.
func (k *convLUTKernel) stepBytes() int { return k.tables() * k.planes * k.outputs }

// place is where in a step an index lies: see the generator.
func (k *convLUTKernel) place(output, table, plane int) int {
	lanes := k.lanes()
	width := 32 / lanes // of a vector, in indices of a table
	i := 2*output + plane
	if k.planes == 1 { // even bytes before odd ones
		i = output/width*width + output%(width/2)*2 + output%width/(width/2)
	}
	return (table/lanes*k.vectors()+i/width)*32 + table%lanes*width + i%width
}

// vectors is the number of vectors of indices of a table.
func (k *convLUTKernel) vectors() int { return k.planes * k.outputs * k.lanes() / 32 }

// convLUTTakes reports whether tables of the activations' codes have bytes.
func convLUTTakes(w WeightFormat, a ActFormat) bool {
	return (w == Binary || w == Ternary) && a != F32 && a.Max() <= lutNibble
}

// A convLUT is what the plan of a convolution by look-ups has beside that of a direct
// one.
type convLUT struct {
	kernel *convLUTKernel
	groups int // tables of a pixel
	block  int // steps of which the look-ups add up to bytes
	places []uintptr
	minus  [64]int16 // what is too much in each sum of unsigned codes
}

// layOutLUT is layOut for look-ups.
func (c *Conv2DInt16) layOutLUT() {
	s, planes := &c.shape, 1
	if c.formats.Weights == Ternary {
		planes = 2
	}
	p := &convLUT{}
	c.lut = p
	// The most outputs, of which whole panels have no more than of fewer.
	for i := range c.row.lut.kernels {
		k := &c.row.lut.kernels[i]
		if k.planes == planes && (p.kernel == nil || roundUp(s.OutC, k.outputs) < roundUp(s.OutC, p.kernel.outputs)) {
			p.kernel = k
		}
	}
	t := p.kernel.tables()
	p.groups = roundUp(ceilDiv(s.InC, convLUTCodes), t)
	pixel := p.groups * convLUTTable
	c.line = (s.W + 2*s.PadW) * pixel
	// Pixels side by side have windows that share tables: steps of the same channels
	// follow each other, while these are in the first-level cache.
	c.steps = s.KH * s.KW * p.groups / t
	p.places = make([]uintptr, c.steps)
	for i := range p.places {
		kx, group, ky := i%s.KW, i/s.KW%(p.groups/t), i/s.KW/(p.groups/t)
		p.places[i] = uintptr(ky*c.line + kx*pixel + group*t*convLUTTable)
	}
	c.layOutTasks(convLUTBytes)
}

func roundUp(n, to int) int { return ceilDiv(n, to) * to }

// A lutInput is where an input of a window is: in which step and table, and its bit.
type lutInput struct{ step, table, bit int }

func (c *Conv2DInt16) lutInputs() []lutInput {
	s, groups, t := &c.shape, c.lut.groups, c.lut.kernel.tables()
	inputs := make([]lutInput, s.K())
	for k := range inputs {
		channel, kx, ky := k%s.InC, k/s.InC%s.KW, k/s.InC/s.KW
		group := channel / convLUTCodes
		inputs[k] = lutInput{(ky*groups/t+group/t)*s.KW + kx, group % t, channel % convLUTCodes}
	}
	return inputs
}

// packLUT packs the weights: runs of 32 bytes have indices of four bits, the low ones
// before the high ones.
func (c *Conv2DInt16) packLUT(w Weights) {
	p, inputs := c.lut, c.lutInputs()
	k := p.kernel
	panels := ceilDiv(w.N, k.outputs)
	c.panel = c.steps * k.stepBytes() / 2
	c.packed = make([]byte, panels*c.panel)
	for n := range w.N {
		panel := c.packed[n/k.outputs*c.panel:]
		for i, v := range w.Values[n*w.K:][:w.K] {
			plane := 0
			if v < 0 {
				plane = 1
			}
			if v == 0 || plane == k.planes {
				continue
			}
			in := &inputs[i]
			at := in.step*k.stepBytes() + k.place(n%k.outputs, in.table, plane)
			panel[at/64*convInt16Run+at%convInt16Run] |= 1 << (at%64/convInt16Run*4 + in.bit)
		}
	}
	p.block = c.lutSteps(w, inputs)
	if k.planes == 1 { // a byte begins at 128
		for n := range p.minus {
			p.minus[n] = int16(128 * k.lanes() * ceilDiv(c.steps, p.block))
		}
	}
	if c.minus != nil {
		c.minus = append(c.minus, make([]int16, max(0, panels*k.outputs-len(c.minus)))...)
		for n := range c.minus {
			c.minus[n] += p.minus[0]
		}
	}
}

// lutSteps is the number of steps whose look-ups add up to no more than bytes hold, by
// their weights. Those of one do: eight weights with the largest codes.
func (c *Conv2DInt16) lutSteps(w Weights, inputs []lutInput) int {
	k, code := c.lut.kernel, convInt16Code(c.formats.Acts)
	limit, lanes := math.MaxInt8, k.lanes()
	if k.planes == 2 {
		limit = math.MaxUint8
	}
	// What all steps before one add up to, and subtract, in each lane.
	sums := make([][2]int, (c.steps+1)*lanes)
	fits := func(block int) bool {
		for first := 0; first < c.steps; first += block {
			last := min(first+block, c.steps)
			for lane := range lanes {
				from, to := &sums[first*lanes+lane], &sums[last*lanes+lane]
				if max(to[0]-from[0], to[1]-from[1]) > limit {
					return false
				}
			}
		}
		return true
	}
	blocks := 1
	for n := range w.N {
		clear(sums)
		for i, v := range w.Values[n*w.K:][:w.K] {
			sum := &sums[(inputs[i].step+1)*lanes+inputs[i].table%lanes]
			sum[0] += code * max(int(v), 0)
			sum[1] += code * max(-int(v), 0)
		}
		for i := lanes; i < len(sums); i++ {
			sums[i][0] += sums[i-lanes][0]
			sums[i][1] += sums[i-lanes][1]
		}
		for !fits(ceilDiv(c.steps, blocks)) {
			blocks++
		}
	}
	return ceilDiv(c.steps, blocks)
}

// lutMinusOf is minusOf for look-ups.
func (c *Conv2DInt16) lutMinusOf(panel int) *int16 {
	if c.minus == nil {
		return &c.lut.minus[0]
	}
	return &c.minus[panel*c.lut.kernel.outputs]
}

// newLUTScratch is newScratch for look-ups: image has tables.
func (c *Conv2DInt16) newLUTScratch(w *convInt16Scratch) {
	s, p := &c.shape, c.lut
	// Tables are made by blocks, which may reach beyond a line.
	w.image = make([]byte, c.images*c.imageBytes()+convLUTBlock/convLUTCodes*convLUTTable)
	w.line = make([]byte, roundUp(s.W*p.groups*convLUTCodes, convLUTBlock))
	w.panel = make([]byte, 2*c.panel)
	c.setAt(w, p.groups*convLUTTable)
	w.places = p.places
	if s.OutC%p.kernel.outputs > 0 {
		w.tile = make([]int16, len(w.at)*p.kernel.outputs)
	}
}

// copyTables is copyLines for look-ups: it makes the tables of the lines.
func (c *Conv2DInt16) copyTables(ws *convInt16Scratch, dst, x []byte, top, lines int) {
	s, p := &c.shape, c.lut
	pixel := p.groups * convLUTTable
	left, right := s.PadW*pixel, (s.PadW+s.W)*pixel
	for y := top; y < top+lines; y++ {
		if y < 0 || y >= s.H {
			clear(dst[:c.line])
		} else {
			codes := x[y*s.W*s.InC:][:s.W*s.InC]
			if c.formats.Acts == Sign || s.InC != p.groups*convLUTCodes || len(codes)%convLUTBlock > 0 {
				c.wholeGroups(ws.line, codes)
				codes = ws.line
			}
			for at, n := range spans(len(codes)/convLUTBlock, convLUTBlock) {
				c.row.lut.tables(&dst[left+at*convLUTBlock/convLUTCodes*convLUTTable], &codes[at*convLUTBlock], uintptr(n), &convLUTSigns[p.kernel.planes][0])
			}
			clear(dst[:left])
			clear(dst[right:c.line])
		}
		dst = dst[c.line:]
	}
}

// wholeGroups copies a line's codes, each pixel's with zeros to a whole step's channels.
func (c *Conv2DInt16) wholeGroups(dst, x []byte) {
	in, width := c.shape.InC, c.lut.groups*convLUTCodes
	if in == width {
		c.codes(dst[:len(x)], x)
		return
	}
	for ; len(x) > 0; x, dst = x[in:], dst[width:] {
		c.codes(dst[:in], x)
		clear(dst[in:width])
	}
}

// look computes a panel's outputs of so many pixels.
func (c *Conv2DInt16) look(ws *convInt16Scratch, dst []int16, pixels, panel int) {
	k, w := c.lut.kernel, c.packed[panel*c.panel:][:c.panel]
	c.row.lut.unpack(&ws.panel[0], &w[0], uintptr(len(w)))
	n := c.shape.OutC
	d, stride := dst[panel*k.outputs:], n
	cols := min(k.outputs, n-panel*k.outputs)
	if cols < k.outputs {
		d, stride = ws.tile, k.outputs
	}
	most := len(k.tiles) - 1
	span := max(1, convInt16Work/(most*c.steps*k.tables()*convLUTCodes*k.outputs))
	for i := 0; i < pixels; {
		tile, groups := most, min(span, (pixels-i)/most)
		if groups == 0 {
			tile, groups = pixels-i, 1
		}
		k.tiles[tile](&d[i*stride], uintptr(2*stride), unsafe.SliceData(ws.image), &ws.at[i], uintptr(groups), &ws.panel[0], &ws.places[0], uintptr(c.steps), uintptr(c.lut.block), c.lutMinusOf(panel))
		i += tile * groups
	}
	if cols < k.outputs {
		for i := range pixels {
			copy(dst[i*n+panel*k.outputs:][:cols], d[i*k.outputs:])
		}
	}
}

// lutCycles is cycles for look-ups: two instructions for each; two cycles for a vector
// after a block, of about as many steps as weights of either sign fill a byte in; and
// 1.2 for a table.
func (c *Conv2DInt16) lutCycles() float64 {
	s, p := &c.shape, c.lut
	vectors, steps := float64(p.kernel.vectors()), float64(c.steps)
	blocks := 1 + steps*float64(convInt16Code(c.formats.Acts))/float64(32*p.kernel.planes)
	pixel := vectors*(2*0.62*steps+2*blocks) + 4
	return float64(ceilDiv(s.OutC, p.kernel.outputs)*s.OutH()*s.OutW())*pixel + 1.2*float64(s.H*s.W*p.groups)
}
