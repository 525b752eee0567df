package suite

import (
	"fmt"
	"sync"
	"testing"

	"example.com/lowbit/kernels"
	"example.com/lowbit/ref"
)

// A convSize is a convolution of several images at once.
type convSize struct {
	kernels.ConvShape
	images int
}

func square(side, in, out, kernel, pad int) kernels.ConvShape {
	return kernels.ConvShape{H: side, W: side, InC: in, OutC: out, KH: kernel, KW: kernel, StrideH: 1, StrideW: 1, PadH: pad, PadW: pad}
}

// convSizes are, some: a convolution small enough for ref, lenet's conv2 on 8
// images, a middle layer of vgg-small; all: also its first and last layers and
// the bulk of ResNet-20 and ResNet-18.
func convSizes() []convSize {
	list := []convSize{
		{square(8, 16, 16, 3, 1), 1},
		{square(12, 32, 64, 5, 0), 8},
		{square(16, 256, 256, 3, 1), 1},
	}
	if allShapes() {
		list = append(list,
			convSize{square(32, 128, 128, 3, 1), 1},
			convSize{square(8, 512, 512, 3, 1), 1},
			convSize{square(8, 64, 64, 3, 1), 16},
			convSize{square(56, 64, 64, 3, 1), 1},
		)
	}
	return list
}

// product is the equivalent product: a row for each output pixel.
func (s convSize) product() size { return size{s.images * s.OutH() * s.OutW(), s.OutC, s.K()} }

func (s convSize) String() string {
	return fmt.Sprintf("%v/cache=hot/conv=%dx%dx%dx%d,%dx%d,stride%d,pad%d",
		s.product(), s.images, s.H, s.W, s.InC, s.KH, s.KW, s.StrideH, s.PadH)
}

func (s convSize) ref() ref.ConvShape { return ref.ConvShape(s.ConvShape) }

// Conv2D measures convolutions by kernels of products, packing included.
func Conv2D(b *testing.B) {
	for _, s := range convSizes() {
		name := func(p fmt.Stringer, impl string) string { return fmt.Sprintf("%s/impl=%s/%v", p, impl, s) }
		small := s.product().macs() <= refMACs
		for _, p := range pairs() {
			data := sync.OnceValue(func() *conv { return newConv(p, s) })
			for _, k := range ends(gemmRows(p, s.product()), p, s.product()) {
				run(b, name(formatKeys(p), k.Name), func() (*work, error) { return data().work(k) })
			}
			if small {
				run(b, name(formatKeys(p), "ref"), func() (*work, error) { return data().ref(), nil })
			}
		}
		data := sync.OnceValue(func() *floatConv { return newFloatConv(s) })
		for _, k := range rows(kernels.OpGEMMFloat32, kernels.Formats{}) {
			run(b, name(floatKeys, k.Name), func() (*work, error) { return data().work(k) })
		}
		if small {
			run(b, name(floatKeys, "ref"), func() (*work, error) { return data().ref(), nil })
		}
	}
}

// A conv is the data of a convolution.
type conv struct {
	convSize
	formats kernels.Formats
	w       kernels.Weights
	x       []uint8
	dst     []int32
	want    func() []int32 // of checked channels of the last image
}

func newConv(p kernels.Formats, s convSize) *conv {
	c := &conv{convSize: s, formats: p, w: randomWeights(p.Weights, s.OutC, s.K()),
		x: randomCodes(p.Acts, s.images*s.H*s.W*s.InC), dst: make([]int32, s.images*s.OutH()*s.OutW()*s.OutC)}
	c.want = sync.OnceValue(func() []int32 {
		shape := s.checked()
		want := make([]int32, s.OutH()*s.OutW()*shape.OutC)
		ref.Conv2D(want, actValues(p.Acts, c.x[(s.images-1)*s.H*s.W*s.InC:]), lastRows(c.w.Values, shape.OutC, s.K()), shape, c.pad())
		return want
	})
	return c
}

// pad is the value of a pixel outside the image.
func (c *conv) pad() int16 {
	if c.formats.Acts == kernels.Sign {
		return -1
	}
	return 0
}

func (c *conv) check() error { return same(lastChannels(c.dst, c.convSize), c.want()) }

// checked is the shape of what is compared with ref, which would take seconds
// for all: the last channels of the last image, where edges are.
func (s convSize) checked() ref.ConvShape {
	shape := s.ref()
	shape.OutC = min(9, s.OutC)
	return shape
}

// lastRows are the last n of the rows of k weights.
func lastRows[T any](w []T, n, k int) []T { return w[len(w)-n*k:] }

// lastChannels are those of the last image of dst that are checked.
func lastChannels[T any](dst []T, s convSize) []T {
	n := s.checked().OutC
	var out []T
	dst = dst[(s.images-1)*s.OutH()*s.OutW()*s.OutC:]
	for pixel := range s.OutH() * s.OutW() {
		out = append(out, dst[(pixel+1)*s.OutC-n:(pixel+1)*s.OutC]...)
	}
	return out
}

func (c *conv) work(k kernels.Kernel) (*work, error) {
	restore, err := use(k)
	if err != nil {
		return nil, err
	}
	defer restore()
	plan, err := kernels.NewConv2D(c.w, c.ConvShape, c.formats.Acts, kernels.Options{})
	if err != nil {
		return nil, err
	}
	if err := chosen(plan.Kernel(), k); err != nil {
		return nil, err
	}
	return &work{
		run:   func(int) { plan.Run(c.dst, c.x, c.images) },
		check: c.check, poison: func() { clear(c.dst) },
		macs: c.product().macs(), bytes: plan.PackedBytes() + len(c.x) + 4*len(c.dst),
		weights: len(c.w.Values), packed: plan.PackedBytes(),
		loop: loopOf(k, c.formats),
	}, nil
}

func (c *conv) ref() *work {
	x := actValues(c.formats.Acts, c.x)
	return &work{
		run: func(int) {
			for i := range c.images {
				in, out := len(x)/c.images, len(c.dst)/c.images
				ref.Conv2D(c.dst[i*out:], x[i*in:], c.w.Values, c.convSize.ref(), c.pad())
			}
		},
		check: c.check, poison: func() { clear(c.dst) },
		macs: c.product().macs(), bytes: len(c.w.Values) + 2*len(x) + 4*len(c.dst),
		weights: len(c.w.Values), packed: len(c.w.Values),
		loop: loopOf(kernels.Kernel{ISA: "portable", Algorithm: "muladd"}, kernels.Formats{}),
	}
}

// A floatConv is the data of a float32 convolution.
type floatConv struct {
	convSize
	w, x, dst []float32
	want      func() []float32 // of checked channels of the last image
}

func newFloatConv(s convSize) *floatConv {
	c := &floatConv{convSize: s, w: randomFloats(s.OutC * s.K()), x: randomFloats(s.images * s.H * s.W * s.InC),
		dst: make([]float32, s.images*s.OutH()*s.OutW()*s.OutC)}
	c.want = sync.OnceValue(func() []float32 {
		shape := s.checked()
		want := make([]float32, s.OutH()*s.OutW()*shape.OutC)
		ref.Conv2DFloat32(want, c.x[(s.images-1)*s.H*s.W*s.InC:], lastRows(c.w, shape.OutC, s.K()), shape)
		return want
	})
	return c
}

// check allows for the rounding of K additions of products below 1.
func (c *floatConv) check() error {
	k, got := float64(c.K()), lastChannels(c.dst, c.convSize)
	for i, want := range c.want() {
		if abs(float64(got[i])-float64(want)) > k*k*0x1p-24 {
			return fmt.Errorf("checked output %d is %v, which is not within rounding of %v", i, got[i], want)
		}
	}
	return nil
}

func (c *floatConv) work(k kernels.Kernel) (*work, error) {
	restore, err := use(k)
	if err != nil {
		return nil, err
	}
	defer restore()
	plan, err := kernels.NewConv2DFloat32(c.w, c.ConvShape, kernels.Options{})
	if err != nil {
		return nil, err
	}
	if err := chosen(plan.Kernel(), k); err != nil {
		return nil, err
	}
	loop := loopOf(k, FloatFormats) // does the products that transforms leave
	loop.MACs = int(float64(loop.MACs) * float64(c.MACs()) / float64(plan.Work()))
	return &work{
		run:   func(int) { plan.Run(c.dst, c.x, c.images) },
		check: c.check, poison: func() { clear(c.dst) },
		macs: c.product().macs(), bytes: plan.PackedBytes() + 4*len(c.x) + 4*len(c.dst),
		weights: len(c.w), packed: plan.PackedBytes(),
		loop: loop,
	}, nil
}

func (c *floatConv) ref() *work {
	return &work{
		run: func(int) {
			for i := range c.images {
				in, out := len(c.x)/c.images, len(c.dst)/c.images
				ref.Conv2DFloat32(c.dst[i*out:], c.x[i*in:], c.w, c.convSize.ref())
			}
		},
		check: c.check, poison: func() { clear(c.dst) },
		macs: c.product().macs(), bytes: 4 * (len(c.w) + len(c.x) + len(c.dst)),
		weights: len(c.w), packed: 4 * len(c.w),
		loop: loopOf(kernels.Kernel{ISA: "portable", Algorithm: "float32"}, FloatFormats),
	}
}
