package kernels

import (
	"fmt"
	"sync"
)

// A mixedTile computes one tile of a product of float32 activations with weights
// of 4 bits: some rows by nr outputs over k inputs, of which each has nr/2 bytes of
// a panel. Strides are in bytes.
//
//	dst[i][j] = Σ x[i][p]·w[p][j], added up in the order of p
type mixedTile = func(dst *float32, dstStride uintptr, x *float32, xStride uintptr, w *byte, k uintptr)

// A mixedRow is a kernel for products of float32 activations with weights that
// are signed powers of two or zero.
type mixedRow struct {
	kernelID
	tiles  []mixedTile // by number of rows; tiles[0] is nil
	nr     int         // outputs a tile
	vector int         // bytes of codes that are decoded as one vector; 0 if one by one
	fours  bool        // outputs of a vector are four bytes apart
}

func (r *mixedRow) mr() int { return len(r.tiles) - 1 }

// place is the byte of output j among those of an input, and whether its code is
// the upper half. A vector's bytes become words by interleaving the lower or
// upper eight of each lane of 16, and every second word makes a vector of
// float32: the even ones, then the odd ones. With fours, those of every fourth byte
// make one.
func (r *mixedRow) place(j int) (at int, upper bool) {
	upper, j = j >= r.nr/2, j%(r.nr/2)
	switch {
	case r.fours:
		return j%4*4 + j/4, upper
	case r.vector == 0:
		return j, upper
	}
	floats := r.vector / 4
	v, i := j/floats, j%floats
	return i/4*16 + v/2*8 + i%4*2 + v%2, upper
}

// pack packs weights panel by panel. Outputs that there are not are zeros.
func (r *mixedRow) pack(w Weights) []byte {
	panels, step := ceilDiv(w.N, r.nr), r.nr/2
	dst := make([]byte, panels*w.K*step)
	for n := range w.N {
		at, upper := r.place(n % r.nr)
		panel := dst[n/r.nr*w.K*step:][:w.K*step]
		for k, v := range w.Values[n*w.K:][:w.K] {
			code := codeBits(v, 4)
			if upper {
				code <<= 4
			}
			panel[k*step+at] |= code
		}
	}
	return dst
}

var mixedTable = table(archMixed, portableMixed)

// A Mixed multiplies float32 activations by binary, ternary or power-of-two
// weights that were packed once, 4 bits each: what quantizing the weights alone
// gives, above all less memory to read. It is safe for use by many goroutines.
//
// A product of such a weight and a float32 is exact, and each sum is added up in
// the order of the inputs, from zero, with one rounding an addition. So all
// kernels, and any number of threads, give the same bits, as long as activations
// are zero or normal numbers and no product overflows. Beyond that they differ:
// with expadd, an activation that is subnormal, infinite or not a number gives a
// wrong sum, and so does an overflow; and an FMA does not overflow where the sum
// does not.
type Mixed struct {
	row     *mixedRow
	format  WeightFormat
	n, k    int
	packed  []byte
	threads int
	edges   sync.Pool // of *[]float32, a tile at the edge of the result
	runs    sync.Pool
}

// NewMixed plans products of M x K float32 activations with N x K weights of a
// format other than Int8 and Float32. It checks every weight, chooses a kernel
// that dispatch allows, and packs the weights; w may be changed afterwards.
func NewMixed(w Weights, opt Options) (*Mixed, error) {
	if err := w.check(); err != nil {
		return nil, err
	}
	if !packs(4, w.Format) {
		return nil, fmt.Errorf("kernels: %v weights with float32 activations: want binary, ternary, pow2:3 or pow2:4", w.Format)
	}
	if err := opt.check(); err != nil {
		return nil, err
	}
	row := must(mixedTable)
	p := &Mixed{row: row, format: w.Format, n: w.N, k: w.K, packed: row.pack(w), threads: max(1, opt.Threads)}
	p.edges.New = func() any { s := make([]float32, row.mr()*row.nr); return &s }
	p.runs.New = func() any { return new(mixedRun) }
	return p, nil
}

// Kernel is the name of the kernel that was chosen, such as avx2-muladd-f32.
func (p *Mixed) Kernel() string { return p.row.name() }

// Formats are the formats of weights and activations.
func (p *Mixed) Formats() Formats { return Formats{p.format, F32} }

// PackedBytes is the memory that the packed weights take.
func (p *Mixed) PackedBytes() int { return len(p.packed) }

// mixedBlock is how many bytes of activations a block of rows has that stays in
// the second-level cache while the panels pass over it.
const mixedBlock = 64 << 10

// A mixedRun is one call of Run: its parts are blocks of rows times ranges of
// panels.
type mixedRun struct {
	p       *Mixed
	dst, x  []float32
	m       int
	block   int // rows
	columns int // ranges of panels
}

// Run sets dst[m][n] to the sum over k of x[m][k] times weight [n][k]. x holds
// m rows of K numbers, dst m rows of N sums; the two must not overlap. It does
// not allocate, and panics if a length is not as the shapes say.
func (p *Mixed) Run(dst, x []float32, m int) {
	if m < 0 || m > len(x) || len(x) != m*p.k || len(dst) != m*p.n {
		panic(fmt.Sprintf("kernels: Mixed.Run: m = %d, len(x) = %d, len(dst) = %d: want m*K = %d*%d = %d and m*N = %d*%d = %d",
			m, len(x), len(dst), m, p.k, m*p.k, m, p.n, m*p.n))
	}
	if m == 0 {
		return
	}
	r := p.runs.Get().(*mixedRun)
	mr := p.row.mr()
	block := max(1, mixedBlock/(4*p.k)/mr) * mr
	blocks := ceilDiv(m, block)
	*r = mixedRun{p: p, dst: dst, x: x, m: m, block: block, columns: 1}
	if blocks < 2*p.threads {
		r.columns = min(p.threads, ceilDiv(p.n, p.row.nr))
	}
	parallel(p.threads, blocks*r.columns, r)
	r.dst, r.x = nil, nil
	p.runs.Put(r)
}

func (r *mixedRun) task(part int) {
	p, row := r.p, r.p.row
	m0, column := part/r.columns*r.block, part%r.columns
	m1 := min(m0+r.block, r.m)
	panels, bytes := ceilDiv(p.n, row.nr), p.k*row.nr/2
	edge := p.edges.Get().(*[]float32)
	for panel := panels * column / r.columns; panel < panels*(column+1)/r.columns; panel++ {
		w, n0 := &p.packed[panel*bytes], panel*row.nr
		cols := min(row.nr, p.n-n0)
		for m := m0; m < m1; {
			rows := min(row.mr(), m1-m)
			x := &r.x[m*p.k]
			if cols == row.nr {
				row.tiles[rows](&r.dst[m*p.n+n0], uintptr(4*p.n), x, uintptr(4*p.k), w, uintptr(p.k))
			} else {
				row.tiles[rows](&(*edge)[0], uintptr(4*row.nr), x, uintptr(4*p.k), w, uintptr(p.k))
				for i := range rows {
					copy(r.dst[(m+i)*p.n+n0:][:cols], (*edge)[i*row.nr:])
				}
			}
			m += rows
		}
	}
	p.edges.Put(edge)
}
