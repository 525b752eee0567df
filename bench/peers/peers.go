// Package peers measures other libraries in the benchmarks of package bench,
// in one binary with the kernels of this module:
//
//	make bench-peers
//
// It is a module of its own, so that users of the kernels never see what it
// needs. Peers written in Go are always there; those behind cgo with the build
// tag peers, less the ones that a tag such as without_onednn leaves out.
//
// A peer has one thread, keeps the weights as it likes them best, and is
// compared with package ref before it is timed.
package peers

import (
	"fmt"
	"io"

	"example.com/lowbit/bench/suite"
)

// A library offers implementations.
type library struct {
	version  string
	products []suite.Peer
	dots     []suite.Peer
}

// libraries are filled by the files of this package, one a library.
var libraries = map[string]func() (library, error){}

// open makes the peers ready. It returns what versions they are, as benchfmt
// configuration lines, and says on w which are left out.
func open(w io.Writer) (config []string, products, dots []suite.Peer) {
	for _, name := range []string{"openblas", "onednn", "onnxruntime", "xnnpack", "go", "gonum", "vek", "weaviate"} {
		start := libraries[name]
		if start == nil {
			fmt.Fprintf(w, "peers: without %s, which is not built in\n", name)
			continue
		}
		l, err := start()
		if err != nil {
			fmt.Fprintf(w, "peers: without %s: %v\n", name, err)
			continue
		}
		config = append(config, fmt.Sprintf("peer-%s: %s", name, l.version))
		products = append(products, l.products...)
		dots = append(dots, l.dots...)
	}
	return config, products, dots
}
