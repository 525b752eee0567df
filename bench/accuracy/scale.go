package main

import (
	"image/color"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"example.com/lowbit/netrun/chart"
)

// height is where an accuracy in percent stands on an axis: by the logarithm of
// the error, so that 99.4 and 99.5 are as far apart as 88 and 90.
func height(percent float64) float64 { return -math.Log10(max(100-percent, 0.01)) }

// accuracyTicks are round accuracies, far enough apart to be read, and enough
// of them.
func accuracyTicks(low, high float64) plot.ConstantTicks {
	var list plot.ConstantTicks
	for _, step := range []int{1000, 500, 200, 100, 50, 20, 10, 5, 2, 1} { // hundredths
		if len(list) >= 6 {
			break
		}
	next:
		for v := 0; v < 10000; v += step {
			percent := float64(v) / 100
			y := height(percent)
			if y < low || y > high {
				continue
			}
			for _, t := range list {
				if math.Abs(t.Value-y) < (high-low)/11 {
					continue next
				}
			}
			list = append(list, plot.Tick{Value: y, Label: strconv.FormatFloat(percent, 'f', -1, 64)})
		}
	}
	return list
}

// accuracyAxis puts accuracies on the y axis of a plot.
func accuracyAxis(p *plot.Plot, low, high float64) {
	p.Y.Min, p.Y.Max, p.Y.Padding = low, high, 0
	p.Y.Tick.Marker = accuracyTicks(low, high)
}

// marks tell methods apart.
var marks = map[string]chart.Mark{
	"float": {Color: color.RGBA{0, 0, 0, 255}, Shape: chart.Polygon{Sides: 4}},
	"dst":   {Color: chart.Palette[0], Shape: draw.CircleGlyph{}},
	"ste":   {Color: chart.Palette[1], Shape: chart.Polygon{Sides: 4, Turn: 45}},
	"ptq":   {Color: chart.Palette[2], Shape: chart.Polygon{Sides: 3, Turn: 90}},
}

// colors tell formats of weights apart.
var colors = map[string]color.RGBA{
	"binary": chart.Palette[3], "ternary": chart.Palette[2], "pow2:3": chart.Palette[0], "pow2:4": chart.Palette[1],
	"int8": chart.Palette[4], "float32": {0, 0, 0, 255},
}

// dashes tell methods apart where colours tell formats.
var dashes = map[string][]vg.Length{"ste": {vg.Points(4), vg.Points(2.5)}, "ptq": {vg.Points(1), vg.Points(2)}}

// above cuts points, which are joined by lines, into those parts of the line
// that are not below the floor.
func above(points plotter.XYs, floor float64) []plotter.XYs {
	var parts []plotter.XYs
	var part plotter.XYs
	for i, pt := range points {
		if i > 0 {
			if was := points[i-1]; (was.Y < floor) != (pt.Y < floor) {
				x := was.X + (pt.X-was.X)*(floor-was.Y)/(pt.Y-was.Y)
				part = append(part, plotter.XY{X: x, Y: floor})
			}
		}
		if pt.Y >= floor {
			part = append(part, pt)
		} else if part != nil {
			parts = append(parts, part)
			part = nil
		}
	}
	if part != nil {
		parts = append(parts, part)
	}
	return parts
}

// curve adds a line, what of it is above the floor, and its place in the legend.
func curve(p *plot.Plot, name string, points plotter.XYs, floor float64, style draw.LineStyle) error {
	named := false
	for _, part := range above(points, floor) {
		line, err := plotter.NewLine(part)
		if err != nil {
			return err
		}
		line.LineStyle = style
		p.Add(line)
		if !named && name != "" {
			p.Legend.Add(name, line)
			named = true
		}
	}
	return nil
}

// wholeTicks are whole numbers on an axis.
func wholeTicks(low, high float64) plot.ConstantTicks {
	step := 1
	for _, s := range []int{2, 5, 10, 20, 50, 100, 200, 500, 1000} {
		if (high-low)/float64(step) > 10 {
			step = s
		}
	}
	var list plot.ConstantTicks
	for v := int(math.Ceil(low/float64(step))) * step; float64(v) <= high; v += step {
		list = append(list, plot.Tick{Value: float64(v), Label: strconv.Itoa(v)})
	}
	return list
}
