package suite

import (
	"fmt"
	"slices"
	"testing"
	"unsafe"

	"example.com/lowbit/kernels"
	"example.com/lowbit/ref"
)

// The epilogues run on the sums of lenet's conv1 on one image.
const (
	epilogueSide     = 24
	epilogueRows     = epilogueSide * epilogueSide
	epilogueChannels = 32
)

// Epilogue measures the steps between layers: elements are sums read.
// Their limit is the read bandwidth for what they read and write.
func Epilogue(b *testing.B) {
	for _, k := range rows(kernels.OpEpilogue, kernels.Formats{}) {
		for _, e := range epilogues(k) {
			run(b, fmt.Sprintf("op=%s/impl=%s/rows=%d/c=%d/cache=hot", e.name, k.Name, epilogueRows, epilogueChannels), e.prepare)
		}
	}
}

type epilogue struct {
	name    string
	prepare func() (*work, error)
}

func epilogues(k kernels.Kernel) []epilogue {
	const n = epilogueRows * epilogueChannels
	acc := make([]int32, n)
	for i, r := 0, random(n, 0, 3); i < n; i++ {
		acc[i] = r.Int32N(2001) - 1000
	}
	around := func() (func(), error) { return use(k) }
	var list []epilogue
	for _, a := range []kernels.ActFormat{kernels.U1, kernels.U2, kernels.U3, kernels.U4} {
		list = append(list, epilogue{fmt.Sprintf("thresholds,%v", a), func() (*work, error) { return thresholds(k, acc, a.Max(), (*kernels.Thresholds).Run) }})
	}
	acc16 := make([]int16, n)
	for i, v := range acc {
		acc16[i] = int16(v)
	}
	for _, a := range []kernels.ActFormat{kernels.U1, kernels.U2, kernels.U3, kernels.U4} {
		list = append(list, epilogue{fmt.Sprintf("thresholds,%v,int16", a), func() (*work, error) { return thresholds(k, acc16, a.Max(), (*kernels.Thresholds).RunInt16) }})
	}
	floats := make([]float32, n)
	for i, v := range acc {
		floats[i] = float32(v)
	}
	list = append(list, residuals(k, "int16", acc16, (*kernels.Residual).RunInt16)...)
	list = append(list, residuals(k, "int32", acc, (*kernels.Residual).Run)...)
	list = append(list, residuals(k, "float32", floats, (*kernels.Residual).RunFloat32)...)
	list = append(list, epilogue{"requantize,u8", func() (*work, error) { return requantize(k, acc) }})
	list = append(list, epilogue{"maxpool,int32", func() (*work, error) { return pool(around, acc, 4), nil }})
	list = append(list, epilogue{"maxpool,int16", func() (*work, error) { return pool(around, acc16, 2), nil }})
	list = append(list, epilogue{"affine-relu,float32", func() (*work, error) { return affine(around) }})
	return list
}

func pool[T int16 | int32](around func() (func(), error), acc []T, bytes int) *work {
	shape := kernels.PoolShape{H: epilogueSide, W: epilogueSide, C: epilogueChannels, Window: 2, Stride: 2}
	dst, want := make([]T, len(acc)/4), make([]T, len(acc)/4)
	ref.MaxPool(want, acc, ref.PoolShape(shape))
	return &work{
		around: around,
		run:    func(int) { kernels.MaxPool(dst, acc, shape, 1) },
		check:  func() error { return same(dst, want) },
		elems:  len(acc), bytes: bytes * (len(acc) + len(dst)),
	}
}

// residuals are the steps to codes in float32: of a layer alone, and of blocks with a
// stream and an identity or a projection.
func residuals[S int16 | int32 | float32](k kernels.Kernel, name string, sums []S, run func(r *kernels.Residual, dst, stream []uint8, sums []S, codes []uint8, projected []S)) []epilogue {
	var list []epilogue
	for _, kind := range []string{"code", "identity", "projection"} {
		list = append(list, epilogue{kind + "," + name, func() (*work, error) {
			restore, err := use(k)
			if err != nil {
				return nil, err
			}
			defer restore()
			p := kernels.ResidualParameters{Top: 255}
			for c := range epilogueChannels {
				p.Scale, p.Bias = append(p.Scale, 0.01*float32(c+1)), append(p.Bias, float32(c))
			}
			var stream, wantStream, codes []uint8
			short := ref.Shortcut[S]{Skip: 0.05}
			size := len(sums) * int(unsafe.Sizeof(sums[0])+1)
			if kind != "code" {
				stream, wantStream = make([]uint8, len(sums)), make([]uint8, len(sums))
				p.Top, p.SkipScale, p.StreamScale = 3, short.Skip, 20
				size += len(sums)
			}
			switch kind {
			case "identity":
				codes = make([]uint8, len(sums))
				for i := range codes {
					codes[i] = uint8(i)
				}
				short.Codes = codes
				size += len(sums)
			case "projection":
				p.ProjectScale, p.ProjectBias = p.Scale, p.Bias
				short.Sums, short.Scale, short.Bias = sums, p.Scale, p.Bias
				size += len(sums) * int(unsafe.Sizeof(sums[0]))
			}
			plan, err := kernels.NewResidual(p)
			if err != nil {
				return nil, err
			}
			if err := chosen(plan.Kernel(), k); err != nil {
				return nil, err
			}
			dst, want := make([]uint8, len(sums)), make([]uint8, len(sums))
			ref.Residual(want, wantStream, sums, p.Scale, p.Bias, p.Top, short, p.StreamScale)
			return &work{
				run: func(int) { run(plan, dst, stream, sums, codes, short.Sums) },
				check: func() error {
					if err := same(stream, wantStream); err != nil {
						return err
					}
					return same(dst, want)
				},
				elems: len(sums), bytes: size + plan.Bytes(),
			}, nil
		}})
	}
	return list
}

func thresholds[S int16 | int32](k kernels.Kernel, acc []S, levels int, run func(t *kernels.Thresholds, dst []uint8, acc []S)) (*work, error) {
	restore, err := use(k)
	if err != nil {
		return nil, err
	}
	defer restore()
	list, negate := make([][]int32, epilogueChannels), make([]bool, epilogueChannels)
	for c := range list {
		negate[c] = c%3 == 0
		for j := range levels {
			list[c] = append(list[c], int32((j+1)*2000/(levels+1)-1000+c))
		}
	}
	plan, err := kernels.NewThresholds(list, negate)
	if err != nil {
		return nil, err
	}
	if err := chosen(plan.Kernel(), k); err != nil {
		return nil, err
	}
	dst, want := make([]uint8, len(acc)), make([]uint8, len(acc))
	ref.Thresholds(want, acc, list, negate)
	return &work{
		run:   func(int) { run(plan, dst, acc) },
		check: func() error { return same(dst, want) },
		elems: len(acc), bytes: len(acc)*int(unsafe.Sizeof(acc[0])+1) + (levels+1)*epilogueChannels*int(unsafe.Sizeof(acc[0])),
	}, nil
}

func requantize(k kernels.Kernel, acc []int32) (*work, error) {
	restore, err := use(k)
	if err != nil {
		return nil, err
	}
	defer restore()
	mul, add := make([]int32, epilogueChannels), make([]int64, epilogueChannels)
	for c := range mul {
		mul[c], add[c] = int32(1000+c), int64(1<<21)
	}
	plan, err := kernels.NewRequantize(mul, add, 13, 255)
	if err != nil {
		return nil, err
	}
	if err := chosen(plan.Kernel(), k); err != nil {
		return nil, err
	}
	dst, want := make([]uint8, len(acc)), make([]uint8, len(acc))
	ref.Requantize(want, acc, mul, add, 13, 255)
	return &work{
		run:   func(int) { plan.Run(dst, acc) },
		check: func() error { return same(dst, want) },
		elems: len(acc), bytes: 5*len(acc) + 12*epilogueChannels,
	}, nil
}

// affine works in place, again and again: the scale is 1 and the bias 0, so
// that every call finds the same numbers but for those that relu clipped.
func affine(around func() (func(), error)) (*work, error) {
	const n = epilogueRows * epilogueChannels
	scale, bias, x := make([]float32, epilogueChannels), make([]float32, epilogueChannels), randomFloats(n)
	for c := range scale {
		scale[c] = 1
	}
	want := slices.Clone(x)
	ref.Affine(want, scale, bias, true)
	return &work{
		around: around,
		run:    func(int) { kernels.Affine(x, scale, bias, true) },
		check:  func() error { return same(x, want) },
		elems:  n, bytes: 8*n + 8*epilogueChannels,
	}, nil
}

func same[T comparable](got, want []T) error {
	for i := range want {
		if got[i] != want[i] {
			return fmt.Errorf("element %d is %v: want %v", i, got[i], want[i])
		}
	}
	return nil
}
