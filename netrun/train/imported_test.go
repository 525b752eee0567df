package train

import (
	"math"
	"testing"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/nn"
)

// TestFromFloat: a float network alone does as well as the run that it was exported
// from: it computes the same, and rounded it loses as little.
func TestFromFloat(t *testing.T) {
	for name, shape := range map[string]func(kernels.WeightFormat, kernels.ActFormat) *nn.Network{
		"chain":    toyNet,
		"residual": func(w kernels.WeightFormat, a kernels.ActFormat) *nn.Network { return residualNet(w, a, false) },
	} {
		c := toyConfig(Float)
		c.Epochs = 10
		float, err := New(shape(kernels.Float32, kernels.F32), c, toy(900), 2)
		if err != nil {
			t.Fatal(err)
		}
		runAll(t, float)
		ptq := Default(PTQ)
		ptq.Batch, ptq.Validation, ptq.Calibration = 40, 100, 500
		again, err := FromFloat(float.Export(), ptq, toy(900), 2)
		if err != nil {
			t.Fatal(err)
		}
		want, _ := float.Evaluate(float.val)
		if got, _ := again.Evaluate(float.val); !(math.Abs(got-want) < 1e-3*want+1e-4) {
			t.Errorf("%s: loss %v: want %v, the run's", name, got, want)
		}
		var accuracy [2]float64
		for i, from := range []*Trainer{float, again} {
			tr, err := New(shape(kernels.Pow2x4, kernels.U4), ptq, toy(900), 2)
			if err != nil {
				t.Fatal(err)
			}
			if err := tr.InitFrom(from); err != nil {
				t.Fatal(err)
			}
			_, accuracy[i] = tr.Evaluate(tr.val)
		}
		if accuracy[1] < accuracy[0]-0.05 {
			t.Errorf("%s, rounded: accuracy %v: want about %v, that from the run itself", name, accuracy[1], accuracy[0])
		}
	}
	net := residualNet(kernels.Float32, kernels.F32, false)
	tr, err := New(net, toyConfig(Float), toy(900), 1)
	if err != nil {
		t.Fatal(err)
	}
	net = tr.Export()
	for i := range net.Blocks {
		if net.Blocks[i].Kind == nn.Mean {
			net.Blocks[i].Scale[0] *= 2
		}
	}
	ptq := Default(PTQ)
	ptq.Batch, ptq.Validation = 40, 100
	if _, err := FromFloat(net, ptq, toy(900), 1); err == nil {
		t.Error("means times 2: no error")
	}
	net.Classes = 2
	if _, err := FromFloat(net, ptq, toy(900), 1); err == nil {
		t.Error("2 classes: no error")
	}
}
