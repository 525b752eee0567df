package kernels

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sync"
	"unsafe"
)

// Convolutions with 16-bit sums. Products are added modulo 2^16: sums that fit into 16
// bits in the end are exact whatever wrapped on the way, so that nothing is widened in
// the loop, and half as much is written and read again. Whether they fit is known from
// the weights.
//
// A direct convolution reads its windows where they lie: a row of one is adjacent
// bytes, of which a step takes four, and the steps behind its end meet weights of zero.
// The images are copied once, with their padding, a band of rows at a time, so that it
// stays in the cache while all the weights pass over it; or not at all, if there is
// nothing to pad.

// ErrRange is the error of a plan whose sums could leave the range of int16.
var ErrRange = errors.New("beyond the range of int16")

// A convInt16Tile computes some pixels by convInt16Outputs outputs: see the generator.
type convInt16Tile = func(dst *int16, dstStride uintptr, x *byte, at *uintptr, groups uintptr, w *byte, places *uintptr, steps uintptr, minus *int16)

const (
	convInt16Outputs = 16
	convInt16Inputs  = 4                                  // of a step
	convInt16Step    = convInt16Outputs * convInt16Inputs // bytes of its weights
	convInt16Run     = 32                                 // bytes of packed weights that are unpacked as one vector
)

// A convInt16Row is a kernel for Conv2DInt16.
type convInt16Row struct {
	kernelID
	tiles   []convInt16Tile                   // by number of pixels; tiles[0] is nil
	unpack1 func(dst, w *byte, bytes uintptr) // of weights of 1, 2 and 4 bits
	unpack2 func(dst, w *byte, bytes uintptr)
	unpack4 func(dst, w *byte, bytes uintptr)

	winograd *winogradInt16Row // nil but for Winograd's products
	lut      *convLUTRow       // nil but for look-ups
}

// takes reports whether the row computes these formats exactly, whatever the weights,
// if the sums are not too large.
func (r *convInt16Row) takes(w WeightFormat, a ActFormat) bool {
	if r.lut != nil {
		return convLUTTakes(w, a)
	}
	if r.winograd != nil {
		return winogradTakes(a, winogradTaps*w.maxAbs())
	}
	return fitsPairs(w.maxAbs(), a)
}

// fitsPairs reports whether VPMADDUBSW, which adds two products, does not saturate.
func fitsPairs(w int, a ActFormat) bool { return 2*w*convInt16Code(a) <= math.MaxInt16 }

// convInt16Code is the largest code that tiles read. Those of Sign are doubled, so that
// 2*c - 1 has a bias that is the same for all codes.
func convInt16Code(a ActFormat) int {
	if a == Sign {
		return 2
	}
	return a.held().Max()
}

// A Conv2DInt16 convolves activations with low-bit weights that were packed once, as
// Conv2D does, to 16-bit sums. It is safe for use by many goroutines.
type Conv2DInt16 struct {
	row     *convInt16Row
	shape   ConvShape
	formats Formats
	bits    int     // of a packed weight
	packed  []byte  // weights by panels of outputs, in the order of steps
	panel   int     // bytes of a packed panel
	minus   []int16 // what is too much in each sum; nil if nothing is
	steps   int
	threads int

	line     int            // bytes of a line of pixels with its padding
	inPlace  bool           // windows are read in the images themselves
	winograd *winogradInt16 // nil but for Winograd's products
	lut      *convLUT       // nil but for look-ups
	rows     int            // rows of outputs that are worked on at a time: fewer than there are, or all of
	images   int            // so many images
	scratch  sync.Pool
	runs     sync.Pool
}

// A task has about so many pixels, for which its weights are unpacked once, if they
// take less memory than a part of the first-level cache; if not, at least so many.
const (
	convInt16Bytes  = 24 << 10
	convInt16Pixels = 192
)

// noMinus is what is too much in the sums of unsigned codes.
var noMinus [convInt16Outputs]int16

// NewConv2DInt16 plans a convolution like that of NewConv2D. It returns an error that
// is ErrRange if a sum, with codes of the activations' format, could leave the range
// from -32767 to 32767, or if the sum of any two products could: there, the weights
// times the codes are beyond 16383 in magnitude.
func NewConv2DInt16(w Weights, shape ConvShape, a ActFormat, opt Options) (*Conv2DInt16, error) {
	if err := shape.checkWeights(w.N, w.K); err != nil {
		return nil, err
	}
	if err := w.check(); err != nil {
		return nil, err
	}
	if !a.valid() || a == F32 {
		return nil, fmt.Errorf("kernels: activation format %v: want an integer format", a)
	}
	if err := opt.check(); err != nil {
		return nil, err
	}
	if err := checkInt16(w, a); err != nil {
		return nil, err
	}
	c, err := chooseInt16(w, shape, a)
	if err != nil {
		return nil, err
	}
	c.threads = max(1, opt.Threads)
	c.setMinus(w)
	switch {
	case c.lut != nil:
		c.packLUT(w)
	case c.winograd != nil:
		c.packWinograd(w)
	default:
		c.pack(w)
	}
	c.scratch.New = c.newScratch
	c.runs.New = func() any { return new(convInt16Call) }
	return c, nil
}

// checkInt16 returns an error if a sum could be too large.
func checkInt16(w Weights, a ActFormat) error {
	// Values of activations lie between these.
	low, high := 0, a.Max()
	switch a {
	case Sign:
		low = -1
	case S8:
		low, high = -s8Offset, s8Offset-1
	}
	for n := range w.N {
		least, most, largest := 0, 0, 0
		for _, v := range w.Values[n*w.K:][:w.K] {
			p, q := int(v)*low, int(v)*high
			least, most, largest = least+min(p, q), most+max(p, q), max(largest, int(v), -int(v))
		}
		if least < -math.MaxInt16 || most > math.MaxInt16 {
			return fmt.Errorf("kernels: output %d can reach %d … %d (K = %d, %v x %v): %w", n, least, most, w.K, w.Format, a, ErrRange)
		}
		if !fitsPairs(largest, a) {
			return fmt.Errorf("kernels: output %d has a weight of magnitude %d, and two products of it with %v are %w", n, largest, a, ErrRange)
		}
	}
	return nil
}

// chooseInt16 chooses the kernel and lays out the plan: of the kernels of the best tier,
// it takes the one that is expected to be faster.
func chooseInt16(w Weights, shape ConvShape, a ActFormat) (best *Conv2DInt16, err error) {
	parts := winogradInt16Parts(w, &shape, a)
	rows := fitting(convInt16Table, func(r *convInt16Row) bool {
		return (r.winograd == nil || parts > 0) && (r.lut == nil || r.takes(w.Format, a))
	})
	for _, row := range rows {
		if row.isa != rows[0].isa {
			break
		}
		c := &Conv2DInt16{row: row, shape: shape, formats: Formats{w.Format, a}}
		switch {
		case row.lut != nil:
			c.layOutLUT()
		case row.winograd != nil:
			c.layOutWinograd(parts)
		default:
			c.layOut()
		}
		if best == nil || c.cycles() < best.cycles() {
			best = c
		}
	}
	if best == nil {
		return nil, fmt.Errorf("kernels: no kernel fits")
	}
	return best, nil
}

// cycles is about how many cycles an image takes on Zen 3, for comparison alone. The two
// instructions of 32 products run at 0.62 cycles. What else a pixel of a tile takes, for
// each frequency, and the transforms of a tile of 32 channels of inputs and of 16 outputs
// were chosen so that direct convolutions and Winograd's have the ratios that were
// measured of 3x3 layers: as fast with 16 channels, then 1.4, 1.5 and 1.8 times with 32,
// 64 and 512. Weights are transformed, 32 at a time, for the images of a task.
func (c *Conv2DInt16) cycles() float64 {
	if c.lut != nil {
		return c.lutCycles()
	}
	const products, pixel, input, output, weights = 2 * 0.62, 4.5, 40, 20, 36
	s := &c.shape
	panels, sums := float64(ceilDiv(s.OutC, convInt16Outputs)), products*float64(c.steps)
	if c.winograd == nil {
		return panels * float64(s.OutH()*s.OutW()) * (sums + pixel)
	}
	p := c.winograd
	tiles := float64(p.across * ceilDiv(s.OutH(), 2))
	return panels*tiles*(winogradFrequencies*sums+float64(p.parts)*(winogradFrequencies*pixel+output)) + tiles*float64(p.blocks)*input +
		panels*float64(2*c.steps)*weights*max(1, tiles/float64(p.tiles))
}

// layOut decides how images are cut into tasks.
func (c *Conv2DInt16) layOut() {
	s := &c.shape
	c.line = (s.W + 2*s.PadW) * s.InC
	c.steps = s.KH * ceilDiv(s.KW*s.InC, convInt16Inputs)
	c.inPlace = s.PadH == 0 && s.PadW == 0 && s.KW*s.InC%convInt16Inputs == 0 && c.formats.Acts != Sign && c.formats.Acts != S8
	c.layOutTasks(convInt16Bytes)
}

// layOutTasks makes tasks of rows or images whose lines take so many bytes, but of a
// number of pixels at least.
func (c *Conv2DInt16) layOutTasks(bytes int) {
	s := &c.shape
	outH, outW := s.OutH(), s.OutW()
	c.rows = max((bytes/c.line-s.KH)/s.StrideH+1, ceilDiv(convInt16Pixels, outW))
	c.images = 1
	if c.rows >= outH {
		c.rows = outH
		c.images = max(1, bytes/c.imageBytes(), ceilDiv(convInt16Pixels, outH*outW))
	}
}

// bandLines is the number of lines under so many rows of outputs.
func (c *Conv2DInt16) bandLines(rows int) int { return (rows-1)*c.shape.StrideH + c.shape.KH }

// imageBytes is the distance of images of which windows are read.
func (c *Conv2DInt16) imageBytes() int {
	if c.inPlace {
		return c.shape.H * c.line
	}
	if c.winograd != nil {
		return (2*ceilDiv(c.rows, 2) + 2) * c.line
	}
	return c.bandLines(c.shape.OutH()) * c.line
}

// pack packs the weights.
func (c *Conv2DInt16) pack(w Weights) {
	s := &c.shape
	row := s.KW * s.InC
	c.bits = convInt16Bits(w.Format, row)
	stepsRow := ceilDiv(row, convInt16Inputs)
	c.panel = convInt16Panel(c.steps, c.bits)
	c.packed = make([]byte, ceilDiv(s.OutC, convInt16Outputs)*c.panel)
	for n := range s.OutC {
		panel := c.packed[n/convInt16Outputs*c.panel:]
		for ky := range s.KH {
			for k, v := range w.Values[n*w.K+ky*row:][:row] {
				step := ky*stepsRow + k/convInt16Inputs
				packWeight(panel, step*convInt16Step+convInt16Place(n%convInt16Outputs, k%convInt16Inputs), v, c.bits)
			}
		}
	}
}

// setMinus sets what is too much in each sum.
func (c *Conv2DInt16) setMinus(w Weights) {
	times := 0
	switch c.formats.Acts {
	case Sign: // Σ w·(2c-1)
		times = 1
	case S8: // Σ w·(c-128)
		times = s8Offset
	default:
		return
	}
	c.minus = make([]int16, ceilDiv(w.N, convInt16Outputs)*convInt16Outputs)
	for n := range w.N {
		for _, v := range w.Values[n*w.K:][:w.K] {
			c.minus[n] += int16(times * int(v))
		}
	}
}

// minusOf is that of a panel's outputs.
func (c *Conv2DInt16) minusOf(panel int) *int16 {
	if c.minus == nil {
		return &noMinus[0]
	}
	return &c.minus[panel*convInt16Outputs]
}

// convInt16Bits is how many bits a weight is packed to. One bit has no zero for the
// steps behind the end of a row.
func convInt16Bits(f WeightFormat, row int) int {
	switch {
	case f == Binary && row%convInt16Inputs == 0:
		return 1
	case f == Binary || f == Ternary:
		return 2
	case f == Int8:
		return 8
	}
	return 4
}

// convInt16Panel is the bytes of a panel of so many steps: whole runs.
func convInt16Panel(steps, bits int) int {
	return ceilDiv(steps*convInt16Step*bits, 8*convInt16Run) * convInt16Run
}

// convInt16Place is where a weight lies in its step: see the generator.
func convInt16Place(n, k int) int {
	return n%2*32 + n/2*convInt16Inputs + k
}

// packWeight sets weight i of a panel: byte i%32 of a run holds, from its low bits up,
// the weights i, 32+i, 64+i and so on.
func packWeight(panel []byte, i int, v int8, bits int) {
	code := codeBits(v, bits)
	if bits == 1 {
		code = byte(1+v) / 2
	}
	perRun := convInt16Run * 8 / bits
	panel[i/perRun*convInt16Run+i%convInt16Run] |= code << (i % perRun / convInt16Run * bits)
}

// Shape is the convolution's shape.
func (c *Conv2DInt16) Shape() ConvShape { return c.shape }

// Kernel is the name of the kernel that was chosen.
func (c *Conv2DInt16) Kernel() string { return c.row.name() }

// Formats are the formats of weights and activations.
func (c *Conv2DInt16) Formats() Formats { return c.formats }

// PackedBytes is the memory that the packed weights take, padding and the per-output
// corrections included.
func (c *Conv2DInt16) PackedBytes() int { return len(c.packed) + 2*len(c.minus) }

// convInt16Scratch is the working memory of one goroutine in a Run.
type convInt16Scratch struct {
	image  []byte    // lines with their padding
	panel  []byte    // unpacked weights
	tile   []int16   // sums of a panel with fewer outputs than tiles have
	at     []uintptr // where pixels of a task lie, and
	places []uintptr // steps of a window

	line     []byte           // codes of a line, of which tables are made
	winograd *winogradScratch // nil but for Winograd's products
}

func (c *Conv2DInt16) newScratch() any {
	s := &c.shape
	w := new(convInt16Scratch)
	if c.winograd != nil {
		c.newWinogradScratch(w)
		return w
	}
	if c.lut != nil {
		c.newLUTScratch(w)
		return w
	}
	if !c.inPlace {
		w.image = make([]byte, c.images*c.bandLines(c.rows)*c.line+convInt16Inputs)
	}
	if c.bits < 8 {
		w.panel = make([]byte, c.panel*8/c.bits)
	}
	c.setAt(w, s.InC)
	if s.OutC%convInt16Outputs > 0 {
		w.tile = make([]int16, len(w.at)*convInt16Outputs)
	}
	stepsRow := c.steps / s.KH
	w.places = make([]uintptr, c.steps)
	for k := range w.places {
		w.places[k] = uintptr(k/stepsRow*c.line + k%stepsRow*convInt16Inputs)
	}
	return w
}

// setAt sets where windows begin, of pixels of so many bytes.
func (c *Conv2DInt16) setAt(w *convInt16Scratch, pixel int) {
	s := &c.shape
	outW := s.OutW()
	w.at = make([]uintptr, c.images*c.rows*outW)
	for i := range w.at {
		line, image := i/outW%c.rows, i/outW/c.rows
		w.at[i] = uintptr(image*c.imageBytes() + line*s.StrideH*c.line + i%outW*s.StrideW*pixel)
	}
}

// outputs is the number of outputs of a panel.
func (c *Conv2DInt16) outputs() int {
	if c.lut != nil {
		return c.lut.kernel.outputs
	}
	return convInt16Outputs
}

// A convInt16Call is one call of Run: its parts are bands of rows, or some images,
// times ranges of panels.
type convInt16Call struct {
	c       *Conv2DInt16
	dst     []int16
	x       []uint8
	images  int
	bands   int // of an image
	columns int // ranges of panels
}

// Run convolves images x[images][H][W][InC] into dst[images][OutH][OutW][OutC].
// x and dst must not overlap. It does not allocate, and panics if a length is
// not as the shape says. Codes are not checked: see CheckActs.
func (c *Conv2DInt16) Run(dst []int16, x []uint8, images int) {
	s := &c.shape
	in, out := s.H*s.W*s.InC, s.OutH()*s.OutW()*s.OutC
	if images < 0 || images > len(x) || len(x) != images*in || len(dst) != images*out {
		panic(fmt.Sprintf("kernels: Conv2DInt16.Run: images = %d, len(x) = %d, len(dst) = %d: want %d*%d = %d and %d*%d = %d",
			images, len(x), len(dst), images, in, images*in, images, out, images*out))
	}
	if images == 0 {
		return
	}
	r := c.runs.Get().(*convInt16Call)
	r.c, r.dst, r.x, r.images, r.columns = c, dst, x, images, 1
	r.bands = ceilDiv(s.OutH(), c.rows)
	parts := ceilDiv(images, c.images) * r.bands
	if parts < 2*c.threads {
		r.columns = min(c.threads, ceilDiv(s.OutC, c.outputs()))
	}
	parallel(c.threads, parts*r.columns, r)
	r.dst, r.x = nil, nil
	c.runs.Put(r)
}

func (r *convInt16Call) task(part int) {
	c := r.c
	s := &c.shape
	ws := c.scratch.Get().(*convInt16Scratch)
	part, column := part/r.columns, part%r.columns
	panels := ceilDiv(s.OutC, c.outputs())
	first, last := panels*column/r.columns, panels*(column+1)/r.columns
	image, oy := part/r.bands*c.images, part%r.bands*c.rows
	images, rows := min(c.images, r.images-image), min(c.rows, s.OutH()-oy)
	in, pixels := s.H*s.W*s.InC, images*rows*s.OutW()
	x, dst := ws.image, r.dst[(image*s.OutH()+oy)*s.OutW()*s.OutC:][:pixels*s.OutC]
	if c.inPlace {
		x = r.x[image*in+oy*s.StrideH*c.line:]
	} else {
		lines := c.bandLines(rows)
		if c.winograd != nil {
			lines = 2*ceilDiv(rows, 2) + 2
		}
		for i := range images {
			to, from, top := ws.image[i*c.imageBytes():], r.x[(image+i)*in:][:in], oy*s.StrideH-s.PadH
			if c.lut != nil {
				c.copyTables(ws, to, from, top, lines)
			} else {
				c.copyLines(to, from, top, lines)
			}
		}
	}
	if c.winograd != nil {
		c.winogradTask(ws, dst, images, rows, first, last)
	} else {
		for panel := first; panel < last; panel++ {
			if c.lut != nil {
				c.look(ws, dst, pixels, panel)
			} else {
				c.direct(ws, dst, x, pixels, panel)
			}
		}
	}
	c.scratch.Put(ws)
}

// direct computes a panel's outputs of so many pixels.
func (c *Conv2DInt16) direct(ws *convInt16Scratch, dst []int16, x []byte, pixels, panel int) {
	w := c.unpacked(ws.panel, c.packed[panel*c.panel:][:c.panel])
	n := c.shape.OutC
	d, stride := dst[panel*convInt16Outputs:], n
	cols := min(convInt16Outputs, n-panel*convInt16Outputs)
	if cols < convInt16Outputs {
		d, stride = ws.tile, convInt16Outputs
	}
	c.row.tile(d, stride, x, ws.at[:pixels], w, ws.places, c.minusOf(panel))
	if cols < convInt16Outputs {
		for i := range pixels {
			copy(dst[i*n+panel*convInt16Outputs:][:cols], d[i*convInt16Outputs:])
		}
	}
}

// unpacked writes packed weights out, unless they are bytes.
func (c *Conv2DInt16) unpacked(dst, w []byte) []byte {
	unpack := c.row.unpack4
	switch c.bits {
	case 8:
		return w
	case 1:
		unpack = c.row.unpack1
	case 2:
		unpack = c.row.unpack2
	}
	unpack(&dst[0], &w[0], uintptr(len(w)))
	return dst
}

// convInt16Work bounds the multiply-adds of one call: see spanWork.
const convInt16Work = 1 << 22

// tile computes pixels by a panel of outputs, rows of dst a stride apart.
func (r *convInt16Row) tile(dst []int16, stride int, x []byte, at []uintptr, w []byte, places []uintptr, minus *int16) {
	most := len(r.tiles) - 1
	span := max(1, convInt16Work/(most*convInt16Step*len(places)))
	for i := 0; i < len(at); {
		n, groups := most, min(span, (len(at)-i)/most)
		if groups == 0 {
			n, groups = len(at)-i, 1
		}
		r.tiles[n](&dst[i*stride], uintptr(2*stride), unsafe.SliceData(x), &at[i], uintptr(groups), &w[0], &places[0], uintptr(len(places)), minus)
		i += n * groups
	}
}

// copyLines copies lines of an image from row top on, with the padding round them.
func (c *Conv2DInt16) copyLines(dst, x []byte, top, lines int) {
	s := &c.shape
	left, inside := s.PadW*s.InC, s.W*s.InC
	for y := top; y < top+lines; y++ {
		d := dst[:c.line]
		dst = dst[c.line:]
		if y < 0 || y >= s.H {
			c.outside(d)
			continue
		}
		c.outside(d[:left])
		c.codes(d[left:][:inside], x[y*inside:])
		c.outside(d[left+inside:])
	}
}

// outside fills with the padding, the code 0 as codes leaves it.
func (c *Conv2DInt16) outside(dst []byte) {
	clear(dst)
	if c.formats.Acts == S8 {
		flip(dst, dst)
	}
}

// codes copies codes as tiles read them, or as they are transformed.
func (c *Conv2DInt16) codes(dst, x []byte) {
	x = x[:len(dst)]
	switch {
	case c.formats.Acts == Sign && c.winograd == nil:
		for len(x) >= 8 {
			binary.NativeEndian.PutUint64(dst, binary.NativeEndian.Uint64(x)<<1&0xfefefefefefefefe)
			dst, x = dst[8:], x[8:]
		}
		for i, v := range x {
			dst[i] = v << 1
		}
	case c.formats.Acts == S8:
		flip(dst, x)
	default:
		copy(dst, x)
	}
}
