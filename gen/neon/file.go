package neon

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"go/token"
	"slices"
	"strings"

	"github.com/mmcloughlin/avo/buildtags"
	"github.com/mmcloughlin/avo/gotypes"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/printer"
	"github.com/mmcloughlin/avo/reg"
)

// A File is a set of functions that becomes an assembly file and a Go file with their
// stubs.
type File struct {
	generator   string
	pkg         string
	constraints string
	funcs       []*Func
	globals     []global
	allocations []allocation // of funcs, once compiled
}

// global is read-only memory.
type global struct {
	name string
	data []byte
}

// NewFile returns an empty file of a package. generator names the program that writes
// it, for the first line, and constraint is its build constraint, such as
// "arm64,!purego" in the notation of +build lines.
func NewFile(generator, pkg, constraint string) *File {
	return &File{generator: generator, pkg: pkg, constraints: constraint}
}

// Function begins a function with a Go signature, such as "func(x *byte, n uintptr) int".
func (f *File) Function(name, signature string) *Func {
	fn := &Func{file: f, ir: ir.NewFunction(name), regs: reg.NewCollection(), texts: map[*ir.Instruction]text{}}
	fn.ir.Attributes = attributes
	fn.ir.AddPragma("noescape")
	s, err := gotypes.ParseSignature(signature)
	if err != nil {
		fn.fail("%s: signature %q: %w", name, signature, err)
	} else {
		fn.ir.SetSignature(s)
	}
	if !token.IsIdentifier(name) {
		fn.fail("function %q: want an identifier", name)
	}
	for _, other := range f.funcs {
		if other.Name() == name {
			fn.fail("two functions are named %s", name)
		}
	}
	f.funcs = append(f.funcs, fn)
	return fn
}

// Functions returns the functions of the file.
func (f *File) Functions() []*Func { return slices.Clone(f.funcs) }

func (f *File) data(name string, data []byte) error {
	if len(data) == 0 || len(data)%8 != 0 {
		return fmt.Errorf("data %s has %d bytes: want a multiple of 8", name, len(data))
	}
	for _, g := range f.globals {
		if g.name == name {
			if !bytes.Equal(g.data, data) {
				return fmt.Errorf("data %s has two values", name)
			}
			return nil
		}
	}
	f.globals = append(f.globals, global{name, slices.Clone(data)})
	return nil
}

// Compile allocates the registers of every function and verifies it.
func (f *File) Compile() error {
	f.allocations = nil
	for _, fn := range f.funcs {
		a, err := fn.compile()
		if err != nil {
			return err
		}
		f.allocations = append(f.allocations, a)
	}
	return nil
}

func (f *File) header(b *bytes.Buffer) error {
	c, err := buildtags.ParseConstraint(f.constraints)
	if err != nil {
		return err
	}
	text, err := buildtags.Format(buildtags.Constraints{c})
	if err != nil {
		return err
	}
	fmt.Fprintf(b, "// %s\n\n%s\n", f.config().GeneratedWarning(), strings.TrimSpace(text))
	return nil
}

func (f *File) config() printer.Config { return printer.Config{Name: f.generator, Pkg: f.pkg} }

// Assembly returns the text of the .s file. The file must be compiled.
func (f *File) Assembly() ([]byte, error) {
	var b bytes.Buffer
	if err := f.header(&b); err != nil {
		return nil, err
	}
	fmt.Fprint(&b, "\n#include \"textflag.h\"\n")
	for _, g := range f.globals {
		fmt.Fprintln(&b)
		for i := 0; i < len(g.data); i += 8 {
			fmt.Fprintf(&b, "DATA %s<>+%d(SB)/8, $0x%016x\n", g.name, i, binary.LittleEndian.Uint64(g.data[i:]))
		}
		fmt.Fprintf(&b, "GLOBL %s<>(SB), RODATA|NOPTR, $%d\n", g.name, len(g.data))
	}
	for n, fn := range f.funcs {
		if n >= len(f.allocations) {
			return nil, fmt.Errorf("%s is not compiled", fn.Name())
		}
		if err := fn.print(&b, f.allocations[n]); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

// print writes the function.
func (f *Func) print(b *bytes.Buffer, a allocation) error {
	fmt.Fprintf(b, "\n// %s\n", f.ir.Stub())
	if len(f.ir.ISA) > 0 {
		fmt.Fprintf(b, "// Requires: %s\n", strings.Join(f.ir.ISA, ", "))
	}
	fmt.Fprintf(b, "TEXT ·%s(SB), %s, $0-%d\n", f.Name(), f.ir.Attributes.Asm(), f.ir.ArgumentBytes())
	n := 0
	for _, node := range f.ir.Nodes {
		switch node := node.(type) {
		case ir.Label:
			fmt.Fprintf(b, "%s:\n", node)
		case *ir.Comment:
			for _, line := range node.Lines {
				fmt.Fprintf(b, "\t// %s\n", line)
			}
		case *ir.Instruction:
			n++
			t, err := f.texts[node](a)
			if err != nil {
				return fmt.Errorf("%s: instruction %d: %w", f.Name(), n, err)
			}
			fmt.Fprintf(b, "\t%s\n", t)
		}
	}
	return nil
}

// Stubs returns the text of the Go file that declares the functions.
func (f *File) Stubs() ([]byte, error) {
	c, err := buildtags.ParseConstraint(f.constraints)
	if err != nil {
		return nil, err
	}
	file := &ir.File{Constraints: buildtags.Constraints{c}}
	for _, fn := range f.funcs {
		file.AddSection(fn.ir)
	}
	return printer.NewStubs(f.config()).Print(file)
}
