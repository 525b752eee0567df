package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/peterbourgon/ff/v3/ffcli"

	"example.com/lowbit/netrun/atomicfile"
	"example.com/lowbit/netrun/webpage"
)

const reportHelp = `
Writes one self-contained HTML page of measured networks: speed, memory and accuracy of
each format beside float32, ours and a peer's. FILE has lines of 'netrun bench -json';
default is every results/networks/*.jsonl. Accuracies come from the result files of
training runs in a folder.

EXAMPLES
  netrun report                                      results/networks.html
  netrun bench -networks lenet,resnet20 -json > mine.jsonl
  netrun report -out mine.html mine.jsonl

JSON
  file bytes networks rows runs
`

func reportCommand(a *app) *ffcli.Command {
	var out, accuracy string
	return a.command("report", "[flags] [FILE ...]", "an HTML page of what was measured", reportHelp,
		func(fs *flag.FlagSet) {
			fs.StringVar(&out, "out", "results/networks.html", "`file` to write")
			fs.StringVar(&accuracy, "accuracy", "results/accuracy", "`folder` with result files of training runs (*.jsonl)")
		},
		func(_ context.Context, args []string) error {
			if len(args) == 0 {
				args, _ = filepath.Glob("results/networks/*.jsonl") // the pattern is a good one
				if len(args) == 0 {
					return usagef("no FILE, and no results/networks/*.jsonl here: want files of 'netrun bench -json'")
				}
			}
			var rows []webpage.Row
			for _, path := range args {
				list, err := readLines(path, webpage.ReadRows)
				if err != nil {
					return err
				}
				rows = append(rows, list...)
			}
			if len(rows) == 0 {
				return fmt.Errorf("%v: no lines", args)
			}
			paths, err := filepath.Glob(filepath.Join(accuracy, "*.jsonl"))
			if err != nil {
				return usagef("-accuracy %s: %v", accuracy, err)
			}
			var results []webpage.Result
			for _, path := range paths {
				list, err := readLines(path, webpage.ReadResults)
				if err != nil {
					return err
				}
				if len(list) > 0 {
					results = append(results, list[len(list)-1]) // the last line has the end of the run
				}
			}
			if slices.Contains(args, out) {
				return usagef("-out %s: it is read", out)
			}
			page, err := webpage.Page(rows, results)
			if err != nil {
				return err
			}
			if err := atomicfile.Write(out, page); err != nil {
				return err
			}
			var names []string
			for _, r := range rows {
				if !slices.Contains(names, r.Network) {
					names = append(names, r.Network)
				}
			}
			if a.json {
				return a.printJSON(struct {
					File     string   `json:"file"`
					Bytes    int      `json:"bytes"`
					Networks []string `json:"networks"`
					Rows     int      `json:"rows"`
					Runs     int      `json:"runs"`
				}{out, len(page), names, len(rows), len(results)})
			}
			fmt.Fprintf(a.stdout, "%s: %d networks, %d rows, accuracies of %d runs, %s KiB\n", out, len(names), len(rows), len(results), kib(int64(len(page))))
			return nil
		})
}

// readLines reads a file, which must be a regular one.
func readLines[T any](path string, read func(string, io.Reader) ([]T, error)) ([]T, error) {
	f, err := atomicfile.OpenRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return read(path, f)
}
