package main

import "example.com/lowbit/gen/neon"

// Products of mixed.go by additions to exponents.
//
//	instruction   Cortex-A72: latency, pipes   Neoverse N1: latency, pipes
//	VCMTST        3, F0/1                      2, V0/1
//	VADD, VAND    3, F0/1                      2, V0/1
//	VFADD         4, F0 and F1                 2, V0/1
//
// The word of a weight 2^(m-1), its sign and m as the exponent, is added as an
// integer to the activation less one exponent: exponents add up, and the 1 of a
// negative weight flips the sign. That is the product, if both are normal numbers.
// Zeros have none: where the activation or the weight is zero, the product is
// cleared. A weight is not zero if its word has a bit among all but the sign; of an
// activation that is zero, none is asked for. Four instructions where an FMA is one:
// these tiles cannot win, and are here to show by how much.
var mixedExpadd = mixed{
	upper: func(code int) byte { return byte(code>>3<<7 | code&7>>1) },
	row: func(t *mixedTile, x neon.Mem) func(weight, sum neon.Vec) {
		value, one, asked := t.Vec(), t.Vec(), t.Vec()
		t.FMOVS(x, value)
		t.VDUPElem(neon.S4, value, 0, value)
		t.VFCMEQZero(neon.S4, value, asked)
		t.VNOT(neon.B16, asked, asked)
		t.VUSHR(neon.S4, 1, asked, asked)
		t.VMOVIWide(neon.S4, 1<<23, one)
		t.VSUB(neon.S4, one, value, value)
		return func(weight, sum neon.Vec) {
			product, mask := t.Vec(), t.Vec()
			t.VADD(neon.S4, weight, value, product)
			t.VCMTST(neon.S4, weight, asked, mask)
			t.VAND(neon.B16, mask, product, product)
			t.VFADD(neon.S4, product, sum, sum)
		}
	},
	rows: 2,
}

func init() {
	mixedExpadd.register("MixedExpadd", "by additions to\nexponents. x is normal or zero and products are normal")
}
