package ref_test

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"example.com/lowbit/ref"
)

func equal[T any](t *testing.T, what string, got, want []T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func random[T int8 | int16](rng *rand.Rand, n, limit int) []T {
	s := make([]T, n)
	for i := range s {
		s[i] = T(rng.IntN(2*limit+1) - limit)
	}
	return s
}

func TestCodes(t *testing.T) {
	x := make([]int16, 4)
	ref.Signs(x, []uint8{0, 1, 1, 0})
	equal(t, "signs", x, []int16{-1, 1, 1, -1})
	ref.Unsigned(x, []uint8{0, 1, 200, 255})
	equal(t, "unsigned", x, []int16{0, 1, 200, 255})
	ref.Signed(x, []uint8{0, 127, 128, 255})
	equal(t, "signed", x, []int16{0, 127, -128, -1})
}

func TestDotByHand(t *testing.T) {
	if got := ref.Dot([]int16{1, 2, 255}, []int8{-1, 0, -127}); got != -1-255*127 {
		t.Errorf("dot: got %d, want %d", got, -1-255*127)
	}
	if got := ref.Dot(nil, nil); got != 0 {
		t.Errorf("dot of nothing: got %d, want 0", got)
	}
	if got := ref.DotFloat32([]float32{1, 2}, []float32{3, -0.5}); got != 2 {
		t.Errorf("float dot: got %v, want 2", got)
	}
}

func TestMixedByHand(t *testing.T) {
	dst := make([]float32, 4)
	ref.Mixed(dst, []float32{1.5, -0.25, 0, 3}, []int8{1, -2, 64, 0}, 2, 2, 2)
	equal(t, "mixed", dst, []float32{2, 96, -6, 0})
	// In this order the one is lost in the first sum, and not in the second.
	ref.Mixed(dst[:1], []float32{1, 1 << 30, 1 << 30}, []int8{1, 1, -1}, 1, 1, 3)
	ref.Mixed(dst[1:2], []float32{1 << 30, 1 << 30, 1}, []int8{1, -1, 1}, 1, 1, 3)
	equal(t, "order", dst[:2], []float32{0, 1})
}

// TestDotBinary compares words of sign bits with the same signs as numbers.
func TestDotBinary(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for k := range 200 {
		x, y := make([]uint64, (k+63)/64), make([]uint64, (k+63)/64)
		xv, yv := make([]int16, k), make([]int8, k)
		for i := range k {
			bx, by := rng.IntN(2), rng.IntN(2)
			x[i/64] |= uint64(bx) << (i % 64)
			y[i/64] |= uint64(by) << (i % 64)
			xv[i], yv[i] = int16(2*bx-1), int8(2*by-1)
		}
		if k%64 != 0 { // bits past k mean nothing
			x[k/64] |= rng.Uint64() << (k % 64)
			y[k/64] |= rng.Uint64() << (k % 64)
		}
		if got, want := ref.DotBinary(x, y, k), ref.Dot(xv, yv); got != int(want) {
			t.Errorf("k=%d: got %d, want %d", k, got, want)
		}
	}
}

func TestGEMMByHand(t *testing.T) {
	x := []int16{1, 2, 3, 4, 5, 6}            // 2x3
	w := []int8{1, 0, -1, 2, 2, 2, 0, 0, 100} // 3x3
	dst := make([]int32, 6)
	ref.GEMM(dst, x, w, 2, 3, 3)
	equal(t, "gemm", dst, []int32{-2, 12, 300, -2, 30, 600})

	f := make([]float32, 6)
	ref.GEMMFloat32(f, []float32{1, 2, 3, 4, 5, 6}, []float32{1, 0, -1, 2, 2, 2, 0, 0, 100}, 2, 3, 3)
	equal(t, "float gemm", f, []float32{-2, 12, 300, -2, 30, 600})
}

// TestGEMMBig compares sums at the edge of int32 with arbitrary precision.
func TestGEMMBig(t *testing.T) {
	const k = 66_000 // 255·127·k is just below 2^31
	x, w := make([]int16, k), make([]int8, 2*k)
	sums := [2]*big.Int{new(big.Int), new(big.Int)}
	for i := range k {
		x[i], w[i], w[k+i] = 255, 127, -127
		for j, s := range sums {
			s.Add(s, new(big.Int).Mul(big.NewInt(int64(x[i])), big.NewInt(int64(w[j*k+i]))))
		}
	}
	dst := make([]int32, 2)
	ref.GEMM(dst, x, w, 1, 2, k)
	for j, s := range sums {
		if s.Cmp(big.NewInt(int64(dst[j]))) != 0 {
			t.Errorf("sum %d: got %d, want %v", j, dst[j], s)
		}
	}
}

// TestFloatSumsInFloat64 has a sum that float32 additions get wrong.
func TestFloatSumsInFloat64(t *testing.T) {
	x, w := []float32{1 << 24, 1, 1, -(1 << 24)}, []float32{1, 1, 1, 1}
	if got := ref.DotFloat32(x, w); got != 2 {
		t.Errorf("got %v, want 2", got)
	}
}

func TestConv2DByHand(t *testing.T) {
	s := ref.ConvShape{H: 3, W: 3, InC: 1, OutC: 2, KH: 2, KW: 2, StrideH: 1, StrideW: 1}
	x := []int16{1, 2, 3, 4, 5, 6, 7, 8, 9}
	w := []int8{1, 1, 1, 1, 1, 0, 0, -1}
	dst := make([]int32, 8)
	ref.Conv2D(dst, x, w, s, 0)
	equal(t, "conv", dst, []int32{12, -4, 16, -4, 24, -4, 28, -4})

	s = ref.ConvShape{H: 1, W: 1, InC: 1, OutC: 1, KH: 3, KW: 3, StrideH: 1, StrideW: 1, PadH: 1, PadW: 1}
	dst = dst[:1]
	ref.Conv2D(dst, []int16{1}, []int8{1, 1, 1, 1, 1, 1, 1, 1, 1}, s, -1)
	equal(t, "a pixel among pads of -1", dst, []int32{-7})
}

func convShapes() []ref.ConvShape {
	rng := rand.New(rand.NewPCG(2, 2))
	var shapes []ref.ConvShape
	for len(shapes) < 60 {
		s := ref.ConvShape{H: 1 + rng.IntN(6), W: 1 + rng.IntN(6), InC: 1 + rng.IntN(3), OutC: 1 + rng.IntN(3), KH: 1 + rng.IntN(5), KW: 1 + rng.IntN(5),
			StrideH: 1 + rng.IntN(3), StrideW: 1 + rng.IntN(3), PadH: rng.IntN(4), PadW: rng.IntN(4)}
		if s.H+2*s.PadH >= s.KH && s.W+2*s.PadW >= s.KW {
			shapes = append(shapes, s)
		}
	}
	return shapes
}

// padded copies an image into the middle of one with the pads written out.
func padded[T any](x []T, s ref.ConvShape, pad T) ([]T, ref.ConvShape) {
	p := s
	p.H, p.W, p.PadH, p.PadW = s.H+2*s.PadH, s.W+2*s.PadW, 0, 0
	out := slices.Repeat([]T{pad}, p.H*p.W*p.InC)
	for y := range s.H {
		copy(out[((y+s.PadH)*p.W+s.PadW)*s.InC:], x[y*s.W*s.InC:(y+1)*s.W*s.InC])
	}
	return out, p
}

// TestConv2DIsGEMM computes convolutions as a matrix product of the padded
// image's windows.
func TestConv2DIsGEMM(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for _, s := range convShapes() {
		for _, pad := range []int16{0, -1} {
			t.Run(fmt.Sprintf("%+v/pad=%d", s, pad), func(t *testing.T) {
				k := s.KH * s.KW * s.InC
				x, w := random[int16](rng, s.H*s.W*s.InC, 255), random[int8](rng, s.OutC*k, 127)
				img, p := padded(x, s, pad)
				var windows []int16
				for oy := range s.OutH() {
					for ox := range s.OutW() {
						for ky := range s.KH {
							row := (oy*s.StrideH+ky)*p.W + ox*s.StrideW
							windows = append(windows, img[row*s.InC:(row+s.KW)*s.InC]...)
						}
					}
				}
				m := s.OutH() * s.OutW()
				got, want := make([]int32, m*s.OutC), make([]int32, m*s.OutC)
				ref.Conv2D(got, x, w, s, pad)
				ref.GEMM(want, windows, w, m, s.OutC, k)
				equal(t, "conv", got, want)

				if pad != 0 {
					return
				}
				xf, wf, gotf := make([]float32, len(x)), make([]float32, len(w)), make([]float32, len(got))
				for i, v := range x {
					xf[i] = float32(v)
				}
				for i, v := range w {
					wf[i] = float32(v)
				}
				ref.Conv2DFloat32(gotf, xf, wf, s)
				for i, v := range gotf {
					if v != float32(want[i]) {
						t.Fatalf("float conv %d: got %v, want %d", i, v, want[i])
					}
				}
			})
		}
	}
}

// TestConv2DImpulse finds the kernel, turned round, in the answer to one pixel.
func TestConv2DImpulse(t *testing.T) {
	s := ref.ConvShape{H: 5, W: 5, InC: 1, OutC: 1, KH: 3, KW: 3, StrideH: 1, StrideW: 1}
	x := make([]int16, 25)
	x[12] = 1
	dst := make([]int32, 9)
	ref.Conv2D(dst, x, []int8{1, 2, 3, 4, 5, 6, 7, 8, 9}, s, 0)
	equal(t, "impulse", dst, []int32{9, 8, 7, 6, 5, 4, 3, 2, 1})
}

func TestMaxPool(t *testing.T) {
	s := ref.PoolShape{H: 3, W: 5, C: 2, Window: 2, Stride: 2}
	x := []int32{
		1, -1, 2, -2, 3, -3, 4, -4, 99, 99,
		5, -5, 6, -6, 7, -7, 8, -8, 99, 99,
		99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
	}
	dst := make([]int32, s.OutH()*s.OutW()*2)
	ref.MaxPool(dst, x, s)
	equal(t, "pool", dst, []int32{6, -1, 8, -3})

	s = ref.PoolShape{H: 1, W: 4, C: 1, Window: 1, Stride: 3}
	f := make([]float32, s.OutH()*s.OutW())
	ref.MaxPool(f, []float32{-1, 2, 3, -4}, s)
	equal(t, "stride beyond the window", f, []float32{-1, -4})

	s = ref.PoolShape{H: 3, W: 3, C: 1, Window: 2, Stride: 1}
	f = make([]float32, s.OutH()*s.OutW())
	ref.MaxPool(f, []float32{1, 2, 3, 4, 5, 6, 7, 8, 9}, s)
	equal(t, "overlapping windows", f, []float32{5, 6, 8, 9})
}

func TestThresholds(t *testing.T) {
	dst := make([]uint8, 8)
	acc := []int32{-5, -5, 0, 0, 10, 10, math.MaxInt32, math.MaxInt32}
	ref.Thresholds(dst, acc, [][]int32{{0, 5, 10}, {-10, 0, 5}}, []bool{false, true})
	equal(t, "thresholds", dst, []uint8{0, 3, 1, 2, 3, 1, 3, 0})
}

// TestRequantize compares with floor(acc*mul + add) / 2^shift in rationals.
func TestRequantize(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	accs := []int32{math.MinInt32, -1000, -1, 0, 1, 2, 999, math.MaxInt32}
	for range 200 {
		mul, add := []int32{rng.Int32() >> rng.IntN(31), -rng.Int32()}, []int64{rng.Int64N(1 << 40), -rng.Int64N(1 << 40)}
		shift, top := uint(rng.IntN(63)), uint8(1<<(1+rng.IntN(8))-1)
		dst := make([]uint8, len(accs))
		ref.Requantize(dst, accs, mul, add, shift, top)
		for i, a := range accs {
			num := new(big.Int).Mul(big.NewInt(int64(a)), big.NewInt(int64(mul[i%2])))
			num.Add(num, big.NewInt(add[i%2]))
			num.Div(num, new(big.Int).Lsh(big.NewInt(1), shift)) // Euclidean, so the floor
			want := min(max(num.Int64(), 0), int64(top))
			if num.Sign() > 0 && !num.IsInt64() {
				want = int64(top)
			}
			if int64(dst[i]) != want {
				t.Errorf("acc %d mul %d add %d shift %d top %d: got %d, want %d", a, mul[i%2], add[i%2], shift, top, dst[i], want)
			}
		}
	}
}

func TestAffine(t *testing.T) {
	x := []float32{1, -1, 2, -2}
	ref.Affine(x, []float32{2, 3}, []float32{0.5, 1}, false)
	equal(t, "affine", x, []float32{2.5, -2, 4.5, -5})
	ref.Affine(x, []float32{1, 1}, []float32{0, 0}, true)
	equal(t, "relu", x, []float32{2.5, 0, 4.5, 0})

	// (1+2^-23)² - 1 - 2^-22 is 2^-46 if multiply and add are fused, else 0.
	x = []float32{1 + 1.0/(1<<23)}
	ref.Affine(x, []float32{x[0]}, []float32{-1 - 1.0/(1<<22)}, false)
	equal(t, "no fused multiply-add", x, []float32{0})
}

func TestNothingAllocates(t *testing.T) {
	s := ref.ConvShape{H: 3, W: 3, InC: 2, OutC: 2, KH: 2, KW: 2, StrideH: 1, StrideW: 1}
	x, w, dst := make([]int16, 18), make([]int8, 16), make([]int32, 8)
	pool := ref.PoolShape{H: 2, W: 2, C: 1, Window: 2, Stride: 2}
	for name, f := range map[string]func(){
		"GEMM":    func() { ref.GEMM(dst, x, w, 2, 2, 4) },
		"Conv2D":  func() { ref.Conv2D(dst, x, w, s, 0) },
		"MaxPool": func() { ref.MaxPool(dst[:1], dst, pool) },
	} {
		if n := testing.AllocsPerRun(10, f); n != 0 {
			t.Errorf("%s allocates %v times a run", name, n)
		}
	}
}
