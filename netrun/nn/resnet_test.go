package nn

import (
	"testing"

	"example.com/lowbit/kernels"
)

// The published shapes: 20 layers with the dense one, 16, 32 and 64 channels,
// 41 million multiply-adds, 0.27 million weights.
func TestResnet20(t *testing.T) {
	for _, f := range append(formats, struct {
		w kernels.WeightFormat
		a kernels.ActFormat
	}{kernels.Float32, kernels.F32}) {
		n := Resnet20(f.w, f.a)
		if err := n.CheckShapes(); err != nil {
			t.Fatal(err)
		}
		// 432 + 6*2304 + 4608 + 5*9216 + 18432 + 5*36864 + 640 weights, and
		// projections of 512 and 2048.
		var weights, layers int
		for i := range n.Blocks {
			b := &n.Blocks[i]
			weights += b.Out * b.K()
			if b.K() > 0 {
				layers++
			}
			if b.proj() != nil {
				weights += b.Skip.Proj.Out * b.Skip.Proj.K()
			}
		}
		if weights != 268336+512+2048 || layers != 20 || n.MACs() != 40551040+2*131072 {
			t.Errorf("%v: %d weights, %d layers, %d MACs", f.w, weights, layers, n.MACs())
		}
		if want := int64(weights) * int64(f.w.Bits()) / 8; n.WeightBytes() != want {
			t.Errorf("%v: %d bytes of weights: want %d", f.w, n.WeightBytes(), want)
		}
	}
}
