package main

import (
	"fmt"
	"math"

	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// speedByBytes plots the kernels of a GEMV whose weights come from memory
// against the bytes of weights that they read, by logarithms. A line is what
// the memory's bandwidth allows if nothing but weights is read.
func (m *machine) speedByBytes() (plotted, bool, error) {
	s := m.compared()
	g := largest(s.groups, "GEMV", "cold")
	if g == nil {
		return plotted{}, false, nil
	}
	_, read := m.limits(s)
	marks := m.marks()
	r0 := g.rows[0]
	weights := r0.number("n") * r0.number("k")
	var c cloud
	xs, ys := newSpan(), newSpan()
	for _, r := range g.rows {
		at := plotter.XY{X: math.Log10(r.center("B/weight") * weights / 1e6), Y: math.Log10(r.center("ops/s") / 1e9)}
		if r.reference() || !finite(at.X) || !finite(at.Y) {
			continue
		}
		c.add(r, at)
		xs.add(at.X)
		ys.add(at.Y)
		if r == g.best(r.formats()) || r.peer() {
			c.labels = append(c.labels, label{at, labelText(r), marks[r.mark()].color})
		}
	}
	if len(c.all) == 0 || !xs.plausible() || !ys.plausible() {
		return plotted{}, false, nil
	}
	c.labels = join(c.labels, 0.03, 0.06)
	title := fmt.Sprintf("%s: speed against bytes of weights", g.title())
	p := newPlot(title, "MB of weights read", "billion operations a second")
	p.X.Min, p.X.Max = xs.low-0.15, xs.high+0.2
	p.Y.Min, p.Y.Max = ys.low-0.15, ys.high+0.25
	if len(read) > 0 {
		last := read[len(read)-1]
		rate := math.Log10(2*weights*last.rate/1e9) - 6 // of 1 MB
		line, err := plotter.NewLine(plotter.XYs{{X: p.X.Min, Y: rate - p.X.Min}, {X: p.X.Max, Y: rate - p.X.Max}})
		if err != nil {
			return plotted{}, false, err
		}
		line.Color, line.Width, line.Dashes = grey, vg.Points(1), []vg.Length{vg.Points(4), vg.Points(3)}
		p.Add(line)
		p.Legend.Add(fmt.Sprintf("%s %.4g GB/s", last.name, last.rate/1e9), line)
		p.Y.Min, p.Y.Max = min(p.Y.Min, rate-p.X.Max), max(p.Y.Max, rate-p.X.Min)
	}
	p.X.Tick.Marker, p.Y.Tick.Marker = decadeTicks(p.X.Min, p.X.Max, 0), decadeTicks(p.Y.Min, p.Y.Max, 0)
	if err := c.draw(p, marks); err != nil {
		return plotted{}, false, err
	}
	p.Add(&labels{small(p, grey), c.labels, c.all})
	svg, err := render(p, 8, 5, legendWidth)
	return plotted{m.slug + "-bytes.svg", title, svg}, true, err
}
