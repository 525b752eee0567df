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

	blocks  map[uint64]int // the lengths of blocks by their addresses
	listing bool           // the last line was a block's text,
	listed  uint64         // of this one
	pending block          // the block that was traced last

	inside  bool // between begin and end
	done    bool
	running *function
	pcs     []uint64
}

// A block is a number of instructions at an address.
type block struct {
	pc     uint64
	instrs int
}

func newTrace(m *image) *trace {
	return &trace{image: m, byHash: map[uint64]*call{}, blocks: map[uint64]int{}, seed: maphash.MakeSeed()}
}

// read takes the emulator's log, in which every block of instructions has its text when
// it is translated, and a line when it is executed:
//
//	IN: symbol
//	0x000e8408:  4ee0bc00  addp     v0.2d, v0.2d, v0.2d
//	0x000e840c:  d65f03c0  ret
//
//	Trace 0: 0x7fe0842a9840 [0000000001009331/00000000000e8408/00000001/00080200] symbol
//
// A block that is translated again may have another length.
func (t *trace) read(r io.Reader) error {
	lines := bufio.NewReaderSize(r, 1<<20)
	for {
		line, err := lines.ReadSlice('\n')
		if text := string(line); text != "" {
			if err := t.line(text); err != nil {
				return err
			}
		}
		switch err {
		case nil, bufio.ErrBufferFull:
		case io.EOF:
			return t.finish()
		default:
			return err
		}
	}
}

func (t *trace) line(text string) error {
	if pc, ok := tracedPC(text); ok {
		if err := t.execute(); err != nil {
			return err
		}
		n, ok := t.blocks[pc]
		if !ok {
			return fmt.Errorf("the trace is broken: it has no text of the block at 0x%x", pc)
		}
		t.pending = block{pc, n}
		return nil
	}
	if pc, ok := textPC(text); ok {
		if !t.listing {
			t.listing, t.listed = true, pc
			t.blocks[pc] = 0
		}
		t.blocks[t.listed]++
		return nil
	}
	t.listing = false
	switch {
	case strings.HasPrefix(text, "Stopped execution of TB chain before"):
		t.pending = block{} // it comes again
	case strings.HasPrefix(text, "----------------"), strings.HasPrefix(text, "IN:"), strings.TrimSpace(text) == "":
	case len(t.other) < 20:
		t.other = append(t.other, strings.TrimSpace(text))
	}
	return nil
}

// execute takes the last block's instructions, which nothing stopped.
func (t *trace) execute() error {
	for i := range t.pending.instrs {
		if err := t.step(t.pending.pc + 4*uint64(i)); err != nil {
			return err
		}
	}
	t.pending = block{}
	return nil
}

// textPC finds the address in a line of a block's text.
func textPC(line string) (uint64, bool) {
	digits, ok := strings.CutPrefix(line, "0x")
	if !ok {
		return 0, false
	}
	text, _, ok := strings.Cut(digits, ":")
	if !ok {
		return 0, false
	}
	pc, err := strconv.ParseUint(text, 16, 64)
	return pc, err == nil
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
	if err := t.execute(); err != nil {
		return err
	}
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
