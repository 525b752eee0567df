package data

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
)

// maxDeflate bounds how many bytes one byte of a deflate stream can become:
// a match of 258 bytes costs at least two bits.
const maxDeflate = 1032

// A source is a stream of bytes with a name for errors and a bound on its length
// that is known before it is read, so that no header can ask for more memory
// than the file could fill.
type source struct {
	name string
	r    io.Reader
	max  int64
}

// newSource reads size bytes from r, through gzip if they start with its magic
// (which is no valid start of an IDX or CIFAR-10 file).
func newSource(name string, r io.Reader, size int64) (*source, error) {
	br := bufio.NewReaderSize(r, 1<<16)
	if magic, _ := br.Peek(2); !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return &source{name, br, size}, nil
	}
	zr, err := gzip.NewReader(br)
	if err != nil {
		return nil, badFile(name, "gzip header", "a gzip stream", "%v", err)
	}
	if size > math.MaxInt64/maxDeflate {
		return nil, badFile(name, "size", "a data file", "%d bytes", size)
	}
	return &source{name, zr, size * maxDeflate}, nil
}

// openSource opens the file at path. The closer closes it.
func openSource(path string) (*source, io.Closer, error) {
	// A pipe or a device could block or never end: look before opening.
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, badFile(path, "kind", "a regular file", "%v", info.Mode().Type())
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	s, err := newSource(path, f, info.Size())
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return s, f, nil
}

// read fills a new slice with the next n bytes, which field is a name for.
func (s *source) read(field string, n int64) ([]byte, error) {
	if n > s.max {
		return nil, badFile(s.name, field, fmt.Sprintf("%d bytes", n), "a file that holds at most %d", s.max)
	}
	b := make([]byte, n)
	return b, s.fill(field, b)
}

// fill is read into b.
func (s *source) fill(field string, b []byte) error {
	got, err := io.ReadFull(s.r, b)
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return badFile(s.name, field, fmt.Sprintf("%d bytes", len(b)), "%d (truncated file)", got)
	case err != nil:
		return badFile(s.name, field, fmt.Sprintf("%d bytes", len(b)), "%v after %d bytes", err, got)
	}
	s.max -= int64(len(b))
	return nil
}

// end reads to the end of the source, where a gzip stream's checksum is.
func (s *source) end() error {
	var one [1]byte
	n, err := io.ReadFull(s.r, one[:])
	switch {
	case n > 0:
		return badFile(s.name, "end", "no more bytes", "trailing bytes")
	case err != io.EOF:
		return badFile(s.name, "end", "no more bytes", "%v", err)
	}
	return nil
}
