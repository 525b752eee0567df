package main

import (
	"slices"
	"strings"

	"golang.org/x/perf/benchmath"

	"example.com/lowbit/netrun/chart"
)

// A group is the rows of one operation on one shape: what may be compared.
type group struct {
	name, shape string
	rows        []*row
	family      *family
	fastestOf   map[string]*row // of formats
}

// A family is the groups of one product, by whatever operation and from
// whatever form of its operands: what may be compared if one says so.
type family struct {
	groups []*group
	float  *row // our fastest float32
	// The fastest peers on float32, and on int8 weights.
	floatPeer, int8Peer *row
}

// groupsOf are in the order of the file.
func groupsOf(rows []*row) []*group {
	var list []*group
	byKey := map[[2]string]*group{}
	families := map[[2]string]*family{}
	for _, r := range rows {
		if r.keys["w"] == "" {
			continue
		}
		key := [2]string{r.name, r.shape()}
		g := byKey[key]
		if g == nil {
			g = &group{name: r.name, shape: r.shape()}
			product := [2]string{g.operation(r), r.shape("x", "zeros")}
			if g.family = families[product]; g.family == nil {
				g.family = &family{}
				families[product] = g.family
			}
			g.family.groups = append(g.family.groups, g)
			byKey[key] = g
			list = append(list, g)
		}
		g.rows = append(g.rows, r)
	}
	for _, g := range list {
		g.fastestOf = map[string]*row{}
		for _, r := range g.rows {
			f, speed := r.formats(), r.center(g.speedUnit())
			if r.ours() && (g.fastestOf[f] == nil || speed > g.fastestOf[f].center(g.speedUnit())) {
				g.fastestOf[f] = r
			}
		}
	}
	for _, f := range families {
		f.float = f.fastest(func(r *row) bool { return r.float() && r.ours() })
		f.floatPeer = f.fastest(func(r *row) bool { return r.float() && r.peer() })
		f.int8Peer = f.fastest(func(r *row) bool { return r.keys["w"] == "int8" && r.peer() })
	}
	return list
}

// operation is GEMM or GEMV for products of mixed formats, else the name.
func (g *group) operation(r *row) string {
	switch {
	case g.name != "Mixed":
		return g.name
	case r.keys["m"] == "1":
		return "GEMV"
	}
	return "GEMM"
}

// speedUnit is the unit by which rows of a group are compared.
func (g *group) speedUnit() string {
	switch g.name {
	case "Network":
		return "images/s"
	case "Epilogue":
		return "elem/s"
	}
	return "ops/s"
}

// fastest is the row of the highest median speed among those that fit, nil if
// there is none.
func (g *group) fastest(fits func(*row) bool) *row {
	var best *row
	for _, r := range g.rows {
		if fits(r) && (best == nil || r.center(g.speedUnit()) > best.center(g.speedUnit())) {
			best = r
		}
	}
	return best
}

func (f *family) fastest(fits func(*row) bool) *row {
	var best *row
	for _, g := range f.groups {
		if r := g.fastest(fits); r != nil && (best == nil || r.center(g.speedUnit()) > best.center(g.speedUnit())) {
			best = r
		}
	}
	return best
}

// float is our float32 baseline on the same shape: the fastest one.
func (g *group) float() *row {
	return g.fastest(func(r *row) bool { return r.float() && r.ours() })
}

// portable is the portable kernel on the same formats as r.
func (g *group) portable(r *row) *row {
	return g.fastest(func(o *row) bool { return o.portable() && o.formats() == r.formats() })
}

// peer is the fastest peer on the same formats as r.
func (g *group) peer(r *row) *row {
	return g.fastest(func(o *row) bool { return o.peer() && o.formats() == r.formats() })
}

// formats are those of the group, in the order of the file.
func (g *group) formats() []string { return distinct(g.rows, (*row).formats) }

// tiers are the instruction sets of our kernels, in the order of the file.
func (g *group) tiers() []string { return distinct(g.ours(), (*row).isa) }

func (g *group) ours() []*row {
	return slices.DeleteFunc(slices.Clone(g.rows), func(r *row) bool { return !r.ours() })
}

// distinct lists what rows are told apart by, in their order.
func distinct(rows []*row, by func(*row) string) []string {
	var list []string
	for _, r := range distinctRows(rows, by) {
		list = append(list, by(r))
	}
	return list
}

// distinctRows keeps the first row of each kind.
func distinctRows(rows []*row, by func(*row) string) []*row {
	var list []*row
	seen := map[string]bool{}
	for _, r := range rows {
		if v := by(r); !seen[v] {
			seen[v] = true
			list = append(list, r)
		}
	}
	return list
}

// best is our fastest kernel on formats.
func (g *group) best(formats string) *row { return g.fastestOf[formats] }

// size is the shape in few signs: MxNxK of a product, NxK of one row, K of an
// inner product.
func (g *group) size() string {
	r := g.rows[0]
	keys := []string{"m", "n", "k"}
	switch {
	case r.keys["batch"] != "":
		return "batch=" + r.keys["batch"]
	case r.keys["conv"] != "":
		return r.keys["conv"] + " to " + r.keys["n"]
	case r.keys["m"] == "1" && r.keys["n"] == "1":
		keys = keys[2:]
	case r.keys["m"] == "1":
		keys = keys[1:]
	}
	var list []string
	for _, k := range keys {
		list = append(list, r.keys[k])
	}
	return strings.Join(list, "x")
}

// setting is what else the name says of the shape.
func (g *group) setting() string {
	return g.rows[0].shape("batch", "conv", "m", "n", "k")
}

// title is the operation and what it was measured on.
func (g *group) title() string { return g.inSetting() + ", " + g.size() }

// inSetting is the operation with the setting.
func (g *group) inSetting() string {
	if s := g.setting(); s != "" {
		return g.name + ", " + s
	}
	return g.name
}

// work is the number of multiply-adds, 0 if the name does not tell.
func (g *group) work() float64 {
	r := g.rows[0]
	return r.number("m") * r.number("n") * r.number("k")
}

// plain tells whether the group is of a product on one thread, of weights and
// activations as they come.
func (g *group) plain() bool {
	r := g.rows[0]
	return r.keys["threads"] == "" && r.keys["zeros"] == "" && r.keys["x"] == ""
}

// A ratio is how many times faster one row is than another.
type ratio struct {
	value float64
	// sure is false if the difference may be noise, or is not known.
	sure bool
}

// ratio compares rows of one family.
func (g *group) ratio(r, base *row) (ratio, bool) {
	if r == nil || base == nil {
		return ratio{}, false
	}
	unit := g.speedUnit()
	a, b := r.samples[unit], base.samples[unit]
	if a == nil || b == nil || r.center(unit) == 0 || base.center(unit) == 0 {
		return ratio{}, false
	}
	c := benchmath.AssumeNothing.Compare(a, b)
	x := ratio{r.center(unit) / base.center(unit), c.P < c.Alpha}
	return x, chart.Finite(x.value)
}
