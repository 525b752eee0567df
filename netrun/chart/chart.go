// Package chart draws the plots of results/ in one style, as SVG.
package chart

import (
	"bytes"
	"fmt"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// A Plotted is a finished plot.
type Plotted struct {
	File, Title string
	SVG         []byte
}

// Palette is Okabe and Ito's, which colour-blind people can tell apart.
var Palette = []color.RGBA{
	{0, 114, 178, 255}, {213, 94, 0, 255}, {0, 158, 115, 255}, {204, 121, 167, 255},
	{230, 159, 0, 255}, {86, 180, 233, 255}, {110, 110, 110, 255}, {0, 0, 0, 255},
}

var Grey = color.RGBA{130, 130, 130, 255}

// New is a plot in the report's style.
func New(title, x, y string) *plot.Plot {
	sans := font.Font{Typeface: "Liberation", Variant: "Sans"}
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	for _, s := range []*draw.TextStyle{&p.Title.TextStyle, &p.X.Label.TextStyle, &p.Y.Label.TextStyle, &p.X.Tick.Label, &p.Y.Tick.Label, &p.Legend.TextStyle} {
		size := s.Font.Size
		s.Font = sans
		s.Font.Size = size
	}
	p.Title.TextStyle.Font.Size, p.X.Label.TextStyle.Font.Size, p.Y.Label.TextStyle.Font.Size = vg.Points(11), vg.Points(10), vg.Points(10)
	p.Y.Tick.Label.Font.Size, p.Legend.TextStyle.Font.Size = vg.Points(9), vg.Points(9)
	p.Title.Padding = vg.Points(10)
	p.BackgroundColor = color.White
	grid := plotter.NewGrid()
	grid.Vertical.Color = nil
	grid.Horizontal.Color = color.RGBA{225, 225, 225, 255}
	p.Add(grid)
	p.Legend.Top = true
	p.Legend.Padding = vg.Points(2)
	p.Legend.XOffs = LegendWidth
	return p
}

// Small is the style of text inside a plot.
func Small(p *plot.Plot, c color.Color) draw.TextStyle {
	s := p.Legend.TextStyle
	s.Font.Size = vg.Points(8)
	s.Color = c
	return s
}

// Nominal labels the places 0, 1, ... of the x axis.
func Nominal(p *plot.Plot, names []string) {
	p.NominalX(names...)
	p.X.Tick.Label.Font.Size = vg.Points(9)
	p.X.Tick.Label.YAlign = text.YTop
	p.X.Padding = 0
	p.X.Min, p.X.Max = -0.6, float64(len(names))-0.4
}

// Rows labels the places 0, -1, ... of the y axis, with a line at each.
func Rows(p *plot.Plot, names []string) {
	var ticks plot.ConstantTicks
	for i, name := range names {
		ticks = append(ticks, plot.Tick{Value: -float64(i), Label: name})
	}
	p.Y.Tick.Marker = ticks
	p.Y.Tick.Length = 0
	p.Y.LineStyle.Width = 0
	p.Y.Padding = 0
	p.Y.Min, p.Y.Max = 0.4-float64(len(names)), 0.6
}

// DecadeTicks are 1, 2 and 5 times powers of ten, at their logarithms; the
// labels count units of ten to the power of unit.
func DecadeTicks(low, high, unit float64) plot.ConstantTicks {
	factors := []float64{1, 2, 5}
	if high-low > 4 {
		factors = factors[:1]
	}
	var list plot.ConstantTicks
	for e := math.Floor(low); e <= high; e++ {
		for _, f := range factors {
			if v := e + math.Log10(f); v >= low && v <= high {
				list = append(list, plot.Tick{Value: v, Label: fmt.Sprintf("%.5g", f*math.Pow(10, e-unit))})
			}
		}
	}
	return list
}

// LegendWidth is the place right of most plots where the legend stands.
const LegendWidth = vg.Length(115)

// Render draws the plot as SVG, with room right of it.
func Render(p *plot.Plot, width, height float64, right vg.Length) ([]byte, error) {
	c := vgsvg.New(vg.Length(width)*vg.Inch, vg.Length(height)*vg.Inch)
	const margin = 8
	p.Draw(draw.Crop(draw.New(c), margin, -margin-right, margin, -margin))
	return svg(c)
}

// svg is the picture as SVG. Where the viewer lacks the font whose widths were
// used, one of the same widths stands in.
func svg(c *vgsvg.Canvas) ([]byte, error) {
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return nil, err
	}
	return bytes.ReplaceAll(b.Bytes(), []byte("font-family:Liberation Sans;"), []byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif;")), nil
}

// A Span is the least and the greatest of some numbers.
type Span struct{ Low, High float64 }

func NewSpan() Span { return Span{math.Inf(1), math.Inf(-1)} }

func (s *Span) Add(x float64) { s.Low, s.High = min(s.Low, x), max(s.High, x) }

// plausible tells whether logarithms to the base of ten can be of measurements.
func (s *Span) Plausible() bool { return s.Low > -30 && s.High < 30 && s.Low <= s.High }

// Finite tells whether x is a number.
func Finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
