package kernels

import "testing"

// BenchmarkConvTraining is a product of training a 3x3 convolution of a network's
// layers on 16 images, by direct sums and by Winograd's F(2x2, 3x3) and F(4x4, 3x3):
// multiply-adds of the direct sums a second. Weights are packed before.
func BenchmarkConvTraining(b *testing.B) {
	for _, l := range []struct {
		name    string
		side    int
		in, out int
	}{
		{"resnet20-1", 32, 16, 16}, {"resnet20-2", 16, 32, 32}, {"resnet20-3", 8, 64, 64},
		{"vgg-2", 32, 128, 128}, {"vgg-3", 16, 128, 256}, {"vgg-4", 16, 256, 256}, {"vgg-5", 8, 256, 512}, {"vgg-6", 8, 512, 512},
	} {
		s := ConvShape{H: l.side, W: l.side, InC: l.in, OutC: l.out, KH: 3, KW: 3, StrideH: 1, StrideW: 1, PadH: 1, PadW: 1}
		const images = 16
		x, w, y := make([]float32, images*l.side*l.side*l.in), make([]float32, l.out*s.K()), make([]float32, images*l.side*l.side*l.out)
		rng := random(b)
		for _, f := range [][]float32{x, w, y} {
			copy(f, randomFloats(rng, len(f), true))
		}
		grad := make([]float32, len(w))
		for _, product := range []string{"forward", "inputs", "weights"} {
			for _, method := range []string{"direct", "winograd2", "winograd4"} {
				b.Run("layer="+l.name+"/product="+product+"/method="+method, func(b *testing.B) {
					t, err := NewConvTraining(s, 0)
					if err != nil {
						b.Fatal(err)
					}
					switch method {
					case "direct":
						t.forward, t.weights, t.inputs = nil, nil, nil
					default:
						m := int(method[len(method)-1] - '0')
						t.forward = newWinograd(t.row, m, l.side, l.side, l.in, l.out, 1, 1)
						t.inputs = newWinograd(t.row, m, l.side, l.side, l.out, l.in, 1, 1)
						t.weights = t.forward
					}
					forward, inputs := new(ConvWeights), new(ConvWeights)
					t.PackForward(forward, w, nil)
					t.PackInputs(inputs, w, nil)
					for b.Loop() {
						switch product {
						case "forward":
							t.Forward(y, x, forward, images, 0)
						case "inputs":
							t.Inputs(x, y, inputs, images)
						default:
							t.Weights(grad, x, y, images, 0, false)
						}
					}
					b.ReportMetric(float64(s.MACs())*images*float64(b.N)/b.Elapsed().Seconds(), "mac/s")
				})
			}
		}
	}
}
