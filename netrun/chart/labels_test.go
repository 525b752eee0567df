package chart

import (
	"math"
	"strings"
	"testing"

	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// Labels of points that lie close stand apart, inside the plot.
func TestLabels(t *testing.T) {
	at, size := vg.Point{X: 100, Y: 100}, vg.Point{X: 40, Y: 10}
	for _, r := range spots(at, size) {
		if s := r.Size(); math.Abs(float64(s.X-size.X)) > 1e-9 || math.Abs(float64(s.Y-size.Y)) > 1e-9 {
			t.Fatalf("a spot of %v: want %v", s, size)
		}
		if distance(r, at) < 2 {
			t.Fatalf("spot %v covers its point %v", r, at)
		}
	}
	var points, sizes []vg.Point
	for i := range 24 {
		points = append(points, vg.Point{X: 200, Y: 200 + 4*vg.Length(i)})
		sizes = append(sizes, size)
	}
	frame := vg.Rectangle{Max: vg.Point{X: 400, Y: 400}}
	places := arrange(points, sizes, points, frame)
	for i, r := range places {
		if !inside(r, frame) {
			t.Errorf("text %d is at %v, outside %v", i, r, frame)
		}
		for j, other := range places[:i] {
			if overlap(r, other) {
				t.Errorf("texts %d and %d cover each other", j, i)
			}
		}
		for _, pt := range points {
			if distance(r, pt) == 0 {
				t.Errorf("text %d covers the point %v", i, pt)
			}
		}
	}
	joined := Join([]Label{
		{XY: plotter.XY{X: 1, Y: 1}, Text: "binary x u2"}, {XY: plotter.XY{X: 1, Y: 1.01}, Text: "binary x sign"},
		{XY: plotter.XY{X: 1, Y: 1.02}, Text: "ternary x u2"}, {XY: plotter.XY{X: 1, Y: 2}, Text: "binary x u1"},
	}, 0.1, 0.1)
	var texts []string
	for _, l := range joined {
		texts = append(texts, l.Text)
	}
	if got, want := strings.Join(texts, "; "), "binary x u1; ternary x u2; binary x sign,u2"; got != want {
		t.Errorf("joined to %q: want %q", got, want)
	}
}
