package chart

import (
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A Mark tells algorithms apart, by colour and by shape.
type Mark struct {
	Color color.RGBA
	Shape draw.GlyphDrawer
}

// A Polygon is a glyph of so many sides, turned by degrees.
type Polygon struct {
	Sides int
	Turn  float64
}

func (g Polygon) DrawGlyph(c *draw.Canvas, style draw.GlyphStyle, at vg.Point) {
	var corners []vg.Point
	radius := float64(style.Radius) * 1.25 // seems as large as a circle
	for i := range g.Sides {
		sin, cos := math.Sincos((g.Turn + 360*float64(i)/float64(g.Sides)) * math.Pi / 180)
		corners = append(corners, vg.Point{X: at.X + vg.Length(radius*cos), Y: at.Y + vg.Length(radius*sin)})
	}
	c.FillPolygon(style.Color, corners)
}

// Scatter adds points and their place in the legend.
func Scatter(p *plot.Plot, name string, points plotter.XYs, m Mark, radius float64) error {
	dots, err := plotter.NewScatter(points)
	if err != nil {
		return err
	}
	dots.GlyphStyle = draw.GlyphStyle{Color: m.Color, Radius: vg.Points(radius), Shape: m.Shape}
	p.Add(dots)
	p.Legend.Add(name, dots)
	return nil
}
