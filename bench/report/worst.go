package main

import (
	"image/color"
	"math"

	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"example.com/lowbit/netrun/chart"
)

// worstPlot draws, for each shape, how many times as fast as the better of our
// float32 and the fastest library's each low-bit kernel is: the fastest of each
// pair of formats filled, others but portable ones hollow. What lies left of the
// line at 1 loses.
func (m *machine) worstPlot() (chart.Plotted, bool, error) {
	groups := m.all()
	at := map[*group]int{}
	var names []string
	var texts []chart.Label
	xs := chart.NewSpan()
	xs.Add(0)
	point := func(c contest) (plotter.XY, bool) {
		x := math.Log10(c.least())
		if !chart.Finite(x) {
			return plotter.XY{}, false
		}
		i, seen := at[c.g]
		if !seen {
			i = len(names)
			at[c.g] = i
			names = append(names, c.g.title())
		}
		xs.Add(x)
		return plotter.XY{X: x, Y: -float64(i)}, true
	}
	weights := map[string]plotter.XYs{}
	var kinds []string
	best := map[*row]bool{}
	var all, others plotter.XYs
	for _, c := range contests(groups) {
		xy, ok := point(c)
		if !ok {
			continue
		}
		best[c.r] = true
		w := c.r.keys["w"]
		if weights[w] == nil {
			kinds = append(kinds, w)
		}
		weights[w] = append(weights[w], xy)
		all = append(all, xy)
	}
	colors := map[string]color.RGBA{}
	for i, w := range kinds {
		colors[w] = chart.Palette[i%len(chart.Palette)]
	}
	for _, c := range contests(groups) {
		if c.least() < 1 {
			if xy, ok := point(c); ok {
				texts = append(texts, chart.Label{XY: xy, Text: c.r.formats(), Color: colors[c.r.keys["w"]]})
			}
		}
	}
	for _, c := range tierContests(groups) {
		if best[c.r] || c.r.portable() {
			continue
		}
		if xy, ok := point(c); ok {
			others = append(others, xy)
		}
	}
	if len(all) == 0 || !xs.Plausible() || len(names) > 60 {
		return chart.Plotted{}, false, nil
	}
	title := "Where low-bit loses: times the fastest float32, ours or a library's"
	p := chart.New(title, "times float32", "")
	chart.Rows(p, names)
	p.X.Min, p.X.Max = xs.Low-0.1, xs.High+0.1
	p.X.Tick.Marker = chart.DecadeTicks(p.X.Min, p.X.Max, 0)
	below, err := plotter.NewPolygon(plotter.XYs{{X: p.X.Min, Y: p.Y.Min}, {X: p.X.Min, Y: p.Y.Max}, {Y: p.Y.Max}, {Y: p.Y.Min}})
	if err != nil {
		return chart.Plotted{}, false, err
	}
	below.Color, below.LineStyle.Width = color.RGBA{250, 232, 228, 255}, 0
	one, err := plotter.NewLine(plotter.XYs{{Y: p.Y.Min}, {Y: p.Y.Max}})
	if err != nil {
		return chart.Plotted{}, false, err
	}
	one.Color, one.Width = color.Black, vg.Points(1)
	p.Add(below, one)
	p.Legend.Add("float32", one)
	if len(others) > 0 {
		if err := chart.Scatter(p, "other kernels", others, chart.Mark{Color: chart.Grey, Shape: draw.RingGlyph{}}, 2); err != nil {
			return chart.Plotted{}, false, err
		}
	}
	for _, w := range kinds {
		if err := chart.Scatter(p, w, weights[w], chart.Mark{Color: colors[w], Shape: draw.CircleGlyph{}}, 3); err != nil {
			return chart.Plotted{}, false, err
		}
	}
	p.Add(&chart.Labels{Style: chart.Small(p, chart.Grey), List: chart.Join(texts, 0.06, 0.5), Avoid: all})
	svg, err := chart.Render(p, 10, 1.2+0.26*float64(len(names)), chart.LegendWidth)
	return chart.Plotted{File: m.slug + "-loses.svg", Title: title, SVG: svg}, true, err
}
