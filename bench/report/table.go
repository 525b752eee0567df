package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"example.com/lowbit/bench/internal/page"
	"example.com/lowbit/netrun/chart"
)

const head = `# Results

Written by ` + "`go run ./bench/report`" + ` from the files *.txt beside it: do not edit. ` + "`make bench`" + ` measures this
machine, ` + "`make bench-peers`" + ` measures it beside other libraries, ` + "`make results`" + ` writes anew. Each machine has
a page with every kernel on every shape.

Every figure is the median of the runs in a file, on the machine's page with the larger side of its 95 % confidence
interval (no assumption on the distribution; ∞ where the runs are too few). A ratio is of two rows of one file; in
parentheses it is not told apart from 1 by the runs (Mann-Whitney U, p >= 0.05). Speeds count 2*M*N*K operations on the
shape as it is. Sizes are MxNxK of products, NxK of products of one row, K of inner products. "of limit" is the share of
what the machine can do at most, measured in the same run: see ` + "`go doc ./bench`" + `. Our fastest kernel of each pair of
formats is in bold. Stock benchstat reads the files:

    go tool benchstat -filter '.name:GEMM /m:1024' -row /w,/a -col /impl results/FILE.txt
    go tool benchstat -ignore commit OLD.txt NEW.txt
`

func writeHead(w io.Writer, others []string) {
	fmt.Fprint(w, head)
	for _, o := range others {
		fmt.Fprintf(w, "\nMore results: [%s](%s/README.md).\n", o, o)
	}
}

// write appends the machine's section of the summary.
func (m *machine) write(w io.Writer, plots []chart.Plotted) {
	fmt.Fprintf(w, "\n## %s\n\n| | |\n|---|---|\n", m.slug)
	for _, c := range m.whole().config {
		if !strings.HasPrefix(c.Key, peerPrefix) {
			fmt.Fprintf(w, "| %s | %s |\n", page.Cell(c.Key), page.Cell(string(c.Value)))
		}
	}
	for _, s := range m.runs {
		fmt.Fprintf(w, "| results | [%s](%s) |\n", s.file, s.file)
	}
	fmt.Fprintf(w, "| every kernel on every shape | [%s.md](%s.md) |\n", m.slug, m.slug)
	if len(plots) > 0 && len(m.runs) > 1 {
		fmt.Fprintf(w, "\nPlots with libraries in them are of %s, with the limits measured in it.\n", m.compared().file)
	}
	for _, p := range plots {
		fmt.Fprintf(w, "\n![%s](%s)\n", p.Title, p.File)
	}
	m.compared().writeAgainstPeers(w)
	writeTimesFloat(w, m.whole().groups)
	m.writeLoses(w)
	m.writeForms(w)
	m.writeLimited(w)
	for _, s := range m.runs {
		if compute, read := s.ceilings(); len(compute)+len(read) > 0 {
			writeLimits(w, compute, read)
			break
		}
	}
}

// writePage appends the machine's page: every kernel on every shape.
func (m *machine) writePage(w io.Writer) {
	fmt.Fprintf(w, "# %s: every kernel on every shape\n\nWritten by `go run ./bench/report`: do not edit. What the columns mean, and the summary: [README.md](README.md).\n", m.slug)
	m.writeEveryLoss(w)
	m.writeEveryShare(w)
	for _, s := range m.runs {
		fmt.Fprintf(w, "\n## From %s\n", s.file)
		for _, g := range s.groups {
			g.writeBeside(w)
		}
		for _, g := range s.groups {
			g.write(w)
		}
		s.writeEveryForm(w)
		s.writeEpilogues(w)
	}
}

func (s *run) writeEveryForm(w io.Writer) {
	list := slices.Concat(s.formTables("GEMM"), s.formTables("GEMV"), s.formTables("Dot"), s.formTables("Conv2D"))
	if list == nil {
		return
	}
	fmt.Fprint(w, "\n### The same products by different algorithms\n\nops/s, and how many times as fast as to multiply.\n")
	for _, t := range list {
		t.write(w)
	}
}

// amount prints a median with a prefix, and how far the interval reaches.
func (r *row) amount(unit string) string {
	s, ok := r.median(unit)
	if !ok {
		return "-"
	}
	return prefixed(s.Center) + " ± " + s.PctRangeString()
}

// figure is the median with a prefix, for where the interval has no room.
func (r *row) figure(unit string) string { return prefixed(r.center(unit)) }

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
	fmt.Fprintf(w, "\n### %s: %s\n\n", g.name, page.Cell(g.shape))
	fmt.Fprintf(w, "| weights x activations | kernel | %s | x float32 | x portable | of limit | bytes a weight |\n", g.speedUnit())
	fmt.Fprintln(w, "|---|---|---:|---:|---:|---:|---:|")
	for _, r := range g.rows {
		impl := page.Cell(r.impl())
		if r == g.best(r.formats()) {
			impl = "**" + impl + "**"
		}
		weight := "-"
		if s, ok := r.median("B/weight"); ok {
			weight = fmt.Sprintf("%.3f", s.Center)
		}
		portable := "-"
		if r.ours() {
			portable = g.ratioText(r, g.portable(r))
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %s | %s |\n", page.Cell(r.formats()), impl,
			r.amount(g.speedUnit()), g.ratioText(r, g.family.float), portable, r.share(), weight)
	}
}

// writeTimesFloat appends what the fastest kernel of each pair of formats gains
// over float32, formats by shapes.
func writeTimesFloat(w io.Writer, groups []*group) {
	var tables pivotSeries
	for _, g := range groups {
		if g.family.float == nil {
			continue
		}
		for _, f := range g.formats() {
			if best := g.best(f); best != nil && !best.float() {
				tables.of(g.inSetting()).set(f, g.size(), g.ratioText(best, g.family.float))
			}
		}
	}
	if tables.titles == nil {
		return
	}
	fmt.Fprint(w, "\n### Times faster than float32\n\nOur fastest kernel of each pair of formats over our fastest float32 kernel.\n")
	tables.write(w)
}

const floatFormats = "float32 x float32"

// writeLimits appends what the machine can do at most.
func writeLimits(w io.Writer, compute, read []ceiling) {
	fmt.Fprint(w, "\n### Limits of one core\n\n| limit | by | median |\n|---|---|---:|\n")
	for _, c := range compute {
		fmt.Fprintf(w, "| %s | %s | %s ops/s |\n", page.Cell(c.r.keys["limit"]), page.Cell(c.r.impl()), c.r.amount("ops/s"))
	}
	for _, c := range read {
		fmt.Fprintf(w, "| read | %s, %s bytes | %s B/s |\n", page.Cell(c.r.impl()), page.Cell(c.r.keys["bytes"]), c.r.amount("B/s"))
	}
}

// writeEpilogues appends the steps between layers.
func (s *run) writeEpilogues(w io.Writer) {
	portable := map[string]*row{}
	for _, r := range s.rows {
		if r.keys["op"] != "" && r.portable() {
			portable[r.keys["op"]] = r
		}
	}
	first := true
	g := &group{name: "Epilogue"}
	for _, r := range s.rows {
		if r.keys["op"] == "" {
			continue
		}
		if first {
			first = false
			fmt.Fprintf(w, "\n### Epilogue: %s rows of %s channels\n\n", page.Cell(r.keys["rows"]), page.Cell(r.keys["c"]))
			fmt.Fprintln(w, "| step | kernel | elements/s | x portable | of limit |\n|---|---|---:|---:|---:|")
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s |\n", page.Cell(r.keys["op"]), page.Cell(r.impl()),
			r.amount("elem/s"), g.ratioText(r, portable[r.keys["op"]]), r.share())
	}
}
