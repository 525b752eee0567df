package kernels

import (
	"math"
	"math/rand/v2"
	"testing"
)

// An array is an operand of a transform: rows and columns of elements, each a vector of
// channels. What lies between them is NaN, and nothing lies behind the last.
type array struct {
	data              []float32
	rows, cols, depth int
	rowStep, colStep  int
}

func (s *array) at(y, x, c int) *float32 { return &s.data[y*s.rowStep+x*s.colStep+c] }

// A transformCase places operands of transforms of vectors of channels beside guard
// pages.
type transformCase struct {
	a     *arena
	rng   *rand.Rand
	at    spot
	depth int
}

// array places rows of cols vectors, of whole numbers if filled.
func (c *transformCase) array(operand string, rows, cols int, filled bool) *array {
	s := &array{rows: rows, cols: cols, depth: c.depth}
	s.colStep = c.depth + 8*c.rng.IntN(2)
	s.rowStep = cols*s.colStep + 8*c.rng.IntN(2)
	s.data = nans((rows-1)*s.rowStep + (cols-1)*s.colStep + c.depth)
	if filled {
		c.fill(s)
		s.data = input(c.a, operand, c.at, s.data)
	} else {
		s.data = place(c.a, operand, len(s.data), c.at, s.data)
	}
	return s
}

func (c *transformCase) fill(s *array) {
	for y := range s.rows {
		for x := range s.cols {
			for i := range s.depth {
				*s.at(y, x, i) = float32(c.rng.IntN(17) - 8)
			}
		}
	}
}

// pointers places pointers to the rows of an array.
func (c *transformCase) pointers(s *array) **float32 {
	list := make([]*float32, s.rows)
	for y := range list {
		list[y] = s.at(y, 0, 0)
	}
	return &input(c.a, "rows", c.at, list)[0]
}

func (c *transformCase) scratch(n int) *float32 {
	return &place(c.a, "scratch", n, c.at, nans(n))[0]
}

// run calls f, which may write to elements of s alone.
func (c *transformCase) run(t *testing.T, s *array, f func()) {
	t.Helper()
	c.a.run(f)
	for i, v := range s.data {
		if x := i % s.rowStep; (x%s.colStep >= s.depth || x/s.colStep >= s.cols) && v == v {
			t.Fatalf("%v is written to %d, between elements", v, i)
		}
	}
}

// check wants m x mᵀ, and what was there before, in got.
func (c *transformCase) check(t *testing.T, what string, m [][]float64, x func(i, j, c int) float64, got func(i, j, c int) float32, before func(i, j, c int) float64) {
	t.Helper()
	for i := range m {
		for j := range m {
			for ch := range c.depth {
				want, size := before(i, j, ch), 1.0
				for p, a := range m[i] {
					for q, b := range m[j] {
						v := a * b * x(p, q, ch)
						want += v
						size += math.Abs(v)
					}
				}
				if v := got(i, j, ch); !(math.Abs(float64(v)-want) <= 1e-6*size) {
					t.Fatalf("%s, %d channels: element %d, %d, %d: got %v, want %v", what, c.depth, i, j, ch, v, want)
				}
			}
		}
	}
}

func none(_, _, _ int) float64 { return 0 }

func transposed(m [][]float64) [][]float64 {
	t := make([][]float64, len(m[0]))
	for j := range t {
		for _, row := range m {
			t[j] = append(t[j], row[j])
		}
	}
	return t
}

// TestWinogradTransforms calls the transforms by themselves, with operands that reach
// as far as they may read or write.
func TestWinogradTransforms(t *testing.T) {
	matrices := map[int]struct{ b, g, a [][]float64 }{ // Bᵀ, G, Aᵀ
		2: {
			[][]float64{{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, 1, 0, -1}},
			[][]float64{{1, 0, 0}, {.5, .5, .5}, {.5, -.5, .5}, {0, 0, 1}},
			[][]float64{{1, 1, 1, 0}, {0, 1, -1, -1}},
		},
		4: {
			[][]float64{{4, 0, -5, 0, 1, 0}, {0, -4, -4, 1, 1, 0}, {0, 4, -4, -1, 1, 0}, {0, -2, -1, 2, 1, 0}, {0, 2, -1, -2, 1, 0}, {0, 4, 0, -5, 0, 1}},
			[][]float64{{1. / 4, 0, 0}, {-1. / 6, -1. / 6, -1. / 6}, {-1. / 6, 1. / 6, -1. / 6}, {1. / 24, 1. / 12, 1. / 6}, {1. / 24, -1. / 12, 1. / 6}, {0, 0, 1}},
			[][]float64{{1, 1, 1, 1, 1, 0}, {0, 1, -1, 2, -2, 0}, {0, 1, 1, 4, 4, 0}, {0, 1, -1, 8, -8, 1}},
		},
	}
	each(t, f32Table, func(t *testing.T, row *f32Row) {
		w := row.winograd
		if w == nil {
			t.Skip("it has no transforms")
		}
		rng, a := random(t), newArena(t)
		for range times(60) {
			for m, f := range matrices {
				c := &transformCase{a, rng, ends[rng.IntN(2)], 8 * (1 + rng.IntN(4))}
				n, tiles, depth := m+2, 1+rng.IntN(4), uintptr(c.depth)
				bytes := func(elements int) uintptr { return uintptr(4 * elements) }

				// A row of an array of frequencies is a frequency, of which a tile is a column.
				left := rng.IntN(3)
				inside := 1 + rng.IntN(m*tiles+2-left)
				right := m*tiles + 2 - left - inside
				line, to := c.array("line", n, inside, true), c.array("dst", n*n, tiles, false)
				rows, scratch := c.pointers(line), c.scratch(8*n*(m*tiles+2))
				c.run(t, to, func() {
					w.input[m](to.at(0, 0, 0), bytes(to.rowStep), bytes(to.colStep), rows, bytes(line.colStep), -3, uintptr(left), uintptr(inside), uintptr(right), uintptr(tiles), depth, scratch)
				})
				for tile := range tiles {
					c.check(t, "input", f.b, func(i, j, ch int) float64 {
						if x := m*tile + j - left; 0 <= x && x < inside {
							return float64(*line.at(i, x, ch))
						}
						return -3
					}, func(i, j, ch int) float32 { return *to.at(n*i+j, tile, ch) }, none)
				}

				from, image := c.array("src", n*n, tiles, true), c.array("image", m, m*tiles, false)
				rows, scratch = c.pointers(image), c.scratch(8*n*m)
				c.run(t, image, func() {
					w.output[m](rows, bytes(image.colStep), from.at(0, 0, 0), bytes(from.rowStep), bytes(from.colStep), uintptr(tiles), depth, scratch)
				})
				for tile := range tiles {
					c.check(t, "output", f.a, func(i, j, ch int) float64 { return float64(*from.at(n*i+j, tile, ch)) },
						func(i, j, ch int) float32 { return *image.at(i, m*tile+j, ch) }, none)
				}

				image, to = c.array("line", m, m*tiles, true), c.array("dst", n*n, tiles, false)
				rows, scratch = c.pointers(image), c.scratch(8*n*m)
				c.run(t, to, func() {
					w.gradient[m](to.at(0, 0, 0), bytes(to.rowStep), bytes(to.colStep), rows, bytes(image.colStep), uintptr(tiles), depth, scratch)
				})
				for tile := range tiles {
					c.check(t, "gradient", transposed(f.a), func(i, j, ch int) float64 { return float64(*image.at(i, m*tile+j, ch)) },
						func(i, j, ch int) float32 { return *to.at(n*i+j, tile, ch) }, none)
				}

				taps, to := c.array("taps", 9, 1, true), c.array("dst", n*n, 1, false)
				scratch = c.scratch(8 * n * 3)
				c.run(t, to, func() {
					w.weights[m](to.at(0, 0, 0), bytes(to.rowStep), taps.at(0, 0, 0), bytes(taps.rowStep), depth, scratch)
				})
				c.check(t, "weights", f.g, func(i, j, ch int) float64 { return float64(*taps.at(3*i+j, 0, ch)) },
					func(i, j, ch int) float32 { return *to.at(n*i+j, 0, ch) }, none)

				from, taps = c.array("src", n*n, 1, true), c.array("dst", 9, 1, false)
				before, add := none, rng.IntN(2)
				if add > 0 {
					c.fill(taps)
					old := *taps
					old.data = append([]float32(nil), taps.data...)
					before = func(i, j, ch int) float64 { return float64(*old.at(3*i+j, 0, ch)) }
				}
				c.run(t, taps, func() {
					w.taps[m](taps.at(0, 0, 0), bytes(taps.rowStep), from.at(0, 0, 0), bytes(from.rowStep), depth, uintptr(add), scratch)
				})
				c.check(t, "taps", transposed(f.g), func(i, j, ch int) float64 { return float64(*from.at(n*i+j, 0, ch)) },
					func(i, j, ch int) float32 { return *taps.at(3*i+j, 0, ch) }, before)
			}
		}
	})
}

// TestConv5Transforms does so for those of 5x5 convolutions. Their matrices follow from
// the points: A and G evaluate polynomials there, and a row of Bᵀ has the coefficients of
// the polynomial that is zero at all the others.
func TestConv5Transforms(t *testing.T) {
	finite := []float64{0, 1, -1, 2, -2, 0.5, -0.5}
	var b, a4, g [][]float64
	for i := range 8 {
		zero, at := []float64{1}, 1.0 // the polynomial, and its value at point i
		for j, p := range finite {
			if j == i {
				continue
			}
			next := make([]float64, len(zero)+1)
			for k, v := range zero {
				next[k+1] += v
				next[k] -= p * v
			}
			zero = next
			if i < 7 {
				at *= finite[i] - p
			}
		}
		if i == 0 { // the sign is free
			at = -at
			for k := range zero {
				zero[k] = -zero[k]
			}
		}
		b = append(b, append(zero, 0)[:8])
		powers := func(n int, scale float64) []float64 {
			s := make([]float64, n)
			for k := range s {
				if i < 7 {
					s[k] = math.Pow(finite[i], float64(k)) * scale
				}
			}
			if i == 7 {
				s[n-1] = 1
			}
			return s
		}
		a4, g = append(a4, powers(4, 1)), append(g, powers(5, 1/at))
	}
	each(t, f32Table, func(t *testing.T, row *f32Row) {
		s := row.conv5
		if s == nil {
			t.Skip("it has no transforms")
		}
		rng, a := random(t), newArena(t)
		for _, f := range []struct {
			name      string
			transform conv5Transform
			m         [][]float64
			adds      bool
		}{{"image", s.image, b, false}, {"sums", s.sums, a4, false}, {"weights", s.weights, g, false},
			{"toSums", s.toSums, transposed(a4), false}, {"toImage", s.toImage, transposed(b), true}, {"toWeights", s.toWeights, transposed(g), true}} {
			for range times(20) {
				c := &transformCase{a, rng, ends[rng.IntN(2)], 8 * (1 + rng.IntN(4))}
				from, to := c.array("src", len(f.m[0]), len(f.m[0]), true), c.array("dst", len(f.m), len(f.m), false)
				before := none
				if f.adds {
					c.fill(to)
					old := *to
					old.data = append([]float32(nil), to.data...)
					before = func(i, j, ch int) float64 { return float64(*old.at(i, j, ch)) }
				}
				scratch := c.scratch(8 * conv5Points)
				c.run(t, to, func() {
					f.transform(to.at(0, 0, 0), uintptr(4*to.rowStep), uintptr(4*to.colStep), from.at(0, 0, 0), uintptr(4*from.rowStep), uintptr(4*from.colStep), scratch, uintptr(c.depth/8))
				})
				c.check(t, f.name, f.m, func(i, j, ch int) float64 { return float64(*from.at(i, j, ch)) },
					func(i, j, ch int) float32 { return *to.at(i, j, ch) }, before)
			}
		}
	})
}
