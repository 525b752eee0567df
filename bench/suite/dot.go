package suite

import (
	"fmt"
	"testing"

	"example.com/lowbit/kernels"
	"example.com/lowbit/ref"
)

// Dot measures inner products of length k from activation codes and,
// for formats of one bit, from activations that are already packed (x=bits).
func Dot(b *testing.B, peers ...Peer) {
	lengths := []int{1024, 4096}
	if allShapes() {
		lengths = append(lengths, 64, 256, 16384)
	}
	for _, k := range lengths {
		for _, p := range pairs() {
			d := newDot(p, k)
			name := func(impl, x string) string {
				return fmt.Sprintf("%s/impl=%s/m=1/n=1/k=%d/cache=hot/x=%s", formatKeys(p), impl, k, x)
			}
			bits := p.Weights == kernels.Binary && p.Acts.Bits() == 1
			if bits {
				for _, row := range rows(kernels.OpDotBinary, kernels.Formats{}) {
					run(b, name(row.Name, "bits"), func() (*work, error) { return d.work(row, true) })
					run(b, name(row.Name, "codes"), func() (*work, error) { return d.work(row, false) })
				}
			} else {
				for _, row := range rows(kernels.OpDot, p) {
					run(b, name(row.Name, "codes"), func() (*work, error) { return d.work(row, false) })
				}
			}
			for _, q := range beside(p, peers) {
				x := "codes"
				if q.Bits {
					x = "bits"
				}
				run(b, name(q.Impl, x), func() (*work, error) { return d.peer(q) })
			}
			run(b, name("ref", "codes"), func() (*work, error) { return d.ref(), nil })
		}
		f := newFloatProduct(size{1, 1, k})
		name := func(impl string) string {
			return fmt.Sprintf("%s/impl=%s/m=1/n=1/k=%d/cache=hot/x=codes", floatKeys, impl, k)
		}
		for _, row := range rows(kernels.OpDotFloat32, kernels.Formats{}) {
			run(b, name(row.Name), func() (*work, error) { return dotFloat32(f, row) })
		}
		for _, q := range beside(FloatFormats, peers) {
			run(b, name(q.Impl), func() (*work, error) { return f.peer(q, false) })
		}
		run(b, name("ref"), func() (*work, error) { return f.ref(), nil })
	}
}

// A dot is the data of an inner product.
type dot struct {
	formats kernels.Formats
	w       kernels.Weights
	x       []uint8
	sum     int32
}

func newDot(p kernels.Formats, k int) *dot {
	return &dot{formats: p, w: randomWeights(p.Weights, 1, k), x: randomCodes(p.Acts, k)}
}

func (d *dot) check() error {
	if want := ref.Dot(actValues(d.formats.Acts, d.x), d.w.Values); d.sum != want {
		return fmt.Errorf("the inner product is %d: want %d", d.sum, want)
	}
	return nil
}

func (d *dot) work(k kernels.Kernel, bits bool) (*work, error) {
	restore, err := use(k)
	if err != nil {
		return nil, err
	}
	defer restore()
	plan, err := kernels.NewDot(d.w, d.formats.Acts)
	if err != nil {
		return nil, err
	}
	if err := chosen(plan.Kernel(), k); err != nil {
		return nil, err
	}
	w := &work{
		run:   func(int) { d.sum = plan.Run(d.x) },
		check: d.check,
		macs:  d.w.K, bytes: plan.PackedBytes() + len(d.x),
		weights: d.w.K, packed: plan.PackedBytes(),
		loop: loopOf(k, d.formats),
	}
	if bits {
		words := make([]uint64, (len(d.x)+63)/64)
		kernels.PackSigns(words, d.x)
		w.run = func(int) { d.sum = plan.RunBits(words) }
		w.bytes = plan.PackedBytes() + 8*len(words)
	}
	return w, nil
}

func (d *dot) ref() *work {
	x := actValues(d.formats.Acts, d.x)
	return &work{
		run:   func(int) { d.sum = ref.Dot(x, d.w.Values) },
		check: d.check,
		macs:  d.w.K, bytes: 3 * d.w.K,
		weights: d.w.K, packed: d.w.K,
		loop: loopOf(kernels.Kernel{ISA: "portable", Algorithm: "muladd"}, kernels.Formats{}),
	}
}

func (d *dot) peer(q Peer) (*work, error) {
	p := product{size: size{1, 1, d.w.K}, formats: d.formats, w: d.w, x: d.x, dst: make([]int32, 1)}
	return p.peer(q, false)
}

// dotFloat32 calls a function that dispatches at each call, so the kernel is
// set around each series of calls rather than when the work is made.
func dotFloat32(p *floatProduct, k kernels.Kernel) (*work, error) {
	return &work{
		around: func() (func(), error) { return use(k) },
		run:    func(int) { p.dst[0] = kernels.DotFloat32(p.x, p.w) },
		check:  p.check,
		macs:   p.k, bytes: 8 * p.k,
		weights: p.k, packed: 4 * p.k,
		loop: loopOf(k, FloatFormats),
	}, nil
}
