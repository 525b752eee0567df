package main

import (
	"bytes"
	"cmp"
	"fmt"
	"image/color"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// A plotted is a finished plot.
type plotted struct {
	file, title string
	svg         []byte
}

// palette is Okabe and Ito's, which colour-blind people can tell apart.
var palette = []color.RGBA{
	{0, 114, 178, 255}, {213, 94, 0, 255}, {0, 158, 115, 255}, {204, 121, 167, 255},
	{230, 159, 0, 255}, {86, 180, 233, 255}, {110, 110, 110, 255}, {0, 0, 0, 255},
}

var grey = color.RGBA{130, 130, 130, 255}

// plots draws what the file has the rows for.
func plots(m *machine) ([]plotted, error) {
	var list []plotted
	groups := m.groups()
	for _, name := range []string{"GEMM", "GEMV"} {
		g := largest(groups, name)
		if g == nil {
			continue
		}
		p, err := speedByBits(m, g)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	p, ok, err := timesFloat(m, groups)
	if err != nil {
		return nil, err
	}
	if ok {
		list = append(list, p)
	}
	return list, nil
}

// largest is the group of the most work on one thread, cold weights if there
// are some.
func largest(groups []*group, name string) *group {
	var best *group
	size := func(g *group) float64 {
		t := g.rows[0].center("sec/op") * g.rows[0].center("ops/s")
		if g.rows[0].keys["cache"] == "cold" {
			t *= 1.5
		}
		return t
	}
	for _, g := range groups {
		if g.name == name && g.rows[0].keys["threads"] == "" && g.float() != nil && len(g.formats()) > 1 &&
			(best == nil || size(g) > size(best)) {
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

// newPlot is a plot in the report's style.
func newPlot(title, x, y string) *plot.Plot {
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
	p.Legend.XOffs = legendWidth
	return p
}

// small is the style of text inside a plot.
func small(p *plot.Plot, c color.Color) draw.TextStyle {
	s := p.Legend.TextStyle
	s.Font.Size = vg.Points(8)
	s.Color = c
	return s
}

// speedByBits plots the fastest kernel of each instruction set against the
// bits of a weight, by the logarithm of its speed. (With gonum's own logarithmic
// scale the axis label makes a gap above the plot.)
func speedByBits(m *machine, g *group) (plotted, error) {
	title := fmt.Sprintf("%s, %s: speed against bits a weight", g.name, g.shape)
	p := newPlot(title, "bits a weight", "billion operations a second")
	var names []string
	for _, w := range weightFormats {
		names = append(names, fmt.Sprintf("%d\n%s", w.bits, w.name))
	}
	nominal(p, names)
	low, high := math.Inf(1), math.Inf(-1)
	var isas []string
	points := map[string][]labelled{}
	for _, r := range g.rows {
		if r.reference() || r.center("ops/s") == 0 || place(r) < 0 {
			continue
		}
		isa := r.isa()
		if fastest := g.fastest(func(o *row) bool { return o.formats() == r.formats() && o.isa() == isa && !o.reference() }); fastest != r {
			continue
		}
		if points[isa] == nil {
			isas = append(isas, isa)
		}
		y := math.Log10(r.center("ops/s") / 1e9)
		low, high = min(low, y), max(high, y)
		points[isa] = append(points[isa], labelled{float64(place(r)), y, r.keys["a"]})
	}
	for i, isa := range isas {
		if err := drawSeries(p, isa, points[isa], palette[i%len(palette)]); err != nil {
			return plotted{}, err
		}
	}
	p.Y.Min, p.Y.Max = low-0.1, high+0.1
	p.Y.Tick.Marker = decadeTicks(p.Y.Min, p.Y.Max)
	svg, err := render(p, 7, 4.2)
	return plotted{m.slug + "-" + strings.ToLower(g.name) + ".svg", title, svg}, err
}

// A labelled is a point with its activations.
type labelled struct {
	x, y  float64
	label string
}

// near is how close two points of one x may be before they share a label.
const near = 0.1

// drawSeries draws all points, and a line through the best of each x.
func drawSeries(p *plot.Plot, name string, points []labelled, c color.Color) error {
	slices.SortStableFunc(points, func(a, b labelled) int {
		return cmp.Or(cmp.Compare(a.x, b.x), cmp.Compare(b.y, a.y))
	})
	var all, top plotter.XYs
	var labels plotter.XYLabels
	for i, pt := range points {
		at := plotter.XY{X: pt.x, Y: pt.y}
		all = append(all, at)
		if i == 0 || points[i-1].x != pt.x {
			top = append(top, at)
		} else if last := len(labels.Labels) - 1; labels.XYs[last].Y < pt.y+near {
			labels.Labels[last] += ", " + pt.label
			continue
		}
		labels.XYs = append(labels.XYs, at)
		labels.Labels = append(labels.Labels, pt.label)
	}
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
	names, err := plotter.NewLabels(labels)
	if err != nil {
		return err
	}
	for i := range names.TextStyle {
		names.TextStyle[i] = small(p, c)
	}
	names.Offset = vg.Point{X: vg.Points(5), Y: vg.Points(3)}
	p.Add(line, dots, names)
	p.Legend.Add(name, line, dots)
	return nil
}

// nominal labels the places 0, 1, ... of the x axis.
func nominal(p *plot.Plot, names []string) {
	p.NominalX(names...)
	p.X.Tick.Label.Font.Size = vg.Points(9)
	p.X.Tick.Label.YAlign = text.YTop
	p.X.Padding = 0
	p.X.Min, p.X.Max = -0.6, float64(len(names))-0.4
}

// timesFloat draws, for each shape, bars of the fastest kernel of each pair of
// formats over float32.
func timesFloat(m *machine, groups []*group) (plotted, bool, error) {
	var with []*group
	var formats []string
	seen := map[string]bool{}
	for _, g := range groups {
		// Dots are left out: their shapes are too many, and their story is GEMV's.
		if g.float() == nil || len(g.formats()) < 2 || g.rows[0].keys["threads"] != "" || g.name == "Dot" {
			continue
		}
		with = append(with, g)
		for _, f := range g.formats() {
			if !seen[f] && f != floatFormats {
				seen[f] = true
				formats = append(formats, f)
			}
		}
	}
	if len(with) == 0 || len(formats) == 0 {
		return plotted{}, false, nil
	}
	title := "Times faster than float32, the fastest kernel of each"
	p := newPlot(title, "", "times float32")
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
			return plotted{}, false, err
		}
		bars.Color = palette[i%len(palette)]
		bars.LineStyle.Width = 0
		bars.Offset = width * vg.Length(float64(i)-float64(len(formats)-1)/2)
		p.Add(bars)
		p.Legend.Add(f, bars)
	}
	one := plotter.NewFunction(func(float64) float64 { return 1 })
	one.Color, one.Width, one.Dashes = grey, vg.Points(1), []vg.Length{vg.Points(4), vg.Points(3)}
	p.Add(one)
	p.Legend.Add("float32", one)
	nominal(p, names)
	p.Y.Min, p.Y.Max = 0, top*1.05
	svg, err := render(p, max(6, 1.8+0.95*float64(len(with))), 4.2)
	return plotted{m.slug + "-float.svg", title, svg}, true, err
}

// decadeTicks are 1, 2 and 5 times powers of ten, at their logarithms.
func decadeTicks(low, high float64) plot.ConstantTicks {
	var list plot.ConstantTicks
	for e := math.Floor(low); e <= high; e++ {
		for _, f := range []float64{1, 2, 5} {
			if v := e + math.Log10(f); v >= low && v <= high {
				list = append(list, plot.Tick{Value: v, Label: fmt.Sprintf("%.4g", f*math.Pow(10, e))})
			}
		}
	}
	return list
}

// legendWidth is the place right of the plot where the legend stands.
const legendWidth = vg.Length(100)

// render draws the plot as SVG. Where the viewer lacks the font whose widths
// were used, one of the same widths stands in.
func render(p *plot.Plot, width, height float64) ([]byte, error) {
	c := vgsvg.New(vg.Length(width)*vg.Inch, vg.Length(height)*vg.Inch)
	const margin = 8
	p.Draw(draw.Crop(draw.New(c), margin, -margin-legendWidth, margin, -margin))
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return nil, err
	}
	return bytes.ReplaceAll(b.Bytes(), []byte("font-family:Liberation Sans;"), []byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif;")), nil
}
