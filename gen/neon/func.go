package neon

import (
	"fmt"
	"go/token"
	"go/types"
	"strings"
	"unicode"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/gotypes"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A Func is a function being written: a leaf that uses no stack. Its methods append
// instructions, in the order of the Go assembler: sources first, from the last to the
// first of Arm's syntax, and then the destination. The first mistake is kept, and
// File.Compile returns it.
type Func struct {
	file *File
	ir   *ir.Function
	regs *reg.Collection
	// texts has what avo's instructions cannot hold, for every one of them.
	texts map[*ir.Instruction]text
	err   error
}

// A text writes an instruction when registers are allocated.
type text func(a allocation) (string, error)

// Name is the Go name of the function.
func (f *Func) Name() string { return f.ir.Name }

// Doc sets the doc comment of the stub.
func (f *Func) Doc(lines ...string) { f.ir.Doc = strings.Split(strings.Join(lines, "\n"), "\n") }

// Features lists the CPU features that the instructions need. It is known when the
// file was compiled.
func (f *Func) Features() []string { return f.ir.ISA }

// Instructions is the number of instructions, without those that the Go assembler adds.
func (f *Func) Instructions() int { return len(f.ir.Instructions()) }

// fail keeps the first mistake.
func (f *Func) fail(format string, args ...any) {
	if f.err == nil {
		f.err = fmt.Errorf(format, args...)
	}
}

// GP returns a new general-purpose register.
func (f *Func) GP() GP { return GP{f.regs.GP64()} }

// Vec returns a new vector register.
func (f *Func) Vec() Vec { return Vec{f.regs.XMM()} }

// Vecs returns n new vector registers.
func (f *Func) Vecs(n int) []Vec {
	list := make([]Vec, n)
	for i := range list {
		list[i] = f.Vec()
	}
	return list
}

// Label names the next instruction.
func (f *Func) Label(name string) {
	f.wantName("label", name)
	f.ir.AddLabel(ir.Label(name))
}

// wantName refuses names that the Go assembler would misread, as a branch to the label R3
// would be one to where the register says. Names of the machine begin with capitals, but
// for g, the goroutine.
func (f *Func) wantName(what, name string) {
	if !token.IsIdentifier(name) || !unicode.IsLower([]rune(name)[0]) || name == "g" {
		f.fail("%s: %s %q: want an identifier that begins with a small letter, and not g", f.Name(), what, name)
	}
}

// Comment puts lines before the next instruction.
func (f *Func) Comment(lines ...string) {
	for _, l := range lines {
		f.ir.AddComment(strings.Split(l, "\n")...)
	}
}

// component finds a parameter or result that is a number or a pointer.
func (f *Func) component(t *gotypes.Tuple, name string, i int) (*gotypes.Basic, bool) {
	c := t.At(i)
	if name != "" {
		c = t.Lookup(name)
	}
	b, err := c.Resolve()
	if err != nil {
		f.fail("%s: %v", f.Name(), err)
		return nil, false
	}
	return b, true
}

// Param loads the integer, bool or pointer that is the parameter of that name into a new
// register. Those of fewer than 64 bits are extended: by their sign, or by zeros if they
// have none.
func (f *Func) Param(name string) GP {
	d := f.GP()
	if b, ok := f.component(f.ir.Signature.Params(), name, 0); ok {
		op, err := moveOf(b)
		if err != nil {
			f.fail("%s: parameter %s: %v", f.Name(), name, err)
		}
		if size := gotypes.Sizes.Sizeof(b.Type); size < 8 && b.Type.Info()&(types.IsUnsigned|types.IsBoolean) != 0 {
			op += "U"
		}
		f.emit(instruction{opcode: op, writes: list(d)}, func(a allocation) (string, error) {
			return fmt.Sprintf("%s %s, %s", op, b.Addr.Asm(), a.gp(d)), nil
		})
	}
	return d
}

// ParamFloat32 loads the float32 that is the parameter of that name into lane 0 of a
// new register and clears the others.
func (f *Func) ParamFloat32(name string) Vec {
	d := f.Vec()
	if b, ok := f.component(f.ir.Signature.Params(), name, 0); ok {
		if b.Type.Kind() != types.Float32 {
			f.fail("%s: parameter %s: %v: want float32", f.Name(), name, b.Type)
		}
		f.emit(instruction{opcode: "FMOVS", writes: list(d)}, func(a allocation) (string, error) {
			return fmt.Sprintf("FMOVS %s, F%d", b.Addr.Asm(), a.vec(d)), nil
		})
	}
	return d
}

// Return stores the only result, from a GP or, for a float32, from lane 0 of a Vec, and
// returns.
func (f *Func) Return(src Operand) {
	b, ok := f.component(f.ir.Signature.Results(), "", 0)
	if !ok {
		return
	}
	if _, err := f.ir.Signature.Results().At(1).Resolve(); err == nil {
		f.fail("%s: more than one result", f.Name())
		return
	}
	switch src := src.(type) {
	case GP:
		op, err := moveOf(b)
		if err != nil {
			f.fail("%s: result: %v", f.Name(), err)
		}
		f.emit(instruction{opcode: op, reads: list(src)}, func(a allocation) (string, error) {
			return fmt.Sprintf("%s %s, %s", op, a.gp(src), b.Addr.Asm()), nil
		})
	case Vec:
		if b.Type.Kind() != types.Float32 {
			f.fail("%s: result: %v from a vector register: want float32", f.Name(), b.Type)
		}
		f.emit(instruction{opcode: "FMOVS", reads: list(src)}, func(a allocation) (string, error) {
			return fmt.Sprintf("FMOVS F%d, %s", a.vec(src), b.Addr.Asm()), nil
		})
	default:
		f.fail("%s: result of %T: want GP or Vec", f.Name(), src)
	}
	f.ret()
}

// moveOf is the instruction that loads or stores an integer or a pointer.
func moveOf(b *gotypes.Basic) (string, error) {
	if b.Type.Info()&(types.IsFloat|types.IsComplex|types.IsString) != 0 {
		return "", fmt.Errorf("%v: want an integer or a pointer", b.Type)
	}
	switch size := gotypes.Sizes.Sizeof(b.Type); size {
	case 1:
		return "MOVB", nil
	case 2:
		return "MOVH", nil
	case 4:
		return "MOVW", nil
	case 8:
		return "MOVD", nil
	default:
		return "", fmt.Errorf("%v has %d bytes", b.Type, size)
	}
}

// Data returns read-only memory of the file. Functions share it by its name; the
// length is a multiple of 8.
func (f *Func) Data(name string, data []byte) Data {
	f.wantName("data", name)
	if err := f.file.data(name, data); err != nil {
		f.fail("%s: %v", f.Name(), err)
	}
	return Data{name}
}

// Constant loads a vector that repeats the pattern into a new register, from read-only
// memory of the name.
func (f *Func) Constant(name string, pattern ...byte) Vec {
	p, v := f.GP(), f.Vec()
	f.MOVD(f.Data(name, repeat(pattern, 16)), p)
	f.FMOVQ(At(p, 0), v)
	return v
}

func repeat(pattern []byte, n int) []byte {
	var b []byte
	for len(pattern) > 0 && len(b) < n {
		b = append(b, pattern...)
	}
	return b
}

// instruction says of an instruction what avo's passes need to know.
type instruction struct {
	opcode        string
	reads, writes []any // GP, Vec, Register
	label         string
	conditional   bool
	terminal      bool
	feature       string
}

func list(rs ...any) []any { return rs }

// registerOf returns the register of a GP or Vec.
func registerOf(r any) reg.Register {
	switch r := r.(type) {
	case GP:
		return r.Register
	case Vec:
		return r.Register
	case reg.Register:
		return r
	}
	return nil
}

func ops(rs []any) (list []operand.Op) {
	for _, r := range rs {
		if r := registerOf(r); r != nil && r.ID() != zero.ID() {
			list = append(list, r)
		}
	}
	return list
}

// emit appends an instruction.
func (f *Func) emit(in instruction, t text) {
	for _, r := range append(append([]any{}, in.reads...), in.writes...) {
		if registerOf(r) == nil {
			f.fail("%s: instruction %d, %s: a register is missing", f.Name(), f.Instructions()+1, in.opcode)
			return
		}
	}
	i := &ir.Instruction{Opcode: in.opcode, Inputs: ops(in.reads), Outputs: ops(in.writes), IsTerminal: in.terminal}
	if in.label != "" {
		i.IsBranch, i.IsConditional = true, in.conditional
		i.Operands = append(i.Operands, operand.LabelRef(in.label))
	}
	i.Operands = append(append(i.Operands, i.Inputs...), i.Outputs...)
	if in.feature != "" {
		i.ISA = []string{in.feature}
	}
	f.ir.AddInstruction(i)
	f.texts[i] = t
}

// vector appends an instruction of the table.
func (f *Func) vector(in *Instruction, o operands) {
	if in.form.fixed {
		o.arr = in.Arrangements[0]
	}
	allowed := false
	for _, a := range in.Arrangements {
		allowed = allowed || a == o.arr
	}
	if !allowed {
		f.fail("%s: instruction %d, %s: lanes %v: want one of %v", f.Name(), f.Instructions()+1, in.Name, o.arr, in.Arrangements)
		return
	}
	i := instruction{opcode: in.Name, feature: in.Feature, writes: list(o.d)}
	if strings.Contains(" "+in.form.fills, " m: ") {
		i.reads = append(i.reads, o.m)
	}
	if strings.Contains(" "+in.form.fills, " n: ") {
		i.reads = append(i.reads, o.n)
	}
	for _, r := range o.table {
		i.reads = append(i.reads, r)
	}
	if in.form.more {
		i.reads = append(i.reads, o.d)
	}
	f.emit(i, func(a allocation) (string, error) {
		n, err := a.numbers(o)
		if err != nil {
			return "", err
		}
		return in.print(n)
	})
}

// print writes the instruction for the Go assembler, which must agree with the word
// that the table says it has.
func (in *Instruction) print(o *numbers) (string, error) {
	word, err := in.form.encode(in, o)
	if err != nil {
		return "", fmt.Errorf("%s: %w", in.Name, err)
	}
	if in.Native {
		return in.form.goText(in, o), nil
	}
	return fmt.Sprintf("WORD $0x%08x // %s", word, in.form.armText(in, o)), nil
}

// registers are those of a list of vectors.
func registers(vs []Vec) []reg.Register {
	list := make([]reg.Register, len(vs))
	for i, v := range vs {
		list[i] = v.Register
	}
	return list
}

// attributes of every function: it calls nothing and has no frame.
const attributes = attr.NOSPLIT
