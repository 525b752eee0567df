package kernels

import (
	"cmp"
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
)

// What columnsForm makes of weights: programs of chunks, in segments.

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
