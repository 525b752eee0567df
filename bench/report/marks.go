package main

import (
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A mark tells algorithms apart, by colour and by shape.
type mark struct {
	color color.RGBA
	shape draw.GlyphDrawer
}

// marks are those of all algorithms measured on the machine: the same in all
// its plots, and peers' the same in all plots.
func (m *machine) marks() map[string]mark {
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
	shapes := []draw.GlyphDrawer{draw.CircleGlyph{}, polygon{4, 45}, polygon{3, 90}, polygon{4, 0}, polygon{3, -90}, polygon{5, 90}}
	// Grey and black are for what is no kernel in assembly.
	colors := append(slices.Clone(palette[:len(palette)-2]), color.RGBA{136, 34, 85, 255}, color.RGBA{120, 120, 30, 255})
	marks := map[string]mark{"peer": {color.RGBA{0, 0, 0, 255}, draw.CrossGlyph{}}, portableMark: {grey, draw.RingGlyph{}}}
	for i, a := range append(order, algorithms...) {
		if _, ok := marks[a]; !ok {
			marks[a] = mark{colors[i%len(colors)], shapes[i%len(shapes)]}
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

// A polygon is a glyph of so many sides, turned by degrees.
type polygon struct {
	sides int
	turn  float64
}

func (g polygon) DrawGlyph(c *draw.Canvas, style draw.GlyphStyle, at vg.Point) {
	var corners []vg.Point
	radius := float64(style.Radius) * 1.25 // seems as large as a circle
	for i := range g.sides {
		sin, cos := math.Sincos((g.turn + 360*float64(i)/float64(g.sides)) * math.Pi / 180)
		corners = append(corners, vg.Point{X: at.X + vg.Length(radius*cos), Y: at.Y + vg.Length(radius*sin)})
	}
	c.FillPolygon(style.Color, corners)
}

// A cloud is points of kernels by algorithm, and labels of the fastest.
type cloud struct {
	points map[string]plotter.XYs
	labels []label
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
func (c *cloud) draw(p *plot.Plot, marks map[string]mark) error {
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
		if err := scatter(p, name, c.points[name], marks[name], radius); err != nil {
			return err
		}
	}
	return nil
}

// scatter adds points and their place in the legend.
func scatter(p *plot.Plot, name string, points plotter.XYs, m mark, radius float64) error {
	dots, err := plotter.NewScatter(points)
	if err != nil {
		return err
	}
	dots.GlyphStyle = draw.GlyphStyle{Color: m.color, Radius: vg.Points(radius), Shape: m.shape}
	p.Add(dots)
	p.Legend.Add(name, dots)
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
