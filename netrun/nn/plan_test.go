package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"sync"
	"testing"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/quant"
	"example.com/lowbit/ref"
)

// randomNetwork returns a network of random shapes, whose sums are spread over
// the codes of its activations.
func randomNetwork(rng *rand.Rand, w kernels.WeightFormat, act kernels.ActFormat) *Network {
	for {
		n := &Network{Name: "random", Input: Shape{1 + rng.IntN(12), 1 + rng.IntN(12), 1 + rng.IntN(4)}, Classes: 1 + rng.IntN(12)}
		large := rng.IntN(4) == 0 // enough for a layer in bands of rows
		if large {
			n.Input.H, n.Input.W = 25+rng.IntN(20), 20+rng.IntN(20)
		}
		in, inAct := n.Input, kernels.U8
		if w == kernels.Float32 {
			inAct = kernels.F32
		}
		for range rng.IntN(4) {
			b := Block{Kind: Conv, In: in, Out: 1 + rng.IntN(40), Kernel: 1 + rng.IntN(4), Stride: 1 + rng.IntN(2), Pool: rng.IntN(3), InAct: inAct, OutAct: act, Weights: w}
			b.Pad = rng.IntN(b.Kernel)
			if large && len(n.Blocks) == 0 {
				b.Out, b.Stride, b.Pad = 20+rng.IntN(20), 1, 0
			} else if rng.IntN(4) == 0 {
				b = Block{Kind: Dense, In: in, Out: 1 + rng.IntN(70), InAct: inAct, OutAct: act, Weights: w}
			}
			n.Blocks = append(n.Blocks, b)
			if b.Kind == Conv && (in.H+2*b.Pad < b.Kernel || in.W+2*b.Pad < b.Kernel) {
				break // CheckShapes will say so
			}
			in, inAct = b.OutShape(), act
		}
		n.Blocks = append(n.Blocks, Block{Kind: Dense, In: in, Out: n.Classes, InAct: inAct, Weights: w})
		if n.CheckShapes() != nil {
			continue
		}
		fill(rng, n)
		if n.Check() == nil { // else sums are too large
			return n
		}
	}
}

func fill(rng *rand.Rand, n *Network) {
	for i := range n.Blocks {
		b := &n.Blocks[i]
		levels := b.Weights.Levels()
		if levels == nil {
			b.Float = make([]float32, b.Out*b.K())
			for j := range b.Float {
				b.Float[j] = float32(rng.NormFloat64() / math.Sqrt(float64(b.K())))
			}
		} else {
			b.Values = make([]int8, b.Out*b.K())
			for j := range b.Values {
				b.Values[j] = levels[rng.IntN(len(levels))]
			}
		}
		b.Scale, b.Bias = make([]float32, b.Out), make([]float32, b.Out)
		for o := range b.Out {
			spread := 1.0
			if levels != nil && b.OutAct != kernels.NoActs {
				lo, hi := b.SumRange(o)
				spread = 4 * float64(b.OutAct.Max()+1) / float64(hi-lo+1)
			}
			b.Scale[o] = float32(rng.NormFloat64() * spread)
			b.Bias[o] = float32(rng.NormFloat64() * 2)
			if rng.IntN(20) == 0 {
				b.Scale[o] = 0
			}
		}
	}
}

// evaluate computes the codes of every layer and the logits of one image from
// the definitions in ref and quant alone.
func evaluate(n *Network, image []uint8) (codes [][]uint8, logits []float32) {
	x := image
	for i := range n.Blocks {
		b := &n.Blocks[i]
		values := make([]int16, len(x))
		pad := int16(0)
		if b.InAct == kernels.Sign {
			ref.Signs(values, x)
			pad = -1
		} else {
			ref.Unsigned(values, x)
		}
		linear := b.LinearShape()
		sums := make([]int32, linear.Size())
		if b.Kind == Conv {
			ref.Conv2D(sums, values, b.Values, ref.ConvShape(b.convShape(b.In.H)), pad)
		} else {
			ref.GEMM(sums, values, b.Values, 1, b.Out, b.K())
		}
		if b.Pool > 1 {
			pooled := make([]int32, b.OutShape().Size())
			ref.MaxPool(pooled, sums, ref.PoolShape{H: linear.H, W: linear.W, C: linear.C, Window: b.Pool, Stride: b.Pool})
			sums = pooled
		}
		if i == len(n.Blocks)-1 {
			for j, y := range sums {
				logits = append(logits, float32(float32(y)*b.Scale[j%b.Out])+b.Bias[j%b.Out])
			}
			return codes, logits
		}
		x = make([]uint8, len(sums))
		for j, y := range sums {
			x[j] = quant.Code(y, b.Scale[j%b.Out], b.Bias[j%b.Out], b.OutAct.Max())
		}
		codes = append(codes, x)
	}
	panic("no blocks")
}

func randomImages(rng *rand.Rand, n *Network, count int) []uint8 {
	x := make([]uint8, count*n.Input.Size())
	for i := range x {
		x[i] = uint8(rng.IntN(256))
	}
	return x
}

var formats = []struct {
	w kernels.WeightFormat
	a kernels.ActFormat
}{
	{kernels.Binary, kernels.Sign}, {kernels.Binary, kernels.U1}, {kernels.Ternary, kernels.Sign}, {kernels.Ternary, kernels.U2},
	{kernels.Pow2x3, kernels.U3}, {kernels.Pow2x4, kernels.U4}, {kernels.Pow2x4, kernels.U8}, {kernels.Int8, kernels.U8}, {kernels.Int8, kernels.Sign},
}

// implementations calls f under every instruction set that can run here.
func implementations(t *testing.T, f func(t *testing.T)) {
	var isas []string
	for _, k := range kernels.Table() {
		if len(k.Missing) == 0 && !slices.Contains(isas, k.ISA) {
			isas = append(isas, k.ISA)
		}
	}
	for _, isa := range isas {
		t.Run(isa, func(t *testing.T) {
			restore, err := kernels.Use(isa)
			if err != nil {
				t.Fatal(err)
			}
			defer restore()
			f(t)
		})
	}
}

// The random networks have convolutions in several bands, with and without
// pooling, and some whose last rows no window of the pool uses.
func TestBands(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var bands, pooled, rest int
	for range 60 {
		n := randomNetwork(rng, kernels.Ternary, kernels.U2)
		for i := range n.Blocks {
			b := &n.Blocks[i]
			if s := b.sizes(); s.bands > 1 {
				bands++
				if b.Pool > 1 {
					pooled++
					rest += b.LinearShape().H % b.Pool
				}
				if s.bands*s.out != b.OutShape().Size() || s.image < (s.bands-1)*s.step+s.in {
					t.Errorf("%+v: units are %+v", b.In, s)
				}
			}
		}
	}
	if bands < 5 || pooled < 3 || pooled == bands || rest == 0 {
		t.Errorf("%d convolutions in bands, %d of them pooled, %d with rows to spare: want some of each", bands, pooled, rest)
	}
}

// The codes of every layer and the logits equal the definitions, bit for bit,
// for every batch size, number of threads and instruction set.
func TestPlanInteger(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for round := range 3 * len(formats) {
		f := formats[round%len(formats)]
		n := randomNetwork(rng, f.w, f.a)
		const count = 9
		images := randomImages(rng, n, count)
		var want []float32
		codes := make([][]uint8, len(n.Blocks)-1)
		for i := range count {
			c, logits := evaluate(n, images[i*n.Input.Size():][:n.Input.Size()])
			for j := range c {
				codes[j] = append(codes[j], c[j]...)
			}
			want = append(want, logits...)
		}
		t.Run(fmt.Sprintf("%v-%v", f.w, f.a), func(t *testing.T) {
			implementations(t, func(t *testing.T) {
				for threads := 1; threads <= 3; threads++ {
					for batch := 1; batch <= count; batch++ {
						if n.Input.H < 25 || batch%4 == 1 { // large ones take long
							checkPlan(t, n, Options{Threads: threads, Batch: []int{0, batch, 2}[batch%3]}, images, batch, want, codes)
						}
					}
				}
			})
		})
	}
}

// checkPlan runs the first images of those whose logits and codes are given.
func checkPlan(t *testing.T, n *Network, opt Options, images []uint8, batch int, want []float32, codes [][]uint8) {
	t.Helper()
	p, err := Compile(n, opt)
	if err != nil {
		t.Fatal(err)
	}
	if opt.Threads == 1 && batch == 5 {
		p.sub, p.free = batch, nil // one part, so that codes come in order
		p.chain.(*intChain).seen = func(layer int, got []uint8) {
			if !slices.Equal(got, codes[layer][:len(got)]) {
				t.Fatalf("codes of layer %d of %v differ", layer, shapes(n))
			}
		}
	}
	got := make([]float32, batch*n.Classes)
	for range 2 { // the second time with used buffers
		p.Run(got, images[:batch*n.Input.Size()], batch)
		if !slices.Equal(got, want[:len(got)]) {
			t.Fatalf("batch %d, %+v: logits of %v differ", batch, opt, shapes(n))
		}
	}
}

func shapes(n *Network) (s []string) {
	for _, b := range n.Blocks {
		s = append(s, fmt.Sprintf("%s %v>%d k%d s%d p%d /%d", b.Kind, b.In, b.Out, b.Kernel, b.Stride, b.Pad, b.Pool))
	}
	return s
}

// Float logits are near the definitions, and the same bits for every batch
// size and number of threads.
func TestPlanFloat(t *testing.T) {
	implementations(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(7, 8))
		for range 10 {
			n := randomNetwork(rng, kernels.Float32, kernels.F32)
			const count = 9
			images := randomImages(rng, n, count)
			var first []float32
			for threads := 1; threads <= 3; threads++ {
				p, err := Compile(n, Options{Threads: threads})
				if err != nil {
					t.Fatal(err)
				}
				for batch := count; batch >= 1; batch-- {
					got := make([]float32, batch*n.Classes)
					p.Run(got, images[:batch*n.Input.Size()], batch)
					if first == nil {
						first = got
						for i := range count {
							near(t, got[i*n.Classes:][:n.Classes], evaluateFloat(n, images[i*n.Input.Size():][:n.Input.Size()]), shapes(n))
						}
					}
					if !slices.Equal(got, first[:len(got)]) {
						t.Fatalf("batch %d, %d threads: logits of %v differ", batch, threads, shapes(n))
					}
				}
			}
		}
	})
}

func near(t *testing.T, got, want []float32, what any) {
	t.Helper()
	for i := range want {
		if d := math.Abs(float64(got[i] - want[i])); !(d <= 1e-4*(1+math.Abs(float64(want[i])))) {
			t.Fatalf("logit %d is %v: want %v (%v)", i, got[i], want[i], what)
		}
	}
}

func evaluateFloat(n *Network, image []uint8) []float32 {
	x := make([]float32, len(image))
	for i, v := range image {
		x[i] = float32(v) / 255
	}
	for i := range n.Blocks {
		b := &n.Blocks[i]
		linear := b.LinearShape()
		y := make([]float32, linear.Size())
		if b.Kind == Conv {
			ref.Conv2DFloat32(y, x, b.Float, ref.ConvShape(b.convShape(b.In.H)))
		} else {
			ref.GEMMFloat32(y, x, b.Float, 1, b.Out, b.K())
		}
		if b.Pool > 1 {
			x = make([]float32, b.OutShape().Size())
			ref.MaxPool(x, y, ref.PoolShape{H: linear.H, W: linear.W, C: linear.C, Window: b.Pool, Stride: b.Pool})
			y = x
		}
		ref.Affine(y, b.Scale, b.Bias, i < len(n.Blocks)-1)
		x = y
	}
	return x
}

// Lenet's plans: the accounts agree with the shapes, batches that do not
// divide evenly and many goroutines give the same logits, and Run does not
// allocate.
func TestPlanLenet(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for _, f := range []struct {
		w     kernels.WeightFormat
		a     kernels.ActFormat
		bytes int64
	}{{kernels.Binary, kernels.U1, 581408 / 8}, {kernels.Pow2x4, kernels.U4, 581408 / 2}, {kernels.Float32, kernels.F32, 581408 * 4}} {
		n := Lenet(f.w, f.a)
		if err := n.CheckShapes(); err != nil {
			t.Fatal(err)
		}
		fill(rng, n)
		if n.WeightBytes() != f.bytes || n.MACs() != 4267008 {
			t.Errorf("%v: %d weight bytes, %d MACs: want %d, 4267008", f.w, n.WeightBytes(), n.MACs(), f.bytes)
		}
		const count = 70
		images := randomImages(rng, n, count)
		p, err := Compile(n, Options{Threads: 2})
		if err != nil {
			t.Fatal(err)
		}
		want := make([]float32, count*10)
		p.Run(want, images, count)
		one, err := Compile(n, Options{Batch: 1})
		if err != nil {
			t.Fatal(err)
		}
		got := make([]float32, count*10)
		one.Run(got, images, count)
		if !slices.Equal(got, want) {
			t.Errorf("%v: logits of a plan for batch 1 differ", f.w)
		}
		if a, b := one.ActivationBytes(1), p.ActivationBytes(64); a <= 0 || b <= a || b < 2*p.ActivationBytes(1) {
			t.Errorf("%v: activations take %d bytes at batch 1, %d at batch 64 with 2 threads", f.w, a, b)
		}
		var wait sync.WaitGroup
		for range 4 {
			wait.Add(1)
			go func() {
				defer wait.Done()
				got := make([]float32, count*10)
				p.Run(got, images, count)
				if !slices.Equal(got, want) {
					t.Errorf("%v: logits differ in a goroutine", f.w)
				}
			}()
		}
		wait.Wait()
		if n := allocations(func() { p.Run(got, images, count) }); n > 0 && !raceEnabled {
			t.Errorf("%v: Run allocates %v times", f.w, n)
		}
	}
}

// allocations is the number of allocations of f once pools are filled. The
// collector empties pools, so it is held off, and pools fill for each P.
func allocations(f func()) float64 {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	least := math.Inf(1)
	for range 3 {
		least = min(least, testing.AllocsPerRun(5, f))
	}
	return least
}

// What ActivationBytes says is what is allocated.
func TestActivationBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	for _, f := range formats {
		n := randomNetwork(rng, f.w, f.a)
		p, err := Compile(n, Options{Batch: 7})
		if err != nil {
			t.Fatal(err)
		}
		s := p.chain.space(7).(*intSpace)
		if got := int64(len(s.codes[0]) + len(s.codes[1]) + 4*len(s.sums)); got != p.ActivationBytes(7) {
			t.Errorf("%v: allocated %d bytes, said %d", shapes(n), got, p.ActivationBytes(7))
		}
	}
}

func TestPlanErrors(t *testing.T) {
	n := Lenet(kernels.Ternary, kernels.U2)
	if _, err := Compile(n, Options{}); err == nil {
		t.Error("no parameters: no error")
	}
	fill(rand.New(rand.NewPCG(1, 1)), n)
	if _, err := Compile(n, Options{Threads: -1}); err == nil {
		t.Error("threads -1: no error")
	}
	p, err := Compile(n, Options{})
	if err != nil {
		t.Fatal(err)
	}
	p.Run(nil, nil, 0)
	defer func() {
		if recover() == nil {
			t.Error("short logits: no panic")
		}
	}()
	p.Run(make([]float32, 9), make([]uint8, 784), 1)
}

func BenchmarkLenet(b *testing.B) {
	for _, f := range append(formats, struct {
		w kernels.WeightFormat
		a kernels.ActFormat
	}{kernels.Float32, kernels.F32}) {
		rng := rand.New(rand.NewPCG(13, 14))
		n := Lenet(f.w, f.a)
		fill(rng, n)
		images := randomImages(rng, n, 64)
		for _, batch := range []int{1, 64} {
			b.Run(fmt.Sprintf("w=%v/a=%v/batch=%d", f.w, f.a, batch), func(b *testing.B) {
				p, err := Compile(n, Options{Batch: batch})
				if err != nil {
					b.Fatal(err)
				}
				logits := make([]float32, batch*n.Classes)
				for b.Loop() {
					p.Run(logits, images[:batch*n.Input.Size()], batch)
				}
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*batch), "µs/image")
			})
		}
	}
}
