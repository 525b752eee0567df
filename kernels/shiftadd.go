package kernels

import (
	"cmp"
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
)

// columnsForm is that of kernels that add columns of activations: weights are
// signed powers of two, and what the kernel reads of them is a program that
// says which columns to add, shift and subtract. There is nothing in it for
// zeros. A block of rows is transposed, so that the lanes of a vector are rows:
// a block with fewer rows than lanes takes as long as a whole one.
//
// The inputs are cut into blocks, as even as can be, whose columns stay in the
// first-level cache while the programs of a panel's outputs run over them.
type columnsForm struct {
	lanes  int // rows of a block, and bytes of a column
	inputs int // the most of a block of columns, a multiple of 16
	vector int // rows in a vector, which says where their sums are
	// transpose makes columns of 32 rows, 16 inputs at a time.
	transpose func(dst *byte, dstStride uintptr, x *byte, xStride, blocks uintptr)
	// add runs the program of some segments.
	add func(sums *int32, columns, program *byte, segments uintptr)
	// finish writes whole blocks of rows, 8 outputs at a time. It may be nil.
	finish func(dst *int32, dstStride uintptr, sums, bias *int32, shift, groups uintptr)
}

const (
	columnsStep = 16 // inputs that are transposed at a time
	chunkSlots  = 8  // columns in a chunk
	chunkBytes  = 8 + 2*chunkSlots
	headBytes   = 16 // before the chunks of a segment
	entryBytes  = 16 // of the table of programs

	// maxColumn is the largest code of which a chunk's unsigned bytes hold the
	// sum, that is chunkSlots of them.
	maxColumn = 255 / chunkSlots
)

func (*columnsForm) takes(_ *gemmRow, w WeightFormat, a ActFormat) bool {
	return w != Int8 && a.Max() <= maxColumn
}

// rows is the number of rows computed at a time.
func (f *columnsForm) rows() int { return f.lanes }

// cut says into how many blocks k inputs are cut, and the length of each but
// the last.
func (f *columnsForm) cut(k int) (blocks, size int) {
	blocks = ceilDiv(k, f.inputs)
	return blocks, ceilDiv(ceilDiv(k, blocks), columnsStep) * columnsStep
}

// blockBytes is the length of a block of columns. The first is zero, for the
// slots of chunks that there are no weights for.
func (f *columnsForm) blockBytes(size int) int { return (1 + size) * f.lanes }

// gatherStride is the distance of rows that are copied before they are transposed.
func gatherStride(k int) int {
	return ceilDiv(k+gatherSlack, columnsStep) * columnsStep
}

func (f *columnsForm) pack(p *product, w Weights, a ActFormat) {
	p.signBias(w, a)
	blocks, size := f.cut(w.K)
	nr := p.row.nr
	p.panel = blocks * entryBytes
	table := ceilDiv(w.N, nr) * p.panel
	p.packed = make([]byte, table, table+p.work/chunkSlots*chunkBytes+w.N*blocks*headBytes) // or more
	b := builder{lanes: f.lanes, amax: a.Max()}
	for n0 := 0; n0 < w.N; n0 += nr {
		for block := range blocks {
			b.list, b.chunks = b.list[:0], b.chunks[:0]
			for n := n0; n < min(n0+nr, w.N); n++ {
				row := w.Values[n*w.K:][:w.K]
				b.add(row[block*size:min(block*size+size, w.K)], n-n0)
			}
			entry := p.packed[n0/nr*p.panel+block*entryBytes:]
			binary.LittleEndian.PutUint64(entry, uint64(len(p.packed)))
			binary.LittleEndian.PutUint64(entry[8:], uint64(len(b.list)))
			p.packed = b.appendTo(p.packed)
		}
	}
	// Segments were not counted beforehand: leave no room that PackedBytes hides.
	p.packed = append(make([]byte, 0, len(p.packed)), p.packed...)
	// A prepared row is the copy that is transposed, and its lane of columns.
	p.stride = gatherStride(w.K) + blocks*(1+size)
	p.block = f.lanes
}

// work is the number of slots of the programs: of the weights that are not
// zero, and those that fill chunks.
func (f *columnsForm) work(_ *gemmRow, w Weights, _ ActFormat) int {
	blocks, size := f.cut(w.K)
	chunks := 0
	for n := range w.N {
		row := w.Values[n*w.K:][:w.K]
		for b := range blocks {
			var counts [2][exponents]int
			for _, v := range row[b*size : min(b*size+size, w.K)] {
				if v != 0 {
					sign, e := signExponent(v)
					counts[sign][e]++
				}
			}
			for _, c := range counts {
				least, _ := halve(c)
				chunks += least
			}
		}
	}
	return chunks * chunkSlots
}

// exponents is the number of exponents of weights.
const exponents = 7

// signExponent takes a weight that is not zero apart; sign is 1 if negative.
func signExponent(v int8) (sign, e int) {
	return int(uint8(v) >> 7), bits.TrailingZeros8(uint8(v))
}

// halve returns the least number of chunks for so many weights of each
// exponent, and of which exponents what does not fill a chunk shall be in those
// of the next lower one, where it is added twice. That is so where it fits what
// would be padding there.
func halve(counts [exponents]int) (chunks int, down [exponents]bool) {
	// least[e][n] is for the exponents up to e with 2n more columns of e.
	const most = (chunkSlots - 1) / 2
	var least [exponents][1 + most]int
	var move [exponents][1 + most]bool
	for e, count := range counts {
		for n := range least[e] {
			whole, rest := (count+2*n)/chunkSlots, (count+2*n)%chunkSlots
			c := whole
			if rest > 0 {
				c++
			}
			if e > 0 {
				c += least[e-1][0]
				if 0 < rest && rest <= most && whole+least[e-1][rest] < c {
					c = whole + least[e-1][rest]
					move[e][n] = true
				}
			}
			least[e][n] = c
		}
	}
	for e, n := exponents-1, 0; e >= 0; e-- {
		down[e] = move[e][n]
		if rest := (counts[e] + 2*n) % chunkSlots; down[e] {
			n = rest
		} else {
			n = 0
		}
	}
	return least[exponents-1][0], down
}

// A segment is a part of a program whose sums fit 16 bits.
type segment struct {
	output int
	at     int    // of its chunks among those of the builder
	length int    // of these
	start  uint16 // of the sums, which makes good for the inversion of negative chunks
	reach  [2]int // the largest sum, and the smallest's magnitude
}

// A builder makes the segments of a program.
type builder struct {
	lanes, amax int
	columns     [2][exponents][]uint16 // of an output, by sign and exponent
	list        []segment
	chunks      []byte
}

// add appends the segments for some weights of one output.
func (b *builder) add(weights []int8, output int) {
	for sign := range b.columns {
		for e := range b.columns[sign] {
			b.columns[sign][e] = b.columns[sign][e][:0]
		}
	}
	for k, v := range weights {
		if v != 0 {
			sign, e := signExponent(v)
			b.columns[sign][e] = append(b.columns[sign][e], uint16((1+k)*b.lanes))
		}
	}
	for sign := range b.columns {
		c := &b.columns[sign]
		var counts [exponents]int
		for e := range c {
			counts[e] = len(c[e])
		}
		_, down := halve(counts)
		for e := exponents - 1; e > 0; e-- {
			if down[e] {
				whole := len(c[e]) / chunkSlots * chunkSlots
				rest := c[e][whole:]
				c[e], c[e-1] = c[e][:whole], append(append(c[e-1], rest...), rest...)
			}
		}
	}
	fits := false // the next chunk into the last segment
	for e := exponents - 1; e >= 0; e-- {
		// Signs take turns: that keeps the sums small.
		for left := [2][]uint16{b.columns[0][e], b.columns[1][e]}; len(left[0])+len(left[1]) > 0; {
			for sign := range left {
				n := min(chunkSlots, len(left[sign]))
				if n == 0 {
					continue
				}
				reach := n * b.amax << e
				if fits = fits && b.list[len(b.list)-1].reach[sign]+reach <= math.MaxInt16; !fits {
					b.list = append(b.list, segment{output: output, at: len(b.chunks)})
					fits = true
				}
				b.addChunk(left[sign][:n], sign, e, reach)
				left[sign] = left[sign][n:]
			}
		}
	}
}

// addChunk appends a chunk to the last segment.
func (b *builder) addChunk(columns []uint16, sign, e, reach int) {
	s := &b.list[len(b.list)-1]
	s.length += chunkBytes
	s.reach[sign] += reach
	s.start -= uint16(sign) * 255 << e
	b.chunks = binary.LittleEndian.AppendUint32(b.chunks, -uint32(sign))
	b.chunks = binary.LittleEndian.AppendUint32(b.chunks, uint32(e))
	for i := range chunkSlots {
		column := uint16(0)
		if i < len(columns) {
			column = columns[i]
		}
		b.chunks = binary.LittleEndian.AppendUint16(b.chunks, column)
	}
}

// appendTo appends the segments as kernels read them: what the sums of pairs of
// lanes and of odd lanes start at, where the output's sums are, the number of
// chunks; and the chunks: inversion, exponent, columns.
func (b *builder) appendTo(dst []byte) []byte {
	// The end of a loop that is as long as the last is predicted.
	slices.SortStableFunc(b.list, func(s, t segment) int { return cmp.Compare(t.length, s.length) })
	for _, s := range b.list {
		odd, both := uint32(s.start)*0x10001, uint32(s.start*257)*0x10001
		for _, v := range []uint32{both, odd, uint32(4 * b.lanes * s.output), uint32(s.length / chunkBytes)} {
			dst = binary.LittleEndian.AppendUint32(dst, v)
		}
		dst = append(dst, b.chunks[s.at:][:s.length]...)
	}
	return dst
}

func (f *columnsForm) prepare(p *product, s *scratch, rows rowSource, m0, m1 int) ([]byte, int) {
	blocks, size := f.cut(p.k)
	stride := gatherStride(p.k)
	x, columns := s.x[:f.lanes*stride], s.x[f.lanes*stride:]
	if codes := rows.direct(); codes != nil && m1-m0 == f.lanes && p.k%columnsStep == 0 {
		x, stride = codes[m0*p.k:], p.k
	} else {
		// Lanes and inputs behind the last hold anything: no one reads their sums.
		rows.gather(x, stride, m0, m1)
	}
	for b := range blocks {
		to := columns[b*f.blockBytes(size):][:f.blockBytes(size)]
		clear(to[:f.lanes])
		steps := ceilDiv(min(size, p.k-b*size), columnsStep)
		for i := 0; i < m1-m0; i += 32 {
			f.transpose(&to[f.lanes+i], uintptr(f.lanes), &x[i*stride+b*size], uintptr(stride), uintptr(steps))
		}
	}
	return columns, f.lanes
}

// compute is what tiles are for other forms.
func (f *columnsForm) compute(p *product, s *scratch, dst []int32, columns []byte, m0, m1, first, last int) {
	blocks, size := f.cut(p.k)
	nr := p.row.nr
	for panel := first; panel < last; panel++ {
		n0 := panel * nr
		cols := min(nr, p.n-n0)
		sums := s.tile[:cols*f.lanes]
		clear(sums)
		for b := range blocks {
			entry := p.packed[panel*p.panel+b*entryBytes:]
			if segments := binary.LittleEndian.Uint64(entry[8:]); segments > 0 {
				f.add(&sums[0], &columns[b*f.blockBytes(size)], &p.packed[binary.LittleEndian.Uint64(entry)], uintptr(segments))
			}
		}
		done := 0
		if f.finish != nil && m1-m0 == f.lanes && cols >= 8 {
			done = cols &^ 7
			f.finish(&dst[m0*p.n+n0], uintptr(p.n)*4, &sums[0], &p.bias[n0], p.shift, uintptr(done/8))
		}
		if done == cols {
			continue
		}
		for i := range m1 - m0 {
			out, from := dst[(m0+i)*p.n+n0:][:cols], sums[f.place(i):]
			for j := done; j < cols; j++ {
				out[j] = p.bias[n0+j] + from[j*f.lanes]<<p.shift
			}
		}
	}
}

// place is where the sum of row i is among those of an output.
func (f *columnsForm) place(i int) int {
	v := f.vector
	return i/v*v + i%4*(v/4) + i%v/4
}
