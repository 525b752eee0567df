// Package data reads the image sets that networks are trained and measured on:
// MNIST and Fashion-MNIST (IDX files), CIFAR-10 (its binary version) and SVHN's
// cropped digits (MAT-files), each gzipped or not, from a folder. Fashion-MNIST's
// test set is embedded, so that there is always something to run.
//
// Files are taken as hostile: sizes are checked before memory is taken, a gzip
// stream is read no further than its header allows, and every error names the
// file, the field, what was wanted and what was there.
package data

import "fmt"

// Images are N pictures of H rows, W columns and C channels, with a class each.
type Images struct {
	N, H, W, C int
	// Pixels are in NHWC order: Pixels[((n*H+y)*W+x)*C+c].
	Pixels []uint8
	// Labels[n] is the class of picture n, less than the set's Classes.
	Labels []uint8
}

// Size is the number of bytes of one picture: H*W*C.
func (im *Images) Size() int { return im.H * im.W * im.C }

// Image returns the pixels of picture n, not copied.
func (im *Images) Image(n int) []uint8 {
	size := im.Size()
	return im.Pixels[n*size : (n+1)*size : (n+1)*size]
}

// Slice returns pictures from (inclusive) to to (exclusive), not copied. It
// panics if there are no such pictures.
func (im *Images) Slice(from, to int) *Images {
	if from < 0 || to < from || to > im.N {
		panic(fmt.Sprintf("data: slice [%d:%d] of %d images", from, to, im.N))
	}
	size := im.Size()
	return &Images{N: to - from, H: im.H, W: im.W, C: im.C,
		Pixels: im.Pixels[from*size : to*size : to*size], Labels: im.Labels[from:to:to]}
}

// A FormatError says what is wrong with a file.
type FormatError struct {
	File, Field, Want, Got string
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("%s: %s: want %s, got %s", e.File, e.Field, e.Want, e.Got)
}

func badFile(file, field, want, got string, args ...any) error {
	return &FormatError{File: file, Field: field, Want: want, Got: fmt.Sprintf(got, args...)}
}
