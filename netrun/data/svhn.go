package data

import (
	"fmt"
	"slices"
)

// A file of SVHN's cropped digits is a MAT-file of two variables: X, bytes of
// [32][32][3][N] with the row innermost, and y, N labels of which 10 is the digit 0.
const svhnSide = 32

func loadSVHN(path string) (*Images, error) {
	s, f, err := openSource(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readSVHN(s)
}

func readSVHN(s *source) (*Images, error) {
	im := &Images{H: svhnSide, W: svhnSide, C: 3}
	err := readMAT(s, func(v matVariable, values *source) (bool, error) {
		switch v.name {
		case "X":
			return true, im.readSVHNPixels(v, values)
		case "y":
			return true, im.readSVHNLabels(v, values)
		}
		return false, nil
	})
	if err != nil {
		return nil, err
	}
	if im.Pixels == nil || im.Labels == nil {
		return nil, badFile(s.name, "variables", "X and y", "X: %v, y: %v", im.Pixels != nil, im.Labels != nil)
	}
	if len(im.Labels) != im.N {
		return nil, badFile(s.name, "labels y", fmt.Sprintf("%d, one an image", im.N), "%d", len(im.Labels))
	}
	return im, nil
}

// readSVHNPixels reads X: rows innermost, then columns, channels and images.
func (im *Images) readSVHNPixels(v matVariable, s *source) error {
	if len(v.dims) == 3 { // MATLAB drops a last dimension of 1
		v.dims = append(v.dims, 1)
	}
	if im.Pixels != nil || v.class != matClassUint8 || len(v.dims) != 4 || !slices.Equal(v.dims[:3], []int{svhnSide, svhnSide, 3}) {
		return badFile(s.name, "images X", fmt.Sprintf("[32 32 3 N] of class %d (uint8), once", matClassUint8), "%d of class %d, seen before: %v", v.dims, v.class, im.Pixels != nil)
	}
	size := im.Size()
	n := v.dims[3]
	if most := min(maxImages, maxPixels/size); n < 1 || n > most {
		return badFile(s.name, "images X", fmt.Sprintf("1 to %d", most), "%d", n)
	}
	_, bytes, _, err := s.matTag("pixels", []uint32{matUint8})
	if err != nil {
		return err
	}
	if bytes != int64(n)*int64(size) {
		return badFile(s.name, "pixels", fmt.Sprintf("%d bytes", int64(n)*int64(size)), "%d", bytes)
	}
	if bytes > s.max {
		return badFile(s.name, "pixels", fmt.Sprintf("%d bytes", bytes), "a file that holds at most %d", s.max)
	}
	im.N, im.Pixels = n, make([]uint8, n*size)
	raw := make([]uint8, size)
	for i := range n {
		if err := s.fill("pixels", raw); err != nil {
			return err
		}
		dst := im.Image(i)
		for p, b := range raw {
			c, x, y := p/(svhnSide*svhnSide), p/svhnSide%svhnSide, p%svhnSide
			dst[(y*svhnSide+x)*3+c] = b
		}
	}
	return nil
}

func (im *Images) readSVHNLabels(v matVariable, s *source) error {
	if im.Labels != nil || len(v.dims) != 2 || min(v.dims[0], v.dims[1]) != 1 || max(v.dims[0], v.dims[1]) > maxImages {
		return badFile(s.name, "labels y", fmt.Sprintf("[N 1], N at most %d, once", maxImages), "%d, seen before: %v", v.dims, im.Labels != nil)
	}
	n := max(v.dims[0], v.dims[1])
	labels, err := s.matNumbers("labels y", n)
	if err != nil {
		return err
	}
	im.Labels = make([]uint8, n)
	for i, l := range labels {
		if !(l >= 1 && l <= 10 && l == float64(int(l))) {
			return badFile(s.name, fmt.Sprintf("label %d", i), "1 to 10", "%v", l)
		}
		im.Labels[i] = uint8(int(l) % 10)
	}
	return nil
}
