package chart

import (
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// RenderTiles draws rows of plots as one SVG, their axes in line, with room right
// of all. Places may be nil, but each row is as long as the first.
func RenderTiles(rows [][]*plot.Plot, width, height float64, right vg.Length) ([]byte, error) {
	c := vgsvg.New(vg.Length(width)*vg.Inch, vg.Length(height)*vg.Inch)
	const margin, gap = 8, 14
	all := draw.Crop(draw.New(c), margin, -margin-right, margin, -margin)
	tiles := draw.Tiles{Rows: len(rows), Cols: len(rows[0]), PadX: gap, PadY: gap}
	for i, row := range plot.Align(rows, tiles, all) {
		for j, canvas := range row {
			if rows[i][j] != nil {
				rows[i][j].Draw(canvas)
			}
		}
	}
	return svg(c)
}
