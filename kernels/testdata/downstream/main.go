// A program of another module: it runs every choice of kernels that it may make
// on this CPU and compares each with the reference.
package main

import (
	"fmt"
	"log"
	"slices"

	"example.com/lowbit/kernels"
	"example.com/lowbit/ref"
)

const m, n, k = 7, 65, 130

func main() {
	log.SetFlags(0)
	fmt.Println("features", kernels.Features())
	check("start", kernels.Ternary)

	choices := []string{"auto"}
	for _, kernel := range kernels.Table() {
		if len(kernel.Missing) == 0 {
			choices = append(choices, kernel.ISA, kernel.Name)
		}
	}
	slices.Sort(choices)
	for _, choice := range slices.Compact(choices) {
		restore, err := kernels.Use(choice)
		if err != nil {
			log.Fatal(err)
		}
		for _, format := range []kernels.WeightFormat{kernels.Binary, kernels.Ternary, kernels.Pow2x3, kernels.Pow2x4, kernels.Int8} {
			check(choice, format)
		}
		restore()
	}
	if _, err := kernels.Use("no-such-kernel"); err == nil {
		log.Fatal("an unknown kernel can be used")
	}
	fmt.Println("ok")
}

// check compares a product of the chosen kernel with the reference.
func check(choice string, format kernels.WeightFormat) {
	w := kernels.Weights{Format: format, N: n, K: k, Values: make([]int8, n*k)}
	levels := format.Levels()
	for i := range w.Values {
		w.Values[i] = levels[i*i%251%len(levels)]
	}
	codes, values := make([]uint8, m*k), make([]int16, m*k)
	for i := range codes {
		codes[i] = uint8(i * 7 % 4)
	}
	ref.Unsigned(values, codes)

	gemm, err := kernels.NewGEMM(w, kernels.U2, kernels.Options{})
	if err != nil {
		log.Fatal(err)
	}
	got, want := make([]int32, m*n), make([]int32, m*n)
	gemm.Run(got, codes, m)
	ref.GEMM(want, values, w.Values, m, n, k)
	if !slices.Equal(got, want) {
		log.Fatalf("%s, %v weights: %s differs from the reference", choice, format, gemm.Kernel())
	}
	fmt.Println(choice, format, gemm.Kernel())
}
