package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"example.com/lowbit/bench/internal/page"
)

// A contest is a low-bit kernel against float32 on the same shape: against our
// kernel, and against the fastest library where one was measured.
type contest struct {
	g               *group
	r               *row
	own, peer       ratio
	hasOwn, hasPeer bool
}

// least is the lower of the ratios there are.
func (c *contest) least() float64 {
	switch {
	case !c.hasOwn:
		return c.peer.value
	case !c.hasPeer:
		return c.own.value
	}
	return min(c.own.value, c.peer.value)
}

// contest sets a kernel against own, a float32 kernel of ours, and against
// libraries if it is not a portable one.
func (g *group) contest(r, own *row) (contest, bool) {
	c := contest{g: g, r: r}
	c.own, c.hasOwn = g.ratio(r, own)
	if !r.portable() {
		c.peer, c.hasPeer = g.ratio(r, g.family.floatPeer)
	}
	return c, c.hasOwn || c.hasPeer
}

// contests are those of the fastest kernel of each pair of formats with the
// fastest float32.
func contests(groups []*group) []contest {
	var list []contest
	for _, g := range groups {
		for _, f := range g.formats() {
			if r := g.best(f); r != nil && !r.float() {
				if c, ok := g.contest(r, g.family.float); ok {
					list = append(list, c)
				}
			}
		}
	}
	return list
}

// tierContests are those of every kernel with the float32 of its own tier, or
// the fastest if the tier has none.
func tierContests(groups []*group) []contest {
	var list []contest
	for _, g := range groups {
		floats := map[string]*row{}
		for _, r := range g.ours() {
			if tier := r.isa(); floats[tier] == nil {
				floats[tier] = g.family.fastest(func(o *row) bool { return o.float() && o.ours() && o.isa() == tier })
			}
		}
		for _, r := range g.ours() {
			if r.float() {
				continue
			}
			own := floats[r.isa()]
			if own == nil {
				own = g.family.float
			}
			if c, ok := g.contest(r, own); ok {
				list = append(list, c)
			}
		}
	}
	return list
}

func lost(list []contest) []contest {
	return slices.DeleteFunc(slices.Clone(list), func(c contest) bool { return c.least() >= 1 })
}

func (x ratio) orNone(ok bool) string {
	if !ok {
		return "-"
	}
	return x.String()
}

func writeContests(w io.Writer, list []contest) {
	fmt.Fprintln(w, "\n| shape | weights x activations | kernel | x our float32 | x float32 peer |")
	fmt.Fprintln(w, "|---|---|---|---:|---:|")
	for _, c := range list {
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s |\n", page.Cell(c.g.title()), page.Cell(c.r.formats()), page.Cell(c.r.impl()),
			c.own.orNone(c.hasOwn), c.peer.orNone(c.hasPeer))
	}
}

// writeLoses appends the shapes on which low-bit gains nothing.
func (m *machine) writeLoses(w io.Writer) {
	groups := m.all()
	list := contests(groups)
	if len(list) == 0 {
		return
	}
	fmt.Fprint(w, "\n### Where low-bit loses\n\n")
	peers := slices.ContainsFunc(list, func(c contest) bool { return c.hasPeer })
	against := "our float32"
	if peers {
		against += " or the fastest library's"
	}
	if loses := lost(list); len(loses) > 0 {
		fmt.Fprintf(w, "In %d of %d cases the fastest low-bit kernel of a pair of formats is slower than %s, or (in parentheses) not told apart.\n", len(loses), len(list), against)
		writeContests(w, loses)
	} else {
		closest := slices.MinFunc(list, func(a, b contest) int { return cmp.Compare(a.least(), b.least()) })
		fmt.Fprintf(w, "In none of %d cases is the fastest low-bit kernel of a pair of formats slower than %s. The closest:\n", len(list), against)
		writeContests(w, []contest{closest})
	}
	every := tierContests(groups)
	fmt.Fprintf(w, "\nKernel by kernel, each against the float32 of its own instruction set and, but for portable ones, against libraries:\n"+
		"%d of %d are slower ([which](%s.md#kernels-slower-than-float32)).\n", len(lost(every)), len(every), m.slug)
}

// writeEveryLoss appends the kernels slower than float32, for the machine's page.
func (m *machine) writeEveryLoss(w io.Writer) {
	every := tierContests(m.all())
	if len(every) == 0 {
		return
	}
	fmt.Fprint(w, "\n## Kernels slower than float32\n\n")
	loses := lost(every)
	if loses == nil {
		fmt.Fprintln(w, "There are none.")
		return
	}
	fmt.Fprint(w, "Each against our float32 of the same instruction set, or the fastest where that has none, and against the fastest library\non the same shape. Portable kernels are not set against libraries.\n")
	writeContests(w, loses)
}
