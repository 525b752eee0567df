package main

import (
	"bytes"
	"fmt"
	"go/format"
	"slices"
	"strings"

	"example.com/lowbit/gen/neon"
)

// A family is a set of functions with one signature that differ only in a
// small number, such as the rows of a register tile. It becomes one pair of
// files in a room: NAME_arm64.s and NAME_arm64.go.
type family struct {
	// name is the exported Go name, such as GemmW4.
	name string
	// doc describes the family; the first word is name.
	doc string
	// signature is the Go signature shared by the functions.
	signature string
	// variants are the numbers the functions are indexed by. Empty means that
	// the family is a single function, exported under its own name.
	variants []int
	// loop is the Go loop that a function replaces: its stub's doc comment.
	// The verb %d, if there is one, stands for the variant.
	loop string
	// constants are exported beside the functions.
	constants []constant
	// body emits one function.
	body func(f *neon.Func, variant int)
}

// A constant is a number that the Go side needs to know about a family. Its
// doc continues its name.
type constant struct {
	name  string
	value int
	doc   string
}

// upTo returns the variants 1 … n, such as the rows of a tile.
func upTo(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i + 1
	}
	return list
}

// functionName returns the Go name of a variant.
func (f family) functionName(variant int) string {
	if len(f.variants) == 0 {
		return f.name
	}
	return fmt.Sprintf("%s%sx%d", strings.ToLower(f.name[:1]), f.name[1:], variant)
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
	variants := f.variants
	if len(variants) == 0 {
		variants = []int{0}
	}
	for _, v := range variants {
		fn := file.Function(f.functionName(v), f.signature)
		loop := f.loop
		if strings.Contains(loop, "%d") {
			loop = fmt.Sprintf(loop, v)
		}
		fn.Doc(strings.Split(f.functionName(v)+" is\n"+loop, "\n")...)
		f.body(fn, v)
	}
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
	slices.Sort(features)
	features = slices.Compact(features)
	if asm, err = file.Assembly(); err != nil {
		return nil, nil, err
	}
	if stubs, err = file.Stubs(); err != nil {
		return nil, nil, err
	}
	stubs, err = format.Source(append(stubs, exports(f, features)...))
	return asm, stubs, err
}

// exports is the Go text that follows the stubs: the family's table of
// variants, and the CPU features that its instructions were found to need.
func exports(f family, features []string) []byte {
	var b bytes.Buffer
	if len(f.variants) > 0 {
		fmt.Fprintf(&b, "\n// %s\nvar %s = [...]%s{\n", strings.ReplaceAll(f.doc, "\n", "\n// "), f.name, f.signature)
		for _, v := range f.variants {
			fmt.Fprintf(&b, "\t%d: %s,\n", v, f.functionName(v))
		}
		fmt.Fprint(&b, "}\n")
	}
	for _, k := range f.constants {
		fmt.Fprintf(&b, "\n// %s %s.\nconst %s = %d\n", k.name, k.doc, k.name, k.value)
	}
	fmt.Fprintf(&b, "\n// %sFeatures lists the CPU features that the instructions of %s need.\n", f.name, f.name)
	fmt.Fprintf(&b, "const %sFeatures = %q\n", f.name, strings.Join(features, " "))
	return b.Bytes()
}

// intTileSignature is that of the tiles of integer products.
const intTileSignature = "func(dst *int32, dstStride uintptr, x *byte, xStride uintptr, w *byte, steps uintptr, bias *int32, shift uintptr)"
