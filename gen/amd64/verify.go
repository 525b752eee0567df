package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/reg"
)

// verify checks, on compiled functions, rules that neither avo nor the Go
// assembler knows:
//
//   - on every way out, VZEROUPPER follows the last write to a Y or Z register:
//     else the SSE code of the caller stalls on the upper halves;
//   - no legacy SSE instruction in a function with VEX or EVEX ones, for the
//     same reason;
//   - no aligned or non-temporal vector access: pointers come from Go slices,
//     which promise no more than the alignment of an element;
//   - in the rooms of CPUs without AVX-512, no instruction of it, and no register
//     that only its encoding reaches: avo would take one, and the Go assembler
//     would turn the instruction into its EVEX form without a word;
//   - no stack, no calls, no write to SP or BP, and no R15 where a global is
//     addressed: a dynamically linked program needs it for that.
func verify(room string, file *ir.File) error {
	for _, fn := range file.Functions() {
		err := verifyFunction(fn)
		if err == nil && slices.Contains(vexRooms, room) {
			err = verifyVEX(fn)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", fn.Name, err)
		}
	}
	return nil
}

func verifyFunction(fn *ir.Function) error {
	if n := fn.LocalSize; n != 0 {
		return fmt.Errorf("wants %d bytes of stack", n)
	}
	vex, global, r15 := false, false, false
	for _, i := range fn.Instructions() {
		vex = vex || isVEX(i)
		if err := verifyInstruction(i); err != nil {
			return err
		}
		for _, r := range i.Registers() {
			global = global || r == reg.StaticBase
			p := reg.ToPhysical(r)
			r15 = r15 || p != nil && p.Kind() == reg.KindGP && p.PhysicalIndex() == reg.R15.PhysicalIndex()
		}
	}
	if global && r15 {
		return fmt.Errorf("R15 and a global in one function")
	}
	for _, i := range fn.Instructions() {
		if vex && isLegacySSE(i) {
			return fmt.Errorf("legacy SSE instruction %s in a function with VEX or EVEX", i.Opcode)
		}
	}
	return verifyUppers(fn)
}

// vexRooms are those of CPUs that may lack AVX-512.
var vexRooms = []string{"avx2", "avxvnni"}

// verifyVEX looks for what only EVEX encodes.
func verifyVEX(fn *ir.Function) error {
	for _, i := range fn.Instructions() {
		for _, isa := range i.ISA {
			if strings.HasPrefix(isa, "AVX512") {
				return fmt.Errorf("%s needs %s", i.Opcode, isa)
			}
		}
		for _, r := range i.Registers() {
			p := reg.ToPhysical(r)
			if p != nil && p.Kind() == reg.KindVector && p.PhysicalIndex() >= 16 {
				return fmt.Errorf("%s uses %s", i.Opcode, r.Asm())
			}
		}
	}
	return nil
}

func verifyInstruction(i *ir.Instruction) error {
	switch i.Opcode {
	case "CALL", "PUSHQ", "POPQ", "PUSHW", "POPW", "PUSHFQ", "POPFQ", "ENTER", "LEAVE":
		return fmt.Errorf("%s", i.Opcode)
	}
	aligned := strings.HasPrefix(i.Opcode, "VMOVAP") || strings.HasPrefix(i.Opcode, "VMOVDQA") || strings.HasPrefix(i.Opcode, "VMOVNT")
	for _, op := range i.Operands {
		m, ok := op.(operand.Mem)
		if ok && aligned {
			return fmt.Errorf("%s accesses memory", i.Opcode)
		}
		// A parameter has the base FP; SP is the frame or the machine's stack.
		if ok && (m.Base == reg.StackPointer || m.Base == reg.RSP) {
			return fmt.Errorf("%s uses the stack", i.Opcode)
		}
	}
	for _, r := range i.OutputRegisters() {
		if p := reg.ToPhysical(r); p != nil && p.Kind() == reg.KindGP && p.Info()&(reg.Restricted|reg.BasePointer) != 0 {
			return fmt.Errorf("%s writes %s", i.Opcode, r.Asm())
		}
	}
	return nil
}

// verifyUppers follows the ways through a function from every write to a wide
// register to the ways out.
func verifyUppers(fn *ir.Function) error {
	// The last pass of avo's compilation drops the graph.
	for _, p := range []pass.FunctionPass{pass.LabelTarget, pass.CFG} {
		if err := p(fn); err != nil {
			return err
		}
	}
	seen := map[*ir.Instruction]bool{}
	var dirty []*ir.Instruction // instructions after which the uppers may be dirty
	for _, i := range fn.Instructions() {
		if writesUpper(i) {
			dirty = append(dirty, i)
		}
	}
	for len(dirty) > 0 {
		i := dirty[len(dirty)-1]
		dirty = dirty[:len(dirty)-1]
		if seen[i] {
			continue
		}
		seen[i] = true
		if len(i.Succ) == 0 {
			return fmt.Errorf("%s without VZEROUPPER before it", i.Opcode)
		}
		for _, next := range i.Succ {
			if next == nil {
				return fmt.Errorf("runs past its last instruction, %s", i.Opcode)
			}
			if next.Opcode != "VZEROUPPER" && next.Opcode != "VZEROALL" {
				dirty = append(dirty, next)
			}
		}
	}
	return nil
}

func writesUpper(i *ir.Instruction) bool {
	for _, r := range i.OutputRegisters() {
		if r.Kind() == reg.KindVector && r.Size() > 16 {
			return true
		}
	}
	return false
}

func usesVector(i *ir.Instruction) bool {
	for _, r := range i.Registers() {
		if r.Kind() == reg.KindVector {
			return true
		}
	}
	return false
}

// isVEX relies on the Go assembler's names: V marks what is not legacy SSE. It
// also counts VZEROUPPER, which names no register.
func isVEX(i *ir.Instruction) bool { return strings.HasPrefix(i.Opcode, "V") }

// isLegacySSE reports what the VEX encoding replaces, such as MOVSS, and MOVQ
// to or from a vector register.
func isLegacySSE(i *ir.Instruction) bool { return usesVector(i) && !isVEX(i) }
