package data

import (
	"bufio"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// FashionDir is where Debian's package dataset-fashion-mnist puts its files.
const FashionDir = "/usr/share/datasets/fashion-mnist"

// ErrNoSplit is what Train and Test return, wrapped, when the set has no such
// files.
var ErrNoSplit = errors.New("data: no such split")

// A Set is a folder of images that has been recognised. Train and Test read the
// files anew at every call; a Set is safe for use by many goroutines.
type Set struct {
	// Name is "mnist", "fashion-mnist", "cifar10" or "svhn"; for IDX files with
	// other contents than those, the folder's base name.
	Name string
	// Source is the folder, or "embedded".
	Source  string
	Classes int
	// Note tells what a report about this set must say, if anything.
	Note string

	train, test func() (*Images, error)
}

// Train reads the training images.
func (s *Set) Train() (*Images, error) { return s.load(s.train, "training") }

// Test reads the test images.
func (s *Set) Test() (*Images, error) { return s.load(s.test, "test") }

func (s *Set) load(f func() (*Images, error), split string) (*Images, error) {
	if f == nil {
		return nil, fmt.Errorf("%w: %s (%s) has no %s images; give a folder that has, with -data DIR", ErrNoSplit, s.Name, s.Source, split)
	}
	return f()
}

// SHA-256 of the uncompressed image files, which tell the IDX sets apart.
var idxNames = map[string]string{
	"ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db": "mnist",
	"0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7": "mnist",
	"c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888": "fashion-mnist",
	"5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b": "fashion-mnist",
}

// Open recognises the images in a folder by the names of the files there:
//
//	train-images-idx3-ubyte train-labels-idx1-ubyte   and t10k-…: MNIST and its kin, 10 classes
//	data_batch_1.bin … data_batch_5.bin test_batch.bin: CIFAR-10
//	train_32x32.mat test_32x32.mat: SVHN's cropped digits; extra_32x32.mat is not read
//
// each with .gz or without. Either split may be missing. Open reads one file of
// IDX images to know its name; everything else is checked by Train and Test.
func Open(dir string) (*Set, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	if !info.IsDir() {
		return nil, badFile(dir, "kind", "a folder of data files", "a file")
	}
	// The folder that unpacking CIFAR-10's archive makes.
	if sub := filepath.Join(dir, "cifar-10-batches-bin"); exists(sub) {
		dir = sub
	}
	set := &Set{Source: dir, Classes: 10}
	if set.openCIFAR(dir) {
		set.Note = inexact(dir)
		return set, nil
	}
	if set.openSVHN(dir) {
		return set, nil
	}
	found, err := set.openIDX(dir)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, badFile(dir, "files",
			"t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, train-… (MNIST, Fashion-MNIST), test_batch.bin, data_batch_1.bin … (CIFAR-10), or test_32x32.mat, train_32x32.mat (SVHN), each with .gz or without",
			"none of them")
	}
	return set, nil
}

func (s *Set) openCIFAR(dir string) bool {
	s.Name = "cifar10"
	if test := find(dir, "test_batch.bin"); test != "" {
		s.test = func() (*Images, error) { return loadCIFAR([]string{test}, cifarRecords) }
	}
	train := make([]string, 5)
	some := false
	for i := range train {
		name := fmt.Sprintf("data_batch_%d.bin", i+1)
		train[i] = find(dir, name)
		some = some || train[i] != ""
		if train[i] == "" {
			train[i] = filepath.Join(dir, name) // for the error: no such file
		}
	}
	if some {
		s.train = func() (*Images, error) { return loadCIFAR(train, cifarRecords) }
	}
	return s.train != nil || s.test != nil
}

func (s *Set) openSVHN(dir string) bool {
	s.Name = "svhn"
	if test := find(dir, "test_32x32.mat"); test != "" {
		s.test = func() (*Images, error) { return loadSVHN(test) }
	}
	if train := find(dir, "train_32x32.mat"); train != "" {
		s.train = func() (*Images, error) { return loadSVHN(train) }
	}
	return s.train != nil || s.test != nil
}

func (s *Set) openIDX(dir string) (bool, error) {
	var name string
	for _, split := range []struct {
		prefix string
		load   *func() (*Images, error)
	}{{"t10k", &s.test}, {"train", &s.train}} {
		images := find(dir, split.prefix+"-images-idx3-ubyte", split.prefix+"-images.idx3-ubyte")
		labels := find(dir, split.prefix+"-labels-idx1-ubyte", split.prefix+"-labels.idx1-ubyte")
		if images == "" && labels == "" {
			continue
		}
		if images == "" || labels == "" {
			return false, badFile(dir, split.prefix+" files", "images and labels", "only %s", filepath.Base(images+labels))
		}
		*split.load = func() (*Images, error) {
			im, _, err := loadIDX(images, labels, s.Classes)
			return im, err
		}
		if name == "" {
			_, sum, err := loadIDX(images, labels, s.Classes)
			if err != nil {
				return false, err
			}
			name = idxNames[hex.EncodeToString(sum[:])]
			if name == "" {
				name = baseName(dir)
			}
		}
	}
	s.Name = name
	return name != "", nil
}

func loadIDX(images, labels string, classes int) (*Images, [sha256.Size]byte, error) {
	s, f, err := openSource(images)
	if err != nil {
		return nil, [sha256.Size]byte{}, err
	}
	defer f.Close()
	im, sum, err := readIDXImages(s)
	if err != nil {
		return nil, sum, err
	}
	l, g, err := openSource(labels)
	if err != nil {
		return nil, sum, err
	}
	defer g.Close()
	im.Labels, err = readIDXLabels(l, im.N, classes)
	return im, sum, err
}

//go:embed fashion/t10k-images-idx3-ubyte.gz fashion/t10k-labels-idx1-ubyte.gz
var fashion embed.FS

// Embedded returns Fashion-MNIST with its test images only, which are part of
// the program.
func Embedded() *Set {
	return &Set{Name: "fashion-mnist", Source: "embedded", Classes: 10, test: loadEmbedded}
}

func loadEmbedded() (*Images, error) {
	open := func(name string) (*source, error) {
		f, err := fashion.Open("fashion/" + name)
		if err != nil {
			return nil, err
		}
		info, err := f.Stat()
		if err != nil {
			return nil, err
		}
		return newSource("embedded "+name, f, info.Size())
	}
	s, err := open("t10k-images-idx3-ubyte.gz")
	if err != nil {
		return nil, err
	}
	im, _, err := readIDXImages(s)
	if err != nil {
		return nil, err
	}
	if s, err = open("t10k-labels-idx1-ubyte.gz"); err != nil {
		return nil, err
	}
	im.Labels, err = readIDXLabels(s, im.N, 10)
	return im, err
}

// Find returns the set in the folder dir or, if dir is empty, Fashion-MNIST: from
// FashionDir if it is there whole, else the embedded test set.
func Find(dir string) (*Set, error) {
	if dir != "" {
		return Open(dir)
	}
	if s, err := Open(FashionDir); err == nil && s.Name == "fashion-mnist" && s.train != nil && s.test != nil {
		return s, nil
	}
	return Embedded(), nil
}

// find returns the path of the first of the names that is in dir, plain or
// gzipped, or "".
func find(dir string, names ...string) string {
	for _, name := range names {
		for _, suffix := range []string{"", ".gz"} {
			if path := filepath.Join(dir, name+suffix); exists(path) {
				return path
			}
		}
	}
	return ""
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

func baseName(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	if name := filepath.Base(dir); name != string(filepath.Separator) && name != "." {
		return name
	}
	return "idx"
}

// inexact reads INEXACT.txt, which lists the records ("file index label", one a
// line, # for comments) whose pixels are known not to be the published ones.
func inexact(dir string) string {
	f, err := os.Open(filepath.Join(dir, "INEXACT.txt"))
	if err != nil {
		return ""
	}
	defer f.Close()
	var train, test int
	for sc := bufio.NewScanner(f); sc.Scan(); {
		switch line := sc.Text(); {
		case strings.HasPrefix(line, "test_batch"):
			test++
		case strings.HasPrefix(line, "data_batch"):
			train++
		}
	}
	if train+test == 0 {
		return ""
	}
	return fmt.Sprintf("%d training and %d test images are not pixel-exact copies of the published ones (INEXACT.txt)", train, test)
}
