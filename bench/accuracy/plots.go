package main

import (
	"cmp"
	"fmt"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"example.com/lowbit/netrun/chart"
)

// plots draws what the set has the runs for.
func (s *set) plots() ([]chart.Plotted, error) {
	var list []chart.Plotted
	for _, draw := range []func() (chart.Plotted, bool, error){s.bitsPlot, s.curvesPlot, s.levelsPlot, s.zerosPlot} {
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

// A point is a row of the tables in the plot of accuracies.
type point struct {
	g      *group
	f      figure
	y      float64
	beside bool // others of its method and formats did better
}

// tested are the rows that were tested, and the range of the axis: that of all
// but ptq, which may be far below.
func (s *set) tested() (list []point, low, high float64) {
	ys, rounded := chart.NewSpan(), chart.NewSpan()
	for _, g := range s.groups {
		f := g.test()
		if f.n == 0 {
			continue
		}
		list = append(list, point{g, f, height(f.mean), g != s.best(g.Method, g.formats(), nil)})
		if g.Method == "ptq" {
			rounded.Add(height(f.mean))
			continue
		}
		ys.Add(height(f.low))
		ys.Add(height(f.high))
	}
	if len(list) == 0 {
		return nil, 0, 0
	}
	if ys.Low > ys.High {
		ys = rounded
	}
	if room := 0.5 * (ys.High - ys.Low); rounded.Low < ys.Low && rounded.Low > ys.Low-room {
		ys.Low = rounded.Low
	}
	pad := max(0.1*(ys.High-ys.Low), 0.02)
	return list, ys.Low - pad, ys.High + pad
}

var weightFormats = []string{"binary", "ternary", "pow2:3", "pow2:4", "int8", "float32"}

// bitsPlot draws test accuracy against bits a weight and against bytes of the
// model file.
func (s *set) bitsPlot() (chart.Plotted, bool, error) {
	points, low, high := s.tested()
	if len(points) == 0 {
		return chart.Plotted{}, false, nil
	}
	title := s.title() + ": test accuracy against bits a weight, and against the model file's bytes"
	bits := chart.New(s.title(), "bits a weight", "test accuracy, % (log of the error)")
	size := chart.New("the same against bytes", "KB of the model file", "")
	var names []string
	for _, w := range weightFormats {
		names = append(names, fmt.Sprintf("%d\n%s", weightBits(w), w))
	}
	chart.Nominal(bits, names)
	accuracyAxis(bits, low, high)
	accuracyAxis(size, low, high)

	xs := chart.NewSpan()
	for _, pt := range points {
		xs.Add(math.Log10(float64(pt.g.Bytes) / 1000))
	}
	if !xs.Plausible() {
		return chart.Plotted{}, false, nil
	}
	size.X.Min, size.X.Max = xs.Low-0.15, xs.High+0.15
	size.X.Tick.Marker = chart.DecadeTicks(size.X.Min, size.X.Max, 0)

	if base := s.float(); base != nil && base.test().n > 0 {
		y := height(base.test().mean)
		for _, p := range []*plot.Plot{bits, size} {
			line, err := plotter.NewLine(plotter.XYs{{X: p.X.Min, Y: y}, {X: p.X.Max, Y: y}})
			if err != nil {
				return chart.Plotted{}, false, err
			}
			line.Color, line.Width, line.Dashes = chart.Grey, vg.Points(0.8), []vg.Length{vg.Points(4), vg.Points(3)}
			p.Add(line)
		}
	}
	front, line := s.front(points, low)
	line = append(line, plotter.XY{X: size.X.Max, Y: line[len(line)-1].Y})
	if err := curve(size, "best for its bytes", line, low, draw.LineStyle{Color: color.RGBA{170, 170, 170, 255}, Width: vg.Points(1)}); err != nil {
		return chart.Plotted{}, false, err
	}
	bitTexts := &chart.Labels{Style: chart.Small(bits, chart.Grey)}
	sizeTexts := &chart.Labels{Style: chart.Small(size, chart.Grey), Avoid: along(line)}
	for _, method := range methods {
		var atBits, atSize, line plotter.XYs
		for _, pt := range points {
			if pt.g.Method != method {
				continue
			}
			mark := marks[method]
			x := float64(slices.Index(weightFormats, pt.g.Weights)) + aside[method]
			b, z := plotter.XY{X: x, Y: max(pt.y, low)}, plotter.XY{X: math.Log10(float64(pt.g.Bytes) / 1000), Y: max(pt.y, low)}
			atBits, atSize = append(atBits, b), append(atSize, z)
			if !pt.beside && pt.y >= low && (len(line) == 0 || line[len(line)-1].X != b.X) {
				line = append(line, b)
			}
			text := ""
			switch {
			case pt.y < low:
				text = fmt.Sprintf("↓ %.1f", pt.f.mean)
				sizeTexts.List = append(sizeTexts.List, chart.Label{XY: z, Text: text, Color: mark.Color})
			case pt.beside:
				text = pt.g.differs(s.best(method, pt.g.formats(), nil))
			case s.manyActs(pt.g):
				text = pt.g.Acts
			}
			if text != "" {
				bitTexts.List = append(bitTexts.List, chart.Label{XY: b, Text: text, Color: mark.Color})
			}
			if slices.Contains(front, pt.g) {
				text := pt.g.formats()
				if method == "float" {
					text = method
				}
				sizeTexts.List = append(sizeTexts.List, chart.Label{XY: z, Text: text, Color: mark.Color})
			}
			if pt.f.n > 1 && pt.y >= low {
				if err := curve(bits, "", plotter.XYs{{X: b.X, Y: height(pt.f.low)}, {X: b.X, Y: height(pt.f.high)}}, low,
					draw.LineStyle{Color: mark.Color, Width: vg.Points(1)}); err != nil {
					return chart.Plotted{}, false, err
				}
			}
		}
		if len(atBits) == 0 {
			continue
		}
		if err := curve(bits, "", line, low, draw.LineStyle{Color: marks[method].Color, Width: vg.Points(1.2), Dashes: dashes[method]}); err != nil {
			return chart.Plotted{}, false, err
		}
		if err := chart.Scatter(bits, method, atBits, marks[method], 3); err != nil {
			return chart.Plotted{}, false, err
		}
		if err := chart.Scatter(size, method, atSize, marks[method], 3); err != nil {
			return chart.Plotted{}, false, err
		}
		bitTexts.Avoid, sizeTexts.Avoid = append(bitTexts.Avoid, atBits...), append(sizeTexts.Avoid, atSize...)
	}
	bits.Add(bitTexts)
	size.Add(sizeTexts)
	bits.Legend = plot.NewLegend() // the other's is for both
	svg, err := chart.RenderTiles([][]*plot.Plot{{bits, size}}, 10, 4.2, chart.LegendWidth)
	return chart.Plotted{File: s.name() + "-bits.svg", Title: title, SVG: svg}, true, err
}

// aside is how far right of a format's place a method's rows stand, so that
// their ranges can be told apart.
var aside = map[string]float64{"dst": -0.08, "ste": 0.08}

// manyActs tells whether the group's weights are there with several formats of
// activations.
func (s *set) manyActs(g *group) bool {
	return slices.ContainsFunc(s.groups, func(o *group) bool { return o.Weights == g.Weights && o.Acts != g.Acts })
}

// differs says how the first and last layer are not those of another row.
func (g *group) differs(from *group) string {
	switch {
	case g.First != from.First && g.Last != from.Last:
		return "first " + g.First + ", last " + g.Last
	case g.First != from.First:
		return "first " + g.First
	case g.Last != from.Last:
		return "last " + g.Last
	}
	return ""
}

// front lists the rows that no other row beats in both accuracy and bytes, and
// the stairs through them.
func (s *set) front(points []point, low float64) (on []*group, line plotter.XYs) {
	list := slices.Clone(points)
	slices.SortStableFunc(list, func(a, b point) int { return cmp.Or(cmp.Compare(a.g.Bytes, b.g.Bytes), cmp.Compare(b.y, a.y)) })
	for _, pt := range list {
		if pt.y < low || len(line) > 0 && pt.y <= line[len(line)-1].Y {
			continue
		}
		x := math.Log10(float64(pt.g.Bytes) / 1000)
		if len(line) > 0 {
			line = append(line, plotter.XY{X: x, Y: line[len(line)-1].Y})
		}
		line = append(line, plotter.XY{X: x, Y: pt.y})
		on = append(on, pt.g)
	}
	return on, line
}

// along are points on a line, for labels to avoid.
func along(line plotter.XYs) plotter.XYs {
	var points plotter.XYs
	const parts = 16
	for i := 1; i < len(line); i++ {
		a, b := line[i-1], line[i]
		for j := range parts {
			t := float64(j) / parts
			points = append(points, plotter.XY{X: a.X + t*(b.X-a.X), Y: a.Y + t*(b.Y-a.Y)})
		}
	}
	return points
}

// curvesPlot draws accuracy on the validation images by epoch, of the best row
// of each method and formats.
func (s *set) curvesPlot() (chart.Plotted, bool, error) {
	title := s.title() + ": accuracy on the validation images by epoch"
	p := chart.New(title, "epoch", "% (log of the error)")
	ys, xs := chart.NewSpan(), chart.NewSpan()
	var shown []*group
	for _, g := range s.groups {
		n := len(g.Epochs)
		if n < 2 || g != s.best(g.Method, g.formats(), nil) {
			continue
		}
		shown = append(shown, g)
		for i, e := range g.Epochs {
			if i >= n/5 {
				ys.Add(height(e.Accuracy))
			}
		}
		xs.Add(float64(g.Epochs[n-1].Epoch))
	}
	if len(shown) == 0 {
		return chart.Plotted{}, false, nil
	}
	pad := max(0.05*(ys.High-ys.Low), 0.01)
	low := ys.Low - pad
	accuracyAxis(p, low, ys.High+pad)
	p.X.Min, p.X.Max, p.X.Padding = 1, xs.High, 0
	p.X.Tick.Marker = wholeTicks(1, xs.High)
	for _, g := range shown {
		var points plotter.XYs
		for _, e := range g.Epochs {
			points = append(points, plotter.XY{X: float64(e.Epoch), Y: height(e.Accuracy)})
		}
		name := g.Method
		if name != "float" {
			name += " " + g.formats()
		}
		style := draw.LineStyle{Color: colors[g.Weights], Width: vg.Points(1.2), Dashes: dashes[g.Method]}
		if err := curve(p, name, points, low, style); err != nil {
			return chart.Plotted{}, false, err
		}
	}
	svg, err := chart.Render(p, 8, 4.5, chart.LegendWidth)
	return chart.Plotted{File: s.name() + "-curves.svg", Title: title, SVG: svg}, true, err
}
