// Command accuracy turns the result files of training runs into pages and plots:
//
//	go run ./bench/accuracy            # results/accuracy/*.jsonl, study/*.jsonl -> README.md, STUDY.md, *.svg
//	go run ./bench/accuracy -dir DIR
//
// Each file is one run of "netrun train -log". Those in the folder study were
// made to answer a question, which STUDY.md does; its text is the template
// study.md.tmpl, whose figures come from the files. The same files give the same
// output, byte for byte.
package main

import (
	"flag"
	"fmt"
	"log"
	"path/filepath"
	"slices"
	"strings"

	"example.com/lowbit/netrun/atomicfile"
	"example.com/lowbit/netrun/chart"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("accuracy: ")
	dir := flag.String("dir", "results/accuracy", "folder of the result files, and of what is written")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "Usage: go run ./bench/accuracy [-dir results/accuracy]\n\nWrites README.md, STUDY.md and plots beside the result files *.jsonl and study/*.jsonl.")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() > 0 {
		log.Fatalf("unexpected argument %q: want none; see -h", flag.Arg(0))
	}
	if err := report(*dir); err != nil {
		log.Fatal(err)
	}
}

// report writes everything, or nothing if a result file cannot be used.
func report(dir string) error {
	runs, err := readRuns(dir)
	if err != nil {
		return err
	}
	list, err := readPublished()
	if err != nil {
		return err
	}
	main := slices.DeleteFunc(slices.Clone(runs), func(r *run) bool { return strings.HasPrefix(r.name, studyFolder) })
	all := sets(groups(main))
	out := map[string][]byte{}
	plots := map[*set][]chart.Plotted{}
	for _, s := range all {
		if plots[s], err = s.plots(); err != nil {
			return fmt.Errorf("%s: %w", s.name(), err)
		}
		for _, p := range plots[s] {
			out[p.File] = p.SVG
		}
	}
	study := &study{runs: runs}
	text, err := study.write(studyTemplate)
	if err != nil {
		return err
	}
	out["STUDY.md"] = []byte(text)
	for _, p := range study.plots {
		out[p.File] = p.SVG
	}
	var readme strings.Builder
	writeReadme(&readme, runs, all, list, plots)
	out["README.md"] = []byte(readme.String())
	for name, data := range out {
		if err := atomicfile.Write(filepath.Join(dir, name), data); err != nil {
			return err
		}
	}
	return nil
}
