package main

import (
	"slices"
	"strings"
	"testing"

	"example.com/lowbit/kernels"
)

func rate(kernel, machine string) kernels.Rate {
	return kernels.Rate{Kernel: kernel, Weights: kernels.Pow2x4, Acts: kernels.U4, Machine: machine}
}

func TestMerge(t *testing.T) {
	table := []kernels.Kernel{
		{Name: "avx512bw-a", ISA: "avx512bw", Missing: []string{"AVX512BW"}},
		{Name: "avx2-a", ISA: "avx2"}, {Name: "avx2-b", ISA: "avx2"},
	}
	old := []kernels.Rate{rate("avx512bw-a", "old"), rate("avx512bw-gone", "old"), rate("avx2-a", "old"), rate("avx2-b", "old"), rate("avx2-gone", "old"), rate("neon-a", "old")}
	var got []string
	for _, r := range merge(old, []kernels.Rate{rate("avx2-b", "new"), rate("avx2-a", "new")}, table) {
		got = append(got, r.Kernel+" "+r.Machine)
	}
	if want := []string{"avx2-a new", "avx2-b new", "avx512bw-a old", "neon-a old"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestSource wants the file to name formats as package kernels does, and its shapes.
func TestSource(t *testing.T) {
	text, err := source([]kernels.Rate{{Kernel: "avx2-a", Weights: kernels.Pow2x4, Acts: kernels.Sign, Machine: "m"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\t{\"avx2-a\", Pow2x4, Sign, \"m\", [...]float32{0, 0, 0, 0, 0}},\n", "few-rows, measured at 1x2048x1024", "DO NOT EDIT"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("want %q in\n%s", want, text)
		}
	}
}

// TestShapes wants every class to have a shape of its own.
func TestShapes(t *testing.T) {
	for _, c := range kernels.ShapeClasses() {
		if s := shapes[c]; kernels.ClassOf(s[0], s[1], s[2]) != c {
			t.Errorf("%v is measured at %v, which is %v", c, s, kernels.ClassOf(s[0], s[1], s[2]))
		}
	}
}
