package neon

import (
	"fmt"

	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/reg"
)

// compile allocates registers and finds the features that are needed, by avo's passes
// where they know no machine.
func (f *Func) compile() (allocation, error) {
	if f.err != nil {
		return allocation{}, f.err
	}
	passes := pass.Concat(
		pass.FunctionPass(pass.PruneDanglingLabels),
		pass.FunctionPass(pass.LabelTarget),
		pass.FunctionPass(pass.CFG),
		pass.FunctionPass(pass.Liveness),
		pass.FunctionPass(allocate),
		pass.FunctionPass(pass.RequiredISAExtensions),
	)
	file := &ir.File{Sections: []ir.Section{f.ir}}
	if err := passes.Execute(file); err != nil {
		return allocation{}, fmt.Errorf("%s: %w", f.Name(), err)
	}
	if err := verify(f.ir); err != nil {
		return allocation{}, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return allocation{f.ir.Allocation}, nil
}

// allocate is avo's pass of that name for the registers of arm64: it colours the graph
// of virtual registers that are alive together.
func allocate(fn *ir.Function) error {
	fn.Allocation = reg.NewEmptyAllocation()
	for _, kind := range []reg.Kind{reg.KindGP, reg.KindVector} {
		a, err := pass.NewAllocator(registersOf(kind))
		if err != nil {
			return err
		}
		most, where := 0, ""
		for n, i := range fn.Instructions() {
			for _, r := range i.Registers() {
				if r.Kind() == kind {
					a.Add(r.ID())
				}
			}
			alive := i.LiveOut.OfKind(kind)
			if len(alive) > most {
				most, where = len(alive), fmt.Sprintf("instruction %d, %s", n+1, i.Opcode)
			}
			outputs := i.OutputRegisters()
			for j, d := range outputs {
				if d.Kind() != kind {
					continue
				}
				others := alive.OfKind(kind)
				others.DiscardRegister(d)
				// Outputs of one instruction differ even if nobody reads them.
				for _, o := range outputs[j+1:] {
					if o.Kind() == kind && o.ID() != d.ID() {
						others.AddRegister(o)
					}
				}
				a.AddInterferenceSet(d, others)
			}
		}
		colours, err := a.Allocate()
		if err != nil {
			return fmt.Errorf("%w: at most %d %s are alive together, behind %s", err, most, kindName(kind), where)
		}
		if err := fn.Allocation.Merge(colours); err != nil {
			return err
		}
	}
	return nil
}

func kindName(k reg.Kind) string {
	if k == reg.KindGP {
		return "general-purpose registers"
	}
	return "vector registers"
}

// An allocation names registers.
type allocation struct{ reg.Allocation }

// number is that of a register in the encoding.
func (a allocation) number(r reg.Register) int { return int(a.LookupDefault(r.ID()).Index()) }

func (a allocation) vec(v Vec) int  { return a.number(v.Register) }
func (a allocation) gp(r GP) string { return goGeneral(a.number(r.Register)) }
func (a allocation) operand(o Operand) string {
	switch o := o.(type) {
	case GP:
		return a.gp(o)
	case Vec:
		return fmt.Sprintf("F%d", a.vec(o))
	case Imm:
		return fmt.Sprintf("$%d", o)
	case Shifted:
		return fmt.Sprintf("%s<<%d", a.gp(o.R), o.Left)
	case Mem:
		return o.goText(a.gp)
	}
	panic(fmt.Sprintf("neon: operand %T", o))
}

// numbers resolves the operands of a vector instruction.
func (a allocation) numbers(o operands) (*numbers, error) {
	n := &numbers{arr: o.arr, imm: o.imm, lane: o.lane, to: o.to}
	for _, r := range []struct {
		from reg.Register
		to   *int
	}{{o.m, &n.m}, {o.n, &n.n}, {o.d, &n.d}} {
		if r.from != nil {
			*r.to = a.number(r.from)
		}
	}
	for _, r := range o.table {
		n.table = append(n.table, a.number(r))
	}
	return n, nil
}
