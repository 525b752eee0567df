package kernels

import (
	"encoding/binary"
	"unsafe"
)

// tablesForm is that of tiles that look sums of codes up: weights are planes of
// bits, and every four codes of a row become a table of the sums of their
// subsets. Four bits of a weight plane are an index.
//
// A weight is b1 + … + bn - 1 or, of one plane, 2b - 1. So with S the sum of all
// look-ups and X that of the row's codes, a product is S - X, or 2S - X. It is
// the double of that less Σw where a code c means 2c - 1.
type tablesForm struct {
	lutLayout
	planes int
	build  sumsFunc
}

// sumsFunc writes the tables of 16 codes a block, (x >> shift) & 15, and returns
// their sum. A block of them may lie where its tables are written.
type sumsFunc = func(dst, x *byte, blocks, shift uintptr) int32

// A lutLayout says where the tile finds what in a prepared row.
type lutLayout struct {
	constant int // int32: what the row adds to its sums; a zero follows
	period   int // uint32: bytes of tables between widenings
	end      int // uint32: where tables end
	tables   int
	sum      int // what look-ups may add up to between widenings
}

const (
	lutKStep  = 8  // inputs of a step: two tables
	lutTable  = 16 // bytes
	lutBlock  = 16 // codes that a sumsFunc takes at a time
	lutPeriod = lutKStep / 4 * lutTable
	lutAlign  = 64
)

func (f tablesForm) takes(_ *gemmRow, w WeightFormat, a ActFormat) bool {
	return (w == Binary && f.planes == 1 || w == Ternary && f.planes == 2) && a != F32
}

// sets is the number of tables for the same codes: those of more than four bits
// are cut into nibbles.
func (tablesForm) sets(a ActFormat) int { return ceilDiv(a.Bits(), 4) }

func (f tablesForm) pack(p *product, w Weights, a ActFormat) {
	p.packed = f.packPlanes(w, p.row)
	p.panel = p.steps * p.row.nr * f.planes
	p.signBias(w, a)
	if f.planes == 1 {
		p.shift++
	}
	size := f.tables + f.sets(a)*ceilDiv(p.k, lutBlock)*4*lutTable
	// The tables of one tile's rows stay in the first-level cache while weights,
	// of which there are fewer bytes, come from the second. The first row is
	// aligned, for which there is room behind the last.
	p.setStride(size+lutAlign, lutCache)
}

// lutCache is what tables of a block of rows may take.
const lutCache = 24 << 10

// packPlanes packs weights for the tile: for each step and plane a byte of
// eight inputs for each output, in the order that its vectors have.
func (f tablesForm) packPlanes(w Weights, r *gemmRow) []byte {
	panels, steps := ceilDiv(w.N, r.nr), ceilDiv(w.K, lutKStep)
	dst := make([]byte, panels*steps*f.planes*r.nr)
	for n := range w.N {
		at := n/r.nr*steps*f.planes*r.nr + vectorPlace(n%r.nr, r.run)
		for k, v := range w.Values[n*w.K:][:w.K] {
			step := dst[at+k/lutKStep*f.planes*r.nr:]
			bit := byte(1) << (k % lutKStep)
			if v >= 0 && f.planes == 2 {
				step[0] |= bit
			}
			if v > 0 {
				step[(f.planes-1)*r.nr] |= bit
			}
		}
	}
	return dst
}

func (f tablesForm) prepare(p *product, s *scratch, rows rowSource, m0, m1 int) ([]byte, int) {
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(s.x))) % lutAlign)
	out := s.x[skip:]
	codes := rows.direct()
	for i := m0; i < m1; i++ {
		row := s.codes[:p.k]
		if codes != nil {
			row = codes[i*p.k:][:p.k]
		} else {
			rows.gather(s.codes, 0, i, i+1)
		}
		f.row(out[(i-m0)*p.stride:], row, p.formats.Acts)
	}
	return out, p.stride
}

// row writes the tables of a row of codes, and what the tile must know.
func (f tablesForm) row(dst, codes []byte, a ActFormat) {
	whole, sets := len(codes)/lutBlock, f.sets(a)
	rest := codes[whole*lutBlock:]
	at, sum := f.tables, int32(0)
	for set := range sets {
		shift := uintptr(4 * set)
		var part int32
		if whole > 0 {
			part = f.build(&dst[at], &codes[0], uintptr(whole), shift)
			at += whole * 4 * lutTable
		}
		if len(rest) > 0 {
			last := dst[at:][:lutBlock]
			clear(last[copy(last, rest):])
			part += f.build(&last[0], &last[0], 1, shift)
			at += 4 * lutTable
		}
		sum += part << shift
	}
	if a == Sign {
		sum *= 2
	}
	order := binary.NativeEndian
	order.PutUint64(dst[f.constant:], uint64(uint32(-sum)))
	order.PutUint32(dst[f.period:], uint32(f.steps(a)*lutPeriod))
	order.PutUint32(dst[f.end:], uint32(at))
}

// steps is the number of steps whose look-ups fit in bytes: two of every plane,
// each at most four codes.
func (f tablesForm) steps(a ActFormat) int {
	return f.sum / (2 * f.planes * 4 * min(a.Max(), 15))
}
