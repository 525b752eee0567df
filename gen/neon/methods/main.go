// Command methods writes the methods of neon.Func for the instructions of its
// table: run it from the gen folder, after a change of the table.
//
//	go run ./neon/methods
package main

import (
	"log"
	"os"

	"example.com/lowbit/gen/neon"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("gen/neon/methods: ")
	text, err := neon.Methods()
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile("neon/methods.go", text, 0o644); err != nil {
		log.Fatal(err)
	}
}
