package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"example.com/lowbit/bench/internal/page"
	"example.com/lowbit/netrun/chart"
)

const head = `# Accuracy

Written by ` + "`go run ./bench/accuracy`" + ` (` + "`make results`" + `) from the files *.jsonl beside it: do not
edit. Each file is a run of ` + "`netrun train -log`" + `: configuration with seed, every epoch, time,
memory, accuracy and the network's hash; train.sh makes those that runs.txt lists. What the runs
teach about the method: [STUDY.md](STUDY.md).
`

const columns = `
| column | what it is |
|---|---|
| row | number of the row, for the pages' references |
| weights/acts | formats of weights and activations of the layers between first and last |
| method | float; dst: discrete weights; ste: float latent weights, rounded; ptq: float, rounded |
| first, last | formats of the first and the last layer: weights/inputs |
| shortcuts | format of what identity shortcuts carry, if there are any |
| validation | percent right of images held out of the training set; it made all choices |
| test | accuracy in percent on the test images, looked at once, at the end |
| to float | test accuracy minus that of the float row that did best on validation, in points |
| epochs | passes over the training images |
| optimizer | and what its moments are held in, if not in float32 |
| model | bytes of the model file |
| state | bytes that training holds between steps: weights, batch norm, optimizer's moments |
| of ste | that state over ste's for the same formats |
| CPU | time of all threads, of one run |
| images/s | trained on by the wall clock, while other runs used the machine's other cores |
| runs | result files; of several, which differ by seed alone: means and, in brackets, ranges |
`

// row is the number of a group in its set's tables.
func (s *set) row(g *group) string {
	return fmt.Sprint(s.first + slices.Index(s.groups, g))
}

func signed(x float64) string {
	if x > -0.005 && x < 0.005 {
		return "0.00"
	}
	return fmt.Sprintf("%+.2f", x)
}

// writeReadme writes the page of all runs that were tested.
func writeReadme(w io.Writer, runs []*run, all []*set, list []published, plots map[*set][]chart.Plotted) {
	fmt.Fprint(w, head)
	if len(runs) == 0 {
		fmt.Fprint(w, "\n**There are no runs yet**: no file *.jsonl is here.\n")
	}
	writeTargets(w, all)
	if len(runs) == 0 {
		return
	}
	writeAgainstSTE(w, all)
	writePublished(w, all, list)
	fmt.Fprint(w, "\n## What the columns mean\n", columns)
	links := links{}
	for _, s := range all {
		fmt.Fprintf(w, "\n## %s\n", s.title())
		for _, p := range plots[s] {
			fmt.Fprintf(w, "\n![%s](%s)\n", p.Title, p.File)
		}
		s.writeAccuracy(w)
		s.writeCost(w, &links)
		s.writeSettings(w)
	}
	writeOrigin(w, runs)
	links.write(w)
}

// writeAccuracy appends the table of a set.
func (s *set) writeAccuracy(w io.Writer) {
	t := page.Table{Heads: []string{" row", "weights/acts", "method", "first", "last", "shortcuts", " validation", " test", " to float", " epochs"}}
	for _, g := range s.groups {
		toFloat := "-"
		if d, ok := g.minus(s.float()); ok && g != s.float() {
			toFloat = signed(d)
		}
		t.Add(s.row(g), short(g.formats()), g.Method, short(g.First), short(g.Last), dash(g.Shortcuts), g.validation().percent(), g.test().percent(), toFloat, g.setting("Epochs"))
	}
	t.Write(w)
}

// short is float32 for both weights and inputs in one word.
func short(formats string) string {
	if formats == floatFormats {
		return "float32"
	}
	return formats
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// writeCost appends what the runs of a set cost.
func (s *set) writeCost(w io.Writer, links *links) {
	t := page.Table{Heads: []string{" row", "weights/acts", "method", "optimizer", " model", " state", " of ste", " CPU", " images/s", "runs"}}
	for _, g := range s.groups {
		ofSTE := "-"
		if base := s.best("ste", g.formats(), g); base != nil && base.state() > 0 && g.Method != "ptq" {
			ofSTE = fmt.Sprintf("%.2f", float64(g.state())/float64(base.state()))
		}
		rate := g.of(func(r *run) (float64, bool) { return r.Rate, r.Rate > 0 })
		cpu := g.of(func(r *run) (float64, bool) { return r.CPU, true })
		var refs []string
		for _, r := range g.runs {
			refs = append(refs, links.to(r))
		}
		t.Add(s.row(g), short(g.formats()), g.Method, g.optimizer(), count(g.Bytes), count(g.state()), ofSTE, duration(cpu.mean), rate.whole(), strings.Join(refs, " "))
	}
	t.Write(w)
}

// optimizer is the optimizer and what holds its moments.
func (r *run) optimizer() string {
	name, state := r.setting("Optimizer"), r.setting("State")
	switch {
	case r.Method == "ptq" || name == "":
		return "-"
	case name == "sgd" || state == defaults["State"]:
		return name
	}
	return name + " " + state
}

func (f figure) whole() string {
	if f.n == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f", f.mean)
}

// count prints a number with commas.
func count(n int64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

func duration(seconds float64) string {
	switch {
	case seconds < 100:
		return fmt.Sprintf("%.0f s", seconds)
	case seconds < 5400:
		return fmt.Sprintf("%.0f min", seconds/60)
	}
	return fmt.Sprintf("%.1f h", seconds/3600)
}

// writeSettings appends how the rows of a set were trained.
func (s *set) writeSettings(w io.Writer) {
	fmt.Fprint(w, "\nSettings, row by row:\n\n")
	for _, g := range s.groups {
		fmt.Fprint(w, page.Wrap("- "+s.row(g)+": ", "  ", g.describe()))
	}
}

// describe says how a run was trained.
func (r *run) describe() string {
	var parts []string
	add := func(format string, values ...any) { parts = append(parts, fmt.Sprintf(format, values...)) }
	set := func(name string) bool { v := r.setting(name); return v != "" && v != "0" && v != "false" }
	if set("Init") {
		add("first weights from %s", r.setting("Init"))
	} else {
		add("first weights random")
	}
	if r.Method == "ptq" {
		return parts[0] + ", rounded"
	}
	add("%s, batch %s, rate %s (norms %s), %s, warm-up %s", r.optimizer(), r.setting("Batch"), r.setting("LR"), r.setting("NormLR"), r.setting("Schedule"), dash(r.setting("Warmup")))
	if name := r.setting("Optimizer"); name != "sgd" {
		beta := "beta1 " + r.setting("Beta1")
		if set("Beta1End") {
			beta += " to " + r.setting("Beta1End")
		}
		add("%s", beta)
	}
	for _, f := range []struct{ name, text string }{{"Decay", "decay"}, {"Smoothing", "label smoothing"}, {"FanIn", "fan-in"}} {
		if set(f.name) {
			add("%s %s", f.text, r.setting(f.name))
		}
	}
	if r.Method == "dst" {
		add("%s transition", r.setting("Transition"))
		if r.number("Contrast") > 1 {
			add("contrast %s", r.setting("Contrast"))
		}
	}
	if r.Method != "float" {
		add("window %s of half width %s", r.setting("Window"), r.setting("HalfWidth"))
		if set("LearnStep") {
			add("learned steps")
		}
	}
	if set("Flip") {
		add("mirrored")
	}
	if set("Shift") {
		add("moved by up to %s pixels", r.setting("Shift"))
	}
	if r.setting("Keep") == "best" {
		add("best epoch on validation kept")
	}
	return strings.Join(parts, ", ")
}

// writeAgainstSTE appends dst beside ste where both have the same formats.
func writeAgainstSTE(w io.Writer, all []*set) {
	t := page.Table{Heads: []string{"data, network", "weights/acts", " dst %", " ste %", " difference", " dst KB", " ste KB", " ratio", "rows"}}
	for _, s := range all {
		var done []string
		for _, g := range s.groups {
			if slices.Contains(done, g.formats()) {
				continue
			}
			done = append(done, g.formats())
			dst, ste := s.pair(g.formats())
			if dst == nil {
				continue
			}
			difference := "-"
			if d, ok := dst.minus(ste); ok {
				difference = signed(d)
			}
			t.Add(s.title(), g.formats(), dst.test().short(), ste.test().short(), difference, count(dst.state()/1000), count(ste.state()/1000),
				fmt.Sprintf("%.2f", float64(dst.state())/float64(max(ste.state(), 1))), s.row(dst)+", "+s.row(ste))
		}
	}
	if t.Len() == 0 {
		return
	}
	fmt.Fprint(w, `
## dst against ste

Discrete weights beside float latent ones, on the same formats in all layers: test accuracy (ranges
over seeds are below), difference in points, training state in KB, and the rows of the tables below.
`)
	t.Write(w)
}

// writeOrigin says where the runs were made.
func writeOrigin(w io.Writer, runs []*run) {
	var machines, revisions []string
	cpu := 0.0
	for _, r := range runs {
		cpu += r.CPU
		for list, text := range map[*[]string]string{&machines: r.Machine, &revisions: r.Revision} {
			if text != "" && !slices.Contains(*list, text) {
				*list = append(*list, text)
			}
		}
	}
	slices.Sort(machines)
	slices.Sort(revisions)
	text := fmt.Sprintf("%d runs, those of the study among them, took %s of CPU time, on %s.", len(runs), duration(cpu), dash(strings.Join(machines, "; ")))
	if revisions != nil {
		text += " Revisions of the program: " + strings.Join(revisions, ", ") + " (+: with changes)."
	}
	fmt.Fprintf(w, "\n## Runs\n\n%s", page.Wrap("", "", text))
}

// links numbers files, so that tables stay narrow.
type links struct{ list []*run }

func (l *links) to(r *run) string {
	i := slices.Index(l.list, r)
	if i < 0 {
		i = len(l.list)
		l.list = append(l.list, r)
	}
	return fmt.Sprintf("[%d]", i+1)
}

// write appends where the numbers lead.
func (l *links) write(w io.Writer) {
	if len(l.list) > 0 {
		fmt.Fprintln(w)
	}
	for i, r := range l.list {
		fmt.Fprintf(w, "[%d]: %s.jsonl\n", i+1, r.name)
	}
}
