package train

import (
	"bytes"
	"strings"
	"testing"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/quant"
)

// First weights from a float run are its weights rounded, and better than none.
func TestInitFrom(t *testing.T) {
	c := toyConfig(Float)
	c.Epochs = 12
	float := newToy(t, kernels.Float32, kernels.F32, c, 2)
	runAll(t, float)
	for _, method := range []string{DST, STE} {
		c = toyConfig(method)
		c.Epochs = 1
		tr := newToy(t, kernels.Pow2x4, kernels.U4, c, 2)
		if err := tr.InitFrom(float); err != nil {
			t.Fatal(err)
		}
		l, f := tr.layers[1], float.layers[1]
		got := make([]float32, len(l.weight.grad))
		copy(got, tr.values(l))
		for o := range l.Out {
			// Rounded to the pow2 grid, a weight is within a third of itself
			// unless it is below the least level.
			scale := fit(l.grid, f.weight.value[o*l.k:][:l.k])
			for k := range l.k {
				w, v := f.weight.value[o*l.k+k], got[o*l.k+k]*scale
				if e := abs(w - v); e > abs(w)/2.9 && e > scale/1.9 && abs(w) < 60*scale {
					t.Errorf("%s: weight %v became %v", method, w, v)
				}
			}
		}
		runAll(t, tr)
		h := tr.History()
		scratch := newToy(t, kernels.Pow2x4, kernels.U4, c, 2)
		runAll(t, scratch)
		if s := scratch.History()[0].ValidationLoss; h[0].ValidationLoss >= s {
			t.Errorf("%s: loss %v after an epoch from float, %v from scratch", method, h[0].ValidationLoss, s)
		}
		if err := tr.InitFrom(float); err == nil || !strings.Contains(err.Error(), "step") {
			t.Errorf("error of InitFrom on a run at work: %v", err)
		}
	}
	// A run goes on from another of its kind, with the same network at first.
	c = toyConfig(DST)
	first, second := newToy(t, kernels.Pow2x4, kernels.U4, c, 2), newToy(t, kernels.Pow2x4, kernels.U4, c, 2)
	runAll(t, first)
	if err := second.InitFrom(first); err != nil {
		t.Fatal(err)
	}
	if a, b := first.appendParameters(nil), second.appendParameters(nil); !bytes.Equal(a, b) {
		t.Error("going on from another run changes the network")
	}
	if err := newToy(t, kernels.Pow2x3, kernels.U4, c, 2).InitFrom(first); err == nil {
		t.Error("no error for pow2:3 from pow2:4")
	}
	other := toyNet(kernels.Ternary, kernels.U2)
	other.Blocks[0].Out, other.Blocks[1].In.C = 8, 8
	tr, err := New(other, toyConfig(DST), toy(900), 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.InitFrom(float); err == nil || !strings.Contains(err.Error(), "shape") {
		t.Errorf("error for another shape: %v", err)
	}
}

func abs(x float32) float32 { return max(x, -x) }

func TestFit(t *testing.T) {
	g := quant.NewGrid(kernels.Ternary)
	if s := fit(g, []float32{-0.5, 0.5, 0, 0.5}); abs(s-0.5) > 0.02 {
		t.Errorf("scale %v: want 0.5", s)
	}
	if s := fit(g, make([]float32, 4)); s != 1 {
		t.Errorf("scale of zeros %v: want 1", s)
	}
}

// A learned step moves, and stays a step.
func TestLearnStep(t *testing.T) {
	c := toyConfig(DST)
	c.LearnStep = true
	tr := newToy(t, kernels.Ternary, kernels.U2, c, 2)
	before := tr.layers[0].step.value[0]
	runAll(t, tr)
	if s := tr.layers[0].step.value[0]; s == before || !(s > 0) {
		t.Errorf("step went from %v to %v", before, s)
	}
	last := tr.layers[len(tr.layers)-1]
	if s := last.step.value[0]; s != 1 {
		t.Errorf("the logits' step is %v: want 1", s)
	}
}

func TestBeta1(t *testing.T) {
	c := Config{Schedule: "cosine", Warmup: 0.1, Beta1: 0.9, Beta1End: 0.999}
	if b := c.beta1(50, 1000); b != 0.9 {
		t.Errorf("beta1 is %v in the warm-up: want 0.9", b)
	}
	last := float32(0)
	for i := 100; i < 1000; i++ {
		b := c.beta1(i, 1000)
		if b < last || b < 0.9 || b > 0.999 {
			t.Fatalf("beta1 is %v at step %d after %v", b, i, last)
		}
		last = b
	}
	if last < 0.998 {
		t.Errorf("beta1 ends at %v: want 0.999", last)
	}
}
