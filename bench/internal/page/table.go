package page

import (
	"fmt"
	"io"
	"strings"
)

// A Table is of text under heads. Columns whose head starts with a blank are
// set to the right.
type Table struct {
	Heads []string
	rows  [][]string
}

// Add appends a row.
func (t *Table) Add(cells ...string) { t.rows = append(t.rows, cells) }

// Len is the number of rows.
func (t *Table) Len() int { return len(t.rows) }

// Write appends the table behind an empty line, or nothing if it has no rows.
func (t *Table) Write(w io.Writer) {
	if len(t.rows) == 0 {
		return
	}
	line := "|"
	fmt.Fprint(w, "\n|")
	for _, h := range t.Heads {
		fmt.Fprintf(w, " %s |", Cell(strings.TrimPrefix(h, " ")))
		if strings.HasPrefix(h, " ") {
			line += "---:|"
		} else {
			line += "---|"
		}
	}
	fmt.Fprintf(w, "\n%s\n", line)
	for _, row := range t.rows {
		fmt.Fprint(w, "|")
		for _, c := range row {
			fmt.Fprintf(w, " %s |", Cell(c))
		}
		fmt.Fprintln(w)
	}
}
