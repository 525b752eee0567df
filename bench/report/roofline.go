package main

import (
	"cmp"
	"fmt"
	"image/color"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"example.com/lowbit/netrun/chart"
)

// fullestGroup is the group with the most kernels on one thread, the largest of
// them.
func fullestGroup(groups []*group, name string) *group {
	var best *group
	for _, g := range groups {
		if g.name != name || !g.plain() || g.work() == 0 {
			continue
		}
		if best == nil || len(g.ours()) > len(best.ours()) || len(g.ours()) == len(best.ours()) && g.work() > best.work() {
			best = g
		}
	}
	return best
}

// roofline plots every kernel of a GEMM and of a GEMV, by operations a byte,
// under the ceilings that memory and arithmetic set. Both axes are logarithms.
func (m *machine) roofline() (chart.Plotted, bool, error) {
	s := m.compared()
	compute, read := m.limits(s)
	marks := m.marks()
	var c cloud
	var used []string
	xs, ys := chart.NewSpan(), chart.NewSpan()
	for _, name := range []string{"GEMM", "GEMV"} {
		g := fullestGroup(s.groups, name)
		if g == nil {
			continue
		}
		var named []chart.Label
		n := len(c.all)
		for _, r := range g.rows {
			at := plotter.XY{X: math.Log10(r.perByte()), Y: math.Log10(r.center("ops/s"))}
			if r.reference() || !chart.Finite(at.X) || !chart.Finite(at.Y) {
				continue
			}
			c.add(r, at)
			xs.Add(at.X)
			ys.Add(at.Y)
			if r == g.best(r.formats()) || r == g.family.int8Peer || r == g.family.floatPeer {
				named = append(named, chart.Label{XY: at, Text: labelText(r), Color: marks[r.mark()].Color})
			}
		}
		if len(c.all) > n {
			used = append(used, g.title())
			c.labels = append(c.labels, chart.Join(named, 0.06, 0.05)...)
		}
	}
	if len(c.all) == 0 || len(compute)+len(read) == 0 {
		return chart.Plotted{}, false, nil
	}
	for _, l := range compute {
		ys.Add(math.Log10(l.rate))
	}
	if !xs.Plausible() || !ys.Plausible() {
		return chart.Plotted{}, false, nil
	}
	title := "Roofline: " + strings.Join(used, "; ")
	p := chart.New(title, "operations a byte", "billion operations a second")
	p.X.Min, p.X.Max = xs.Low-0.35, xs.High+0.5
	p.Y.Min, p.Y.Max = ys.Low-0.15, ys.High+0.15
	p.X.Tick.Marker, p.Y.Tick.Marker = chart.DecadeTicks(p.X.Min, p.X.Max, 0), chart.DecadeTicks(p.Y.Min, p.Y.Max, 9)
	p.X.Tick.Label.Font.Size = vg.Points(9)
	over := newRoofs(compute, read, chart.Small(p, chart.Grey), marks)
	p.Add(over)
	if err := c.draw(p, marks); err != nil {
		return chart.Plotted{}, false, err
	}
	p.Add(&chart.Labels{Style: chart.Small(p, chart.Grey), List: c.labels, Avoid: c.all})
	p.Legend.Left, p.Legend.XOffs = true, vg.Points(4)
	svg, err := chart.Render(p, 10.5, 7.5, over.right())
	return chart.Plotted{File: m.slug + "-roofline.svg", Title: title, SVG: svg}, true, err
}

// roofs draws ceilings: of memory as lines that rise with the operations a
// byte, of arithmetic as level lines with their names right of the plot.
type roofs struct {
	compute, read []ceiling
	style         draw.TextStyle
	marks         map[string]chart.Mark // of algorithms, whose colour their limits have
}

func (f *roofs) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	top := p.Y.Max
	if len(f.compute) > 0 {
		top = math.Inf(-1)
		for _, l := range f.compute {
			top = max(top, math.Log10(l.rate))
		}
	}
	for _, l := range f.read {
		rate := math.Log10(l.rate)
		from, to := max(p.X.Min, p.Y.Min-rate), min(p.X.Max, top-rate)
		if from >= to {
			continue
		}
		a, b := vg.Point{X: x(from), Y: y(from + rate)}, vg.Point{X: x(to), Y: y(to + rate)}
		c.StrokeLine2(draw.LineStyle{Color: color.RGBA{90, 90, 90, 255}, Width: vg.Points(1)}, a.X, a.Y, b.X, b.Y)
		style := f.style
		style.Color = color.RGBA{60, 60, 60, 255}
		style.Rotation = math.Atan2(float64(b.Y-a.Y), float64(b.X-a.X))
		name := fmt.Sprintf("%s %.4g GB/s", l.name, l.rate/1e9)
		// At the upper end, above the line.
		sin, cos := math.Sincos(style.Rotation)
		back, up := float64(style.Width(name))+4, 3.0
		at := vg.Point{X: b.X - vg.Length(back*cos+up*sin), Y: b.Y - vg.Length(back*sin-up*cos)}
		if at.Y > c.Min.Y && at.X > c.Min.X {
			c.FillText(style, at, name)
		}
	}
	var heights []vg.Length
	for _, l := range f.compute {
		heights = append(heights, y(math.Log10(l.rate)))
	}
	places := spread(heights, f.style.FontExtents().Height, c.Max.Y)
	for i, l := range f.compute {
		color := chart.Grey
		if m, ok := f.marks[l.r.keys["limit"]]; ok {
			color = m.Color
		}
		from := p.X.Min
		if len(f.read) > 0 { // no memory feeds the arithmetic left of that
			from = min(max(p.X.Min, math.Log10(l.rate)-math.Log10(f.read[0].rate)), p.X.Max)
		}
		h := heights[i]
		c.StrokeLine2(draw.LineStyle{Color: color, Width: vg.Points(0.8), Dashes: []vg.Length{vg.Points(4), vg.Points(2)}}, x(from), h, x(p.X.Max), h)
		style := f.style
		style.Color, style.YAlign = chart.Dark(color), text.YCenter
		c.StrokeLine2(draw.LineStyle{Color: color, Width: vg.Points(0.5)}, c.Max.X, h, c.Max.X+8, places[i])
		c.FillText(style, vg.Point{X: c.Max.X + 10, Y: places[i]}, l.label())
	}
}

// label is what stands beside the line, in the axis's unit.
func (l *ceiling) label() string { return fmt.Sprintf("%s %.4g", l.name, l.rate/1e9) }

// right is how much room the labels take.
func (f *roofs) right() vg.Length {
	var most vg.Length
	for _, l := range f.compute {
		most = max(most, f.style.Width(l.label()))
	}
	return most + 16
}

// mostRoofs is how many loops can be told apart.
const mostRoofs = 14

// newRoofs puts the loops in the order of their rates: all of them, or, if they
// are many, the fastest of each kind and tier.
func newRoofs(compute, read []ceiling, style draw.TextStyle, marks map[string]chart.Mark) *roofs {
	list := slices.Clone(compute)
	slices.SortStableFunc(list, func(a, b ceiling) int { return cmp.Compare(b.rate, a.rate) })
	if len(list) > mostRoofs {
		seen := map[[2]string]bool{}
		list = slices.DeleteFunc(list, func(l ceiling) bool {
			key := [2]string{l.r.keys["limit"], l.r.isa()}
			old := seen[key]
			seen[key] = true
			return old
		})
	}
	slices.Reverse(list)
	return &roofs{list, read, style, marks}
}

// spread moves heights, which ascend, so far apart that lines of text fit, but
// not beyond the top.
func spread(heights []vg.Length, line, top vg.Length) []vg.Length {
	list := slices.Clone(heights)
	for i := 1; i < len(list); i++ {
		list[i] = max(list[i], list[i-1]+line)
	}
	for i := len(list) - 1; i >= 0; i-- {
		list[i] = min(list[i], top)
		top = list[i] - line
	}
	return list
}
