package data

import (
	"slices"
	"testing"
)

// Made images are the same everywhere, as hashes of logits are pinned on them, and
// have all levels.
func TestMade(t *testing.T) {
	im := Made(4, 8, 8, 3)
	if im.N != 4 || im.H != 8 || im.W != 8 || im.C != 3 || len(im.Pixels) != 4*8*8*3 || len(im.Labels) != 4 {
		t.Fatalf("got %d images of %dx%dx%d, %d bytes, %d labels", im.N, im.H, im.W, im.C, len(im.Pixels), len(im.Labels))
	}
	// The high bytes of the generator's first states.
	if want := []uint8{60, 94, 129}; !slices.Equal(im.Pixels[:3], want) {
		t.Errorf("the first pixels are %d: want %d", im.Pixels[:3], want)
	}
	if slices.Min(im.Pixels) > 5 || slices.Max(im.Pixels) < 250 || slices.Equal(im.Image(0), im.Image(1)) {
		t.Error("the images are no noise")
	}
}
