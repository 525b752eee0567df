package train

import (
	"slices"
	"testing"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/data"
	"example.com/lowbit/netrun/nn"
	"example.com/lowbit/netrun/quant"
)

// An augmented image is a crop of the padded one, mirrored or not; all crops
// come, and epochs differ.
func TestAugment(t *testing.T) {
	const side, reach, n = 6, 2, 400
	images := &data.Images{N: n, H: side, W: side, C: 3, Pixels: make([]uint8, n*side*side*3), Labels: make([]uint8, n)}
	s := quant.NewStream(8)
	for i := range images.Pixels {
		images.Pixels[i] = uint8(s.Uint64(uint64(i))) | 1
	}
	input := nn.Shape{H: side, W: side, C: 3}
	net := &nn.Network{Input: input, Classes: 2, Blocks: []nn.Block{{Kind: nn.Dense, In: input, Out: 2, Weights: kernels.Ternary, InAct: kernels.U8}}}
	for _, fill := range []string{"", "black", "mean"} {
		c := Default(DST)
		c.Batch, c.Validation, c.Flip, c.Shift, c.Fill = n, 0, true, reach, fill
		tr, err := New(net, c, images, 2)
		if err != nil {
			t.Fatal(err)
		}
		rim := make([]float32, 3)
		if fill == "mean" {
			for i, p := range images.Pixels {
				rim[i%3] += float32(p) / float32(n*side*side)
			}
			for c, v := range rim {
				rim[c] = float32(quant.Round(v, 255))
			}
		}
		// crop returns the crop of image i at (y, x) of its padding.
		crop := func(i, y, x int, flip bool) (to []float32) {
			for oy := range side {
				for ox := range side {
					sy, sx := y+oy-reach, x+ox-reach
					if flip {
						sx = x + side - 1 - ox - reach
					}
					if sy < 0 || sx < 0 || sy >= side || sx >= side {
						to = append(to, rim...)
						continue
					}
					for _, p := range images.Image(i)[(sy*side+sx)*3:][:3] {
						to = append(to, float32(p))
					}
				}
			}
			return to
		}
		numbers := quant.NewStream(2).Perm(n)
		tr.loadBatch(numbers, 3)
		other := slices.Clone(tr.input)
		tr.loadBatch(numbers, 4)
		if slices.Equal(other, tr.input) {
			t.Error("two epochs have the same images")
		}
		const crops = 2 * (2*reach + 1) * (2*reach + 1)
		seen := map[int]bool{}
		for i, number := range numbers {
			found := -1
			for k := range crops {
				y, x := k/2/(2*reach+1), k/2%(2*reach+1)
				if slices.Equal(crop(int(number), y, x, k%2 == 1), tr.input[i*side*side*3:][:side*side*3]) {
					found = k
				}
			}
			if found < 0 {
				t.Fatalf("fill %q: image %d is no crop of image %d", fill, i, number)
			}
			seen[found] = true
		}
		if len(seen) != crops {
			t.Errorf("%d crops came: want %d", len(seen), crops)
		}
	}
}
