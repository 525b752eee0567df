package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// tableWidth is what printed lines keep within.
const tableWidth = 100

// A table is text in columns: words to the left, numbers to the right.
type table struct {
	columns []column
	rows    [][]string
}

// A column has a header of one or more lines.
type column struct {
	header string // lines separated by \n
	right  bool
}

func (t *table) add(cells ...string) {
	if len(cells) != len(t.columns) {
		panic(fmt.Sprintf("netrun: %d cells in a table of %d columns", len(cells), len(t.columns)))
	}
	t.rows = append(t.rows, cells)
}

// print writes the table, headers first, columns two spaces apart.
func (t *table) print(w io.Writer) {
	lines := 0
	for _, c := range t.columns {
		lines = max(lines, 1+strings.Count(c.header, "\n"))
	}
	all := make([][]string, lines, lines+1+len(t.rows))
	for i := range all {
		all[i] = make([]string, len(t.columns))
	}
	for j, c := range t.columns {
		h := strings.Split(c.header, "\n")
		for i, text := range h {
			all[lines-len(h)+i][j] = text // headers stand on the line below them
		}
	}
	all = append(all, t.rows...)
	width := make([]int, len(t.columns))
	for _, row := range all {
		for j, cell := range row {
			width[j] = max(width[j], utf8.RuneCountInString(cell))
		}
	}
	for i, row := range all {
		if i == lines {
			n := 2 * (len(width) - 1)
			for _, w := range width {
				n += w
			}
			fmt.Fprintln(w, strings.Repeat("-", n))
		}
		var b strings.Builder
		for j, cell := range row {
			pad := strings.Repeat(" ", width[j]-utf8.RuneCountInString(cell))
			if j > 0 {
				b.WriteString("  ")
			}
			if t.columns[j].right {
				b.WriteString(pad + cell)
			} else {
				b.WriteString(cell + pad)
			}
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
}

// noteIndent is the width of a note's label, with the space after it.
const noteIndent = 14

// printNote writes a paragraph with a label before it, wrapped to the table's width.
func printNote(w io.Writer, label, text string) {
	line := fmt.Sprintf("%-*s", noteIndent, label)
	empty := true
	for _, word := range strings.Fields(text) {
		if !empty && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > tableWidth {
			fmt.Fprintln(w, line)
			line, empty = strings.Repeat(" ", noteIndent), true
		}
		if !empty {
			line += " "
		}
		line += word
		empty = false
	}
	fmt.Fprintln(w, line)
}

// count formats n with commas between thousands.
func count(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// kib formats bytes as KiB with one decimal, without one if there are five digits.
func kib(bytes int64) string {
	if k := float64(bytes) / 1024; k < 9999.95 {
		return fmt.Sprintf("%.1f", k)
	}
	return fmt.Sprint((bytes + 512) / 1024)
}

// micro formats nanoseconds as microseconds.
func micro(ns float64) string { return digits3(ns / 1000) }

// times formats a ratio.
func times(r float64) string { return digits3(r) }

// digits3 formats x with three digits, more if its whole part has more.
func digits3(x float64) string {
	switch {
	case x >= 99.95:
		return fmt.Sprintf("%.0f", x)
	case x >= 9.995:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.2f", x)
}
