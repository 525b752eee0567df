package kernels

import "encoding/binary"

// code4 is a power of two or zero as four bits: the sign, then 0 for zero or
// the exponent plus one.
func code4(v int8) byte {
	sign := byte(0)
	if v < 0 {
		sign, v = 8, -v
	}
	for e := range byte(7) {
		if v == 1<<e {
			return sign | (e + 1)
		}
	}
	return 0
}

// codeOf returns a level as a packed code of that many bits: two's complement
// for 8 and 2 bits, sign and exponent for 4.
func codeOf(v int8, bits int) byte {
	switch bits {
	case 8:
		return byte(v)
	case 4:
		return code4(v)
	}
	return byte(v) & 3
}

// packRuns packs codes so that one shift and one mask unpack a whole vector:
// the codes are cut into runs of run*8/bits, and byte i of a run holds, from
// its low bits up, codes i, run+i, 2*run+i and so on. len(at) codes are a
// whole number of runs.
func packRuns(dst []byte, at func(i int) int8, n, bits, run int) {
	fields := 8 / bits
	for i := range n {
		r, e := i/(run*fields), i%(run*fields)
		dst[r*run+e%run] |= codeOf(at(i), bits) << (e / run * bits)
	}
}

// packPanels packs weights for a muladd tile, nr outputs a panel. Within a step
// the codes run [kstep/group][nr][group]. Outputs and inputs that there are
// not are zeros.
func packPanels(w Weights, r *gemmRow) []byte {
	panels, steps := ceilDiv(w.N, r.nr), ceilDiv(w.K, r.kstep)
	step := r.nr * r.kstep
	bytes := step * r.bits / 8
	dst := make([]byte, panels*steps*bytes)
	for p := range panels {
		for s := range steps {
			packRuns(dst[(p*steps+s)*bytes:][:bytes], func(i int) int8 {
				n := p*r.nr + i/r.group%r.nr
				k := s*r.kstep + i/(r.nr*r.group)*r.group + i%r.group
				if n >= w.N || k >= w.K {
					return 0
				}
				return w.Values[n*w.K+k]
			}, step, r.bits, r.run)
		}
	}
	return dst
}

// packBitPanels packs binary weights for a popcount tile: words of 64 inputs,
// [steps][nr] a panel, a set bit for +1.
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
			binary.NativeEndian.PutUint64(dst[((n/r.nr*steps+s)*r.nr+n%r.nr)*8:], word)
		}
	}
	return dst
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
	if whole > 0 {
		q.bits.pack(&dst[0], &codes[0], uintptr(whole))
	}
	if rest := codes[whole*64:]; len(rest) > 0 {
		var word uint64
		for i, c := range rest {
			word |= uint64(c&1) << i
		}
		dst[whole] = word
	}
}

// packWords is PackSigns into bytes, by a given kernel.
func packWords(dst []byte, codes []uint8, pack func(dst *uint64, x *byte, words uintptr)) {
	whole := len(codes) / 64
	if whole > 0 {
		pack(wordPtr(dst), &codes[0], uintptr(whole))
	}
	if rest := codes[whole*64:]; len(rest) > 0 {
		var word uint64
		for i, c := range rest {
			word |= uint64(c&1) << i
		}
		binary.NativeEndian.PutUint64(dst[whole*8:], word)
	}
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }
