package main

import (
	"bytes"
	"cmp"
	"fmt"
	"image/color"
	"math"
	"slices"
	"strings"

	"golang.org/x/perf/benchunit"
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

// plots draws what the files have the rows for.
func plots(m *machine) ([]plotted, error) {
	var list []plotted
	for _, draw := range []func() (plotted, bool, error){
		m.roofline,
		func() (plotted, bool, error) { return m.speedByBits("GEMM") },
		func() (plotted, bool, error) { return m.speedByBits("GEMV") },
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
// bits of a weight, by the logarithm of its speed, and the fastest peers as
// lines. (With gonum's own logarithmic scale the axis label makes a gap above
// the plot.)
func (m *machine) speedByBits(name string) (plotted, bool, error) {
	groups := m.compared().groups
	g := largest(groups, name, "cold")
	if g == nil {
		g = largest(groups, name, "")
	}
	if g == nil {
		return plotted{}, false, nil
	}
	title := g.title() + ": speed against bits a weight"
	p := newPlot(title, "bits a weight", "billion operations a second")
	var names []string
	for _, w := range weightFormats {
		names = append(names, fmt.Sprintf("%d\n%s", w.bits, w.name))
	}
	nominal(p, names)
	ys := newSpan()
	height := func(r *row) (float64, bool) {
		y := math.Log10(r.center("ops/s") / 1e9)
		if finite(y) {
			ys.add(y)
		}
		return y, finite(y)
	}
	points := map[string][]label{}
	for _, f := range g.formats() {
		for _, isa := range g.tiers() {
			r := g.fastest(func(r *row) bool { return r.ours() && r.formats() == f && r.isa() == isa })
			if r == nil || place(r) < 0 {
				continue
			}
			if y, ok := height(r); ok {
				points[isa] = append(points[isa], label{XY: plotter.XY{X: float64(place(r)), Y: y}, text: r.keys["w"] + " " + r.keys["a"]})
			}
		}
	}
	var texts labels
	texts.style = small(p, grey)
	drawn := 0
	for i, isa := range g.tiers() {
		if points[isa] == nil {
			continue
		}
		drawn++
		if err := texts.series(p, isa, points[isa], palette[i%len(palette)]); err != nil {
			return plotted{}, false, err
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
	if drawn == 0 || !ys.plausible() {
		return plotted{}, false, nil
	}
	p.Add(&texts)
	p.Y.Min, p.Y.Max = ys.low-0.1, ys.high+0.15
	p.Y.Tick.Marker = decadeTicks(p.Y.Min, p.Y.Max, 0)
	svg, err := render(p, 8, 5, legendWidth)
	return plotted{m.slug + "-" + strings.ToLower(g.name) + ".svg", title, svg}, true, err
}

// near is how close two points of one x may be before they share a label.
const near = 0.06

// series draws all points of an instruction set, a line through the best of
// each x, and keeps their names to be drawn when all points are known.
func (l *labels) series(p *plot.Plot, name string, points []label, c color.RGBA) error {
	slices.SortStableFunc(points, func(a, b label) int {
		return cmp.Or(cmp.Compare(a.X, b.X), cmp.Compare(b.Y, a.Y))
	})
	var all, top plotter.XYs
	for i, pt := range points {
		points[i].color = c
		all = append(all, pt.XY)
		if i == 0 || points[i-1].X != pt.X {
			top = append(top, pt.XY)
		}
	}
	for _, lb := range join(points, 0.5, near) {
		_, lb.text = cutLast(lb.text) // the axis says the weights
		l.list = append(l.list, lb)
	}
	l.avoid = append(l.avoid, all...)
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

// nominal labels the places 0, 1, ... of the x axis.
func nominal(p *plot.Plot, names []string) {
	p.NominalX(names...)
	p.X.Tick.Label.Font.Size = vg.Points(9)
	p.X.Tick.Label.YAlign = text.YTop
	p.X.Padding = 0
	p.X.Min, p.X.Max = -0.6, float64(len(names))-0.4
}

// rows labels the places 0, -1, ... of the y axis, with a line at each.
func rows(p *plot.Plot, names []string) {
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

// timesFloat draws, for each shape, bars of the fastest kernel of each pair of
// formats over float32.
func (m *machine) timesFloat() (plotted, bool, error) {
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
		return plotted{}, false, nil
	}
	shades := shadesOf(formats)
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
		bars.Color = shades[f]
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
	svg, err := render(p, max(6, 1.8+0.95*float64(len(with))), 4.2, legendWidth)
	return plotted{m.slug + "-float.svg", title, svg}, true, err
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
		c := palette[i%len(palette)]
		for j, f := range acts[w] {
			part := 0.8 * float64(j) / float64(len(acts[w])) // of white
			lighter := func(v uint8) uint8 { return uint8(float64(v) + part*float64(255-v)) }
			shades[f] = color.RGBA{lighter(c.R), lighter(c.G), lighter(c.B), 255}
		}
	}
	return shades
}

// decadeTicks are 1, 2 and 5 times powers of ten, at their logarithms; the
// labels count units of ten to the power of unit.
func decadeTicks(low, high, unit float64) plot.ConstantTicks {
	factors := []float64{1, 2, 5}
	if high-low > 4 {
		factors = factors[:1]
	}
	var list plot.ConstantTicks
	for e := math.Floor(low); e <= high; e++ {
		for _, f := range factors {
			if v := e + math.Log10(f); v >= low && v <= high {
				list = append(list, plot.Tick{Value: v, Label: fmt.Sprintf("%.4g", f*math.Pow(10, e-unit))})
			}
		}
	}
	return list
}

// prefixed is a number with a decimal prefix.
func prefixed(x float64) string { return benchunit.Scale(x, benchunit.Decimal) }

// legendWidth is the place right of most plots where the legend stands.
const legendWidth = vg.Length(115)

// render draws the plot as SVG, with room right of it. Where the viewer lacks
// the font whose widths were used, one of the same widths stands in.
func render(p *plot.Plot, width, height float64, right vg.Length) ([]byte, error) {
	c := vgsvg.New(vg.Length(width)*vg.Inch, vg.Length(height)*vg.Inch)
	const margin = 8
	p.Draw(draw.Crop(draw.New(c), margin, -margin-right, margin, -margin))
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return nil, err
	}
	return bytes.ReplaceAll(b.Bytes(), []byte("font-family:Liberation Sans;"), []byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif;")), nil
}
