// Command product runs one product of random numbers by a kernel of choice, between
// calls of two functions that a trace of the machine can find. The command estimate
// builds it for arm64 and runs it under an emulator.
//
//	product -list                 prints the table of kernels, as JSON
//	product -job '{"Kernel":...}'  runs the product that a Job describes
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"

	"example.com/lowbit/bench/estimate/internal/job"
	"example.com/lowbit/kernels"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("product: ")
	list := flag.Bool("list", false, "print the table of kernels")
	text := flag.String("job", "", "the product to run, as JSON")
	flag.Parse()
	var out any
	if *list {
		out = kernels.Table()
	} else {
		var j job.Job
		if err := json.Unmarshal([]byte(*text), &j); err != nil {
			log.Fatalf("job %q: %v", *text, err)
		}
		done, err := j.Run(begin, end)
		if err != nil {
			log.Fatalf("%s on %v: %v", j.Kernel, j, err)
		}
		out = done
	}
	text2, err := json.Marshal(out)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Fprintf(os.Stdout, "%s\n", text2)
}

// The trace between the two is that of the product.

//go:noinline
func begin() {}

//go:noinline
func end() {}
