package data

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"math"
	"path/filepath"
	"strings"
	"testing"
)

func le32(words ...uint32) (b []byte) {
	for _, w := range words {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	return b
}

// element is an element of a MAT-file, short ones with their data in the tag.
func element(kind uint32, data []byte) []byte {
	if n := len(data); n > 0 && n <= 4 {
		return append(le32(uint32(n)<<16|kind), append(bytes.Clone(data), make([]byte, 4-n)...)...)
	}
	return cat(le32(kind, uint32(len(data))), data, make([]byte, -len(data)&7))
}

func matrix(name string, class uint32, dims []uint32, values []byte) []byte {
	return element(matMatrix, cat(element(matUint32, le32(class, 0)), element(matInt32, le32(dims...)), element(matInt8, []byte(name)), values))
}

func compressed(b []byte) []byte {
	var buf bytes.Buffer
	w := zlib.NewWriter(&buf)
	w.Write(b)
	w.Close()
	return cat(le32(matCompressed, uint32(buf.Len())), buf.Bytes()) // without padding
}

func matFile(variables ...[]byte) []byte {
	head := append([]byte("MATLAB 5.0 MAT-file, made by a test"), bytes.Repeat([]byte{' '}, 124)...)[:124]
	return cat(head, []byte{0, 1, 'I', 'M'}, cat(variables...))
}

// digits are n images whose pixels tell where they are.
func digits(n int) []byte {
	var raw []byte
	for i := range n {
		for c := range 3 {
			for x := range svhnSide {
				for y := range svhnSide {
					raw = append(raw, byte(x+7*y+50*c+i))
				}
			}
		}
	}
	return raw
}

func doubles(x ...float64) (b []byte) {
	for _, v := range x {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	return b
}

var (
	digitsX = matrix("X", matClassUint8, []uint32{32, 32, 3, 6}, element(matUint8, digits(6)))
	digitsY = matrix("y", 6, []uint32{6, 1}, element(matDouble, doubles(1, 10, 3, 9, 10, 2)))
)

func TestSVHN(t *testing.T) {
	// y as bytes, as a row, in MATLAB's narrowest type, and in a tag.
	other := matrix("notes", 4, []uint32{1, 3}, element(4, []byte("abcdef")))
	alone := matrix("X", matClassUint8, []uint32{32, 32, 3}, element(matUint8, digits(1)))
	for name, file := range map[string][]byte{
		"compressed":                   matFile(compressed(digitsX), compressed(digitsY)),
		"plain":                        matFile(digitsX, digitsY),
		"labels first, others between": matFile(digitsY, compressed(other), other, compressed(digitsX), other),
		"bytes":                        matFile(digitsX, matrix("y", matClassUint8, []uint32{6, 1}, element(matUint8, []byte{1, 10, 3, 9, 10, 2}))),
		"narrow row":                   matFile(digitsX, matrix("y", 6, []uint32{1, 6}, element(matInt16, []byte{1, 0, 10, 0, 3, 0, 9, 0, 10, 0, 2, 0}))),
		"gzipped":                      zip(matFile(compressed(digitsX), digitsY)),
		"singles":                      matFile(digitsX, matrix("y", 7, []uint32{6, 1}, element(matSingle, le32(0x3f800000, 0x41200000, 0x40400000, 0x41100000, 0x41200000, 0x40000000)))),
		"one, in tag":                  matFile(alone, matrix("y", matClassUint8, []uint32{1, 1}, element(matUint8, []byte{1}))),
	} {
		dir := write(t, map[string][]byte{"test_32x32.mat": file, "extra_32x32.mat": []byte("not read")})
		set, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		im, err := set.Test()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		n := 6
		if strings.HasPrefix(name, "one") {
			n = 1
		}
		if set.Name != "svhn" || set.Classes != 10 || im.N != n || im.H != 32 || im.W != 32 || im.C != 3 {
			t.Errorf("%s: %s, %d images of %dx%dx%d", name, set.Name, im.N, im.H, im.W, im.C)
		}
		if want := []byte{1, 0, 3, 9, 0, 2}[:n]; !bytes.Equal(im.Labels, want) {
			t.Errorf("%s: labels %v, want %v", name, im.Labels, want)
		}
		for j, got := range im.Pixels {
			i, y, x, c := j/3072, j/96%32, j/3%32, j%3
			if want := byte(x + 7*y + 50*c + i); got != want {
				t.Fatalf("%s: image %d row %d column %d channel %d is %d, want %d", name, i, y, x, c, got, want)
			}
		}
	}
	set, err := Open(write(t, map[string][]byte{"train_32x32.mat.gz": zip(matFile(digitsX, digitsY))}))
	if err != nil {
		t.Fatal(err)
	}
	if im, err := set.Train(); err != nil || im.N != 6 {
		t.Errorf("training images: %v", err)
	}
	if _, err := set.Test(); err == nil {
		t.Error("no error for test images that there are not")
	}
}

func TestBadSVHN(t *testing.T) {
	whole := matFile(compressed(digitsX), compressed(digitsY))
	x := func(class uint32, dims []uint32, values []byte) []byte {
		return matFile(matrix("X", class, dims, values), digitsY)
	}
	y := func(dims []uint32, values []byte) []byte {
		return matFile(digitsX, matrix("y", 6, dims, values))
	}
	pixels := element(matUint8, digits(6))
	bomb := compressed(cat(le32(matMatrix, 1<<31), digitsX[8:], make([]byte, 32<<20)))
	many := bytes.Repeat(matrix("z", 6, []uint32{1, 1}, element(matUint8, []byte{1})), matVariables+1)
	for _, test := range []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "header: want 128 bytes, got a file that holds at most 0"},
		{"header alone", whole[:128], "variables: want X and y, got X: false, y: false"},
		{"byte order", cat(whole[:126], []byte("MI"), whole[128:]), `byte order: want "IM" of a MAT-file, little-endian, got "MI"`},
		{"HDF5", cat(whole[:124], []byte{0, 2}, whole[126:]), "version: want 0x0100, a MAT-file of version 5, got 0x0200"},
		{"no labels", matFile(digitsX), "variables: want X and y, got X: true, y: false"},
		{"twice", matFile(digitsX, digitsX), "images X: want [32 32 3 N] of class 9 (uint8), once"},
		{"labels twice", matFile(digitsY, digitsY), "labels y: want [N 1], N at most 1048576, once"},
		{"truncated", whole[:len(whole)-200], "variable: want"},
		{"truncated tag", whole[:131], "variable: want a tag of 8 bytes, got unexpected EOF"},
		{"truncated in gzip", zip(whole[:len(whole)-20]), "truncated file"},
		{"claims more than the file has", cat(whole[:128], le32(matMatrix, 1<<31), digitsX[8:]), "variable: want 2147483648 bytes, got a file that holds at most"},
		{"kind", matFile(cat(le32(9, 8), make([]byte, 8))), "variable's type: want 14, a matrix, got 9"},
		{"zlib header", matFile(cat(le32(matCompressed, 16), make([]byte, 16))), "compressed variable: want a zlib stream"},
		{"zlib checksum", matFile(flip(compressed(digitsX), -1), digitsY), "end: want no more bytes, got zlib: invalid checksum"},
		{"zlib bomb", matFile(bomb, digitsY), "end: want no more bytes, got trailing bytes"},
		{"class", x(6, []uint32{32, 32, 3, 6}, pixels), "images X: want [32 32 3 N] of class 9 (uint8), once, got [32 32 3 6] of class 6"},
		{"order", x(matClassUint8, []uint32{6, 32, 32, 3}, pixels), "got [6 32 32 3] of class 9"},
		{"dimensions", x(matClassUint8, []uint32{32, 3}, pixels), "images X: want"},
		{"too many dimensions", x(matClassUint8, []uint32{32, 32, 3, 1, 1, 1, 1, 1, 6}, pixels), "dimensions: want at most 32 bytes, got 36"},
		{"no images", x(matClassUint8, []uint32{32, 32, 3, 0}, pixels), "images X: want 1 to 349525, got 0"},
		{"negative", x(matClassUint8, []uint32{32, 32, 3, 1 << 31}, pixels), "images X: want 1 to 349525, got -2147483648"},
		{"too many images", x(matClassUint8, []uint32{32, 32, 3, 400000}, pixels), "images X: want 1 to 349525, got 400000"},
		{"more than there are", x(matClassUint8, []uint32{32, 32, 3, 7}, pixels), "pixels: want 21504 bytes, got 18432"},
		{"more than the file has", x(matClassUint8, []uint32{32, 32, 3, 349525}, cat(le32(matUint8, 349525*3072), digits(6))), "pixels: want 1073740800 bytes, got a file that holds at most"},
		{"pixels of other type", x(matClassUint8, []uint32{32, 32, 3, 6}, element(matInt8, digits(6))), "pixels: want values of type [2], got 1"},
		{"trailing", x(matClassUint8, []uint32{32, 32, 3, 6}, cat(pixels, pixels)), "end: want no more bytes, got trailing bytes"},
		{"label 0", y([]uint32{6, 1}, element(matUint8, []byte{1, 0, 3, 9, 10, 2})), "label 1: want 1 to 10, got 0"},
		{"label 11", y([]uint32{6, 1}, element(matUint8, []byte{1, 11, 3, 9, 10, 2})), "label 1: want 1 to 10, got 11"},
		{"label 2.5", y([]uint32{6, 1}, element(matDouble, doubles(1, 2.5, 1, 1, 1, 1))), "label 1: want 1 to 10, got 2.5"},
		{"label NaN", y([]uint32{6, 1}, element(matDouble, doubles(math.NaN(), 2, 1, 1, 1, 1))), "label 0: want 1 to 10, got NaN"},
		{"labels for others", y([]uint32{5, 1}, element(matUint8, []byte{1, 1, 1, 1, 1})), "labels y: want 6, one an image, got 5"},
		{"labels short", y([]uint32{6, 1}, element(matUint8, []byte{1, 1, 1, 1, 1})), "labels y: want 6 bytes, 6 values of 1, got 5"},
		{"labels of 2 dimensions", y([]uint32{3, 2}, element(matUint8, []byte{1, 1, 1, 1, 1, 1})), "labels y: want [N 1]"},
		{"labels of other type", y([]uint32{6, 1}, element(matMatrix, []byte{1, 1, 1, 1, 1, 1})), "labels y: want values of type [1 2 3 4 5 6 7 9], got 14"},
		{"tag", y([]uint32{6, 1}, cat(le32(6<<16|matUint8), make([]byte, 4))), "labels y: want at most 4 bytes in a tag, got 6"},
		{"variables", matFile(many), "variables: want at most 64, got more"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := write(t, map[string][]byte{"train_32x32.mat": test.file})
			set, err := Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			_, err = set.Train()
			if err == nil {
				t.Fatal("no error")
			}
			formatError(t, err)
			for _, want := range []string{test.want, filepath.Join(dir, "train_32x32.mat")} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
		})
	}
}

func FuzzSVHN(f *testing.F) {
	alone := matrix("X", matClassUint8, []uint32{32, 32, 3}, element(matUint8, make([]byte, 3072)))
	label := matrix("y", matClassUint8, []uint32{1, 1}, element(matUint8, []byte{10}))
	f.Add(matFile(alone, label))
	f.Add(matFile(label, compressed(alone)))
	f.Add(zip(matFile(compressed(alone), compressed(label))))
	f.Add(matFile(compressed(alone), label)[:200])
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := newSource("f", bytes.NewReader(b), int64(len(b)))
		if err != nil {
			formatError(t, err)
			return
		}
		im, err := readSVHN(s)
		if err != nil {
			formatError(t, err)
			return
		}
		if im.N < 1 || len(im.Pixels) != im.N*3072 || len(im.Labels) != im.N {
			t.Errorf("%d images with %d pixels and %d labels", im.N, len(im.Pixels), len(im.Labels))
		}
		for _, l := range im.Labels {
			if l > 9 {
				t.Errorf("label %d", l)
			}
		}
	})
}
