package main

import (
	"fmt"
	"strings"

	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/reg"
)

// AVX-VNNI: VPDPBUSD for CPUs without AVX-512.
//
// The instruction has two encodings. avo and the Go assembler know that with an
// EVEX prefix, which needs AVX-512. The one with a VEX prefix, which needs
// AVX-VNNI, is written as bytes here, after registers were allocated:
//
//	C4                      three-byte VEX
//	R X B 00010             the top bits of the registers reg, none, rm, each
//	                        inverted; then the opcode map 0F 38
//	0 vvvv 1 01             W = 0; the register vvvv inverted; L = 1: 256 bits;
//	                        the prefix 66
//	50                      the opcode
//	11 reg rm               ModRM: all operands are registers
//
// where reg is the sum, vvvv has the unsigned bytes and rm the signed ones: in Go's
// order of operands, rm, vvvv, reg.

// vpdpbusd is the VEX encoding of VPDPBUSD with three Y registers.
func vpdpbusd(rm, vvvv, reg int) [5]byte {
	for _, r := range []int{rm, vvvv, reg} {
		if r < 0 || r > 15 {
			panic(fmt.Sprintf("VEX has no register Y%d", r))
		}
	}
	return [5]byte{
		0xc4,
		byte(^reg>>3&1<<7 | 1<<6 | ^rm>>3&1<<5 | 0b00010),
		byte(^vvvv&15<<3 | 1<<2 | 0b01),
		0x50,
		byte(0b11<<6 | reg&7<<3 | rm&7),
	}
}

// needAVXVNNI corrects what avo says that VPDPBUSD needs.
func needAVXVNNI(file *ir.File) {
	for _, fn := range file.Functions() {
		for _, i := range fn.Instructions() {
			if i.Opcode == "VPDPBUSD" {
				i.ISA = []string{"AVXVNNI"}
			}
		}
	}
}

// encodeAVXVNNI replaces VPDPBUSD by its bytes. Its operands are physical
// registers by now; any other kind panics.
func encodeAVXVNNI(file *ir.File) {
	for _, fn := range file.Functions() {
		for _, i := range fn.Instructions() {
			if i.Opcode != "VPDPBUSD" {
				continue
			}
			var number [3]int
			var name [3]string
			for j, op := range i.Operands {
				r := op.(reg.Register)
				if r.Size() != 32 {
					panic(i.Opcode + " with " + r.Asm())
				}
				number[j], name[j] = int(reg.ToPhysical(r).PhysicalIndex()), r.Asm()
			}
			var text []string
			for _, b := range vpdpbusd(number[0], number[1], number[2]) {
				text = append(text, fmt.Sprintf("BYTE $%#02x", b))
			}
			i.Opcode = fmt.Sprintf("%s // %s %s", strings.Join(text, "; "), i.Opcode, strings.Join(name[:], ", "))
			i.Operands = nil
		}
	}
}
