package kernels

import (
	"fmt"
	"math"
	"sync"
	"unsafe"
)

// Options are choices for a plan. The zero value is one thread.
type Options struct {
	// Threads is the number of goroutines a Run may use; 0 and 1 mean the
	// caller's alone. Results do not depend on it.
	Threads int
	// Rows is how many rows of activations a Run will usually have, for the
	// choice of the kernel; 0 means any number, mostly many. NewGEMV and
	// NewConv2D know by themselves.
	Rows int
}

// manyRows is a number of rows for which none of a kernel's tiles is wasted.
const manyRows = 1024

func (o Options) check() error {
	if o.Threads < 0 {
		return fmt.Errorf("kernels: Options.Threads is %d: want 0 or more", o.Threads)
	}
	if o.Rows < 0 {
		return fmt.Errorf("kernels: Options.Rows is %d: want 0 or more", o.Rows)
	}
	return nil
}

// A product is what GEMM and Conv2D plans share: packed weights, the kernel
// they are packed for, and the loop over tiles.
type product struct {
	row     *gemmRow
	formats Formats // as kernels read them
	signed  bool    // activations are S8, which kernels read as U8
	n, k    int
	steps   int
	bias    []int32
	shift   uintptr
	packed  []byte // the weights, as the row's form has them
	panel   int    // bytes of a panel of packed weights
	stride  int    // bytes between prepared rows
	block   int    // rows of activations worked on at a time
	threads int
	work    int      // multiply-adds a row
	bits    *bitsRow // packs activations to bits, for forms that need it
	scratch sync.Pool
	runs    sync.Pool
}

// newProduct checks weights and formats, chooses a kernel and packs for it.
func newProduct(w Weights, a ActFormat, opt Options) (*product, error) {
	if err := w.check(); err != nil {
		return nil, err
	}
	if !a.valid() || a == F32 {
		return nil, fmt.Errorf("kernels: activation format %v: want an integer format", a)
	}
	if err := opt.check(); err != nil {
		return nil, err
	}
	if err := checkSums(w, a); err != nil {
		return nil, err
	}
	row, err := chooseGEMM(w, a, opt.Rows)
	if err != nil {
		return nil, err
	}
	p := &product{row: row, formats: Formats{w.Format, a.held()}, signed: a == S8, n: w.N, k: w.K, threads: max(1, opt.Threads)}
	p.steps = ceilDiv(w.K, row.kstep)
	p.work = work(row, w, a.held())
	p.bias = make([]int32, ceilDiv(w.N, row.nr)*row.nr)
	row.form.pack(p, w, a.held())
	if p.signed {
		for n := range w.N {
			p.bias[n] += s8Bias(w.Values[n*w.K:][:w.K])
		}
	}
	p.scratch.New = func() any {
		return &scratch{x: make([]byte, p.block*p.stride+gatherSlack), codes: make([]uint8, w.K+gatherSlack), tile: make([]int32, row.mr()*row.nr),
			panel: make([]byte, p.unpackedPanel())}
	}
	p.runs.New = func() any { return new(productRun) }
	return p, nil
}

// setStride says how far apart prepared rows lie, and cuts the rows of a
// product into blocks that fill about cache bytes: a block stays there while
// the panels of weights pass over it.
func (p *product) setStride(stride, cache int) {
	mr := p.row.mr()
	p.stride = stride
	p.block = max(1, min(cache/max(1, stride), 512)/mr) * mr
}

// unpackedPanel is the length of an unpacked panel: 0 if blocks of rows have too few
// tiles to unpack any.
func (p *product) unpackedPanel() int {
	u := p.row.unpacker
	if u == nil || p.block/p.row.mr() < u.least {
		return 0
	}
	return u.times * p.panel
}

// checkSums returns an error if some activations could make a sum that int32
// does not hold. Tiles add in int32, where intermediate sums may wrap, so this
// is the only bound on K.
func checkSums(w Weights, a ActFormat) error {
	for n := range w.N {
		var sum int64
		for _, v := range w.Values[n*w.K:][:w.K] {
			sum += max(int64(v), -int64(v))
		}
		if sum*int64(a.maxAbs()) > math.MaxInt32 {
			return fmt.Errorf("kernels: output %d can reach ±%d (K = %d, %v x %v): want at most %d, the range of int32",
				n, sum*int64(a.maxAbs()), w.K, w.Format, a, math.MaxInt32)
		}
	}
	return nil
}

// Kernel is the name of the kernel that was chosen, such as avx2-muladd-w4.
func (p *product) Kernel() string { return p.row.name() }

// Work is the number of multiply-adds that the kernel does for one row of
// activations: N*K, or, if it skips zeros, those left and its padding.
func (p *product) Work() int { return p.work }

// Formats are the formats of weights and activations.
func (p *product) Formats() Formats {
	if p.signed {
		return Formats{p.formats.Weights, S8}
	}
	return p.formats
}

// PackedBytes is the memory that the packed weights take, padding and the
// per-output corrections included.
func (p *product) PackedBytes() int { return len(p.packed) + 4*len(p.bias) }

// scratch is the working memory of one goroutine in a Run.
type scratch struct {
	x     []byte  // a block of activations, as the tile reads them
	codes []uint8 // one gathered row, before its bits are packed
	tile  []int32 // a tile at the edge of the result
	panel []byte  // an unpacked panel, if panels are unpacked
}

// A rowSource yields the rows of the left-hand side.
type rowSource interface {
	// direct returns the codes themselves if rows lie k bytes apart.
	direct() []uint8
	// gather writes rows i0 ... i1-1 to dst, stride bytes apart in ascending
	// order, and may write up to gatherSlack bytes behind each.
	gather(dst []uint8, stride, i0, i1 int)
}

// A productRun is one call of Run: its parts are blocks of rows times ranges
// of panels.
type productRun struct {
	p       *product
	dst     []int32
	rows    rowSource
	signed  signedRows // rows, for signed activations
	m       int
	columns int // ranges of panels
}

func (p *product) run(dst []int32, rows rowSource, m int) {
	r := p.runs.Get().(*productRun)
	blocks := ceilDiv(m, p.block)
	r.p, r.dst, r.rows, r.m, r.columns = p, dst, rows, m, 1
	if p.signed {
		r.signed = signedRows{rows, p.k}
		r.rows = &r.signed
	}
	if blocks < 2*p.threads {
		r.columns = min(p.threads, ceilDiv(p.n, p.row.nr))
	}
	parallel(p.threads, blocks*r.columns, r)
	r.rows, r.signed.rowSource, r.dst = nil, nil, nil
	p.runs.Put(r)
}

func (r *productRun) task(part int) {
	p := r.p
	block, column := part/r.columns, part%r.columns
	m0 := block * p.block
	m1 := min(m0+p.block, r.m)
	panels := ceilDiv(p.n, p.row.nr)
	first, last := panels*column/r.columns, panels*(column+1)/r.columns
	s := p.scratch.Get().(*scratch)
	x, stride := p.row.form.prepare(p, s, r.rows, m0, m1)
	if f, ok := p.row.form.(computer); ok {
		f.compute(p, s, r.dst, x, m0, m1, first, last)
	} else {
		p.tiles(r.dst, s, x, stride, m0, m1, first, last)
	}
	p.scratch.Put(s)
}

// tiles computes rows m0 … m1 of the panels first … last.
func (p *product) tiles(dst []int32, s *scratch, x []byte, stride, m0, m1, first, last int) {
	row := p.row
	mr, nr := row.mr(), row.nr
	// Rows are cut into tiles as even as can be: one of few rows has too few
	// sums to hide the latency of its instructions.
	tiles := ceilDiv(m1-m0, mr)
	least, more := (m1-m0)/tiles, (m1-m0)%tiles
	unpacks := len(s.panel) > 0 && tiles >= row.unpacker.least
	run, steps := row.tiles, uintptr(p.steps)
	if unpacks {
		run, steps = row.unpacker.tiles, uintptr(p.steps*row.unpacker.steps)
	}
	panel := first
	if m1-m0 == 1 && row.gemv != nil {
		for ; panel+gemvPanels <= min(last, p.n/nr); panel += gemvPanels {
			row.gemv(unsafe.SliceData(dst[m0*p.n+panel*nr:]), unsafe.SliceData(x), unsafe.SliceData(p.packed[panel*p.panel:]),
				uintptr(p.panel), uintptr(p.steps), unsafe.SliceData(p.bias[panel*nr:]), p.shift)
		}
	}
	for ; panel < last; panel++ {
		w := unsafe.SliceData(p.packed[panel*p.panel:])
		if unpacks {
			row.unpacker.unpack(unsafe.SliceData(s.panel), w, uintptr(p.panel))
			w = unsafe.SliceData(s.panel)
		}
		bias := unsafe.SliceData(p.bias[panel*nr:])
		n0 := panel * nr
		cols := min(nr, p.n-n0)
		m := m0
		for t := range tiles {
			rows := least
			if t < more {
				rows++
			}
			xs := unsafe.SliceData(x[(m-m0)*stride:])
			if cols == nr {
				out := unsafe.SliceData(dst[m*p.n+n0:])
				run[rows](out, uintptr(p.n)*4, xs, uintptr(stride), w, steps, bias, p.shift)
			} else {
				run[rows](unsafe.SliceData(s.tile), uintptr(nr)*4, xs, uintptr(stride), w, steps, bias, p.shift)
				for i := range rows {
					copy(dst[(m+i)*p.n+n0:][:cols], s.tile[i*nr:])
				}
			}
			m += rows
		}
	}
}

// A GEMM multiplies activations by low-bit weights that were packed once. It
// is safe for use by many goroutines.
type GEMM struct{ *product }

// NewGEMM plans products of M x K activations with N x K weights. It checks
// every weight, chooses the fastest kernel that dispatch allows, and packs the
// weights for it; w may be changed afterwards. It returns an error if a shape,
// a format or a value is wrong, or if a sum could leave the range of int32.
func NewGEMM(w Weights, a ActFormat, opt Options) (*GEMM, error) {
	p, err := newProduct(w, a, opt)
	if err != nil {
		return nil, err
	}
	return &GEMM{p}, nil
}

// Run sets dst[m][n] to the sum over k of x[m][k] times weight [n][k]. x holds
// m rows of K codes, dst m rows of N sums; the two must not overlap. It does
// not allocate, and panics if a length is not as the shapes say. Codes are not
// checked: see CheckActs.
func (g *GEMM) Run(dst []int32, x []uint8, m int) {
	if m < 0 || m > len(x) || len(x) != m*g.k || len(dst) != m*g.n {
		panic(fmt.Sprintf("kernels: GEMM.Run: m = %d, len(x) = %d, len(dst) = %d: want m*K = %d*%d = %d and m*N = %d*%d = %d",
			m, len(x), len(dst), m, g.k, m*g.k, m, g.n, m*g.n))
	}
	if m == 0 {
		return
	}
	rows := matrixRows.Get().(*matrix)
	rows.x, rows.k = x, g.k
	g.run(dst, rows, m)
	rows.x = nil
	matrixRows.Put(rows)
}

// A GEMV multiplies one vector of activations at a time by low-bit weights. It
// is safe for use by many goroutines.
type GEMV struct{ g GEMM }

// NewGEMV plans products of K activations with N x K weights, like NewGEMM.
func NewGEMV(w Weights, a ActFormat, opt Options) (*GEMV, error) {
	if err := opt.check(); err != nil {
		return nil, err
	}
	opt.Rows = 1
	g, err := NewGEMM(w, a, opt)
	if err != nil {
		return nil, err
	}
	return &GEMV{*g}, nil
}

// Run sets dst[n] to the sum over k of x[k] times weight [n][k], like
// GEMM.Run with one row.
func (g *GEMV) Run(dst []int32, x []uint8) { g.g.Run(dst, x, 1) }

// Kernel is the name of the kernel that was chosen.
func (g *GEMV) Kernel() string { return g.g.Kernel() }

// PackedBytes is the memory that the packed weights take.
func (g *GEMV) PackedBytes() int { return g.g.PackedBytes() }

// matrix is the rowSource of a plain matrix of codes.
type matrix struct {
	x []uint8
	k int
}

var matrixRows = sync.Pool{New: func() any { return new(matrix) }}

func (m *matrix) direct() []uint8 { return m.x }

func (m *matrix) gather(dst []uint8, stride, i0, i1 int) {
	for i := i0; i < i1; i++ {
		copy(dst[(i-i0)*stride:], m.x[i*m.k:][:m.k])
	}
}

// lengths is the text of a panic about a slice that is too short or too long.
func lengths(where, what string, got, want int) string {
	return fmt.Sprintf("kernels: %s: len(%s) = %d: want %d", where, what, got, want)
}

// wordPtr returns the address of dst as that of a word. Words need not be
// aligned for any kernel.
func wordPtr(dst []byte) *uint64 { return (*uint64)(unsafe.Pointer(unsafe.SliceData(dst))) }
