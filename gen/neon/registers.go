package neon

import (
	"fmt"

	"github.com/mmcloughlin/avo/reg"
)

// A GP is a general-purpose register of 64 bits, virtual until it is allocated.
type GP struct{ reg.Register }

// A Vec is a vector register of 128 bits, virtual until it is allocated.
type Vec struct{ reg.Register }

// ZR is the register that reads as zero. What is written to it is lost.
var ZR = GP{zero}

// V returns the vector register of that number, for instructions that want
// consecutive registers: tables of VTBL, lists of VLD1 and VST1, and the operands
// by element of 16-bit lanes, which are among the first sixteen. The allocator keeps
// virtual registers off it as long as its value is needed.
func V(n int) Vec {
	if n < 0 || n >= len(vectors) {
		panic(fmt.Sprintf("neon: V(%d): want 0 to 31", n))
	}
	return Vec{vectors[n]}
}

// Vs returns n consecutive registers from V(first) on.
func Vs(first, n int) []Vec {
	list := make([]Vec, n)
	for i := range list {
		list[i] = V((first + i) % len(vectors))
	}
	return list
}

// avo's registers are those of amd64. What its passes ask of one is a kind, a number
// and a name, so these stand for the registers of arm64 by overriding what differs in
// one of avo's.
type physical struct {
	reg.Physical
	index reg.Index
	name  string
	info  reg.Info
}

func (p physical) ID() reg.ID               { return reg.ID(p.Kind())<<8 | reg.ID(p.index)<<16 }
func (p physical) PhysicalIndex() reg.Index { return p.index }
func (p physical) Asm() string              { return p.name }
func (p physical) Info() reg.Info           { return p.info }

const zeroIndex = 31

var (
	generals = func() (list [31]reg.Physical) {
		for i := range list {
			p := physical{Physical: reg.RAX, index: reg.Index(i), name: fmt.Sprintf("R%d", i)}
			if reserved(i) {
				p.info = reg.Restricted
			}
			list[i] = p
		}
		return list
	}()
	zero    = physical{Physical: reg.RAX, index: zeroIndex, name: "ZR", info: reg.Restricted}
	vectors = func() (list [32]reg.Physical) {
		for i := range list {
			list[i] = physical{Physical: reg.X0, index: reg.Index(i), name: fmt.Sprintf("V%d", i)}
		}
		return list
	}()
)

// reserved reports whether a function must leave a general-purpose register
// alone: R18 belongs to the platform, R27 to the assembler, which builds constants
// in it, R28 holds the goroutine, R29 the frame pointer and R30 the return address.
func reserved(i int) bool { return i == 18 || i >= 27 }

// registersOf returns the registers that may be allocated to a kind.
func registersOf(k reg.Kind) []reg.Physical {
	if k == reg.KindGP {
		return generals[:]
	}
	return vectors[:]
}
