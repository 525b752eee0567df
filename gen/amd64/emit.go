package main

import (
	"fmt"

	"example.com/lowbit/gen/internal/rooms"
	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
)

// A family is what rooms.Family is, with the function that emits it.
type family struct {
	name, doc, signature string
	variants             []int
	loop                 string
	constants            []constant
	body                 func(c *build.Context, variant int)
}

// A constant is a number that the Go side needs to know about a family. Its
// doc continues its name.
type constant struct {
	name  string
	value int
	doc   string
}

// shared returns what does not depend on the architecture.
func (f family) shared() *rooms.Family {
	s := &rooms.Family{Name: f.name, Doc: f.doc, Signature: f.signature, Variants: f.variants, Loop: f.loop}
	for _, c := range f.constants {
		s.Constants = append(s.Constants, rooms.Constant{Name: c.name, Value: c.value, Doc: c.doc})
	}
	return s
}

// upTo returns the variants 1 … n, such as the rows of a tile.
func upTo(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i + 1
	}
	return list
}

// emit compiles a family for a room and returns its two files.
func emit(room string, f family) (asm, stubs []byte, err error) {
	c := build.NewContext()
	c.ConstraintExpr("amd64")
	c.ConstraintExpr("!purego")
	shared := f.shared()
	shared.Each(func(v int, name string, doc []string) {
		c.Function(name)
		c.Attributes(attr.NOSPLIT)
		c.Pragma("noescape")
		c.SignatureExpr(f.signature)
		c.Doc(doc...)
		f.body(c, v)
	})
	file, err := c.Result()
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", f.name, err)
	}
	if room == "avxvnni" {
		needAVXVNNI(file)
	}
	if err := pass.Compile.Execute(file); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", f.name, err)
	}
	if err := verify(room, file); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", f.name, err)
	}
	if room == "avxvnni" {
		encodeAVXVNNI(file)
	}
	cfg := printer.Config{Name: "gen/amd64", Pkg: room}
	if asm, err = printer.NewGoAsm(cfg).Print(file); err != nil {
		return nil, nil, err
	}
	if stubs, err = printer.NewStubs(cfg).Print(file); err != nil {
		return nil, nil, err
	}
	var features []string
	for _, fn := range file.Functions() {
		features = append(features, fn.ISA...)
	}
	stubs, err = shared.Stubs(stubs, features)
	return asm, stubs, err
}
