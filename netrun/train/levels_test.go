package train

import (
	"testing"

	"example.com/lowbit/kernels"
)

// TestLevels counts the weights by hand beside what the history and Levels say.
func TestLevels(t *testing.T) {
	for _, method := range []string{DST, STE} {
		cfg := toyConfig(method)
		cfg.Epochs, cfg.Schedule, cfg.LR = 1, "constant", 0.2
		r := newToy(t, kernels.Ternary, kernels.U2, cfg, 2)
		var before [][]uint8
		for !r.Done() {
			before = r.snapshot()
			if _, err := r.Step(); err != nil {
				t.Fatal(err)
			}
		}
		e := r.History()[0]
		var count, moved [3]int
		all, changed := 0, 0
		for i, l := range r.all {
			for j, s := range l.indices() {
				count[s]++
				if all++; before[i][j] != s {
					moved[before[i][j]]++
					changed++
				}
			}
		}
		got := e.Levels["ternary"]
		if len(e.Levels) != 1 || got == nil || [3]int(got.Count) != count || [3]int(got.Moved) != moved {
			t.Errorf("%s: levels %+v: want %v, moved %v", method, got, count, moved)
		}
		if want := float64(changed) / float64(all); e.Moved != want || changed == 0 {
			t.Errorf("%s: moved %v: want %v, not 0", method, e.Moved, want)
		}
		number, zeros := 0, 0
		for _, l := range r.Levels() {
			number += l.Number
			zeros += l.Zeros
			if l.Count[1] != l.Zeros || l.Weights != "ternary" {
				t.Errorf("%s: layer %+v: want as many zeros as weights on the middle level", method, l)
			}
		}
		if number != all || zeros != count[1] {
			t.Errorf("%s: %d weights, %d zeros in layers: want %d, %d", method, number, zeros, all, count[1])
		}
	}
}
