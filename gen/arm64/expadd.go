package main

import "example.com/lowbit/gen/neon"

// Products of mixed.go by additions to exponents.
//
//	instruction   Cortex-A72: latency, pipes   Neoverse N1: latency, pipes
//	VCMTST        3, F0/1                      2, V0/1
//	VADD, VAND    3, F0/1                      2, V0/1
//	VFADD         4, F0/1                      2, V0/1
//
// The word of a weight is added to the activation as an integer: the exponent to its
// exponent, and a 1 to its sign, which flips it. That is the product, if both are
// normal numbers. Zeros have none: where the activation or the weight is zero, the
// product must be cleared. So words of weights that are not zero have a mark, a bit
// below the exponent, and activations are made less by it beforehand; for an
// activation of zero, no mark is asked for. Four instructions where an FMA is one:
// these tiles cannot win, and are here to show by how much.

const expaddMark = 1 // in the upper half of a word

var mixedExpadd = mixed{
	word: func(code int) uint16 {
		m := code & 7
		if m == 0 {
			return 0
		}
		return uint16(code>>3<<15|(m-1)<<7) | expaddMark
	},
	row: func(t *mixedTile, x neon.Mem) func(weight, sum neon.Vec) {
		value, mark, wanted := t.Vec(), t.Vec(), t.Vec()
		t.FMOVS(x, value)
		t.VDUPElem(neon.S4, value, 0, value)
		t.VMOVIWide(neon.S4, expaddMark<<16, mark)
		t.VFCMEQZero(neon.S4, value, wanted)
		t.VBIC(neon.B16, wanted, mark, wanted)
		t.VSUB(neon.S4, mark, value, value)
		return func(weight, sum neon.Vec) {
			product, mask := t.Vec(), t.Vec()
			t.VADD(neon.S4, weight, value, product)
			t.VCMTST(neon.S4, weight, wanted, mask)
			t.VAND(neon.B16, mask, product, product)
			t.VFADD(neon.S4, product, sum, sum)
		}
	},
	rows: 2,
}

func init() {
	mixedExpadd.register("MixedExpadd", "by additions to\nexponents. x is normal or zero and products are normal")
}
