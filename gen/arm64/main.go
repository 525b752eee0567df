// Command arm64 writes the assembly and the stubs of the rooms below
// kernels/internal for arm64, one for each tier of CPUs, and of
// bench/internal/limits. Run it from the gen folder:
//
//	go run ./arm64
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
)

// rooms are the packages written, and the families in each.
var rooms = map[string][]family{}

// elsewhere names the folders of rooms that are not below kernels/internal, as
// seen from there.
var elsewhere = map[string]string{}

// add puts a family into a room. The families register themselves in init.
func add(room string, f family) { rooms[room] = append(rooms[room], f) }

// files returns every generated file by its path below the output folder.
func files() (map[string][]byte, error) {
	out := map[string][]byte{}
	for room, families := range rooms {
		folder := room
		if f, ok := elsewhere[room]; ok {
			folder = filepath.FromSlash(f)
		}
		for _, f := range families {
			asm, stubs, err := emit(room, f)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", room, err)
			}
			stem := filepath.Join(folder, strings.ToLower(f.name)+"_arm64")
			for path, text := range map[string][]byte{stem + ".s": asm, stem + ".go": stubs} {
				if _, dup := out[path]; dup {
					return nil, fmt.Errorf("%s is written twice", path)
				}
				out[path] = text
			}
		}
	}
	return out, nil
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("gen/arm64: ")
	dir := flag.String("dir", filepath.Join("..", "kernels", "internal"), "folder that holds the rooms")
	flag.Parse()
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
