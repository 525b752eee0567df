package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Convolutions of 5x5 by Winograd's F(4x4, 5x5) (arXiv 1509.09308): a tile of 4x4
// sums takes 64 products for each pair of channels in place of 400. Along one
// dimension,
//
//	sums = At * ((G * weights) . (Bt * image))
//
// where . is the product by elements, of polynomials at the points 0, 1, -1, 2, -2,
// 1/2, -1/2 and infinity. The gradients of the image and of the weights are its
// transposes, B and Gt in place of Bt and G, and A in place of At.
var (
	conv5Points = [...]float64{0, 1, -1, 2, -2, 0.5, -0.5, math.Inf(1)}
	conv5Scales = [...]float64{1, -2.0 / 9, -2.0 / 9, 1.0 / 90, 1.0 / 90, 32.0 / 45, 32.0 / 45, 1}

	conv5Bt = [][]float64{
		{1, 0, -5.25, 0, 5.25, 0, -1, 0},
		{0, 1, 1, -4.25, -4.25, 1, 1, 0},
		{0, -1, 1, 4.25, -4.25, -1, 1, 0},
		{0, 0.5, 0.25, -2.5, -1.25, 2, 1, 0},
		{0, -0.5, 0.25, 2.5, -1.25, -2, 1, 0},
		{0, 2, 4, -2.5, -5, 0.5, 1, 0},
		{0, -2, 4, 2.5, -5, -0.5, 1, 0},
		{0, -1, 0, 5.25, 0, -5.25, 0, 1},
	}
	conv5A = conv5Powers(4, false)
	conv5G = conv5Powers(5, true)
)

// conv5Powers evaluates a polynomial of n coefficients at the points.
func conv5Powers(n int, scaled bool) [][]float64 {
	m := make([][]float64, len(conv5Points))
	for i, p := range conv5Points {
		m[i] = make([]float64, n)
		scale := 1.0
		if scaled {
			scale = conv5Scales[i]
		}
		if math.IsInf(p, 1) {
			m[i][n-1] = 1
			continue
		}
		for k := range n {
			m[i][k] = scale * math.Pow(p, float64(k))
		}
	}
	return m
}

func init() {
	for _, t := range []struct {
		name, what      string
		matrix          [][]float64
		transposed, add bool
	}{
		{"Conv5Image", "Bt, of a patch of 8x8 pixels", conv5Bt, false, false},
		{"Conv5Sums", "A, of a tile of 4x4 gradients of sums", conv5A, false, false},
		{"Conv5Weights", "G, of 5x5 weights", conv5G, false, false},
		{"Conv5ToSums", "At", conv5A, true, false},
		{"Conv5ToImage", "B", conv5Bt, true, true},
		{"Conv5ToWeights", "Gt", conv5G, true, true},
	} {
		to, from, assign := len(t.matrix), len(t.matrix[0]), "="
		if t.transposed {
			to, from = from, to
		}
		if t.add {
			assign = "+="
		}
		add("avx2", family{
			name:      t.name,
			signature: "func(dst *float32, dstRow, dstCol uintptr, src *float32, srcRow, srcCol uintptr, scratch *float32, blocks uintptr)",
			loop: fmt.Sprintf(`	for c := range 8 * blocks {
		for i := range %d {
			for j := range %d {
				sum := 0
				for y := range %d {
					for x := range %d {
						sum += m[i][y] * m[j][x] * src[y][x][c]
					}
				}
				dst[i][j][c] %s sum
			}
		}
	}

with the matrix m %s, of F(4x4, 5x5); the rounding is
not that of the loop. Rows and columns lie so many bytes apart. scratch has room
for 512 elements. blocks is at least 1.`, to, to, from, from, assign, t.what),
			body: func(c *build.Context, _ int) { conv5(c, t.matrix, t.transposed, t.add) },
		})
	}
}

// conv5 applies the matrix to columns, into scratch, and then to rows.
func conv5(c *build.Context, matrix [][]float64, transposed, add bool) {
	s := simd{c, 32}
	to, from := len(matrix), len(matrix[0])
	if transposed {
		to, from = from, to
	}
	line := func(x []reg.VecVirtual, out func(i int, v reg.VecVirtual)) {
		if transposed {
			fromPoints(s, matrix, x, out)
		} else {
			toPoints(s, matrix, x, out)
		}
	}
	dst, src := s.param("dst"), s.param("src")
	c.Label("block")
	at, left, scratch := c.GP64(), c.GP64(), s.param("scratch")
	c.MOVQ(src, at)
	rows := rowAddresses(c, at, c.Param("srcRow"), from)
	srcCol := s.param("srcCol")
	c.MOVQ(operand.U32(from), left)
	c.Label("column")
	line(load(c, from, func(i int) operand.Mem { return rows[i] }), func(i int, v reg.VecVirtual) {
		c.VMOVUPS(v, operand.Mem{Base: scratch, Disp: 32 * i * from})
	})
	c.ADDQ(srcCol, at)
	c.ADDQ(operand.U8(32), scratch)
	c.DECQ(left)
	c.JNZ(operand.LabelRef("column"))

	c.MOVQ(dst, at)
	scratch = s.param("scratch")
	cols, dstRow := rowAddresses(c, at, c.Param("dstCol"), to), s.param("dstRow")
	c.MOVQ(operand.U32(to), left)
	c.Label("row")
	line(load(c, from, vectors(scratch, 0, 1)), func(i int, v reg.VecVirtual) {
		if add {
			sum := s.vec()
			c.VADDPS(cols[i], v, sum)
			v = sum
		}
		c.VMOVUPS(v, cols[i])
	})
	c.ADDQ(dstRow, at)
	c.ADDQ(operand.U32(32*from), scratch)
	c.DECQ(left)
	c.JNZ(operand.LabelRef("row"))
	c.ADDQ(operand.U8(32), src)
	c.ADDQ(operand.U8(32), dst)
	c.DECQ(paramMem(c, "blocks"))
	c.JNZ(operand.LabelRef("block"))
	c.VZEROUPPER()
	c.RET()
}

// toPoints multiplies by a matrix whose rows between the first and the last are of
// points p and -p in turn: they have the sum and the difference of what even and odd
// columns give.
func toPoints(s simd, matrix [][]float64, x []reg.VecVirtual, out func(i int, v reg.VecVirtual)) {
	last := len(matrix) - 1
	out(0, combine(s, matrix[0], x))
	out(last, combine(s, matrix[last], x))
	for i := 1; i < last; i += 2 {
		half := func(odd int) reg.VecVirtual {
			row := make([]float64, len(x))
			for j := odd; j < len(x); j += 2 {
				row[j] = matrix[i][j]
			}
			return combine(s, row, x)
		}
		even, odd, sum, difference := half(0), half(1), s.vec(), s.vec()
		s.VADDPS(odd, even, sum)
		s.VSUBPS(odd, even, difference)
		out(i, sum)
		out(i+1, difference)
	}
}

// fromPoints multiplies by the transpose of such a matrix: even columns take sums of
// a pair's elements, odd ones differences.
func fromPoints(s simd, matrix [][]float64, x []reg.VecVirtual, out func(i int, v reg.VecVirtual)) {
	last := len(matrix) - 1
	sums, differences := append([]reg.VecVirtual{}, x...), append([]reg.VecVirtual{}, x...)
	for i := 1; i < last; i += 2 {
		sums[i], differences[i] = s.vec(), s.vec()
		s.VADDPS(x[i+1], x[i], sums[i])
		s.VSUBPS(x[i+1], x[i], differences[i])
	}
	for j := range matrix[0] {
		from, column := sums, make([]float64, len(x))
		if j%2 == 1 {
			from = differences
		}
		column[0], column[last] = matrix[0][j], matrix[last][j]
		for i := 1; i < last; i += 2 {
			column[i] = matrix[i][j]
		}
		out(j, combine(s, column, from))
	}
}

// combine returns the sum of x, each times its factor. One that is alone with the
// factor 1 is returned itself.
func combine(s simd, factors []float64, x []reg.VecVirtual) reg.VecVirtual {
	constant := func(f float64) operand.Mem {
		bits := math.Float32bits(float32(f))
		b := []byte{byte(bits), byte(bits >> 8), byte(bits >> 16), byte(bits >> 24)}
		return s.constant(fmt.Sprintf("conv5_%08x", bits), b...)
	}
	var ones, rest []int // factors 1, and others
	for i, f := range factors {
		if f == 1 {
			ones = append(ones, i)
		} else if f != 0 {
			rest = append(rest, i)
		}
	}
	y := s.vec()
	switch {
	case len(ones) == 1 && len(rest) == 0:
		return x[ones[0]]
	case len(ones) > 1:
		s.VADDPS(x[ones[1]], x[ones[0]], y)
		ones = ones[2:]
	case len(ones) == 1 && factors[rest[0]] == -1:
		s.VSUBPS(x[rest[0]], x[ones[0]], y)
		ones, rest = nil, rest[1:]
	case len(ones) == 1:
		s.VMOVUPS(constant(factors[rest[0]]), y)
		s.VFMADD213PS(x[ones[0]], x[rest[0]], y)
		ones, rest = nil, rest[1:]
	default:
		s.VMULPS(constant(factors[rest[0]]), x[rest[0]], y)
		rest = rest[1:]
	}
	for _, i := range ones {
		s.VADDPS(x[i], y, y)
	}
	for _, i := range rest {
		if factors[i] == -1 {
			s.VSUBPS(x[i], y, y)
		} else {
			s.VFMADD231PS(constant(factors[i]), x[i], y)
		}
	}
	return y
}
