package main

import (
	"fmt"
	"image/color"
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"example.com/lowbit/bench/internal/page"
	"example.com/lowbit/netrun/chart"
)

// thirds are the parts of a run.
var thirds = []string{"first", "middle", "last"}

// part are the epochs of a part of a run whose moves were counted.
func (r *run) part(name string) ([]epoch, error) {
	list := slices.DeleteFunc(r.counted(), func(e epoch) bool { return e.Levels[r.Weights].Moved == nil })
	i := slices.Index(thirds, name)
	switch {
	case name == "all":
		return list, nil
	case i < 0:
		return nil, fmt.Errorf("part %q of a run: want all or one of %q", name, thirds)
	}
	return list[i*len(list)/3 : (i+1)*len(list)/3], nil
}

// moves is the share of the weights on the levels of a magnitude that the last
// step of an epoch moved, over the epochs; ok is false if there were none.
func (r *run) moves(epochs []epoch, magnitude int) (share float64, ok bool) {
	count, moved := 0, 0
	for i, level := range values(r.Weights) {
		if int(level) != magnitude && int(level) != -magnitude {
			continue
		}
		for _, e := range epochs {
			count += e.Levels[r.Weights].Count[i]
			moved += e.Levels[r.Weights].Moved[i]
		}
	}
	return float64(moved) / float64(max(count, 1)), count > 0
}

// movedAll is the share of all weights of the format that a step moved.
func (r *run) movedAll(part string) (share float64, ok bool) {
	epochs, err := r.part(part)
	if err != nil {
		return 0, false
	}
	count, moved := 0, 0
	for _, e := range epochs {
		for i := range e.Levels[r.Weights].Count {
			count += e.Levels[r.Weights].Count[i]
			moved += e.Levels[r.Weights].Moved[i]
		}
	}
	return float64(moved) / float64(max(count, 1)), count > 0
}

func (s *study) moved(name string, level int, part string) (string, error) {
	r, err := s.find(name)
	if err != nil {
		return "", err
	}
	epochs, err := r.part(part)
	if err != nil {
		return "", err
	}
	share, ok := r.moves(epochs, level)
	if !ok {
		return "", fmt.Errorf("run %q has no moves of level %d, format %s, in part %q", name, level, r.Weights, part)
	}
	return fmt.Sprintf("%.2g", 100*share), nil
}

// magnitudes are those of a format's levels.
func magnitudes(format string) []int {
	var list []int
	for _, l := range values(format) {
		if l >= 0 {
			list = append(list, int(l))
		}
	}
	return list
}

// movers are the runs named or, if there are no names, for each power-of-two
// format the dst run of the most epochs with counts, the best of them, and ste's
// on the same data.
func (s *study) movers(names []string) ([]*run, error) {
	if len(names) > 0 {
		return s.named(names)
	}
	var list []*run
	for _, w := range []string{"pow2:4", "pow2:3"} {
		most := func(method string, like *run) *run {
			var best *run
			for _, r := range s.runs {
				if r.Method != method || r.Weights != w || like != nil && (r.Dataset != like.Dataset || r.Network != like.Network) {
					continue
				}
				epochs, _ := r.part("all")
				if len(epochs) < len(thirds) {
					continue
				}
				if best == nil || len(r.counted()) > len(best.counted()) || len(r.counted()) == len(best.counted()) && r.Accuracy > best.Accuracy {
					best = r
				}
			}
			return best
		}
		if dst := most("dst", nil); dst != nil {
			list = append(list, dst)
			if ste := most("ste", dst); ste != nil {
				list = append(list, ste)
			}
		}
	}
	return list, nil
}

// movesTable is, for each run, the percent of the weights on each level that a
// step moves.
func (s *study) movesTable(names ...string) (string, error) {
	list, err := s.movers(names)
	if err != nil {
		return "", err
	}
	if len(list) == 0 {
		return "No runs yet.", nil
	}
	var tables []string
	for _, format := range []string{"pow2:4", "pow2:3", "ternary", "binary"} {
		heads := []string{"percent moved a step, by third"}
		for _, m := range magnitudes(format) {
			name := strconv.Itoa(m)
			if m > 0 {
				name = "±" + name
			}
			heads = append(heads, " "+name)
		}
		t := page.Table{Heads: append(heads, "run")}
		for _, r := range list {
			if r.Weights != format {
				continue
			}
			for _, part := range thirds {
				epochs, err := r.part(part)
				if err != nil {
					return "", err
				}
				cells := []string{fmt.Sprintf("%s %s, %s", r.Method, r.formats(), part)}
				for _, m := range magnitudes(format) {
					text := "-"
					if share, ok := r.moves(epochs, m); ok {
						text = fmt.Sprintf("%.2g", 100*share)
					}
					cells = append(cells, text)
				}
				t.Add(append(cells, s.links.to(r))...)
			}
		}
		var b strings.Builder
		t.Write(&b)
		if b.Len() > 0 {
			tables = append(tables, strings.Trim(b.String(), "\n"))
		}
	}
	return strings.Join(tables, "\n\n"), nil
}

// image keeps a plot and returns what shows it on the page.
func (s *study) image(p chart.Plotted) string {
	s.plots = append(s.plots, p)
	return "![" + p.Title + "](" + p.File + ")"
}

// plotMoves draws the rate of moves against the level, which says the gap to the
// next, a panel for each format: dst and ste, by thirds of the run.
func (s *study) plotMoves(file string, names ...string) (string, error) {
	list, err := s.movers(names)
	if err != nil || len(list) == 0 {
		return "", err
	}
	var panels []*plot.Plot
	var used []string
	for _, format := range []string{"pow2:4", "pow2:3", "ternary"} {
		runs := slices.DeleteFunc(slices.Clone(list), func(r *run) bool { return r.Weights != format })
		if len(runs) == 0 {
			continue
		}
		p, ok, err := movesPanel(format, runs)
		if err != nil {
			return "", err
		}
		if ok {
			panels = append(panels, p)
			used = append(used, format)
		}
	}
	if len(panels) == 0 {
		return "", nil
	}
	for _, p := range panels[:len(panels)-1] {
		p.Legend = plot.NewLegend()
	}
	for _, p := range panels[1:] {
		p.Y.Label.Text = ""
	}
	svg, err := chart.RenderTiles([][]*plot.Plot{panels}, 2+4*float64(len(panels)), 4, chart.LegendWidth)
	return s.image(chart.Plotted{File: file, Title: "Rate of moves against the level: " + strings.Join(used, ", "), SVG: svg}), err
}

// lighter mixes a colour with white.
func lighter(c color.RGBA, white float64) color.RGBA {
	mix := func(v uint8) uint8 { return uint8(float64(v) + white*float64(255-v)) }
	return color.RGBA{mix(c.R), mix(c.G), mix(c.B), 255}
}

func movesPanel(format string, runs []*run) (*plot.Plot, bool, error) {
	p := chart.New(runs[0].Dataset+" "+runs[0].Network+": "+format, "level, and the gaps to the next ones", "% of a level's weights moved in a step")
	levels := magnitudes(format)
	var names []string
	for i, m := range levels {
		name := "±" + strconv.Itoa(m)
		switch {
		case m == 0:
			name = "0\n1"
		case i == len(levels)-1:
			name += "\n" + strconv.Itoa(max(m/2, 1))
		default:
			name += fmt.Sprintf("\n%d, %d", max(m/2, 1), m)
		}
		names = append(names, name)
	}
	chart.Nominal(p, names)
	ys := chart.NewSpan()
	slope := math.NaN() // where the line of rates that fall as gaps grow starts
	for _, r := range runs {
		for i, part := range thirds {
			epochs, err := r.part(part)
			if err != nil {
				return nil, false, err
			}
			var points plotter.XYs
			for j, m := range levels {
				if share, ok := r.moves(epochs, m); ok && share > 0 {
					y := math.Log10(100 * share)
					points = append(points, plotter.XY{X: float64(j), Y: y})
					ys.Add(y)
					if m == 2 && r.Method == "dst" && part == "middle" && math.IsNaN(slope) {
						slope = y
					}
				}
			}
			if len(points) == 0 {
				continue
			}
			style := draw.LineStyle{Color: lighter(marks[r.Method].Color, []float64{0.6, 0.35, 0}[i]), Width: vg.Points(1.3), Dashes: dashes[r.Method]}
			line, dots, err := plotter.NewLinePoints(points)
			if err != nil {
				return nil, false, err
			}
			line.LineStyle = style
			dots.GlyphStyle = draw.GlyphStyle{Color: style.Color, Radius: vg.Points(2.5), Shape: marks[r.Method].Shape}
			p.Add(line, dots)
			p.Legend.Add(fmt.Sprintf("%s, %s third", r.Method, part), line, dots)
		}
	}
	if !ys.Plausible() {
		return nil, false, nil
	}
	if at := slices.Index(levels, 2); !math.IsNaN(slope) && at >= 0 && at < len(levels)-1 {
		line, err := plotter.NewLine(plotter.XYs{{X: float64(at), Y: slope}, {X: float64(len(levels) - 1), Y: slope - math.Log10(2)*float64(len(levels)-1-at)}})
		if err != nil {
			return nil, false, err
		}
		line.Color, line.Width, line.Dashes = chart.Grey, vg.Points(1), []vg.Length{vg.Points(1), vg.Points(2)}
		ys.Add(line.XYs[1].Y)
		p.Add(line)
		p.Legend.Add("as one over the gap", line)
	}
	p.Y.Min, p.Y.Max, p.Y.Padding = ys.Low-0.1, ys.High+0.1, 0
	p.Y.Tick.Marker = chart.DecadeTicks(p.Y.Min, p.Y.Max, 0)
	return p, true, nil
}

// plotState draws accuracy on the validation images against the bytes of
// training state, for runs that differ in the optimizer and in what holds its
// moments: the best of each, whatever its rates.
func (s *study) plotState(file string, names ...string) (string, error) {
	var list []class
	if len(names) > 0 {
		runs, err := s.named(names)
		if err != nil {
			return "", err
		}
		list = []class{{runs[0].Dataset + " " + runs[0].Network, groups(runs)}}
	} else {
		list = s.classes(moments, momentsFree)
	}
	var panels []*plot.Plot
	for _, c := range list {
		p, ok, err := statePanel(c)
		if err != nil {
			return "", err
		}
		if ok && len(panels) < 3 {
			panels = append(panels, p)
		}
	}
	if len(panels) == 0 {
		return "", nil
	}
	for _, p := range panels[1:] {
		p.Y.Label.Text = ""
	}
	svg, err := chart.RenderTiles([][]*plot.Plot{panels}, 1.5+4.2*float64(len(panels)), 3.8, 0)
	return s.image(chart.Plotted{File: file, Title: "Accuracy on validation images against bytes of training state", SVG: svg}), err
}

// The question of what moments cost, and what may differ as well because each
// optimizer needs its own.
var (
	moments     = []string{"Optimizer", "State"}
	momentsFree = []string{"LR", "NormLR", "Beta1", "Beta2", "Beta1End", "Contrast", "Decay"}
)

func statePanel(c class) (*plot.Plot, bool, error) {
	p := chart.New(c.title, "KB of training state", "validation accuracy, % (log of the error)")
	best := map[string]*group{}
	for _, g := range c.groups {
		key := g.Method + " " + g.optimizer()
		if b := best[key]; b == nil || g.validation().mean > b.validation().mean {
			best[key] = g
		}
	}
	xs, ys := chart.NewSpan(), chart.NewSpan()
	texts := &chart.Labels{Style: chart.Small(p, chart.Grey)}
	points := map[string]plotter.XYs{}
	for _, g := range c.groups {
		if best[g.Method+" "+g.optimizer()] != g {
			continue
		}
		at := plotter.XY{X: math.Log10(float64(max(g.state(), 1)) / 1000), Y: height(g.validation().mean)}
		xs.Add(at.X)
		ys.Add(at.Y)
		points[g.Method] = append(points[g.Method], at)
		texts.Avoid = append(texts.Avoid, at)
		texts.List = append(texts.List, chart.Label{XY: at, Text: g.Method + " " + g.optimizer(), Color: marks[g.Method].Color})
	}
	if len(best) < 2 || !xs.Plausible() || !ys.Plausible() {
		return nil, false, nil
	}
	for _, method := range methods {
		if points[method] != nil {
			if err := chart.Scatter(p, method, points[method], marks[method], 3.5); err != nil {
				return nil, false, err
			}
		}
	}
	p.Legend = plot.NewLegend() // the labels say it
	p.X.Min, p.X.Max = xs.Low-0.2, xs.High+0.35
	p.X.Tick.Marker = chart.DecadeTicks(p.X.Min, p.X.Max, 0)
	pad := max(0.15*(ys.High-ys.Low), 0.01)
	accuracyAxis(p, ys.Low-pad, ys.High+pad)
	p.Add(texts)
	return p, true, nil
}
