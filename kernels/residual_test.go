package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"example.com/lowbit/ref"
)

// A residualCase is a step from sums to codes and what it is given.
type residualCase[S sum] struct {
	p               ResidualParameters
	sums, projected []S
	codes           []uint8
	stream          bool
}

// newResidualCase makes one of rows of stride sums, of which channels have parameters.
// kind is 0, or 1 for an identity and 2 for a projection. Numbers are small and of few
// bits, so that they fall on halves, or of all sizes up to infinities and NaN.
func newResidualCase[S sum](rng *rand.Rand, rows, channels, stride, kind int, random func(n int) []S) *residualCase[S] {
	few := rng.IntN(2) == 0
	parameters := func() []float32 {
		s := randomFloats(rng, channels, false)
		for i := range s {
			switch {
			case few:
				s[i] = float32(rng.IntN(257)-128) / 4
			case rng.IntN(8) == 0:
				s[i] = []float32{math.MaxFloat32, -math.MaxFloat32, math.SmallestNonzeroFloat32, 0, 1 << 31, 255.5, -0.5}[rng.IntN(7)]
			case rng.IntN(4) > 0:
				s[i] /= 100
			}
		}
		return s
	}
	n := (rows-1)*stride + channels
	c := &residualCase[S]{sums: random(n), stream: rng.IntN(2) == 0}
	c.p = ResidualParameters{Scale: parameters(), Bias: parameters(), Top: uint8(1<<(1+rng.IntN(8)) - 1), StreamScale: parameters()[0]}
	switch kind {
	case 1:
		c.p.SkipScale, c.codes = parameters()[0], make([]uint8, n)
		for i := range c.codes {
			c.codes[i] = uint8(rng.Uint32())
		}
	case 2:
		c.p.ProjectScale, c.p.ProjectBias, c.projected = parameters(), parameters(), random(n)
	}
	return c
}

// want is what ref says of one row.
func (c *residualCase[S]) want(row, stride int) (dst, stream []uint8) {
	n := len(c.p.Scale)
	at := row * stride
	dst = make([]uint8, n)
	if c.stream {
		stream = make([]uint8, n)
	}
	short := ref.Shortcut[S]{Skip: c.p.SkipScale, Scale: c.p.ProjectScale, Bias: c.p.ProjectBias}
	if c.codes != nil {
		short.Codes = c.codes[at:][:n]
	}
	if c.projected != nil {
		short.Sums = c.projected[at:][:n]
	}
	ref.Residual(dst, stream, c.sums[at:][:n], c.p.Scale, c.p.Bias, c.p.Top, short, c.p.StreamScale)
	return dst, stream
}

func TestResidual(t *testing.T) {
	each(t, epilogueTable, func(t *testing.T, row *epilogueRow) {
		use(t, row.name())
		rng, a := random(t), newArena(t)
		for _, channels := range channelCounts(rng) {
			for kind := range 3 {
				checkResidual(t, a, rng, channels, kind, (*Residual).Run, (*AffineCodes).Run, func(n int) []int32 { return sums(rng, n, nil) })
				checkResidual(t, a, rng, channels, kind, (*Residual).RunInt16, (*AffineCodes).RunInt16, func(n int) []int16 { return sums16(rng, n, nil) })
				checkResidual(t, a, rng, channels, kind, (*Residual).RunFloat32, (*AffineCodes).RunFloat32, func(n int) []float32 { return awkward(rng, n, true) })
			}
		}
		r, err := NewResidual(ResidualParameters{Scale: make([]float32, 9), Bias: make([]float32, 9), Top: 3})
		if err != nil {
			t.Fatal(err)
		}
		dst, sums := make([]uint8, 18), make([]int16, 18)
		noAllocs(t, "Residual.Run", func() { r.RunInt16(dst, dst, sums, dst, nil) })
	})
}

func checkResidual[S sum](t *testing.T, a *arena, rng *rand.Rand, channels, kind int,
	run func(r *Residual, dst, stream []uint8, sums []S, codes []uint8, projected []S), codes func(q *AffineCodes, dst []uint8, sums []S), random func(n int) []S) {
	t.Helper()
	rows, at := 1+rng.IntN(5), spot{rng.IntN(2) == 0, rng.IntN(2) * 4 * rng.IntN(16)}
	c := newResidualCase(rng, rows, channels, channels, kind, random)
	var want, wantStream []uint8
	for i := range rows {
		d, s := c.want(i, channels)
		want, wantStream = append(want, d...), append(wantStream, s...)
	}
	r, err := NewResidual(c.p)
	if err != nil {
		t.Fatal(err)
	}
	sums := input(a, fmt.Sprintf("sums%T", c.sums), at, c.sums)
	dst := place(a, "dst", len(want), at, slices.Repeat([]uint8{0xee}, len(want)))
	var stream, skip []uint8
	var projected []S
	if c.stream {
		stream = place[uint8](a, "stream", len(want), at, nil)
	}
	if c.codes != nil {
		if skip = place(a, "codes", len(c.codes), at, c.codes); c.stream && rng.IntN(2) == 0 {
			stream = skip
		}
	}
	if c.projected != nil {
		projected = input(a, fmt.Sprintf("projected%T", c.sums), at, c.projected)
	}
	a.run(func() { run(r, dst, stream, sums, skip, projected) })
	check := func(what string, got, want []uint8) {
		t.Helper()
		if i := firstDifference(got, want); i >= 0 {
			t.Fatalf("%s of %d channels of %T, shortcut %d: sum %v, scale %v, bias %v: got %d, want %d",
				what, channels, sums, kind, sums[i], c.p.Scale[i%channels], c.p.Bias[i%channels], got[i], want[i])
		}
	}
	check("output", dst, want)
	check("stream", stream, wantStream)
	if kind > 0 {
		return
	}
	q, err := NewAffineCodes(c.p.Scale, c.p.Bias, c.p.Top)
	if err != nil {
		t.Fatal(err)
	}
	clear(dst)
	for _, s := range [][]float32{c.p.Scale, c.p.Bias} { // the plan keeps its own
		clear(s)
	}
	a.run(func() { codes(q, dst, sums) })
	check("code", dst, want)
	if r.Kernel() != q.Kernel() || r.Bytes() != q.Bytes() || q.Bytes() != 8*channels {
		t.Fatalf("kernels %s and %s, %d and %d bytes", r.Kernel(), q.Kernel(), r.Bytes(), q.Bytes())
	}
}

// checkResidualKernel calls a kernel by itself on a part of the columns.
func checkResidualKernel[S sum](t *testing.T, a *arena, rng *rand.Rand, kernel residualFunc[S], rows, cols, stride int, at spot, random func(n int) []S) {
	t.Helper()
	kind := rng.IntN(3)
	c := newResidualCase(rng, rows, cols, stride, kind, random)
	n := len(c.sums)
	in := func(name string, s []float32) *float32 {
		if s == nil {
			return nil
		}
		return &input(a, name, at, s)[0]
	}
	sums, old := input(a, fmt.Sprintf("sums%T", c.sums), at, c.sums), slices.Repeat([]uint8{0xee}, n)
	dst, stream := place(a, "dst", n, at, old), place(a, "stream", n, at, old)
	var to, skip *byte
	var projected *S
	if c.stream {
		to = &stream[0]
	}
	if c.codes != nil {
		skip = &input(a, "codes", at, c.codes)[0]
	}
	if c.projected != nil {
		projected = &input(a, fmt.Sprintf("projected%T", c.sums), at, c.projected)[0]
	}
	p := &c.p
	scale, bias, projectScale, projectBias := in("scale", p.Scale), in("bias", p.Bias), in("projectScale", p.ProjectScale), in("projectBias", p.ProjectBias)
	a.run(func() {
		kernel(&dst[0], to, &sums[0], uintptr(rows), uintptr(stride), scale, bias, skip, p.SkipScale, projected, projectScale, projectBias, p.StreamScale, uintptr(p.Top), uintptr(cols))
	})
	for r := range rows {
		want, wantStream := c.want(r, stride)
		for j := range min(stride, n-r*stride) {
			w, ws := uint8(0xee), uint8(0xee)
			if j < cols {
				if w = want[j]; c.stream {
					ws = wantStream[j]
				}
			}
			if i := r*stride + j; dst[i] != w || stream[i] != ws {
				t.Fatalf("residual of %T, shortcut %d: %d rows of %d, %d columns: row %d, column %d: got %d and %d, want %d and %d", sums, kind, rows, stride, cols, r, j, dst[i], stream[i], w, ws)
			}
		}
	}
}

func TestChannelSums(t *testing.T) {
	each(t, epilogueTable, func(t *testing.T, row *epilogueRow) {
		use(t, row.name())
		rng, a := random(t), newArena(t)
		for _, channels := range channelCounts(rng) {
			for _, rows := range []int{0, 1, 2, 49, 256, 257, 600} {
				at := spot{rng.IntN(2) == 0, rng.IntN(2) * 4 * rng.IntN(16)}
				xs := slices.Repeat([]uint8{255}, rows*channels)
				if rng.IntN(2) == 0 {
					for i := range xs {
						xs[i] = uint8(rng.Uint32())
					}
				}
				checkChannelSums(t, a, at, xs, channels, ChannelSums)
				checkChannelSums(t, a, at, awkward(rng, rows*channels, false), channels, ChannelSumsFloat32)
			}
		}
		dst, x := make([]int32, 9), make([]uint8, 18)
		noAllocs(t, "ChannelSums", func() { ChannelSums(dst, x) })
	})
}

func checkChannelSums[X uint8 | float32, Y int32 | float32](t *testing.T, a *arena, at spot, xs []X, channels int, run func(dst []Y, x []X)) {
	t.Helper()
	want := make([]Y, channels)
	ref.ChannelSums(want, xs)
	x, dst := input(a, fmt.Sprintf("x%T", xs), at, xs), place(a, fmt.Sprintf("dst%T", want), channels, at, slices.Repeat([]Y{77}, channels))
	a.run(func() { run(dst, x) })
	if i := firstDifference(dst, want); i >= 0 {
		t.Fatalf("%d rows of %d channels of %T: channel %d: got %v, want %v", len(xs)/channels, channels, xs, i, dst[i], want[i])
	}
}

// checkChannelSumKernel calls a kernel by itself on a part of the columns.
func checkChannelSumKernel[X uint8 | float32, Y int32 | float32](t *testing.T, a *arena, kernel func(dst *Y, x *X, rows, stride, cols uintptr), rows, cols, stride int, at spot, random func(n int) []X) {
	t.Helper()
	xs := random((rows-1)*stride + cols)
	want, old := make([]Y, cols+1), slices.Repeat([]Y{3}, cols+1)
	for c := range want {
		want[c] = 3
		for r := 0; r < rows && c < cols; r++ {
			want[c] += Y(xs[r*stride+c])
		}
	}
	x, dst := input(a, fmt.Sprintf("x%T", xs), at, xs), place(a, fmt.Sprintf("dst%T", old), len(old), at, old)
	a.run(func() { kernel(&dst[0], &x[0], uintptr(rows), uintptr(stride), uintptr(cols)) })
	if i := firstDifference(dst, want); i >= 0 {
		t.Fatalf("sums of %d rows of %d, %d columns of %T: column %d: got %v, want %v", rows, stride, cols, xs, i, dst[i], want[i])
	}
}
