package main

import (
	"cmp"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"example.com/lowbit/bench/internal/page"
)

// A form is an algorithm and what it is called.
type form struct{ algorithm, name string }

// forms are the algorithms by which a product of codes can be computed, in the
// order in which they stand.
var forms = []form{
	{"muladd", multiply},
	{"lut", "look up (lut)"},
	{"planes", "bit planes (popcount)"},
	{"popcount", "count (popcount)"},
	{"shiftadd", "shift and add (shiftadd)"},
	{"shift", "variable shift (shift)"},
	{"expadd", "add exponents (expadd)"},
}

const multiply = "multiply (muladd)"

// formName is the name of the row's form, and of the zeros among its weights.
func formName(r *row) string {
	name := r.algorithm()
	if name == "float32" {
		name = "muladd" // in float32, beside the forms of float32 activations
	}
	for _, f := range forms {
		if f.algorithm == name {
			name = f.name
		}
	}
	return name + zerosOf(r)
}

// zerosOf is the share of zeros among the row's weights, if it was set.
func zerosOf(r *row) string {
	if z := r.keys["zeros"]; z != "" {
		return ", " + z + " % zeros"
	}
	return ""
}

var codeWidth = regexp.MustCompile(`^(?:pow2:|int|u|s)([0-9])$`)

// bitsOf is the width of a format's codes, 0 if it has none.
func bitsOf(format string) int {
	switch format {
	case "binary", "sign":
		return 1
	case "ternary":
		return 2
	}
	m := codeWidth.FindStringSubmatch(format)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

// sameWidth tells whether weights and activations take equally many bits, or
// the activations are float32, where the weights' sign and exponent are added.
func (r *row) sameWidth() bool {
	return r.keys["a"] == "float32" && !r.float() || bitsOf(r.keys["w"]) > 0 && bitsOf(r.keys["w"]) == bitsOf(r.keys["a"])
}

// formRank is the row's place among the forms: known ones first, zeros last.
func formRank(r *row) [2]int {
	name := strings.TrimSuffix(formName(r), zerosOf(r))
	i := slices.IndexFunc(forms, func(f form) bool { return f.name == name })
	if i < 0 {
		i = len(forms)
	}
	return [2]int{i, int(r.number("zeros"))}
}

// A formTable has the forms of one tier on one product side by side.
type formTable struct {
	tier, product string
	pivot         pivot
	size          float64
}

// formTables makes a table for each product and tier that has several forms of
// one pair of formats.
func (s *run) formTables(operation string) []formTable {
	var list []formTable
	done := map[*family]bool{}
	for _, g := range s.groups {
		first := g.rows[0]
		if done[g.family] || g.operation(first) != operation || first.keys["threads"] != "" {
			continue
		}
		done[g.family] = true
		rows := slices.DeleteFunc(g.family.ours(), func(r *row) bool { return r.keys["x"] == "bits" }) // what was packed before
		for _, tier := range distinct(rows, (*row).isa) {
			t := formTable{tier: tier, product: fmt.Sprintf("%s, %s, %s", operation, first.keys["cache"], g.size()), size: g.work()}
			t.fill(g, slices.DeleteFunc(slices.Clone(rows), func(r *row) bool { return r.isa() != tier }))
			if len(t.pivot.rows) > 0 {
				list = append(list, t)
			}
		}
	}
	return list
}

func (f *family) ours() []*row {
	var list []*row
	for _, g := range f.groups {
		list = append(list, g.ours()...)
	}
	return list
}

// fill sets the forms of a tier side by side. Their base is to multiply weights
// with as many zeros, or any weights: that takes as long. Where activations are
// float32 it is to multiply float32.
func (t *formTable) fill(g *group, rows []*row) {
	slices.SortStableFunc(rows, func(a, b *row) int {
		x, y := formRank(a), formRank(b)
		return cmp.Or(x[0]-y[0], x[1]-y[1])
	})
	fastest := map[string]map[string]*row{} // by formats and form
	for _, r := range rows {
		pair, form := r.formats(), formName(r)
		if fastest[pair] == nil {
			fastest[pair] = map[string]*row{}
		}
		if best := fastest[pair][form]; best == nil || r.center(g.speedUnit()) > best.center(g.speedUnit()) {
			fastest[pair][form] = r
		}
	}
	if float := fastest[floatFormats][multiply]; float != nil {
		for _, r := range rows {
			if f := fastest[r.formats()]; r.keys["a"] == "float32" && f[multiply] == nil {
				f[multiply] = float
			}
		}
	}
	t.pivot.corner = "form"
	for _, r := range distinctRows(rows, (*row).formats) {
		if r.sameWidth() && len(fastest[r.formats()]) > 1 {
			t.pivot.cols = append(t.pivot.cols, r.formats())
		}
	}
	for _, form := range distinct(rows, formName) {
		for _, pair := range t.pivot.cols {
			r := fastest[pair][form]
			if r == nil {
				continue
			}
			base := fastest[pair][multiply+zerosOf(r)]
			if base == nil {
				base = fastest[pair][multiply]
			}
			text := r.figure(g.speedUnit())
			if base != nil {
				text += ", " + g.ratioText(r, base)
			}
			t.pivot.set(form, pair, text)
		}
	}
}

func (t *formTable) write(w io.Writer) {
	fmt.Fprintf(w, "\n%s:\n", page.Cell(t.product+", "+t.tier))
	t.pivot.write(w)
}

// telling is how many cells the table has: of two, the fuller tells more.
func (t *formTable) telling() int { return len(t.pivot.cells) }

const formsHead = `
### The same product by different algorithms

For each pair of formats of equal code width, tier by tier: to multiply decoded codes, to look sums up, to count bits, to
add the activations of each exponent (which skips zeros), to shift every product, and, on float32 activations, to add
exponents. ops/s of the fastest kernel of each, then how many times as fast as to multiply it is.
`

// writeForms appends, of GEMM and of GEMV, the shape with the most forms, in
// whichever run has more of them.
func (m *machine) writeForms(w io.Writer) {
	first := true
	for _, operation := range []string{"GEMM", "GEMV"} {
		var shown []formTable
		for i := len(m.runs) - 1; i >= 0; i-- {
			if list := fullest(m.runs[i].formTables(operation)); telling(list) > telling(shown) {
				shown = list
			}
		}
		for _, t := range shown {
			if first {
				first = false
				fmt.Fprint(w, formsHead)
			}
			t.write(w)
		}
	}
}

// fullest are the tables of the product that has the most cells in all tiers,
// of the largest such product.
func fullest(list []formTable) []formTable {
	var best []formTable
	for from := 0; from < len(list); {
		to := from
		for to < len(list) && list[to].product == list[from].product {
			to++
		}
		if part := list[from:to]; telling(part) > telling(best) || telling(part) == telling(best) && part[0].size > best[0].size {
			best = part
		}
		from = to
	}
	return best
}

func telling(list []formTable) int {
	n := 0
	for _, t := range list {
		n += t.telling()
	}
	return n
}
