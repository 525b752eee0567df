package data

import (
	"bytes"
	"errors"
	"testing"
)

// The parsers must not panic, nor return anything but an error or images whose
// parts fit together, whatever the bytes.

func FuzzIDXImages(f *testing.F) {
	f.Add(smallImages)
	f.Add(zip(smallImages))
	f.Add(smallImages[:9])
	f.Add(be(idxImages, 1<<20, 1<<10, 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := newSource("f", bytes.NewReader(b), int64(len(b)))
		if err != nil {
			formatError(t, err)
			return
		}
		im, _, err := readIDXImages(s)
		if err != nil {
			formatError(t, err)
			return
		}
		if im.N < 1 || im.Size() < 1 || len(im.Pixels) != im.N*im.Size() {
			t.Errorf("%d images of %d bytes with %d pixels", im.N, im.Size(), len(im.Pixels))
		}
	})
}

func FuzzIDXLabels(f *testing.F) {
	f.Add(smallLabels)
	f.Add(zip(smallLabels))
	f.Add(smallLabels[:9])
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := newSource("f", bytes.NewReader(b), int64(len(b)))
		if err != nil {
			formatError(t, err)
			return
		}
		labels, err := readIDXLabels(s, 2, 10)
		if err != nil {
			formatError(t, err)
			return
		}
		if len(labels) != 2 || labels[0] > 9 || labels[1] > 9 {
			t.Errorf("labels %v", labels)
		}
	})
}

func FuzzCIFAR(f *testing.F) {
	record := append([]byte{3}, bytes.Repeat([]byte{1, 2, 3}, cifarPlane)...)
	f.Add(record)
	f.Add(zip(record))
	f.Add(record[:100])
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := newSource("f", bytes.NewReader(b), int64(len(b)))
		if err != nil {
			formatError(t, err)
			return
		}
		var pixels [3 * cifarPlane]uint8
		var labels [1]uint8
		if err := readCIFAR(s, 1, pixels[:], labels[:]); err != nil {
			formatError(t, err)
		} else if labels[0] > 9 {
			t.Errorf("label %d", labels[0])
		}
	})
}

func formatError(t *testing.T, err error) {
	t.Helper()
	if f := (*FormatError)(nil); !errors.As(err, &f) || f.File == "" || f.Field == "" || f.Want == "" || f.Got == "" {
		t.Errorf("%v: want a FormatError with every field", err)
	}
}
