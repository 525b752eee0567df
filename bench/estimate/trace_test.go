package main

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

// Words of instructions: MOVD 8(RSP), R0; a loop of VCNT, SUBS and B.NE back by 8; RET.
const (
	loadWord   = 0xf94007e0
	countWord  = 0x4e205800
	subsWord   = 0xf1000400
	branchWord = 0x54ffffc1
	returnWord = 0xd65f03c0
)

// testImage has one function at 0x1000, the functions around the product at 0x2000.
func testImage() *image {
	m := &image{functions: []function{{"neon.Count", 0x1000, 0x1014}}, begin: 0x2000, end: 0x2010, base: 0x1000}
	for _, w := range []uint32{loadWord, countWord, subsWord, branchWord, returnWord} {
		m.text = binary.LittleEndian.AppendUint32(m.text, w)
	}
	return m
}

// texts are those of the blocks of testImage, and of one of Go's, as QEMU writes them.
const texts = `----------------
IN: example.com/lowbit/kernels/internal/neon.Count.abi0
0x00001000:  f94007e0  ldr      x0, [sp, #8]
0x00001004:  4e205800  cnt      v0.16b, v0.16b
0x00001008:  f1000400  subs     x0, x0, #1
0x0000100c:  54ffffc1  b.ne     #0x1004

----------------
IN: example.com/lowbit/kernels/internal/neon.Count.abi0
0x00001004:  4e205800  cnt      v0.16b, v0.16b
0x00001008:  f1000400  subs     x0, x0, #1
0x0000100c:  54ffffc1  b.ne     #0x1004

----------------
IN: example.com/lowbit/kernels/internal/neon.Count.abi0
0x00001010:  d65f03c0  ret      

----------------
IN: main.begin
0x00002000:  d65f03c0  ret      

----------------
IN: main.end
0x00002010:  d65f03c0  ret      

----------------
IN: example.com/lowbit/kernels.(*product).tiles
0x00003000:  d503201f  nop      
0x00003004:  d65f03c0  ret      

`

// logOf writes the blocks' texts, and lines for those executed.
func logOf(pcs ...uint64) string {
	var b strings.Builder
	b.WriteString(texts)
	for _, pc := range pcs {
		fmt.Fprintf(&b, "Trace 2: 0x7f345a36c340 [0000000001009b31/%016x/00000001/00080200] symbol\n", pc)
	}
	return b.String()
}

const (
	twiceInstrs = 8
	onceInstrs  = 5
)

var (
	// Calls of two passes of the loop and of one, by their blocks.
	twice = []uint64{0x1000, 0x1004, 0x1010}
	once  = []uint64{0x1000, 0x1010}
)

func join(lists ...[]uint64) []uint64 {
	var all []uint64
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// TestTrace wants calls told apart by what they executed, and only those of the product.
func TestTrace(t *testing.T) {
	tr := newTrace(testImage())
	loop := []uint64{0x3000}
	log := "a line of something else\n" + logOf(join(twice, []uint64{0x2000}, loop, twice, once, loop, twice, []uint64{0x2010}, once)...)
	if err := tr.read(strings.NewReader(log)); err != nil {
		t.Fatal(err)
	}
	if len(tr.calls) != 2 || tr.calls[0].count != 2 || len(tr.calls[0].pcs) != twiceInstrs || tr.calls[1].count != 1 || len(tr.calls[1].pcs) != onceInstrs {
		t.Errorf("calls are %+v: want 2 of %d instructions and 1 of %d", tr.calls, twiceInstrs, onceInstrs)
	}
	if tr.loops != 4 {
		t.Errorf("%d instructions of Go: want 4", tr.loops)
	}
	if len(tr.other) != 1 {
		t.Errorf("other lines are %q: want one", tr.other)
	}
	counts := tr.counts()
	if len(counts) != 1 || counts[0].instrs != 2*twiceInstrs+onceInstrs || counts[0].calls != 3 {
		t.Errorf("counts are %+v: want 3 calls of %d instructions", counts[0], 2*twiceInstrs+onceInstrs)
	}
}

// TestTraceInterrupted wants a block that the emulator stopped before and logs again to
// be counted once.
func TestTraceInterrupted(t *testing.T) {
	tr := newTrace(testImage())
	log := logOf(0x2000, 0x1000, 0x1010) + "Stopped execution of TB chain before 0x7f [0000000000001010] symbol\n" +
		logOf(0x1010, 0x2010)
	if err := tr.read(strings.NewReader(log)); err != nil {
		t.Fatal(err)
	}
	if len(tr.calls) != 1 || len(tr.calls[0].pcs) != onceInstrs {
		t.Errorf("calls are %+v: want one of %d instructions", tr.calls, onceInstrs)
	}
}

// TestTraceBroken wants errors where instructions are missing.
func TestTraceBroken(t *testing.T) {
	for want, pcs := range map[string][]uint64{
		"has no end":  {0x2000, 0x1000},
		"ends within": {0x2000, 0x1000, 0x2010},
		"enters":      {0x2000, 0x1004},
		"is not in":   {0x2000, 0x1000, 0x3000},
		"has no text": {0x2000, 0x5000},
	} {
		err := newTrace(testImage()).read(strings.NewReader(logOf(pcs...)))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%x: error %v: want %q", pcs, err, want)
		}
	}
}

// TestTraceGap wants an error where a block is missing behind one that no branch ends.
func TestTraceGap(t *testing.T) {
	log := "IN: cut\n0x00001000:  f94007e0  ldr      x0, [sp, #8]\n\n" // a translation of one instruction
	tr := newTrace(testImage())
	err := tr.read(strings.NewReader(logOf(0x2000) + log + strings.TrimPrefix(logOf(0x1000, 0x1010, 0x2010), texts)))
	if err == nil || !strings.Contains(err.Error(), "0x1010 follows 0x1000") {
		t.Errorf("error %v: want one that 0x1010 follows 0x1000", err)
	}
}

func TestBranches(t *testing.T) {
	for word, want := range map[uint32]bool{
		0x14000001: true, 0x97ffffff: true, branchWord: true, 0xb4000040: true, 0x35000040: true, 0x36000040: true, 0xb7000040: true,
		0xd61f0000: true, returnWord: true,
		loadWord: false, countWord: false, subsWord: false, 0x4e809400: false, 0xd503201f: false, 0x91000400: false,
	} {
		if isBranch(word) != want {
			t.Errorf("isBranch(%#x) is %v", word, !want)
		}
	}
}

func TestFilter(t *testing.T) {
	m := testImage()
	m.functions = append(m.functions, function{"neon.Next", 0x1020, 0x1030}, function{"i8mm.Far", 0x9000, 0x9010})
	m.loops = []function{{"tiles", 0x4000, 0x4100}}
	if got, want := m.filter(), "0x2000+0x4,0x2010+0x4,0x1000+0x30,0x9000+0x10,0x4000+0x100"; got != want {
		t.Errorf("filter is %s: want %s", got, want)
	}
}
