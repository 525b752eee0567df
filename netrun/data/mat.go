package data

import (
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
)

// A MAT-file of version 5 (MATLAB's own format) is a header of 128 bytes and
// elements: a tag of type and size, and as many bytes of data. An element of
// matCompressed is a zlib stream of another element, one of matMatrix is elements:
// flags, dimensions, name, and values, whose type may be narrower than the
// variable's class. Within a matrix, elements are padded to 8 bytes.
const (
	matHeader     = 128
	matVersion    = 0x0100
	matCompressed = 15
	matMatrix     = 14
	// Limits of what a file may hold besides values.
	matVariables  = 64
	matDimensions = 8
	matName       = 64
)

// Types of values. Their classes are other numbers: matClassUint8 is one.
const (
	matInt8, matUint8, matInt16, matUint16, matInt32, matUint32, matSingle, matDouble = 1, 2, 3, 4, 5, 6, 7, 9

	matClassUint8               = 9
	matNumericLow, matNumericHi = 6, 13 // double to uint32
)

// A matVariable is what comes before a matrix's values.
type matVariable struct {
	name  string
	class uint8
	dims  []int
}

// readMAT calls each for the variables of a file that are matrices of numbers, with a
// source of their values. each need not read them; if it does, nothing may follow them.
func readMAT(s *source, each func(v matVariable, values *source) (read bool, err error)) error {
	head, err := s.read("header", matHeader)
	if err != nil {
		return err
	}
	if got := string(head[126:]); got != "IM" {
		return badFile(s.name, "byte order", `"IM" of a MAT-file, little-endian`, "%q", got)
	}
	if got := binary.LittleEndian.Uint16(head[124:]); got != matVersion {
		return badFile(s.name, "version", fmt.Sprintf("%#04x, a MAT-file of version 5", matVersion), "%#04x", got)
	}
	for range matVariables {
		var tag [8]byte
		if _, err := io.ReadFull(s.r, tag[:]); err == io.EOF {
			return nil
		} else if err != nil {
			return badFile(s.name, "variable", "a tag of 8 bytes", "%v", err)
		}
		s.max -= int64(len(tag))
		kind, size := binary.LittleEndian.Uint32(tag[:]), int64(binary.LittleEndian.Uint32(tag[4:]))
		if size > s.max {
			return badFile(s.name, "variable", fmt.Sprintf("%d bytes", size), "a file that holds at most %d", s.max)
		}
		raw := &io.LimitedReader{R: s.r, N: size}
		if err := readMATVariable(s.name, kind, raw, each); err != nil {
			return err
		}
		// What was not asked for is passed over as it is.
		switch _, err := io.Copy(io.Discard, raw); {
		case err != nil:
			return badFile(s.name, "variable", fmt.Sprintf("%d bytes", size), "%v", err)
		case raw.N > 0:
			return badFile(s.name, "variable", fmt.Sprintf("%d bytes", size), "%d (truncated file)", size-raw.N)
		}
		s.max -= size
	}
	return badFile(s.name, "variables", fmt.Sprintf("at most %d", matVariables), "more")
}

// readMATVariable reads one variable of raw.N bytes.
func readMATVariable(name string, kind uint32, raw *io.LimitedReader, each func(matVariable, *source) (bool, error)) error {
	e, size := &source{name, raw, raw.N}, raw.N
	if kind == matCompressed {
		z, err := zlib.NewReader(raw)
		if err != nil {
			return badFile(name, "compressed variable", "a zlib stream", "%v", err)
		}
		e = &source{name, z, size * maxDeflate}
		tag, err := e.read("tag of a compressed variable", 8)
		if err != nil {
			return err
		}
		kind, size = binary.LittleEndian.Uint32(tag), int64(binary.LittleEndian.Uint32(tag[4:]))
	}
	if kind != matMatrix {
		return badFile(name, "variable's type", fmt.Sprintf("%d, a matrix", matMatrix), "%d", kind)
	}
	m := &source{name, io.LimitReader(e.r, size), min(size, e.max)}
	_, flags, err := m.matElement("array flags", []uint32{matUint32}, 8)
	if err != nil {
		return err
	}
	if len(flags) != 8 {
		return badFile(name, "array flags", "8 bytes", "%d", len(flags))
	}
	v := matVariable{class: flags[0]}
	if v.class < matNumericLow || v.class > matNumericHi {
		return nil
	}
	_, dims, err := m.matElement("dimensions", []uint32{matInt32}, 4*matDimensions)
	if err != nil {
		return err
	}
	for ; len(dims) >= 4; dims = dims[4:] {
		v.dims = append(v.dims, int(int32(binary.LittleEndian.Uint32(dims))))
	}
	_, text, err := m.matElement("name", []uint32{matInt8}, matName)
	if err != nil {
		return err
	}
	v.name = string(text)
	read, err := each(v, m)
	if err != nil || !read {
		return err
	}
	if err := m.end(); err != nil {
		return err
	}
	return e.end() // and a zlib stream's checksum
}

// matTag reads the tag of an element, whose type is one of kinds, and its data if it
// is in the tag.
func (s *source) matTag(field string, kinds []uint32) (kind uint32, size int64, small []byte, err error) {
	b, err := s.read(field, 8)
	if err != nil {
		return 0, 0, nil, err
	}
	kind, size = binary.LittleEndian.Uint32(b), int64(binary.LittleEndian.Uint32(b[4:]))
	if kind>>16 != 0 {
		kind, size = kind&0xffff, int64(kind>>16)
		if size > 4 {
			return 0, 0, nil, badFile(s.name, field, "at most 4 bytes in a tag", "%d", size)
		}
		small = b[4 : 4+size]
	}
	if !slices.Contains(kinds, kind) {
		return 0, 0, nil, badFile(s.name, field, fmt.Sprintf("values of type %d", kinds), "%d", kind)
	}
	return kind, size, small, nil
}

// matElement reads an element of at most limit bytes.
func (s *source) matElement(field string, kinds []uint32, limit int64) (kind uint32, data []byte, err error) {
	kind, size, small, err := s.matTag(field, kinds)
	if err != nil || small != nil {
		return kind, small, err
	}
	if size > limit {
		return kind, nil, badFile(s.name, field, fmt.Sprintf("at most %d bytes", limit), "%d", size)
	}
	if data, err = s.read(field, size); err != nil {
		return kind, nil, err
	}
	_, err = s.read(field, -size&7)
	return kind, data, err
}

// matNumbers reads n values of any numeric type.
func (s *source) matNumbers(field string, n int) ([]float64, error) {
	kind, data, err := s.matElement(field, []uint32{matInt8, matUint8, matInt16, matUint16, matInt32, matUint32, matSingle, matDouble}, 8*int64(n))
	if err != nil {
		return nil, err
	}
	width := map[uint32]int{matInt8: 1, matUint8: 1, matInt16: 2, matUint16: 2, matInt32: 4, matUint32: 4, matSingle: 4, matDouble: 8}[kind]
	if len(data) != n*width {
		return nil, badFile(s.name, field, fmt.Sprintf("%d bytes, %d values of %d", n*width, n, width), "%d", len(data))
	}
	x := make([]float64, n)
	for i := range x {
		b := data[i*width:][:width]
		switch kind {
		case matInt8:
			x[i] = float64(int8(b[0]))
		case matUint8:
			x[i] = float64(b[0])
		case matInt16:
			x[i] = float64(int16(binary.LittleEndian.Uint16(b)))
		case matUint16:
			x[i] = float64(binary.LittleEndian.Uint16(b))
		case matInt32:
			x[i] = float64(int32(binary.LittleEndian.Uint32(b)))
		case matUint32:
			x[i] = float64(binary.LittleEndian.Uint32(b))
		case matSingle:
			x[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
		case matDouble:
			x[i] = math.Float64frombits(binary.LittleEndian.Uint64(b))
		}
	}
	return x, nil
}
