package quant

import (
	"slices"

	"example.com/lowbit/kernels"
)

// A Grid is the sorted levels of a weight format. A weight on the grid is kept
// as the index of its level. A Grid is read-only: goroutines may share it.
type Grid struct {
	Format kernels.WeightFormat
	// Levels are the values, ascending and symmetric about zero.
	Levels []float32
	// What kernels need of grids of up to 16 levels, nil for others, which are all
	// whole numbers from the lowest level to the highest: the lowest level and, for each further one, the middle below it and its distance to
	// the one before; the levels; and the gaps.
	steps []float32
	table *[16]float32
	reach *[32]float32 // of UpdateAll: 16 downwards, 16 upwards
}

// NewGrid returns the grid of an integer weight format. It panics on Float32,
// which has no levels.
func NewGrid(f kernels.WeightFormat) *Grid {
	levels := f.Levels()
	if len(levels) == 0 {
		panic("quant: " + f.String() + " has no levels")
	}
	g := &Grid{Format: f, Levels: make([]float32, len(levels))}
	for i, l := range levels {
		g.Levels[i] = float32(l)
	}
	if len(levels) <= 16 {
		g.table, g.reach = new([16]float32), new([32]float32)
		copy(g.table[:], g.Levels)
		g.steps = []float32{g.Levels[0]}
		for i, l := range g.Levels[1:] {
			g.steps = append(g.steps, (g.Levels[i]+l)/2, l-g.Levels[i])
			gap := (l - g.Levels[i]) * within
			g.reach[i+1], g.reach[16+i] = gap, gap
		}
	}
	return g
}

// Max is the largest level, METHOD's H in units of the grid.
func (g *Grid) Max() float32 { return g.Levels[len(g.Levels)-1] }

// Nearest is the index of the level nearest to v, the upper one of two that
// are equally near. NaN gives the lowest level.
func (g *Grid) Nearest(v float32) uint8 {
	i, _ := slices.BinarySearch(g.Levels, v)
	switch {
	case i == len(g.Levels):
		return uint8(i - 1)
	case i > 0 && v-g.Levels[i-1] < g.Levels[i]-v:
		return uint8(i - 1)
	}
	return uint8(i)
}

// Round sets dst to the levels nearest to src: the forward half of the
// straight-through estimator, whose backward half lets the gradient of the
// rounded weight pass to the latent one unchanged. dst may be src.
func (g *Grid) Round(dst, src []float32) {
	if g.steps != nil {
		kernels.Steps(dst, src, g.steps)
		return
	}
	kernels.Nearest(dst, src, g.Max())
}

// Expand sets dst[i] to the level that index s[i] stands for.
func (g *Grid) Expand(dst []float32, s []uint8) {
	if g.table != nil {
		kernels.LookUp16(dst, s, g.table)
		return
	}
	kernels.FloatsOfBytes(dst, s, g.Levels[0], 1)
}
