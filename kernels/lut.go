package kernels

import (
	"encoding/binary"
	"unsafe"
)

// tablesForm is that of tiles that look sums of codes up: weights are planes of
// bits, and every group of four or six codes of a row becomes a table of the sums
// of its subsets. As many bits of a weight plane are an index.
//
// A weight is b1 + … + bn - 1 or, of one plane, 2b - 1. So with S the sum of all
// look-ups and X that of the row's codes, a product is S - X, or 2S - X. It is
// the double of that less Σw where a code c means 2c - 1.
type tablesForm struct {
	lutLayout
	planes int
	group  int // codes of a table
	block  int // codes that build takes at a time
	most   int // the largest code; more bits are cut into nibbles
	place  lutPlace
	build  sumsFunc
	cache  int // what tables of a block of rows may take
}

// A lutPlace is the byte and the bit of input k of output j in a step's plane.
type lutPlace = func(j, k int) (at, bit int)

// A sumsFunc writes the tables of some blocks of codes, (x >> shift) & 15, and
// returns the sum of these. One block may lie where its tables are written.
type sumsFunc = func(dst, x *byte, blocks, shift uintptr) int32

// A lutLayout says where the tile finds what in a prepared row.
type lutLayout struct {
	constant int // int32: what the row adds to its sums; a zero follows
	period   int // uint32: bytes of tables between widenings
	end      int // uint32: where the tables that steps read end
	tables   int
	sum      int // what look-ups may add up to between widenings; 0 if that does not matter
}

const (
	lutAlign  = 64 // of a prepared row
	lutNibble = 15
)

func (f tablesForm) takes(_ *gemmRow, w WeightFormat, a ActFormat) bool {
	return (w == Binary && f.planes == 1 || w == Ternary && f.planes == 2) && a != F32 && a.Max() <= f.most
}

// maxInputs keeps the places in a row, of which a table of four codes takes 16
// bytes in each of two sets, within 32 bits.
func (tablesForm) maxInputs() int { return 1 << 28 }

// sets is the number of tables for the same codes.
func (tablesForm) sets(a ActFormat) int { return ceilDiv(a.Bits(), 4) }

// bytes is how much tables a set has for k codes.
func (f tablesForm) bytes(k int) int { return k / f.group << f.group }

func (f tablesForm) pack(p *product, w Weights, a ActFormat) {
	p.packed = f.packPlanes(w, p.row)
	p.panel = p.steps * f.step(p.row)
	p.signBias(w, a)
	if f.planes == 1 {
		p.shift++
	}
	size := f.tables + f.sets(a)*f.bytes(ceilDiv(p.k, f.block)*f.block)
	// The first row is aligned, for which there is room behind the last.
	p.setStride((size+lutAlign-1)&^(lutAlign-1)+lutAlign, f.cache)
}

// lutCache is a part of the first-level cache: the tables of a tile's rows stay there
// while weights, of which there are fewer bytes, come from the second.
const lutCache = 24 << 10

// step is the number of bytes of weights of a step.
func (f tablesForm) step(r *gemmRow) int { return f.planes * r.nr * ceilDiv(r.kstep, 8) }

// packPlanes packs weights for the tile: [steps][planes] in a panel.
func (f tablesForm) packPlanes(w Weights, r *gemmRow) []byte {
	panels, steps, size := ceilDiv(w.N, r.nr), ceilDiv(w.K, r.kstep), f.step(r)
	dst := make([]byte, panels*steps*size)
	last := size / f.planes * (f.planes - 1) // the plane of what is 1
	for n := range w.N {
		panel := dst[n/r.nr*steps*size:]
		for k, v := range w.Values[n*w.K:][:w.K] {
			at, bit := f.place(n%r.nr, k%r.kstep)
			step := panel[k/r.kstep*size:]
			if v >= 0 && f.planes == 2 {
				step[at] |= 1 << bit
			}
			if v > 0 {
				step[last+at] |= 1 << bit
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
		row := s.row(rows, codes, i, p.k)
		f.row(p.row, out[(i-m0)*p.stride:], row, p.formats.Acts)
	}
	return out, p.stride
}

// row writes the tables of a row of codes, and what the tile must know.
func (f tablesForm) row(r *gemmRow, dst, codes []byte, a ActFormat) {
	whole := len(codes) / f.block
	rest := codes[whole*f.block:]
	set := f.bytes(ceilDiv(len(codes), f.block) * f.block) // bytes
	sets, sum := f.sets(a), int32(0)
	for i := range sets {
		shift := uintptr(4 * i)
		tables := dst[f.tables+i*set:][:set]
		var part int32
		for at, n := range spans(whole, f.block) {
			part += f.build(&tables[f.bytes(at*f.block)], &codes[at*f.block], uintptr(n), shift)
		}
		if len(rest) > 0 {
			last := tables[f.bytes(whole*f.block):]
			clear(last[copy(last, rest):f.block])
			part += f.build(&last[0], &last[0], 1, shift)
		}
		sum += part << shift
	}
	if a == Sign {
		sum *= 2
	}
	order := binary.NativeEndian
	order.PutUint64(dst[f.constant:], uint64(uint32(-sum)))
	order.PutUint32(dst[f.period:], uint32(f.bytes(f.steps(r, a)*r.kstep)))
	order.PutUint32(dst[f.end:], uint32(f.tables+(sets-1)*set+f.bytes(ceilDiv(len(codes), r.kstep)*r.kstep)))
}

// steps is the number of steps whose look-ups fit in bytes.
func (f tablesForm) steps(r *gemmRow, a ActFormat) int {
	return f.sum / (r.kstep * f.planes * min(a.Max(), lutNibble))
}
