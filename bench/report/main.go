// Command report turns the benchmark results in a folder into a README.md with
// tables and plots beside them:
//
//	go run ./bench/report            # results/*.txt -> results/README.md, a page a machine, *.svg
//	go run ./bench/report -dir DIR
//	go run ./bench/report -page README.md  # also fills the blocks of a page from results/*.out
//	go run ./bench/report -slug      # a name for this machine's result file
//
// Each FILE.txt is what "make bench" collected on one machine: the output of
// "go test -bench . ./bench", several times. FILE-peers.txt is what "make
// bench-peers" collected on the same machine, where other libraries stand beside
// the kernels. The same files give the same output, byte for byte.
package main

import (
	"errors"
	"flag"
	"fmt"
	"log"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"example.com/lowbit/netrun/atomicfile"
	"example.com/lowbit/netrun/measure"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("report: ")
	dir := flag.String("dir", "results", "folder of the result files, and of what is written")
	slug := flag.Bool("slug", false, "print a name for this machine's result file, and write nothing")
	page := flag.String("page", "", "a page whose blocks NAME are filled from NAME.out in the folder")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "Usage: go run ./bench/report [-dir results] [-page README.md] | -slug\n\nWrites README.md, a page for each machine and plots beside the result files *.txt.")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() > 0 {
		log.Fatalf("unexpected argument %q: want none; see -h", flag.Arg(0))
	}
	if *slug {
		fmt.Println(machineSlug(measure.CPU(), runtime.NumCPU()))
		return
	}
	if err := report(*dir); err != nil {
		log.Fatal(err)
	}
	if *page != "" {
		if err := fillBlocks(*page, *dir); err != nil {
			log.Fatal(err)
		}
	}
}

// machineSlug is a name for files and links, such as amd-epyc-2-cores.
func machineSlug(cpu string, cores int) string {
	words := strings.FieldsFunc(strings.ToLower(cpu), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	return strings.Join(append(words, fmt.Sprint(cores), "cores"), "-")
}

// report writes everything, or nothing if a result file cannot be used.
func report(dir string) error {
	paths, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		return fmt.Errorf("no result files %s: make bench writes one", filepath.Join(dir, "*.txt"))
	}
	slices.Sort(paths)
	var runs []*run
	var errs []error
	for _, path := range paths {
		s, err := readFile(path)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		runs = append(runs, s)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	list, err := machines(runs)
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	out := map[string][]byte{}
	var text strings.Builder
	writeHead(&text, others(dir))
	for _, m := range list {
		plots, err := plots(m)
		if err != nil {
			return fmt.Errorf("%s: %w", m.slug, err)
		}
		for _, p := range plots {
			out[p.File] = p.SVG
		}
		m.write(&text, plots)
		var page strings.Builder
		m.writePage(&page)
		out[m.slug+".md"] = []byte(page.String())
	}
	out["README.md"] = []byte(text.String())
	for name, data := range out {
		if err := atomicfile.Write(filepath.Join(dir, name), data); err != nil {
			return err
		}
	}
	return nil
}

// others are the folders of results that other commands write and explain.
func others(dir string) []string {
	readmes, _ := filepath.Glob(filepath.Join(dir, "*", "README.md"))
	var list []string
	for _, path := range readmes {
		list = append(list, filepath.Base(filepath.Dir(path)))
	}
	return list
}
