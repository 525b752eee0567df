package main

import (
	"bytes"
	"image/color"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// palette is Okabe and Ito's, which colour-blind people can tell apart.
var palette = []color.RGBA{{0, 114, 178, 255}, {213, 94, 0, 255}, {0, 158, 115, 255}, {204, 121, 167, 255}, {0, 0, 0, 255}}

var glyphs = []draw.GlyphDrawer{draw.CircleGlyph{}, draw.SquareGlyph{}, draw.TriangleGlyph{}, draw.PyramidGlyph{}, draw.CrossGlyph{}}

// plot is the figure as SVG.
func (r *results) plot() ([]byte, error) {
	p, height, err := r.figure()
	if err != nil {
		return nil, err
	}
	canvas := vgsvg.New(plotWidth, height)
	const margin = 8
	p.Draw(draw.Crop(draw.New(canvas), margin, -margin, margin, -margin))
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return nil, err
	}
	// Where the viewer lacks the font, one of the same widths stands in.
	return bytes.ReplaceAll(b.Bytes(), []byte("font-family:Liberation Sans;"), []byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif;")), nil
}

const plotWidth = 8 * vg.Inch

// figure draws MAC a cycle of each kernel's GEMM, on the formats of fewest bits that it
// takes, a row for each kernel and a mark for each core. The speed is drawn by its
// logarithm: with gonum's own logarithmic scale the label makes a gap.
func (r *results) figure() (*plot.Plot, vg.Length, error) {
	var rows []*estimate
	for _, e := range r.list {
		if len(e.traced) != 2 {
			continue
		}
		i := slices.IndexFunc(rows, func(f *estimate) bool { return f.kernel.Name == e.kernel.Name })
		switch {
		case i < 0:
			rows = append(rows, e)
		case e.job.Zeros < 0 && bits(e) < bits(rows[i]):
			rows[i] = e
		}
	}
	top := func(e *estimate) float64 {
		best := 0.0
		for i := range r.cores {
			if e.onCore[i].ok {
				best = max(best, e.macsPerCycle(i))
			}
		}
		return best
	}
	slices.SortStableFunc(rows, func(a, b *estimate) int {
		if top(a) > top(b) {
			return -1
		}
		return 1
	})
	p := plot.New()
	for _, s := range []*draw.TextStyle{&p.Title.TextStyle, &p.X.Label.TextStyle, &p.X.Tick.Label, &p.Y.Tick.Label, &p.Legend.TextStyle} {
		s.Font = font.Font{Typeface: "Liberation", Variant: "Sans", Size: vg.Points(9)}
	}
	p.Title.Text = "Estimated speed of arm64 kernels, products of 1024x1024x1024\n(LLVM's models of cores, loads from L1)"
	p.Title.TextStyle.Font.Size = vg.Points(11)
	p.X.Label.Text = "multiply-adds a cycle (estimated)"
	p.BackgroundColor = color.White
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = color.RGBA{225, 225, 225, 255}, color.RGBA{225, 225, 225, 255}
	p.Add(grid)
	var ticks plot.ConstantTicks
	for i, e := range rows {
		ticks = append(ticks, plot.Tick{Value: -float64(i), Label: e.kernel.Name + ", " + e.formats()})
	}
	p.Y.Tick.Marker, p.Y.Tick.Length, p.Y.LineStyle.Width, p.Y.Padding = ticks, 0, 0, 0
	p.Y.Min, p.Y.Max = 0.4-float64(len(rows)), 0.6
	low, high := math.Inf(1), math.Inf(-1)
	for i, c := range r.cores {
		var points plotter.XYs
		for j, e := range rows {
			if e.onCore[i].ok {
				x := math.Log2(e.macsPerCycle(i))
				points = append(points, plotter.XY{X: x, Y: -float64(j)})
				low, high = min(low, x), max(high, x)
			}
		}
		if points == nil {
			continue
		}
		marks, err := plotter.NewScatter(points)
		if err != nil {
			return nil, 0, err
		}
		marks.GlyphStyle = draw.GlyphStyle{Color: palette[i%len(palette)], Radius: vg.Points(3.2), Shape: glyphs[i%len(glyphs)]}
		p.Add(marks)
		p.Legend.Add(c.name, marks)
	}
	if len(rows) == 0 || math.IsInf(low, 0) {
		low, high = 0, 1
	}
	p.X.Min, p.X.Max = math.Floor(low), math.Ceil(high)
	var speeds plot.ConstantTicks
	for x := p.X.Min; x <= p.X.Max; x++ {
		speeds = append(speeds, plot.Tick{Value: x, Label: strconv.FormatFloat(math.Exp2(x), 'g', 4, 64)})
	}
	p.X.Tick.Marker = speeds
	p.Legend.Top, p.Legend.Left = false, false
	p.Legend.Padding = vg.Points(2)
	return p, vg.Length(1.4+0.2*float64(len(rows))) * vg.Inch, nil
}

// bits orders formats.
func bits(e *estimate) int { return e.job.Weights.Bits()<<8 + e.job.Acts.Bits() }
