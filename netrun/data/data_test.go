package data

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func be(words ...uint32) []byte {
	var b []byte
	for _, w := range words {
		b = binary.BigEndian.AppendUint32(b, w)
	}
	return b
}

func cat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func zip(b []byte) []byte {
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	w.Write(b)
	w.Close()
	return buf.Bytes()
}

// write makes a folder of files.
func write(t *testing.T, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Two pictures of 2x3 pixels, the smallest set that shows an order.
var (
	smallImages = cat(be(idxImages, 2, 2, 3), []byte("abcdefghijkl"))
	smallLabels = cat(be(idxLabels, 2), []byte{9, 0})
)

func TestIDX(t *testing.T) {
	for _, files := range []map[string][]byte{
		{"t10k-images-idx3-ubyte": smallImages, "t10k-labels-idx1-ubyte": smallLabels},
		{"t10k-images-idx3-ubyte.gz": zip(smallImages), "t10k-labels-idx1-ubyte.gz": zip(smallLabels)},
		{"t10k-images.idx3-ubyte": zip(smallImages), "t10k-labels.idx1-ubyte": smallLabels},
	} {
		dir := write(t, files)
		set, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		im, err := set.Test()
		if err != nil {
			t.Fatal(err)
		}
		if set.Name != filepath.Base(dir) || im.N != 2 || im.H != 2 || im.W != 3 || im.C != 1 {
			t.Errorf("%s: %d images of %dx%dx%d, want 2 of 2x3x1 in %s", set.Name, im.N, im.H, im.W, im.C, filepath.Base(dir))
		}
		if string(im.Image(1)) != "ghijkl" || !bytes.Equal(im.Labels, []byte{9, 0}) {
			t.Errorf("image 1 is %q, labels %v", im.Image(1), im.Labels)
		}
		if _, err := set.Train(); !errors.Is(err, ErrNoSplit) {
			t.Errorf("Train without training files: %v, want ErrNoSplit", err)
		}
	}
}

func TestBadIDX(t *testing.T) {
	long := bytes.Repeat([]byte{0}, 1<<20)
	bomb := zip(cat(be(idxImages, 2, 2, 3), bytes.Repeat([]byte{7}, 64<<20)))
	tests := []struct {
		name           string
		images, labels []byte
		want           []string
	}{
		{"empty", nil, smallLabels, []string{"t10k-images-idx3-ubyte: header: want 16 bytes, got a file that holds at most 0"}},
		{"magic", cat(be(idxLabels, 2, 2, 3), long), smallLabels, []string{"magic number: want 0x00000803 (IDX images), got 0x00000801"}},
		{"no images", be(idxImages, 0, 2, 3), smallLabels, []string{"images: want 1 to 1048576, got 0"}},
		{"huge", be(idxImages, 0xffffffff, 2, 3), smallLabels, []string{"images: want 1 to 1048576"}},
		{"wide", be(idxImages, 2, 2, 1025), smallLabels, []string{"columns: want 1 to 1024, got 1025"}},
		{"too many pixels", be(idxImages, 1<<20, 1<<10, 1<<10), smallLabels, []string{"pixels: want at most 1073741824, got 1048576 x 1024 x 1024"}},
		{"header claims more than the file has", be(idxImages, 1<<20, 28, 28), smallLabels, []string{"pixels: want 822083584 bytes, got a file that holds at most 0"}},
		{"gzip header claims more than the file can have", zip(be(idxImages, 1<<20, 28, 28)), smallLabels, []string{"pixels: want 822083584 bytes, got a file that holds at most"}},
		{"truncated", smallImages[:20], smallLabels, []string{"pixels: want 12 bytes, got a file that holds at most 4"}},
		{"truncated in gzip", zip(smallImages[:20]), smallLabels, []string{"pixels: want 12 bytes, got 4 (truncated file)"}},
		{"truncated gzip", zip(cat(smallImages, long))[:200], smallLabels, []string{"t10k-images"}},
		{"trailing", cat(smallImages, []byte{1}), smallLabels, []string{"end: want no more bytes, got trailing bytes"}},
		{"gzip bomb", bomb, smallLabels, []string{"end: want no more bytes, got trailing bytes"}},
		{"gzip header", []byte{0x1f, 0x8b, 9, 9, 9, 9, 9, 9, 9, 9, 9}, smallLabels, []string{"gzip header: want a gzip stream"}},
		{"gzip checksum", flip(zip(smallImages), -6), smallLabels, []string{"end: want no more bytes, got gzip: invalid checksum"}},
		{"label count", smallImages, cat(be(idxLabels, 3), []byte{0, 0, 0}), []string{"t10k-labels-idx1-ubyte: labels: want 2, one an image, got 3"}},
		{"label range", smallImages, cat(be(idxLabels, 2), []byte{3, 10}), []string{"label 1: want 0 to 9, got 10"}},
		{"labels truncated", smallImages, cat(be(idxLabels, 2), []byte{3}), []string{"labels: want 2 bytes, got a file that holds at most 1"}},
		{"labels trailing", smallImages, cat(be(idxLabels, 2), []byte{3, 3, 3}), []string{"end: want no more bytes"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := write(t, map[string][]byte{"t10k-images-idx3-ubyte": test.images, "t10k-labels-idx1-ubyte": test.labels})
			_, err := Open(dir)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range append(test.want, dir) {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
		})
	}
}

// flip returns b with one byte changed; a negative i counts from the end.
func flip(b []byte, i int) []byte {
	b = bytes.Clone(b)
	b[(i+len(b))%len(b)] ^= 1
	return b
}

func TestBadFolder(t *testing.T) {
	file := filepath.Join(write(t, map[string][]byte{"f": nil}), "f")
	sub := t.TempDir()
	if err := os.MkdirAll(filepath.Join(sub, "t10k-images-idx3-ubyte"), 0o700); err != nil {
		t.Fatal(err)
	}
	os.WriteFile(filepath.Join(sub, "t10k-labels-idx1-ubyte"), smallLabels, 0o600)
	for dir, want := range map[string]string{
		filepath.Join(t.TempDir(), "none"): "no such file",
		file:                               "kind: want a folder of data files, got a file",
		t.TempDir():                        "files: want t10k-images-idx3-ubyte",
		sub:                                "kind: want a regular file, got d",
		write(t, map[string][]byte{"t10k-labels-idx1-ubyte": smallLabels}): "t10k files: want images and labels, got only t10k-labels-idx1-ubyte",
	} {
		if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Open: %v, want %q", err, want)
		}
	}
}

func TestCIFAR(t *testing.T) {
	// Planes to interleaved channels, on two records.
	var raw []byte
	for i := range 2 {
		raw = append(raw, byte(4+i))
		for c := range 3 {
			for p := range cifarPlane {
				raw = append(raw, byte(p)^byte(85*c+i))
			}
		}
	}
	pixels, labels := make([]uint8, 2*3*cifarPlane), make([]uint8, 2)
	s, err := newSource("records", bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	if err := readCIFAR(s, 2, pixels, labels); err != nil {
		t.Fatal(err)
	}
	if labels[0] != 4 || labels[1] != 5 {
		t.Errorf("labels %v, want [4 5]", labels)
	}
	for j, got := range pixels {
		i, p, c := j/(3*cifarPlane), j/3%cifarPlane, j%3
		if want := byte(p) ^ byte(85*c+i); got != want {
			t.Fatalf("pixel %d is %d, want %d", j, got, want)
		}
	}
}

func TestCIFARFolder(t *testing.T) {
	batch := make([]byte, cifarRecords*cifarRecord)
	batch[cifarRecord] = 9 // the label of record 1
	whole := zip(batch)
	bad := bytes.Clone(batch)
	bad[2*cifarRecord] = 10
	dir := write(t, map[string][]byte{"test_batch.bin.gz": whole, "data_batch_2.bin": batch,
		"INEXACT.txt": []byte("# file index label\ntest_batch.bin 3 0\n")})
	set, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	im, err := set.Test()
	if err != nil {
		t.Fatal(err)
	}
	if set.Name != "cifar10" || im.N != cifarRecords || im.C != 3 || im.Labels[1] != 9 {
		t.Errorf("%s, %d images of %d channels, label 1 is %d", set.Name, im.N, im.C, im.Labels[1])
	}
	if want := "0 training and 1 test images"; !strings.HasPrefix(set.Note, want) {
		t.Errorf("note %q, want %q", set.Note, want)
	}
	if _, err := set.Train(); err == nil || !strings.Contains(err.Error(), "data_batch_1.bin") {
		t.Errorf("Train without batch 1: %v", err)
	}
	for _, test := range []struct {
		name string
		file []byte
		want string
	}{
		{"truncated by a record", batch[:len(batch)-cifarRecord], "records: want 30730000 bytes, got a file that holds at most 30726927"},
		{"truncated in gzip", zip(batch[:len(batch)-1]), "records: want 30730000 bytes, got"},
		{"trailing", append(bytes.Clone(batch), 0), "end: want no more bytes"},
		{"label range", bad, "label 2: want 0 to 9, got 10"},
	} {
		set, err := Open(write(t, map[string][]byte{"test_batch.bin": test.file}))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := set.Test(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
}

func TestEmbedded(t *testing.T) {
	set := Embedded()
	im, err := set.Test()
	if err != nil {
		t.Fatal(err)
	}
	if im.N != 10000 || im.H != 28 || im.W != 28 || im.C != 1 {
		t.Errorf("%d images of %dx%dx%d", im.N, im.H, im.W, im.C)
	}
	var count [10]int
	for _, l := range im.Labels {
		count[l]++
	}
	for l, n := range count {
		if n != 1000 {
			t.Errorf("class %d has %d images, want 1000", l, n)
		}
	}
	// The embedded files are the published ones.
	dir := t.TempDir()
	for _, name := range []string{"t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"} {
		b, err := fashion.ReadFile("fashion/" + name)
		if err != nil {
			t.Fatal(err)
		}
		os.WriteFile(filepath.Join(dir, name), b, 0o600)
	}
	if set, err := Open(dir); err != nil || set.Name != "fashion-mnist" {
		t.Errorf("the embedded files in a folder are %+v, %v", set, err)
	}
}

// TestRealSets checks whole sets where they are: Debian's Fashion-MNIST, and the
// folders that LOWBIT_TEST_DATA lists (separated as PATH is).
func TestRealSets(t *testing.T) {
	dirs := []string{FashionDir}
	if more := os.Getenv("LOWBIT_TEST_DATA"); more != "" {
		dirs = append(dirs, filepath.SplitList(more)...)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			if _, err := os.Stat(dir); err != nil {
				t.Skipf("SKIPPED, no real data here: %v", err)
			}
			set, err := Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			train, err := set.Train()
			if err != nil {
				t.Fatal(err)
			}
			test, err := set.Test()
			if err != nil {
				t.Fatal(err)
			}
			want := map[string][2]int{"mnist": {60000, 10000}, "fashion-mnist": {60000, 10000}, "cifar10": {50000, 10000}}[set.Name]
			if got := [2]int{train.N, test.N}; got != want {
				t.Errorf("%s has %v images, want %v", set.Name, got, want)
			}
			t.Logf("%s: %d+%d images of %dx%dx%d; note %q", set.Name, train.N, test.N, test.H, test.W, test.C, set.Note)
		})
	}
}

func TestSlice(t *testing.T) {
	im := &Images{N: 3, H: 1, W: 2, C: 1, Pixels: []uint8{1, 2, 3, 4, 5, 6}, Labels: []uint8{7, 8, 9}}
	s := im.Slice(1, 3)
	if s.N != 2 || !bytes.Equal(s.Pixels, []byte{3, 4, 5, 6}) || !bytes.Equal(s.Labels, []byte{8, 9}) {
		t.Errorf("%+v", s)
	}
	defer func() {
		if recover() == nil {
			t.Error("Slice(1, 4) of 3 images did not panic")
		}
	}()
	im.Slice(1, 4)
}
