package main

import (
	"fmt"

	"example.com/lowbit/gen/neon"
)

// Planes of bits: of activations u of more bits, and of ternary weights
// w = b + c - 1 with the bits b = (w >= 0) and c = (w > 0), every bit is a row of
// bits of its own. With #(y) the number of bits set in y, u = Σ 2^p·u_p, and weights
// of planes w_q,
//
//	2·#(w_q AND u_p) = #(w_q) + #(u_p) - #(w_q XOR u_p)
//
// and so, with T = Σ_q Σ_p 2^p·#(w_q XOR u_p) and P bits in u,
//
//	binary:  Σ w·u = 2·Σ b·u - Σ u        = (2^P-1)·#(b) - T
//	ternary: Σ w·u = Σ b·u + Σ c·u - Σ u  = ((2^P-1)·(#(b)+#(c)) - T) / 2
//
// of which only T depends on u: the sums of u cancel. In the last line both numbers
// are odd or both are even, so halving each, rounded up, is exact.
//
// The counts of a pair of planes are those of popcount.go, which subtracts them from
// dst shifted by p more places; so it has room for them up to P = 4 with shift = 2.
// For ternary weights, dst becomes -T so, and at the end bias + (-T >> 1) << shift:
// a shift to the right rounds -T/2 down, and so T/2 up.

func init() {
	for _, planes := range []int{1, 2} {
		name := fmt.Sprintf("GemmPlanesW%d", planes)
		weights, half := "binary", ""
		if planes == 2 {
			weights, half = "ternary", "total = (total + 1) / 2\n\t\t\t"
		}
		add("neon", family{
			name: name,
			doc: fmt.Sprintf("%s are the tiles of %d outputs by their number of rows, for %s weights and planes of\nactivations, by CNT. A step is 64 inputs.",
				name, bitOutputs, weights),
			signature: intTileSignature,
			variants:  upTo(bitRows),
			loop: fmt.Sprintf(`	for i := range %%d {
		for j := range %d {
			total := int64(0)
			for p := range x[i*xStride/8] {
				total *= 2
				for q := range %d {
					for k := range steps {
						total += bits.OnesCount64(x[i*xStride/8+1+p*steps+k] ^ w[q][k][j])
					}
				}
			}
			%sdst[i*dstStride/4+j] = bias[j] - int32(total)<<shift
		}
	}

where x and w are read as words of 64 bits. shift and the number of planes are at
most 6 together. In every w[q]:
%s`, bitOutputs, planes, half, bitPanel),
			body: func(f *neon.Func, mr int) { bitTiles(f, mr, func(t *bitTile) { t.planes(planes) }) },
		})
	}
}

// planes emits a group of rows of a tile with so many planes of weights.
func (t *bitTile) planes(weights int) {
	const ternary = 2
	left, length, shift, q := t.GP(), t.GP(), t.GP(), t.GP()
	// A row begins with the number of its planes, the same for all.
	t.MOVD(neon.At(t.x[0], 0), left)
	for _, p := range t.x {
		t.ADD(neon.Imm(8), p, p)
	}
	t.SUB(neon.Imm(1), left, shift)
	if weights == ternary {
		t.LSL(neon.Imm(3), t.steps, length)
		t.fromDst()
		to := t.dst
		for i := range t.x {
			for at := 0; at < 4*bitOutputs; at += 16 {
				t.STP(neon.ZR, neon.ZR, neon.At(to, at))
			}
			if i+1 < len(t.x) {
				to = t.plus(t.dstStride, to)
			}
		}
	} else {
		t.fromBias()
		t.ADD(t.Param("shift"), shift, shift)
	}
	t.Label(t.label("plane"))
	if weights == ternary {
		t.MOVD(neon.Imm(weights), q)
		t.Label(t.label("weights"))
	}
	t.pass(shift)
	if weights == ternary {
		t.SUBS(neon.Imm(1), q, q)
		t.Bcond(neon.EQ, t.label("next"))
		for _, p := range t.x {
			t.SUB(length, p, p)
		}
		t.B(t.label("weights"))
		t.Label(t.label("next"))
	}
	t.MOVD(t.Param("w"), t.w)
	t.SUB(neon.Imm(1), shift, shift)
	t.SUBS(neon.Imm(1), left, left)
	t.Bcond(neon.NE, t.label("plane"))
	if weights == ternary {
		t.halve()
	}
}

// halve makes of the -T in dst what a ternary product is.
func (t *bitTile) halve() {
	bias, to, by := t.Param("bias"), t.dst, t.Vec()
	t.VDUP(neon.S4, t.Param("shift"), by)
	b := t.Vecs(bitOutputs / 4)
	t.FLDPQ(neon.At(bias, 0), b[0], b[1])
	for i := range t.x {
		v := t.Vecs(len(b))
		t.FLDPQ(neon.At(to, 0), v[0], v[1])
		for j := range v {
			t.VSSHR(neon.S4, 1, v[j], v[j])
			t.VSSHL(neon.S4, by, v[j], v[j])
			t.VADD(neon.S4, b[j], v[j], v[j])
		}
		t.FSTPQ(v[0], v[1], neon.At(to, 0))
		if i+1 < len(t.x) {
			to = t.plus(t.dstStride, to)
		}
	}
}
