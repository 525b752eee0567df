package train

import (
	"math"
	"path/filepath"
	"strings"
	"testing"

	"example.com/lowbit/kernels"
)

// Parameters that are no numbers end a run, though codes hide them from the loss.
func TestFinite(t *testing.T) {
	nan, infinite := float32(math.NaN()), float32(math.Inf(1))
	for what, harm := range map[string]func(tr *Trainer){
		"beta":     func(tr *Trainer) { tr.layers[0].beta.value[1] = nan },
		"step":     func(tr *Trainer) { tr.layers[0].step.value[0] = infinite },
		"gamma":    func(tr *Trainer) { tr.layers[1].gamma.value[0] = -infinite },
		"variance": func(tr *Trainer) { tr.layers[0].variance[0] = nan },
	} {
		tr := newToy(t, kernels.Ternary, kernels.U2, toyConfig(DST), 1)
		_, _, perEpoch := tr.Steps()
		run(t, tr, perEpoch-1)
		harm(tr)
		path := filepath.Join(t.TempDir(), "c")
		if err := tr.Save(path); err != nil {
			t.Fatal(err)
		}
		cp, err := ReadCheckpoint(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := cp.Resume(toy(900), 1); err == nil || !strings.Contains(err.Error(), "parameter") {
			t.Errorf("%s: resuming: error is %v: want one about a parameter", what, err)
		}
		if _, err := tr.Step(); err == nil || !strings.Contains(err.Error(), "a lower learning rate may help") {
			t.Errorf("%s: error is %v: want one that speaks of the learning rate", what, err)
		}
	}
	// Numbers that make a loss that is none of the validation images alone.
	tr := newToy(t, kernels.Ternary, kernels.U2, toyConfig(DST), 1)
	_, _, perEpoch := tr.Steps()
	run(t, tr, perEpoch-1)
	last := tr.layers[len(tr.layers)-1]
	last.variance[0] = -1e30
	if _, err := tr.Step(); err == nil || !strings.Contains(err.Error(), "validation loss") {
		t.Errorf("error is %v: want one about the validation loss", err)
	}
}

// Memory is for the goroutines that can be at work, however many are asked for.
func TestManyThreads(t *testing.T) {
	few, many := newToy(t, kernels.Ternary, kernels.U2, toyConfig(DST), 1), newToy(t, kernels.Ternary, kernels.U2, toyConfig(DST), 1<<40)
	run(t, few, 2)
	run(t, many, 2)
	if string(state(t, few)) != string(state(t, many)) {
		t.Error("other bits")
	}
}
