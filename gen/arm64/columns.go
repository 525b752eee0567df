package main

import "example.com/lowbit/gen/neon"

// Columns of bytes: what the rows of activations become before ShiftAdd.
//
//	instruction   Cortex-A72: latency, pipes   Neoverse N1: latency, pipes
//	VZIP1, ZIP2   6, three times F0/1          2, V0/1
//	VLD1, VST1    5, L; 1, S                   5, L0/1; 2, L0/1 and V0/1
//
// Interleaving the bytes of what is eight, four, two and one rows apart orders
// them: 64 instructions for 16 rows by 16 inputs.

func init() {
	add("neon", family{
		name:      "Columns",
		signature: "func(dst *byte, dstStride uintptr, x *byte, xStride, blocks uintptr)",
		loop: `	for k := range 16 * blocks {
		for i := range 32 {
			dst[k*dstStride+i] = x[i*xStride+k]
		}
	}

blocks is at least 1.`,
		body: columns,
	})
}

func columns(f *neon.Func, _ int) {
	dst, dstStride, x, xStride, blocks := f.Param("dst"), f.Param("dstStride"), f.Param("x"), f.Param("xStride"), f.Param("blocks")
	from, to := f.GP(), f.GP()
	f.Label("block")
	f.MOVD(x, from)
	for half := range 2 { // rows 0 to 15, and 16 to 31
		r := f.Vecs(16)
		for _, v := range r {
			f.VLD1(neon.PostIndex(from, xStride), v)
		}
		for distance := 8; distance > 0; distance /= 2 {
			// Vectors i and i+distance hold the same inputs of rows that far apart.
			next := make([]neon.Vec, len(r))
			for part := 0; part < len(r); part += 2 * distance {
				for i := range distance {
					low, high := r[part+i], r[part+distance+i]
					next[part+i], next[part+distance+i] = f.Vec(), f.Vec()
					f.VZIP1(neon.B16, high, low, next[part+i])
					f.VZIP2(neon.B16, high, low, next[part+distance+i])
				}
			}
			r = next
		}
		f.ADD(neon.Imm(16*half), dst, to)
		for _, v := range r {
			f.VST1([]neon.Vec{v}, neon.PostIndex(to, dstStride))
		}
	}
	f.ADD(neon.Imm(16), x, x)
	f.SUB(neon.Imm(16), to, dst)
	f.SUBS(neon.Imm(1), blocks, blocks)
	f.Bcond(neon.NE, "block")
	f.RET()
}
