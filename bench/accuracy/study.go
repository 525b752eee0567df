package main

import (
	"cmp"
	_ "embed"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"example.com/lowbit/bench/internal/page"
	"example.com/lowbit/netrun/chart"
	"example.com/lowbit/netrun/train"
)

//go:embed study.md.tmpl
var studyTemplate string

// A study is what the template's functions find their figures in. Names of runs
// are those of their files without the ending: "study/x".
type study struct {
	runs  []*run
	links links
	plots []chart.Plotted
}

// write fills the template and returns the page; its plots are s.plots.
func (s *study) write(text string) (string, error) {
	t, err := template.New("study.md.tmpl").Funcs(s.functions()).Parse(text)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	if err := t.Execute(&b, nil); err != nil {
		return "", err
	}
	s.links.write(&b)
	return emptyLines.ReplaceAllString(b.String(), "\n\n"), nil
}

// emptyLines are more than one, where the template's functions had nothing to say.
var emptyLines = regexp.MustCompile(`\n{3,}`)

// functions are those of the template. Each that takes NAME... is of one run, or
// of the mean over several.
func (s *study) functions() template.FuncMap {
	return template.FuncMap{
		// The numbers of runs, linked to their files.
		"ref": s.ref,
		// Whether a run is there: what is said of it can stand in {{if has NAME}}.
		"has": func(name string) bool { _, err := s.find(name); return err == nil },
		// How many runs there are, those of the study among them.
		"count": func() int { return len(s.runs) },
		// val NAME..., test NAME...: accuracy in percent; spread NAME...: how far apart on validation.
		"val":  s.figure("%.2f", validationOf),
		"test": s.figure("%.2f", testOf),
		"spread": func(names ...string) (string, error) {
			f, err := s.over(names, validationOf)
			return fmt.Sprintf("%.2f", f.high-f.low), err
		},
		// diff A B, difftest A B: the points by which A is above B.
		"diff":     func(a, b string) (string, error) { return s.difference(a, b, validationOf) },
		"difftest": func(a, b string) (string, error) { return s.difference(a, b, testOf) },
		// state NAME: bytes of training state; stateratio A B: A's over B's.
		"state": func(name string) (string, error) { r, err := s.find(name); return count(r.state()), err },
		"stateratio": func(a, b string) (string, error) {
			x, y, err := s.two(a, b)
			return fmt.Sprintf("%.2f", float64(x.state())/float64(max(y.state(), 1))), err
		},
		// model NAME: bytes of the file; cpu NAME: time; setting NAME FIELD: of train.Config, or such as First.
		"model": func(name string) (string, error) { r, err := s.find(name); return count(r.Bytes), err },
		"cpu":   func(name string) (string, error) { r, err := s.find(name); return duration(r.CPU), err },
		"setting": func(name, field string) (string, error) {
			r, err := s.find(name)
			return r.field(field), cmp.Or(err, checkFields(field))
		},
		// zeros NAME...: percent of zeros among all weights of the network's format at the end.
		"zeros": s.figure("%.1f", zerosOf),
		// moved NAME LEVEL PART: percent of the weights on the levels LEVEL and -LEVEL that
		// one step moved, in a part of the run: "first", "middle" or "last" third, or "all".
		"moved": s.moved,
		// Tables: of runs; of all runs that differ in nothing but the fields of question and
		// free; of the rates of moves; of zeros.
		"table":      s.table,
		"vary":       s.vary,
		"movestable": s.movesTable,
		"zerostable": s.zerosTable,
		// Plots into FILE: of the runs named or, without names, of those that fit.
		"plotmoves": s.plotMoves,
		"plotstate": s.plotState,
	}
}

// find is the run of a name. It is never nil, so that callers may look at it and
// at the error together.
func (s *study) find(name string) (*run, error) {
	for _, r := range s.runs {
		if r.name == name {
			return r, nil
		}
	}
	return &run{}, fmt.Errorf("no run %q: want the name of a file *.jsonl in results/accuracy, without the ending", name)
}

func (s *study) two(a, b string) (x, y *run, err error) {
	if x, err = s.find(a); err == nil {
		y, err = s.find(b)
		return x, y, err
	}
	return x, x, err
}

func (s *study) named(names []string) ([]*run, error) {
	var list []*run
	for _, name := range names {
		r, err := s.find(name)
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, nil
}

func (s *study) ref(names ...string) (string, error) {
	list, err := s.named(names)
	var parts []string
	for _, r := range list {
		parts = append(parts, s.links.to(r))
	}
	return strings.Join(parts, " "), err
}

// A reading is a number that a run may have.
type reading struct {
	what string
	get  func(*run) (float64, bool)
}

var (
	validationOf = reading{"accuracy on validation images", func(r *run) (float64, bool) { return r.Accuracy, true }}
	testOf       = reading{"accuracy on test images", func(r *run) (float64, bool) {
		if r.Test == nil {
			return 0, false
		}
		return *r.Test, true
	}}
	zerosOf = reading{"count of zeros", func(r *run) (float64, bool) {
		zeros, all := 0, 0
		for _, l := range r.Layers {
			if l.Weights == r.Weights {
				zeros += l.Zeros
				all += l.Number
			}
		}
		return 100 * float64(zeros) / float64(max(all, 1)), all > 0
	}}
)

// over is the figure of the runs named, all of which must have it.
func (s *study) over(names []string, what reading) (f figure, err error) {
	list, err := s.named(names)
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("no runs named: want one or more")
	}
	for _, r := range list {
		x, ok := what.get(r)
		if !ok {
			return f, fmt.Errorf("run %q has no %s", r.name, what.what)
		}
		f.add(x)
	}
	return f, err
}

func (s *study) figure(format string, what reading) func(...string) (string, error) {
	return func(names ...string) (string, error) {
		f, err := s.over(names, what)
		return fmt.Sprintf(format, f.mean), err
	}
}

func (s *study) difference(a, b string, what reading) (string, error) {
	x, err := s.over([]string{a}, what)
	if err != nil {
		return "", err
	}
	y, err := s.over([]string{b}, what)
	return signed(x.mean - y.mean), err
}

// field is a setting, or what else may tell runs apart, as text.
func (r *run) field(name string) string {
	switch name {
	case "Dataset":
		return r.Dataset
	case "Network":
		return r.Network
	case "Method":
		return r.Method
	case "Weights":
		return r.Weights
	case "Acts":
		return r.Acts
	case "First":
		return r.First
	case "Last":
		return r.Last
	case "Shortcuts":
		return r.Shortcuts
	case "Init":
		return cmp.Or(r.setting(name), "random")
	}
	return cmp.Or(r.setting(name), "-")
}

// others are the fields that are no settings.
var others = []string{"Dataset", "Network", "Method", "Weights", "Acts", "First", "Last", "Shortcuts"}

// heads are the names of columns.
var heads = map[string]string{
	"Dataset": "data", "Init": "first weights", "LR": "rate", "NormLR": "rate of norms", "FanIn": "fan-in",
	"HalfWidth": "half width", "LearnStep": "learned steps", "Beta1End": "beta1 at the end", "State": "moments", "Keep": "kept epoch",
	"Smoothing": "label smoothing", "Decay": "decay",
}

func columnHead(field string) string { return cmp.Or(heads[field], strings.ToLower(field)) }

// differing are the fields, of those given, in which the groups differ.
func differing(list []*group, fields []string) []string {
	return slices.DeleteFunc(slices.Clone(fields), func(f string) bool {
		return !slices.ContainsFunc(list, func(g *group) bool { return g.field(f) != list[0].field(f) })
	})
}

// table is a table of runs by name, runs that differ by seed in one row, with
// the fields in which they differ.
func (s *study) table(names ...string) (string, error) {
	runs, err := s.named(names)
	if err != nil || len(runs) == 0 {
		return "", cmp.Or(err, fmt.Errorf("table of no runs: want names"))
	}
	list := groups(runs)
	return s.compare(list, differing(list, slices.Concat(others, settings(runs)))), nil
}

// compare is a table of groups with some of their fields, the best in bold.
func (s *study) compare(list []*group, fields []string) string {
	var h []string
	for _, f := range fields {
		h = append(h, columnHead(f))
	}
	t := page.Table{Heads: append(h, " validation %", " zeros %", " moved %", " state", " CPU", "runs")}
	top := slices.MaxFunc(list, func(a, b *group) int { return cmp.Compare(a.validation().mean, b.validation().mean) })
	for _, g := range list {
		var cells []string
		for _, f := range fields {
			cells = append(cells, g.field(f))
		}
		accuracy := g.validation().percent()
		if g == top && len(list) > 1 {
			accuracy = "**" + accuracy + "**"
		}
		zeros, moved := g.of(zerosOf.get), "-"
		if weightBits(g.Weights) >= 8 {
			zeros = figure{}
		}
		if x, ok := g.movedAll("last"); ok {
			moved = fmt.Sprintf("%.2g", 100*x)
		}
		var refs []string
		for _, r := range g.runs {
			refs = append(refs, s.links.to(r))
		}
		cpu := g.of(func(r *run) (float64, bool) { return r.CPU, true })
		zeroText := "-"
		if zeros.n > 0 {
			zeroText = fmt.Sprintf("%.1f", zeros.mean)
		}
		t.Add(append(cells, accuracy, zeroText, moved, count(g.state()), duration(cpu.mean), strings.Join(refs, " "))...)
	}
	var b strings.Builder
	t.Write(&b)
	return strings.Trim(b.String(), "\n")
}

// A class is groups that are alike in all but the fields of a question.
type class struct {
	title  string
	groups []*group
}

// classes puts the groups together that differ in nothing but fields of question
// and free, if they differ in question.
func (s *study) classes(question, free []string) []class {
	var keys []string
	at := map[string][]*group{}
	for _, g := range groups(s.runs) {
		var parts []string
		for _, f := range slices.Concat(others, settings(g.runs)) {
			if !slices.Contains(question, f) && !slices.Contains(free, f) {
				if v := g.field(f); !slices.Contains([]string{"-", "0", "false", defaults[f]}, v) {
					parts = append(parts, f+"="+v)
				}
			}
		}
		key := strings.Join(parts, " ")
		if at[key] == nil {
			keys = append(keys, key)
		}
		at[key] = append(at[key], g)
	}
	var list []class
	for _, key := range keys {
		if len(differing(at[key], question)) == 0 {
			continue
		}
		g := at[key][0]
		parts := []string{g.Dataset + " " + g.Network}
		for _, f := range []string{"Method", "Weights", "Acts"} {
			if len(differing(at[key], []string{f})) == 0 {
				parts = append(parts, g.field(f))
			}
		}
		title := strings.Join(parts, ", ")
		if !slices.Contains(question, "Epochs") && !slices.Contains(free, "Epochs") {
			title += ", " + g.setting("Epochs") + " epochs"
		}
		list = append(list, class{title, at[key]})
	}
	return list
}

// split takes the words between commas.
func split(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}

// checkFields returns an error for a field that runs cannot have.
func checkFields(fields ...string) error {
	for _, f := range fields {
		if _, ok := reflect.TypeFor[train.Config]().FieldByName(f); !ok && !slices.Contains(others, f) {
			return fmt.Errorf("no field %q: want one of %q or of train.Config", f, others)
		}
	}
	return nil
}

// vary is a table for each class of runs that differ in the question's fields,
// and in free ones, and in nothing else but the seed.
func (s *study) vary(question, free string) (string, error) {
	q, f := split(question), split(free)
	if err := checkFields(slices.Concat(q, f)...); err != nil {
		return "", err
	}
	var parts []string
	for _, c := range s.classes(q, f) {
		fields := differing(c.groups, slices.Concat(q, f))
		slices.SortStableFunc(c.groups, func(a, b *group) int {
			for _, name := range fields {
				if d := compareText(a.field(name), b.field(name)); d != 0 {
					return d
				}
			}
			return 0
		})
		parts = append(parts, c.title+":\n\n"+s.compare(c.groups, fields))
	}
	if parts == nil {
		var names []string
		for _, name := range q {
			names = append(names, columnHead(name))
		}
		return "No runs yet differ in " + strings.Join(names, " and ") + " alone.", nil
	}
	return strings.Join(parts, "\n\n"), nil
}

// compareText compares texts, as numbers if they are.
func compareText(a, b string) int {
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	if errX == nil && errY == nil {
		return cmp.Compare(x, y)
	}
	return cmp.Compare(a, b)
}

// zerosTable is the share of zeros of dst and ste side by side, from the best
// row of each format.
func (s *study) zerosTable() string {
	tested := slices.DeleteFunc(slices.Clone(s.runs), func(r *run) bool { return strings.HasPrefix(r.name, studyFolder) })
	t := page.Table{Heads: []string{"data, network", "weights", " dst: zeros %", " ste: zeros %", " dst: least, most of a layer", "runs"}}
	for _, set := range sets(groups(tested)) {
		for _, w := range []string{"pow2:4", "pow2:3", "ternary"} {
			dst, ste := set.bestOf("dst", w), set.bestOf("ste", w)
			if dst == nil {
				continue
			}
			share, ok := zerosOf.get(dst.run)
			if !ok {
				continue
			}
			refs, other := s.links.to(dst.run), "-"
			if ste != nil {
				if x, ok := zerosOf.get(ste.run); ok {
					other = fmt.Sprintf("%.1f", x)
					refs += " " + s.links.to(ste.run)
				}
			}
			span := chart.NewSpan()
			for _, l := range dst.Layers {
				if l.Weights == w && l.Number > 0 {
					span.Add(100 * float64(l.Zeros) / float64(l.Number))
				}
			}
			t.Add(set.title(), w, fmt.Sprintf("%.1f", share), other, fmt.Sprintf("%.1f, %.1f", span.Low, span.High), refs)
		}
	}
	if t.Len() == 0 {
		return "No runs yet."
	}
	var b strings.Builder
	t.Write(&b)
	return strings.Trim(b.String(), "\n")
}
