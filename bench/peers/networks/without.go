//go:build !peers || !cgo

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "networks: built without ONNX Runtime: want cgo and -tags peers")
	os.Exit(1)
}
