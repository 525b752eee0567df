package chart

import (
	"cmp"
	"image/color"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A Label is text that belongs to a point.
type Label struct {
	plotter.XY
	Text  string
	Color color.RGBA
}

// Labels draws each text near its point, where it covers no other text and, as
// far as there is room, no other point; a line leads to a point further off.
type Labels struct {
	Style draw.TextStyle
	List  []Label
	Avoid plotter.XYs // points that have a glyph
}

// What is more than a person can tell apart is left away.
const (
	mostLabels = 80
	mostPoints = 2000
)

// Costs of where a label may be, against points of distance.
const (
	onText  = 1000
	onPoint = 120
	outside = 2000
)

func (l *Labels) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	place := func(at plotter.XY) vg.Point { return vg.Point{X: x(at.X), Y: y(at.Y)} }
	list := slices.Clone(l.List)
	slices.SortStableFunc(list, func(a, b Label) int { return cmp.Or(cmp.Compare(b.Y, a.Y), cmp.Compare(a.X, b.X)) })
	list = list[:min(len(list), mostLabels)]
	var points, at, sizes []vg.Point
	for _, xy := range l.Avoid[:min(len(l.Avoid), mostPoints)] {
		points = append(points, place(xy))
	}
	for _, lb := range list {
		at = append(at, place(lb.XY))
		sizes = append(sizes, vg.Point{X: l.Style.Width(lb.Text) + 3, Y: l.Style.FontExtents().Height})
	}
	for i, r := range arrange(at, sizes, points, c.Rectangle) {
		if distance(r, at[i]) > 9 {
			end := nearest(r, at[i])
			c.StrokeLine2(draw.LineStyle{Color: list[i].Color, Width: vg.Points(0.5)}, at[i].X, at[i].Y, end.X, end.Y)
		}
		c.FillPolygon(color.NRGBA{255, 255, 255, 200}, []vg.Point{r.Min, {X: r.Max.X, Y: r.Min.Y}, r.Max, {X: r.Min.X, Y: r.Max.Y}})
		style := l.Style
		style.Color, style.XAlign, style.YAlign = Dark(list[i].Color), text.XCenter, text.YCenter
		c.FillText(style, vg.Point{X: (r.Min.X + r.Max.X) / 2, Y: (r.Min.Y + r.Max.Y) / 2}, list[i].Text)
	}
}

// arrange finds a place in the frame for each text, one after the other: the
// cheapest of its spots.
func arrange(at, sizes, points []vg.Point, frame vg.Rectangle) []vg.Rectangle {
	var taken []vg.Rectangle
	for i := range at {
		best, least := vg.Rectangle{}, math.Inf(1)
		for _, r := range spots(at[i], sizes[i]) {
			cost := float64(distance(r, at[i]))
			if !inside(r, frame) {
				cost += outside
			}
			for _, t := range taken {
				if overlap(r, t) {
					cost += onText
				}
			}
			for _, pt := range points {
				if pt.X > r.Min.X-3 && pt.X < r.Max.X+3 && pt.Y > r.Min.Y-2 && pt.Y < r.Max.Y+2 {
					cost += onPoint
				}
			}
			if cost < least {
				best, least = r, cost
			}
		}
		taken = append(taken, best)
	}
	return taken
}

// spots are the places that a text of a size may take beside a point: to the
// right and up first, then around it, ever further away.
func spots(at, size vg.Point) []vg.Rectangle {
	var list []vg.Rectangle
	for d := 5.0; d < 130; d += 5 {
		for _, angle := range []float64{30, 0, -30, 60, -60, 180, 150, -150, 120, -120, 90, -90} {
			sin, cos := math.Sincos(angle * math.Pi / 180)
			middle := vg.Point{X: at.X + vg.Length(d*cos), Y: at.Y + vg.Length(d*sin)}
			switch {
			case cos > 0.1:
				middle.X += size.X / 2
			case cos < -0.1:
				middle.X -= size.X / 2
			default:
				middle.Y += size.Y / 2 * vg.Length(sin)
			}
			half := vg.Point{X: size.X / 2, Y: size.Y / 2}
			list = append(list, vg.Rectangle{Min: middle.Sub(half), Max: middle.Add(half)})
		}
	}
	return list
}

// nearest is the point of a rectangle that is nearest to a point.
func nearest(r vg.Rectangle, at vg.Point) vg.Point {
	return vg.Point{X: min(max(at.X, r.Min.X), r.Max.X), Y: min(max(at.Y, r.Min.Y), r.Max.Y)}
}

func distance(r vg.Rectangle, at vg.Point) vg.Length {
	d := nearest(r, at).Sub(at)
	return vg.Length(math.Hypot(float64(d.X), float64(d.Y)))
}

func overlap(a, b vg.Rectangle) bool {
	return a.Min.X < b.Max.X && b.Min.X < a.Max.X && a.Min.Y < b.Max.Y && b.Min.Y < a.Max.Y
}

func inside(r, frame vg.Rectangle) bool {
	return r.Min.X >= frame.Min.X && r.Max.X <= frame.Max.X && r.Min.Y >= frame.Min.Y && r.Max.Y <= frame.Max.Y
}

// Dark is a colour in which text can be read on white.
func Dark(c color.RGBA) color.RGBA {
	return color.RGBA{uint8(int(c.R) * 7 / 10), uint8(int(c.G) * 7 / 10), uint8(int(c.B) * 7 / 10), 255}
}

// Join merges labels of one colour that share what the text says before its
// last word and stand closer than dx and dy: they could not be told apart. The
// highest keeps the place.
func Join(list []Label, dx, dy float64) []Label {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b Label) int { return cmp.Or(cmp.Compare(b.Y, a.Y), cmp.Compare(a.X, b.X)) })
	var out []Label
next:
	for _, lb := range list {
		stem, last := CutLast(lb.Text)
		for i, o := range out {
			if s, _ := CutLast(o.Text); o.Color == lb.Color && math.Abs(o.X-lb.X) < dx && math.Abs(o.Y-lb.Y) < dy &&
				stem == s && stem != "" && len(o.Text) < 40 {
				out[i].Text += "," + last
				continue next
			}
		}
		out = append(out, lb)
	}
	for i, o := range out {
		if stem, last := CutLast(o.Text); strings.Contains(last, ",") {
			words := strings.Split(last, ",")
			slices.Sort(words)
			out[i].Text = stem + " " + strings.Join(words, ",")
		}
	}
	return out
}

// CutLast splits a text before its last word; "binary x u1,u2" at "u1,u2".
func CutLast(text string) (stem, last string) {
	i := strings.LastIndexByte(text, ' ')
	if i < 0 {
		return "", text
	}
	return text[:i], text[i+1:]
}
