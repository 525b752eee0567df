package neon

import (
	"fmt"
	"math"
	"math/bits"
	"strings"
	"testing"
)

// TestVerify compiles and prints small functions, most of them wrong.
func TestVerify(t *testing.T) {
	for _, test := range []struct {
		name string
		want string // part of the error; empty for none
		body func(f *Func, p, n GP, v Vec)
	}{
		{"a kernel", "", func(f *Func, p, n GP, v Vec) {
			f.Label("loop")
			f.VADD(S4, v, v, v)
			f.FMOVQ(v, Post(p, 16))
			f.SUBS(Imm(1), n, n)
			f.Bcond(NE, "loop")
			f.RET()
		}},

		// Ways through the function.
		{"nothing", "has no instructions", nil},
		{"no RET", "runs past its last instruction, VADD", func(f *Func, p, n GP, v Vec) { f.VADD(S4, v, v, v) }},
		{"branch at the end", "runs past its last instruction, CBZ", func(f *Func, p, n GP, v Vec) {
			f.Label("top")
			f.NEG(n, n)
			f.CBZ(n, "top")
		}},
		{"behind RET", "MUL, is never reached", func(f *Func, p, n GP, v Vec) {
			f.RET()
			f.MUL(n, n, n)
			f.RET()
		}},
		{"behind B", "NEG, is never reached", func(f *Func, p, n GP, v Vec) {
			f.Label("top")
			f.B("top")
			f.NEG(n, n)
			f.RET()
		}},
		{"forever", "", func(f *Func, p, n GP, v Vec) {
			f.Label("top")
			f.B("top")
		}},
		{"label at the end", "ends with label", func(f *Func, p, n GP, v Vec) {
			f.CBZ(n, "end")
			f.RET()
			f.Label("end")
		}},
		{"no label", `unknown label "elsewhere"`, func(f *Func, p, n GP, v Vec) { f.B("elsewhere") }},
		{"label twice", `duplicate label "top"`, func(f *Func, p, n GP, v Vec) {
			f.Label("top")
			f.NEG(n, n)
			f.Label("top")
			f.CBZ(n, "top")
			f.RET()
		}},
		{"label like a register", `label "R3"`, func(f *Func, p, n GP, v Vec) {
			f.Label("R3")
			f.B("R3")
		}},
		{"label like the goroutine", `label "g"`, func(f *Func, p, n GP, v Vec) {
			f.Label("g")
			f.B("g")
		}},
		{"label of two words", `label "a b"`, func(f *Func, p, n GP, v Vec) {
			f.Label("a b")
			f.B("a b")
		}},
		{"no such condition", `condition "XX"`, func(f *Func, p, n GP, v Vec) {
			f.Label("top")
			f.Bcond("XX", "top")
			f.RET()
		}},
		{"no such condition to select by", `condition "AL"`, func(f *Func, p, n GP, v Vec) { f.CSEL("AL", n, n, n); f.RET() }},

		// Registers.
		{"unwritten vector", "reads V7 before it is written", func(f *Func, p, n GP, v Vec) { f.VADD(S4, V(7), v, v); f.RET() }},
		{"unwritten accumulator", "before it is written", func(f *Func, p, n GP, v Vec) { f.VMLA(S4, v, v, f.Vec()); f.RET() }},
		{"unwritten lanes", "before it is written", func(f *Func, p, n GP, v Vec) { f.VINS(S4, n, f.Vec(), 1); f.RET() }},
		{"unwritten on one way", "before it is written", func(f *Func, p, n GP, v Vec) {
			w := f.Vec()
			f.CBZ(n, "over")
			f.Zero(w)
			f.Label("over")
			f.VADD(S4, w, v, v)
			f.RET()
		}},
		{"unwritten general register", "before it is written", func(f *Func, p, n GP, v Vec) { f.ADD(f.GP(), n, n); f.RET() }},
		{"unwritten index", "before it is written", func(f *Func, p, n GP, v Vec) { f.FMOVQ(Index(p, f.GP()), v); f.RET() }},
		{"ZR is always written", "", func(f *Func, p, n GP, v Vec) { f.ADD(ZR, n, n); f.RET() }},
		{"no m", "VADD: a register is missing", func(f *Func, p, n GP, v Vec) { f.VADD(S4, Vec{}, v, v); f.RET() }},
		{"no n", "VADD: a register is missing", func(f *Func, p, n GP, v Vec) { f.VADD(S4, v, Vec{}, v); f.RET() }},
		{"no d", "VADD: a register is missing", func(f *Func, p, n GP, v Vec) { f.VADD(S4, v, v, Vec{}); f.RET() }},
		{"no table", "VTBL: a register is missing", func(f *Func, p, n GP, v Vec) { f.VTBL(B16, v, []Vec{{}}, v); f.RET() }},
		{"no general register", "MUL: a register is missing", func(f *Func, p, n GP, v Vec) { f.MUL(n, GP{}, n); f.RET() }},
		{"too many vectors", "at most 33 vector registers are alive together, behind instruction 35, VMOVI", func(f *Func, p, n GP, v Vec) { // v and 32 more
			vs := f.Vecs(32)
			f.Zero(vs...)
			for _, w := range vs {
				f.VADD(S4, w, v, v)
			}
			f.RET()
		}},
		{"32 vectors", "", func(f *Func, p, n GP, v Vec) {
			vs := f.Vecs(31)
			f.Zero(vs...)
			for _, w := range vs {
				f.VADD(S4, w, v, v)
			}
			f.FMOVQ(v, At(p, 0))
			f.RET()
		}},
		{"too many general registers", "at most 27 general-purpose registers are alive together, behind instruction 28, MOVD", func(f *Func, p, n GP, v Vec) { keep(f, 25, n); f.STP(p, n, At(p, 0)); f.RET() }},
		{"26 general registers", "", func(f *Func, p, n GP, v Vec) { keep(f, 24, n); f.STP(p, n, At(p, 0)); f.RET() }},
		{"R18", "writes R18, which is reserved", func(f *Func, p, n GP, v Vec) { f.NEG(n, x(18)); f.RET() }},
		{"R27", "writes R27, which is reserved", func(f *Func, p, n GP, v Vec) { f.NEG(n, x(27)); f.RET() }},
		{"R28", "writes R28, which is reserved", func(f *Func, p, n GP, v Vec) { f.FMOVD(v, x(28)); f.RET() }},
		{"R29", "writes R29, which is reserved", func(f *Func, p, n GP, v Vec) { f.LDP(At(p, 0), n, x(29)); f.RET() }},
		{"R30", "writes R30, which is reserved", func(f *Func, p, n GP, v Vec) { f.VUMOV(S4, v, 0, x(30)); f.RET() }},

		// Addresses.
		{"no base", "an address without a base", func(f *Func, p, n GP, v Vec) { f.FMOVQ(Mem{}, v); f.RET() }},
		{"no base of a pair", "an address without a base", func(f *Func, p, n GP, v Vec) { f.FLDPQ(Mem{}, v, f.Vec()); f.RET() }},
		{"no base of a list", "an address without a base", func(f *Func, p, n GP, v Vec) { f.VLD1(Mem{}, v); f.RET() }},
		{"no base to prefetch", "an address without a base", func(f *Func, p, n GP, v Vec) { f.PRFM(Mem{}); f.RET() }},
		{"no index", "an address without its index", func(f *Func, p, n GP, v Vec) { f.FMOVQ(Index(p, GP{}), v); f.RET() }},
		{"base ZR", "stack pointer", func(f *Func, p, n GP, v Vec) { f.FMOVQ(At(ZR, 0), v); f.RET() }},
		{"offset too far", "offset 32768 of 8 bytes", func(f *Func, p, n GP, v Vec) { f.MOVD(At(p, 32768), n); f.RET() }},
		{"offset too far back", "offset -257 of 8 bytes", func(f *Func, p, n GP, v Vec) { f.MOVD(At(p, -257), n); f.RET() }},
		{"offset in between", "offset 257 of 8 bytes", func(f *Func, p, n GP, v Vec) { f.MOVD(At(p, 257), n); f.RET() }},
		{"store too far", "offset 65536 of 16 bytes", func(f *Func, p, n GP, v Vec) { f.FMOVQ(v, At(p, 65536)); f.RET() }},
		{"moves too far", "moves its base by 256", func(f *Func, p, n GP, v Vec) { f.FMOVQ(Post(p, 256), v); f.RET() }},
		{"moves too far back", "moves its base by -257", func(f *Func, p, n GP, v Vec) { f.FMOVQ(Pre(p, -257), v); f.RET() }},
		{"scale of another width", "index shifted by 2", func(f *Func, p, n GP, v Vec) { f.MOVD(IndexShifted(p, n, 2), n); f.RET() }},
		{"PostIndex", "only VLD1, VST1 and VLD1R take PostIndex", func(f *Func, p, n GP, v Vec) { f.FMOVQ(PostIndex(p, n), v); f.RET() }},
		{"PostIndex of a pair", "and no index", func(f *Func, p, n GP, v Vec) { f.FLDPQ(PostIndex(p, n), v, f.Vec()); f.RET() }},
		{"PostIndex by ZR", "would be a constant", func(f *Func, p, n GP, v Vec) { f.VLD1(PostIndex(p, ZR), v); f.RET() }},
		{"loads its base", "moves its base, which is its other operand", func(f *Func, p, n GP, v Vec) { f.MOVD(Post(p, 8), p); f.RET() }},
		{"stores its base", "moves its base, which is its other operand", func(f *Func, p, n GP, v Vec) { f.MOVD(p, Pre(p, 8)); f.RET() }},
		{"loads its base in a pair", "moves its base, which is its other operand", func(f *Func, p, n GP, v Vec) { f.LDP(Post(p, 16), n, p); f.RET() }},
		{"pair too far", "offset 1024 of a pair", func(f *Func, p, n GP, v Vec) { f.FLDPQ(At(p, 1024), v, f.Vec()); f.RET() }},
		{"pair too far back", "offset -520 of a pair", func(f *Func, p, n GP, v Vec) { f.LDP(At(p, -520), n, f.GP()); f.RET() }},
		{"pair not a multiple", "offset 8 of a pair", func(f *Func, p, n GP, v Vec) { f.FSTPQ(v, v, At(p, 8)); f.RET() }},
		{"pair with an index", "and no index", func(f *Func, p, n GP, v Vec) { f.FSTPQ(v, v, Index(p, n)); f.RET() }},
		{"pair of one", "loads twice into one register", func(f *Func, p, n GP, v Vec) { f.FLDPQ(At(p, 0), v, v); f.RET() }},
		{"list with an offset", "want no offset", func(f *Func, p, n GP, v Vec) { f.VLD1(At(p, 16), v); f.RET() }},
		{"list moved otherwise", "Post by the 32 bytes", func(f *Func, p, n GP, v Vec) { f.VLD1(Post(p, 16), Vs(3, 2)...); f.RET() }},
		{"list moved before", "want no offset", func(f *Func, p, n GP, v Vec) { f.VST1([]Vec{v}, Pre(p, 16)); f.RET() }},
		{"list with an index", "want no offset", func(f *Func, p, n GP, v Vec) { f.VST1([]Vec{v}, Index(p, n)); f.RET() }},
		{"one lane moved otherwise", "Post by the 4 bytes", func(f *Func, p, n GP, v Vec) { f.VLD1R(S4, Post(p, 16), v); f.RET() }},
		{"prefetch between lines", "a multiple of 8", func(f *Func, p, n GP, v Vec) { f.PRFM(At(p, 4)); f.RET() }},
		{"prefetch before", "from 0 to 32760", func(f *Func, p, n GP, v Vec) { f.PRFM(At(p, -8)); f.RET() }},
		{"prefetch too far", "from 0 to 32760", func(f *Func, p, n GP, v Vec) { f.PRFM(At(p, 32768)); f.RET() }},
		{"prefetch and move", "from 0 to 32760", func(f *Func, p, n GP, v Vec) { f.PRFM(Post(p, 8)); f.RET() }},

		// Lists.
		{"not consecutive", "want consecutive ones", func(f *Func, p, n GP, v Vec) { f.VLD1(At(p, 0), V(1), V(3)); f.RET() }},
		{"falling", "want consecutive ones", func(f *Func, p, n GP, v Vec) { f.VLD1(At(p, 0), V(2), V(1)); f.RET() }},
		{"five", "a list of 5 registers", func(f *Func, p, n GP, v Vec) { f.VLD1(At(p, 0), Vs(1, 5)...); f.RET() }},
		{"none", "a list of 0 registers", func(f *Func, p, n GP, v Vec) { f.VTBL(B16, v, nil, v); f.RET() }},
		{"table not consecutive", "want consecutive ones", func(f *Func, p, n GP, v Vec) {
			f.Zero(V(5), V(7))
			f.VTBL(B16, v, []Vec{V(5), V(7)}, v)
			f.RET()
		}},

		// Fields.
		{"shift right by 0", "shift by 0: want 1 to 8", func(f *Func, p, n GP, v Vec) { f.VUSHR(B16, 0, v, v); f.RET() }},
		{"shift right too far", "shift by 17: want 1 to 16", func(f *Func, p, n GP, v Vec) { f.VSSHR(H8, 17, v, v); f.RET() }},
		{"shift left too far", "shift by 32: want 0 to 31", func(f *Func, p, n GP, v Vec) { f.VSHL(S4, 32, v, v); f.RET() }},
		{"shift left by less than nothing", "shift by -1: want 0 to 63", func(f *Func, p, n GP, v Vec) { f.VSLI(D2, -1, v, v); f.RET() }},
		{"narrowed too far", "shift by 9: want 1 to 8", func(f *Func, p, n GP, v Vec) { f.VSHRN(B8, 9, v, v); f.RET() }},
		{"widened too far", "shift by 8: want 0 to 7", func(f *Func, p, n GP, v Vec) { f.VUSHLL(B8, 8, v, v); f.RET() }},
		{"VEXT too far", "from byte 16: want 0 to 15", func(f *Func, p, n GP, v Vec) { f.VEXT(B16, 16, v, v, v); f.RET() }},
		{"VEXT of a half too far", "from byte 8: want 0 to 7", func(f *Func, p, n GP, v Vec) { f.VEXT(B8, 8, v, v, v); f.RET() }},
		{"constant of 9 bits", "constant 257", func(f *Func, p, n GP, v Vec) { f.VMOVI(B16, 257, v); f.RET() }},
		{"shifted constant of bytes", "constant 256", func(f *Func, p, n GP, v Vec) { f.VMOVI(B16, 256, v); f.RET() }},
		{"constant too wide", "constant 65536", func(f *Func, p, n GP, v Vec) { f.VMOVIWide(H8, 65536, v); f.RET() }},
		{"constant below 0", "constant -1", func(f *Func, p, n GP, v Vec) { f.VMVNI(S4, -1, v); f.RET() }},
		{"lane of VDUPElem", "lane 4: want 0 to 3", func(f *Func, p, n GP, v Vec) { f.VDUPElem(S4, v, 4, v); f.RET() }},
		{"lane of VINS", "lane -1: want 0 to 15", func(f *Func, p, n GP, v Vec) { f.VINS(B16, n, v, -1); f.RET() }},
		{"lane from", "lane 2: want 0 to 1", func(f *Func, p, n GP, v Vec) { f.VINSElem(D2, v, 2, v, 0); f.RET() }},
		{"lane to", "lane 8: want 0 to 7", func(f *Func, p, n GP, v Vec) { f.VINSElem(H8, v, 0, v, 8); f.RET() }},
		{"lane of VUMOV", "lane 2: want 0 to 1", func(f *Func, p, n GP, v Vec) { f.VUMOV(D2, v, 2, n); f.RET() }},
		{"lane of a product", "lane 8: want 0 to 7", func(f *Func, p, n GP, v Vec) { f.VMULElem(H8, v, 8, v, v); f.RET() }},
		{"lane of a sum of products", "lane 4: want 0 to 3", func(f *Func, p, n GP, v Vec) { f.VSDOTElem(v, 4, v, v); f.RET() }},
		{"lane to load", "lane 16: want 0 to 15", func(f *Func, p, n GP, v Vec) { f.VLD1Lane(B16, At(p, 0), v, 16); f.RET() }},
		{"lane to store", "lane -1: want 0 to 1", func(f *Func, p, n GP, v Vec) { f.VST1Lane(D2, v, -1, At(p, 0)); f.RET() }},
		{"16 bits of V16", "lanes of 16 bits of V16", func(f *Func, p, n GP, v Vec) {
			f.Zero(V(16))
			f.VSMLALElem(H4, V(16), 0, v, v)
			f.RET()
		}},
		{"16 bits of V15, 32 bits of V16", "", func(f *Func, p, n GP, v Vec) {
			f.Zero(V(15), V(16))
			f.VSMLALElem(H4, V(15), 0, v, v)
			f.VSMLALElem(S2, V(16), 0, v, v)
			f.RET()
		}},
		{"lanes", "lanes D2: want one of [B8 B16 H4 H8 S2 S4]", func(f *Func, p, n GP, v Vec) { f.VMUL(D2, v, v, v); f.RET() }},
		{"lanes of a half", "lanes B16: want one of [B8 H4 S2]", func(f *Func, p, n GP, v Vec) { f.VSMULL(B16, v, v, v); f.RET() }},
		{"one lane", "lanes D1: want one of", func(f *Func, p, n GP, v Vec) { f.VADD(D1, v, v, v); f.RET() }},

		// Arithmetic.
		{"constant to add", "the constant 4097 is not one that ADD encodes", func(f *Func, p, n GP, v Vec) { f.ADD(Imm(4097), n, n); f.RET() }},
		{"least constant to add", "is not one that SUBS encodes", func(f *Func, p, n GP, v Vec) { f.SUBS(Imm(math.MinInt64), n, n); f.RET() }},
		{"no mask", "the constant 5 is not one that AND encodes", func(f *Func, p, n GP, v Vec) { f.AND(Imm(5), n, n); f.RET() }},
		{"BIC of a constant", "is not one that BIC encodes", func(f *Func, p, n GP, v Vec) { f.BIC(Imm(1), n, n); f.RET() }},
		{"shift by 64", "the constant 64 is not one that LSL encodes", func(f *Func, p, n GP, v Vec) { f.LSL(Imm(64), n, n); f.RET() }},
		{"shift before adding", "shift by 64", func(f *Func, p, n GP, v Vec) { f.ADD(Shifted{n, 64}, n, n); f.RET() }},
		{"shift twice", "a shift of a shifted register", func(f *Func, p, n GP, v Vec) { f.LSR(Shifted{n, 1}, n, n); f.RET() }},
		{"constant plus ZR", "ZR, which would be the stack pointer", func(f *Func, p, n GP, v Vec) { f.ADD(Imm(1), ZR, n); f.RET() }},
		{"constant into ZR", "ZR, which would be the stack pointer", func(f *Func, p, n GP, v Vec) { f.AND(Imm(1), n, ZR); f.RET() }},
		{"ZR against a constant", "ZR, which would be the stack pointer", func(f *Func, p, n GP, v Vec) { f.CMP(Imm(1), ZR); f.RET() }},
		{"address into ZR", "ZR, which would be the stack pointer", func(f *Func, p, n GP, v Vec) { f.MOVD(f.Data("d", make([]byte, 8)), ZR); f.RET() }},
		{"memory to add", "operand neon.Mem", func(f *Func, p, n GP, v Vec) { f.ADD(At(p, 0), n, n); f.RET() }},
		{"field beyond", "40 bits from bit 30 on", func(f *Func, p, n GP, v Vec) { f.UBFX(30, n, 40, n); f.RET() }},
		{"field of nothing", "0 bits from bit 3 on", func(f *Func, p, n GP, v Vec) { f.SBFX(3, n, 0, n); f.RET() }},
		{"bit to test", "bit 64", func(f *Func, p, n GP, v Vec) {
			f.Label("top")
			f.TBZ(64, n, "top")
			f.RET()
		}},
		{"move of both kinds", "no MOVD from neon.GP to neon.Vec", func(f *Func, p, n GP, v Vec) { f.MOVD(n, v); f.RET() }},
		{"move of 128 bits", "no FMOVQ from neon.Vec to neon.Vec", func(f *Func, p, n GP, v Vec) { f.FMOVQ(v, v); f.RET() }},
		{"load to a constant", "no MOVD from neon.Mem to neon.Imm", func(f *Func, p, n GP, v Vec) { f.MOVD(At(p, 0), Imm(1)); f.RET() }},
		{"vector store of a general register", "no FMOVD from neon.GP to neon.Mem", func(f *Func, p, n GP, v Vec) { f.FMOVD(n, At(p, 0)); f.RET() }},
		{"constant to memory", "no MOVD from neon.Imm to neon.Mem", func(f *Func, p, n GP, v Vec) { f.MOVD(Imm(0), At(p, 0)); f.RET() }},

		// Data.
		{"odd data", "data d has 7 bytes", func(f *Func, p, n GP, v Vec) { f.MOVD(f.Data("d", make([]byte, 7)), n); f.RET() }},
		{"no data", "data d has 0 bytes", func(f *Func, p, n GP, v Vec) { f.MOVD(f.Data("d", nil), n); f.RET() }},
		{"data of two values", "data d has two values", func(f *Func, p, n GP, v Vec) {
			f.MOVD(f.Data("d", make([]byte, 8)), n)
			f.MOVD(f.Data("d", make([]byte, 16)), n)
			f.RET()
		}},
		{"data twice", "", func(f *Func, p, n GP, v Vec) {
			f.MOVD(f.Data("d", make([]byte, 8)), n)
			f.MOVD(f.Data("d", make([]byte, 8)), n)
			f.RET()
		}},
		{"data named as a register", `data "R1"`, func(f *Func, p, n GP, v Vec) { f.MOVD(f.Data("R1", make([]byte, 8)), n); f.RET() }},
		{"constant of no pattern", "data c has 0 bytes", func(f *Func, p, n GP, v Vec) { f.VADD(S4, f.Constant("c"), v, v); f.RET() }},
		{"constant of three bytes", "data c has 18 bytes", func(f *Func, p, n GP, v Vec) { f.VADD(S4, f.Constant("c", 1, 2, 3), v, v); f.RET() }},

		// Parameters and results.
		{"no such parameter", `unknown variable "q"`, func(f *Func, p, n GP, v Vec) { f.Param("q"); f.RET() }},
		{"float as a number", "parameter x: float32: want an integer or a pointer", func(f *Func, p, n GP, v Vec) { f.Param("x"); f.RET() }},
		{"number as a float", "parameter n: uintptr: want float32", func(f *Func, p, n GP, v Vec) { f.ParamFloat32("n"); f.RET() }},
		{"slice", "component is not primitive", func(f *Func, p, n GP, v Vec) { f.Param("s"); f.RET() }},
		{"no result", "index out of range", func(f *Func, p, n GP, v Vec) { f.Return(n) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := NewFile("test", "test", "arm64")
			fn := f.Function("f", "func(p *byte, n uintptr, x float32, s []byte)")
			if test.body != nil {
				p, n, v := fn.Param("p"), fn.Param("n"), fn.Vec()
				fn.Zero(v)
				test.body(fn, p, n, v)
			}
			wantError(t, f, test.want)
		})
	}
}

// keep has k more general registers alive together.
func keep(f *Func, k int, n GP) {
	list := make([]GP, k)
	for i := range list {
		list[i] = f.GP()
		f.MOVD(Imm(i), list[i])
	}
	for _, r := range list {
		f.ADD(r, n, n)
	}
}

// wantError compiles and prints a file.
func wantError(t *testing.T, f *File, want string) {
	t.Helper()
	err := f.Compile()
	if err == nil {
		_, err = f.Assembly()
	}
	if want == "" && err != nil {
		t.Fatalf("got %v: want no error", err)
	}
	if want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
		t.Fatalf("got %v: want an error with %q", err, want)
	}
}

// TestSignatures wants errors of functions, whatever is in them.
func TestSignatures(t *testing.T) {
	for _, test := range []struct {
		name, signature, want string
		body                  func(f *Func)
	}{
		{"f", "func() int", "", func(f *Func) { f.Return(ZR) }},
		{"f", "func() float32", "", func(f *Func) { f.Zero(V(3)); f.Return(V(3)) }},
		{"f", "func() *byte", "", func(f *Func) { f.Return(ZR) }},
		{"f", "func( int", "signature", func(f *Func) { f.RET() }},
		{"f", "func() int", "RET without the result", func(f *Func) { f.RET() }},
		{"f", "func() (a, b int)", "more than one result", func(f *Func) { f.Return(ZR) }},
		{"f", "func() int", "int from a vector register: want float32", func(f *Func) { f.Zero(V(3)); f.Return(V(3)) }},
		{"f", "func() float32", "float32: want an integer or a pointer", func(f *Func) { f.Return(ZR) }},
		{"f", "func() int", "result of neon.Imm", func(f *Func) { f.Return(Imm(1)) }},
		{"f", "func() int", "a register is missing", func(f *Func) { f.Return(GP{}) }},
		{"a b", "func()", `function "a b"`, func(f *Func) { f.RET() }},
		{"", "func()", `function ""`, func(f *Func) { f.RET() }},
		{"other", "func()", "two functions are named other", func(f *Func) { f.RET() }},
	} {
		f := NewFile("test", "test", "arm64")
		f.Function("other", "func()").RET()
		test.body(f.Function(test.name, test.signature))
		t.Run(test.name+" "+test.signature, func(t *testing.T) { wantError(t, f, test.want) })
	}
}

// TestFile wants errors of files.
func TestFile(t *testing.T) {
	f := NewFile("test", "test", "arm64")
	f.Function("f", "func()").RET()
	if _, err := f.Assembly(); err == nil || !strings.Contains(err.Error(), "f is not compiled") {
		t.Errorf("got %v of a file that is not compiled", err)
	}
	f = NewFile("test", "test", "arm64 &&")
	if err := f.Compile(); err != nil {
		t.Error(err)
	}
	if _, err := f.Assembly(); err == nil {
		t.Error("a wrong build constraint is taken")
	}
	if _, err := f.Stubs(); err == nil {
		t.Error("a wrong build constraint is taken for the stubs")
	}
	for _, n := range []int{-1, 32} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("V(%d) is a register", n)
				}
			}()
			V(n)
		}()
	}
}

// TestPhysical wants virtual registers to keep off physical ones that are in use, and only
// then.
func TestPhysical(t *testing.T) {
	f := NewFile("test", "test", "arm64")
	fn := f.Function("f", "func(p *byte)")
	p := fn.Param("p")
	fn.VLD1(At(p, 0), Vs(0, 4)...)
	vs := fn.Vecs(28)
	fn.Zero(vs...)
	index := vs[27]
	fn.VTBL(B16, index, Vs(0, 4), index)
	late := fn.Vecs(4) // the table is no longer needed
	fn.Zero(late...)
	for _, v := range append(vs[:27:27], late...) {
		fn.VADD(B16, v, index, index)
	}
	fn.FMOVQ(index, At(p, 0))
	fn.RET()
	if err := f.Compile(); err != nil {
		t.Fatal(err)
	}
	a := f.allocations[0]
	used := map[int]bool{}
	for _, v := range vs {
		if n := a.vec(v); n < 4 || used[n] {
			t.Errorf("a vector is in V%d while the table is there, or another", n)
		}
		used[a.vec(v)] = true
	}
	for _, v := range late {
		if n := a.vec(v); n > 3 {
			t.Errorf("a vector is in V%d, where another is", n)
		}
	}
}

// TestMasks compares with all constants that logical instructions encode.
func TestMasks(t *testing.T) {
	masks := map[uint64]bool{}
	for size := 2; size <= 64; size *= 2 {
		for ones := 1; ones < size; ones++ {
			for turn := range size {
				run := uint64(1)<<ones - 1
				element := run<<turn | run>>(size-turn)
				if size < 64 {
					element &= 1<<size - 1
				}
				v := uint64(0)
				for at := 0; at < 64; at += size {
					v |= element << at
				}
				masks[v] = true
			}
		}
	}
	if len(masks) != 5334 {
		t.Fatalf("%d masks: Arm's manual has 5334", len(masks))
	}
	for v := range masks {
		if !isMask(Imm(v)) {
			t.Errorf("%#x is not taken as a mask", v)
		}
		for k := range 64 {
			if other := v ^ 1<<k; isMask(Imm(other)) != masks[other] {
				t.Errorf("%#x is taken as a mask: %v", other, !masks[other])
			}
			if other := bits.RotateLeft64(v, k); !isMask(Imm(other)) {
				t.Errorf("%#x is not taken as a mask", other)
			}
		}
	}
	for _, v := range []uint64{0, math.MaxUint64} {
		if isMask(Imm(v)) {
			t.Errorf("%#x is taken as a mask", v)
		}
	}
}

// TestFeaturesOfFunctions wants functions to tell what they need, in the text too.
func TestFeaturesOfFunctions(t *testing.T) {
	f := NewFile("test", "test", "arm64")
	fn := f.Function("f", "func()")
	fn.Zero(V(0))
	fn.VSDOT(V(0), V(0), V(0))
	fn.VSMMLA(V(0), V(0), V(0))
	fn.RET()
	if err := f.Compile(); err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(fn.Features()), "[AdvSIMD DotProd I8MM]"; got != want {
		t.Errorf("got features %s: want %s", got, want)
	}
	text, err := f.Assembly()
	if err != nil {
		t.Fatal(err)
	}
	if want := "// Requires: AdvSIMD, DotProd, I8MM\n"; !strings.Contains(string(text), want) {
		t.Errorf("%s\nhas no %q", text, want)
	}
}
