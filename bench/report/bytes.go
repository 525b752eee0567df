package main

import (
	"fmt"
	"math"

	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"example.com/lowbit/netrun/chart"
)

// speedByBytes plots the kernels of a GEMV whose weights come from memory
// against the bytes of weights that they read, by logarithms. A line is what
// the memory's bandwidth allows if nothing but weights is read.
func (m *machine) speedByBytes() (chart.Plotted, bool, error) {
	s := m.compared()
	g := largest(s.groups, "GEMV", "cold")
	if g == nil {
		return chart.Plotted{}, false, nil
	}
	_, read := m.limits(s)
	marks := m.marks()
	r0 := g.rows[0]
	weights := r0.number("n") * r0.number("k")
	var c cloud
	xs, ys := chart.NewSpan(), chart.NewSpan()
	for _, r := range g.rows {
		at := plotter.XY{X: math.Log10(r.center("B/weight") * weights / 1e6), Y: math.Log10(r.center("ops/s") / 1e9)}
		if r.reference() || !chart.Finite(at.X) || !chart.Finite(at.Y) {
			continue
		}
		c.add(r, at)
		xs.Add(at.X)
		ys.Add(at.Y)
		if r == g.best(r.formats()) || r.peer() {
			c.labels = append(c.labels, chart.Label{XY: at, Text: labelText(r), Color: marks[r.mark()].Color})
		}
	}
	if len(c.all) == 0 || !xs.Plausible() || !ys.Plausible() {
		return chart.Plotted{}, false, nil
	}
	c.labels = chart.Join(c.labels, 0.03, 0.06)
	title := fmt.Sprintf("%s: speed against bytes of weights", g.title())
	p := chart.New(title, "MB of weights read", "billion operations a second")
	p.X.Min, p.X.Max = xs.Low-0.15, xs.High+0.2
	p.Y.Min, p.Y.Max = ys.Low-0.15, ys.High+0.25
	if len(read) > 0 {
		last := read[len(read)-1]
		rate := math.Log10(2*weights*last.rate/1e9) - 6 // of 1 MB
		line, err := plotter.NewLine(plotter.XYs{{X: p.X.Min, Y: rate - p.X.Min}, {X: p.X.Max, Y: rate - p.X.Max}})
		if err != nil {
			return chart.Plotted{}, false, err
		}
		line.Color, line.Width, line.Dashes = chart.Grey, vg.Points(1), []vg.Length{vg.Points(4), vg.Points(3)}
		p.Add(line)
		p.Legend.Add(fmt.Sprintf("%s %.4g GB/s", last.name, last.rate/1e9), line)
		p.Y.Min, p.Y.Max = min(p.Y.Min, rate-p.X.Max), max(p.Y.Max, rate-p.X.Min)
	}
	p.X.Tick.Marker, p.Y.Tick.Marker = chart.DecadeTicks(p.X.Min, p.X.Max, 0), chart.DecadeTicks(p.Y.Min, p.Y.Max, 0)
	if err := c.draw(p, marks); err != nil {
		return chart.Plotted{}, false, err
	}
	p.Add(&chart.Labels{Style: chart.Small(p, chart.Grey), List: c.labels, Avoid: c.all})
	svg, err := chart.Render(p, 8, 5, chart.LegendWidth)
	return chart.Plotted{File: m.slug + "-bytes.svg", Title: title, SVG: svg}, true, err
}
