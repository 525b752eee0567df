package main

import (
	"fmt"
	"io"
	"strings"

	"golang.org/x/perf/benchunit"
)

const head = `# Results

Written by ` + "`go run ./bench/report`" + ` from the files *.txt beside it: do not edit. ` + "`make bench`" + ` measures this
machine, ` + "`make results`" + ` writes anew.

Every figure is the median of the runs in a file, with the larger side of its 95 % confidence interval (no assumption on
the distribution; ∞ where the runs are too few). Speeds count 2*M*N*K operations on the shape as it is. "of limit" is the
share of what the machine can do at most, measured in the same run: see ` + "`go doc ./bench`" + `. A ratio in parentheses is
not told apart from 1 by the runs (Mann-Whitney U, p >= 0.05). The fastest kernel of each pair of formats is in bold.
Stock benchstat reads the files:

    go tool benchstat -filter '.name:GEMM /m:1024' -row /w,/a -col /impl results/FILE.txt
    go tool benchstat -ignore commit OLD.txt NEW.txt
`

func writeHead(w io.Writer, others []string) {
	fmt.Fprint(w, head)
	for _, o := range others {
		fmt.Fprintf(w, "\nMore results: [%s](%s/README.md).\n", o, o)
	}
}

// write appends the machine's section.
func (m *machine) write(w io.Writer, plots []plotted) {
	fmt.Fprintf(w, "\n## %s\n\n| | |\n|---|---|\n", m.slug)
	for _, c := range m.config {
		fmt.Fprintf(w, "| %s | %s |\n", cell(c.Key), cell(string(c.Value)))
	}
	fmt.Fprintf(w, "| results | [%s](%s) |\n", m.file, m.file)
	for _, p := range plots {
		fmt.Fprintf(w, "\n![%s](%s)\n", p.title, p.file)
	}
	groups := m.groups()
	writeSummary(w, groups)
	m.writeLimits(w)
	for _, g := range groups {
		g.write(w)
	}
	m.writeEpilogues(w)
}

// cell makes text from a file harmless in a table.
func cell(text string) string {
	return strings.NewReplacer("|", "\\|", "<", "&lt;", "\n", " ", "\r", " ").Replace(text)
}

// amount prints a median with a prefix, and how far the interval reaches.
func (r *row) amount(unit string) string {
	s, ok := r.median(unit)
	if !ok {
		return "-"
	}
	return benchunit.Scale(s.Center, benchunit.Decimal) + " ± " + s.PctRangeString()
}

// share prints a percentage.
func (r *row) share() string {
	s, ok := r.median("%limit")
	if !ok {
		return "-"
	}
	if s.Center < 10 {
		return fmt.Sprintf("%.1f %%", s.Center)
	}
	return fmt.Sprintf("%.0f %%", s.Center)
}

func (x ratio) String() string {
	digits := 2
	switch {
	case x.value >= 100:
		digits = 0
	case x.value >= 10:
		digits = 1
	case x.value < 0.1:
		digits = 3
	}
	text := fmt.Sprintf("%.*f", digits, x.value)
	if !x.sure {
		return "(" + text + ")"
	}
	return text
}

func (g *group) ratioText(r, base *row) string {
	switch x, ok := g.ratio(r, base); {
	case !ok:
		return "-"
	case r == base:
		return "1"
	default:
		return x.String()
	}
}

// write appends a table of all kernels on one shape.
func (g *group) write(w io.Writer) {
	network := g.name == "Network"
	fmt.Fprintf(w, "\n### %s: %s\n\n", g.name, cell(g.shape))
	speed := "ops/s"
	if network {
		speed = "images/s"
	}
	fmt.Fprintf(w, "| weights x activations | kernel | %s | x float32 | x portable | of limit | bytes a weight |\n", speed)
	fmt.Fprintln(w, "|---|---|---:|---:|---:|---:|---:|")
	float := g.float()
	for _, r := range g.rows {
		impl := cell(r.impl())
		if r == g.best(r.formats()) {
			impl = "**" + impl + "**"
		}
		weight := "-"
		if s, ok := r.median("B/weight"); ok {
			weight = fmt.Sprintf("%.3f", s.Center)
		}
		portable := "-"
		if !r.reference() {
			portable = g.ratioText(r, g.portable(r))
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %s | %s |\n", cell(r.formats()), impl,
			r.amount(g.speedUnit()), g.ratioText(r, float), portable, r.share(), weight)
	}
}

// writeSummary appends what the fastest kernel of each pair of formats gains
// over float32, shape by shape, and where it gains nothing.
func writeSummary(w io.Writer, groups []*group) {
	var with []*group
	var formats []string
	seen := map[string]bool{}
	for _, g := range groups {
		if g.float() == nil || len(g.formats()) < 2 {
			continue
		}
		with = append(with, g)
		for _, f := range g.formats() {
			if !seen[f] && f != floatFormats {
				seen[f] = true
				formats = append(formats, f)
			}
		}
	}
	if len(with) == 0 {
		return
	}
	fmt.Fprint(w, "\n### Times faster than float32\n\nThe fastest kernel of each pair of formats over the fastest float32 kernel.\n\n| |")
	for _, f := range formats {
		fmt.Fprintf(w, " %s |", cell(f))
	}
	fmt.Fprintf(w, "\n|---|%s\n", strings.Repeat("---:|", len(formats)))
	var slower []string
	for _, g := range with {
		fmt.Fprintf(w, "| %s: %s |", g.name, cell(g.shape))
		for _, f := range formats {
			best := g.best(f)
			fmt.Fprintf(w, " %s |", g.ratioText(best, g.float()))
			if x, ok := g.ratio(best, g.float()); ok && x.value < 1 {
				slower = append(slower, fmt.Sprintf("%s in %s, %s (%.2f)", f, g.name, g.shape, x.value))
			}
		}
		fmt.Fprintln(w)
	}
	fmt.Fprint(w, "\nWhere low-bit loses: ")
	if slower == nil {
		fmt.Fprintln(w, "on none of these shapes.")
		return
	}
	fmt.Fprintf(w, "%s.\n", cell(strings.Join(slower, "; ")))
}

const floatFormats = "float32 x float32"

// writeLimits appends what the machine can do at most.
func (m *machine) writeLimits(w io.Writer) {
	first := true
	for _, r := range m.rows {
		if r.keys["limit"] == "" {
			continue
		}
		if first {
			first = false
			fmt.Fprint(w, "\n### Limits of one core\n\n| limit | by | median |\n|---|---|---:|\n")
		}
		unit := "ops/s"
		by := r.impl()
		if r.keys["limit"] == "read" {
			unit = "B/s"
			by += ", " + r.keys["bytes"] + " bytes"
		}
		fmt.Fprintf(w, "| %s | %s | %s %s |\n", cell(r.keys["limit"]), cell(by), r.amount(unit), unit)
	}
}

// writeEpilogues appends the steps between layers.
func (m *machine) writeEpilogues(w io.Writer) {
	portable := map[string]*row{}
	for _, r := range m.rows {
		if r.keys["op"] != "" && r.portable() {
			portable[r.keys["op"]] = r
		}
	}
	first := true
	g := &group{name: "Epilogue"}
	for _, r := range m.rows {
		if r.keys["op"] == "" {
			continue
		}
		if first {
			first = false
			fmt.Fprintf(w, "\n### Epilogue: %s rows of %s channels\n\n", cell(r.keys["rows"]), cell(r.keys["c"]))
			fmt.Fprintln(w, "| step | kernel | elements/s | x portable | of limit |\n|---|---|---:|---:|---:|")
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s |\n", cell(r.keys["op"]), cell(r.impl()),
			r.amount("elem/s"), g.ratioText(r, portable[r.keys["op"]]), r.share())
	}
}
