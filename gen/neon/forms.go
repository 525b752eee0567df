package neon

import (
	"fmt"
	"strings"

	"github.com/mmcloughlin/avo/reg"
)

// operands are those of one instruction.
type operands struct {
	arr      Arrangement
	m, n, d  reg.Register
	table    []reg.Register // of VTBL, instead of n
	imm      int
	lane, to int // to is the lane of d where lane is one of n
}

// A form is what instructions with the same operands have in common. The method
// names them in the order of the Go assembler, with the destination last.
type form struct {
	params  string // of the method, behind the arrangement
	fills   string // the fields of operands, from the parameters
	whose   string // whose the arrangement is
	fixed   bool   // there is only one arrangement, which is no parameter
	more    bool   // d is read as well
	encode  func(in *Instruction, o *numbers) (uint32, error)
	goText  func(in *Instruction, o *numbers) string
	armText func(in *Instruction, o *numbers) string
}

// numbers are operands after registers were allocated.
type numbers struct {
	arr      Arrangement
	m, n, d  int
	table    []int
	imm      int
	lane, to int
}

const (
	mndParams = "m, n, d Vec"
	mndFills  = "m: m.Register, n: n.Register, d: d.Register"
	ndParams  = "n, d Vec"
	ndFills   = "n: n.Register, d: d.Register"
	lanesOf   = "n, m and d"
)

// more returns the form with d as an operand that is read as well.
func more(f *form) *form {
	c := *f
	c.more = true
	return &c
}

// registers of the usual places: Rm, Rn, Rd.
func (o *numbers) registers() uint32 { return uint32(o.m)<<16 | uint32(o.n)<<5 | uint32(o.d) }

// sized encodes the width of lanes as integer instructions do.
func sized(in *Instruction, o *numbers) (uint32, error) {
	return in.base | o.arr.q()<<30 | o.arr.size()<<22 | o.registers(), nil
}

// sizedFloat encodes the width of lanes as floating-point instructions do.
func sizedFloat(in *Instruction, o *numbers) (uint32, error) {
	return in.base | o.arr.q()<<30 | (o.arr.size()-2)<<22 | o.registers(), nil
}

// unsized has no width of lanes.
func unsized(in *Instruction, o *numbers) (uint32, error) {
	return in.base | o.arr.q()<<30 | o.registers(), nil
}

// goThree and armThree write three registers of given arrangements.
func goThree(in *Instruction, o *numbers, m, n, d Arrangement) string {
	return fmt.Sprintf("%s V%d.%v, V%d.%v, V%d.%v", in.Name, o.m, m, o.n, n, o.d, d)
}

func armThree(in *Instruction, o *numbers, m, n, d Arrangement) string {
	return fmt.Sprintf("%s v%d.%s, v%d.%s, v%d.%s", in.Arm, o.d, d.arm(), o.n, n.arm(), o.m, m.arm())
}

func goTwo(in *Instruction, o *numbers, n, d Arrangement) string {
	return fmt.Sprintf("%s V%d.%v, V%d.%v", in.Name, o.n, n, o.d, d)
}

func armTwo(in *Instruction, o *numbers, n, d Arrangement) string {
	return fmt.Sprintf("%s v%d.%s, v%d.%s", in.Arm, o.d, d.arm(), o.n, n.arm())
}

// ofThree makes a form of three registers, of which arrangements derives those of m,
// n and d from the one given.
func ofThree(whose string, encode func(*Instruction, *numbers) (uint32, error), arrangements func(a Arrangement) (m, n, d Arrangement)) *form {
	return &form{params: mndParams, fills: mndFills, whose: whose, encode: encode,
		goText: func(in *Instruction, o *numbers) string {
			m, n, d := arrangements(o.arr)
			return goThree(in, o, m, n, d)
		},
		armText: func(in *Instruction, o *numbers) string {
			m, n, d := arrangements(o.arr)
			return armThree(in, o, m, n, d)
		}}
}

// ofTwo is ofThree for n and d.
func ofTwo(whose string, encode func(*Instruction, *numbers) (uint32, error), arrangements func(a Arrangement) (n, d Arrangement)) *form {
	return &form{params: ndParams, fills: ndFills, whose: whose, encode: encode,
		goText: func(in *Instruction, o *numbers) string {
			n, d := arrangements(o.arr)
			return goTwo(in, o, n, d)
		},
		armText: func(in *Instruction, o *numbers) string {
			n, d := arrangements(o.arr)
			return armTwo(in, o, n, d)
		}}
}

// withZero adds the constant to which the instruction compares.
func withZero(f *form, zero string) *form {
	c := *f
	c.goText = nil
	c.armText = func(in *Instruction, o *numbers) string { return f.armText(in, o) + ", " + zero }
	return &c
}

func all3(a Arrangement) (m, n, d Arrangement)  { return a, a, a }
func all2(a Arrangement) (n, d Arrangement)     { return a, a }
func long3(a Arrangement) (m, n, d Arrangement) { return a, a, a.wide() }
func wide3(a Arrangement) (m, n, d Arrangement) { return a, a.wide(), a.wide() }

var (
	three          = ofThree(lanesOf, sized, all3)
	threeMore      = more(three)
	logical        = ofThree(lanesOf, unsized, all3)
	logicalMore    = more(logical)
	threeFloat     = ofThree(lanesOf, sizedFloat, all3)
	threeFloatMore = more(threeFloat)
	threeLong      = ofThree("n and m", sized, long3)
	threeLongMore  = more(threeLong)
	threeWide      = ofThree("m", sized, wide3)

	two           = ofTwo("n and d", sized, all2)
	twoZero       = withZero(two, "#0")
	twoFloat      = ofTwo("n and d", sizedFloat, all2)
	twoFloatZero  = withZero(twoFloat, "#0.0")
	pairLong      = ofTwo("n", sized, func(a Arrangement) (n, d Arrangement) { return a, a.pairs() })
	pairLongMore  = more(pairLong)
	narrowing     = ofTwo("d", sized, func(a Arrangement) (n, d Arrangement) { return a.wide(), a })
	narrowingMore = more(narrowing)
)

// Dot products: the lanes of d are of 32 bits, those of n and m bytes.
var (
	dotVector = &form{params: mndParams, fills: mndFills, fixed: true, more: true, encode: func(in *Instruction, o *numbers) (uint32, error) {
		return in.base | o.registers(), nil
	}, armText: func(in *Instruction, o *numbers) string { return armThree(in, o, B16, B16, S4) }}
	dotElement = &form{params: "m Vec, lane int, n, d Vec", fills: mndFills + ", lane: lane", fixed: true, more: true,
		encode: func(in *Instruction, o *numbers) (uint32, error) {
			lane, err := laneBits(S4, o)
			return in.base | lane | o.registers(), err
		},
		armText: func(in *Instruction, o *numbers) string {
			return fmt.Sprintf("%s v%d.4s, v%d.16b, v%d.4b[%d]", in.Arm, o.d, o.n, o.m, o.lane)
		}}
)

// laneBits encodes the lane of an operand by element.
func laneBits(a Arrangement, o *numbers) (uint32, error) {
	lane := uint32(o.lane)
	if n := 16 * 8 / a.bits(); o.lane < 0 || o.lane >= n {
		return 0, fmt.Errorf("lane %d: want 0 to %d", o.lane, n-1)
	}
	switch a.bits() {
	case 16:
		if o.m > 15 {
			return 0, fmt.Errorf("lanes of 16 bits of V%d: want V0 to V15", o.m)
		}
		return lane>>2&1<<11 | lane>>1&1<<21 | lane&1<<20, nil
	case 32:
		return lane>>1<<11 | lane&1<<21, nil
	}
	return lane << 11, nil
}

func elementForm(whose string, arrangements func(a Arrangement) (n, d Arrangement)) *form {
	return &form{params: "m Vec, lane int, n, d Vec", fills: mndFills + ", lane: lane", whose: whose,
		encode: func(in *Instruction, o *numbers) (uint32, error) {
			lane, err := laneBits(o.arr, o)
			size := o.arr.size() << 22
			if strings.HasPrefix(in.Arm, "f") {
				size = (o.arr.size() - 2) << 22
			}
			return in.base | o.arr.q()<<30 | size | lane | o.registers(), err
		},
		armText: func(in *Instruction, o *numbers) string {
			n, d := arrangements(o.arr)
			return fmt.Sprintf("%s v%d.%s, v%d.%s, v%d.%s[%d]", in.Arm, o.d, d.arm(), o.n, n.arm(), o.m, n.armElement(), o.lane)
		}}
}

var (
	byElement       = elementForm("n and d", all2)
	byElementMore   = more(byElement)
	longElement     = elementForm("n", func(a Arrangement) (n, d Arrangement) { return a, a.wide() })
	longElementMore = more(longElement)
)

// Sums, maxima and minima of all lanes.
func acrossForm(d func(a Arrangement) string) *form {
	return &form{params: ndParams, fills: ndFills, whose: "n", encode: sized,
		goText: func(in *Instruction, o *numbers) string {
			return fmt.Sprintf("%s V%d.%v, V%d", in.Name, o.n, o.arr, o.d)
		},
		armText: func(in *Instruction, o *numbers) string {
			return fmt.Sprintf("%s %s%d, v%d.%s", in.Arm, d(o.arr), o.d, o.n, o.arr.arm())
		}}
}

var (
	acrossSame  = acrossForm(Arrangement.armElement)
	acrossLanes = acrossForm(func(a Arrangement) string { return a.wide().armElement() })
)

// shiftForm is that of shifts by a constant of first … last, which is encoded by field;
// both follow from the width of a lane.
func shiftForm(whose string, limits func(bits int) (first, last int), field func(bits, imm int) int, arrangements func(a Arrangement) (n, d Arrangement)) *form {
	return &form{params: "imm int, n, d Vec", fills: ndFills + ", imm: imm", whose: whose,
		encode: func(in *Instruction, o *numbers) (uint32, error) {
			bits := o.arr.bits()
			if first, last := limits(bits); o.imm < first || o.imm > last {
				return 0, fmt.Errorf("shift by %d: want %d to %d for lanes of %d bits", o.imm, first, last, bits)
			}
			return in.base | o.arr.q()<<30 | uint32(field(bits, o.imm))<<16 | o.registers(), nil
		},
		goText: func(in *Instruction, o *numbers) string {
			n, d := arrangements(o.arr)
			return fmt.Sprintf("%s $%d, V%d.%v, V%d.%v", in.Name, o.imm, o.n, n, o.d, d)
		},
		armText: func(in *Instruction, o *numbers) string {
			n, d := arrangements(o.arr)
			return fmt.Sprintf("%s, #%d", armTwo(in, o, n, d), o.imm)
		}}
}

func fromOne(bits int) (first, last int)  { return 1, bits }
func fromZero(bits int) (first, last int) { return 0, bits - 1 }
func rightField(bits, imm int) int        { return 2*bits - imm }
func leftField(bits, imm int) int         { return bits + imm }

var (
	shiftRight      = shiftForm("n and d", fromOne, rightField, all2)
	shiftRightMore  = more(shiftRight)
	shiftLeft       = shiftForm("n and d", fromZero, leftField, all2)
	shiftLeftMore   = more(shiftLeft)
	shiftLong       = shiftForm("n", fromZero, leftField, func(a Arrangement) (n, d Arrangement) { return a, a.wide() })
	shiftNarrow     = shiftForm("d", fromOne, rightField, func(a Arrangement) (n, d Arrangement) { return a.wide(), a })
	shiftNarrowMore = more(shiftNarrow)
)

var extract = &form{params: "imm int, m, n, d Vec", fills: mndFills + ", imm: imm", whose: lanesOf,
	encode: func(in *Instruction, o *numbers) (uint32, error) {
		if o.imm < 0 || o.imm >= o.arr.Lanes() {
			return 0, fmt.Errorf("from byte %d: want 0 to %d", o.imm, o.arr.Lanes()-1)
		}
		return in.base | o.arr.q()<<30 | uint32(o.imm)<<11 | o.registers(), nil
	},
	goText: func(in *Instruction, o *numbers) string {
		return fmt.Sprintf("%s $%d, V%d.%v, V%d.%v, V%d.%v", in.Name, o.imm, o.m, o.arr, o.n, o.arr, o.d, o.arr)
	},
	armText: func(in *Instruction, o *numbers) string {
		return fmt.Sprintf("%s, #%d", armThree(in, o, o.arr, o.arr, o.arr), o.imm)
	},
}

var (
	lookup = &form{params: "m Vec, list []Vec, d Vec", fills: "m: m.Register, table: registers(list), d: d.Register", whose: "m and d",
		encode: func(in *Instruction, o *numbers) (uint32, error) {
			if err := consecutive(o.table); err != nil {
				return 0, err
			}
			return in.base | o.arr.q()<<30 | uint32(o.m)<<16 | uint32(len(o.table)-1)<<13 | uint32(o.table[0])<<5 | uint32(o.d), nil
		},
		goText: func(in *Instruction, o *numbers) string {
			return fmt.Sprintf("%s V%d.%v, %s, V%d.%v", in.Name, o.m, o.arr, goList(o.table, B16), o.d, o.arr)
		},
		armText: func(in *Instruction, o *numbers) string {
			return fmt.Sprintf("%s v%d.%s, %s, v%d.%s", in.Arm, o.d, o.arr.arm(), armList(o.table, B16), o.m, o.arr.arm())
		}}
	lookupMore = more(lookup)
)

// consecutive checks a list of registers.
func consecutive(list []int) error {
	if len(list) < 1 || len(list) > 4 {
		return fmt.Errorf("a list of %d registers: want 1 to 4", len(list))
	}
	for i, v := range list {
		if v != (list[0]+i)%len(vectors) {
			return fmt.Errorf("a list of the registers %v: want consecutive ones, see Vs", list)
		}
	}
	return nil
}

func goList(list []int, a Arrangement) string {
	var b []string
	for _, v := range list {
		b = append(b, fmt.Sprintf("V%d.%v", v, a))
	}
	return "[" + strings.Join(b, ", ") + "]"
}

func armList(list []int, a Arrangement) string {
	var b []string
	for _, v := range list {
		b = append(b, fmt.Sprintf("v%d.%s", v, a.arm()))
	}
	return "{" + strings.Join(b, ", ") + "}"
}

// imm5 encodes a lane beside its width.
func imm5(a Arrangement, lane int) (uint32, error) {
	if n := 16 * 8 / a.bits(); lane < 0 || lane >= n {
		return 0, fmt.Errorf("lane %d: want 0 to %d", lane, n-1)
	}
	return uint32(2*lane+1) << a.size(), nil
}

// generalName is the name of a general-purpose register for lanes of a.
func generalName(a Arrangement, n int) string {
	name := xName(n, "xzr")
	if a.bits() < 64 {
		name = "w" + name[1:]
	}
	return name
}

// Lanes to and from elsewhere. A general-purpose register is n, or d.
var (
	dupElement = &form{params: "n Vec, lane int, d Vec", fills: ndFills + ", lane: lane", whose: "d",
		encode: func(in *Instruction, o *numbers) (uint32, error) {
			lane, err := imm5(o.arr, o.lane)
			return in.base | o.arr.q()<<30 | lane<<16 | o.registers(), err
		},
		goText: func(in *Instruction, o *numbers) string {
			return fmt.Sprintf("VDUP V%d.%s[%d], V%d.%v", o.n, o.arr.element(), o.lane, o.d, o.arr)
		},
		armText: func(in *Instruction, o *numbers) string {
			return fmt.Sprintf("%s v%d.%s, v%d.%s[%d]", in.Arm, o.d, o.arr.arm(), o.n, o.arr.armElement(), o.lane)
		}}
	dupGP = &form{params: "r GP, d Vec", fills: "n: r.Register, d: d.Register", whose: "d",
		encode: func(in *Instruction, o *numbers) (uint32, error) {
			lane, err := imm5(o.arr, 0)
			return in.base | o.arr.q()<<30 | lane<<16 | o.registers(), err
		},
		goText: func(in *Instruction, o *numbers) string {
			return fmt.Sprintf("VDUP %s, V%d.%v", goGeneral(o.n), o.d, o.arr)
		},
		armText: func(in *Instruction, o *numbers) string {
			return fmt.Sprintf("%s v%d.%s, %s", in.Arm, o.d, o.arr.arm(), generalName(o.arr, o.n))
		}}
	insertGP = &form{params: "r GP, d Vec, lane int", fills: "n: r.Register, d: d.Register, lane: lane", whose: "d", more: true,
		encode: func(in *Instruction, o *numbers) (uint32, error) {
			lane, err := imm5(o.arr, o.lane)
			return in.base | lane<<16 | o.registers(), err
		},
		goText: func(in *Instruction, o *numbers) string {
			return fmt.Sprintf("VMOV %s, V%d.%s[%d]", goGeneral(o.n), o.d, o.arr.element(), o.lane)
		},
		armText: func(in *Instruction, o *numbers) string {
			return fmt.Sprintf("%s v%d.%s[%d], %s", in.Arm, o.d, o.arr.armElement(), o.lane, generalName(o.arr, o.n))
		}}
	insertElement = &form{params: "n Vec, from int, d Vec, to int", fills: ndFills + ", lane: from, to: to", whose: "n and d", more: true,
		encode: func(in *Instruction, o *numbers) (uint32, error) {
			to, err := imm5(o.arr, o.to)
			if err != nil {
				return 0, err
			}
			_, err = imm5(o.arr, o.lane)
			return in.base | to<<16 | uint32(o.lane)<<o.arr.size()<<11 | o.registers(), err
		},
		goText: func(in *Instruction, o *numbers) string {
			return fmt.Sprintf("VMOV V%d.%s[%d], V%d.%s[%d]", o.n, o.arr.element(), o.lane, o.d, o.arr.element(), o.to)
		},
		armText: func(in *Instruction, o *numbers) string {
			e := o.arr.armElement()
			return fmt.Sprintf("%s v%d.%s[%d], v%d.%s[%d]", in.Arm, o.d, e, o.to, o.n, e, o.lane)
		}}
	toGP       = toGeneral(func(a Arrangement) uint32 { return a.size() / 3 })
	toGPSigned = toGeneral(func(Arrangement) uint32 { return 1 })
)

// toGeneral moves a lane; wide is 1 if it becomes one of 64 bits.
func toGeneral(wide func(a Arrangement) uint32) *form {
	return &form{params: "n Vec, lane int, r GP", fills: "n: n.Register, lane: lane, d: r.Register", whose: "n",
		encode: func(in *Instruction, o *numbers) (uint32, error) {
			lane, err := imm5(o.arr, o.lane)
			base := in.base&^(1<<30) | wide(o.arr)<<30
			return base | lane<<16 | o.registers(), err
		},
		goText: func(in *Instruction, o *numbers) string {
			return fmt.Sprintf("VMOV V%d.%s[%d], %s", o.n, o.arr.element(), o.lane, goGeneral(o.d))
		},
		armText: func(in *Instruction, o *numbers) string {
			return fmt.Sprintf("%s %s, v%d.%s[%d]", in.Arm, generalName(S4+2*Arrangement(wide(o.arr)), o.d), o.n, o.arr.armElement(), o.lane)
		}}
}

func goGeneral(n int) string {
	if n == zeroIndex {
		return "ZR"
	}
	return fmt.Sprintf("R%d", n)
}

// Constants in all lanes: a byte, shifted where lanes are wider.
var (
	immediate = &form{params: "imm int, d Vec", fills: "imm: imm, d: d.Register", whose: "d",
		encode: func(in *Instruction, o *numbers) (uint32, error) {
			imm, shift := o.imm, 0
			for ; imm != 0 && imm&255 == 0; shift++ {
				imm >>= 8
			}
			if imm < 0 || imm > 255 || 8*shift >= o.arr.bits() {
				return 0, fmt.Errorf("constant %d: want a byte, shifted by a multiple of 8 below %d", o.imm, o.arr.bits())
			}
			cmode := uint32(2 * shift)
			if o.arr.bits() == 16 {
				cmode |= 8
			}
			if o.arr.bits() == 8 {
				cmode = 0 // base has it
			}
			return in.base | o.arr.q()<<30 | cmode<<12 | uint32(imm)>>5<<16 | uint32(imm)&31<<5 | uint32(o.d), nil
		},
		goText: func(in *Instruction, o *numbers) string {
			return fmt.Sprintf("%s $%d, V%d.%v", in.Name, o.imm, o.d, o.arr)
		},
		armText: func(in *Instruction, o *numbers) string {
			imm, shift := o.imm, 0
			for ; imm != 0 && imm&255 == 0; shift += 8 {
				imm >>= 8
			}
			text := fmt.Sprintf("%s v%d.%s, #%d", in.Arm, o.d, o.arr.arm(), imm)
			if shift > 0 {
				text += fmt.Sprintf(", lsl #%d", shift)
			}
			return text
		}}
	immediateNot = immediate
)
