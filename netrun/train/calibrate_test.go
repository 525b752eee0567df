package train

import (
	"bytes"
	"testing"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/nn"
)

// Rounding a trained float network loses little at many levels, more at few, and
// takes the same bits with any number of threads.
func TestQuantize(t *testing.T) {
	for name, shape := range map[string]func(kernels.WeightFormat, kernels.ActFormat) *nn.Network{
		"chain":    toyNet,
		"residual": func(w kernels.WeightFormat, a kernels.ActFormat) *nn.Network { return residualNet(w, a, false) },
	} {
		c := toyConfig(Float)
		c.Epochs = 15
		float, err := New(shape(kernels.Float32, kernels.F32), c, toy(900), 2)
		if err != nil {
			t.Fatal(err)
		}
		runAll(t, float)
		loss, accuracy := float.Evaluate(float.val)
		for _, f := range []struct {
			w     kernels.WeightFormat
			a     kernels.ActFormat
			least float64 // of the accuracy to float's
		}{{kernels.Int8, kernels.U8, -0.02}, {kernels.Pow2x4, kernels.U4, -0.15}, {kernels.Ternary, kernels.U2, -0.6}, {kernels.Binary, kernels.Sign, -0.8}} {
			c := Default(PTQ)
			c.Batch, c.Validation, c.Calibration = 40, 100, 500
			var first []byte
			for _, workers := range []int{1, 3} {
				tr, err := New(shape(f.w, f.a), c, toy(900), workers)
				if err != nil {
					t.Fatal(err)
				}
				if err := tr.InitFrom(float); err != nil {
					t.Fatal(err)
				}
				if !tr.Done() {
					t.Error("ptq has steps left")
				}
				if s := state(t, tr); first == nil {
					first = s
				} else if !bytes.Equal(first, s) {
					t.Errorf("%s, %v: %d threads give other bits", name, f.w, workers)
				}
				l, a := tr.Evaluate(tr.val)
				if a < accuracy+f.least {
					t.Errorf("%s, %v/%v: accuracy %v: want %v of float's %v", name, f.w, f.a, a, f.least, accuracy)
				}
				if f.w == kernels.Int8 && abs(float32(l-loss)) > 0.1*float32(loss)+0.02 {
					t.Errorf("%s, int8: loss %v, float's is %v: the logits' scale is lost", name, l, loss)
				}
				if net := tr.Export(); net.Method != PTQ || net.Check() != nil {
					t.Errorf("%s, %v: exported by %q: %v", name, f.w, net.Method, net.Check())
				}
			}
		}
		// Training may start from there, too.
		var losses [2]float64
		for i, calibration := range []int{0, 500} {
			c := toyConfig(DST)
			c.Calibration = calibration
			tr, err := New(shape(kernels.Ternary, kernels.U2), c, toy(900), 1)
			if err != nil {
				t.Fatal(err)
			}
			if err := tr.InitFrom(float); err != nil {
				t.Fatal(err)
			}
			losses[i], _ = tr.Evaluate(tr.val)
			run(t, tr, 3)
		}
		if losses[1] >= losses[0] {
			t.Errorf("%s: first loss is %v calibrated, %v otherwise", name, losses[1], losses[0])
		}
	}
}
