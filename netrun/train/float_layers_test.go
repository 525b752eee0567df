package train

import (
	"bytes"
	"math"
	"path/filepath"
	"testing"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/nn"
	"example.com/lowbit/netrun/quant"
)

// floatLayers gives the network's layers of these numbers float32 weights.
func floatLayers(net *nn.Network, numbers ...int) *nn.Network {
	for _, i := range numbers {
		b := &net.Blocks[i]
		b.Weights = kernels.Float32
		if b.Skip != nil && b.Skip.Proj != nil {
			b.Skip.Proj.Weights = kernels.Float32
		}
	}
	return net
}

// Layers of float32 weights, first, last and with a projection, have the gradients
// of a plain implementation; so have the others.
func TestFloatLayersGradient(t *testing.T) {
	for _, f := range formats {
		for _, method := range []string{DST, STE} {
			testLowBitGradient(t, floatLayers(residualNet(f.w, f.a, false), 0, 4, 8), method, quant.Window{HalfWidth: 0.5})
		}
	}
}

// Networks with layers of float32 weights learn by every method and optimizer. What
// is exported puts out the trainer's logits but for rounding: at most one image in
// a hundred has another code somewhere. They are resumed to the same bits, with any
// number of threads.
func TestFloatLayers(t *testing.T) {
	images := toy(300)
	for _, c := range []struct {
		name, method, optimizer, state string
		net                            *nn.Network
	}{
		{"first", DST, Adam, Float32, floatLayers(toyNet(kernels.Ternary, kernels.U2), 0)},
		{"last", DST, Adam, Eight, floatLayers(toyNet(kernels.Ternary, kernels.U2), 3)},
		{"both", STE, Momentum, Float32, floatLayers(toyNet(kernels.Pow2x4, kernels.U4), 0, 3)},
		{"sign", DST, SGD, None, floatLayers(toyNet(kernels.Ternary, kernels.Sign), 0, 1, 3)},
		{"all", STE, Adam, Float32, floatLayers(toyNet(kernels.Ternary, kernels.U8), 0, 1, 2, 3)},
		{"residual", DST, Adam, Float32, floatLayers(residualNet(kernels.Ternary, kernels.U3, false), 0, 4, 8)},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := toyConfig(c.method)
			cfg.Optimizer, cfg.State = c.optimizer, c.state
			if c.optimizer == SGD {
				cfg.LR = 0.3
			}
			start := func(workers int) *Trainer {
				tr, err := New(c.net, cfg, toy(900), workers)
				if err != nil {
					t.Fatal(err)
				}
				return tr
			}
			tr := start(2)
			runAll(t, tr)
			if _, accuracy := tr.Evaluate(images); accuracy < 0.7 {
				t.Errorf("accuracy is %v: want at least 0.7", accuracy)
			}

			again := start(1)
			run(t, again, 25)
			path := filepath.Join(t.TempDir(), "c")
			if err := again.Save(path); err != nil {
				t.Fatal(err)
			}
			cp, err := ReadCheckpoint(path)
			if err != nil {
				t.Fatal(err)
			}
			if again, err = cp.Resume(toy(900), 3); err != nil {
				t.Fatal(err)
			}
			runAll(t, again)
			if !bytes.Equal(state(t, again), state(t, tr)) {
				t.Error("with other threads, stopped and resumed, it reaches other bits")
			}

			net := tr.Export()
			plan, err := nn.Compile(net, nn.Options{})
			if err != nil {
				t.Fatal(err)
			}
			logits := make([]float32, images.N*net.Classes)
			plan.Run(logits, images.Pixels, images.N)
			done, differ, same := 0, 0, 0
			tr.evaluate(images, func(n int) {
				for i := range n {
					want := tr.layers[len(tr.layers)-1].out[i*net.Classes:][:net.Classes]
					got := logits[(done+i)*net.Classes:][:net.Classes]
					var e float64
					for j := range want {
						e = max(e, math.Abs(float64(got[j]-want[j]))/(1+math.Abs(float64(want[j]))))
					}
					if e > 1e-4 {
						differ++
					}
					if e == 0 {
						same++
					}
				}
				done += n
			})
			t.Logf("of %d images, %d have the same bits and %d other codes", images.N, same, differ)
			if differ > images.N/100 {
				t.Errorf("%d of %d images have other logits than in training", differ, images.N)
			}
		})
	}
}

// Layers of several formats learn, and are exported exactly.
func TestMixedFormats(t *testing.T) {
	net := residualNet(kernels.Ternary, kernels.U2, true)
	b := net.Blocks
	b[0].Weights, b[3].Weights, b[8].Weights = kernels.Pow2x4, kernels.Binary, kernels.Int8
	b[5].OutAct, b[6].InAct = kernels.U4, kernels.U4
	testExport(t, net, DST)
}

// Layers of float32 weights take those of a float run as they are.
func TestFloatLayersInit(t *testing.T) {
	c := toyConfig(Float)
	float := newToy(t, kernels.Float32, kernels.F32, c, 2)
	runAll(t, float)
	_, want := float.Evaluate(float.val)
	for _, method := range []string{DST, PTQ} {
		c := toyConfig(method)
		c.Calibration = 100
		if method == PTQ {
			c = Default(PTQ)
			c.Batch, c.Validation, c.Calibration = 40, 100, 100
		}
		tr, err := New(floatLayers(toyNet(kernels.Int8, kernels.U8), 0, 3), c, toy(900), 2)
		if err != nil {
			t.Fatal(err)
		}
		if err := tr.InitFrom(float); err != nil {
			t.Fatal(err)
		}
		for _, i := range []int{0, 3} {
			for j, w := range float.layers[i].weight.value {
				if got := tr.layers[i].weight.value[j]; got != w {
					t.Fatalf("%s: weight %d of layer %d is %v: want %v", method, j, i, got, w)
				}
			}
		}
		if _, accuracy := tr.Evaluate(tr.val); accuracy < want-0.05 {
			t.Errorf("%s: accuracy is %v: want about the float network's, %v", method, accuracy, want)
		}
	}
}
