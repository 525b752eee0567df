package neon

import "fmt"

// An Arrangement says how an instruction divides vector registers into lanes,
// by the names of the Go assembler: B16 are sixteen lanes of a byte, B8 the
// eight of the lower half.
type Arrangement uint8

// The arrangements of a vector register.
const (
	B8 Arrangement = iota
	B16
	H4
	H8
	S2
	S4
	D1
	D2
)

// size is the logarithm of the bytes of a lane, as instructions encode it.
func (a Arrangement) size() uint32 { return uint32(a) / 2 }

// q is 1 if the whole register is used, 0 if its lower half is.
func (a Arrangement) q() uint32 { return uint32(a) % 2 }

// bits is the width of a lane.
func (a Arrangement) bits() int { return 8 << a.size() }

// Lanes is the number of lanes.
func (a Arrangement) Lanes() int { return 1 << (2 + a.q() + 1 - a.size()) }

// wide is the arrangement of a whole register whose lanes are twice as wide.
func (a Arrangement) wide() Arrangement { return Arrangement(2*a.size() + 3) }

// pairs is the arrangement with half as many lanes, twice as wide.
func (a Arrangement) pairs() Arrangement { return a + 2 }

// String returns the name in the Go assembler, such as B16.
func (a Arrangement) String() string {
	return fmt.Sprintf("%c%d", "BHSD"[a.size()], a.Lanes())
}

// arm returns the name in Arm's syntax, such as 16b.
func (a Arrangement) arm() string {
	return fmt.Sprintf("%d%c", a.Lanes(), "bhsd"[a.size()])
}

// element returns the letter of a lane in the Go assembler.
func (a Arrangement) element() string { return "BHSD"[a.size():][:1] }

// armElement returns the letter of a lane in Arm's syntax.
func (a Arrangement) armElement() string { return "bhsd"[a.size():][:1] }
