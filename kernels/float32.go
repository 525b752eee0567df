package kernels

import (
	"fmt"
	"sync"
)

// A GEMMFloat32 multiplies float32 activations by float32 weights that were
// packed once: the baseline that low-bit plans are compared with. It is safe
// for use by many goroutines.
type GEMMFloat32 struct {
	row     *f32Row
	n, k    int
	packed  []float32 // [block of inputs][panel][input][nr]
	threads int
	block   int // rows worked on at a time, so that each panel is read from afar few times
	runs    sync.Pool
}

// float32Block is how many rows pass by a panel while it is in L1: 360 KiB of L2
// for each block of inputs.
const float32Block = 240

// NewGEMMFloat32 plans products of M x K activations with w, n rows of k
// weights. It returns an error if a length or an option is wrong.
func NewGEMMFloat32(w []float32, n, k int, opt Options) (*GEMMFloat32, error) {
	if n < 1 || k < 1 || len(w)/n != k || len(w)%n != 0 {
		return nil, fmt.Errorf("kernels: %d float32 weights for a %dx%d (NxK) matrix: want N*K, at least 1x1", len(w), n, k)
	}
	if err := opt.check(); err != nil {
		return nil, err
	}
	row := current.Load().f32
	g := &GEMMFloat32{row: row, n: n, k: k, threads: max(1, opt.Threads)}
	width := g.panels() * row.nr
	g.packed = make([]float32, width*k)
	b := RowMajor(w, n, k).T()
	for k0, kc := 0, 0; k0 < k; k0 += kc {
		kc = blockSize(k-k0, matMulKC, 1)
		row.packF32Panels(g.packed[width*k0:], b.view(k0, 0, kc, n))
	}
	mr := row.mr()
	g.block = max(1, float32Block/mr) * mr
	g.runs.New = func() any { return new(float32Run) }
	return g, nil
}

// planPool is apart from matMulPool, whose workspaces have room for a block of b.
var planPool = sync.Pool{New: func() any { return new(matMulWorkspace) }}

func (g *GEMMFloat32) panels() int { return ceilDiv(g.n, g.row.nr) }

// Kernel is the name of the kernel that was chosen, such as avx2-float32.
func (g *GEMMFloat32) Kernel() string { return g.row.name() }

// PackedBytes is the memory that the packed weights take, padding included.
func (g *GEMMFloat32) PackedBytes() int { return 4 * len(g.packed) }

type float32Run struct {
	g       *GEMMFloat32
	dst, x  []float32
	m       int
	columns int // ranges of panels
}

func (r *float32Run) task(part int) {
	g := r.g
	block, column := part/r.columns, part%r.columns
	m0 := block * g.block
	m1 := min(m0+g.block, r.m)
	first, last := g.panels()*column/r.columns, g.panels()*(column+1)/r.columns
	g.multiply(r.dst, RowMajor(r.x[m0*g.k:m1*g.k], m1-m0, g.k), m0, first, last)
}

// multiply computes the rows from m0 on of the panels first … last.
func (g *GEMMFloat32) multiply(dst []float32, x Matrix, m0, first, last int) {
	w := planPool.Get().(*matMulWorkspace)
	defer planPool.Put(w)
	w.growTile(g.row)
	nr := g.row.nr
	width := g.panels() * nr
	n0, n1 := first*nr, min(last*nr, g.n)
	c := RowMajor(dst, len(dst)/g.n, g.n).view(m0, n0, x.Rows, n1-n0)
	for k0, kc := 0, 0; k0 < g.k; k0 += kc {
		kc = blockSize(g.k-k0, matMulKC, 1)
		block := w.unalias(x.view(0, k0, x.Rows, kc))
		g.row.multiply(c, block, g.packed[width*k0+n0*kc:], k0 > 0, w.tile)
	}
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
	r := g.runs.Get().(*float32Run)
	blocks := ceilDiv(m, g.block)
	r.g, r.dst, r.x, r.m, r.columns = g, dst, x, m, 1
	if blocks < 2*g.threads {
		r.columns = min(g.threads, g.panels())
	}
	parallel(g.threads, blocks*r.columns, r)
	r.dst, r.x = nil, nil
	g.runs.Put(r)
}
