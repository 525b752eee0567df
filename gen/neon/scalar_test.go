package neon

import (
	"fmt"
	"strings"
	"testing"
)

// x is a physical general-purpose register: 31 is ZR.
func x(i int) GP {
	if i == zeroIndex {
		return ZR
	}
	return GP{generals[i]}
}

// A scalar is what one call of a method of Func should become, in Arm's syntax.
type scalar struct {
	arm  string
	call func(f *Func)
}

// scalars are instructions that are not in the table.
func scalars() []scalar {
	var list []scalar
	add := func(arm string, call func(f *Func)) { list = append(list, scalar{arm, call}) }

	// Loads and stores of every width with every address.
	type move struct {
		name        string
		load, store string // of a register, with 0 for its number
		bytes       int
		call        func(f *Func, src, dst Operand)
		vector      bool
	}
	for _, m := range []move{
		{"MOVD", "ldr x0", "str x0", 8, (*Func).MOVD, false},
		{"MOVW", "ldrsw x0", "str w0", 4, (*Func).MOVW, false},
		{"MOVWU", "ldr w0", "str w0", 4, (*Func).MOVWU, false},
		{"MOVH", "ldrsh x0", "strh w0", 2, (*Func).MOVH, false},
		{"MOVHU", "ldrh w0", "strh w0", 2, (*Func).MOVHU, false},
		{"MOVB", "ldrsb x0", "strb w0", 1, (*Func).MOVB, false},
		{"MOVBU", "ldrb w0", "strb w0", 1, (*Func).MOVBU, false},
		{"FMOVQ", "ldr q0", "str q0", 16, (*Func).FMOVQ, true},
		{"FMOVD", "ldr d0", "str d0", 8, (*Func).FMOVD, true},
		{"FMOVS", "ldr s0", "str s0", 4, (*Func).FMOVS, true},
	} {
		log := 0
		for 1<<log < m.bytes {
			log++
		}
		for _, at := range []struct {
			r    int
			m    Mem
			text string // %d is the scale
			unit bool   // offset that only LDUR and STUR have
		}{
			{3, At(x(4), 0), "[x4]", false},
			{0, At(x(26), m.bytes), fmt.Sprintf("[x26, #%d]", m.bytes), false},
			{19, At(x(0), 4095*m.bytes), fmt.Sprintf("[x0, #%d]", 4095*m.bytes), false},
			{31, At(x(1), -256), "[x1, #-256]", true},
			{3, At(x(4), 255), "[x4, #255]", m.bytes > 1},
			{3, At(x(4), -1), "[x4, #-1]", true},
			{3, Post(x(4), 255), "[x4], #255", false},
			{3, Post(x(4), -256), "[x4], #-256", false},
			{3, Post(x(4), m.bytes), fmt.Sprintf("[x4], #%d", m.bytes), false},
			{31, Pre(x(26), 255), "[x26, #255]!", false},
			{3, Pre(x(4), -256), "[x4, #-256]!", false},
			{31, Index(x(4), x(5)), "[x4, x5]", false},
			{3, Index(x(26), x(25)), "[x26, x25]", false},
			{3, IndexShifted(x(4), x(5), log), fmt.Sprintf("[x4, x5, lsl #%d]", log), false},
		} {
			if m.bytes == 1 && strings.Contains(at.text, "lsl") {
				continue // the same as no shift
			}
			var r Operand = x(at.r)
			if m.vector {
				r = V(at.r)
			}
			text := func(op string) string {
				op = op[:len(op)-1]
				if at.unit {
					op = op[:2] + "u" + op[2:]
				}
				name := fmt.Sprint(at.r)
				if at.r == 31 && !m.vector {
					name = "zr"
				}
				return op + name + ", " + at.text
			}
			add(text(m.load), func(f *Func) { m.call(f, at.m, r) })
			add(text(m.store), func(f *Func) { m.call(f, r, at.m) })
		}
	}

	// Moves between registers, and constants.
	add("mov x4, x3", func(f *Func) { f.MOVD(x(3), x(4)) })
	add("mov x4, xzr", func(f *Func) { f.MOVD(ZR, x(4)) })
	add("sxtw x4, w3", func(f *Func) { f.MOVW(x(3), x(4)) })
	add("mov w4, w3", func(f *Func) { f.MOVWU(x(3), x(4)) })
	add("sxth x4, w3", func(f *Func) { f.MOVH(x(3), x(4)) })
	add("ubfx x4, x3, #0, #16", func(f *Func) { f.MOVHU(x(3), x(4)) })
	add("sxtb x4, w3", func(f *Func) { f.MOVB(x(3), x(4)) })
	add("ubfx x4, x3, #0, #8", func(f *Func) { f.MOVBU(x(3), x(4)) })
	add("fmov d4, x3", func(f *Func) { f.FMOVD(x(3), V(4)) })
	add("fmov x4, d3", func(f *Func) { f.FMOVD(V(3), x(4)) })
	add("fmov d31, d0", func(f *Func) { f.FMOVD(V(0), V(31)) })
	add("fmov s4, w3", func(f *Func) { f.FMOVS(x(3), V(4)) })
	add("fmov s4, wzr", func(f *Func) { f.FMOVS(ZR, V(4)) })
	add("fmov w4, s3", func(f *Func) { f.FMOVS(V(3), x(4)) })
	add("fmov s0, s31", func(f *Func) { f.FMOVS(V(31), V(0)) })
	add("mov v4.16b, v31.16b", func(f *Func) { f.VMOV(V(31), V(4)) })
	add("movi v31.16b, #0", func(f *Func) { f.Zero(V(31)) })
	for _, c := range []int64{0, 1, 65535, 65536, -1, -2, -65536, 1 << 63 >> 8, 0x00ff00ff00ff00ff, 0x5555555555555555} {
		text := fmt.Sprintf("mov x3, #%d", c)
		switch c { // what the Go assembler makes of them
		case 0:
			text = "mov x3, xzr"
		case 1, 65536:
			text = fmt.Sprintf("orr x3, xzr, #%d", c)
		}
		add(text, func(f *Func) { f.MOVD(Imm(c), x(3)) })
	}

	// Pairs and lists.
	for _, p := range []struct {
		m    func(bytes int) Mem
		text func(bytes int) string
	}{
		{func(int) Mem { return At(x(4), 0) }, func(int) string { return "[x4]" }},
		{func(b int) Mem { return At(x(0), 63*b) }, func(b int) string { return fmt.Sprintf("[x0, #%d]", 63*b) }},
		{func(b int) Mem { return At(x(26), -64*b) }, func(b int) string { return fmt.Sprintf("[x26, #%d]", -64*b) }},
		{func(b int) Mem { return Post(x(4), 63*b) }, func(b int) string { return fmt.Sprintf("[x4], #%d", 63*b) }},
		{func(b int) Mem { return Post(x(4), -64*b) }, func(b int) string { return fmt.Sprintf("[x4], #%d", -64*b) }},
		{func(b int) Mem { return Pre(x(4), 63*b) }, func(b int) string { return fmt.Sprintf("[x4, #%d]!", 63*b) }},
		{func(b int) Mem { return Pre(x(4), -64*b) }, func(b int) string { return fmt.Sprintf("[x4, #%d]!", -64*b) }},
	} {
		add("ldp x2, x19, "+p.text(8), func(f *Func) { f.LDP(p.m(8), x(2), x(19)) })
		add("stp x2, xzr, "+p.text(8), func(f *Func) { f.STP(x(2), ZR, p.m(8)) })
		add("stp xzr, x2, "+p.text(8), func(f *Func) { f.STP(ZR, x(2), p.m(8)) })
		add("ldp q31, q0, "+p.text(16), func(f *Func) { f.FLDPQ(p.m(16), V(31), V(0)) })
		add("stp q0, q31, "+p.text(16), func(f *Func) { f.FSTPQ(V(0), V(31), p.m(16)) })
	}
	for n := 1; n <= 4; n++ {
		for _, first := range []int{0, 17, 31} {
			var vs []int
			for i := range n {
				vs = append(vs, (first+i)%32)
			}
			names := armList(vs, B16)
			for _, a := range []struct {
				m    Mem
				text string
			}{
				{At(x(4), 0), "[x4]"},
				{Post(x(26), 16*n), fmt.Sprintf("[x26], #%d", 16*n)},
				{PostIndex(x(0), x(25)), "[x0], x25"},
			} {
				add("ld1 "+names+", "+a.text, func(f *Func) { f.VLD1(a.m, Vs(first, n)...) })
				add("st1 "+names+", "+a.text, func(f *Func) { f.VST1(Vs(first, n), a.m) })
			}
		}
	}
	for a := B8; a <= D2; a++ {
		bytes := a.bits() / 8
		for _, p := range []struct {
			m    Mem
			text string
		}{
			{At(x(4), 0), "[x4]"},
			{Post(x(26), bytes), fmt.Sprintf("[x26], #%d", bytes)},
			{PostIndex(x(0), x(25)), "[x0], x25"},
		} {
			add(fmt.Sprintf("ld1r {v31.%s}, %s", a.arm(), p.text), func(f *Func) { f.VLD1R(a, p.m, V(31)) })
			if a.q() == 0 {
				continue // lanes are those of the whole register
			}
			for _, lane := range []int{0, 1, 16/bytes - 1} {
				text := fmt.Sprintf("{v31.%s}[%d], %s", a.armElement(), lane, p.text)
				add("ld1 "+text, func(f *Func) { f.VLD1Lane(a, p.m, V(31), lane) })
				add("st1 "+text, func(f *Func) { f.VST1Lane(a, V(31), lane, p.m) })
			}
		}
	}
	add("prfm pldl1keep, [x4]", func(f *Func) { f.PRFM(At(x(4), 0)) })
	add("prfm pldl1keep, [x26, #32760]", func(f *Func) { f.PRFM(At(x(26), 32760)) })

	// Arithmetic.
	type binary struct {
		arm  string
		call func(f *Func, m Operand, n, d GP)
	}
	for _, b := range []binary{
		{"add", (*Func).ADD}, {"sub", (*Func).SUB}, {"adds", (*Func).ADDS}, {"subs", (*Func).SUBS},
		{"and", (*Func).AND}, {"orr", (*Func).ORR}, {"eor", (*Func).EOR}, {"bic", (*Func).BIC},
		{"lsl", (*Func).LSL}, {"lsr", (*Func).LSR}, {"asr", (*Func).ASR},
		{"mul", func(f *Func, m Operand, n, d GP) { f.MUL(m.(GP), n, d) }},
	} {
		add(b.arm+" x5, x4, x3", func(f *Func) { b.call(f, x(3), x(4), x(5)) })
		add(b.arm+" x26, x4, xzr", func(f *Func) { b.call(f, ZR, x(4), x(26)) })
		if !strings.Contains("lsl lsr asr mul", b.arm) {
			for _, k := range []int{1, 31, 63} {
				add(fmt.Sprintf("%s x5, x4, x3, lsl #%d", b.arm, k), func(f *Func) { b.call(f, Shifted{x(3), k}, x(4), x(5)) })
			}
		}
		switch b.arm {
		case "add", "sub", "adds", "subs":
			for _, c := range []int{1, 4095, 4096, 0xfff000, -1, -4095, -4096, -0xfff000} {
				add(fmt.Sprintf("%s x5, x4, #%d", b.arm, c), func(f *Func) { b.call(f, Imm(c), x(4), x(5)) })
			}
		case "and", "orr", "eor":
			for _, c := range []int64{1, -2, 255, 1 << 62, 0x5555555555555555, 0x00ff00ff00ff00ff, 0x0ff00ff00ff00ff0, -1 << 63} {
				add(fmt.Sprintf("%s x5, x4, #%#x", b.arm, uint64(c)), func(f *Func) { b.call(f, Imm(c), x(4), x(5)) })
			}
		case "lsl", "lsr", "asr":
			for _, c := range []int{0, 1, 31, 32, 63} {
				add(fmt.Sprintf("%s x5, x4, #%d", b.arm, c), func(f *Func) { b.call(f, Imm(c), x(4), x(5)) })
			}
		}
	}
	add("cmp x4, x3", func(f *Func) { f.CMP(x(3), x(4)) })
	add("cmp x4, x3, lsl #63", func(f *Func) { f.CMP(Shifted{x(3), 63}, x(4)) })
	for _, c := range []int{1, 4095, -1, 0xfff000} {
		add(fmt.Sprintf("cmp x4, #%d", c), func(f *Func) { f.CMP(Imm(c), x(4)) })
	}
	add("madd x6, x5, x3, x4", func(f *Func) { f.MADD(x(3), x(4), x(5), x(6)) })
	add("madd x6, x5, x3, xzr", func(f *Func) { f.MADD(x(3), ZR, x(5), x(6)) })
	add("neg x4, x3", func(f *Func) { f.NEG(x(3), x(4)) })
	for _, w := range [][2]int{{0, 1}, {0, 64}, {63, 1}, {5, 20}, {31, 33}} {
		add(fmt.Sprintf("ubfx x4, x3, #%d, #%d", w[0], w[1]), func(f *Func) { f.UBFX(w[0], x(3), w[1], x(4)) })
		add(fmt.Sprintf("sbfx x4, x3, #%d, #%d", w[0], w[1]), func(f *Func) { f.SBFX(w[0], x(3), w[1], x(4)) })
	}

	// Conditions, and branches: each to itself.
	for _, c := range []Cond{EQ, NE, LT, LE, GT, GE, LO, LS, HI, HS, MI, PL} {
		arm := strings.ToLower(string(c))
		add("csel x5, x3, x4, "+arm, func(f *Func) { f.CSEL(c, x(3), x(4), x(5)) })
		add("csel x26, xzr, x4, "+arm, func(f *Func) { f.CSEL(c, ZR, x(4), x(26)) })
		add("b."+arm+" .", func(f *Func) { f.Bcond(c, "here") })
	}
	add("b .", func(f *Func) { f.B("here") })
	add("cbz x3, .", func(f *Func) { f.CBZ(x(3), "here") })
	add("cbnz x26, .", func(f *Func) { f.CBNZ(x(26), "here") })
	for _, bit := range []int{0, 31, 32, 63} {
		add(fmt.Sprintf("tbz x3, #%d, .", bit), func(f *Func) { f.TBZ(bit, x(3), "here") })
		add(fmt.Sprintf("tbnz x26, #%d, .", bit), func(f *Func) { f.TBNZ(bit, x(26), "here") })
	}
	add("ret", func(f *Func) { f.RET() })
	return list
}

// text is what the call is printed as, which must be one instruction.
func (s scalar) text(t *testing.T) string {
	f := NewFile("test", "test", "arm64").Function("f", "func()")
	s.call(f)
	if f.err != nil {
		t.Errorf("%s: %v", s.arm, f.err)
		return "WORD $0"
	}
	is := f.ir.Instructions()
	if len(is) != 1 {
		t.Fatalf("%s: %d instructions", s.arm, len(is))
	}
	text, err := f.texts[is[0]](allocation{})
	if err != nil {
		t.Fatalf("%s: %v", s.arm, err)
	}
	return text
}

// TestParams wants parameters to be extended by what their types say, and lines of
// comments to be no lines of the program.
func TestParams(t *testing.T) {
	for typ, want := range map[string]string{
		"int8": "MOVB", "uint8": "MOVBU", "bool": "MOVBU", "int16": "MOVH", "uint16": "MOVHU", "int32": "MOVW", "uint32": "MOVWU",
		"int64": "MOVD", "uint64": "MOVD", "uintptr": "MOVD", "*byte": "MOVD",
	} {
		file := NewFile("generator", "p", "arm64")
		f := file.Function("f", "func(x "+typ+") int64")
		f.Doc("f is\nx")
		f.Comment("first\nRET")
		f.Return(f.Param("x"))
		if err := file.Compile(); err != nil {
			t.Errorf("%s: %v", typ, err)
			continue
		}
		assembly, err := file.Assembly()
		if err != nil || !strings.Contains(string(assembly), "\t"+want+" x+0(FP), R0\n") || strings.Count(string(assembly), "\n\tRET") != 1 || !strings.Contains(string(assembly), "\n\t// RET\n") {
			t.Errorf("%s: %v\n%s\nwant %s and one RET", typ, err, assembly, want)
		}
		if stubs, err := file.Stubs(); err != nil || !strings.Contains(string(stubs), "\n// f is\n// x\n") {
			t.Errorf("%s: %v\n%s", typ, err, stubs)
		}
	}
}
