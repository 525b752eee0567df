package train

import (
	"runtime"
	"strings"
	"testing"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/data"
	"example.com/lowbit/netrun/nn"
)

// What a run is said to need is near to what New takes.
func TestNeed(t *testing.T) {
	images := &data.Images{N: 600, H: 32, W: 32, C: 3, Pixels: make([]uint8, 600*32*32*3), Labels: make([]uint8, 600)}
	d, err := nn.NamedNetwork("resnet20")
	if err != nil {
		t.Fatal(err)
	}
	net, err := d.Network(nn.Shape{H: 32, W: 32, C: 3}, 10, nn.Formats{Weights: kernels.Ternary, Acts: kernels.U2})
	if err != nil {
		t.Fatal(err)
	}
	c := toyConfig(DST)
	c.Batch = 64
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	tr, err := New(net, c, images, 1)
	if err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	got, want := need(net, &c), int64(after.TotalAlloc-before.TotalAlloc)
	if got > want || got < want*3/4 {
		t.Errorf("a need of %d bytes: want nearly %d, which New took", got, want)
	}
	runtime.KeepAlive(tr)
}

func TestTooLarge(t *testing.T) {
	c := toyConfig(Float)
	c.Batch, c.Validation = 1<<16, 0
	images := &data.Images{N: 1 << 16, H: 4, W: 4, C: 1, Pixels: make([]uint8, 1<<20), Labels: make([]uint8, 1<<16)}
	d := &nn.Description{Name: "large", Layers: []nn.LayerDescription{{Kind: nn.Conv, Out: 1 << 20, Kernel: 1}, {Kind: nn.Dense}}}
	net, err := d.Network(nn.Shape{H: 4, W: 4, C: 1}, 10, nn.Formats{Weights: kernels.Float32, Acts: kernels.F32})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(net, c, images, 1); err == nil || !strings.Contains(err.Error(), "GiB for batches of 65536 images") {
		t.Errorf("error is %v: want one about memory", err)
	}
	// The largest shapes there may be do not overflow.
	b := nn.Block{Kind: nn.Conv, In: nn.Shape{H: 1 << 14, W: 1 << 14, C: 2}, Kernel: 1, Stride: 1, Out: 2}
	worst := &nn.Network{Input: b.In}
	for range 1024 {
		worst.Blocks = append(worst.Blocks, b)
	}
	if n := need(worst, &c); n < 1<<57 {
		t.Errorf("a need of %d bytes: want more", n)
	}
}
