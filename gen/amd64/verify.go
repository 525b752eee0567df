package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// verify checks, on compiled functions, rules that neither avo nor the Go
// assembler knows: a function that touched the upper half of a vector register
// must clear it before it returns (or the caller's SSE code stalls), and no
// kernel keeps anything on the stack.
func verify(file *ir.File) error {
	for _, fn := range file.Functions() {
		wide := false
		var last string
		for _, i := range fn.Instructions() {
			for _, op := range i.Operands {
				if r, ok := op.(reg.Register); ok && r.Kind() == reg.KindVector && r.Size() > 16 {
					wide = true
				}
				if m, ok := op.(operand.Mem); ok && m.Base == reg.StackPointer && m.Symbol.Name == "" {
					return fmt.Errorf("%s: uses the stack", fn.Name)
				}
			}
			if i.Opcode == "RET" && wide && last != "VZEROUPPER" {
				return fmt.Errorf("%s: RET without VZEROUPPER", fn.Name)
			}
			last = i.Opcode
		}
		if n := fn.LocalSize; n != 0 {
			return fmt.Errorf("%s: wants %d bytes of stack", fn.Name, n)
		}
	}
	return nil
}
