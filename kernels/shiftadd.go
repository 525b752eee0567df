package kernels

import "encoding/binary"

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

	// maxColumn is the largest code of which a chunk's bytes, signed for some
	// kernels, hold the sum, that is chunkSlots of them.
	maxColumn = 127 / chunkSlots
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
