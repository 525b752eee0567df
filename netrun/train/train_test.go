package train

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/data"
	"example.com/lowbit/netrun/nn"
	"example.com/lowbit/netrun/quant"
	"example.com/lowbit/ref"
)

// toy returns n images of 8x8x2 whose class, one of 4, is the quadrant that a
// bright blob lies in, among noise.
func toy(n int) *data.Images {
	im := &data.Images{N: n, H: 8, W: 8, C: 2, Pixels: make([]uint8, n*128), Labels: make([]uint8, n)}
	s := quant.NewStream(99)
	for i := range n {
		class := s.Uint64(uint64(i)) % 4
		im.Labels[i] = uint8(class)
		p := im.Image(i)
		for j := range p {
			p[j] = uint8(s.Uint64(uint64(1+i)<<20+uint64(j)) % 120)
		}
		y, x := int(class/2*4)+int(s.Uint64(uint64(i)<<8+7)%3), int(class%2*4)+int(s.Uint64(uint64(i)<<8+9)%3)
		for k := range 4 {
			p[((y+k/2)*8+x+k%2)*2] = 255
		}
	}
	return im
}

// toyNet has convolutions with padding, with stride and pooling, and dense layers.
func toyNet(w kernels.WeightFormat, a kernels.ActFormat) *nn.Network {
	pixels := kernels.U8
	if a == kernels.F32 {
		pixels = kernels.F32
	}
	return &nn.Network{
		Name: "toy", Input: nn.Shape{H: 8, W: 8, C: 2}, Classes: 4,
		Blocks: []nn.Block{
			{Kind: nn.Conv, In: nn.Shape{H: 8, W: 8, C: 2}, Out: 6, Kernel: 3, Stride: 1, Pad: 1, Pool: 2, Weights: w, InAct: pixels, OutAct: a},
			{Kind: nn.Conv, In: nn.Shape{H: 4, W: 4, C: 6}, Out: 5, Kernel: 3, Stride: 2, Pad: 1, Weights: w, InAct: a, OutAct: a},
			{Kind: nn.Dense, In: nn.Shape{H: 2, W: 2, C: 5}, Out: 7, Weights: w, InAct: a, OutAct: a},
			{Kind: nn.Dense, In: nn.Shape{H: 1, W: 1, C: 7}, Out: 4, Weights: w, InAct: a, OutAct: kernels.NoActs},
		},
	}
}

func toyConfig(method string) Config {
	c := Default(method)
	c.Epochs, c.Batch, c.Validation = 3, 40, 100
	c.LR, c.NormLR = 0.02, 0.02
	c.Statistics = 0.2
	return c
}

func newToy(t *testing.T, w kernels.WeightFormat, a kernels.ActFormat, c Config, workers int) *Trainer {
	t.Helper()
	tr, err := New(toyNet(w, a), c, toy(900), workers)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func run(t *testing.T, tr *Trainer, steps int) {
	t.Helper()
	for range steps {
		if _, err := tr.Step(); err != nil {
			t.Fatal(err)
		}
	}
}

func runAll(t *testing.T, tr *Trainer) {
	t.Helper()
	_, total, _ := tr.Steps()
	run(t, tr, total-tr.step)
}

// The analytic gradient is the slope of the loss, for weights, gamma and beta
// of every layer of a float network.
func TestGradient(t *testing.T) {
	for name, net := range map[string]*nn.Network{
		"chain":    toyNet(kernels.Float32, kernels.F32),
		"residual": residualNet(kernels.Float32, kernels.F32, false),
		"back":     residualNet(kernels.Float32, kernels.F32, true),
	} {
		t.Run(name, func(t *testing.T) { testGradient(t, net) })
	}
}

func testGradient(t *testing.T, net *nn.Network) {
	c := toyConfig(Float)
	c.Smoothing = 0.1
	tr, err := New(net, c, toy(900), 1)
	if err != nil {
		t.Fatal(err)
	}
	n := c.Batch
	order := quant.NewStream(5).Perm(800)
	loss := func() float64 {
		tr.loadBatch(order[:n], 0)
		tr.forward(n, true)
		s := tr.loss(n, true)
		return s.mean()
	}
	loss()
	tr.backward(n)
	for li, l := range tr.all {
		for pi, p := range l.tensors() {
			if pi == 1 && !l.norm || pi == 3 {
				continue
			}
			want := slices.Clone(p.grad)
			// Moving along the gradient itself averages over the kinks
			// of pooling and rectifying.
			var norm float64
			for _, g := range want {
				norm += float64(g) * float64(g)
			}
			if norm == 0 {
				t.Errorf("layer %d tensor %d: gradient is 0", li, pi)
				continue
			}
			const reach = 1e-4
			move := func(by float64) float64 {
				saved := append([]float32(nil), p.value...)
				for i, g := range want {
					p.value[i] += float32(by * float64(g) / math.Sqrt(norm))
				}
				x := loss()
				copy(p.value, saved)
				return x
			}
			got := (move(reach) - move(-reach)) / (2 * reach)
			if math.Abs(got-math.Sqrt(norm)) > 0.03*math.Sqrt(norm)+1e-4 {
				t.Errorf("layer %d tensor %d: loss rises by %v along the gradient: want %v", li, pi, got, math.Sqrt(norm))
			}
		}
	}
}

func TestPool(t *testing.T) {
	for _, window := range []int{2, 3} {
		b := nn.Block{Kind: nn.Conv, In: nn.Shape{H: 7, W: 8, C: 1}, Out: 5, Kernel: 1, Stride: 1, Pool: window}
		lin := make([]float32, 7*8*5)
		s := quant.NewStream(3)
		for i := range lin {
			lin[i] = float32(int(s.Uint64(uint64(i))%9)-4) * 0.37
		}
		lin[0], lin[5] = float32(math.Inf(-1)), math.MaxFloat32
		out := b.OutShape()
		got, want, arg := make([]float32, out.Size()), make([]float32, out.Size()), make([]uint8, out.Size())
		kernels.MaxPoolArg(got, arg, lin, poolShape(&b), 1)
		ref.MaxPool(want, lin, ref.PoolShape{H: 7, W: 8, C: 5, Window: window, Stride: window})
		back := make([]float32, len(lin))
		kernels.MaxUnpool(back, got, arg, poolShape(&b), 1)
		kept := 0
		for i, v := range back {
			if v != 0 {
				kept++
				if v != lin[i] {
					t.Errorf("window %d: gradient of sum %d, %v, went to %v", window, i, v, lin[i])
				}
			}
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("window %d: output %d is %v: want %v", window, i, got[i], want[i])
			}
			if want[i] == 0 {
				kept++
			}
		}
		if kept != len(want) {
			t.Errorf("window %d: %d of %d gradients kept", window, kept, len(want))
		}
	}
}

// integer runs a low-bit network on one image by ref, with nothing but
// integers up to the activations.
func integer(net *nn.Network, pixels []uint8) (logits []float32, codes, streams [][]uint8) {
	input := make([]int16, len(pixels))
	ref.Unsigned(input, pixels)
	var outs [][]int16
	for i := range net.Blocks {
		b := &net.Blocks[i]
		x := input
		if i > 0 {
			x = outs[net.Source(i)]
		}
		y := sums(b, x)
		v := make([]float32, len(y))
		for j, sum := range y {
			v[j] = float32(float32(sum)*b.Scale[j%b.Out]) + b.Bias[j%b.Out]
		}
		if s := b.Skip; s != nil && s.Proj != nil {
			for j, sum := range sums(s.Proj, outs[net.SkipSource(i)]) {
				u := float32(float32(sum)*s.Proj.Scale[j%b.Out]) + s.Proj.Bias[j%b.Out]
				v[j] += u
			}
		} else if s != nil {
			for j, r := range streams[net.SkipSource(i)] {
				v[j] += float32(float32(r) * s.Scale)
			}
		}
		if b.OutAct == kernels.NoActs {
			return v, codes, streams
		}
		c, stream := make([]uint8, len(y)), make([]uint8, len(y))
		for j, v := range v {
			c[j] = quant.Round(v, b.OutAct.Max())
			stream[j] = quant.Round(v*b.StreamScale, 255)
		}
		codes, streams = append(codes, c), append(streams, stream)
		out := make([]int16, len(c))
		if b.OutAct == kernels.Sign {
			ref.Signs(out, c)
		} else {
			ref.Unsigned(out, c)
		}
		outs = append(outs, out)
	}
	return nil, nil, nil
}

// sums are the pooled sums of a block.
func sums(b *nn.Block, x []int16) []int32 {
	lin := b.LinearShape()
	y := make([]int32, lin.Size())
	switch b.Kind {
	case nn.Conv:
		pad := int16(0)
		if b.InAct == kernels.Sign {
			pad = -1
		}
		ref.Conv2D(y, x, b.Values, ref.ConvShape{H: b.In.H, W: b.In.W, InC: b.In.C, OutC: b.Out, KH: b.Kernel, KW: b.Kernel,
			StrideH: b.Stride, StrideW: b.Stride, PadH: b.Pad, PadW: b.Pad}, pad)
	case nn.Mean:
		for j, v := range x {
			y[j%b.Out] += int32(v)
		}
	default:
		ref.GEMM(y, x, b.Values, 1, b.Out, b.K())
	}
	if b.Pool > 1 {
		p := make([]int32, b.OutShape().Size())
		ref.MaxPool(p, y, ref.PoolShape{H: lin.H, W: lin.W, C: lin.C, Window: b.Pool, Stride: b.Pool})
		y = p
	}
	return y
}

var formats = []struct {
	w kernels.WeightFormat
	a kernels.ActFormat
}{
	{kernels.Binary, kernels.Sign}, {kernels.Binary, kernels.U1}, {kernels.Ternary, kernels.U2},
	{kernels.Pow2x3, kernels.U3}, {kernels.Pow2x4, kernels.U4}, {kernels.Int8, kernels.U8}, {kernels.Ternary, kernels.Sign},
}

// What is exported gives the trainer's own codes and logits in integers.
func TestExportIsExact(t *testing.T) {
	for _, f := range formats {
		for _, method := range []string{DST, STE} {
			t.Run(fmt.Sprintf("%v,%v,%s", f.w, f.a, method), func(t *testing.T) { testExport(t, toyNet(f.w, f.a), method) })
		}
		t.Run(fmt.Sprintf("residual,%v,%v", f.w, f.a), func(t *testing.T) { testExport(t, residualNet(f.w, f.a, false), DST) })
	}
	t.Run("back", func(t *testing.T) { testExport(t, residualNet(kernels.Ternary, kernels.U2, true), STE) })
}

func testExport(t *testing.T, net *nn.Network, method string) {
	c := toyConfig(method)
	c.Epochs = 1
	tr, err := New(net, c, toy(900), 2)
	if err != nil {
		t.Fatal(err)
	}
	runAll(t, tr)
	net = tr.Export()
	if err := net.Check(); err != nil {
		t.Fatal(err)
	}
	images := toy(100)
	done := 0
	tr.evaluate(images, func(n int) {
		for i := range n {
			logits, codes, streams := integer(net, images.Image(done+i))
			for li, l := range tr.layers[:len(tr.layers)-1] {
				size := l.sum * l.Out
				for j, got := range l.out[i*size:][:size] {
					want := float32(codes[li][j])
					if l.OutAct == kernels.Sign {
						want = 2*want - 1
					}
					if got != want {
						t.Fatalf("image %d layer %d: code %d is %v: want %v", done+i, li, j, got, want)
					}
					if l.Stream && l.stream[i*size+j] != float32(streams[li][j]) {
						t.Fatalf("image %d layer %d: stream %d is %v: want %v", done+i, li, j, l.stream[i*size+j], streams[li][j])
					}
				}
			}
			last := tr.layers[len(tr.layers)-1]
			for j, want := range logits {
				if got := last.out[i*4+j]; got != want {
					t.Fatalf("image %d: logit %d is %v: want %v", done+i, j, got, want)
				}
			}
		}
		done += n
	})
	plan, err := nn.Compile(net, nn.Options{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	logits := make([]float32, images.N*net.Classes)
	plan.Run(logits, images.Pixels, images.N)
	done = 0
	tr.evaluate(images, func(n int) {
		if want := tr.layers[len(tr.layers)-1].out[:n*net.Classes]; !slices.Equal(logits[done*net.Classes:][:len(want)], want) {
			t.Errorf("nn has other logits than training for images from %d on", done)
		}
		done += n
	})
}

// Every method learns the toy images by every optimizer.
func TestLearns(t *testing.T) {
	for _, c := range []struct {
		method, optimizer string
		lr                float32
		w                 kernels.WeightFormat
		a                 kernels.ActFormat
	}{
		{Float, Adam, 0.01, kernels.Float32, kernels.F32},
		{Float, Momentum, 0.05, kernels.Float32, kernels.F32},
		{Float, SGD, 0.3, kernels.Float32, kernels.F32},
		{STE, Adam, 0.02, kernels.Ternary, kernels.U2},
		{DST, Adam, 0.02, kernels.Ternary, kernels.U2},
		{DST, Adam, 0.02, kernels.Pow2x4, kernels.U4},
		{DST, Momentum, 0.05, kernels.Pow2x3, kernels.U3},
		{DST, SGD, 4, kernels.Pow2x4, kernels.U4},
	} {
		t.Run(fmt.Sprintf("%s,%s,%v", c.method, c.optimizer, c.w), func(t *testing.T) {
			cfg := toyConfig(c.method)
			cfg.Optimizer, cfg.LR, cfg.Epochs = c.optimizer, c.lr, 12
			tr := newToy(t, c.w, c.a, cfg, 2)
			runAll(t, tr)
			h := tr.History()
			if got := h[len(h)-1].ValidationAccuracy; got < 0.8 {
				t.Errorf("validation accuracy is %v after %d epochs: want 0.8", got, len(h))
			}
		})
	}
}

func state(t *testing.T, tr *Trainer) []byte {
	t.Helper()
	b, err := tr.encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A run's bits do not depend on the number of threads.
func TestThreads(t *testing.T) {
	for _, method := range []string{Float, DST} {
		w, a := kernels.Pow2x3, kernels.U3
		if method == Float {
			w, a = kernels.Float32, kernels.F32
		}
		var want []byte
		for _, workers := range []int{1, 2, 5} {
			c := toyConfig(method)
			c.Epochs, c.Flip, c.Shift, c.Smoothing = 2, true, 2, 0.1
			tr := newToy(t, w, a, c, workers)
			runAll(t, tr)
			got := state(t, tr)
			if want == nil {
				want = got
			} else if !bytes.Equal(got, want) {
				t.Errorf("%s: %d threads reach other bits than 1", method, workers)
			}
		}
	}
}

// A run that is stopped at any step and resumed reaches the bits of one that is
// not.
func TestResume(t *testing.T) {
	for _, method := range []string{Float, STE, DST} {
		w, a := kernels.Ternary, kernels.U2
		if method == Float {
			w, a = kernels.Float32, kernels.F32
		}
		c := toyConfig(method)
		c.Keep, c.Shift = "best", 1
		whole := newToy(t, w, a, c, 2)
		runAll(t, whole)
		want := state(t, whole)
		for _, stop := range []int{0, 1, 7, 20, 21, 59} {
			path := filepath.Join(t.TempDir(), "c")
			tr := newToy(t, w, a, c, 1)
			run(t, tr, stop)
			if err := tr.Save(path); err != nil {
				t.Fatal(err)
			}
			cp, err := ReadCheckpoint(path)
			if err != nil {
				t.Fatal(err)
			}
			if tr, err = cp.Resume(toy(900), 2); err != nil {
				t.Fatal(err)
			}
			runAll(t, tr)
			if !bytes.Equal(state(t, tr), want) {
				t.Errorf("%s: stopped at step %d and resumed, it reaches other bits", method, stop)
			}
		}
		if err := whole.Finish(); err != nil {
			t.Fatal(err)
		}
		if _, got := whole.Evaluate(whole.val); got != whole.bestAccuracy() {
			t.Errorf("%s: the best epoch's network has accuracy %v: want %v", method, got, whole.bestAccuracy())
		}
	}
}

// A process that is killed again and again while it trains and saves ends with
// the bits of one that is not.
func TestKill(t *testing.T) {
	if path := os.Getenv("TRAIN_TEST_CHECKPOINT"); path != "" {
		trainAndSave(t, path)
		return
	}
	if testing.Short() {
		t.Skip("runs processes")
	}
	c := toyConfig(DST)
	whole := newToy(t, kernels.Pow2x4, kernels.U4, c, 2)
	runAll(t, whole)
	path := filepath.Join(t.TempDir(), "c")
	s := quant.NewStream(uint64(time.Now().UnixNano()))
	kills := 0
	for i := 0; ; i++ {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKill$")
		cmd.Env = append(os.Environ(), "TRAIN_TEST_CHECKPOINT="+path)
		var out strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if i < 6 {
			kill := time.AfterFunc(time.Duration(30+s.Uint64(uint64(i))%120)*time.Millisecond, func() { _ = cmd.Process.Kill() })
			defer kill.Stop()
		}
		err := cmd.Wait()
		if err == nil {
			break
		}
		if cmd.ProcessState.Exited() {
			t.Fatalf("%v\n%s", err, &out)
		}
		kills++
	}
	t.Logf("killed %d times", kills)
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, state(t, whole)) {
		t.Error("the killed run reached other bits")
	}
}

func trainAndSave(t *testing.T, path string) {
	tr := newToy(t, kernels.Pow2x4, kernels.U4, toyConfig(DST), 2)
	if _, err := os.Stat(path); err == nil {
		cp, err := ReadCheckpoint(path)
		if err != nil {
			t.Fatal(err)
		}
		if tr, err = cp.Resume(toy(900), 2); err != nil {
			t.Fatal(err)
		}
	}
	for !tr.Done() {
		run(t, tr, 1)
		if err := tr.Save(path); err != nil {
			t.Fatal(err)
		}
	}
}

func TestHostileCheckpoint(t *testing.T) {
	dir := t.TempDir()
	tr := newToy(t, kernels.Ternary, kernels.U2, toyConfig(DST), 1)
	run(t, tr, 3)
	good := state(t, tr)
	path := filepath.Join(dir, "c")
	read := func(b []byte) error {
		t.Helper()
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		cp, err := ReadCheckpoint(path)
		if err == nil {
			_, err = cp.Resume(toy(900), 1)
		}
		if err != nil && !strings.Contains(err.Error(), path) {
			t.Errorf("error does not name the file: %v", err)
		}
		return err
	}
	if err := read(good); err != nil {
		t.Fatal(err)
	}
	for n := 0; n < len(good); n += 97 {
		if read(good[:n]) == nil {
			t.Fatalf("no error when cut to %d of %d bytes", n, len(good))
		}
	}
	for i := 0; i < len(good); i += 61 {
		b := bytes.Clone(good)
		b[i] ^= 0x10
		if read(b) == nil {
			t.Fatalf("no error with byte %d changed", i)
		}
	}
	// Files with a right checksum and wrong contents.
	for what, change := range map[string][2]string{
		"huge network":   {`"Out":6`, `"Out":600000`},
		"shape":          {`"Out":6`, `"Out":-6`},
		"method":         {`"Method":"dst"`, `"Method":"ste"`},
		"batch":          {`"Batch":40`, `"Batch":0`},
		"step":           {`"Step":3`, `"Step":99`},
		"history":        {`"Step":3`, `"Step":21`},
		"optimizer":      {`"Optimizer":"adam"`, `"Optimizer":"sgd"`},
		"other images":   {`"SHA256":"`, `"SHA256":"0`},
		"no rate":        {`"LR":0.02`, `"LR":-1`},
		"not JSON":       {`"LR":0.02`, `"LR":}`},
		"null network":   {`"Network":{`, `"Network":null,"x":{`},
		"extra best":     {`"Best":false`, `"Best":true`},
		"other format":   {`"Weights":2`, `"Weights":9`},
		"no half width":  {`"HalfWidth":0.5`, `"HalfWidth":0`},
		"huge epochs":    {`"Epochs":3`, `"Epochs":300000000`},
		"more held out":  {`"Validation":100`, `"Validation":900`},
		"negative count": {`"Validation":100`, `"Validation":-1`},
	} {
		b := reseal(t, good, change[0], change[1])
		if err := read(b); err == nil {
			t.Errorf("%s: no error", what)
		} else {
			t.Logf("%s: %v", what, err)
		}
	}
}

// TestDiscreteMemory holds dst to its word: one byte a weight, no float copy.
func TestDiscreteMemory(t *testing.T) {
	weights := int64(0)
	net := toyNet(kernels.Pow2x4, kernels.U4)
	for i := range net.Blocks {
		weights += int64(net.Blocks[i].Out * net.Blocks[i].K())
	}
	for _, c := range []struct {
		method, optimizer string
		perWeight, states int64
	}{{DST, SGD, 1, 0}, {DST, Momentum, 1, 4}, {DST, Adam, 1, 8}, {STE, Adam, 4, 8}} {
		cfg := toyConfig(c.method)
		cfg.Optimizer = c.optimizer
		tr := newToy(t, kernels.Pow2x4, kernels.U4, cfg, 1)
		m := tr.Memory()
		if m.Weights != c.perWeight*weights {
			t.Errorf("%s, %s: %d bytes of weights: want %d each of %d", c.method, c.optimizer, m.Weights, c.perWeight, weights)
		}
		if m.Optimizer < c.states*weights || m.Optimizer > c.states*(weights+200) {
			t.Errorf("%s, %s: %d bytes of optimizer state: want at least %d", c.method, c.optimizer, m.Optimizer, c.states*weights)
		}
		for _, l := range tr.layers {
			if c.method == DST && l.weight.value != nil {
				t.Error("dst keeps float weights")
			}
		}
	}
}

func TestBadConfig(t *testing.T) {
	for _, c := range []struct {
		change func(*Config)
		want   string
	}{
		{func(c *Config) { c.Method = "magic" }, "method"},
		{func(c *Config) { c.Method = Float }, "method"},
		{func(c *Config) { c.Batch = 0 }, "batch"},
		{func(c *Config) { c.Batch = 1000 }, "batch"},
		{func(c *Config) { c.LR = float32(math.NaN()) }, "lr"},
		{func(c *Config) { c.Optimizer = "lion" }, "optimizer"},
		{func(c *Config) { c.Schedule = "" }, "schedule"},
		{func(c *Config) { c.Validation = 890 }, "validation"},
		{func(c *Config) { c.Transition = "" }, "transition"},
		{func(c *Config) { c.Window = "" }, "window"},
		{func(c *Config) { c.Keep = "" }, "keep"},
		{func(c *Config) { c.State = "4bit" }, "state"},
		{func(c *Config) { c.State = None }, "without state"},
		{func(c *Config) { c.Keep, c.Validation = "best", 0 }, "without images held out"},
	} {
		cfg := toyConfig(DST)
		c.change(&cfg)
		_, err := New(toyNet(kernels.Ternary, kernels.U2), cfg, toy(900), 1)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error is %v: want one about %s", err, c.want)
		}
	}
	wide := toyNet(kernels.Int8, kernels.U8)
	wide.Input = nn.Shape{H: 8, W: 8, C: 128}
	wide.Blocks[0].In = wide.Input
	if err := checkNetwork(wide, DST); err == nil || !strings.Contains(err.Error(), "2^24") {
		t.Errorf("error is %v: want one about sums past 2^24", err)
	}
	// A layer that may have such sums trains as long as it has none.
	wide.Input.C = 64
	wide.Blocks[0].In = wide.Input
	images := &data.Images{N: 40, H: 8, W: 8, C: 64, Pixels: make([]uint8, 40*64*64), Labels: make([]uint8, 40)}
	c := toyConfig(DST)
	c.Validation, c.Epochs = 0, 2
	tr, err := New(wide, c, images, 1)
	if err != nil {
		t.Fatal(err)
	}
	if epoch, err := tr.Step(); !epoch || err != nil {
		t.Errorf("after an epoch: %v, %v", epoch, err)
	}
	for i := range tr.layers[0].weight.level {
		tr.layers[0].weight.level[i] = 254
	}
	tr.cfg.LR = 0
	if _, err := tr.Step(); err == nil || !strings.Contains(err.Error(), "2^24") {
		t.Errorf("error is %v: want one about sums past 2^24", err)
	}
}

func TestRate(t *testing.T) {
	for _, s := range []string{"cosine", "onecycle", "linear", "constant"} {
		c := Config{Schedule: s, Warmup: 0.1}
		top := 0.0
		for i := range 1000 {
			r := c.rate(i, 1000)
			if r < 0 || r > 1 {
				t.Fatalf("%s: rate %v at step %d", s, r, i)
			}
			top = max(top, r)
		}
		if top < 0.99 || s != "constant" && c.rate(999, 1000) > 0.01 || c.rate(0, 1000) > 0.01 {
			t.Errorf("%s: rates from %v over %v to %v", s, c.rate(0, 1000), top, c.rate(999, 1000))
		}
	}
}
