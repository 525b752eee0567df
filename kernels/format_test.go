package kernels

import (
	"slices"
	"testing"
)

func TestWeightFormats(t *testing.T) {
	want := map[WeightFormat]struct {
		name   string
		bits   int
		levels []int8
	}{
		Binary:  {"binary", 1, []int8{-1, 1}},
		Ternary: {"ternary", 2, []int8{-1, 0, 1}},
		Pow2x3:  {"pow2:3", 3, []int8{-4, -2, -1, 0, 1, 2, 4}},
		Pow2x4:  {"pow2:4", 4, []int8{-64, -32, -16, -8, -4, -2, -1, 0, 1, 2, 4, 8, 16, 32, 64}},
		Int8:    {"int8", 8, nil},
		Float32: {"float32", 32, nil},
	}
	if len(WeightFormats()) != len(want) {
		t.Errorf("formats are %v", WeightFormats())
	}
	for _, f := range WeightFormats() {
		w := want[f]
		if f.String() != w.name || f.Bits() != w.bits {
			t.Errorf("%v has %d bits: want %s with %d", f, f.Bits(), w.name, w.bits)
		}
		if got, err := ParseWeightFormat(w.name); err != nil || got != f {
			t.Errorf("parsing %q: got %v, %v", w.name, got, err)
		}
		if f != Int8 && !slices.Equal(f.Levels(), w.levels) {
			t.Errorf("levels of %v: got %v, want %v", f, f.Levels(), w.levels)
		}
	}
	if l := Int8.Levels(); len(l) != 255 || l[0] != -127 || l[254] != 127 || !slices.IsSorted(l) {
		t.Errorf("levels of int8: %v", l)
	}
	_, err := ParseWeightFormat("int4")
	wantError(t, err, `"int4"`, "ternary")
	_, err = ParseWeightFormat("")
	wantError(t, err, `""`)
}

func TestActFormats(t *testing.T) {
	want := map[ActFormat]struct {
		name      string
		bits, max int
	}{
		Sign: {"sign", 1, 1}, U1: {"u1", 1, 1}, U2: {"u2", 2, 3}, U3: {"u3", 3, 7}, U4: {"u4", 4, 15}, U8: {"u8", 8, 255}, S8: {"s8", 8, 255}, F32: {"float32", 32, 0},
	}
	if len(ActFormats()) != len(want) {
		t.Errorf("formats are %v", ActFormats())
	}
	for _, a := range ActFormats() {
		w := want[a]
		if a.String() != w.name || a.Bits() != w.bits || a.Max() != w.max {
			t.Errorf("%v has %d bits and codes to %d: want %v", a, a.Bits(), a.Max(), w)
		}
		if got, err := ParseActFormat(w.name); err != nil || got != a {
			t.Errorf("parsing %q: got %v, %v", w.name, got, err)
		}
	}
	_, err := ParseActFormat("u5")
	wantError(t, err, `"u5"`, "u4")
}

// TestEveryFormatHasAKernel wants a kernel for every pair of integer formats.
func TestEveryFormatHasAKernel(t *testing.T) {
	for _, w := range WeightFormats() {
		for _, a := range ActFormats() {
			if w == Float32 || a == F32 {
				continue
			}
			if _, err := NewGEMM(weights(random(t), w, uniform, 2, 3), a, Options{}); err != nil {
				t.Errorf("%v x %v: %v", w, a, err)
			}
			if _, err := NewDot(weights(random(t), w, uniform, 1, 3), a); err != nil {
				t.Errorf("%v x %v: %v", w, a, err)
			}
		}
	}
}
