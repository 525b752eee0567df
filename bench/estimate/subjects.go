package main

import (
	"slices"

	"example.com/lowbit/bench/estimate/internal/job"
	"example.com/lowbit/kernels"
)

// A subject is a kernel on formats and a shape.
type subject struct {
	kernel kernels.Kernel
	name   string  // of the benchmark: GEMM, GEMV, Dot, Mixed, Epilogue
	job    job.Job // of the shape that figures are given for
	// traced are the products that are emulated: the job itself, or two of one and of
	// two panels that it follows from.
	traced []job.Job
}

// The shapes that figures are given for. Large products are not emulated: what their
// rows take to prepare, and what a panel takes, follow from two small ones.
var (
	gemmShape = [3]int{1024, 1024, 1024}
	gemvShape = [3]int{1, 512, 1024}
	dotShape  = [3]int{1, 1, 4096}
)

// tracedRows are the rows of the small products: of the usual block of rows that
// panels pass over, cut to whole tiles, as nearly all tiles of many rows are.
const tracedRows = 96

// subjects lists what is to be estimated.
func subjects(table []kernels.Kernel, want func(kernels.Kernel) bool) []subject {
	var list []subject
	for _, k := range table {
		if k.ISA == "portable" || !want(k) {
			continue
		}
		add := func(name string, shape [3]int, f kernels.Formats, zeros int) {
			j := job.Job{Kernel: k.Name, Operation: k.Operation, Weights: f.Weights, Acts: f.Acts,
				M: shape[0], N: shape[1], K: shape[2], Zeros: zeros}
			s := subject{kernel: k, name: name, job: j, traced: []job.Job{j}}
			if shape == gemmShape {
				s.traced = slices.Repeat(s.traced, 2)
				for i := range s.traced {
					s.traced[i].M = max(1, tracedRows/k.TileM) * k.TileM
					s.traced[i].N = (1 + i) * k.TileN
				}
			}
			list = append(list, s)
		}
		floats := kernels.Formats{Weights: kernels.Float32, Acts: kernels.F32}
		switch k.Operation {
		case kernels.OpGEMM:
			for _, f := range pairs {
				if slices.Contains(k.Formats, f) {
					add("GEMM", gemmShape, f, job.NaturalZeros)
					if k.Algorithm == "shiftadd" && f.Weights != kernels.Binary {
						add("GEMM", gemmShape, f, 0)
						add("GEMM", gemmShape, f, 50)
					}
					if k.TileM <= 8 { // dispatch gives no single rows to the others
						add("GEMV", gemvShape, f, job.NaturalZeros)
					}
				}
			}
		case kernels.OpGEMMFloat32:
			add("GEMM", gemmShape, floats, job.NaturalZeros)
			add("GEMV", gemvShape, floats, job.NaturalZeros)
		case kernels.OpMixed:
			f := kernels.Formats{Weights: kernels.Pow2x4, Acts: kernels.F32}
			add("Mixed", gemmShape, f, job.NaturalZeros)
			add("Mixed", gemvShape, f, job.NaturalZeros)
		case kernels.OpDot:
			for _, f := range pairs {
				bits := f.Weights == kernels.Binary && f.Acts.Bits() == 1 // which NewDot counts
				if !bits && slices.Contains(k.Formats, f) {
					add("Dot", dotShape, f, job.NaturalZeros)
				}
			}
		case kernels.OpDotBinary:
			add("Dot", dotShape, kernels.Formats{Weights: kernels.Binary, Acts: kernels.Sign}, job.NaturalZeros)
		case kernels.OpDotFloat32:
			add("Dot", dotShape, floats, job.NaturalZeros)
		case kernels.OpEpilogue:
			for _, step := range job.Steps() {
				j := job.EpilogueJob(k.Name, step)
				list = append(list, subject{kernel: k, name: "Epilogue", job: j, traced: []job.Job{j}})
			}
		}
	}
	return list
}

// formats is a text such as "ternary x u2", with the share of zeros if it is not that
// of random levels.
func (s *subject) formats() string {
	if s.job.Step != "" {
		return s.job.Step
	}
	if s.job.Weights == kernels.Float32 {
		return "float32"
	}
	f := kernels.Formats{Weights: s.job.Weights, Acts: s.job.Acts}.String()
	switch s.job.Zeros {
	case job.NaturalZeros:
		return f
	case 0:
		return f + ", no zeros"
	}
	return f + ", half zeros"
}
