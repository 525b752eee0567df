package kernels

import (
	"fmt"
	"sync"
)

// A Conv2DFloat32 convolves float32 images with float32 weights that were packed or
// transformed once, and goes on with the sums while they are in cache, as a
// FloatEpilogue says. It is safe for use by many goroutines.
//
// No matrix of patches is made. On CPUs with AVX2, convolutions of 3x3 and 5x5 with a
// stride of 1 and channels in multiples of 8 are computed by Winograd's transforms:
// F(2x2, 3x3) or F(4x4, 3x3), whichever has fewer products, and F(4x4, 5x5). Tiles of
// 4x4 round about four times as much as direct sums do: 2e-6 and 3e-6 of the sums' root
// mean square with 64 channels. Transformed weights are 1.8, 4 and 2.6 times as many.
// All others multiply windows where they lie in the image.
type Conv2DFloat32 struct {
	t        *ConvTraining // what packs the weights, and computes F(4x4, 5x5)
	weights  ConvWeights
	threads  int
	epilogue FloatEpilogue
	form     convForm
}

// A convForm is a way to compute sums, in parts that are bands of rows or images.
type convForm interface {
	method() string
	work() int
	// begin sets the number of parts of a run, and what memory each needs: no less for
	// more images.
	begin(r *convRun)
	// part computes one part: the sums of some rows, on which it calls done.
	part(r *convRun, ws *trainingWorkspace, i int)
}

// A convRun is one call of Run.
type convRun struct {
	c           *Conv2DFloat32
	dst, x, add []float32
	scratch     []float32 // memory of one goroutine, nil if there are several
	images      int
	parts, size int // size is a measure of a part
	room        convRoom
	winograd    winograd // of winogradForm, for parts of that size
}

var (
	convRuns   = sync.Pool{New: func() any { return new(convRun) }}
	convSpaces = sync.Pool{New: func() any { return new(convSpace) }}
)

// A convSpace is a workspace whose buffers are cut from one.
type convSpace struct {
	trainingWorkspace
	memory []float32
}

// A convRoom is the number of elements of buffers of a workspace.
type convRoom struct{ image, tile, v, m, line, outside, spare, sums int }

// lines is n rounded up to whole cache lines.
func lines(n int) int { return ceilDiv(n, 16) * 16 }

// floats is the elements of all buffers, each on cache lines of its own.
func (r *convRoom) floats() int {
	return lines(r.image) + lines(r.tile) + lines(r.v) + lines(r.m) + lines(r.line) + lines(r.outside) + lines(r.spare) + lines(r.sums)
}

// cut makes buffers of parts of the memory.
func (r *convRoom) cut(w *trainingWorkspace, memory []float32) {
	next := func(n int) (part []float32) {
		part, memory = memory[:n:n], memory[lines(n):]
		return part
	}
	w.image, w.tile, w.v, w.m = next(r.image), next(r.tile), next(r.v), next(r.m)
	w.line, w.outside, w.spare, w.sums = next(r.line), next(r.outside), next(r.spare), next(r.sums)
}

// NewConv2DFloat32 plans a convolution with w, OutC rows of KH*KW*InC weights
// ordered [KH][KW][InC]. Pixels outside the image are zero.
func NewConv2DFloat32(w []float32, shape ConvShape, opt Options) (*Conv2DFloat32, error) {
	return NewConv2DFloat32Epilogue(w, shape, FloatEpilogue{}, opt)
}

// NewConv2DFloat32Epilogue is NewConv2DFloat32 with steps that follow the sums.
func NewConv2DFloat32Epilogue(w []float32, shape ConvShape, e FloatEpilogue, opt Options) (*Conv2DFloat32, error) {
	if err := shape.Check(); err != nil {
		return nil, err
	}
	if n, k := shape.OutC, shape.K(); len(w)/n != k || len(w)%n != 0 {
		return nil, fmt.Errorf("kernels: %d float32 weights for a convolution of %dx%d (NxK): want OutC * KH*KW*InC", len(w), n, k)
	}
	if err := opt.check(); err != nil {
		return nil, err
	}
	if err := e.check(&shape); err != nil {
		return nil, err
	}
	r := current.Load().f32
	t := &ConvTraining{row: r, shape: shape, h: shape.H + 2*shape.PadH, w: shape.W + 2*shape.PadW}
	t.pool.New = func() any { return new(trainingWorkspace) }
	c := &Conv2DFloat32{t: t, threads: max(1, opt.Threads), epilogue: e.clone()}
	if shape.KH == 3 && shape.KW == 3 && shape.StrideH == 1 && shape.StrideW == 1 {
		t.forward = bestWinograd(r, shape.H, shape.W, shape.InC, shape.OutC, shape.PadH, shape.PadW)
	}
	switch {
	case t.forward != nil:
		c.form = newWinogradForm(c, t.forward)
	case t.conv5():
		c.form = &conv5Form{c}
	default:
		c.form = newWindowForm(c)
	}
	t.PackForward(&c.weights, w, nil)
	return c, nil
}

// Shape is the convolution's shape.
func (c *Conv2DFloat32) Shape() ConvShape { return c.t.shape }

// Kernel is the name of the kernel that was chosen, such as avx2-float32.
func (c *Conv2DFloat32) Kernel() string { return c.t.row.name() }

// Method says how sums are computed: "direct", or a transform such as "F(4x4, 3x3)".
func (c *Conv2DFloat32) Method() string { return c.form.method() }

// PackedBytes is the memory that the packed weights take, padding and the lists of
// windows included.
func (c *Conv2DFloat32) PackedBytes() int {
	n := c.weights.Bytes()
	if f, ok := c.form.(*windowForm); ok {
		n += 8 * (len(f.taps) + len(f.places))
	}
	return n
}

// Work is the number of multiply-adds of an image: those of the shape, or the fewer that
// transforms leave, whose own operations are not counted.
func (c *Conv2DFloat32) Work() int { return c.form.work() }

// Scratch is the number of elements of memory that RunIn needs for up to so many images.
func (c *Conv2DFloat32) Scratch(images int) int {
	r := convRun{c: c, images: images}
	if images < 1 {
		return 0
	}
	c.form.begin(&r)
	return r.room.floats()
}

// Run convolves images x[images][H][W][InC] into dst[images][OutH][OutW][OutC], or
// what the epilogue's pooling leaves of that. x and dst must not overlap. For one
// kernel, the bits of an image depend only on the image. It allocates nothing once its
// pooled memory has grown, and panics if a length is not as the shape says.
func (c *Conv2DFloat32) Run(dst, x []float32, images int) { c.run("Run", dst, x, nil, nil, images) }

// RunIn is Run in the memory scratch, of at least Scratch(images) elements, on the
// calling goroutine alone. If add is not nil it is as long as dst, and added to it
// before the epilogue rectifies. add may not overlap dst.
func (c *Conv2DFloat32) RunIn(scratch, dst, x, add []float32, images int) {
	if add != nil && len(add) != len(dst) {
		panic(lengths("Conv2DFloat32.RunIn", "add", len(add), len(dst)))
	}
	c.run("RunIn", dst, x, add, scratch, images)
}

func (c *Conv2DFloat32) run(method string, dst, x, add, scratch []float32, images int) {
	s := &c.t.shape
	pool := c.epilogue.pool(s)
	in, out := s.H*s.W*s.InC, pool.OutH()*pool.OutW()*pool.C
	if images < 0 || images > len(x) || len(x) != images*in || len(dst) != images*out {
		panic(fmt.Sprintf("kernels: Conv2DFloat32.%s: images = %d, len(x) = %d, len(dst) = %d: want %d*%d = %d and %d*%d = %d",
			method, images, len(x), len(dst), images, in, images*in, images, out, images*out))
	}
	if images == 0 {
		return
	}
	r := convRuns.Get().(*convRun)
	r.c, r.dst, r.x, r.add, r.scratch, r.images = c, dst, x, add, scratch, images
	c.form.begin(r)
	threads := c.threads
	if method == "RunIn" {
		threads = 1
		if need := r.room.floats(); len(scratch) < need {
			panic(fmt.Sprintf("kernels: Conv2DFloat32.RunIn: %d elements of memory for %d images: want %d", len(scratch), images, need))
		}
	}
	parallel(threads, r.parts, r)
	*r = convRun{}
	convRuns.Put(r)
}

// task computes a part in the caller's memory, or in memory of the goroutine's own.
func (r *convRun) task(i int) {
	w := convSpaces.Get().(*convSpace)
	memory := r.scratch
	if memory == nil {
		memory = grow(&w.memory, r.room.floats())
	}
	r.room.cut(&w.trainingWorkspace, memory)
	r.c.form.part(r, &w.trainingWorkspace, i)
	new(convRoom).cut(&w.trainingWorkspace, nil) // it may be the caller's
	convSpaces.Put(w)
}

// sums is where the sums of so many rows from a row on, counted through all images, go:
// to dst, unless they will be pooled.
func (r *convRun) sums(ws *trainingWorkspace, row, rows int) []float32 {
	s := &r.c.t.shape
	line := s.OutW() * s.OutC
	if r.c.epilogue.Pool > 1 {
		return ws.sums[:rows*line]
	}
	return r.dst[row*line:][:rows*line]
}

// done takes on the sums of rows of one image, or of the first rows of several.
func (r *convRun) done(sums []float32, row, rows, images int) {
	s, e := &r.c.t.shape, &r.c.epilogue
	at, n := row*s.OutW()*s.OutC, len(sums)
	if e.Pool > 1 {
		pool := e.pool(s)
		line := pool.OutW() * pool.C
		if rows < e.Pool {
			return // below all windows
		}
		at, n = (row/s.OutH()*pool.OutH()+row%s.OutH()/e.Pool)*line, images*(rows/e.Pool)*line
		pool.H = rows
		MaxPool(r.dst[at:][:n], sums, pool, images)
	}
	if y := r.dst[at:][:n]; r.add != nil {
		e.addTo(y, r.add[at:][:n])
	} else if e.Scale != nil {
		Affine(y, e.Scale, e.Bias, e.ReLU)
	}
}

// convBand is how many bytes of sums of a band of rows are computed before they are
// taken on: they and what they are computed from stay in L1 or nearly so.
const convBand = 24 << 10

// A windowForm multiplies windows in place, in bands of rows of an image or, of small
// ones, groups of images.
type windowForm struct {
	c            *Conv2DFloat32
	taps, places []uintptr // see windows
	used         int       // rows of an image
	rows, bands  int       // of a band, and of an image
	group        int       // images of a part, 1 if they have several bands
	high, wide   int       // pixels of a band, with their padding
	image        int       // elements from one image of a group to the next
}

func newWindowForm(c *Conv2DFloat32) *windowForm {
	t := c.t
	s := &t.shape
	f := &windowForm{c: c, used: s.OutH(), group: 1, wide: t.w}
	unit := max(1, c.epilogue.Pool)
	f.used = f.used / unit * unit
	row := 4 * s.OutW() * s.OutC
	f.rows = f.used
	if f.rows*row > convBand {
		f.rows = max(1, convBand/row/unit) * unit
	} else {
		f.group = max(1, min(trainingPlaces/(f.rows*s.OutW()), convBand/(f.rows*row)))
	}
	f.bands = ceilDiv(f.used, f.rows)
	f.high = (f.rows-1)*s.StrideH + s.KH
	if f.image = f.high * f.wide * s.InC; !f.padded() {
		f.image = s.H * s.W * s.InC
	}
	line := f.wide * s.InC
	for i := range s.K() {
		f.taps = append(f.taps, uintptr(4*(i/s.InC/s.KW*line+i%(s.KW*s.InC))))
	}
	outW := s.OutW()
	for i := range f.group * f.rows * outW {
		image, p := i/(f.rows*outW), i%(f.rows*outW)
		f.places = append(f.places, uintptr(4*(image*f.image+p/outW*s.StrideH*line+p%outW*s.StrideW*s.InC)))
	}
	t.outRows, t.panelRows = apart(len(t.row.window), s.OutC), apart(len(t.row.window), t.row.nr)
	return f
}

func (f *windowForm) padded() bool { return f.c.t.shape.PadH > 0 || f.c.t.shape.PadW > 0 }

func (f *windowForm) method() string { return "direct" }
func (f *windowForm) work() int      { return f.c.t.shape.MACs() }

func (f *windowForm) begin(r *convRun) {
	t := f.c.t
	group := min(f.group, r.images)
	r.parts = ceilDiv(r.images, f.group) * f.bands
	r.room = convRoom{tile: len(t.row.window) * t.row.nr}
	if f.padded() {
		r.room.image = group * f.image
	}
	if f.c.epilogue.Pool > 1 {
		r.room.sums = group * f.rows * t.shape.OutW() * t.shape.OutC
	}
}

func (f *windowForm) part(r *convRun, ws *trainingWorkspace, i int) {
	t := f.c.t
	s := &t.shape
	image, y := i/f.bands*f.group, i%f.bands*f.rows
	images, rows := min(f.group, r.images-image), min(f.rows, f.used-y)
	x := r.x[image*s.H*s.W*s.InC:]
	if f.padded() {
		f.pad(ws.image, x, y*s.StrideH-s.PadH, images)
		x = ws.image
	} else {
		x = x[y*s.StrideH*s.W*s.InC:]
	}
	sums := r.sums(ws, image*s.OutH()+y, images*rows)
	k, nr, count := s.K(), t.row.nr, images*rows*s.OutW()
	width := ceilDiv(s.OutC, nr) * nr
	for k0, kc := 0, 0; k0 < k; k0 += kc {
		kc = blockSize(k-k0, trainingKC, 1)
		for j := 0; j < s.OutC; j += nr {
			p := t.panel(ws, f.c.weights.data[width*k0+j*kc:], min(nr, s.OutC-j), kc)
			for q, i, n, tiles := 0, 0, 0, t.row.cut(count); q < tiles.n; q, i = q+1, i+n {
				n = tiles.rows(q)
				p.multiply(sums[i*s.OutC+j:], t.outRows, &x[0], f.places[i:], &f.taps[k0], n, k0 > 0)
			}
		}
	}
	r.done(sums, image*s.OutH()+y, rows, images)
}

// pad copies the rows from y on that a band of each image reads, with zeros around
// them.
func (f *windowForm) pad(dst, x []float32, y, images int) {
	s := &f.c.t.shape
	line, wide := s.W*s.InC, f.wide*s.InC
	left := s.PadW * s.InC
	for range images {
		for i := range f.high {
			d := dst[i*wide:][:wide]
			if y+i < 0 || y+i >= s.H {
				clear(d)
				continue
			}
			clear(d[:left])
			copy(d[left:], x[(y+i)*line:][:line])
			clear(d[left+line:])
		}
		dst, x = dst[f.image:], x[s.H*line:]
	}
}

// A winogradForm computes groups of lines of tiles. A band is as many lines as are
// whole windows of the pool.
type winogradForm struct {
	c           *Conv2DFloat32
	p           *winograd
	band, bands int // lines of a band, bands of an image
}

func newWinogradForm(c *Conv2DFloat32, p *winograd) *winogradForm {
	f := &winogradForm{c: c, p: p, band: 1}
	for pool := max(1, c.epilogue.Pool); f.band*p.m%pool != 0; {
		f.band++
	}
	f.bands = ceilDiv(p.lines, f.band)
	return f
}

func (f *winogradForm) method() string { return fmt.Sprintf("F(%[1]dx%[1]d, 3x3)", f.p.m) }

func (f *winogradForm) work() int {
	return f.p.lines * f.p.tiles * f.p.frequencies() * f.p.c * f.p.n
}

// line is the first line of a band, counted through all images.
func (f *winogradForm) line(band int) int {
	return band/f.bands*f.p.lines + band%f.bands*f.band
}

func (f *winogradForm) begin(r *convRun) {
	p := &r.winograd
	*p = *f.p
	bands := r.images * f.bands
	most := max(1, min(p.group/f.band, ceilDiv(bands, f.c.threads)))
	p.setGroup(min(most*f.band, r.images*p.lines))
	r.room = convRoom{v: p.vFreq * p.frequencies(), m: p.mFreq * p.frequencies(), line: 8 * (p.m + 2) * (p.m*p.tiles + 2), outside: p.w * p.c, spare: (p.outW + p.m*p.m) * p.n}
	if f.c.epilogue.Pool > 1 {
		r.room.sums = f.band * p.m * p.outW * p.n
	}
	r.size = blockSize(bands, most, 1)
	r.parts = ceilDiv(bands, r.size)
	p.setGroup(min(r.size*f.band, r.images*p.lines))
}

func (f *winogradForm) part(r *convRun, ws *trainingWorkspace, i int) {
	p := &r.winograd
	defer clear(ws.rows[:])
	first := i * r.size
	last := min(first+r.size, r.images*f.bands)
	at := f.line(first)
	clear(ws.outside)
	p.input(ws, r.x, at, f.line(last)-at, 0)
	p.multiply(ws, f.c.weights.data, (f.line(last)-at)*p.tiles)
	products := ws.m
	for band := first; band < last; band++ {
		line, end := f.line(band), f.line(band+1)
		y := line % p.lines * p.m
		row, rows := line/p.lines*p.outH+y, min((end-line)*p.m, p.outH-y)
		sums := r.sums(ws, row, rows)
		for ; line < end; line++ {
			p.output(ws, sums, row, line, products)
			products = products[p.tiles*p.nRow:]
		}
		r.done(sums, row, rows, 1)
	}
}

// conv5Group bounds the tiles of a group of images: what more gain by weights that are
// read less often, they lose as what is transformed leaves L2.
const conv5Group = 24

// A conv5Form computes groups of images.
type conv5Form struct{ c *Conv2DFloat32 }

func (f *conv5Form) method() string { return "F(4x4, 5x5)" }

func (f *conv5Form) work() int {
	_, tiles := f.c.t.conv5Chunk()
	return tiles * conv5Points * f.c.t.shape.InC * f.c.t.shape.OutC
}

func (f *conv5Form) begin(r *convRun) {
	t := f.c.t
	s := &t.shape
	_, tiles := t.conv5Chunk()
	most := min(max(1, conv5Group/tiles), ceilDiv(r.images, f.c.threads))
	r.size = blockSize(r.images, most, 1)
	r.parts = ceilDiv(r.images, r.size)
	v, m := points{nil, most * tiles, s.InC, 0}, points{nil, most * tiles, s.OutC, 0}
	r.room = convRoom{v: conv5Points * v.floats(), m: conv5Points * m.floats(), tile: len(t.row.window) * t.row.nr}
	if s.PadH > 0 || s.PadW > 0 {
		r.room.image = most * t.h * t.w * s.InC
	}
	if f.c.epilogue.Pool > 1 {
		r.room.sums = most * s.OutH() * s.OutW() * s.OutC
	}
}

func (f *conv5Form) part(r *convRun, ws *trainingWorkspace, i int) {
	s := &f.c.t.shape
	first := i * r.size
	n := min(r.size, r.images-first)
	in := s.H * s.W * s.InC
	sums := r.sums(ws, first*s.OutH(), n*s.OutH())
	f.c.t.conv5Forward(ws, sums, r.x[first*in:][:n*in], f.c.weights.data, n, 0)
	r.done(sums, first*s.OutH(), s.OutH(), n)
}
