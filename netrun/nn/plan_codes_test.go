package nn

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"example.com/lowbit/kernels"
	"example.com/lowbit/ref"
)

// toFloat gives the block float32 weights instead of those it has.
func toFloat(b *Block) {
	b.Weights, b.Values, b.Float = kernels.Float32, nil, make([]float32, b.Out*b.K())
}

// someFloat gives some blocks of a low-bit network float32 weights, and all blocks
// other parameters.
func someFloat(rng *rand.Rand, n *Network) *Network {
	if n.Float() {
		return n
	}
	for i := range n.Blocks {
		b := &n.Blocks[i]
		if b.Kind == Mean || rng.IntN(2) == 0 && i > 0 {
			continue
		}
		toFloat(b)
		if p := b.proj(); p != nil {
			toFloat(p)
		}
	}
	fill(rng, n)
	return n
}

// floatSums computes the sums of float32 weights with one image's codes from the
// definitions in ref alone.
func floatSums(b *Block, x []uint8) []float32 {
	pad := 0
	c := *b
	values := make([]float32, 0, len(x))
	for _, v := range x {
		f := float32(v)
		if b.InAct == kernels.Sign {
			f = 2*f - 1
		}
		values = append(values, f)
	}
	if b.InAct == kernels.Sign && b.Pad > 0 { // ref pads with zeros
		pad = b.Pad
		c.In.H, c.In.W, c.Pad = c.In.H+2*pad, c.In.W+2*pad, 0
		wide := slices.Repeat([]float32{-1}, c.In.Size())
		for y := range b.In.H {
			row := b.In.W * b.In.C
			copy(wide[((y+pad)*c.In.W+pad)*b.In.C:], values[y*row:][:row])
		}
		values = wide
	}
	shape := c.LinearShape()
	y := make([]float32, shape.Size())
	if b.Kind == Conv {
		ref.Conv2DFloat32(y, values, b.Float, ref.ConvShape(c.convShape(c.In.H)))
	} else {
		ref.GEMMFloat32(y, values, b.Float, 1, b.Out, b.K())
	}
	if b.Pool > 1 {
		pooled := make([]float32, b.OutShape().Size())
		ref.MaxPool(pooled, y, ref.PoolShape{H: shape.H, W: shape.W, C: shape.C, Window: b.Pool, Stride: b.Pool})
		y = pooled
	}
	return y
}

// checkBlock compares what block i put out, codes and stream or logits, with the
// definition for what it read. Where weights are float32, what is near the middle
// between two codes may be either.
func checkBlock(t *testing.T, n *Network, i int, image []uint8, codes, streams [][]uint8, logits []float32) {
	t.Helper()
	b, x := &n.Blocks[i], image
	if from := n.Source(i); from >= 0 {
		x = codes[from]
	}
	affine := func(b *Block, x []uint8) []float64 {
		var v []float64
		if b.Weights == kernels.Float32 {
			for j, y := range floatSums(b, x) {
				v = append(v, float64(y)*float64(b.Scale[j%b.Out])+float64(b.Bias[j%b.Out]))
			}
			return v
		}
		for j, y := range linear(b, x) {
			v = append(v, float64(float32(float32(y)*b.Scale[j%b.Out])+b.Bias[j%b.Out]))
		}
		return v
	}
	v := affine(b, x)
	slack := make([]float64, b.Out) // of float32 weights
	for c := range slack {
		if b.Weights == kernels.Float32 {
			slack[c] = 1e-5 * (b.largest(c)*math.Abs(float64(b.Scale[c])) + math.Abs(float64(b.Bias[c])) + 1)
		}
	}
	if s := b.Skip; s != nil {
		if p := s.Proj; p != nil {
			for j, u := range affine(p, codes[n.SkipSource(i)]) {
				v[j] = float64(float32(v[j]) + float32(u))
			}
			for c := range slack {
				if p.Weights == kernels.Float32 {
					slack[c] += 1e-5 * p.largest(c) * math.Abs(float64(p.Scale[c]))
				}
			}
		} else {
			for j, r := range streams[n.SkipSource(i)] {
				v[j] = float64(float32(v[j]) + float32(float32(r)*s.Scale))
			}
		}
	}
	within := func(what string, got uint8, j int, scale float64, top int) {
		low := nearest(float32((v[j]-slack[j%b.Out])*scale), top)
		high := nearest(float32((v[j]+slack[j%b.Out])*scale), top)
		if got < low || got > high {
			t.Fatalf("block %d: %s %d is %d: want %d to %d (%v)", i, what, j, got, low, high, shapes(n))
		}
	}
	for j := range v {
		if logits != nil {
			if d := math.Abs(float64(logits[j]) - v[j]); !(d <= slack[j%b.Out]) {
				t.Fatalf("logit %d is %v: want %v (%v)", j, logits[j], v[j], shapes(n))
			}
			continue
		}
		within("code", codes[i][j], j, 1, b.OutAct.Max())
		if b.Stream {
			within("stream's code", streams[i][j], j, float64(b.StreamScale), 255)
		}
	}
}

// Networks that have float32 weights in some blocks: every block puts out what the
// definition says for what it reads, and the bits are the same for every batch size
// and number of threads.
func TestPlanFloatWeights(t *testing.T) {
	rounds := 4
	if raceEnabled {
		rounds = 1
	}
	rng := rand.New(rand.NewPCG(15, 16))
	var padded, bands, pooled, projected, streams, last int
	for round := range rounds * len(formats) {
		f := formats[round%len(formats)]
		random := randomNetwork
		if round%2 == 1 {
			random = randomResidual
		}
		n := someFloat(rng, random(rng, f.w, f.a))
		for i := range n.Blocks {
			b := &n.Blocks[i]
			if b.Weights != kernels.Float32 {
				continue
			}
			if b.InAct == kernels.Sign {
				padded += b.Pad
			}
			bands += min(b.sizes(4).bands-1, 1)
			pooled += max(b.Pool, 1) - 1
			if b.proj() != nil {
				projected++
			}
			if b.Stream {
				streams++
			}
			if i == len(n.Blocks)-1 {
				last++
			}
		}
		const count = 6
		images := randomImages(rng, n, count)
		size := n.Input.Size()
		implementations(t, func(t *testing.T) {
			p, err := Compile(n, Options{})
			if err != nil {
				t.Fatal(err)
			}
			want := make([]float32, count*n.Classes)
			for i := range count {
				image, logits := images[i*size:][:size], want[i*n.Classes:][:n.Classes]
				codes, streams := make([][]uint8, len(n.Blocks)), make([][]uint8, len(n.Blocks))
				p.chain.(*intChain).seen = func(layer int, got, stream []uint8) {
					codes[layer], streams[layer] = slices.Clone(got), slices.Clone(stream)
				}
				p.Run(logits, image, 1)
				for j := range n.Blocks[:len(n.Blocks)-1] {
					checkBlock(t, n, j, image, codes, streams, nil)
				}
				checkBlock(t, n, len(n.Blocks)-1, image, codes, streams, logits)
			}
			for threads := 1; threads <= 3; threads++ {
				p, err := Compile(n, Options{Threads: threads})
				if err != nil {
					t.Fatal(err)
				}
				for batch := 1; batch <= count; batch++ {
					got := make([]float32, batch*n.Classes)
					p.Run(got, images[:batch*size], batch)
					if !slices.Equal(got, want[:len(got)]) {
						t.Fatalf("batch %d, %d threads: logits of %v differ", batch, threads, shapes(n))
					}
				}
				got := make([]float32, count*n.Classes)
				if a := allocations(func() { p.Run(got, images, count) }); a > 0 && !raceEnabled && threads == 1 {
					t.Errorf("Run of %v allocates %v times", shapes(n), a)
				}
			}
		})
	}
	if !raceEnabled && min(padded, bands, pooled, projected, streams, last) == 0 {
		t.Errorf("float32 weights in %d convolutions with a rim of signs, %d in bands, %d pooled, %d with projections, %d with streams, %d last blocks: want some of each", padded, bands, pooled, projected, streams, last)
	}
}

// largest bounds the magnitude of the sums of output c.
func (b *Block) largest(c int) float64 {
	if b.Weights != kernels.Float32 {
		return maxSum
	}
	var sum float64
	for _, w := range b.Float[c*b.K():][:b.K()] {
		sum += math.Abs(float64(w))
	}
	return 2 * sum * float64(b.InAct.Max()) // twice, for what float32 rounds
}
