package neon

import (
	"fmt"

	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/reg"
)

// verify checks, on a function whose registers are allocated, rules that the Go
// assembler does not know:
//
//   - every way through it ends with a return, and nothing is unreachable;
//   - no register is read that was not written;
//   - registers that are reserved are not written, and no stack is used: functions
//     are leaves without a frame, so a push could not be balanced by a pop.
//
// What instructions cannot encode, such as a shift or an offset out of range, is found
// where they are emitted or printed.
func verify(fn *ir.Function) error {
	is := fn.Instructions()
	if len(is) == 0 {
		return fmt.Errorf("has no instructions")
	}
	if fn.LocalSize != 0 {
		return fmt.Errorf("wants %d bytes of stack", fn.LocalSize)
	}
	for id := range is[0].LiveIn {
		return fmt.Errorf("reads %s before it is written", name(fn, id))
	}
	reached := map[*ir.Instruction]bool{}
	for todo := []*ir.Instruction{is[0]}; len(todo) > 0; {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if i == nil {
			return fmt.Errorf("runs past its last instruction, %s", is[len(is)-1].Opcode)
		}
		if reached[i] {
			continue
		}
		reached[i] = true
		todo = append(todo, i.Succ...)
	}
	for n, i := range is {
		if !reached[i] {
			return fmt.Errorf("instruction %d, %s, is never reached", n+1, i.Opcode)
		}
		for _, r := range i.OutputRegisters() {
			id := fn.Allocation.LookupDefault(r.ID())
			if id.IsVirtual() {
				return fmt.Errorf("instruction %d, %s, writes %s, which has no place", n+1, i.Opcode, r.Asm())
			}
			if id.Kind() == reg.KindGP && reserved(int(id.Index())) {
				return fmt.Errorf("instruction %d, %s, writes %s, which is reserved", n+1, i.Opcode, name(fn, id))
			}
		}
	}
	return nil
}

// name is that of the register that an ID was given.
func name(fn *ir.Function, id reg.ID) string {
	id = fn.Allocation.LookupDefault(id)
	if id.Kind() == reg.KindGP {
		return goGeneral(int(id.Index()))
	}
	return fmt.Sprintf("V%d", id.Index())
}
