package neon

import (
	"fmt"
	"math/bits"
)

// An Operand is what a move takes: GP, Vec, Imm, Mem or Data.
type Operand interface{ operand() }

// An Imm is a constant.
type Imm int64

// Data is the address of read-only memory: see Func.Data.
type Data struct{ name string }

// A Shifted is a register shifted left by a constant, as an operand of ADD and the like.
type Shifted struct {
	R    GP
	Left int
}

func (GP) operand()      {}
func (Vec) operand()     {}
func (Imm) operand()     {}
func (Mem) operand()     {}
func (Data) operand()    {}
func (Shifted) operand() {}

// MOVD moves 64 bits: between general-purpose registers, to one from memory, to memory
// from one, or a constant or the address of Data into one.
func (f *Func) MOVD(src, dst Operand) {
	if d, ok := dst.(GP); ok {
		switch src := src.(type) {
		case Imm:
			f.emit(instruction{opcode: "MOVD", writes: list(d)}, func(a allocation) (string, error) {
				return fmt.Sprintf("MOVD $%d, %s", src, a.gp(d)), nil
			})
			return
		case Data:
			if d == ZR {
				f.fail("%s: instruction %d, MOVD: the address of %s to ZR, which would be the stack pointer", f.Name(), f.Instructions()+1, src.name)
				return
			}
			f.emit(instruction{opcode: "MOVD", writes: list(d)}, func(a allocation) (string, error) {
				return fmt.Sprintf("MOVD $%s<>(SB), %s", src.name, a.gp(d)), nil
			})
			return
		}
	}
	f.move("MOVD", 8, src, dst)
}

// MOVW moves 32 bits, and extends them by the sign in a register.
func (f *Func) MOVW(src, dst Operand) { f.move("MOVW", 4, src, dst) }

// MOVWU moves 32 bits, and extends them by zeros in a register.
func (f *Func) MOVWU(src, dst Operand) { f.move("MOVWU", 4, src, dst) }

// MOVH moves 16 bits, and extends them by the sign in a register.
func (f *Func) MOVH(src, dst Operand) { f.move("MOVH", 2, src, dst) }

// MOVHU moves 16 bits, and extends them by zeros in a register.
func (f *Func) MOVHU(src, dst Operand) { f.move("MOVHU", 2, src, dst) }

// MOVB moves 8 bits, and extends them by the sign in a register.
func (f *Func) MOVB(src, dst Operand) { f.move("MOVB", 1, src, dst) }

// MOVBU moves 8 bits, and extends them by zeros in a register.
func (f *Func) MOVBU(src, dst Operand) { f.move("MOVBU", 1, src, dst) }

// FMOVQ loads or stores 128 bits of a vector register.
func (f *Func) FMOVQ(src, dst Operand) { f.move("FMOVQ", 16, src, dst) }

// FMOVD loads or stores the lower 64 bits of a vector register, or moves them from or to
// a general-purpose register or another vector register. The other bits of a vector
// register that is written are cleared.
func (f *Func) FMOVD(src, dst Operand) { f.move("FMOVD", 8, src, dst) }

// FMOVS is FMOVD for the lowest 32 bits.
func (f *Func) FMOVS(src, dst Operand) { f.move("FMOVS", 4, src, dst) }

// move emits a load, a store or a move between registers.
func (f *Func) move(op string, bytes int, src, dst Operand) {
	var reads, writes []any
	suffix := ""
	memory := func(m Mem) bool {
		if m.index.Register != nil && m.mode == post {
			f.fail("%s: instruction %d, %s: only VLD1, VST1 and VLD1R take PostIndex", f.Name(), f.Instructions()+1, op)
			return false
		}
		if err := m.check(bytes); err != nil {
			f.fail("%s: instruction %d, %s: %w", f.Name(), f.Instructions()+1, op, err)
			return false
		}
		reads = append(reads, m.inputs()...)
		if m.mode == post || m.mode == pre {
			writes = append(writes, m.base)
		}
		suffix = m.suffix()
		return true
	}
	vector := op[0] == 'F'
	ok := false
	switch s := src.(type) {
	case Mem:
		if !memory(s) {
			return
		}
		_, isVec := dst.(Vec)
		_, isGP := dst.(GP)
		ok = isVec && vector || isGP && !vector
		writes = append(writes, dst)
	case GP, Vec:
		reads = append(reads, s)
		_, fromVec := s.(Vec)
		switch d := dst.(type) {
		case Mem:
			if !memory(d) {
				return
			}
			ok = fromVec == vector
		case GP:
			ok = !vector && !fromVec || vector && fromVec && bytes < 16
			writes = append(writes, d)
		case Vec:
			ok = vector && bytes < 16
			writes = append(writes, d)
		}
	}
	if !ok {
		f.fail("%s: instruction %d: no %s from %T to %T", f.Name(), f.Instructions()+1, op, src, dst)
		return
	}
	for _, o := range [][2]Operand{{src, dst}, {dst, src}} {
		if m, ok := o[0].(Mem); ok && m.moves(o[1]) {
			f.fail("%s: instruction %d, %s: moves its base, which is its other operand as well", f.Name(), f.Instructions()+1, op)
			return
		}
	}
	f.emit(instruction{opcode: op, reads: reads, writes: writes}, func(a allocation) (string, error) {
		if bytes == 16 { // the Go assembler lacks its form with an index
			if m, ok := src.(Mem); ok && m.mode == indexed {
				return a.indexedQ("ldr", 0x3ce06800, m, dst.(Vec)), nil
			}
			if m, ok := dst.(Mem); ok && m.mode == indexed {
				return a.indexedQ("str", 0x3ca06800, m, src.(Vec)), nil
			}
		}
		return fmt.Sprintf("%s%s %s, %s", op, suffix, a.operand(src), a.operand(dst)), nil
	})
}

// indexedQ encodes a load or store of 128 bits at a base plus an index.
func (a allocation) indexedQ(arm string, word uint32, m Mem, v Vec) string {
	gp := func(r GP) int { return a.number(r.Register) }
	word |= uint32(gp(m.index))<<16 | uint32(gp(m.base))<<5 | uint32(a.vec(v))
	if m.shift > 0 {
		word |= 1 << 12
	}
	return fmt.Sprintf("WORD $0x%08x // %s q%d, %s", word, arm, a.vec(v), m.arm(gp))
}

// LDP loads two adjacent general-purpose registers of 64 bits.
func (f *Func) LDP(m Mem, d1, d2 GP) { f.pair("LDP", 8, m, d1, d2, true) }

// STP stores two adjacent general-purpose registers of 64 bits.
func (f *Func) STP(s1, s2 GP, m Mem) { f.pair("STP", 8, m, s1, s2, false) }

// FLDPQ loads two adjacent vectors of 128 bits.
func (f *Func) FLDPQ(m Mem, d1, d2 Vec) { f.pair("FLDPQ", 16, m, d1, d2, true) }

// FSTPQ stores two adjacent vectors of 128 bits.
func (f *Func) FSTPQ(s1, s2 Vec, m Mem) { f.pair("FSTPQ", 16, m, s1, s2, false) }

func (f *Func) pair(op string, bytes int, m Mem, r1, r2 Operand, load bool) {
	if err := m.checkPair(bytes); err != nil {
		f.fail("%s: instruction %d, %s: %w", f.Name(), f.Instructions()+1, op, err)
		return
	}
	if m.moves(r1) || m.moves(r2) {
		f.fail("%s: instruction %d, %s: moves its base, which is its other operand as well", f.Name(), f.Instructions()+1, op)
		return
	}
	in := instruction{opcode: op, reads: m.inputs()}
	if load {
		in.writes = list(r1, r2)
	} else {
		in.reads = append(in.reads, r1, r2)
	}
	if m.mode != offset {
		in.writes = append(in.writes, m.base)
	}
	f.emit(in, func(a allocation) (string, error) {
		pair := fmt.Sprintf("(%s, %s)", a.operand(r1), a.operand(r2))
		if load && a.operand(r1) == a.operand(r2) {
			return "", fmt.Errorf("%s loads twice into one register", op)
		}
		if load {
			return fmt.Sprintf("%s%s %s, %s", op, m.suffix(), a.operand(m), pair), nil
		}
		return fmt.Sprintf("%s%s %s, %s", op, m.suffix(), pair, a.operand(m)), nil
	})
}

// VLD1 loads consecutive registers (see Vs), one to four.
func (f *Func) VLD1(m Mem, d ...Vec) { f.lists("VLD1", m, d, true) }

// VST1 stores consecutive registers (see Vs), one to four.
func (f *Func) VST1(s []Vec, m Mem) { f.lists("VST1", m, s, false) }

func (f *Func) lists(op string, m Mem, vs []Vec, load bool) {
	if err := m.checkList(16 * len(vs)); err != nil {
		f.fail("%s: instruction %d, %s: %w", f.Name(), f.Instructions()+1, op, err)
		return
	}
	in := instruction{opcode: op, reads: m.inputs()}
	for _, v := range vs {
		if load {
			in.writes = append(in.writes, v)
		} else {
			in.reads = append(in.reads, v)
		}
	}
	if m.mode == post {
		in.writes = append(in.writes, m.base)
	}
	f.emit(in, func(a allocation) (string, error) {
		var numbers []int
		for _, v := range vs {
			numbers = append(numbers, a.vec(v))
		}
		if err := consecutive(numbers); err != nil {
			return "", fmt.Errorf("%s: %w", op, err)
		}
		if load {
			return fmt.Sprintf("%s%s %s, %s", op, m.suffix(), a.operand(m), goList(numbers, B16)), nil
		}
		return fmt.Sprintf("%s%s %s, %s", op, m.suffix(), goList(numbers, B16), a.operand(m)), nil
	})
}

// VLD1R loads one lane into all lanes.
func (f *Func) VLD1R(arr Arrangement, m Mem, d Vec) {
	if err := m.checkList(arr.bits() / 8); err != nil {
		f.fail("%s: instruction %d, VLD1R: %w", f.Name(), f.Instructions()+1, err)
		return
	}
	in := instruction{opcode: "VLD1R", reads: m.inputs(), writes: list(d)}
	if m.mode == post {
		in.writes = append(in.writes, m.base)
	}
	f.emit(in, func(a allocation) (string, error) {
		return fmt.Sprintf("VLD1R%s %s, %s", m.suffix(), a.operand(m), goList([]int{a.vec(d)}, arr)), nil
	})
}

// VLD1Lane loads one lane, as wide as those of arr, and leaves the others.
func (f *Func) VLD1Lane(arr Arrangement, m Mem, d Vec, lane int) { f.lane("VLD1", arr, m, d, lane) }

// VST1Lane stores one lane, as wide as those of arr.
func (f *Func) VST1Lane(arr Arrangement, s Vec, lane int, m Mem) { f.lane("VST1", arr, m, s, lane) }

func (f *Func) lane(op string, arr Arrangement, m Mem, v Vec, lane int) {
	err := m.checkList(arr.bits() / 8)
	if lanes := 128 / arr.bits(); err == nil && (lane < 0 || lane >= lanes) {
		err = fmt.Errorf("lane %d: want 0 to %d", lane, lanes-1)
	}
	if err != nil {
		f.fail("%s: instruction %d, %s: %w", f.Name(), f.Instructions()+1, op, err)
		return
	}
	in := instruction{opcode: op, reads: append(m.inputs(), v)}
	if op == "VLD1" {
		in.writes = list(v)
	}
	if m.mode == post {
		in.writes = append(in.writes, m.base)
	}
	f.emit(in, func(a allocation) (string, error) {
		lane := fmt.Sprintf("V%d.%s[%d]", a.vec(v), arr.element(), lane)
		if op == "VLD1" {
			return fmt.Sprintf("%s%s %s, %s", op, m.suffix(), a.operand(m), lane), nil
		}
		return fmt.Sprintf("%s%s %s, %s", op, m.suffix(), lane, a.operand(m)), nil
	})
}

// VMOV copies a vector register.
func (f *Func) VMOV(n, d Vec) {
	f.emit(instruction{opcode: "VMOV", reads: list(n), writes: list(d), feature: AdvSIMD}, func(a allocation) (string, error) {
		return fmt.Sprintf("VMOV V%d.B16, V%d.B16", a.vec(n), a.vec(d)), nil
	})
}

// Zero clears vector registers.
func (f *Func) Zero(vs ...Vec) {
	for _, v := range vs {
		f.vector(instructionNamed("VMOVI"), operands{arr: B16, d: v.Register})
	}
}

// PRFM prefetches the line at m for reading, to the first-level cache.
func (f *Func) PRFM(m Mem) {
	if err := m.checkRegisters(); err != nil {
		f.fail("%s: instruction %d, PRFM: %w", f.Name(), f.Instructions()+1, err)
		return
	}
	if m.mode != offset || m.disp < 0 || m.disp%8 != 0 || m.disp > 8*4095 {
		f.fail("%s: instruction %d, PRFM: want an offset from 0 to 32760, a multiple of 8", f.Name(), f.Instructions()+1)
		return
	}
	f.emit(instruction{opcode: "PRFM", reads: m.inputs()}, func(a allocation) (string, error) {
		return fmt.Sprintf("PRFM %s, PLDL1KEEP", a.operand(m)), nil
	})
}

// arithmetic emits d = n op m, where m is a GP, a Shifted or an Imm that ok takes.
func (f *Func) arithmetic(op string, m Operand, n GP, d []any, ok func(Imm) bool) {
	in := instruction{opcode: op, reads: list(n), writes: d}
	switch m := m.(type) {
	case GP:
		in.reads = append(in.reads, m)
	case Shifted:
		if m.Left < 0 || m.Left > 63 {
			f.fail("%s: instruction %d, %s: shift by %d: want 0 to 63", f.Name(), f.Instructions()+1, op, m.Left)
			return
		}
		if op == "LSL" || op == "LSR" || op == "ASR" {
			f.fail("%s: instruction %d, %s: a shift of a shifted register", f.Name(), f.Instructions()+1, op)
			return
		}
		in.reads = append(in.reads, m.R)
	case Imm:
		if !ok(m) {
			f.fail("%s: instruction %d: the constant %d is not one that %s encodes", f.Name(), f.Instructions()+1, m, op)
			return
		}
		if op[0] != 'L' && op != "ASR" && (n == ZR || len(d) > 0 && d[0] == any(ZR)) {
			f.fail("%s: instruction %d, %s: a constant and ZR, which would be the stack pointer", f.Name(), f.Instructions()+1, op)
			return
		}
	default:
		f.fail("%s: instruction %d, %s: operand %T: want GP, Shifted or Imm", f.Name(), f.Instructions()+1, op, m)
		return
	}
	printed, operand := op, m
	if c, ok := m.(Imm); ok && c < 0 && opposite[op] != "" {
		printed, operand = opposite[op], -c
	}
	f.emit(in, func(a allocation) (string, error) {
		t := fmt.Sprintf("%s %s, %s", printed, a.operand(operand), a.gp(n))
		if len(d) > 0 {
			t += ", " + a.gp(d[0].(GP))
		}
		return t, nil
	})
}

// opposite does with a constant what the instruction does with its negative, of which the
// Go assembler would build a register.
var opposite = map[string]string{"ADD": "SUB", "SUB": "ADD", "ADDS": "SUBS", "SUBS": "ADDS", "CMP": "CMN"}

// isAddend reports whether ADD or SUB encodes a constant: 12 bits, or 12 bits shifted by 12.
func isAddend(v Imm) bool {
	if v < 0 {
		v = -v
	}
	return v >= 0 && (v < 1<<12 || v&(1<<12-1) == 0 && v < 1<<24)
}

// isMask reports whether AND, ORR and EOR encode a constant: a run of ones, rotated, in
// elements of 2, 4, … 64 bits that are all the same.
func isMask(v Imm) bool {
	x := uint64(v)
	if x == 0 || x == ^uint64(0) {
		return false
	}
	size := 64
	for size > 2 && x == bits.RotateLeft64(x, size/2) {
		size /= 2
	}
	// Within an element, ones and zeros change twice around.
	return bits.OnesCount64(x^bits.RotateLeft64(x, 1)) == 2*64/size
}

func never(Imm) bool { return false }

// ADD sets d = n + m.
func (f *Func) ADD(m Operand, n, d GP) { f.arithmetic("ADD", m, n, list(d), isAddend) }

// SUB sets d = n - m.
func (f *Func) SUB(m Operand, n, d GP) { f.arithmetic("SUB", m, n, list(d), isAddend) }

// ADDS sets d = n + m and the flags.
func (f *Func) ADDS(m Operand, n, d GP) { f.arithmetic("ADDS", m, n, list(d), isAddend) }

// SUBS sets d = n - m and the flags.
func (f *Func) SUBS(m Operand, n, d GP) { f.arithmetic("SUBS", m, n, list(d), isAddend) }

// CMP sets the flags by n - m.
func (f *Func) CMP(m Operand, n GP) { f.arithmetic("CMP", m, n, nil, isAddend) }

// AND sets d = n & m.
func (f *Func) AND(m Operand, n, d GP) { f.arithmetic("AND", m, n, list(d), isMask) }

// ORR sets d = n | m.
func (f *Func) ORR(m Operand, n, d GP) { f.arithmetic("ORR", m, n, list(d), isMask) }

// EOR sets d = n ^ m.
func (f *Func) EOR(m Operand, n, d GP) { f.arithmetic("EOR", m, n, list(d), isMask) }

// BIC sets d = n &^ m.
func (f *Func) BIC(m Operand, n, d GP) { f.arithmetic("BIC", m, n, list(d), never) }

// LSL sets d = n << m.
func (f *Func) LSL(m Operand, n, d GP) { f.arithmetic("LSL", m, n, list(d), isShift) }

// LSR sets d = n >> m, unsigned.
func (f *Func) LSR(m Operand, n, d GP) { f.arithmetic("LSR", m, n, list(d), isShift) }

// ASR sets d = n >> m, signed.
func (f *Func) ASR(m Operand, n, d GP) { f.arithmetic("ASR", m, n, list(d), isShift) }

func isShift(v Imm) bool { return v >= 0 && v < 64 }

// MUL sets d = n * m.
func (f *Func) MUL(m, n, d GP) { f.arithmetic("MUL", m, n, list(d), never) }

// MADD sets d = n * m + a.
func (f *Func) MADD(m, a, n, d GP) {
	f.emit(instruction{opcode: "MADD", reads: list(m, a, n), writes: list(d)}, func(al allocation) (string, error) {
		return fmt.Sprintf("MADD %s, %s, %s, %s", al.gp(m), al.gp(a), al.gp(n), al.gp(d)), nil
	})
}

// NEG sets d = -n.
func (f *Func) NEG(n, d GP) {
	f.emit(instruction{opcode: "NEG", reads: list(n), writes: list(d)}, func(a allocation) (string, error) {
		return fmt.Sprintf("NEG %s, %s", a.gp(n), a.gp(d)), nil
	})
}

// UBFX sets d to the width bits of n from lsb on, unsigned.
func (f *Func) UBFX(lsb int, n GP, width int, d GP) { f.field("UBFX", lsb, n, width, d) }

// SBFX sets d to the width bits of n from lsb on, signed.
func (f *Func) SBFX(lsb int, n GP, width int, d GP) { f.field("SBFX", lsb, n, width, d) }

func (f *Func) field(op string, lsb int, n GP, width int, d GP) {
	if lsb < 0 || width < 1 || lsb+width > 64 {
		f.fail("%s: instruction %d, %s: %d bits from bit %d on: want a part of 64", f.Name(), f.Instructions()+1, op, width, lsb)
		return
	}
	f.emit(instruction{opcode: op, reads: list(n), writes: list(d)}, func(a allocation) (string, error) {
		return fmt.Sprintf("%s $%d, %s, $%d, %s", op, lsb, a.gp(n), width, a.gp(d)), nil
	})
}

// A Cond is a condition of the flags, as CMP m, n leaves them: of n against m.
type Cond string

// The conditions. LO, LS, HI and HS compare unsigned numbers.
const (
	EQ Cond = "EQ"
	NE Cond = "NE"
	LT Cond = "LT"
	LE Cond = "LE"
	GT Cond = "GT"
	GE Cond = "GE"
	LO Cond = "LO"
	LS Cond = "LS"
	HI Cond = "HI"
	HS Cond = "HS"
	MI Cond = "MI"
	PL Cond = "PL"
)

// known refuses what is none of the conditions.
func (f *Func) known(c Cond) {
	switch c {
	case EQ, NE, LT, LE, GT, GE, LO, LS, HI, HS, MI, PL:
	default:
		f.fail("%s: instruction %d: condition %q", f.Name(), f.Instructions()+1, string(c))
	}
}

// CSEL sets d to n if the condition holds and to m if not.
func (f *Func) CSEL(c Cond, n, m, d GP) {
	f.known(c)
	f.emit(instruction{opcode: "CSEL", reads: list(n, m), writes: list(d)}, func(a allocation) (string, error) {
		return fmt.Sprintf("CSEL %s, %s, %s, %s", c, a.gp(n), a.gp(m), a.gp(d)), nil
	})
}

// B goes to a label.
func (f *Func) B(label string) {
	f.emit(instruction{opcode: "B", label: label}, func(allocation) (string, error) { return "B " + label, nil })
}

// Bcond goes to a label if the condition holds.
func (f *Func) Bcond(c Cond, label string) {
	f.known(c)
	f.emit(instruction{opcode: "B" + string(c), label: label, conditional: true}, func(allocation) (string, error) {
		return fmt.Sprintf("B%s %s", c, label), nil
	})
}

// CBZ goes to a label if r is zero.
func (f *Func) CBZ(r GP, label string) { f.compareBranch("CBZ", r, label) }

// CBNZ goes to a label if r is not zero.
func (f *Func) CBNZ(r GP, label string) { f.compareBranch("CBNZ", r, label) }

func (f *Func) compareBranch(op string, r GP, label string) {
	f.emit(instruction{opcode: op, reads: list(r), label: label, conditional: true}, func(a allocation) (string, error) {
		return fmt.Sprintf("%s %s, %s", op, a.gp(r), label), nil
	})
}

// TBZ goes to a label if that bit of r is zero.
func (f *Func) TBZ(bit int, r GP, label string) { f.testBranch("TBZ", bit, r, label) }

// TBNZ goes to a label if that bit of r is one.
func (f *Func) TBNZ(bit int, r GP, label string) { f.testBranch("TBNZ", bit, r, label) }

func (f *Func) testBranch(op string, bit int, r GP, label string) {
	if bit < 0 || bit > 63 {
		f.fail("%s: instruction %d, %s: bit %d: want 0 to 63", f.Name(), f.Instructions()+1, op, bit)
		return
	}
	f.emit(instruction{opcode: op, reads: list(r), label: label, conditional: true}, func(a allocation) (string, error) {
		return fmt.Sprintf("%s $%d, %s, %s", op, bit, a.gp(r), label), nil
	})
}

// RET returns from a function without a result: see Return.
func (f *Func) RET() {
	if _, err := f.ir.Signature.Results().At(0).Resolve(); err == nil {
		f.fail("%s: RET without the result: want Return", f.Name())
	}
	f.ret()
}

func (f *Func) ret() {
	f.emit(instruction{opcode: "RET", terminal: true}, func(allocation) (string, error) { return "RET", nil })
}
