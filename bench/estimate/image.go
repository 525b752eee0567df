package main

import (
	"cmp"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A function is one of assembly, in the program that is traced.
type function struct {
	name       string // room and name, such as neon.GemmW8x1
	start, end uint64
}

// An image is the program that is traced.
type image struct {
	path       string
	functions  []function // by address
	loops      []function // of Go, around them
	begin, end uint64     // the functions around the product
	text       []byte
	base       uint64
}

// rooms is what the names of kernels' functions begin with. Go's linker marks those
// of assembly; what has their name without the mark is Go's wrapper, which moves
// arguments from registers to the stack.
const (
	rooms    = "example.com/lowbit/kernels/internal/"
	assembly = ".abi0"
)

// loops finds Go's functions that call those of assembly when a product runs, and do
// nothing while it is planned.
var loops = regexp.MustCompile(`^example\.com/lowbit/kernels\..*\)\.(tiles|task|multiply|compute|prepare|Run)$`)

func openImage(path string) (*image, error) {
	f, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if f.Machine != elf.EM_AARCH64 {
		return nil, fmt.Errorf("%s is for %v: want arm64", path, f.Machine)
	}
	symbols, err := f.Symbols()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	section := f.Section(".text")
	if section == nil {
		return nil, fmt.Errorf("%s has no section .text", path)
	}
	m := &image{path: path, base: section.Addr}
	if m.text, err = section.Data(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	wrappers := map[string]bool{}
	for _, s := range symbols {
		if name, ok := strings.CutSuffix(s.Name, assembly); ok {
			wrappers[name] = true
		}
	}
	for _, s := range symbols {
		switch name, room := strings.CutPrefix(s.Name, rooms); {
		case s.Name == "main.begin":
			m.begin = s.Value
		case s.Name == "main.end":
			m.end = s.Value
		case room && strings.HasSuffix(name, assembly):
			m.functions = append(m.functions, function{strings.TrimSuffix(name, assembly), s.Value, s.Value + s.Size})
		case room && wrappers[s.Name], loops.MatchString(s.Name):
			m.loops = append(m.loops, function{s.Name, s.Value, s.Value + s.Size})
		}
	}
	if m.begin == 0 || m.end == 0 {
		return nil, fmt.Errorf("%s has no functions main.begin and main.end", path)
	}
	slices.SortFunc(m.functions, func(a, b function) int { return cmp.Compare(a.start, b.start) })
	return m, nil
}

// at returns the function that holds the address, nil if none does.
func (m *image) at(pc uint64) *function {
	i, found := slices.BinarySearchFunc(m.functions, pc, func(f function, pc uint64) int { return cmp.Compare(f.start, pc) })
	if !found {
		i--
	}
	if i < 0 || pc >= m.functions[i].end {
		return nil
	}
	return &m.functions[i]
}

// word is the instruction at an address.
func (m *image) word(pc uint64) uint32 { return binary.LittleEndian.Uint32(m.text[pc-m.base:]) }

// filter is the ranges of addresses to trace, for the emulator. Functions of a room lie
// side by side.
func (m *image) filter() string {
	ranges := []function{{start: m.begin, end: m.begin + 4}, {start: m.end, end: m.end + 4}}
	for _, f := range m.functions {
		if last := &ranges[len(ranges)-1]; len(ranges) > 2 && f.start >= last.end && f.start-last.end < 64 {
			last.end = f.end
		} else {
			ranges = append(ranges, f)
		}
	}
	var list []string
	for _, r := range append(ranges, m.loops...) {
		list = append(list, fmt.Sprintf("0x%x+0x%x", r.start, r.end-r.start))
	}
	return strings.Join(list, ",")
}
