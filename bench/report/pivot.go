package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"example.com/lowbit/bench/internal/page"
)

// A pivot is a table of what rows and columns have in common.
type pivot struct {
	corner     string
	rows, cols []string
	cells      map[[2]string]string // by row and column
}

// set fills a cell, and adds its row and column where they are new.
func (p *pivot) set(row, col, text string) {
	if p.cells == nil {
		p.cells = map[[2]string]string{}
	}
	if !slices.Contains(p.rows, row) {
		p.rows = append(p.rows, row)
	}
	if !slices.Contains(p.cols, col) {
		p.cols = append(p.cols, col)
	}
	p.cells[[2]string{row, col}] = text
}

// write appends the table, as several where it would be too wide.
func (p *pivot) write(w io.Writer) {
	first := width(p.corner)
	for _, r := range p.rows {
		first = max(first, width(r))
	}
	for from := 0; from < len(p.cols); {
		total, to := 2+first, from
		for to < len(p.cols) {
			n := width(p.cols[to])
			for _, r := range p.rows {
				n = max(n, width(p.at(r, p.cols[to])))
			}
			if total += n + 3; total > page.LineWidth && to > from {
				break
			}
			to++
		}
		p.writeColumns(w, p.cols[from:to])
		from = to
	}
}

func (p *pivot) writeColumns(w io.Writer, cols []string) {
	fmt.Fprintf(w, "\n| %s |", page.Cell(p.corner))
	for _, c := range cols {
		fmt.Fprintf(w, " %s |", page.Cell(c))
	}
	fmt.Fprintf(w, "\n|---|%s\n", strings.Repeat("---:|", len(cols)))
	for _, r := range p.rows {
		filled := false
		for _, c := range cols {
			filled = filled || p.at(r, c) != "-"
		}
		if !filled {
			continue
		}
		fmt.Fprintf(w, "| %s |", page.Cell(r))
		for _, c := range cols {
			fmt.Fprintf(w, " %s |", page.Cell(p.at(r, c)))
		}
		fmt.Fprintln(w)
	}
}

func (p *pivot) at(row, col string) string {
	if text := p.cells[[2]string{row, col}]; text != "" {
		return text
	}
	return "-"
}

func width(text string) int { return utf8.RuneCountInString(text) }

// A pivotSeries is tables by title, in the order of their making.
type pivotSeries struct {
	titles []string
	byName map[string]*pivot
}

func (s *pivotSeries) of(title string) *pivot {
	if s.byName == nil {
		s.byName = map[string]*pivot{}
	}
	p := s.byName[title]
	if p == nil {
		p = &pivot{corner: "formats"}
		s.byName[title] = p
		s.titles = append(s.titles, title)
	}
	return p
}

// write appends each table under its title.
func (s *pivotSeries) write(w io.Writer) {
	for _, title := range s.titles {
		fmt.Fprintf(w, "\n%s\n", page.Cell(title))
		s.byName[title].write(w)
	}
}
