package main

import (
	"image/color"
	"math"

	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// worstPlot draws, for each shape, how many times as fast as the better of our
// float32 and the fastest library's each low-bit kernel is: the fastest of each
// pair of formats filled, others but portable ones hollow. What lies left of the
// line at 1 loses.
func (m *machine) worstPlot() (plotted, bool, error) {
	groups := m.all()
	at := map[*group]int{}
	var names []string
	var texts []label
	xs := newSpan()
	xs.add(0)
	point := func(c contest) (plotter.XY, bool) {
		x := math.Log10(c.least())
		if !finite(x) {
			return plotter.XY{}, false
		}
		i, seen := at[c.g]
		if !seen {
			i = len(names)
			at[c.g] = i
			names = append(names, c.g.title())
		}
		xs.add(x)
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
		colors[w] = palette[i%len(palette)]
	}
	for _, c := range contests(groups) {
		if c.least() < 1 {
			if xy, ok := point(c); ok {
				texts = append(texts, label{xy, c.r.formats(), colors[c.r.keys["w"]]})
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
	if len(all) == 0 || !xs.plausible() || len(names) > 60 {
		return plotted{}, false, nil
	}
	title := "Where low-bit loses: times the fastest float32, ours or a library's"
	p := newPlot(title, "times float32", "")
	rows(p, names)
	p.X.Min, p.X.Max = xs.low-0.1, xs.high+0.1
	p.X.Tick.Marker = decadeTicks(p.X.Min, p.X.Max, 0)
	below, err := plotter.NewPolygon(plotter.XYs{{X: p.X.Min, Y: p.Y.Min}, {X: p.X.Min, Y: p.Y.Max}, {Y: p.Y.Max}, {Y: p.Y.Min}})
	if err != nil {
		return plotted{}, false, err
	}
	below.Color, below.LineStyle.Width = color.RGBA{250, 232, 228, 255}, 0
	one, err := plotter.NewLine(plotter.XYs{{Y: p.Y.Min}, {Y: p.Y.Max}})
	if err != nil {
		return plotted{}, false, err
	}
	one.Color, one.Width = color.Black, vg.Points(1)
	p.Add(below, one)
	p.Legend.Add("float32", one)
	if len(others) > 0 {
		if err := scatter(p, "other kernels", others, mark{grey, draw.RingGlyph{}}, 2); err != nil {
			return plotted{}, false, err
		}
	}
	for _, w := range kinds {
		if err := scatter(p, w, weights[w], mark{colors[w], draw.CircleGlyph{}}, 3); err != nil {
			return plotted{}, false, err
		}
	}
	p.Add(&labels{small(p, grey), join(texts, 0.06, 0.5), all})
	svg, err := render(p, 10, 1.2+0.26*float64(len(names)), legendWidth)
	return plotted{m.slug + "-loses.svg", title, svg}, true, err
}
