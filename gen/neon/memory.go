package neon

import "fmt"

// A Mem is a place in memory: base plus a constant, or plus a register. Make
// one with At, Index, Post or Pre.
type Mem struct {
	base  GP
	index GP
	shift int // of index
	disp  int
	mode  mode
}

type mode uint8

const (
	offset mode = iota
	indexed
	post
	pre
)

// At is the memory disp bytes after base.
func At(base GP, disp int) Mem { return Mem{base: base, disp: disp} }

// Index is the memory at base plus index.
func Index(base, index GP) Mem { return Mem{base: base, index: index, mode: indexed} }

// IndexShifted is the memory at base plus index<<shift, where shift is the
// logarithm of the bytes that are loaded or stored.
func IndexShifted(base, index GP, shift int) Mem {
	return Mem{base: base, index: index, shift: shift, mode: indexed}
}

// Post is the memory at base, which is then moved on by disp bytes.
func Post(base GP, disp int) Mem { return Mem{base: base, disp: disp, mode: post} }

// PostIndex is the memory at base, to which index is then added. Only VLD1, VST1
// and VLD1R take it.
func PostIndex(base, index GP) Mem { return Mem{base: base, index: index, mode: post} }

// Pre moves base on by disp bytes and is the memory there.
func Pre(base GP, disp int) Mem { return Mem{base: base, disp: disp, mode: pre} }

// inputs are the registers that the address is made of.
func (m Mem) inputs() []any {
	if m.index.Register != nil {
		return []any{m.base, m.index}
	}
	return []any{m.base}
}

// suffix is what the mnemonic says of the mode in the Go assembler.
func (m Mem) suffix() string { return [...]string{post: ".P", pre: ".W"}[m.mode] }

// goText writes the operand as the Go assembler wants it, with registers named by
// name.
func (m Mem) goText(name func(GP) string) string {
	switch {
	case m.index.Register != nil && m.shift > 0:
		return fmt.Sprintf("(%s)(%s<<%d)", name(m.base), name(m.index), m.shift)
	case m.index.Register != nil:
		return fmt.Sprintf("(%s)(%s)", name(m.base), name(m.index))
	case m.disp != 0:
		return fmt.Sprintf("%d(%s)", m.disp, name(m.base))
	}
	return fmt.Sprintf("(%s)", name(m.base))
}

// arm writes the operand in Arm's syntax.
func (m Mem) arm(number func(GP) int) string {
	base := xName(number(m.base), "sp")
	index := ""
	if m.index.Register != nil {
		index = xName(number(m.index), "xzr")
	}
	switch {
	case m.mode == post && index != "":
		return fmt.Sprintf("[%s], %s", base, index)
	case m.mode == post:
		return fmt.Sprintf("[%s], #%d", base, m.disp)
	case m.mode == pre:
		return fmt.Sprintf("[%s, #%d]!", base, m.disp)
	case index != "" && m.shift > 0:
		return fmt.Sprintf("[%s, %s, lsl #%d]", base, index, m.shift)
	case index != "":
		return fmt.Sprintf("[%s, %s]", base, index)
	case m.disp != 0:
		return fmt.Sprintf("[%s, #%d]", base, m.disp)
	}
	return fmt.Sprintf("[%s]", base)
}

func xName(n int, zero string) string {
	if n == zeroIndex {
		return zero
	}
	return fmt.Sprintf("x%d", n)
}

// moves reports whether the access moves the base, and it is that register.
func (m Mem) moves(r Operand) bool {
	g, ok := r.(GP)
	return ok && (m.mode == post || m.mode == pre) && g == m.base
}

// checkRegisters reports registers that an address cannot have. Number 31 is the stack
// pointer in a base, and where an index moves the base, it stands for a constant.
func (m Mem) checkRegisters() error {
	switch {
	case m.base.Register == nil:
		return fmt.Errorf("an address without a base")
	case m.base == ZR:
		return fmt.Errorf("the base ZR, which would be the stack pointer")
	case m.mode == indexed && m.index.Register == nil:
		return fmt.Errorf("an address without its index")
	case m.mode == post && m.index == ZR:
		return fmt.Errorf("PostIndex by ZR, which would be a constant")
	}
	return nil
}

// check reports an address that a load or store of that many bytes cannot encode.
func (m Mem) check(bytes int) error {
	if err := m.checkRegisters(); err != nil {
		return err
	}
	switch {
	case m.mode == indexed && m.shift != 0 && 1<<m.shift != bytes:
		return fmt.Errorf("index shifted by %d: want 0, or the logarithm of %d bytes", m.shift, bytes)
	case (m.mode == post || m.mode == pre) && (m.disp < -256 || m.disp > 255):
		return fmt.Errorf("moves its base by %d: want -256 to 255", m.disp)
	case m.mode == offset && (m.disp < -256 || m.disp > 255) && (m.disp < 0 || m.disp%bytes != 0 || m.disp/bytes > 4095):
		return fmt.Errorf("offset %d of %d bytes: want -256 to 255, or a multiple of %d up to %d", m.disp, bytes, bytes, 4095*bytes)
	}
	return nil
}

// checkPair is check for two registers of that many bytes each.
func (m Mem) checkPair(bytes int) error {
	if err := m.checkRegisters(); err != nil {
		return err
	}
	if m.index.Register != nil || m.disp%bytes != 0 || m.disp/bytes < -64 || m.disp/bytes > 63 {
		return fmt.Errorf("offset %d of a pair of %d bytes: want a multiple from %d to %d, and no index", m.disp, bytes, -64*bytes, 63*bytes)
	}
	return nil
}

// checkList is check for VLD1 and the like: no offset, and if it moves on, by what it
// read.
func (m Mem) checkList(bytes int) error {
	if err := m.checkRegisters(); err != nil {
		return err
	}
	if m.mode == pre || m.mode == indexed || m.mode == offset && m.disp != 0 || m.mode == post && m.index.Register == nil && m.disp != bytes {
		return fmt.Errorf("want no offset, Post by the %d bytes that are accessed, or PostIndex", bytes)
	}
	return nil
}
