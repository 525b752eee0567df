package main

import (
	"fmt"
	"io"
	"slices"

	"example.com/lowbit/bench/internal/page"
)

// A target is a figure that the networks are to reach.
type target struct {
	dataset, network, method, formats string
	kind                              kind
	want                              float64
}

type kind int

const (
	atLeast     kind = iota // test accuracy
	withinFloat             // points below float's
	withinSTE               // points below ste's
	stateOfSTE              // share of ste's training state, at most
)

var targets = slices.Concat(
	[]target{
		{"mnist", "lenet", "float", floatFormats, atLeast, 99.4},
		{"mnist", "lenet", "dst", "ternary/u2", atLeast, 99.3},
		{"mnist", "lenet", "dst", "pow2:4/u4", withinFloat, 0.1},
		{"fashion-mnist", "lenet", "float", floatFormats, atLeast, 92.3},
		{"fashion-mnist", "lenet", "dst", "pow2:4/u4", withinFloat, 0.2},
		{"fashion-mnist", "lenet", "dst", "ternary/u2", withinFloat, 0.7},
		{"fashion-mnist", "lenet", "dst", "binary/u1", atLeast, 89.5},
		{"cifar10", "resnet20", "float", floatFormats, atLeast, 91.7},
		{"cifar10", "resnet20", "dst", "pow2:4/u4", withinFloat, 0.3},
		{"cifar10", "resnet20", "dst", "pow2:3/u3", withinFloat, 0.8},
		{"cifar10", "resnet20", "dst", "ternary/u2", atLeast, 89},
		{"cifar10", "vgg-small", "dst", "ternary/u2", atLeast, 91},
	},
	againstSTE("mnist", "lenet"), againstSTE("fashion-mnist", "lenet"), againstSTE("cifar10", "resnet20"))

func againstSTE(dataset, network string) []target {
	var list []target
	for _, formats := range []string{"pow2:4/u4", "pow2:3/u3"} {
		list = append(list,
			target{dataset, network, "dst", formats, withinSTE, 0.2},
			target{dataset, network, "dst", formats, stateOfSTE, 0.5})
	}
	return list
}

// wanted says what is to be reached.
func (t *target) wanted() string {
	switch t.kind {
	case withinFloat:
		return fmt.Sprintf("within %.4g of float", t.want)
	case withinSTE:
		return fmt.Sprintf("within %.4g of ste", t.want)
	case stateOfSTE:
		return fmt.Sprintf("state at most %.4g of ste's", t.want)
	}
	return fmt.Sprintf("at least %.4g", t.want)
}

// reached is what was reached, by how much that is better than wanted, and in
// which rows; or else what is missing for that.
func (t *target) reached(s *set) (text string, margin float64, rows, missing string) {
	if s == nil {
		return "-", 0, "-", notRun
	}
	g, base := s.best(t.method, t.formats, nil), s.float()
	if t.kind == withinSTE || t.kind == stateOfSTE {
		g, base = s.pair(t.formats)
	}
	if g == nil || base == nil && t.kind != atLeast {
		return "-", 0, "-", notRun
	}
	if t.kind == atLeast {
		f := g.test()
		if f.n == 0 {
			return "-", 0, s.row(g), notTested
		}
		return f.short(), f.mean - t.want, s.row(g), ""
	}
	rows = s.row(g) + ", " + s.row(base)
	if t.kind == stateOfSTE {
		share := float64(g.state()) / float64(max(base.state(), 1))
		return fmt.Sprintf("%.2f", share), t.want - share, rows, ""
	}
	d, ok := g.minus(base)
	if !ok {
		return "-", 0, rows, notTested
	}
	return signed(d), d + t.want, rows, ""
}

const (
	notRun    = "not run"
	notTested = "not tested"
)

// reaches tells whether a target is met. What computers lose of decimal
// fractions decides nothing.
func reaches(margin float64) bool { return margin > -1e-9 }

// verdict says by how much a target is met or missed.
func verdict(margin float64) string {
	switch {
	case reaches(margin):
		return fmt.Sprintf("met by %.2f", max(margin, 0))
	case margin > -0.005:
		return fmt.Sprintf("missed by %.3f", -margin)
	}
	return fmt.Sprintf("missed by %.2f", -margin)
}

func writeTargets(w io.Writer, all []*set) {
	fmt.Fprint(w, `
## Targets

What was to be reached, set before the runs were made, with the test accuracy of the row that did
best on the validation images. Met or missed by so many points, or so much of ste's state.
`)
	t := page.Table{Heads: []string{"data, network", "method, formats", "to reach", " reached", "", "rows"}}
	met, missed, open := 0, 0, 0
	for _, target := range targets {
		var s *set
		if i := slices.IndexFunc(all, func(s *set) bool { return s.dataset == target.dataset && s.network == target.network }); i >= 0 {
			s = all[i]
		}
		what := target.method
		if target.formats != floatFormats {
			what += " " + target.formats
		}
		text, margin, rows, result := target.reached(s)
		switch {
		case result != "":
			open++
		case reaches(margin):
			result = verdict(margin)
			met++
		default:
			result = "**" + verdict(margin) + "**"
			missed++
		}
		t.Add(target.dataset+" "+target.network, what, target.wanted(), text, result, rows)
	}
	t.Write(w)
	fmt.Fprintf(w, "\nOf %d, %d are met, %d missed and %d not run or not tested.\n", len(targets), met, missed, open)
}
