package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"io"
	"strconv"
	"strings"
)

// A call is one sequence of instructions that a function executed, and how often.
type call struct {
	function *function
	pcs      []uint64
	count    int
}

// A trace collects the calls of a product.
type trace struct {
	image  *image
	calls  []*call // in the order in which they were first made
	byHash map[uint64]*call
	seed   maphash.Seed
	other  []string // lines that are none of the trace
	loops  int      // instructions of Go's loops around the calls

	inside  bool // between begin and end
	done    bool
	running *function
	pcs     []uint64
}

func newTrace(m *image) *trace {
	return &trace{image: m, byHash: map[uint64]*call{}, seed: maphash.MakeSeed()}
}

// read takes the emulator's log, with a line for every instruction:
//
//	Trace 0: 0x7f... [00000000/0000000000401000/00000110/ff000201] symbol
func (t *trace) read(r io.Reader) error {
	lines := bufio.NewReaderSize(r, 1<<20)
	for {
		line, err := lines.ReadSlice('\n')
		text := string(line)
		if len(text) > 0 {
			switch pc, ok := tracedPC(text); {
			case ok:
				if err := t.step(pc); err != nil {
					return err
				}
			case strings.HasPrefix(text, "Stopped execution of TB chain before"):
				// The instruction before this line was not executed: it comes again.
				if len(t.pcs) > 0 {
					t.pcs = t.pcs[:len(t.pcs)-1]
				}
			case len(t.other) < 20:
				t.other = append(t.other, strings.TrimSpace(text))
			}
		}
		switch err {
		case nil:
		case io.EOF:
			return t.finish()
		default:
			return err
		}
	}
}

// tracedPC finds the address in a line of the log.
func tracedPC(line string) (uint64, bool) {
	if !strings.HasPrefix(line, "Trace ") {
		return 0, false
	}
	_, rest, _ := strings.Cut(line, "/")
	text, _, ok := strings.Cut(rest, "/")
	if !ok {
		return 0, false
	}
	pc, err := strconv.ParseUint(text, 16, 64)
	return pc, err == nil
}

func (t *trace) step(pc uint64) error {
	switch pc {
	case t.image.begin:
		t.inside = true
		return nil
	case t.image.end:
		t.inside, t.done = false, true
		return nil
	}
	if !t.inside {
		return nil
	}
	if n := len(t.pcs); n > 0 {
		last := t.pcs[n-1]
		if pc != last+4 && !isBranch(t.image.word(last)) {
			return fmt.Errorf("the trace is broken: 0x%x follows 0x%x in %s", pc, last, t.running.name)
		}
	} else {
		t.running = t.image.at(pc)
		if t.running == nil {
			t.loops++
			return nil
		}
		if pc != t.running.start {
			return fmt.Errorf("the trace is broken: it enters %s at 0x%x", t.running.name, pc)
		}
	}
	if pc < t.running.start || pc >= t.running.end {
		return fmt.Errorf("the trace is broken: 0x%x is not in %s", pc, t.running.name)
	}
	t.pcs = append(t.pcs, pc)
	if isReturn(t.image.word(pc)) {
		t.add()
	}
	return nil
}

// add counts the sequence that ended.
func (t *trace) add() {
	var h maphash.Hash
	h.SetSeed(t.seed)
	var b [8]byte
	for _, pc := range t.pcs {
		binary.LittleEndian.PutUint64(b[:], pc)
		h.Write(b[:])
	}
	if c := t.byHash[h.Sum64()]; c != nil {
		c.count++
	} else {
		c = &call{t.running, append([]uint64(nil), t.pcs...), 1}
		t.byHash[h.Sum64()] = c
		t.calls = append(t.calls, c)
	}
	t.pcs = t.pcs[:0]
}

func (t *trace) finish() error {
	switch {
	case !t.done:
		return fmt.Errorf("the trace has no end")
	case len(t.pcs) > 0:
		return fmt.Errorf("the trace ends within %s", t.running.name)
	}
	return nil
}

// isReturn tells RET.
func isReturn(word uint32) bool { return word&0xfffffc1f == 0xd65f0000 }

// isBranch tells instructions behind which another than the next may come.
func isBranch(word uint32) bool {
	return word&0x7c000000 == 0x14000000 || // B, BL
		word&0xff000000 == 0x54000000 || // B.cond
		word&0x7e000000 == 0x34000000 || // CBZ, CBNZ
		word&0x7e000000 == 0x36000000 || // TBZ, TBNZ
		word&0xfe000000 == 0xd6000000 // BR, BLR, RET
}
