package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"example.com/lowbit/kernels"
)

// A group is runs that differ by nothing but the seed: a row of a table.
type group struct {
	*run // the first of them
	runs []*run
}

// groups puts runs together that differ by seed alone.
func groups(runs []*run) []*group {
	var list []*group
	at := map[string]*group{}
	for _, r := range runs {
		key := r.experiment()
		g := at[key]
		if g == nil {
			g = &group{run: r}
			at[key] = g
			list = append(list, g)
		}
		g.runs = append(g.runs, r)
	}
	for _, g := range list {
		slices.SortStableFunc(g.runs, func(a, b *run) int { return cmp.Compare(a.number("Seed"), b.number("Seed")) })
		g.run = g.runs[0]
	}
	return list
}

// number is a setting as a number, 0 if it is none.
func (r *run) number(name string) float64 {
	v, _ := r.Config[name].(float64)
	return v
}

// A figure is a number that several runs came to.
type figure struct {
	mean, low, high float64
	n               int
}

func (f *figure) add(x float64) {
	if f.n == 0 {
		f.low, f.high = math.Inf(1), math.Inf(-1)
	}
	f.mean = (f.mean*float64(f.n) + x) / float64(f.n+1)
	f.n++
	f.low, f.high = min(f.low, x), max(f.high, x)
}

// percent prints the mean and, of several runs, how far they are apart.
func (f figure) percent() string {
	switch f.n {
	case 0:
		return "-"
	case 1:
		return fmt.Sprintf("%.2f", f.mean)
	}
	return fmt.Sprintf("%.2f (%.2f)", f.mean, f.high-f.low)
}

// short is the mean alone.
func (f figure) short() string {
	if f.n == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", f.mean)
}

// of is a figure of the group's runs that have it.
func (g *group) of(get func(*run) (float64, bool)) figure {
	var f figure
	for _, r := range g.runs {
		if x, ok := get(r); ok {
			f.add(x)
		}
	}
	return f
}

func (g *group) validation() figure {
	return g.of(func(r *run) (float64, bool) { return r.Accuracy, true })
}

func (g *group) test() figure {
	return g.of(func(r *run) (float64, bool) {
		if r.Test == nil {
			return 0, false
		}
		return *r.Test, true
	})
}

// A set is the groups of one network on one data set.
type set struct {
	dataset, network string
	groups           []*group
	first            int // number of the first row
}

func (s *set) name() string  { return s.dataset + "-" + s.network }
func (s *set) title() string { return s.dataset + " " + s.network }

// known are the data sets and networks in the order of tables; others follow.
var known = []string{"mnist", "fashion-mnist", "cifar10", "svhn", "lenet", "resnet20", "vgg-small"}

func rank(name string) int {
	if i := slices.Index(known, name); i >= 0 {
		return i
	}
	return len(known)
}

func weightBits(format string) int {
	f, err := kernels.ParseWeightFormat(format)
	if err != nil {
		return 0
	}
	return f.Bits()
}

func actBits(format string) int {
	f, err := kernels.ParseActFormat(format)
	if err != nil {
		return 0
	}
	return f.Bits()
}

// sets puts the groups of each network on each data set together: more bits
// first, then by method, then by accuracy on the validation images.
func sets(list []*group) []*set {
	var all []*set
	for _, g := range list {
		i := slices.IndexFunc(all, func(s *set) bool { return s.dataset == g.Dataset && s.network == g.Network })
		if i < 0 {
			i = len(all)
			all = append(all, &set{dataset: g.Dataset, network: g.Network})
		}
		all[i].groups = append(all[i].groups, g)
	}
	slices.SortStableFunc(all, func(a, b *set) int {
		return cmp.Or(cmp.Compare(rank(a.dataset), rank(b.dataset)), cmp.Compare(a.dataset, b.dataset),
			cmp.Compare(rank(a.network), rank(b.network)), cmp.Compare(a.network, b.network))
	})
	rows := 1
	for _, s := range all {
		s.first = rows
		rows += len(s.groups)
		slices.SortStableFunc(s.groups, func(a, b *group) int {
			return cmp.Or(cmp.Compare(weightBits(b.Weights), weightBits(a.Weights)), cmp.Compare(actBits(b.Acts), actBits(a.Acts)),
				cmp.Compare(slices.Index(methods, a.Method), slices.Index(methods, b.Method)),
				cmp.Compare(b.validation().mean, a.validation().mean))
		})
	}
	return all
}

// best is the group of a method and formats that validation prefers, nil if
// there is none; like, if not nil, must have the same first and last layer and
// shortcuts.
func (s *set) best(method, formats string, like *group) *group {
	var best *group
	for _, g := range s.groups {
		if g.Method != method || g.formats() != formats {
			continue
		}
		if like != nil && (g.First != like.First || g.Last != like.Last || g.Shortcuts != like.Shortcuts) {
			continue
		}
		if best == nil || g.validation().mean > best.validation().mean {
			best = g
		}
	}
	return best
}

// pair is the dst group and the ste group of formats that validation prefers
// among those that have the same first and last layer, nil if there are none.
func (s *set) pair(formats string) (dst, ste *group) {
	for _, g := range s.groups {
		if g.Method != "dst" || g.formats() != formats || dst != nil && g.validation().mean <= dst.validation().mean {
			continue
		}
		if other := s.best("ste", formats, g); other != nil {
			dst, ste = g, other
		}
	}
	return dst, ste
}

const floatFormats = "float32/float32"

func (s *set) float() *group { return s.best("float", floatFormats, nil) }

// minus is the difference of the means of two groups' test accuracies; ok is
// false if one of them was not tested.
func (g *group) minus(base *group) (points float64, ok bool) {
	if g == nil || base == nil {
		return 0, false
	}
	a, b := g.test(), base.test()
	return a.mean - b.mean, a.n > 0 && b.n > 0
}
