package main

import (
	"fmt"
	"slices"

	"example.com/lowbit/gen/internal/rooms"
	"example.com/lowbit/gen/neon"
)

// A family is what rooms.Family is, with the function that emits it.
type family struct {
	name, doc, signature string
	variants             []int
	loop                 string
	constants            []constant
	body                 func(f *neon.Func, variant int)
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

// allowed are the features that the CPUs of a room have. Other rooms may use all.
var allowed = map[string][]string{
	"neon":    {neon.AdvSIMD},
	"dotprod": {neon.AdvSIMD, neon.DotProd},
	"i8mm":    {neon.AdvSIMD, neon.DotProd, neon.I8MM},
}

// emit compiles a family for a room and returns its two files.
func emit(room string, f family) (asm, stubs []byte, err error) {
	file := neon.NewFile("gen/arm64", room, "arm64,!purego")
	shared := f.shared()
	shared.Each(func(v int, name string, doc []string) {
		fn := file.Function(name, f.signature)
		fn.Doc(doc...)
		f.body(fn, v)
	})
	if err := file.Compile(); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", f.name, err)
	}
	features := []string{neon.AdvSIMD} // which every arm64 CPU that Go runs on has
	for _, fn := range file.Functions() {
		for _, feature := range fn.Features() {
			if list, ok := allowed[room]; ok && !slices.Contains(list, feature) {
				return nil, nil, fmt.Errorf("%s needs %s", fn.Name(), feature)
			}
			features = append(features, feature)
		}
	}
	if asm, err = file.Assembly(); err != nil {
		return nil, nil, err
	}
	if stubs, err = file.Stubs(); err != nil {
		return nil, nil, err
	}
	stubs, err = shared.Stubs(stubs, features)
	return asm, stubs, err
}

// intTileSignature is that of the tiles of integer products.
const intTileSignature = "func(dst *int32, dstStride uintptr, x *byte, xStride uintptr, w *byte, steps uintptr, bias *int32, shift uintptr)"
