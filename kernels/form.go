package kernels

// A form is how a kernel reads the two sides of a product: how weights are
// packed once, and what activations become, a block of rows at a time, before
// tiles read them. It belongs to the algorithm, the numbers to the row.
type form interface {
	// takes reports whether the row computes these formats exactly.
	takes(r *gemmRow, w WeightFormat, a ActFormat) bool
	// pack sets a plan's packed weights, bias and shift, for tiles the length of a
	// panel, and by setStride that of a prepared row and the rows of a block, which
	// a computer sets itself. The plan's steps are set, its bias is zero.
	pack(p *product, w Weights, a ActFormat)
	// prepare returns rows m0 … m1 as the tile reads them, and their stride. It
	// may write the scratch memory.
	prepare(p *product, s *scratch, rows rowSource, m0, m1 int) ([]byte, int)
}

// A bounded form takes no more than so many inputs.
type bounded interface{ maxInputs() int }

// A computer is a form that computes whole blocks of rows by itself, without
// tiles.
type computer interface {
	form
	// rows is the number of rows of a block.
	rows() int
	// compute writes rows m0 … m1 of the panels first … last, from what prepare
	// returned.
	compute(p *product, s *scratch, dst []int32, x []byte, m0, m1, first, last int)
}

// codesForm is that of tiles that multiply: they read the codes as they are.
type codesForm struct {
	// signed says that tiles read codes as int8. Where a format has larger ones than
	// that holds, they are flipped, which takes s8Offset off, and the bias adds it.
	signed bool
}

// flips reports whether tiles read the codes of a format flipped.
func (f codesForm) flips(a ActFormat) bool { return f.signed && a.Max() >= s8Offset }

func (f codesForm) takes(r *gemmRow, w WeightFormat, a ActFormat) bool {
	largest := a.Max()
	if f.flips(a) {
		largest = s8Offset
	}
	return packs(r.bits, w) && w.maxAbs()*largest <= r.maxProduct
}

func (f codesForm) pack(p *product, w Weights, a ActFormat) {
	r := p.row
	p.packed = panelLayout{r.nr, r.kstep, r.group, r.bits, r.run}.pack(w)
	p.panel = p.steps * r.nr * r.kstep * r.bits / 8
	p.signBias(w, a)
	if f.flips(a) {
		for n := range w.N {
			p.bias[n] -= s8Bias(w.Values[n*w.K:][:w.K])
		}
	}
	stride := p.steps * r.kstep
	if p.k <= narrowRow {
		stride = max(stride, (p.k+gatherSlack+3)&^3)
	}
	p.setStride(stride, cacheL2)
}

// cacheL2 is a part of the second-level cache that a block of rows may fill
// while panels of weights pass over it from the first level.
const cacheL2 = 96 << 10

// signBias makes signs of the codes 0 and 1: Σw·(2x-1) = 2·Σw·x - Σw.
func (p *product) signBias(w Weights, a ActFormat) {
	if a != Sign {
		return
	}
	p.shift = 1
	for n := range w.N {
		for _, v := range w.Values[n*w.K:][:w.K] {
			p.bias[n] -= int32(v)
		}
	}
}

func (f codesForm) prepare(p *product, s *scratch, rows rowSource, m0, m1 int) ([]byte, int) {
	flips := f.flips(p.formats.Acts)
	if own, ok := rows.(*signedRows); ok && flips {
		rows, flips = own.rowSource, false // int8, before they were flipped
	}
	codes := rows.direct()
	switch {
	case codes != nil && flips:
		for i := m0; i < m1; i++ {
			flip(s.x[(i-m0)*p.stride:], codes[i*p.k:][:p.k])
		}
		return s.x, p.stride
	case codes != nil && p.steps*p.row.kstep == p.k:
		return codes[m0*p.k : m1*p.k], p.k
	}
	// What lies behind a row, up to the last step, meets weights that are zero.
	rows.gather(s.x, p.stride, m0, m1)
	if flips {
		all := s.x[:(m1-m0-1)*p.stride+p.k]
		flip(all, all)
	}
	return s.x, p.stride
}

// bitsForm is that of tiles that count the bits of an XOR: they read signs, 64
// a word.
type bitsForm struct{}

func (bitsForm) takes(_ *gemmRow, w WeightFormat, a ActFormat) bool {
	return w == Binary && (a == Sign || a == U1)
}

func (bitsForm) pack(p *product, w Weights, a ActFormat) {
	p.bits = must(bitsTable)
	p.packed = packBitPanels(w, p.row)
	p.panel = p.steps * p.row.nr * 8
	p.popcountBias(w, a)
	p.setStride(p.steps*8, cacheL2)
}

// popcountBias states how the sum follows from p = popcount(w XOR x). For
// signs, equal bits count +1 and others -1: K - 2p. For codes 0 and 1, x is
// (1 + sign)/2, so the sum is (Σw + K - 2p)/2, and (Σw + K)/2 is the number of
// weights that are +1. Padding is 0 in w and x and so adds nothing to p.
func (p *product) popcountBias(w Weights, a ActFormat) {
	for n := range w.N {
		if a == Sign {
			p.bias[n] = int32(w.K)
			continue
		}
		for _, v := range w.Values[n*w.K:][:w.K] {
			if v > 0 {
				p.bias[n]++
			}
		}
	}
	if a == Sign {
		p.shift = 1
	}
}

// row returns the k codes of row i: of codes, if these are the rows' own, or gathered.
func (s *scratch) row(rows rowSource, codes []uint8, i, k int) []uint8 {
	if codes != nil {
		return codes[i*k:][:k]
	}
	rows.gather(s.codes, 0, i, i+1)
	return s.codes[:k]
}

func (bitsForm) prepare(p *product, s *scratch, rows rowSource, m0, m1 int) ([]byte, int) {
	codes := rows.direct()
	for i := m0; i < m1; i++ {
		row := s.row(rows, codes, i, p.k)
		packWords(s.x[(i-m0)*p.stride:], row, 0, p.bits.pack)
	}
	return s.x, p.stride
}
