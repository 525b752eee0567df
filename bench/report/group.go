package main

import "golang.org/x/perf/benchmath"

// A group is the rows of one operation on one shape: what may be compared.
type group struct {
	name, shape string
	rows        []*row
}

// groups are in the order of the file.
func (m *machine) groups() []*group {
	var list []*group
	byKey := map[[2]string]*group{}
	for _, r := range m.rows {
		if r.keys["w"] == "" {
			continue
		}
		key := [2]string{r.name, r.shape()}
		if byKey[key] == nil {
			byKey[key] = &group{name: r.name, shape: r.shape()}
			list = append(list, byKey[key])
		}
		byKey[key].rows = append(byKey[key].rows, r)
	}
	return list
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

// float is the float32 baseline: the fastest one.
func (g *group) float() *row {
	return g.fastest(func(r *row) bool { return r.float() && !r.reference() })
}

// portable is the portable kernel on the same formats as r.
func (g *group) portable(r *row) *row {
	return g.fastest(func(o *row) bool { return o.portable() && o.formats() == r.formats() })
}

// formats are those of the group, in the order of the file.
func (g *group) formats() []string {
	var list []string
	seen := map[string]bool{}
	for _, r := range g.rows {
		if f := r.formats(); !seen[f] {
			seen[f] = true
			list = append(list, f)
		}
	}
	return list
}

// best is the fastest kernel on formats.
func (g *group) best(formats string) *row {
	return g.fastest(func(r *row) bool { return r.formats() == formats && !r.reference() })
}

// A ratio is how many times faster one row is than another.
type ratio struct {
	value float64
	// sure is false if the difference may be noise, or is not known.
	sure bool
}

func (g *group) ratio(r, base *row) (ratio, bool) {
	if r == nil || base == nil {
		return ratio{}, false
	}
	unit := g.speedUnit()
	a, b := r.samples[unit], base.samples[unit]
	if a == nil || b == nil || base.center(unit) == 0 {
		return ratio{}, false
	}
	c := benchmath.AssumeNothing.Compare(a, b)
	return ratio{r.center(unit) / base.center(unit), c.P < c.Alpha}, true
}
