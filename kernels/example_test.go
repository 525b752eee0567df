package kernels_test

import (
	"fmt"
	"log"

	"example.com/lowbit/kernels"
)

// Two images' worth of 2-bit activations meet three outputs' ternary weights.
func Example() {
	weights := kernels.Weights{Format: kernels.Ternary, N: 3, K: 4, Values: []int8{
		1, 0, -1, 1,
		0, 0, 1, 1,
		-1, -1, -1, 0,
	}}
	gemm, err := kernels.NewGEMM(weights, kernels.U2, kernels.Options{})
	if err != nil {
		log.Fatal(err)
	}
	x := []uint8{ // M = 2 rows of K = 4 codes, 0 to 3
		3, 1, 0, 2,
		0, 2, 1, 3,
	}
	sums := make([]int32, 2*3)
	gemm.Run(sums, x, 2)
	fmt.Println(sums)
	// Output: [5 2 -4 2 4 -3]
}

// A plan's thresholds turn the sums of a layer into the next layer's codes.
func ExampleThresholds() {
	epilogue, err := kernels.NewThresholds([][]int32{
		{-1, 2, 5},  // channel 0: a sum of 2 to 4 reaches two of them
		{0, 10, 20}, // channel 1, whose sums are negated
	}, []bool{false, true})
	if err != nil {
		log.Fatal(err)
	}
	sums := []int32{
		-9, -9,
		2, 1,
		99, -99,
	}
	codes := make([]uint8, len(sums))
	epilogue.Run(codes, sums)
	fmt.Println(codes)
	// Output: [0 1 2 0 3 3]
}

// One image of 3x3 pixels and one channel, a window of 2x2, and a border of
// pixels with code 0.
func ExampleConv2D() {
	shape := kernels.ConvShape{H: 3, W: 3, InC: 1, OutC: 1, KH: 2, KW: 2, StrideH: 2, StrideW: 2, PadH: 1, PadW: 1}
	weights := kernels.Weights{Format: kernels.Pow2x3, N: shape.OutC, K: shape.K(), Values: []int8{
		1, -2,
		0, 4,
	}}
	conv, err := kernels.NewConv2D(weights, shape, kernels.U4, kernels.Options{Threads: 2})
	if err != nil {
		log.Fatal(err)
	}
	image := []uint8{
		1, 2, 3,
		4, 5, 6,
		7, 8, 9,
	}
	sums := make([]int32, shape.OutH()*shape.OutW()*shape.OutC)
	conv.Run(sums, image, 1)
	fmt.Println(shape.OutH(), shape.OutW(), sums)
	// Output: 2 2 [4 12 20 29]
}

// Sign activations are codes 0 and 1 that mean -1 and +1. Packed to bits once,
// they can meet many rows of weights.
func ExampleDot() {
	dot, err := kernels.NewDot(kernels.Weights{Format: kernels.Binary, N: 1, K: 5, Values: []int8{1, -1, 1, 1, -1}}, kernels.Sign)
	if err != nil {
		log.Fatal(err)
	}
	x := []uint8{1, 1, 0, 1, 0}
	bits := make([]uint64, 1)
	kernels.PackSigns(bits, x)
	fmt.Println(dot.Run(x), dot.RunBits(bits))
	// Output: 1 1
}

// Use limits the choice of kernels, for a comparison or a test. Plans made
// before keep the kernel they have.
func ExampleUse() {
	restore, err := kernels.Use("portable")
	if err != nil {
		log.Fatal(err)
	}
	defer restore()
	gemm, err := kernels.NewGEMM(kernels.Weights{Format: kernels.Binary, N: 1, K: 2, Values: []int8{1, -1}}, kernels.Sign, kernels.Options{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(gemm.Kernel())
	_, err = kernels.Use("abacus")
	fmt.Println(err != nil)
	// Output:
	// portable-popcount
	// true
}

// The table lists every kernel, best first, and what this CPU lacks for it.
func ExampleTable() {
	for _, k := range kernels.Table() {
		if k.Operation == kernels.OpGEMM && k.ISA == "portable" {
			fmt.Println(k.Name, k.Algorithm, len(k.Missing) == 0)
		}
	}
	// Output:
	// portable-popcount popcount true
	// portable-muladd muladd true
	// portable-shiftadd shiftadd true
	// portable-lut lut true
}

// MatMul takes views: a product with a transposed matrix copies nothing.
func ExampleMatMul() {
	a := kernels.RowMajor([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	c := kernels.RowMajor(make([]float32, 4), 2, 2)
	kernels.MatMul(c, a, a.T(), false)
	fmt.Println(c.Data)
	// Output: [14 32 32 77]
}

// A fixed-point scale of 3/8, rounded to nearest, makes 4-bit codes of sums.
func ExampleRequantize() {
	q, err := kernels.NewRequantize([]int32{3}, []int64{1 << 2}, 3, 15)
	if err != nil {
		log.Fatal(err)
	}
	codes := make([]uint8, 4)
	q.Run(codes, []int32{-5, 1, 10, 1000})
	fmt.Println(codes)
	// Output: [0 0 4 15]
}
