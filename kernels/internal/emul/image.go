//go:build amd64 && linux && !purego

package emul

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"math"
)

// Memory of the machine. The program's code is where its linker put it; behind
// it, everything else. All that is mapped at its physical address too, but
// operands are given by other addresses, in the window, where they have
// unmapped pages between them.
const (
	imageBase  = 4 << 20 // where the emulator loads the image
	pageSize   = 4 << 10
	bigPage    = 2 << 20
	windowBase = 1 << 30
	maxImage   = windowBase - 64<<20

	present  = 1
	writable = 2
	isBig    = 0x80

	canary = 0xa5 // fills an operand's pages around it
)

// The block of parameters and the table's entries: see guest_amd64.s.
const (
	paramTable = 0
	paramStack = 8
	paramG     = 16
	paramTLS   = 24
	paramIDT   = 48
	paramSize  = 64

	callFunc     = 0
	callArgs     = 8
	callResult   = 72
	callWant     = 80
	callGot      = 88
	callExpected = 96
	callWords    = 104
	callSize     = 112

	stackSize = 64 << 10
	// The code reads a few fields of its goroutine, of which zeros say that
	// there is stack enough.
	gSize = 1 << 10
)

// An image is what the emulator loads, while it is put together.
type image struct {
	mem    []byte      // from imageBase
	code   [][2]uint64 // begins and ends of the program's segments of code
	window []uint64    // page table entries from windowBase
}

// A machine is what the emulator needs to start.
type machine struct {
	image, rom []byte
	megabytes  int
}

var le = binary.LittleEndian

// newMachine lays out the program exe and the calls.
func newMachine(exe []byte, calls []Call) (*machine, error) {
	var img image
	if err := img.load(exe); err != nil {
		return nil, err
	}
	if err := img.translate(); err != nil {
		return nil, err
	}
	table, err := img.table(calls)
	if err != nil {
		return nil, err
	}
	idt, err := img.alloc(32 * 16)
	if err != nil {
		return nil, err
	}
	for i := range 32 {
		gate := img.at(idt + uint64(i)*16)
		le.PutUint16(gate, uint16(faultEntry))
		le.PutUint16(gate[2:], selCode64)
		le.PutUint16(gate[4:], 0x8e00) // an interrupt gate
		le.PutUint16(gate[6:], uint16(faultEntry>>16))
		le.PutUint32(gate[8:], uint32(faultEntry>>32))
	}
	gdt, err := img.alloc(len(segments) * 8)
	if err != nil {
		return nil, err
	}
	for i, s := range segments {
		le.PutUint64(img.at(gdt+uint64(i)*8), s)
	}
	stack, err := img.alloc(stackSize)
	if err != nil {
		return nil, err
	}
	g, err := img.alloc(gSize)
	if err != nil {
		return nil, err
	}
	params, err := img.alloc(paramSize)
	if err != nil {
		return nil, err
	}
	block := img.at(params)
	le.PutUint64(block[paramTable:], table)
	le.PutUint64(block[paramStack:], stack+stackSize)
	le.PutUint64(block[paramG:], g)
	le.PutUint64(block[paramTLS:], g+gSize)
	le.PutUint64(img.at(g+gSize-8), g)
	le.PutUint16(block[paramIDT:], 32*16-1)
	le.PutUint64(block[paramIDT+2:], idt)
	pages, err := img.pageTables()
	if err != nil {
		return nil, err
	}
	end := imageBase + len(img.mem)
	return &machine{
		image:     img.mem,
		rom:       rom(start{imageLen: len(img.mem), gdt: uint32(gdt), pages: uint32(pages), entry: uint32(guestEntry), params: uint32(params)}),
		megabytes: end>>20 + 2,
	}, nil
}

// load puts the program's code and data where they were linked.
func (img *image) load(exe []byte) error {
	f, err := elf.NewFile(bytes.NewReader(exe))
	if err != nil {
		return err
	}
	defer f.Close()
	if f.Type != elf.ET_EXEC {
		return fmt.Errorf("the program is of type %v: want one linked at a fixed address, %v", f.Type, elf.ET_EXEC)
	}
	for _, p := range f.Progs {
		if p.Type != elf.PT_LOAD || p.Filesz == 0 {
			continue
		}
		if p.Vaddr < imageBase || p.Vaddr+p.Filesz > maxImage {
			return fmt.Errorf("the program has a segment of %d bytes at %#x: want it between %#x and %#x", p.Filesz, p.Vaddr, imageBase, maxImage)
		}
		img.grow(p.Vaddr + p.Filesz)
		if _, err := p.ReadAt(img.mem[p.Vaddr-imageBase:][:p.Filesz], 0); err != nil {
			return err
		}
		if p.Flags&elf.PF_X != 0 {
			img.code = append(img.code, [2]uint64{p.Vaddr, p.Vaddr + p.Filesz})
		}
	}
	if e := max(guestEntry, faultEntry); e > math.MaxUint32 || int(e) > imageBase+len(img.mem) {
		return fmt.Errorf("the guest's code is at %#x: want it in the program's segments", e)
	}
	return nil
}

// grow makes the image reach to an address.
func (img *image) grow(end uint64) {
	if n := int(end) - imageBase - len(img.mem); n > 0 {
		img.mem = append(img.mem, make([]byte, n)...)
	}
}

// alloc takes n bytes of whole, zeroed pages and returns their address.
func (img *image) alloc(n int) (uint64, error) {
	at := imageBase + uint64(roundUp(len(img.mem), pageSize))
	end := at + uint64(roundUp(n, pageSize))
	if end > maxImage {
		return 0, fmt.Errorf("the calls and their operands need more than %d MiB", maxImage>>20)
	}
	img.grow(end)
	return at, nil
}

// at returns the memory from an address on.
func (img *image) at(address uint64) []byte { return img.mem[address-imageBase:] }

// table lays out the calls and returns the table's address.
func (img *image) table(calls []Call) (uint64, error) {
	table, err := img.alloc((len(calls) + 1) * callSize) // ends with an entry of zeros
	if err != nil {
		return 0, err
	}
	for i, c := range calls {
		var got, expected, words uint64
		for _, o := range c.Operands {
			pointer, pages, err := img.place(o)
			if err != nil {
				return 0, err
			}
			c.Args[o.Arg] = pointer
			if o.Want == nil {
				continue
			}
			if len(o.Want) != len(o.Data) || words > 0 {
				return 0, fmt.Errorf("call %d, %s: want one operand to compare, of one length", i, c.Name)
			}
			size := roundUp(len(o.Data), pageSize)
			if expected, err = img.alloc(size); err != nil {
				return 0, err
			}
			copy(img.at(expected), img.at(pages)[:size])
			copy(img.at(expected+pointer%pageSize), o.Want)
			got, words = pages, uint64(size/8)
		}
		e := img.at(table + uint64(i)*callSize)
		le.PutUint64(e[callFunc:], uint64(c.Func))
		for j, a := range c.Args {
			le.PutUint64(e[callArgs+8*j:], a)
		}
		le.PutUint64(e[callResult:], uint64(c.Result))
		le.PutUint64(e[callWant:], c.Want)
		le.PutUint64(e[callGot:], got)
		le.PutUint64(e[callExpected:], expected)
		le.PutUint64(e[callWords:], words)
	}
	return table, nil
}

// place puts an operand into pages of its own, behind an unmapped page, and
// returns its address in the window and that of its pages in memory.
func (img *image) place(o Operand) (pointer, pages uint64, err error) {
	size := max(pageSize, roundUp(len(o.Data), pageSize))
	if pages, err = img.alloc(size); err != nil {
		return 0, 0, err
	}
	for i := range img.at(pages)[:size] {
		img.at(pages)[i] = canary
	}
	offset := 0
	if o.Tail {
		offset = size - len(o.Data)
	}
	copy(img.at(pages)[offset:], o.Data)

	flags := uint64(present)
	if o.Want != nil {
		flags |= writable
	}
	img.window = append(img.window, 0)
	pointer = windowBase + uint64(len(img.window))*pageSize + uint64(offset)
	for p := 0; p < size; p += pageSize {
		img.window = append(img.window, pages+uint64(p)|flags)
	}
	return pointer, pages, nil
}

// pageTables maps the first GiB to itself and, behind it, the window. It
// returns the address of the tables.
func (img *image) pageTables() (uint64, error) {
	const entries = pageSize / 8
	var err error
	newTable := func() uint64 {
		at, e := img.alloc(pageSize)
		if e != nil {
			err = e
			at = imageBase
		}
		return at
	}
	root, gigabytes, identity := newTable(), newTable(), newTable()
	if err != nil {
		return 0, err
	}
	le.PutUint64(img.at(root), gigabytes|present|writable)
	le.PutUint64(img.at(gigabytes), identity|present|writable)
	for i := range uint64(entries) {
		le.PutUint64(img.at(identity+8*i), i*bigPage|present|writable|isBig)
	}
	var directory, table uint64
	for i, e := range append(img.window, 0) {
		if i%(entries*entries) == 0 {
			directory = newTable()
			if err != nil {
				return 0, err
			}
			le.PutUint64(img.at(gigabytes+8*uint64(1+i/(entries*entries))), directory|present|writable)
		}
		if i%entries == 0 {
			table = newTable()
			if err != nil {
				return 0, err
			}
			le.PutUint64(img.at(directory+8*uint64(i/entries%entries)), table|present|writable)
		}
		le.PutUint64(img.at(table+8*uint64(i%entries)), e)
	}
	return root, nil
}

func roundUp(n, to int) int { return (n + to - 1) / to * to }
