package decoder

import (
	"math"
	"slices"
	"strings"
	"testing"

	"example.com/lowbit/kernels"
)

var small = Shape{Hidden: 48, FFN: 80, Heads: 6, KVHeads: 2, HeadDim: 8, Blocks: 1}

func stream(n int) []float32 {
	rng := splitMix(7)
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(int32(rng.next()>>32)) / (1 << 31)
	}
	return x
}

// values are the weights of a layer, by running it on unit vectors: exact, as then the
// code is 127, its inverse gain 1/127.
func values(l *linear) [][]float64 {
	w := make([][]float64, l.n)
	for i := range w {
		w[i] = make([]float64, l.k)
	}
	x, y := make([]float32, l.k), make([]float32, l.n)
	for k := range l.k {
		clear(x)
		x[k] = 1
		l.run(y, x)
		for i, v := range y {
			w[i][k] = float64(v)
		}
	}
	return w
}

// TestRun compares a block with its definition in float64, from which it may differ by
// the rounding of activations.
func TestRun(t *testing.T) {
	for _, w := range kernels.WeightFormats() {
		b, err := NewBlock(small, w, 1)
		if err != nil {
			t.Fatal(err)
		}
		x := stream(small.Hidden)
		want := reference(b, x)
		got := slices.Clone(x)
		b.Run(got)
		again := slices.Clone(x)
		b.Run(again)
		worst, size := 0.0, 0.0
		for i := range got {
			worst = max(worst, math.Abs(float64(got[i])-want[i]))
			size = max(size, math.Abs(want[i]))
		}
		limit := 0.06 * size
		if w == kernels.Float32 {
			limit = 1e-5 * size
		}
		if !(worst <= limit) {
			t.Errorf("%v: off by %g of %g: want at most %g", w, worst, size, limit)
		}
		if !slices.Equal(got, again) {
			t.Errorf("%v: a second run differs", w)
		}
		if n := testing.AllocsPerRun(3, func() { b.Run(again) }); n > 0 {
			t.Errorf("%v: a run allocates %g times", w, n)
		}
	}
}

func reference(b *Block, stream []float32) []float64 {
	s := b.shape
	apply := func(l *linear, x []float64) []float64 {
		y := make([]float64, l.n)
		for i, row := range values(l) {
			for k, w := range row {
				y[i] += w * x[k]
			}
		}
		return y
	}
	normed := func(x []float64) []float64 {
		sum := 0.0
		for _, v := range x {
			sum += v * v
		}
		y := make([]float64, len(x))
		for i, v := range x {
			y[i] = v / math.Sqrt(sum/float64(len(x))+1e-5)
		}
		return y
	}
	x := make([]float64, len(stream))
	for i, v := range stream {
		x[i] = float64(v)
	}
	qkv := apply(b.qkv, normed(x))
	var heads []float64
	for h := range s.Heads {
		from := (s.Heads + s.KVHeads + h/(s.Heads/s.KVHeads)) * s.HeadDim
		heads = append(heads, qkv[from:from+s.HeadDim]...)
	}
	for i, v := range apply(b.out, normed(heads)) {
		x[i] += v
	}
	both := apply(b.gate, normed(x))
	inner := make([]float64, s.FFN)
	for i := range inner {
		g := max(both[i], 0)
		inner[i] = g * g * both[s.FFN+i]
	}
	for i, v := range apply(b.down, normed(inner)) {
		x[i] += v
	}
	return x
}

func TestShape(t *testing.T) {
	// 2.08e9 weights in all blocks, as published: 2.4e9 less the embedding's 128256*2560.
	if got, want := BitNet2B.Weights(), 69468160; got != want {
		t.Errorf("a block of BitNet2B has %d weights: want %d", got, want)
	}
	for _, s := range []Shape{{}, {Hidden: 1 << 20, FFN: 1, Heads: 1, KVHeads: 1, HeadDim: 1, Blocks: 1}, {Hidden: 8, FFN: 8, Heads: 3, KVHeads: 2, HeadDim: 4, Blocks: 1}} {
		if _, err := NewBlock(s, kernels.Ternary, 1); err == nil || !strings.HasPrefix(err.Error(), "decoder: ") {
			t.Errorf("%+v: %v: want an error of package decoder", s, err)
		}
	}
}

// TestRandom: scales keep the outputs of a layer about as large as its inputs.
func TestRandom(t *testing.T) {
	for _, w := range kernels.WeightFormats() {
		l, err := newLinear(w, 200, 300, 3)
		if err != nil {
			t.Fatal(err)
		}
		x, y := stream(300), make([]float32, 200)
		l.run(y, x)
		in, out := kernels.DotFloat32(x, x)/300, kernels.DotFloat32(y, y)/200
		if r := out / in; !(0.7 < r && r < 1.4) {
			t.Errorf("%v: outputs have %.2f times the power of inputs: want about 1", w, r)
		}
	}
}
