package main

import (
	"image/color"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg/draw"

	"example.com/lowbit/netrun/chart"
)

// marks are those of all algorithms measured on the machine: the same in all
// its plots, and peers' the same in all plots.
func (m *machine) marks() map[string]chart.Mark {
	var rows []*row
	for _, s := range m.runs {
		for _, r := range s.rows {
			if r.ours() {
				rows = append(rows, r)
			}
		}
	}
	algorithms := distinct(rows, (*row).algorithm)
	slices.Sort(algorithms)
	var order []string
	for _, f := range forms {
		order = append(order, f.algorithm)
	}
	order = append(order, "float32")
	shapes := []draw.GlyphDrawer{draw.CircleGlyph{}, chart.Polygon{Sides: 4, Turn: 45}, chart.Polygon{Sides: 3, Turn: 90}, chart.Polygon{Sides: 4, Turn: 0}, chart.Polygon{Sides: 3, Turn: -90}, chart.Polygon{Sides: 5, Turn: 90}}
	// Grey and black are for what is no kernel in assembly.
	colors := append(slices.Clone(chart.Palette[:len(chart.Palette)-2]), color.RGBA{136, 34, 85, 255}, color.RGBA{120, 120, 30, 255})
	marks := map[string]chart.Mark{"peer": {Color: color.RGBA{0, 0, 0, 255}, Shape: draw.CrossGlyph{}}, portableMark: {Color: chart.Grey, Shape: draw.RingGlyph{}}}
	for i, a := range append(order, algorithms...) {
		if _, ok := marks[a]; !ok {
			marks[a] = chart.Mark{Color: colors[i%len(colors)], Shape: shapes[i%len(shapes)]}
		}
	}
	return marks
}

const portableMark = "portable"

// mark names the mark of the row: that of its algorithm, but of portable
// kernels one for all.
func (r *row) mark() string {
	if r.ours() && r.portable() {
		return portableMark
	}
	return r.algorithm()
}

// A cloud is points of kernels by algorithm, and labels of the fastest.
type cloud struct {
	points map[string]plotter.XYs
	labels []chart.Label
	all    plotter.XYs
}

// add puts the row's point into the cloud.
func (c *cloud) add(r *row, at plotter.XY) {
	if c.points == nil {
		c.points = map[string]plotter.XYs{}
	}
	c.points[r.mark()] = append(c.points[r.mark()], at)
	c.all = append(c.all, at)
}

// draw adds the points and the legend to the plot.
func (c *cloud) draw(p *plot.Plot, marks map[string]chart.Mark) error {
	var names []string
	for name := range c.points {
		names = append(names, name)
	}
	slices.Sort(names)
	radius := 3.0
	if len(c.all) > 200 {
		radius = 2.3
	}
	for _, name := range names {
		if err := chart.Scatter(p, name, c.points[name], marks[name], radius); err != nil {
			return err
		}
	}
	return nil
}

// labelText is what a point of the row is called.
func labelText(r *row) string {
	switch {
	case r.peer():
		return r.peerName()
	case r.float():
		return "float32"
	}
	return r.formats()
}
