package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.com/lowbit/kernels"
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

// randomResidual returns a network with shortcuts, some of whose blocks read one
// long before, most with a mean before the last.
func randomResidual(rng *rand.Rand, w kernels.WeightFormat, act kernels.ActFormat) *Network {
	for {
		n := &Network{Name: "residual", Input: Shape{1 + rng.IntN(12), 1 + rng.IntN(12), 1 + rng.IntN(4)}, Classes: 1 + rng.IntN(12)}
		large := rng.IntN(5) == 0 // enough for a first layer in bands
		if large {
			n.Input.H, n.Input.W = 25+rng.IntN(8), 25+rng.IntN(8)
		}
		pixels := kernels.U8
		if w == kernels.Float32 {
			pixels = kernels.F32
		}
		for i := range 2 + rng.IntN(7) {
			b := Block{Kind: Conv, Out: []int{3, 8, 17, 32}[rng.IntN(4)], Kernel: 1 + rng.IntN(3), Stride: 1, InAct: pixels, OutAct: act, Weights: w}
			if rng.IntN(5) == 0 {
				b.Pool = 2
			}
			if i > 0 && rng.IntN(6) == 0 {
				b.Back = rng.IntN(i)
			}
			b.In = n.Input
			if i > 0 {
				from := &n.Blocks[i-1-b.Back]
				b.In, b.InAct = from.OutShape(), from.OutAct
			}
			b.Pad = rng.IntN(b.Kernel)
			if large {
				b.Out = 8
			} else if b.In.H > 5 {
				b.Stride = 1 + rng.IntN(2)
			}
			if i > 0 && rng.IntN(2) == 0 { // as long as it can be, of the same shape
				b.Out, b.Kernel, b.Stride, b.Pad, b.Pool = b.In.C, 3, 1, 1, 0
			}
			if b.In.H < 1 || b.In.W < 1 || b.In.H+2*b.Pad < b.Kernel || b.In.W+2*b.Pad < b.Kernel {
				break
			}
			for back := range i { // the nearest block that there can be a shortcut from, with luck
				from := &n.Blocks[i-1-back]
				in, out := from.OutShape(), b.OutShape()
				if rng.IntN(3) == 0 || b.Pool > 0 {
					continue
				}
				p := &Block{Kind: Conv, In: in, Out: b.Out, Kernel: 1 + rng.IntN(2), Stride: 1 + rng.IntN(2), Weights: w, InAct: from.OutAct}
				switch {
				case in == out && rng.IntN(4) > 0:
					b.Skip = &Skip{Back: back}
					from.Stream = w != kernels.Float32
				case in.H >= 2 && in.W >= 2 && p.OutShape() == out:
					b.Skip = &Skip{Back: back, Proj: p}
				default:
					continue
				}
				break
			}
			n.Blocks = append(n.Blocks, b)
		}
		if len(n.Blocks) < 2 {
			continue
		}
		end := &n.Blocks[len(n.Blocks)-1]
		in, inAct := end.OutShape(), end.OutAct
		if rng.IntN(4) > 0 {
			end.OutAct = pixels
			n.Blocks = append(n.Blocks, Block{Kind: Mean, In: in, Out: in.C, InAct: pixels, OutAct: pixels})
			in, inAct = Shape{1, 1, in.C}, pixels
		}
		n.Blocks = append(n.Blocks, Block{Kind: Dense, In: in, Out: n.Classes, InAct: inAct, Weights: w})
		if n.CheckShapes() != nil || !slices.ContainsFunc(n.Blocks, func(b Block) bool { return b.Skip != nil }) {
			continue
		}
		fill(rng, n)
		if n.Check() == nil {
			return n
		}
	}
}

// fill gives the network random parameters.
func fill(rng *rand.Rand, n *Network) {
	for i := range n.Blocks {
		b := &n.Blocks[i]
		fillBlock(rng, b, b.OutAct)
		if b.Stream {
			b.StreamScale = float32(32 / (0.5 + float64(b.OutAct.Max())) * (0.5 + rng.Float64()))
		}
		switch p := b.proj(); {
		case p != nil:
			fillBlock(rng, p, b.OutAct)
		case b.Skip != nil && !n.Float():
			b.Skip.Scale = float32(float64(b.OutAct.Max()) / 64 * (0.5 + rng.Float64()))
		}
	}
}

// fillBlock spreads the sums over the codes of act.
func fillBlock(rng *rand.Rand, b *Block, act kernels.ActFormat) {
	levels := b.Weights.Levels()
	if levels == nil {
		if b.K() > 0 {
			b.Float = make([]float32, b.Out*b.K())
		}
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
		if b.InAct != kernels.F32 && act != kernels.NoActs {
			reach := 2 * b.largest(o)
			if b.Weights != kernels.Float32 {
				lo, hi := b.SumRange(o)
				reach = float64(hi - lo + 1)
			}
			spread = 4 * float64(act.Max()+1) / reach
		}
		b.Scale[o] = float32(rng.NormFloat64() * spread)
		b.Bias[o] = float32(rng.NormFloat64() * 2)
		if b.Kind == Mean {
			b.Scale[o], b.Bias[o] = float32((0.5+rng.Float64())/float64(b.In.H*b.In.W)), 0
		}
		if rng.IntN(20) == 0 {
			b.Scale[o] = 0
		}
	}
}

// linear computes the sums of a low-bit block for one image's codes from the
// definitions in ref alone.
func linear(b *Block, x []uint8) []int32 {
	values := make([]int16, len(x))
	pad := int16(0)
	if b.InAct == kernels.Sign {
		ref.Signs(values, x)
		pad = -1
	} else {
		ref.Unsigned(values, x)
	}
	shape := b.LinearShape()
	sums := make([]int32, shape.Size())
	switch b.Kind {
	case Conv:
		ref.Conv2D(sums, values, b.Values, ref.ConvShape(b.convShape(b.In.H)), pad)
	case Dense:
		ref.GEMM(sums, values, b.Values, 1, b.Out, b.K())
	case Mean:
		for i, v := range values {
			sums[i%b.Out] += int32(v)
		}
	}
	if b.Pool > 1 {
		pooled := make([]int32, b.OutShape().Size())
		ref.MaxPool(pooled, sums, ref.PoolShape{H: shape.H, W: shape.W, C: shape.C, Window: b.Pool, Stride: b.Pool})
		sums = pooled
	}
	return sums
}

// nearest is the rule of codes: halves up, clipped.
func nearest(v float32, top int) uint8 {
	return uint8(math.Min(math.Max(math.Floor(float64(float32(v+0.5))), 0), float64(top)))
}

// evaluate computes the codes of every layer, those of streams and the logits of
// one image from the definitions alone.
func evaluate(n *Network, image []uint8) (codes, streams [][]uint8, logits []float32) {
	for i := range n.Blocks {
		b := &n.Blocks[i]
		x := image
		if i > 0 {
			x = codes[i-1-b.Back]
		}
		sums := linear(b, x)
		v := make([]float32, len(sums))
		for j, y := range sums {
			v[j] = float32(float32(y)*b.Scale[j%b.Out]) + b.Bias[j%b.Out]
		}
		if i == len(n.Blocks)-1 {
			return codes, streams, v
		}
		if s := b.Skip; s != nil {
			from := i - 1 - s.Back
			if p := s.Proj; p != nil {
				for j, y := range linear(p, codes[from]) {
					v[j] += float32(float32(y)*p.Scale[j%b.Out]) + p.Bias[j%b.Out]
				}
			} else {
				for j, r := range streams[from] {
					v[j] += float32(float32(r) * s.Scale)
				}
			}
		}
		code, stream := make([]uint8, len(v)), []uint8(nil)
		for j := range v {
			code[j] = nearest(v[j], b.OutAct.Max())
			if b.Stream {
				stream = append(stream, nearest(float32(v[j]*b.StreamScale), 255))
			}
		}
		codes, streams = append(codes, code), append(streams, stream)
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
			if s := b.sizes(4); s.bands > 1 {
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

// The codes of every layer, those of streams and the logits equal the definitions,
// bit for bit, for every batch size, number of threads and instruction set.
func TestPlanInteger(t *testing.T)  { testPlanInteger(t, 3, randomNetwork) }
func TestPlanResidual(t *testing.T) { testPlanInteger(t, 6, randomResidual) }

func testPlanInteger(t *testing.T, rounds int, random func(*rand.Rand, kernels.WeightFormat, kernels.ActFormat) *Network) {
	rng := rand.New(rand.NewPCG(5, 6))
	if raceEnabled { // which takes ten times as long, and looks at goroutines, not at numbers
		rounds = 1
	}
	for round := range rounds * len(formats) {
		f := formats[round%len(formats)]
		n := random(rng, f.w, f.a)
		const count = 9
		images := randomImages(rng, n, count)
		var want []float32
		codes, streams := make([][]uint8, len(n.Blocks)-1), make([][]uint8, len(n.Blocks)-1)
		for i := range count {
			c, s, logits := evaluate(n, images[i*n.Input.Size():][:n.Input.Size()])
			for j := range c {
				codes[j], streams[j] = append(codes[j], c[j]...), append(streams[j], s[j]...)
			}
			want = append(want, logits...)
		}
		t.Run(fmt.Sprintf("%v-%v", f.w, f.a), func(t *testing.T) {
			implementations(t, func(t *testing.T) {
				for threads := 1; threads <= 3; threads++ {
					for batch := 1; batch <= count; batch++ {
						if n.Input.H < 25 && round%3 == 0 || batch%4 == 1 { // large ones take long
							checkPlan(t, n, Options{Threads: threads, Batch: []int{0, batch, 2}[batch%3]}, images, batch, want, codes, streams)
						}
					}
				}
			})
		})
	}
}

// checkPlan runs the first images of those whose logits and codes are given.
func checkPlan(t *testing.T, n *Network, opt Options, images []uint8, batch int, want []float32, codes, streams [][]uint8) {
	t.Helper()
	p, err := Compile(n, opt)
	if err != nil {
		t.Fatal(err)
	}
	if opt.Threads == 1 && batch == 5 {
		p.sub, p.free = batch, nil // one part, so that codes come in order
		p.chain.(*intChain).seen = func(layer int, got, stream []uint8) {
			if !slices.Equal(got, codes[layer][:len(got)]) {
				t.Fatalf("codes of layer %d of %v differ", layer, shapes(n))
			}
			if (stream != nil) != n.Blocks[layer].Stream || !slices.Equal(stream, streams[layer][:len(stream)]) {
				t.Fatalf("stream of layer %d of %v differs", layer, shapes(n))
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

// The random residual networks have identities and projections, from near and far,
// inputs from far, streams written beside pooled outputs and in bands, and means.
func TestRandomResidual(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var identity, project, far, back, pooled, bands, mean int
	for round := range 6 * len(formats) {
		f := formats[round%len(formats)]
		n := randomResidual(rng, f.w, f.a)
		for i := range n.Blocks {
			b := &n.Blocks[i]
			switch {
			case b.Kind == Mean:
				mean++
			case b.Back > 0:
				back++
			case b.Stream && b.Pool > 1:
				pooled++
			case b.Stream && b.sizes(4).bands > 1:
				bands++
			}
			if b.Skip == nil {
				continue
			}
			if b.Skip.Proj != nil {
				project++
			} else {
				identity++
			}
			if b.Skip.Back > 1 {
				far++
			}
		}
	}
	if min(identity, project, back, mean) < 10 || min(far, pooled, bands) < 5 {
		t.Errorf("%d identities, %d projections, %d of either from far, %d inputs from far, %d streams of pooled outputs, %d in bands, %d means", identity, project, far, back, pooled, bands, mean)
	}
}

func shapes(n *Network) (s []string) {
	for _, b := range n.Blocks {
		text := fmt.Sprintf("%s -%d %v>%d k%d s%d p%d /%d", b.Kind, b.Back, b.In, b.Out, b.Kernel, b.Stride, b.Pad, b.Pool)
		if b.Skip != nil {
			text += fmt.Sprintf(" + -%d", b.Skip.Back)
		}
		if p := b.proj(); p != nil {
			text += fmt.Sprintf(" k%d s%d", p.Kernel, p.Stride)
		}
		s = append(s, text)
	}
	return s
}

// Float logits are near the definitions, and the same bits for every batch
// size and number of threads.
func TestPlanFloat(t *testing.T) {
	implementations(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(7, 8))
		for round := range 30 {
			random := randomNetwork
			if round >= 10 {
				random = randomResidual
			}
			n := random(rng, kernels.Float32, kernels.F32)
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

// linearFloat computes the sums of a float block and their affine step for one image
// from the definitions in ref alone.
func linearFloat(b *Block, x []float32) []float32 {
	shape := b.LinearShape()
	y := make([]float32, shape.Size())
	switch b.Kind {
	case Conv:
		ref.Conv2DFloat32(y, x, b.Float, ref.ConvShape(b.convShape(b.In.H)))
	case Dense:
		ref.GEMMFloat32(y, x, b.Float, 1, b.Out, b.K())
	case Mean:
		for i, v := range x {
			y[i%b.Out] += v
		}
	}
	if b.Pool > 1 {
		pooled := make([]float32, b.OutShape().Size())
		ref.MaxPool(pooled, y, ref.PoolShape{H: shape.H, W: shape.W, C: shape.C, Window: b.Pool, Stride: b.Pool})
		y = pooled
	}
	ref.Affine(y, b.Scale, b.Bias, false)
	return y
}

func evaluateFloat(n *Network, image []uint8) []float32 {
	x := make([]float32, len(image))
	for i, v := range image {
		x[i] = float32(v) / 255
	}
	var outs [][]float32
	for i := range n.Blocks {
		b := &n.Blocks[i]
		if i > 0 {
			x = outs[i-1-b.Back]
		}
		y := linearFloat(b, x)
		if i == len(n.Blocks)-1 {
			return y
		}
		if s := b.Skip; s != nil {
			u := outs[i-1-s.Back]
			if s.Proj != nil {
				u = linearFloat(s.Proj, u)
			}
			for j, v := range u {
				y[j] += v
			}
		}
		for j := range y {
			y[j] = max(y[j], 0)
		}
		outs = append(outs, y)
	}
	panic("no blocks")
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
		n := lenet(f.w, f.a)
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
	for try := 0; try < 10 && least > 0; try++ { // others may allocate on a busy machine
		least = min(least, testing.AllocsPerRun(5, f))
	}
	return least
}

// What ActivationBytes says is what is allocated.
func TestActivationBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	for _, f := range append(formats, struct {
		w kernels.WeightFormat
		a kernels.ActFormat
	}{kernels.Float32, kernels.F32}) {
		for _, n := range []*Network{randomNetwork(rng, f.w, f.a), randomResidual(rng, f.w, f.a), someFloat(rng, randomResidual(rng, f.w, f.a))} {
			p, err := Compile(n, Options{Batch: 7})
			if err != nil {
				t.Fatal(err)
			}
			var got int
			switch s := p.chain.space(p.part(7)).(type) {
			case *intSpace:
				got = 2 * (len(s.shorts.sums) + len(s.shorts.projected))
				got += 4 * (len(s.ints.sums) + len(s.ints.projected) + len(s.ints.numbers) + len(s.floats.sums) + len(s.floats.projected) + len(s.floats.numbers))
				for _, codes := range s.codes {
					got += len(codes)
				}
			case *floatSpace:
				got = 4 * (len(s.projected) + len(s.scratch))
				for _, x := range s.acts {
					got += 4 * len(x)
				}
			}
			if int64(got) != p.ActivationBytes(7) {
				t.Errorf("%v: allocated %d bytes, said %d", shapes(n), got, p.ActivationBytes(7))
			}
		}
	}
}

func TestPlanErrors(t *testing.T) {
	n := lenet(kernels.Ternary, kernels.U2)
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
		n := lenet(f.w, f.a)
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

// First layers of 8-bit weights take float32 kernels where sums are exact there, and are:
// with all weights and pixels at their largest, too.
func TestFirstLayerInt8(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	for _, c := range []struct {
		input  Shape
		kernel int
		float  bool
	}{
		{Shape{9, 11, 3}, 3, true}, {Shape{14, 13, 1}, 5, true}, {Shape{12, 12, 4}, 11, true}, // K = 484
		{Shape{9, 9, 5}, 3, false},
	} {
		n := &Network{Name: "first", Input: c.input, Classes: 3, Blocks: []Block{
			{Kind: Conv, In: c.input, Out: 8, Kernel: c.kernel, Stride: 1, Weights: kernels.Int8, InAct: kernels.U8, OutAct: kernels.U4},
		}}
		n.Blocks = append(n.Blocks, Block{Kind: Dense, In: n.Blocks[0].OutShape(), Out: 3, Weights: kernels.Ternary, InAct: kernels.U4})
		fill(rng, n)
		b := &n.Blocks[0]
		for o, w := range []int8{127, -127} {
			for i := range b.K() {
				b.Values[o*b.K()+i] = w
			}
			// Steps just at what the largest images reach.
			b.Scale[o] = 1
			b.Bias[o] = float32(-int(w)*255*b.K()) + 3
		}
		if err := n.Check(); err != nil {
			t.Fatal(err)
		}
		images := randomImages(rng, n, 5)
		for i := range c.input.Size() {
			images[i] = 255
		}
		var want []float32
		for i := range 5 {
			_, _, logits := evaluate(n, images[i*c.input.Size():][:c.input.Size()])
			want = append(want, logits...)
		}
		implementations(t, func(t *testing.T) {
			p, err := Compile(n, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if name := p.Layers()[0].Kernel; strings.Contains(name, "float32") != c.float {
				t.Errorf("%v, %dx%d: kernel %s: want one of float32: %v", c.input, c.kernel, c.kernel, name, c.float)
			}
			got := make([]float32, len(want))
			p.Run(got, images, 5)
			if !slices.Equal(got, want) {
				t.Errorf("%v, %dx%d: logits differ", c.input, c.kernel, c.kernel)
			}
		})
	}
}
