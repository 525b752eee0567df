package main

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

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

// TestUnwritable wants an output that cannot be written to be told at once: the
// measurement asked for would take days.
func TestUnwritable(t *testing.T) {
	for _, out := range []string{filepath.Join(t.TempDir(), "missing", "rates.go"), t.TempDir(), ""} {
		if err := run(out, 1, time.Hour); err == nil || !strings.Contains(err.Error(), out) {
			t.Errorf("%q: got %v, want an error that names it", out, err)
		}
	}
}

// TestReplaced wants the file to be the old or the new one at any moment.
func TestReplaced(t *testing.T) {
	out := filepath.Join(t.TempDir(), "rates.go")
	if err := os.WriteFile(out, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := write(out, []byte("the new one")); err != nil {
		t.Fatal(err)
	}
	before, err := io.ReadAll(f)
	if err != nil || string(before) != "old" {
		t.Errorf("the old file became %q, %v: it was written over", before, err)
	}
	if after, err := os.ReadFile(out); err != nil || string(after) != "the new one" {
		t.Errorf("got %q, %v", after, err)
	}
}
