package train

import (
	"bytes"
	"path/filepath"
	"testing"

	"example.com/lowbit/kernels"
)

// With moments of 8 bits, runs learn as well, hold a quarter of the bytes, and
// are as reproducible.
func TestEightBitState(t *testing.T) {
	for _, f := range []struct {
		method, optimizer string
		lr                float32
		w                 kernels.WeightFormat
		a                 kernels.ActFormat
	}{
		{Float, Adam, 0.01, kernels.Float32, kernels.F32},
		{Float, Momentum, 0.05, kernels.Float32, kernels.F32},
		{STE, Adam, 0.02, kernels.Ternary, kernels.U2},
		{DST, Adam, 0.02, kernels.Pow2x4, kernels.U4},
		{DST, Momentum, 0.05, kernels.Pow2x3, kernels.U3},
	} {
		c := toyConfig(f.method)
		c.Optimizer, c.LR, c.Epochs = f.optimizer, f.lr, 12
		full := newToy(t, f.w, f.a, c, 1).Memory()
		c.State = Eight
		tr := newToy(t, f.w, f.a, c, 1)
		if m := tr.Memory(); m.Optimizer > full.Optimizer/2 || m.Weights != full.Weights {
			t.Errorf("%s, %s: %d bytes of optimizer state: want less than half of %d", f.method, f.optimizer, m.Optimizer, full.Optimizer)
		}
		moments := 1
		if f.optimizer == Adam {
			moments = 2
		}
		p := tr.layers[1].weight
		if got, want := p.momentBytes(), moments*(len(p.grad)+2*blocks(len(p.grad), 256)); got != want {
			t.Errorf("%s, %s: moments of a layer take %d bytes: want %d", f.method, f.optimizer, got, want)
		}
		runAll(t, tr)
		h := tr.History()
		if got := h[len(h)-1].ValidationAccuracy; got < 0.8 {
			t.Errorf("%s, %s: validation accuracy is %v: want 0.8", f.method, f.optimizer, got)
		}
		path := filepath.Join(t.TempDir(), "c")
		again := newToy(t, f.w, f.a, c, 3)
		run(t, again, 33)
		if err := again.Save(path); err != nil {
			t.Fatal(err)
		}
		cp, err := ReadCheckpoint(path)
		if err != nil {
			t.Fatal(err)
		}
		if again, err = cp.Resume(toy(900), 2); err != nil {
			t.Fatal(err)
		}
		runAll(t, again)
		if !bytes.Equal(state(t, again), state(t, tr)) {
			t.Errorf("%s, %s: stopped and resumed with other threads, it reaches other bits", f.method, f.optimizer)
		}
	}
}
