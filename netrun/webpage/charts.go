package webpage

import (
	"bytes"
	"fmt"
	"html/template"
	"math"
	"slices"

	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"example.com/lowbit/netrun/chart"
)

// charts draws the times of a network, and accuracy against time and against bytes where
// there are accuracies.
func (n *network) charts() ([]template.HTML, error) {
	var list []template.HTML
	batches := n.batches()
	add := func(svg []byte, err error) error {
		if err == nil && svg != nil {
			list = append(list, template.HTML(inline(svg)))
		}
		return err
	}
	if err := add(n.bars(batches)); err != nil {
		return nil, err
	}
	least := batches[0]
	for _, c := range []struct {
		title, x string
		of       func(*entry) float64
	}{
		{"accuracy against time", "microseconds an image, batch of one", func(e *entry) float64 { return e.ns(least) / 1000 }},
		{"accuracy against size", "KiB of weights", func(e *entry) float64 { return float64(e.any().WeightBytes) / 1024 }},
	} {
		if err := add(n.scatter(c.title, c.x, c.of)); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// inline drops what precedes the svg element, which HTML does not want.
func inline(svg []byte) []byte {
	if i := bytes.Index(svg, []byte("<svg")); i >= 0 {
		return svg[i:]
	}
	return svg
}

// bars draws the time of an image, for the first two batch sizes.
func (n *network) bars(batches []int) ([]byte, error) {
	p := chart.New(n.Name+": time of an image (shorter is better)", "microseconds", "")
	batches = batches[:min(len(batches), 2)] // there is no more room
	const thick = 0.36
	longest := 0.0
	var names []string
	for j, e := range n.Entries {
		names = append(names, e.Label)
		for i, b := range batches {
			us := e.ns(b) / 1000
			longest = max(longest, us)
			c := chart.Palette[i]
			if e.Peer {
				c.A, c.R, c.G, c.B = c.A/2, c.R/2, c.G/2, c.B/2 // colours are premultiplied
			}
			top := thick*float64(len(batches))/2 - float64(j) - float64(i)*thick
			bar, err := plotter.NewPolygon(plotter.XYs{{X: 0, Y: top}, {X: us, Y: top}, {X: us, Y: top - thick}, {X: 0, Y: top - thick}})
			if err != nil {
				return nil, err
			}
			bar.Color, bar.LineStyle.Width = c, 0
			p.Add(bar)
		}
	}
	for i, b := range batches {
		legend, err := plotter.NewScatter(plotter.XYs{{}})
		if err != nil {
			return nil, err
		}
		legend.GlyphStyle = draw.GlyphStyle{Color: chart.Palette[i], Radius: vg.Points(4), Shape: draw.BoxGlyph{}}
		p.Legend.Add(fmt.Sprintf("batch of %d", b), legend)
	}
	chart.Rows(p, names)
	p.X.Min, p.X.Max = 0, longest*1.02
	return chart.Render(p, 7, 0.9+0.36*float64(len(names)), chart.LegendWidth)
}

// scatter draws accuracy against something, and the line of those that none beats in both.
func (n *network) scatter(title, x string, of func(*entry) float64) ([]byte, error) {
	var points plotter.XYs
	var labels []chart.Label
	xs, ys := chart.NewSpan(), chart.NewSpan()
	for _, e := range n.Entries {
		if v := of(e); v > 0 && len(e.accuracy) > 0 {
			at := plotter.XY{X: math.Log10(v), Y: e.mean()}
			xs.Add(at.X)
			ys.Add(at.Y)
			points = append(points, at)
			labels = append(labels, chart.Label{XY: at, Text: e.Label, Color: chart.Palette[0]})
		}
	}
	if len(points) < 2 {
		return nil, nil
	}
	p := chart.New(n.Name+": "+title, x+", log scale", "test accuracy, %")
	front, err := plotter.NewLine(pareto(points))
	if err != nil {
		return nil, err
	}
	front.StepStyle = plotter.PostStep
	front.LineStyle.Color, front.LineStyle.Width = chart.Grey, vg.Points(1)
	front.LineStyle.Dashes = []vg.Length{vg.Points(3), vg.Points(3)}
	p.Add(front)
	dots, err := plotter.NewScatter(points)
	if err != nil {
		return nil, err
	}
	dots.GlyphStyle = draw.GlyphStyle{Color: chart.Palette[0], Radius: vg.Points(4), Shape: draw.CircleGlyph{}}
	p.Add(dots)
	room := max(0.15*(ys.High-ys.Low), 0.05)
	p.X.Min, p.X.Max = xs.Low-0.2, xs.High+0.2
	p.Y.Min, p.Y.Max = ys.Low-room, min(ys.High+room, 100)
	p.X.Tick.Marker = chart.DecadeTicks(p.X.Min, p.X.Max, 0)
	p.Add(&chart.Labels{Style: chart.Small(p, chart.Palette[0]), List: labels, Avoid: points})
	return chart.Render(p, 4.6, 3.2, 0)
}

// pareto returns the points that no other beats in both, less x and more y, by x.
func pareto(points plotter.XYs) plotter.XYs {
	sorted := slices.Clone(points)
	slices.SortFunc(sorted, func(a, b plotter.XY) int {
		switch {
		case a.X < b.X:
			return -1
		case a.X > b.X:
			return 1
		case a.Y > b.Y:
			return -1
		}
		return 0
	})
	var front plotter.XYs
	for _, p := range sorted {
		if len(front) == 0 || p.Y > front[len(front)-1].Y {
			front = append(front, p)
		}
	}
	return front
}
