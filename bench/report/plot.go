package main

import (
	"cmp"
	"fmt"
	"image/color"
	"math"
	"slices"
	"strings"

	"golang.org/x/perf/benchunit"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"example.com/lowbit/netrun/chart"
)

// plots draws what the files have the rows for.
func plots(m *machine) ([]chart.Plotted, error) {
	var list []chart.Plotted
	for _, draw := range []func() (chart.Plotted, bool, error){
		m.roofline,
		func() (chart.Plotted, bool, error) { return m.speedByBits("GEMM") },
		func() (chart.Plotted, bool, error) { return m.speedByBits("GEMV") },
		m.speedByBytes,
		m.timesFloat,
		m.worstPlot,
	} {
		p, ok, err := draw()
		if err != nil {
			return nil, err
		}
		if ok {
			list = append(list, p)
		}
	}
	return list, nil
}

// largest is the group of the most work on one thread, of weights that come
// from where cache says, or from anywhere.
func largest(groups []*group, name, cache string) *group {
	var best *group
	for _, g := range groups {
		if g.name == name && g.plain() && g.work() > 0 && len(g.formats()) > 1 &&
			(cache == "" || g.rows[0].keys["cache"] == cache) && (best == nil || g.work() > best.work()) {
			best = g
		}
	}
	return best
}

// weightFormats are the places on the axis of bits a weight.
var weightFormats = []struct {
	name string
	bits int
}{{"binary", 1}, {"ternary", 2}, {"pow2:3", 3}, {"pow2:4", 4}, {"int8", 8}, {"float32", 32}}

// place is where on the axis the row's weights stand, -1 if nowhere.
func place(r *row) int {
	for i, w := range weightFormats {
		if w.name == r.keys["w"] {
			return i
		}
	}
	return -1
}

// speedByBits plots the fastest kernel of each instruction set against the
// bits of a weight, by the logarithm of its speed, and the fastest peers as
// lines. (With gonum's own logarithmic scale the axis label makes a gap above
// the plot.)
func (m *machine) speedByBits(name string) (chart.Plotted, bool, error) {
	groups := m.compared().groups
	g := largest(groups, name, "cold")
	if g == nil {
		g = largest(groups, name, "")
	}
	if g == nil {
		return chart.Plotted{}, false, nil
	}
	title := g.title() + ": speed against bits a weight"
	p := chart.New(title, "bits a weight", "billion operations a second")
	var names []string
	for _, w := range weightFormats {
		names = append(names, fmt.Sprintf("%d\n%s", w.bits, w.name))
	}
	chart.Nominal(p, names)
	ys := chart.NewSpan()
	height := func(r *row) (float64, bool) {
		y := math.Log10(r.center("ops/s") / 1e9)
		if chart.Finite(y) {
			ys.Add(y)
		}
		return y, chart.Finite(y)
	}
	points := map[string][]chart.Label{}
	for _, f := range g.formats() {
		for _, isa := range g.tiers() {
			r := g.fastest(func(r *row) bool { return r.ours() && r.formats() == f && r.isa() == isa })
			if r == nil || place(r) < 0 {
				continue
			}
			if y, ok := height(r); ok {
				points[isa] = append(points[isa], chart.Label{XY: plotter.XY{X: float64(place(r)), Y: y}, Text: r.keys["w"] + " " + r.keys["a"]})
			}
		}
	}
	var texts chart.Labels
	texts.Style = chart.Small(p, chart.Grey)
	drawn := 0
	for i, isa := range g.tiers() {
		if points[isa] == nil {
			continue
		}
		drawn++
		if err := series(&texts, p, isa, points[isa], chart.Palette[i%len(chart.Palette)]); err != nil {
			return chart.Plotted{}, false, err
		}
	}
	dashes := [][]vg.Length{{vg.Points(5), vg.Points(2)}, {vg.Points(1), vg.Points(2)}}
	for i, r := range []*row{g.family.int8Peer, g.family.floatPeer} {
		if r == nil {
			continue
		}
		y, ok := height(r)
		if !ok {
			continue
		}
		line := plotter.NewFunction(func(float64) float64 { return y })
		line.Color, line.Width, line.Dashes = color.Black, vg.Points(1), dashes[i]
		p.Add(line)
		p.Legend.Add(r.peerName()+", "+r.keys["w"], line)
	}
	if drawn == 0 || !ys.Plausible() {
		return chart.Plotted{}, false, nil
	}
	p.Add(&texts)
	p.Y.Min, p.Y.Max = ys.Low-0.1, ys.High+0.15
	p.Y.Tick.Marker = chart.DecadeTicks(p.Y.Min, p.Y.Max, 0)
	svg, err := chart.Render(p, 8, 5, chart.LegendWidth)
	return chart.Plotted{File: m.slug + "-" + strings.ToLower(g.name) + ".svg", Title: title, SVG: svg}, true, err
}

// near is how close two points of one x may be before they share a label.
const near = 0.06

// series draws all points of an instruction set, a line through the best of
// each x, and keeps their names to be drawn when all points are known.
func series(l *chart.Labels, p *plot.Plot, name string, points []chart.Label, c color.RGBA) error {
	slices.SortStableFunc(points, func(a, b chart.Label) int {
		return cmp.Or(cmp.Compare(a.X, b.X), cmp.Compare(b.Y, a.Y))
	})
	var all, top plotter.XYs
	for i, pt := range points {
		points[i].Color = c
		all = append(all, pt.XY)
		if i == 0 || points[i-1].X != pt.X {
			top = append(top, pt.XY)
		}
	}
	for _, lb := range chart.Join(points, 0.5, near) {
		_, lb.Text = chart.CutLast(lb.Text) // the axis says the weights
		l.List = append(l.List, lb)
	}
	l.Avoid = append(l.Avoid, all...)
	line, err := plotter.NewLine(top)
	if err != nil {
		return err
	}
	line.Color, line.Width = c, vg.Points(1.2)
	dots, err := plotter.NewScatter(all)
	if err != nil {
		return err
	}
	dots.GlyphStyle = draw.GlyphStyle{Color: c, Radius: vg.Points(3), Shape: draw.CircleGlyph{}}
	p.Add(line, dots)
	p.Legend.Add(name, line, dots)
	return nil
}

// timesFloat draws, for each shape, bars of the fastest kernel of each pair of
// formats over float32.
func (m *machine) timesFloat() (chart.Plotted, bool, error) {
	var with []*group
	var formats []string
	for _, g := range m.whole().groups {
		// Dots are left out: their shapes are too many, and their story is GEMV's.
		if g.float() == nil || len(g.formats()) < 2 || g.rows[0].keys["threads"] != "" || g.name == "Dot" {
			continue
		}
		with = append(with, g)
		for _, f := range g.formats() {
			if !slices.Contains(formats, f) && f != floatFormats {
				formats = append(formats, f)
			}
		}
	}
	if len(with) == 0 || len(formats) == 0 {
		return chart.Plotted{}, false, nil
	}
	shades := shadesOf(formats)
	title := "Times faster than float32, the fastest kernel of each"
	p := chart.New(title, "", "times float32")
	width := vg.Points(56 / float64(len(formats)))
	top := 1.0
	lines := strings.NewReplacer(", ", "\n", ",stride1", "", ",", "\n", " to ", "\nto ")
	var names []string
	for _, g := range with {
		names = append(names, g.name+"\n"+lines.Replace(g.shape))
	}
	for i, f := range formats {
		values := make(plotter.Values, len(with))
		for j, g := range with {
			if x, ok := g.ratio(g.best(f), g.float()); ok {
				values[j] = x.value
				top = max(top, x.value)
			}
		}
		bars, err := plotter.NewBarChart(values, width)
		if err != nil {
			return chart.Plotted{}, false, err
		}
		bars.Color = shades[f]
		bars.LineStyle.Width = 0
		bars.Offset = width * vg.Length(float64(i)-float64(len(formats)-1)/2)
		p.Add(bars)
		p.Legend.Add(f, bars)
	}
	one := plotter.NewFunction(func(float64) float64 { return 1 })
	one.Color, one.Width, one.Dashes = chart.Grey, vg.Points(1), []vg.Length{vg.Points(4), vg.Points(3)}
	p.Add(one)
	p.Legend.Add("float32", one)
	chart.Nominal(p, names)
	p.Y.Min, p.Y.Max = 0, top*1.05
	svg, err := chart.Render(p, max(6, 1.8+0.95*float64(len(with))), 4.2, chart.LegendWidth)
	return chart.Plotted{File: m.slug + "-float.svg", Title: title, SVG: svg}, true, err
}

// shadesOf gives each format of weights a colour, and each of the activations
// that it is measured with a lighter shade of it.
func shadesOf(formats []string) map[string]color.RGBA {
	var weights []string
	acts := map[string][]string{}
	for _, f := range formats {
		w, _, _ := strings.Cut(f, " x ")
		if acts[w] == nil {
			weights = append(weights, w)
		}
		acts[w] = append(acts[w], f)
	}
	shades := map[string]color.RGBA{}
	for i, w := range weights {
		c := chart.Palette[i%len(chart.Palette)]
		for j, f := range acts[w] {
			part := 0.8 * float64(j) / float64(len(acts[w])) // of white
			lighter := func(v uint8) uint8 { return uint8(float64(v) + part*float64(255-v)) }
			shades[f] = color.RGBA{lighter(c.R), lighter(c.G), lighter(c.B), 255}
		}
	}
	return shades
}

// prefixed is a number with a decimal prefix.
func prefixed(x float64) string { return benchunit.Scale(x, benchunit.Decimal) }
