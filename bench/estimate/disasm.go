package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// A disassembly is the text of instructions, by their word.
type disassembly struct {
	mu    sync.Mutex
	texts map[uint32]string
}

// text is that of a word that was learnt.
func (d *disassembly) text(word uint32) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.texts[word]
}

// learn asks LLVM for the words that are not known yet.
func (d *disassembly) learn(t *tools, words map[uint32]bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []uint32
	for w := range words {
		if _, ok := d.texts[w]; !ok {
			list = append(list, w)
		}
	}
	if list == nil {
		return nil
	}
	slices.Sort(list)
	var in bytes.Buffer
	for _, w := range list {
		fmt.Fprintf(&in, "0x%02x 0x%02x 0x%02x 0x%02x\n", byte(w), byte(w>>8), byte(w>>16), byte(w>>24))
	}
	cmd := t.command(t.mc, "-triple=aarch64", "-mattr=+all", "--disassemble")
	var out, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = &in, &out, &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w: %s", t.mc, err, stderr.String())
	}
	texts := instructionLines(out.String())
	if len(texts) != len(list) {
		return fmt.Errorf("%s made %d lines of %d instructions: %s", t.mc, len(texts), len(list), stderr.String())
	}
	for i, w := range list {
		d.texts[w] = texts[i]
	}
	return nil
}

// instructionLines drops directives.
func instructionLines(text string) []string {
	var list []string
	for line := range strings.Lines(text) {
		line = strings.Join(strings.Fields(line), " ")
		if line != "" && line[0] != '.' {
			list = append(list, line)
		}
	}
	return list
}
