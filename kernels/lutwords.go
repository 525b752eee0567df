package kernels

import (
	"unsafe"

	"example.com/lowbit/kernels/internal/portable"
)

// wordsForm looks sums of codes up, as tablesForm does, without vectors: a word
// of a table has the sums of four rows, so that one look-up is 4 x 4 products.
type wordsForm struct{}

// The largest sum of 16 bits, and the inputs of a byte of weights.
const (
	wordsSum   = 1<<16 - 1
	wordsKStep = 8
)

func (wordsForm) rows() int { return portable.SumRows }

func (wordsForm) takes(_ *gemmRow, w WeightFormat, a ActFormat) bool {
	return (w == Binary || w == Ternary) && a != F32
}

// wordsPlanes is the number of bits of a weight.
func wordsPlanes(w WeightFormat) int {
	if w == Binary {
		return 1
	}
	return 2
}

func (wordsForm) pack(p *product, w Weights, a ActFormat) {
	planes := wordsPlanes(w.Format)
	p.signBias(w, a)
	if planes == 1 {
		p.shift++
	}
	p.packed = make([]byte, w.N*planes*p.steps)
	for n := range w.N {
		first := p.packed[n*planes*p.steps:]
		last := first[(planes-1)*p.steps:]
		for k, v := range w.Values[n*w.K:][:w.K] {
			bit := byte(1) << (k % wordsKStep)
			if v >= 0 && planes == 2 {
				first[k/wordsKStep] |= bit
			}
			if v > 0 {
				last[k/wordsKStep] |= bit
			}
		}
	}
	// A prepared row is its quarter of the tables and its padded codes.
	p.stride = p.steps*int(unsafe.Sizeof([2][16]uint64{}))/portable.SumRows + wordsStride(p)
	p.block = portable.SumRows
}

// wordsStride is the length of a gathered row: whole steps, and room behind.
func wordsStride(p *product) int { return p.steps*wordsKStep + gatherSlack }

// wordsTables are the tables in a block of prepared rows, and the codes.
func wordsTables(p *product, x []byte) (tables [][16]uint64, codes []byte) {
	n := 2 * p.steps
	return unsafe.Slice((*[16]uint64)(unsafe.Pointer(unsafe.SliceData(x))), n), x[n*int(unsafe.Sizeof([16]uint64{})):]
}

func (wordsForm) prepare(p *product, s *scratch, rows rowSource, m0, m1 int) ([]byte, int) {
	tables, codes := wordsTables(p, s.x)
	stride := wordsStride(p)
	rows.gather(codes, stride, m0, m1)
	for i := range portable.SumRows {
		row := codes[i*stride:][:p.steps*wordsKStep]
		if i < m1-m0 {
			row = row[p.k:]
		}
		clear(row)
	}
	portable.SumTables(tables, codes, stride)
	return s.x, p.stride
}

func (wordsForm) compute(p *product, _ *scratch, dst []int32, x []byte, m0, m1, first, last int) {
	tables, codes := wordsTables(p, x)
	planes := wordsPlanes(p.formats.Weights)
	// What a row adds to its sums: the codes' sum once for all, see tablesForm.
	var constants [portable.SumRows]int32
	for i := range constants {
		for _, c := range codes[i*wordsStride(p):][:p.steps*wordsKStep] {
			constants[i] -= int32(c)
		}
		if p.formats.Acts == Sign {
			constants[i] *= 2
		}
	}
	most := wordsSum / (wordsKStep * p.formats.Acts.Max()) // steps whose sums fit
	for n := first * p.row.nr; n < min(last*p.row.nr, p.n); n++ {
		var sums [portable.SumRows]int32
		for plane := range planes {
			w := p.packed[(n*planes+plane)*p.steps:][:p.steps]
			for s := 0; s < len(w); s += most {
				word := portable.SumBits(tables[2*s:], w[s:min(s+most, len(w))])
				for i := range sums {
					sums[i] += int32(word >> (16 * i) & wordsSum)
				}
			}
		}
		for i := range m1 - m0 {
			dst[(m0+i)*p.n+n] = p.bias[n] + constants[i] + sums[i]<<p.shift
		}
	}
}
