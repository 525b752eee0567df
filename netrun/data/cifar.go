package data

// A CIFAR-10 file holds 10,000 records: a label, then 32x32 red, 32x32 green
// and 32x32 blue bytes.
const (
	cifarSide    = 32
	cifarPlane   = cifarSide * cifarSide
	cifarRecord  = 1 + 3*cifarPlane
	cifarRecords = 10000
)

// readCIFAR reads n records into the pixels and labels given, which have room
// for just those.
func readCIFAR(s *source, n int, pixels, labels []uint8) error {
	raw, err := s.read("records", int64(n)*cifarRecord)
	if err != nil {
		return err
	}
	for i := range n {
		rec := raw[i*cifarRecord : (i+1)*cifarRecord]
		labels[i] = rec[0]
		dst := pixels[i*3*cifarPlane : (i+1)*3*cifarPlane]
		for p := range cifarPlane {
			dst[3*p] = rec[1+p]
			dst[3*p+1] = rec[1+cifarPlane+p]
			dst[3*p+2] = rec[1+2*cifarPlane+p]
		}
	}
	if err := checkLabels(s.name, labels, 10); err != nil {
		return err
	}
	return s.end()
}

// loadCIFAR reads the files at paths, n records each, one after another.
func loadCIFAR(paths []string, n int) (*Images, error) {
	total := n * len(paths)
	im := &Images{N: total, H: cifarSide, W: cifarSide, C: 3,
		Pixels: make([]uint8, total*3*cifarPlane), Labels: make([]uint8, total)}
	for i, path := range paths {
		s, f, err := openSource(path)
		if err != nil {
			return nil, err
		}
		part := im.Slice(i*n, (i+1)*n)
		err = readCIFAR(s, n, part.Pixels, part.Labels)
		f.Close()
		if err != nil {
			return nil, err
		}
	}
	return im, nil
}
