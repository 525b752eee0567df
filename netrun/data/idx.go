package data

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
)

// Limits of what an IDX header may ask for: far beyond any set of small
// pictures, far below what would hurt.
const (
	maxImages = 1 << 20
	maxSide   = 1 << 10
	maxPixels = 1 << 30
)

const (
	idxImages = 0x00000803 // unsigned bytes, three dimensions
	idxLabels = 0x00000801 // unsigned bytes, one dimension
)

// readIDXImages reads a file of grey pictures (C is 1, no labels yet) and its
// SHA-256.
func readIDXImages(s *source) (*Images, [sha256.Size]byte, error) {
	h := sha256.New()
	s.r = io.TeeReader(s.r, h)
	var sum [sha256.Size]byte
	dims, err := idxHeader(s, idxImages, "images", "rows", "columns")
	if err != nil {
		return nil, sum, err
	}
	for i, limit := range []int{maxImages, maxSide, maxSide} {
		if dims[i] < 1 || dims[i] > limit {
			return nil, sum, badFile(s.name, [...]string{"images", "rows", "columns"}[i], fmt.Sprintf("1 to %d", limit), "%d", dims[i])
		}
	}
	im := &Images{N: dims[0], H: dims[1], W: dims[2], C: 1}
	total := int64(im.N) * int64(im.Size())
	if total > maxPixels {
		return nil, sum, badFile(s.name, "pixels", fmt.Sprintf("at most %d", maxPixels), "%d x %d x %d", im.N, im.H, im.W)
	}
	if im.Pixels, err = s.read("pixels", total); err != nil {
		return nil, sum, err
	}
	if err := s.end(); err != nil {
		return nil, sum, err
	}
	return im, [sha256.Size]byte(h.Sum(nil)), nil
}

// readIDXLabels reads the labels of n pictures, each less than classes.
func readIDXLabels(s *source, n, classes int) ([]uint8, error) {
	dims, err := idxHeader(s, idxLabels, "labels")
	if err != nil {
		return nil, err
	}
	if dims[0] != n {
		return nil, badFile(s.name, "labels", fmt.Sprintf("%d, one an image", n), "%d", dims[0])
	}
	labels, err := s.read("labels", int64(n))
	if err != nil {
		return nil, err
	}
	if err := checkLabels(s.name, labels, classes); err != nil {
		return nil, err
	}
	return labels, s.end()
}

// idxHeader reads the magic number and one dimension a name.
func idxHeader(s *source, magic uint32, names ...string) ([]int, error) {
	b, err := s.read("header", int64(4+4*len(names)))
	if err != nil {
		return nil, err
	}
	if got := binary.BigEndian.Uint32(b); got != magic {
		return nil, badFile(s.name, "magic number", fmt.Sprintf("%#08x (IDX %s)", magic, names[0]), "%#08x", got)
	}
	dims := make([]int, len(names))
	for i := range dims {
		// Through uint32, so that a huge count is huge and not negative on
		// 64-bit machines; on 32-bit ones it is negative, and refused too.
		dims[i] = int(binary.BigEndian.Uint32(b[4+4*i:]))
	}
	return dims, nil
}

func checkLabels(file string, labels []uint8, classes int) error {
	for i, l := range labels {
		if int(l) >= classes {
			return badFile(file, fmt.Sprintf("label %d", i), fmt.Sprintf("0 to %d", classes-1), "%d", l)
		}
	}
	return nil
}
