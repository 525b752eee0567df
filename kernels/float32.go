package kernels

import (
	"fmt"
	"sync"
)

// A float32Product is what float32 GEMM and Conv2D plans share: weights packed
// for MatMul's tiles, and the loop over blocks of rows.
type float32Product struct {
	row     *f32Row
	n, k    int
	packed  []float32 // [block of inputs][panel][input][nr]
	threads int
	// Rows worked on at a time: as many as let each panel be read from afar few
	// times. Rows that are gathered first shall stay in L2 whole.
	block, gathered int
	stride          int // between gathered rows
	scratch         sync.Pool
	runs            sync.Pool
}

// float32Block is how many rows pass by a panel while it is in L1: 360 KiB of L2
// for each block of inputs.
const float32Block = 240

func newFloat32Product(w []float32, n, k int, opt Options) (*float32Product, error) {
	if n < 1 || k < 1 || len(w)/n != k || len(w)%n != 0 {
		return nil, fmt.Errorf("kernels: %d float32 weights for a %dx%d (NxK) matrix: want N*K, at least 1x1", len(w), n, k)
	}
	if err := opt.check(); err != nil {
		return nil, err
	}
	row := current.Load().f32
	p := &float32Product{row: row, n: n, k: k, threads: max(1, opt.Threads)}
	width := p.panels() * row.nr
	p.packed = make([]float32, width*k)
	b := RowMajor(w, n, k).T()
	for k0, kc := 0, 0; k0 < k; k0 += kc {
		kc = blockSize(k-k0, matMulKC, 1)
		row.packF32Panels(p.packed[width*k0:], b.view(k0, 0, kc, n))
	}
	mr := row.mr()
	p.block = max(1, float32Block/mr) * mr
	p.gathered = max(1, min((192<<10)/(4*k), matMulMC)/mr) * mr
	p.stride = k
	switch {
	case k <= narrowRow:
		p.stride += gatherSlack
	case k%128 == 0:
		p.stride += 16 // see unalias
	}
	p.scratch.New = func() any { return &float32Scratch{make([]float32, p.gathered*p.stride+gatherSlack)} }
	p.runs.New = func() any { return new(float32Run) }
	return p, nil
}

// planPool is apart from matMulPool, whose workspaces have room for a block of b.
var planPool = sync.Pool{New: func() any { return new(matMulWorkspace) }}

func (p *float32Product) panels() int { return ceilDiv(p.n, p.row.nr) }

// Kernel is the name of the kernel that was chosen, such as avx2-float32.
func (p *float32Product) Kernel() string { return p.row.name() }

// PackedBytes is the memory that the packed weights take, padding included.
func (p *float32Product) PackedBytes() int { return 4 * len(p.packed) }

// float32Scratch holds the gathered rows of a block.
type float32Scratch struct{ x []float32 }

type float32Source interface {
	direct() []float32
	gather(dst []float32, stride, i0, i1 int) // see rowSource
}

type float32Run struct {
	p       *float32Product
	dst     []float32
	rows    float32Source
	m       int
	block   int
	columns int
}

func (p *float32Product) run(dst []float32, rows float32Source, m int) {
	r := p.runs.Get().(*float32Run)
	r.p, r.dst, r.rows, r.m, r.columns = p, dst, rows, m, 1
	r.block = p.block
	if rows.direct() == nil {
		r.block = p.gathered
	}
	blocks := ceilDiv(m, r.block)
	if blocks < 2*p.threads {
		r.columns = min(p.threads, p.panels())
	}
	parallel(p.threads, blocks*r.columns, r)
	r.rows, r.dst = nil, nil
	p.runs.Put(r)
}

func (r *float32Run) task(part int) {
	p := r.p
	block, column := part/r.columns, part%r.columns
	m0 := block * r.block
	m1 := min(m0+r.block, r.m)
	first, last := p.panels()*column/r.columns, p.panels()*(column+1)/r.columns
	if x := r.rows.direct(); x != nil {
		p.multiply(r.dst, RowMajor(x[m0*p.k:m1*p.k], m1-m0, p.k), m0, first, last)
		return
	}
	s := p.scratch.Get().(*float32Scratch)
	r.rows.gather(s.x, p.stride, m0, m1)
	p.multiply(r.dst, Matrix{Data: s.x, Rows: m1 - m0, Cols: p.k, RowStride: p.stride, ColStride: 1}, m0, first, last)
	p.scratch.Put(s)
}

// multiply computes the rows from m0 on of the panels first … last.
func (p *float32Product) multiply(dst []float32, x Matrix, m0, first, last int) {
	w := planPool.Get().(*matMulWorkspace)
	defer planPool.Put(w)
	w.growTile(p.row)
	nr := p.row.nr
	width := p.panels() * nr
	n0, n1 := first*nr, min(last*nr, p.n)
	c := RowMajor(dst, len(dst)/p.n, p.n).view(m0, n0, x.Rows, n1-n0)
	for k0, kc := 0, 0; k0 < p.k; k0 += kc {
		kc = blockSize(p.k-k0, matMulKC, 1)
		block := w.unalias(x.view(0, k0, x.Rows, kc))
		p.row.multiply(c, block, p.packed[width*k0+n0*kc:], k0 > 0, w.tile)
	}
}

// A GEMMFloat32 multiplies float32 activations by float32 weights that were
// packed once: the baseline that low-bit plans are compared with. It is safe
// for use by many goroutines.
type GEMMFloat32 struct{ *float32Product }

// NewGEMMFloat32 plans products of M x K activations with w, n rows of k
// weights. It returns an error if a length or an option is wrong.
func NewGEMMFloat32(w []float32, n, k int, opt Options) (*GEMMFloat32, error) {
	p, err := newFloat32Product(w, n, k, opt)
	if err != nil {
		return nil, err
	}
	return &GEMMFloat32{p}, nil
}

// Run sets dst[m][n] to the sum over k of x[m][k] times weight [n][k]. x holds
// m rows of K numbers, dst m rows of N; the two must not overlap. For one
// kernel the bits do not depend on m or on threads. It does not allocate, and
// panics if a length is not as the shapes say.
func (g *GEMMFloat32) Run(dst, x []float32, m int) {
	if m < 0 || m > len(x) || len(x) != m*g.k || len(dst) != m*g.n {
		panic(fmt.Sprintf("kernels: GEMMFloat32.Run: m = %d, len(x) = %d, len(dst) = %d: want m*K = %d*%d = %d and m*N = %d*%d = %d",
			m, len(x), len(dst), m, g.k, m*g.k, m, g.n, m*g.n))
	}
	if m == 0 {
		return
	}
	rows := float32Rows.Get().(*float32Matrix)
	rows.x = x
	g.run(dst, rows, m)
	rows.x = nil
	float32Rows.Put(rows)
}

// float32Matrix is the float32Source of a plain matrix.
type float32Matrix struct{ x []float32 }

var float32Rows = sync.Pool{New: func() any { return new(float32Matrix) }}

func (m *float32Matrix) direct() []float32               { return m.x }
func (m *float32Matrix) gather([]float32, int, int, int) {} // never needed

// A Conv2DFloat32 convolves float32 images with float32 weights that were
// packed once. It is safe for use by many goroutines.
type Conv2DFloat32 struct {
	*float32Product
	shape ConvShape
}

// NewConv2DFloat32 plans a convolution with w, OutC rows of KH*KW*InC weights
// ordered [KH][KW][InC]. Pixels outside the image are zero.
func NewConv2DFloat32(w []float32, shape ConvShape, opt Options) (*Conv2DFloat32, error) {
	if err := shape.Check(); err != nil {
		return nil, err
	}
	p, err := newFloat32Product(w, shape.OutC, shape.K(), opt)
	if err != nil {
		return nil, err
	}
	return &Conv2DFloat32{p, shape}, nil
}

// Shape is the convolution's shape.
func (c *Conv2DFloat32) Shape() ConvShape { return c.shape }

// Run convolves images x[images][H][W][InC] into dst[images][OutH][OutW][OutC].
// x and dst must not overlap. It does not allocate, and panics if a length is
// not as the shape says.
func (c *Conv2DFloat32) Run(dst, x []float32, images int) {
	s := &c.shape
	pixels := s.OutH() * s.OutW()
	in := s.H * s.W * s.InC
	if images < 0 || images > len(x) || len(x) != images*in || len(dst) != images*pixels*s.OutC {
		panic(fmt.Sprintf("kernels: Conv2DFloat32.Run: images = %d, len(x) = %d, len(dst) = %d: want %d*%d = %d and %d*%d = %d",
			images, len(x), len(dst), images, in, images*in, images, pixels*s.OutC, images*pixels*s.OutC))
	}
	if images == 0 {
		return
	}
	rows := floatPatches.Get().(*patches[float32])
	rows.set(x, s)
	c.run(dst, rows, images*pixels)
	rows.x = nil
	floatPatches.Put(rows)
}
