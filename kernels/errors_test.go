package kernels

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// wantError fails the test unless the error contains all of the parts.
func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("got no error: want one with %q", parts)
		return
	}
	wantText(t, err.Error(), parts...)
}

func wantText(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range append([]string{"kernels: "}, parts...) {
		if !strings.Contains(text, p) {
			t.Errorf("got %q: want it to contain %q", text, p)
		}
	}
}

// wantPanic fails the test unless f panics with a text of all of the parts.
func wantPanic(t *testing.T, f func(), parts ...string) {
	t.Helper()
	defer func() {
		t.Helper()
		if r := recover(); r == nil {
			t.Errorf("no panic: want one with %q", parts)
		} else {
			wantText(t, fmt.Sprint(r), parts...)
		}
	}()
	f()
}

var onePixel = ConvShape{H: 1, W: 1, InC: 2, OutC: 2, KH: 1, KW: 1, StrideH: 1, StrideW: 1}

// TestWeightErrors makes every integer plan with weights that cannot be.
func TestWeightErrors(t *testing.T) {
	plans := map[string]func(w Weights, a ActFormat, opt Options) error{
		"GEMM": func(w Weights, a ActFormat, opt Options) error { _, err := NewGEMM(w, a, opt); return err },
		"GEMV": func(w Weights, a ActFormat, opt Options) error { _, err := NewGEMV(w, a, opt); return err },
		"Conv2D": func(w Weights, a ActFormat, opt Options) error {
			s := onePixel
			s.OutC, s.InC = w.N, w.K
			_, err := NewConv2D(w, s, a, opt)
			return err
		},
	}
	for name, plan := range plans {
		t.Run(name, func(t *testing.T) {
			good := Weights{Ternary, 2, 2, []int8{0, 1, -1, 0}}
			if err := plan(good, U2, Options{}); err != nil {
				t.Errorf("good weights: %v", err)
			}
			wantError(t, plan(Weights{Ternary, 2, 2, []int8{0, 1, 2, 0}}, U2, Options{}), "weight [1][0] is 2", "ternary", "[-1 0 1]")
			wantError(t, plan(Weights{Binary, 1, 3, []int8{1, 1, 0}}, U2, Options{}), "weight [0][2] is 0", "binary", "[-1 1]")
			wantError(t, plan(Weights{Pow2x3, 1, 1, []int8{3}}, U2, Options{}), "weight [0][0] is 3", "pow2:3")
			wantError(t, plan(Weights{Pow2x4, 1, 1, []int8{-127}}, U2, Options{}), "is -127", "pow2:4")
			wantError(t, plan(Weights{Int8, 1, 2, []int8{0, -128}}, U2, Options{}), "weight [0][1] is -128", "int8", "127")
			wantError(t, plan(Weights{Ternary, 2, 2, []int8{0, 1, 1}}, U2, Options{}), "3 weight values", "2x2")
			wantError(t, plan(Weights{Ternary, 2, 2, make([]int8, 5)}, U2, Options{}), "5 weight values", "2x2")
			if name != "Conv2D" {
				wantError(t, plan(Weights{Ternary, 0, 2, nil}, U2, Options{}), "0x2")
				wantError(t, plan(Weights{Ternary, -1, 2, nil}, U2, Options{}), "-1x2")
				wantError(t, plan(Weights{Ternary, 2, 0, nil}, U2, Options{}), "2x0")
				wantError(t, plan(Weights{Ternary, math.MaxInt/2 + 1, 4, nil}, U2, Options{}), "0 weight values")
			}
			wantError(t, plan(Weights{NoWeights, 2, 2, good.Values}, U2, Options{}), "weight format", "WeightFormat(0)")
			wantError(t, plan(Weights{Float32, 2, 2, good.Values}, U2, Options{}), "weight format float32", "integer")
			wantError(t, plan(Weights{99, 2, 2, good.Values}, U2, Options{}), "WeightFormat(99)")
			wantError(t, plan(good, NoActs, Options{}), "activation format", "ActFormat(0)")
			wantError(t, plan(good, F32, Options{}), "activation format float32", "integer")
			wantError(t, plan(good, 77, Options{}), "ActFormat(77)")
			wantError(t, plan(good, U2, Options{Threads: -1}), "Threads is -1", "0 or more")
			if name != "GEMV" { // which has one row, whatever it is told
				wantError(t, plan(good, U2, Options{Rows: -1}), "Rows is -1", "0 or more")
			}
		})
	}
	_, err := NewDot(Weights{Ternary, 2, 2, make([]int8, 4)}, U2)
	wantError(t, err, "2x2", "N = 1")
	_, err = NewDot(Weights{Ternary, 1, 2, []int8{1, 2}}, U2)
	wantError(t, err, "weight [0][1] is 2")
	_, err = NewDot(Weights{Ternary, 1, 2, []int8{1, 1}}, F32)
	wantError(t, err, "float32")
	_, err = NewDot(weights(random(t), Int8, allMax, 1, 70_000), U8)
	wantError(t, err, "range of int32")
}

func TestFloat32Errors(t *testing.T) {
	for _, s := range [][3]int{{3, 2, 2}, {5, 2, 2}, {0, 0, 1}, {0, 1, 0}, {4, -2, -2}, {0, math.MaxInt/2 + 1, 4}} {
		_, err := NewGEMMFloat32(make([]float32, s[0]), s[1], s[2], Options{})
		wantError(t, err, fmt.Sprintf("%d float32 weights", s[0]), fmt.Sprintf("%dx%d", s[1], s[2]))
	}
	_, err := NewGEMMFloat32(make([]float32, 4), 2, 2, Options{Threads: -3})
	wantError(t, err, "Threads is -3")
	_, err = NewConv2DFloat32(make([]float32, 3), onePixel, Options{})
	wantError(t, err, "3 float32 weights", "2x2")
}

// TestLengthPanics runs plans on slices of the wrong length: the panic must
// name the lengths and what they should be, and nothing may be written.
func TestLengthPanics(t *testing.T) {
	w := Weights{Ternary, 3, 5, make([]int8, 15)}
	g, err := NewGEMM(w, U2, Options{})
	if err != nil {
		t.Fatal(err)
	}
	wantPanic(t, func() { g.Run(make([]int32, 6), make([]uint8, 9), 2) }, "GEMM.Run", "m = 2", "len(x) = 9", "len(dst) = 6", "2*5 = 10", "2*3 = 6")
	wantPanic(t, func() { g.Run(make([]int32, 5), make([]uint8, 10), 2) }, "len(dst) = 5", "2*3 = 6")
	wantPanic(t, func() { g.Run(make([]int32, 7), make([]uint8, 10), 2) }, "len(dst) = 7")
	wantPanic(t, func() { g.Run(nil, nil, -1) }, "m = -1")
	wantPanic(t, func() { g.Run(make([]int32, 3), make([]uint8, 5), math.MaxInt/2+1) }, "len(x) = 5")
	v, err := NewGEMV(w, U2, Options{})
	if err != nil {
		t.Fatal(err)
	}
	wantPanic(t, func() { v.Run(make([]int32, 3), make([]uint8, 4)) }, "len(x) = 4", "1*5 = 5")
	d, err := NewDot(Weights{Ternary, 1, 5, make([]int8, 5)}, U2)
	if err != nil {
		t.Fatal(err)
	}
	wantPanic(t, func() { d.Run(make([]uint8, 6)) }, "Dot.Run", "len(x) = 6", "want 5")
	wantPanic(t, func() { d.RunBits(make([]uint64, 1)) }, "RunBits", "ternary", "u2")
	b, err := NewDot(Weights{Binary, 1, 2, []int8{1, -1}}, Sign)
	if err != nil {
		t.Fatal(err)
	}
	wantPanic(t, func() { b.RunBits(make([]uint64, 2)) }, "RunBits", "len(x) = 2", "want 1")
	wantPanic(t, func() { PackSigns(make([]uint64, 1), make([]uint8, 65)) }, "PackSigns", "len(dst) = 1", "want 2")
	wantPanic(t, func() { DotBinary(make([]uint64, 1), make([]uint64, 2), 64) }, "DotBinary", "k = 64", "len(x) = 1", "len(y) = 2")
	wantPanic(t, func() { DotBinary(nil, nil, -1) }, "DotBinary", "k = -1")
	wantPanic(t, func() { DotFloat32(make([]float32, 1), make([]float32, 2)) }, "DotFloat32", "len(y) = 2", "want 1")

	c, err := NewConv2D(Weights{Ternary, 2, 2, make([]int8, 4)}, onePixel, U2, Options{})
	if err != nil {
		t.Fatal(err)
	}
	wantPanic(t, func() { c.Run(make([]int32, 6), make([]uint8, 5), 3) }, "Conv2D.Run", "images = 3", "len(x) = 5", "len(dst) = 6", "3*2 = 6")
	wantPanic(t, func() { c.Run(nil, nil, -1) }, "images = -1")
	cf, err := NewConv2DFloat32(make([]float32, 4), onePixel, Options{})
	if err != nil {
		t.Fatal(err)
	}
	wantPanic(t, func() { cf.Run(make([]float32, 6), make([]float32, 5), 3) }, "Conv2DFloat32.Run", "images = 3", "len(x) = 5", "3*2 = 6")
	gf, err := NewGEMMFloat32(make([]float32, 15), 3, 5, Options{})
	if err != nil {
		t.Fatal(err)
	}
	wantPanic(t, func() { gf.Run(make([]float32, 6), make([]float32, 9), 2) }, "GEMMFloat32.Run", "len(x) = 9", "2*5 = 10")
}

// TestHugeCounts has counts whose products with a size wrap round to the
// lengths that the slices have.
func TestHugeCounts(t *testing.T) {
	const huge = math.MaxInt/4 + 1 // times 8 it is 0
	g, err := NewGEMM(Weights{Ternary, 8, 8, make([]int8, 64)}, U2, Options{})
	if err != nil {
		t.Fatal(err)
	}
	wantPanic(t, func() { g.Run(nil, nil, huge) }, "GEMM.Run", fmt.Sprint("m = ", huge))
	gf, err := NewGEMMFloat32(make([]float32, 64), 8, 8, Options{})
	if err != nil {
		t.Fatal(err)
	}
	wantPanic(t, func() { gf.Run(nil, nil, huge) }, "GEMMFloat32.Run", fmt.Sprint("m = ", huge))
	s := ConvShape{H: 1, W: 1, InC: 8, OutC: 8, KH: 1, KW: 1, StrideH: 1, StrideW: 1}
	c, err := NewConv2D(Weights{Ternary, 8, 8, make([]int8, 64)}, s, U2, Options{})
	if err != nil {
		t.Fatal(err)
	}
	wantPanic(t, func() { c.Run(nil, nil, huge) }, "Conv2D.Run", fmt.Sprint("images = ", huge))
	cf, err := NewConv2DFloat32(make([]float32, 64), s, Options{})
	if err != nil {
		t.Fatal(err)
	}
	wantPanic(t, func() { cf.Run(nil, nil, huge) }, "Conv2DFloat32.Run", fmt.Sprint("images = ", huge))
	wantPanic(t, func() { MaxPool[int32](nil, nil, PoolShape{H: 1, W: 1, C: 8, Window: 1, Stride: 1}, huge) }, "MaxPool", fmt.Sprint("images = ", huge))
}

func TestMatMulPanics(t *testing.T) {
	x := make([]float32, 6)
	wantPanic(t, func() { MatMul(RowMajor(x, 2, 2), RowMajor(x, 2, 3), RowMajor(x, 2, 3), false) }, "2x2", "2x3", "MxK")
	wantPanic(t, func() { MatMul(RowMajor(x, 3, 2), RowMajor(x, 2, 3), RowMajor(x, 3, 2), false) }, "3x2")
	wantPanic(t, func() { MatMul(RowMajor(x, 2, 2).T(), RowMajor(x, 2, 3), RowMajor(x, 3, 2), false) }, "column stride 2")
	wantPanic(t, func() { MatMul(RowMajor(x, 2, 2), RowMajor(x[:5], 2, 3), RowMajor(x, 3, 2), false) }, "a is 2x3", "5 elements", "want at least")
	wantPanic(t, func() { MatMul(RowMajor(x, 2, 2), RowMajor(x, 2, 3), RowMajor(x[:5], 3, 2), false) }, "b is 3x2", "5 elements")
	wantPanic(t, func() { MatMul(RowMajor(x[:3], 2, 2), RowMajor(x, 2, 3), RowMajor(x, 3, 2), false) }, "c is 2x2", "3 elements")
	wantPanic(t, func() {
		MatMul(RowMajor(x, 2, 2), Matrix{Data: x, Rows: 2, Cols: 3, RowStride: -3, ColStride: 1}, RowMajor(x, 3, 2), false)
	}, "a is 2x3", "-3", "none negative")
	wantPanic(t, func() {
		MatMul(RowMajor(x, 2, 2), Matrix{Data: x, Rows: 2, Cols: 3, RowStride: math.MaxInt/2 + 1, ColStride: math.MaxInt/2 + 1}, RowMajor(x, 3, 2), false)
	}, "a is 2x3")
	wantPanic(t, func() {
		MatMul(Matrix{Data: x, Rows: math.MaxInt/2 + 1, Cols: 2, RowStride: 4, ColStride: 1}, RowMajor(x, 2, 3), RowMajor(x, 3, 2), false)
	}, fmt.Sprintf("c is %dx2", math.MaxInt/2+1))
}

func TestEpilogueErrors(t *testing.T) {
	for _, c := range []struct {
		thresholds [][]int32
		negate     []bool
		parts      []string
	}{
		{nil, nil, []string{"no channels"}},
		{[][]int32{{}}, nil, []string{"0 thresholds", "1 to 255"}},
		{[][]int32{make([]int32, 256)}, nil, []string{"256 thresholds", "1 to 255"}},
		{[][]int32{{1}, {1, 2}}, nil, []string{"channel 1 has 2", "want 1"}},
		{[][]int32{{1}, {1}}, []bool{true}, []string{"len(negate) = 1", "2 channels"}},
	} {
		_, err := NewThresholds(c.thresholds, c.negate)
		wantError(t, err, c.parts...)
	}
	_, err := NewRequantize(nil, nil, 0, 1)
	wantError(t, err, "len(mul) = 0")
	_, err = NewRequantize(make([]int32, 2), make([]int64, 3), 0, 1)
	wantError(t, err, "len(mul) = 2", "len(add) = 3")
	_, err = NewRequantize(make([]int32, 1), make([]int64, 1), 63, 1)
	wantError(t, err, "shift is 63", "0 to 62")
	for _, add := range []int64{1<<62 + 1, -1<<62 - 1, -1 << 63} {
		_, err = NewRequantize([]int32{0, 1}, []int64{0, add}, 0, 1)
		wantError(t, err, "add[1]", fmt.Sprint(add))
	}
	_, err = NewRequantize([]int32{-1 << 31}, []int64{1 << 62}, 0, 1) // times -1<<31 is 1<<63
	wantError(t, err, "add[0]")

	th, err := NewThresholds([][]int32{{1}, {2}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	wantPanic(t, func() { th.Run(make([]uint8, 3), make([]int32, 3)) }, "Thresholds.Run", "3", "2 channels")
	wantPanic(t, func() { th.Run(make([]uint8, 2), make([]int32, 4)) }, "Thresholds.Run", "2 and 4")
	wantPanic(t, func() { th.RunInt16(make([]uint8, 3), make([]int16, 3)) }, "Thresholds.RunInt16", "3", "2 channels")
	q, err := NewRequantize([]int32{1, 1}, []int64{0, 0}, 1, 3)
	if err != nil {
		t.Fatal(err)
	}
	wantPanic(t, func() { q.Run(make([]uint8, 4), make([]int32, 2)) }, "Requantize.Run", "4 and 2")
	wantPanic(t, func() { Affine(make([]float32, 4), make([]float32, 2), make([]float32, 1), true) }, "Affine", "len(bias) = 1", "want 2")
	wantPanic(t, func() { Affine(make([]float32, 3), make([]float32, 2), make([]float32, 2), true) }, "Affine", "3")
	wantPanic(t, func() { Affine(nil, nil, nil, true) }, "Affine", "0 channels")
	wantPanic(t, func() { ChannelSums(make([]int32, 2), make([]uint8, 3)) }, "ChannelSums", "3", "2 channels")
	wantPanic(t, func() { ChannelSumsFloat32(nil, nil) }, "ChannelSumsFloat32", "0 channels")
}

func TestResidualErrors(t *testing.T) {
	two, three := make([]float32, 2), make([]float32, 3)
	for _, c := range []struct {
		p     ResidualParameters
		parts []string
	}{
		{ResidualParameters{}, []string{"len(Scale) = 0"}},
		{ResidualParameters{Scale: two, Bias: three}, []string{"len(Scale) = 2", "len(Bias) = 3"}},
		{ResidualParameters{Scale: two, Bias: two, ProjectScale: three, ProjectBias: three}, []string{"len(ProjectScale) = 3", "want 2"}},
		{ResidualParameters{Scale: two, Bias: two, ProjectScale: two}, []string{"len(ProjectScale) = 2", "len(ProjectBias) = 0"}},
	} {
		_, err := NewResidual(c.p)
		wantError(t, err, c.parts...)
	}
	_, err := NewAffineCodes(two, three, 1)
	wantError(t, err, "NewAffineCodes", "len(bias) = 3")

	r, err := NewResidual(ResidualParameters{Scale: two, Bias: two, Top: 1})
	if err != nil {
		t.Fatal(err)
	}
	b2, b4, s4 := make([]uint8, 2), make([]uint8, 4), make([]int16, 4)
	wantPanic(t, func() { r.RunInt16(b2, nil, s4, nil, nil) }, "Residual", "2 and 4")
	wantPanic(t, func() { r.RunInt16(b4[:3], nil, s4[:3], nil, nil) }, "Residual", "2 channels")
	wantPanic(t, func() { r.RunInt16(b4, b2, s4, nil, nil) }, "len(stream) = 2", "want 4")
	wantPanic(t, func() { r.RunInt16(b4, nil, s4, b2, nil) }, "len(codes) = 2", "want 4")
	wantPanic(t, func() { r.RunInt16(b4, nil, s4, nil, s4[:2]) }, "len(projected) = 2", "want 4")
	wantPanic(t, func() { r.RunInt16(b4, nil, s4, nil, s4) }, "len(ProjectScale) = 0", "want 2")
}

func TestPoolErrors(t *testing.T) {
	good := PoolShape{H: 4, W: 4, C: 2, Window: 2, Stride: 2}
	for want, spoil := range map[string]func(s *PoolShape){
		"H is 0": func(s *PoolShape) { s.H = 0 }, "W is -1": func(s *PoolShape) { s.W = -1 }, "C is 0": func(s *PoolShape) { s.C = 0 },
		"Window is 0": func(s *PoolShape) { s.Window = 0 }, "Stride is 0": func(s *PoolShape) { s.Stride = 0 }, "window 5 on 4x4": func(s *PoolShape) { s.Window = 5 },
		fmt.Sprint("H is ", math.MaxInt): func(s *PoolShape) { s.H = math.MaxInt },
	} {
		s := good
		spoil(&s)
		wantError(t, s.Check(), want)
		wantPanic(t, func() { MaxPool(make([]int32, 8), make([]int32, 32), s, 1) }, want)
	}
	wantPanic(t, func() { MaxPool(make([]int32, 8), make([]int32, 31), good, 1) }, "MaxPool", "len(x) = 31", "1*32 = 32")
	wantPanic(t, func() { MaxPool(make([]int32, 7), make([]int32, 32), good, 1) }, "len(dst) = 7", "1*8 = 8")
	wantPanic(t, func() { MaxPool[int32](nil, nil, good, -1) }, "images = -1")
}

func TestCheckActs(t *testing.T) {
	for _, a := range ActFormats() {
		if a == F32 {
			continue
		}
		if err := CheckActs(a, codes(a)); err != nil {
			t.Errorf("%v: %v", a, err)
		}
		if a.Max() < 255 {
			wantError(t, CheckActs(a, []uint8{0, uint8(a.Max()), uint8(a.Max()) + 1}), "code 2 is", a.String())
		}
	}
	wantError(t, CheckActs(F32, nil), "float32")
	wantError(t, CheckActs(NoActs, nil), "ActFormat(0)")
}
