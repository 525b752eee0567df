// Package rooms is what the generators of all architectures share: families of
// functions, and the files of the rooms, one for each tier of CPUs, that they become.
package rooms

import (
	"bytes"
	"flag"
	"fmt"
	"go/format"
	"log"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// A Family is a set of functions with one signature that differ only in a small
// number, such as the rows of a register tile. It becomes one pair of files in a room:
// NAME_ARCH.s and NAME_ARCH.go.
type Family struct {
	// Name is the exported Go name, such as GemmW4.
	Name string
	// Doc describes the family; the first word is Name.
	Doc string
	// Signature is the Go signature shared by the functions.
	Signature string
	// Variants are the numbers the functions are indexed by. Empty means that
	// the family is a single function, exported under its own name.
	Variants []int
	// Loop is the Go loop that a function replaces: its stub's doc comment.
	// The verb %d, if there is one, stands for the variant.
	Loop string
	// Constants are exported beside the functions.
	Constants []Constant
}

// A Constant is a number that the Go side needs to know about a family. Its
// doc continues its name.
type Constant struct {
	Name  string
	Value int
	Doc   string
}

// Function returns the Go name of a variant.
func (f *Family) Function(variant int) string {
	if len(f.Variants) == 0 {
		return f.Name
	}
	return fmt.Sprintf("%s%sx%d", strings.ToLower(f.Name[:1]), f.Name[1:], variant)
}

// Each calls do for every variant, with the function's name and the lines of its doc
// comment.
func (f *Family) Each(do func(variant int, name string, doc []string)) {
	variants := f.Variants
	if len(variants) == 0 {
		variants = []int{0}
	}
	for _, v := range variants {
		loop := f.Loop
		if strings.Contains(loop, "%d") {
			loop = fmt.Sprintf(loop, v)
		}
		do(v, f.Function(v), strings.Split(f.Function(v)+" is\n"+loop, "\n"))
	}
}

// unfilled is a verb that formatting missed, or could not fill.
var unfilled = regexp.MustCompile(`%(\[\d+\]d|!.)`)

// Stubs returns the Go file of a family: its stubs, then its table of variants, its
// constants, and the CPU features that its instructions were found to need.
func (f *Family) Stubs(stubs []byte, features []string) ([]byte, error) {
	if verb := unfilled.Find(stubs); verb != nil {
		return nil, fmt.Errorf("%s: %q is left in its doc comment", f.Name, verb)
	}
	b := bytes.NewBuffer(stubs)
	if len(f.Variants) > 0 {
		fmt.Fprintf(b, "\n// %s\nvar %s = [...]%s{\n", strings.ReplaceAll(f.Doc, "\n", "\n// "), f.Name, f.Signature)
		for _, v := range f.Variants {
			fmt.Fprintf(b, "\t%d: %s,\n", v, f.Function(v))
		}
		fmt.Fprint(b, "}\n")
	}
	for _, k := range f.Constants {
		fmt.Fprintf(b, "\n// %s %s.\nconst %s = %d\n", k.Name, k.Doc, k.Name, k.Value)
	}
	features = slices.Clone(features)
	slices.Sort(features)
	fmt.Fprintf(b, "\n// %sFeatures lists the CPU features that the instructions of %s need.\n", f.Name, f.Name)
	fmt.Fprintf(b, "const %sFeatures = %q\n", f.Name, strings.Join(slices.Compact(features), " "))
	return format.Source(b.Bytes())
}

// Files are what a generator writes, by path below the folder of the rooms.
type Files map[string][]byte

// Add adds the two files of a family of a room.
func (f Files) Add(room, name, arch string, asm, stubs []byte) error {
	stem := filepath.Join(filepath.FromSlash(room), strings.ToLower(name)+"_"+arch)
	for path, text := range map[string][]byte{stem + ".s": asm, stem + ".go": stubs} {
		if _, dup := f[path]; dup {
			return fmt.Errorf("%s is written twice", path)
		}
		f[path] = text
	}
	return nil
}

// Main is the command of a generator.
func Main(generator string, files func() (Files, error)) {
	log.SetFlags(0)
	log.SetPrefix(generator + ": ")
	// avo's build package claims names such as -out in flag.CommandLine.
	flags := flag.NewFlagSet(generator, flag.ExitOnError)
	dir := flags.String("dir", filepath.Join("..", "kernels", "internal"), "folder that holds the rooms")
	_ = flags.Parse(os.Args[1:])
	out, err := files()
	if err != nil {
		log.Fatal(err)
	}
	for path, text := range out {
		path = filepath.Join(*dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			log.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			log.Fatal(err)
		}
	}
}
