package main

import (
	"fmt"
	"image/color"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"example.com/lowbit/netrun/chart"
)

// counted lists the epochs of a run whose levels were counted.
func (r *run) counted() []epoch {
	return slices.DeleteFunc(slices.Clone(r.Epochs), func(e epoch) bool { return e.Levels[r.Weights] == nil })
}

// shade is the colour of a level: the further from zero, the deeper, blue below
// and red above.
func shade(level, top int8) color.RGBA {
	grey := color.RGBA{232, 232, 228, 255}
	if level == 0 {
		return grey
	}
	deep := color.RGBA{120, 15, 10, 255}
	if level < 0 {
		level, deep = -level, color.RGBA{5, 30, 95, 255}
	}
	steps, at := 1, 1 // places from zero to the top, and of this level
	for l := int8(1); l < top; l *= 2 {
		steps++
		if l < level {
			at++
		}
	}
	part := 0.1 + 0.9*float64(at)/float64(steps)
	mix := func(a, b uint8) uint8 { return uint8(float64(a) + part*(float64(b)-float64(a))) }
	return color.RGBA{mix(grey.R, deep.R), mix(grey.G, deep.G), mix(grey.B, deep.B), 255}
}

// levelsPlot draws the share of each level by epoch: a row for each format that
// has more than a sign, dst beside ste.
func (s *set) levelsPlot() (chart.Plotted, bool, error) {
	shown := []string{"dst", "ste"}
	var rows [][]*plot.Plot
	for _, w := range []string{"pow2:4", "pow2:3", "ternary"} {
		row := make([]*plot.Plot, len(shown))
		last := -1
		for i, method := range shown {
			g := s.bestOf(method, w)
			if g == nil || len(g.counted()) < 2 {
				continue
			}
			p, err := levelsPanel(g.run)
			if err != nil {
				return chart.Plotted{}, false, err
			}
			row[i], last = p, i
		}
		if row[0] == nil { // nothing without dst
			continue
		}
		for i, p := range row {
			if p != nil && i != last {
				p.Legend = plot.NewLegend()
			}
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		return chart.Plotted{}, false, nil
	}
	if !slices.ContainsFunc(rows, func(row []*plot.Plot) bool { return row[1] != nil }) {
		for i := range rows {
			rows[i] = rows[i][:1]
		}
	}
	title := s.title() + ": share of each level of the weights by epoch"
	svg, err := chart.RenderTiles(rows, 1.2+4*float64(len(rows[0])), 2.8*float64(len(rows)), 50)
	return chart.Plotted{File: s.name() + "-levels.svg", Title: title, SVG: svg}, true, err
}

// bestOf is the group of a method and of a format of weights that validation
// prefers.
func (s *set) bestOf(method, weights string) *group {
	var best *group
	for _, g := range s.groups {
		if g.Method == method && g.Weights == weights && (best == nil || g.validation().mean > best.validation().mean) {
			best = g
		}
	}
	return best
}

func levelsPanel(r *run) (*plot.Plot, error) {
	epochs := r.counted()
	p := chart.New(fmt.Sprintf("%s %s: %s %s", r.Dataset, r.Network, r.Method, r.formats()), "epoch", "% of the weights")
	p.Title.Padding = vg.Points(4)
	p.Legend.XOffs = 45
	p.X.Min, p.X.Max, p.X.Padding = float64(epochs[0].Epoch), float64(epochs[len(epochs)-1].Epoch), 0
	p.X.Tick.Marker = wholeTicks(p.X.Min, p.X.Max)
	p.Y.Min, p.Y.Max, p.Y.Padding = 0, 100, 0
	p.Y.Tick.Marker = wholeTicks(0, 100)
	levels := values(r.Weights)
	under := make([]float64, len(epochs))
	var areas []*plotter.Polygon
	for i := range levels {
		var lower, upper plotter.XYs
		for j, e := range epochs {
			count := e.Levels[r.Weights].Count
			sum := 0
			for _, n := range count {
				sum += n
			}
			lower = append(lower, plotter.XY{X: float64(e.Epoch), Y: under[j]})
			under[j] += 100 * float64(count[i]) / float64(max(sum, 1))
			upper = append(upper, plotter.XY{X: float64(e.Epoch), Y: under[j]})
		}
		slices.Reverse(upper)
		area, err := plotter.NewPolygon(append(lower, upper...))
		if err != nil {
			return nil, err
		}
		area.Color = shade(levels[i], levels[len(levels)-1])
		area.LineStyle = draw.LineStyle{Color: color.White, Width: vg.Points(0.3)}
		p.Add(area)
		areas = append(areas, area)
	}
	for i := range slices.Backward(levels) {
		p.Legend.Add(strconv.Itoa(int(levels[i])), areas[i])
	}
	return p, nil
}

// zerosPlot draws the share of zeros by epoch, and by layer at the end.
func (s *set) zerosPlot() (chart.Plotted, bool, error) {
	over := chart.New(s.title()+": share of zeros", "epoch", "% of the weights")
	by := chart.New("by layer, at the end (p: projection)", "layer", "")
	var names []string // of layers
	epochs, top := 0.0, 0.0
	type series struct {
		g             *group
		over, byLayer plotter.XYs
	}
	var list []series
	for _, w := range []string{"pow2:4", "pow2:3", "ternary"} {
		for _, method := range []string{"dst", "ste"} {
			g := s.bestOf(method, w)
			if g == nil {
				continue
			}
			x := series{g: g}
			for _, e := range g.counted() {
				if share, ok := e.Levels[w].zeros(w); ok {
					x.over = append(x.over, plotter.XY{X: float64(e.Epoch), Y: 100 * share})
					epochs, top = max(epochs, float64(e.Epoch)), max(top, 100*share)
				}
			}
			for _, l := range g.Layers {
				if l.Number == 0 {
					continue
				}
				name := strconv.Itoa(l.Layer)
				if l.Projection {
					name += "p"
				}
				at := slices.Index(names, name)
				if at < 0 {
					at = len(names)
					names = append(names, name)
				}
				share := 100 * float64(l.Zeros) / float64(l.Number)
				x.byLayer = append(x.byLayer, plotter.XY{X: float64(at), Y: share})
				top = max(top, share)
			}
			list = append(list, x)
		}
	}
	if top == 0 || epochs < 2 {
		return chart.Plotted{}, false, nil
	}
	for _, p := range []*plot.Plot{over, by} {
		p.Y.Min, p.Y.Max, p.Y.Padding = 0, min(100, top*1.08), 0
		p.Y.Tick.Marker = wholeTicks(0, p.Y.Max)
	}
	over.X.Min, over.X.Max, over.X.Padding = 1, epochs, 0
	over.X.Tick.Marker = wholeTicks(1, epochs)
	chart.Nominal(by, names)
	for _, x := range list {
		style := draw.LineStyle{Color: colors[x.g.Weights], Width: vg.Points(1.2), Dashes: dashes[x.g.Method]}
		if len(x.over) > 1 {
			if err := curve(over, "", x.over, 0, style); err != nil {
				return chart.Plotted{}, false, err
			}
		}
		if err := curve(by, x.g.Method+" "+x.g.formats(), x.byLayer, 0, style); err != nil {
			return chart.Plotted{}, false, err
		}
		dots, err := plotter.NewScatter(x.byLayer)
		if err != nil {
			return chart.Plotted{}, false, err
		}
		dots.GlyphStyle = draw.GlyphStyle{Color: style.Color, Radius: vg.Points(2), Shape: marks[x.g.Method].Shape}
		by.Add(dots)
	}
	title := s.title() + ": share of zeros by epoch and by layer"
	svg, err := chart.RenderTiles([][]*plot.Plot{{over, by}}, 10, 3.8, chart.LegendWidth)
	return chart.Plotted{File: s.name() + "-zeros.svg", Title: title, SVG: svg}, true, err
}
