package main

import (
	"fmt"

	"example.com/lowbit/gen/neon"
)

// Inner products of float32.
//
//	instruction   Cortex-A72: latency, pipes   Neoverse N1: latency, pipes
//	FMLA          7 (3 for the sum), F0 and F1 4 (2 for the sum), V0/1
//	LDR q         5, L                         5, L0/1
//
// Two loads feed one FMLA: from L1 they bound it at one a cycle, and at one in two
// cycles on Cortex-A72, so that four sums would do there. Eight also keep up with
// cores of three loads a cycle and more latency.

func init() {
	const accumulators = 8
	const block = 4 * accumulators
	add("neon", family{
		name:      "DotF32",
		doc:       "DotF32 is the inner product of two float32 vectors.",
		signature: "func(x, y *float32, n uintptr) float32",
		loop: fmt.Sprintf(`	for i := range n {
		sum += x[i] * y[i]
	}

with the sums of %d interleaved partial vectors added in a tree. n is a
multiple of %d and may be zero.`, block, block),
		constants: []constant{{"DotF32Block", block, "is what n is a multiple of"}},
		body: func(f *neon.Func, _ int) {
			x, y, n := f.Param("x"), f.Param("y"), f.Param("n")
			acc, a, b := f.Vecs(accumulators), f.Vecs(accumulators), f.Vecs(accumulators)
			f.Zero(acc...)
			f.CBZ(n, "done")
			f.Label("loop")
			for i := range acc {
				f.FMOVQ(neon.At(x, 16*i), a[i])
				f.FMOVQ(neon.At(y, 16*i), b[i])
				f.VFMLA(neon.S4, b[i], a[i], acc[i])
			}
			f.ADD(neon.Imm(4*block), x, x)
			f.ADD(neon.Imm(4*block), y, y)
			f.SUBS(neon.Imm(block), n, n)
			f.Bcond(neon.NE, "loop")
			f.Label("done")
			for apart := 1; apart < accumulators; apart *= 2 {
				for i := 0; i < accumulators; i += 2 * apart {
					f.VFADD(neon.S4, acc[i+apart], acc[i], acc[i])
				}
			}
			f.VFADDP(neon.S4, acc[0], acc[0], acc[0])
			f.VFADDP(neon.S4, acc[0], acc[0], acc[0])
			f.Return(acc[0])
		},
	})
}
