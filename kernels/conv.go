package kernels

import (
	"fmt"
	"sync"
)

// A ConvShape is the shape of a two-dimensional convolution over images of
// H x W pixels with InC channels each, channels innermost (NHWC).
type ConvShape struct {
	H, W, InC        int
	OutC, KH, KW     int
	StrideH, StrideW int
	PadH, PadW       int // rows above and below, columns left and right
}

// OutH is the number of output rows.
func (s ConvShape) OutH() int { return (s.H+2*s.PadH-s.KH)/s.StrideH + 1 }

// OutW is the number of output columns.
func (s ConvShape) OutW() int { return (s.W+2*s.PadW-s.KW)/s.StrideW + 1 }

// K is the number of inputs of one output: KH*KW*InC.
func (s ConvShape) K() int { return s.KH * s.KW * s.InC }

// MACs is the number of multiply-accumulates for one image, those with
// padding included.
func (s ConvShape) MACs() int { return s.OutH() * s.OutW() * s.OutC * s.K() }

// maxDim bounds each field, so that no product of three overflows.
const maxDim = 1 << 20

// Check returns an error that names the first field that cannot be.
func (s ConvShape) Check() error {
	for _, f := range []struct {
		name      string
		got, want int
	}{
		{"H", s.H, 1}, {"W", s.W, 1}, {"InC", s.InC, 1}, {"OutC", s.OutC, 1}, {"KH", s.KH, 1}, {"KW", s.KW, 1},
		{"StrideH", s.StrideH, 1}, {"StrideW", s.StrideW, 1}, {"PadH", s.PadH, 0}, {"PadW", s.PadW, 0},
	} {
		if f.got < f.want || f.got > maxDim {
			return fmt.Errorf("kernels: ConvShape.%s is %d: want %d to %d", f.name, f.got, f.want, maxDim)
		}
	}
	if s.H+2*s.PadH < s.KH || s.W+2*s.PadW < s.KW {
		return fmt.Errorf("kernels: convolution window %dx%d on %dx%d pixels padded by %dx%d: want a window no larger than the padded image",
			s.KH, s.KW, s.H, s.W, s.PadH, s.PadW)
	}
	return nil
}

func (s ConvShape) checkWeights(n, k int) error {
	if err := s.Check(); err != nil {
		return err
	}
	if n != s.OutC || k != s.K() {
		return fmt.Errorf("kernels: weights are %dx%d (NxK): want OutC x KH*KW*InC = %dx%d", n, k, s.OutC, s.K())
	}
	return nil
}

// A Conv2D convolves activations with low-bit weights that were packed once.
// It never writes the whole matrix of patches to memory: patches are gathered
// a block at a time, into the cache. It is safe for use by many goroutines.
type Conv2D struct {
	*product
	shape ConvShape
}

// NewConv2D plans a convolution. Weights have N = OutC rows of K = KH*KW*InC
// values, ordered [KH][KW][InC]. Pixels outside the image have code 0: the
// value 0, but -1 for Sign. Errors are those of NewGEMM and
// of ConvShape.Check.
func NewConv2D(w Weights, shape ConvShape, a ActFormat, opt Options) (*Conv2D, error) {
	if err := shape.checkWeights(w.N, w.K); err != nil {
		return nil, err
	}
	if opt.Rows >= 0 { // otherwise newProduct says what is wrong
		opt.Rows = max(opt.Rows, shape.OutH()*shape.OutW())
	}
	p, err := newProduct(w, a, opt)
	if err != nil {
		return nil, err
	}
	return &Conv2D{p, shape}, nil
}

// Shape is the convolution's shape.
func (c *Conv2D) Shape() ConvShape { return c.shape }

// Run convolves images x[images][H][W][InC] into dst[images][OutH][OutW][OutC].
// x and dst must not overlap. It does not allocate, and panics if a length is
// not as the shape says. Codes are not checked: see CheckActs.
func (c *Conv2D) Run(dst []int32, x []uint8, images int) {
	s := &c.shape
	pixels := s.OutH() * s.OutW()
	in := s.H * s.W * s.InC
	if images < 0 || images > len(x) || len(x) != images*in || len(dst) != images*pixels*s.OutC {
		panic(fmt.Sprintf("kernels: Conv2D.Run: images = %d, len(x) = %d, len(dst) = %d: want %d*%d = %d and %d*%d = %d",
			images, len(x), len(dst), images, in, images*in, images, pixels*s.OutC, images*pixels*s.OutC))
	}
	if images == 0 {
		return
	}
	rows := bytePatches.Get().(*patches)
	rows.set(x, s)
	c.run(dst, rows, images*pixels)
	rows.x = nil
	bytePatches.Put(rows)
}

// patches is the rowSource of a convolution: row i is the window under output
// pixel i, counted through all images.
type patches struct {
	x         []uint8
	s         ConvShape
	outW      int
	pixels    int
	pointwise bool
}

var bytePatches = sync.Pool{New: func() any { return new(patches) }}

func (p *patches) set(x []uint8, s *ConvShape) {
	p.x, p.s, p.outW, p.pixels = x, *s, s.OutW(), s.OutH()*s.OutW()
	p.pointwise = s.KH == 1 && s.KW == 1 && s.StrideH == 1 && s.StrideW == 1 && s.PadH == 0 && s.PadW == 0
}

// direct returns the images themselves where a window is one pixel.
func (p *patches) direct() []uint8 {
	if p.pointwise {
		return p.x
	}
	return nil
}

// gather copies windows i0 ... i1-1 to rows of dst that lie stride apart, a
// row of output pixels at a time: with few channels, finding each window by
// itself would take as long as copying it.
func (p *patches) gather(dst []uint8, stride, i0, i1 int) {
	for i := i0; i < i1; {
		image, pixel := i/p.pixels, i%p.pixels
		oy, ox := pixel/p.outW, pixel%p.outW
		n := min(p.outW-ox, i1-i)
		d := dst[(i-i0)*stride:]
		if !p.gatherNarrow(d, stride, image, oy, ox, n) {
			for j := range n {
				p.window(d[j*stride:], image, oy, ox+j)
			}
		}
		i += n
	}
}

// gatherSlack is how many elements a line has that is copied whole although it
// may be narrower. As many may be written behind a row that is gathered.
const gatherSlack = 8

// narrowRow is the most inputs of a row that gets room for gatherSlack.
const narrowRow = 64

// gatherNarrow copies the windows under n output pixels of a row if the lines
// of windows have few elements, as in a first layer with one channel. It copies
// gatherSlack elements for each line; those too many are overwritten by the
// window's next line or lie behind the row. It reports false if the lines are
// wider, or so many elements may not be read or written.
func (p *patches) gatherNarrow(dst []uint8, stride, image, oy, ox, n int) bool {
	s := &p.s
	line, last := s.KW*s.InC, s.KH-1
	step, down := s.StrideW*s.InC, s.W*s.InC
	room := last*line + gatherSlack
	if line > gatherSlack || s.PadH > 0 || s.PadW > 0 || n > 1 && stride < room || len(dst) < (n-1)*stride+room {
		return false
	}
	src := p.x[(image*s.H+oy*s.StrideH)*down+ox*step:]
	if len(src) < last*down+(n-1)*step+gatherSlack {
		return false
	}
	for ky := range s.KH {
		from, to := src[ky*down:], dst[ky*line:]
		for j := range n {
			*(*[gatherSlack]uint8)(to[j*stride:]) = *(*[gatherSlack]uint8)(from[j*step:])
		}
	}
	return true
}

// window copies the window under one output pixel, row by row of the image;
// pixels outside are zero.
func (p *patches) window(dst []uint8, image, oy, ox int) {
	s := &p.s
	y, x := oy*s.StrideH-s.PadH, ox*s.StrideW-s.PadW
	base := image * s.H * s.W * s.InC
	line := s.KW * s.InC
	if y >= 0 && y+s.KH <= s.H && x >= 0 && x+s.KW <= s.W {
		src := p.x[base+(y*s.W+x)*s.InC:]
		for ky := range s.KH {
			copy(dst[ky*line:][:line], src[ky*s.W*s.InC:])
		}
		return
	}
	from, to := max(0, -x), min(s.KW, s.W-x) // columns of the window inside the image
	for ky := range s.KH {
		d := dst[ky*line:][:line]
		clear(d)
		if iy := y + ky; iy >= 0 && iy < s.H && from < to {
			copy(d[from*s.InC:to*s.InC], p.x[base+(iy*s.W+x+from)*s.InC:])
		}
	}
}
