package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"example.com/lowbit/netrun/atomicfile"
)

// block matches what stands between a pair of marks in a page:
//
//	<!-- begin NAME: written by make results -->
//	<!-- end NAME -->
var block = regexp.MustCompile(`(?s)(<!-- begin ([a-z]+): [^\n]*-->\n)(.*?)(<!-- end ([a-z]+) -->)`)

// fillBlocks replaces each block NAME of a page by the output of a command,
// which is in the file NAME.out of dir. A block whose file is not there stays
// as it is. An error names the page, or the file, and what is wrong with it.
func fillBlocks(page, dir string) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	var failed error
	filled := block.ReplaceAllFunc(text, func(old []byte) []byte {
		part := block.FindSubmatch(old)
		name := string(part[2])
		if name != string(part[5]) {
			failed = fmt.Errorf("%s: block %q ends as %q: want the same name", page, name, part[5])
			return old
		}
		path := filepath.Join(dir, name+".out")
		output, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			return old
		}
		if err == nil && (len(bytes.TrimSpace(output)) == 0 || bytes.Contains(output, []byte("```")) || bytes.Contains(output, []byte("<!--"))) {
			err = fmt.Errorf("%s: empty, or with marks of a page in it: want a command's output", path)
		}
		if err != nil {
			failed = err
			return old
		}
		return []byte(string(part[1]) + "```\n" + strings.Trim(string(output), "\n") + "\n```\n" + string(part[4]))
	})
	if failed != nil || bytes.Equal(filled, text) {
		return failed
	}
	return atomicfile.Write(page, filled)
}
