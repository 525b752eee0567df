package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// Codes and streams of every kind of shortcut are those of the definition, for
// parameters of all sizes, where sums overflow and are no numbers, too.
func TestResidual(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	random := func(size float64) float32 {
		switch rng.IntN(8) {
		case 0:
			return 0
		case 1:
			return float32(math.Copysign(math.MaxFloat32, rng.Float64()-0.5))
		case 2:
			return float32(rng.NormFloat64() * math.Exp(20*rng.NormFloat64()))
		}
		return float32(rng.NormFloat64() * size)
	}
	var bounded, nans int
	for round := range 400 {
		channels, rows := 1+rng.IntN(40), 1+rng.IntN(5)
		size := []float64{1e-3, 1, 1e4, 1e30}[rng.IntN(4)]
		values := func(size float64) []float32 {
			x := make([]float32, channels)
			for i := range x {
				if x[i] = random(size); round%2 == 0 { // small, for the quick way
					x[i] = float32(rng.NormFloat64() * size)
				}
			}
			return x
		}
		b := &Block{Out: channels, Scale: values(size / 100), Bias: values(size)}
		if rng.IntN(2) == 0 {
			b.Stream, b.StreamScale = true, float32(math.Abs(float64(random(3))))
		}
		sums, projected, codes := make([]int32, rows*channels), make([]int32, rows*channels), make([]uint8, rows*channels)
		for i := range sums {
			sums[i], projected[i], codes[i] = int32(rng.IntN(2*maxSum+1)-maxSum)>>rng.IntN(24), int32(rng.IntN(2*maxSum+1)-maxSum)>>rng.IntN(24), uint8(rng.IntN(256))
		}
		kind := rng.IntN(3)
		switch kind {
		case 0:
			projected, codes = nil, nil
		case 1:
			projected = nil
			b.Skip = &Skip{Scale: float32(math.Abs(float64(random(1))))}
		case 2:
			codes = nil
			b.Skip = &Skip{Proj: &Block{Out: channels, Scale: values(size / 100), Bias: values(size)}}
		}
		r := newResidual(b, []int{1, 3, 15, 255}[rng.IntN(4)])
		if r.bounded {
			bounded++
		}
		dst := make([]uint8, len(sums))
		var stream []uint8
		if b.Stream {
			stream = make([]uint8, len(sums))
		}
		runResidual(r, dst, stream, sums, codes, projected)
		if codes != nil && stream != nil { // in place
			again := slices.Clone(codes)
			runResidual(r, make([]uint8, len(sums)), again, sums, again, nil)
			if !slices.Equal(again, stream) {
				t.Fatal("a stream in place of the one that is read differs")
			}
		}
		for i, y := range sums {
			c := i % channels
			v := float32(float32(y)*b.Scale[c]) + b.Bias[c]
			switch kind {
			case 1:
				v += float32(float32(codes[i]) * b.Skip.Scale)
			case 2:
				v += float32(float32(projected[i])*b.Skip.Proj.Scale[c]) + b.Skip.Proj.Bias[c]
			}
			want, wantStream := uint8(0), uint8(0)
			if v == v {
				want, wantStream = nearest(v, r.top), nearest(float32(v*b.StreamScale), 255)
			} else {
				nans++
			}
			if dst[i] != want || stream != nil && stream[i] != wantStream {
				t.Fatalf("kind %d, v = %g, stream's scale %g: code %d, want %d; stream %v, want %d", kind, v, b.StreamScale, dst[i], want, stream, wantStream)
			}
		}
	}
	if bounded < 50 || bounded > 350 || nans == 0 {
		t.Errorf("%d of 400 are bounded, %d sums are no numbers", bounded, nans)
	}
}

func BenchmarkResidual(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	const channels, rows = 16, 1024
	block := &Block{Out: channels, Stream: true, StreamScale: 20, Skip: &Skip{Scale: 0.03}}
	for range channels {
		block.Scale, block.Bias = append(block.Scale, 0.01), append(block.Bias, float32(rng.NormFloat64()))
	}
	sums, projected, codes := make([]int32, rows*channels), make([]int32, rows*channels), make([]uint8, rows*channels)
	for i := range sums {
		sums[i], projected[i], codes[i] = int32(rng.NormFloat64()*200), int32(rng.NormFloat64()*200), uint8(rng.IntN(256))
	}
	dst, stream := make([]uint8, len(sums)), make([]uint8, len(sums))
	for _, kind := range []string{"identity", "projection"} {
		c, p := codes, []int32(nil)
		if kind == "projection" {
			c, p = nil, projected
			block.Skip.Proj = &Block{Out: channels, Scale: block.Scale, Bias: block.Bias}
		}
		for _, s := range [][]uint8{stream, nil} {
			block.Stream = s != nil
			r := newResidual(block, 3)
			b.Run(fmt.Sprintf("%s/stream=%v", kind, s != nil), func(b *testing.B) {
				for b.Loop() {
					runResidual(r, dst, s, sums, c, p)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(sums)), "ns/sum")
			})
		}
	}
}
