package suite

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"example.com/lowbit/kernels"
	"example.com/lowbit/ref"
)

// A size is M rows of activations, N outputs and K inputs.
type size struct{ m, n, k int }

func (s size) macs() int { return s.m * s.n * s.k }

func (s size) String() string { return fmt.Sprintf("m=%d/n=%d/k=%d", s.m, s.n, s.k) }

// gemmSizes are, some: a product small enough for ref, lenet's dense layer on a
// batch, a large square; all: also two layers of ResNet-50.
func gemmSizes() []size {
	if comparing() {
		return comparedGEMM
	}
	list := []size{{16, 32, 144}, {64, 512, 1024}, {1024, 1024, 1024}}
	if allShapes() {
		list = append(list, size{3136, 64, 576}, size{196, 256, 2304})
	}
	return list
}

// gemvSizes are, some: lenet's dense layer and a square larger than the cache
// of a core; all: also two layers of language models.
func gemvSizes() []size {
	if comparing() {
		return comparedGEMV
	}
	list := []size{{1, 512, 1024}, {1, 4096, 4096}}
	if allShapes() {
		list = append(list, size{1, 6912, 2560}, size{1, 14336, 4096})
	}
	return list
}

// refMACs is how large a product may be for impl=ref to be measured.
const refMACs = 1 << 20

// GEMM measures products of several rows of activations.
func GEMM(b *testing.B, peers ...Peer) {
	for _, s := range gemmSizes() {
		products(b, s, "hot", peers)
		if s.macs() >= 1<<30 && runtime.NumCPU() > 1 && !comparing() {
			threaded(b, s, runtime.NumCPU())
		}
		if s == (size{1024, 1024, 1024}) {
			sparse(b, s)
		}
	}
}

// GEMV measures products of one row, from weights in cache and from memory.
func GEMV(b *testing.B, peers ...Peer) {
	for _, s := range gemvSizes() {
		products(b, s, "hot", peers)
		if 4*s.n*s.k > machineCaches().size[l2] {
			products(b, s, "cold", peers)
		}
	}
}

// products adds the benchmarks of one shape.
func products(b *testing.B, s size, cache string, peers []Peer) {
	name := func(p fmt.Stringer, impl string) string {
		return fmt.Sprintf("%s/impl=%s/%v/cache=%s", p, impl, s, cache)
	}
	for _, p := range pairs() {
		data := sync.OnceValue(func() *product { return newProduct(p, s) })
		for _, k := range productRows(p, s, cache) {
			run(b, name(formatKeys(p), k.Name), func() (*work, error) { return data().work(k, cache == "cold", 1) })
		}
		for _, q := range beside(p, peers) {
			run(b, name(formatKeys(p), q.Impl), func() (*work, error) { return data().peer(q, cache == "cold") })
		}
		if s.macs() <= refMACs && cache == "hot" {
			run(b, name(formatKeys(p), "ref"), func() (*work, error) { return data().ref(), nil })
		}
	}
	data := sync.OnceValue(func() *floatProduct { return newFloatProduct(s) })
	for i, k := range rows(kernels.OpGEMMFloat32, kernels.Formats{}) {
		if comparing() && i > 0 && k.ISA == portable && s.macs() > portableMACs {
			continue
		}
		run(b, name(floatKeys, k.Name), func() (*work, error) { return data().work(k, cache == "cold", 1) })
	}
	for _, q := range beside(FloatFormats, peers) {
		run(b, name(floatKeys, q.Impl), func() (*work, error) { return data().peer(q, cache == "cold") })
	}
	if s.macs() <= refMACs && cache == "hot" {
		run(b, name(floatKeys, "ref"), func() (*work, error) { return data().ref(), nil })
	}
}

// productRows lists the kernels to measure on one shape. Every kernel is
// measured on the layers of the shipped networks and on the large square.
func productRows(p kernels.Formats, s size, cache string) []kernels.Kernel {
	if comparing() {
		return comparedRows(p, s, cache)
	}
	list := gemmRows(p, s)
	if cache == "cold" || s.n*s.k > 1<<20 || s.macs() <= refMACs && s.m > 1 {
		return ends(list, p, s)
	}
	return list
}

// threaded adds benchmarks of the preferred kernels on several threads.
func threaded(b *testing.B, s size, threads int) {
	for _, p := range pairs() {
		k := gemmRows(p, s)[0]
		name := fmt.Sprintf("%s/impl=%s/%v/cache=hot/threads=%d", formatKeys(p), k.Name, s, threads)
		run(b, name, func() (*work, error) { return newProduct(p, s).work(k, false, threads) })
	}
	k := rows(kernels.OpGEMMFloat32, kernels.Formats{})[0]
	name := fmt.Sprintf("%s/impl=%s/%v/cache=hot/threads=%d", floatKeys, k.Name, s, threads)
	run(b, name, func() (*work, error) { return newFloatProduct(s).work(k, false, threads) })
}

type keys string

func (k keys) String() string { return string(k) }

func formatKeys(p kernels.Formats) keys {
	return keys(fmt.Sprintf("w=%v/a=%v", p.Weights, p.Acts))
}

const floatKeys keys = "w=float32/a=float32"

// A product is the data of a GEMM or GEMV.
type product struct {
	size
	formats kernels.Formats
	w       kernels.Weights
	x       []uint8
	dst     []int32
}

func newProduct(p kernels.Formats, s size) *product {
	return &product{s, p, randomWeights(p.Weights, s.n, s.k), randomCodes(p.Acts, s.m*s.k), make([]int32, s.m*s.n)}
}

func (p *product) check() error {
	return checkGEMM(p.dst, actValues(p.formats.Acts, p.x), p.w.Values, p.m, p.n, p.k)
}

// A plan is a GEMM, or a GEMV that is told that it has one row.
type plan interface {
	Kernel() string
	PackedBytes() int
	Run(dst []int32, x []uint8, m int)
}

type gemv struct{ *kernels.GEMV }

func (g gemv) Run(dst []int32, x []uint8, _ int) { g.GEMV.Run(dst, x) }

// work plans the product for a kernel, as a ring of plans if the weights are to
// be cold.
func (p *product) work(k kernels.Kernel, cold bool, threads int) (*work, error) {
	restore, err := use(k)
	if err != nil {
		return nil, err
	}
	defer restore()
	plans, err := ring(func() (plan, error) {
		opt := kernels.Options{Threads: threads, Rows: p.m}
		if p.m == 1 {
			g, err := kernels.NewGEMV(p.w, p.formats.Acts, opt)
			return gemv{g}, err
		}
		return kernels.NewGEMM(p.w, p.formats.Acts, opt)
	}, cold)
	if err != nil {
		return nil, err
	}
	if err := chosen(plans[0].Kernel(), k); err != nil {
		return nil, err
	}
	packed := plans[0].PackedBytes()
	return &work{
		run:   func(i int) { plans[i%len(plans)].Run(p.dst, p.x, p.m) },
		check: p.check, poison: func() { clear(p.dst) },
		macs: p.macs(), bytes: packed + len(p.x) + 4*len(p.dst),
		weights: p.n * p.k, packed: packed,
		cold: cold, threads: threads, loop: loopOf(k, p.formats),
	}, nil
}

// ring makes one plan, or, for cold weights, so many that they hold twice what
// the last-level cache holds, or 256 MiB: more than a core's share of it where
// it is larger.
func ring[P interface{ PackedBytes() int }](plan func() (P, error), cold bool) ([]P, error) {
	first, err := plan()
	if err != nil || !cold {
		return []P{first}, err
	}
	plans := make([]P, 1+min(2*machineCaches().size[l3], 256<<20)/first.PackedBytes())
	plans[0] = first
	errs := make([]error, len(plans))
	var wait sync.WaitGroup
	for worker := range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for i := 1 + worker; i < len(plans); i += runtime.GOMAXPROCS(0) {
				plans[i], errs[i] = plan()
			}
		})
	}
	wait.Wait()
	return plans, errors.Join(errs...)
}

func (p *product) ref() *work {
	x := actValues(p.formats.Acts, p.x)
	return &work{
		run:   func(int) { ref.GEMM(p.dst, x, p.w.Values, p.m, p.n, p.k) },
		check: p.check, poison: func() { clear(p.dst) },
		macs: p.macs(), bytes: len(p.w.Values) + 2*len(x) + 4*len(p.dst),
		weights: p.n * p.k, packed: len(p.w.Values),
		loop: loopOf(kernels.Kernel{ISA: "portable", Algorithm: "muladd"}, kernels.Formats{}),
	}
}

// A floatProduct is the data of a float32 GEMM or GEMV.
type floatProduct struct {
	size
	w, x, dst []float32
}

func newFloatProduct(s size) *floatProduct {
	return &floatProduct{s, randomFloats(s.n * s.k), randomFloats(s.m * s.k), make([]float32, s.m*s.n)}
}

func (p *floatProduct) check() error { return checkGEMMFloat32(p.dst, p.x, p.w, p.m, p.n, p.k) }

func (p *floatProduct) work(k kernels.Kernel, cold bool, threads int) (*work, error) {
	restore, err := use(k)
	if err != nil {
		return nil, err
	}
	defer restore()
	plans, err := ring(func() (*kernels.GEMMFloat32, error) {
		return kernels.NewGEMMFloat32(p.w, p.n, p.k, kernels.Options{Threads: threads})
	}, cold)
	if err != nil {
		return nil, err
	}
	if err := chosen(plans[0].Kernel(), k); err != nil {
		return nil, err
	}
	packed := plans[0].PackedBytes()
	return &work{
		run:   func(i int) { plans[i%len(plans)].Run(p.dst, p.x, p.m) },
		check: p.check, poison: func() { clear(p.dst) },
		macs: p.macs(), bytes: packed + 4*len(p.x) + 4*len(p.dst),
		weights: p.n * p.k, packed: packed,
		cold: cold, threads: threads, loop: loopOf(k, FloatFormats),
	}, nil
}

func (p *floatProduct) ref() *work {
	return &work{
		run:   func(int) { ref.GEMMFloat32(p.dst, p.x, p.w, p.m, p.n, p.k) },
		check: p.check, poison: func() { clear(p.dst) },
		macs: p.macs(), bytes: 4 * (len(p.w) + len(p.x) + len(p.dst)),
		weights: p.n * p.k, packed: 4 * len(p.w),
		loop: loopOf(kernels.Kernel{ISA: "portable", Algorithm: "float32"}, FloatFormats),
	}
}
