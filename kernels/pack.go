package kernels

import (
	"encoding/binary"
	"math/bits"
)

// codeBits is a level as a code of that many bits: two's complement for 8
// and 2 bits; for 4, the sign and then 0 for zero or the exponent plus one.
func codeBits(v int8, width int) byte {
	if width != 4 {
		return byte(v) & (1<<width - 1)
	}
	sign := byte(0)
	if v < 0 {
		sign, v = 8, -v
	}
	return sign | byte(bits.Len8(uint8(v)))
}

// A panelLayout says where the weights of one step of a muladd panel lie: nr
// outputs by kstep inputs, in the order [kstep/group][nr][group], each of some
// bits. One shift and one mask shall unpack a whole vector, so codes are cut
// into runs of run*8/bits, and byte i of a run holds, from its low bits up,
// codes i, run+i, 2*run+i and so on.
type panelLayout struct{ nr, kstep, group, bits, run int }

// A slot is the place of one weight of a step.
type slot struct {
	n, k  int // output in the panel, input in the step
	at    int // byte in the step
	shift int
}

func (l panelLayout) slots() []slot {
	list := make([]slot, l.nr*l.kstep)
	fields := 8 / l.bits
	for i := range list {
		inRun := i % (l.run * fields)
		list[i] = slot{
			n:     i / l.group % l.nr,
			k:     i/(l.nr*l.group)*l.group + i%l.group,
			at:    i/(l.run*fields)*l.run + inRun%l.run,
			shift: inRun / l.run * l.bits,
		}
	}
	return list
}

// pack packs weights panel by panel. Outputs and inputs that there are not are
// zeros.
func (l panelLayout) pack(w Weights) []byte {
	var codes [256]byte
	for i := range codes {
		codes[i] = codeBits(int8(i), l.bits)
	}
	panels, steps := ceilDiv(w.N, l.nr), ceilDiv(w.K, l.kstep)
	bytes := l.nr * l.kstep * l.bits / 8
	dst := make([]byte, panels*steps*bytes)
	slots := l.slots()
	for p := range panels {
		for s := range steps {
			step := dst[(p*steps+s)*bytes:][:bytes]
			rows, cols := w.N-p*l.nr, w.K-s*l.kstep
			from := w.Values[p*l.nr*w.K+s*l.kstep:]
			for _, at := range slots {
				if at.n < rows && at.k < cols {
					step[at.at] |= codes[uint8(from[at.n*w.K+at.k])] << at.shift
				}
			}
		}
	}
	return dst
}

// packBitPanels packs binary weights for a popcount tile: a set bit for +1, in
// words of 64 inputs at their wordPlace in a panel; or, in groups of 8 inputs,
// bytes, [steps*8][nr] with the outputs in the order of vectorPlace in vectors of
// run.
func packBitPanels(w Weights, r *gemmRow) []byte {
	panels, steps := ceilDiv(w.N, r.nr), ceilDiv(w.K, r.kstep)
	dst := make([]byte, panels*steps*r.nr*8)
	for n := range w.N {
		row := w.Values[n*w.K:][:w.K]
		for s := range steps {
			var word uint64
			for i, v := range row[s*64 : min(s*64+64, w.K)] {
				if v > 0 {
					word |= 1 << i
				}
			}
			panel := dst[n/r.nr*steps*r.nr*8:]
			if r.group != 8 {
				binary.NativeEndian.PutUint64(panel[r.wordPlace(n%r.nr, s, steps)*8:], word)
				continue
			}
			step := panel[s*r.nr*8:]
			for b := range 8 {
				step[b*r.nr+vectorPlace(n%r.nr, r.run)] = byte(word >> (8 * b))
			}
		}
	}
	return dst
}

// wordPlace is where word s of output j lies in a panel of so many steps: [steps][nr];
// or, in groups of 128 inputs, [steps/2][nr][2], behind [nr] first words if steps is
// odd.
func (r *gemmRow) wordPlace(j, s, steps int) int {
	first := steps % 2
	if r.group != 128 || s < first {
		return s*r.nr + j
	}
	s -= first
	return (first+s/2*2)*r.nr + 2*j + s%2
}

// vectorPlace is where the byte of output j lies among those of a panel: in a
// vector of some bytes, that is L dwords, byte b of the dwords are the outputs
// L*b to L*b+L-1, so that a shift and a mask make sums of int32 of those of bytes.
func vectorPlace(j, vector int) int {
	lanes := vector / 4
	return j/vector*vector + j%lanes*4 + j%vector/lanes
}

// PackSigns sets bit i%64 of dst[i/64] to the lowest bit of codes[i]: sign and
// u1 activations, or +1 and -1 as 1 and 0, as DotBinary reads them. The bits
// behind the last code are cleared. It panics if dst has too few words, and
// does not allocate.
func PackSigns(dst []uint64, codes []uint8) {
	q := current.Load()
	whole := len(codes) / 64
	if len(dst) < ceilDiv(len(codes), 64) {
		panic(lengths("PackSigns", "dst", len(dst), ceilDiv(len(codes), 64)))
	}
	for at, n := range spans(whole, 64) {
		q.bits.pack(&dst[at], &codes[at*64], uintptr(n), 0)
	}
	if rest := codes[whole*64:]; len(rest) > 0 {
		var word uint64
		for i, c := range rest {
			word |= uint64(c&1) << i
		}
		dst[whole] = word
	}
}

// packWords is PackSigns into bytes, of any bit of the codes, by a given kernel.
func packWords(dst []byte, codes []uint8, bit uint, pack func(dst *uint64, x *byte, words, bit uintptr)) {
	whole := len(codes) / 64
	for at, n := range spans(whole, 64) {
		pack(wordPtr(dst[8*at:]), &codes[64*at], uintptr(n), uintptr(bit))
	}
	if rest := codes[whole*64:]; len(rest) > 0 {
		var word uint64
		for i, c := range rest {
			word |= uint64(c>>bit&1) << i
		}
		binary.NativeEndian.PutUint64(dst[whole*8:], word)
	}
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }
