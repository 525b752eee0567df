package kernels

import "encoding/binary"

// planesForm is that of tiles that count the bits of an XOR in planes: bit p of
// all the activations of a row is a row of bits, and so is each of the one or two
// bits of weights. Time grows with the planes of both, whatever they weigh, so it
// is for few bits.
type planesForm struct{ weights int } // planes of weights: 1 for binary, 2 for ternary

// maxPlanes is the most bits of activations that are cut into planes: with more,
// products of bytes are faster everywhere.
const maxPlanes = 4

func (f planesForm) takes(_ *gemmRow, w WeightFormat, a ActFormat) bool {
	return (w == Binary && f.weights == 1 || w == Ternary && f.weights == 2) && a != F32 && a.Bits() <= maxPlanes
}

// maxInputs keeps twice a sum of ternary weights, which some tiles halve in the end,
// within 32 bits: 2*15*2^26 < 2^31.
func (planesForm) maxInputs() int { return 1 << 26 }

// planesHead is the length of what lies before a row's planes, their number.
const planesHead = 8

// pack packs planes of weights, [planes][steps*nr] words a panel: of binary ones
// w > 0, of ternary ones w >= 0 and then w > 0, so that w is their sum less one.
// See the generator for the bias: what does not depend on activations.
func (f planesForm) pack(p *product, w Weights, a ActFormat) {
	p.bits = must(bitsTable)
	r := p.row
	p.panel = f.weights * p.steps * r.nr * 8
	p.packed = make([]byte, ceilDiv(w.N, r.nr)*p.panel)
	p.signBias(w, a)
	for n := range w.N {
		panel := p.packed[n/r.nr*p.panel:]
		set := 0
		for q := range f.weights {
			for s := range p.steps {
				var word uint64
				for i, v := range w.Values[n*w.K:][:w.K][s*64 : min(s*64+64, w.K)] {
					if v > 0 || v == 0 && f.weights == 2 && q == 0 {
						word |= 1 << i
						set++
					}
				}
				binary.NativeEndian.PutUint64(panel[(q*p.steps*r.nr+r.wordPlace(n%r.nr, s, p.steps))*8:], word)
			}
		}
		constant := set * (1<<a.Bits() - 1)
		if f.weights == 2 {
			constant = (constant + 1) / 2
		}
		p.bias[n] += int32(constant << p.shift)
	}
	p.setStride(planesHead+a.Bits()*p.steps*8, cacheL2)
}

func (planesForm) prepare(p *product, s *scratch, rows rowSource, m0, m1 int) ([]byte, int) {
	codes := rows.direct()
	planes := p.formats.Acts.Bits()
	for i := m0; i < m1; i++ {
		row := s.row(rows, codes, i, p.k)
		to := s.x[(i-m0)*p.stride:][:p.stride]
		binary.NativeEndian.PutUint64(to, uint64(planes))
		to = to[planesHead:]
		// The highest comes first.
		for bit := planes - 1; bit >= 0; bit-- {
			packWords(to, row, uint(bit), p.bits.pack)
			to = to[p.steps*8:]
		}
	}
	return s.x, p.stride
}
