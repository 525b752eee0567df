// Command arm64 writes the assembly and the stubs of the rooms below
// kernels/internal for arm64, one for each tier of CPUs, and of
// bench/internal/limits. Run it from the gen folder:
//
//	go run ./arm64
package main

import (
	"fmt"

	"example.com/lowbit/gen/internal/rooms"
)

// families are those of each package that is written, a room.
var families = map[string][]family{}

// elsewhere names the folders of rooms that are not below kernels/internal, as
// seen from there.
var elsewhere = map[string]string{}

// add puts a family into a room. The families register themselves in init.
func add(room string, f family) { families[room] = append(families[room], f) }

// files returns every generated file by its path below the output folder.
func files() (rooms.Files, error) {
	out := rooms.Files{}
	for room, families := range families {
		folder := room
		if f, ok := elsewhere[room]; ok {
			folder = f
		}
		for _, f := range families {
			asm, stubs, err := emit(room, f)
			if err == nil {
				err = out.Add(folder, f.name, "arm64", asm, stubs)
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", room, err)
			}
		}
	}
	return out, nil
}

func main() { rooms.Main("gen/arm64", files) }
