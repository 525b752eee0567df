//go:build amd64 && linux && !purego

package emul

// Bochs 2.7 has AVX512-VNNI but not AVX-VNNI: it executes VPDPBUSD with an EVEX
// prefix and knows no VEX one. So the image's copies of the latter, five bytes
// each, become jumps, which take five bytes too, to thunks: the same instruction
// on the same registers with an EVEX prefix, and a jump back.
//
// All five-byte sequences in the program's code that look like the instruction are
// replaced. One that is something else by chance (less than one in a hundred million
// bytes of code is) would do harm only in a function that is called.

const (
	jumpSize  = 5
	twinSize  = 6
	thunkSize = twinSize + jumpSize
)

// evexTwin returns the EVEX encoding of VPDPBUSD on ymm registers if code begins
// with the VEX one.
func evexTwin(code []byte) (twin [twinSize]byte, ok bool) {
	if len(code) < jumpSize {
		return twin, false
	}
	// C4, then RXB and the opcode map 0F38, then W0 vvvv L1 and the prefix 66, then the
	// opcode and a ModRM with a register.
	v, p0, p1 := code[0], code[1], code[2]
	if v != 0xc4 || p0&0x1f != 2 || p1&0x87 != 0x05 || code[3] != 0x50 || code[4]&0xc0 != 0xc0 {
		return twin, false
	}
	return [...]byte{
		0x62,
		p0 | 0x10,      // R X B as they are; R' inverted: no register above 15
		p1&0x78 | 0x05, // W0 vvvv, the fixed bit, the prefix 66
		0x28,           // no zeroing, 256 bits, no broadcast; V' inverted; no mask
		code[3], code[4],
	}, true
}

// jump is a JMP at an address to another.
func jump(from, to uint64) []byte {
	return le.AppendUint32([]byte{0xe9}, uint32(to-from-jumpSize))
}

// translate replaces what the emulated CPU does not know.
func (img *image) translate() error {
	var places []uint64
	for _, c := range img.code {
		for at := c[0]; at < c[1]; at++ {
			if _, ok := evexTwin(img.at(at)[:c[1]-at]); ok {
				places = append(places, at)
				at += jumpSize - 1
			}
		}
	}
	thunk, err := img.alloc(len(places) * thunkSize)
	if err != nil {
		return err
	}
	for _, at := range places {
		twin, _ := evexTwin(img.at(at))
		t := img.at(thunk)
		copy(t, twin[:])
		copy(t[twinSize:], jump(thunk+twinSize, at+jumpSize))
		copy(img.at(at), jump(at, thunk))
		thunk += thunkSize
	}
	return nil
}
