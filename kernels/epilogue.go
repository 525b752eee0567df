package kernels

import (
	"fmt"
	"iter"
	"math"
)

// Thresholds turns sums into the codes of the next layer's activations. It is
// safe for use by many goroutines.
type Thresholds struct {
	row    *epilogueRow
	c      int
	levels int
	thr    []int32 // [levels][c]
	flip   []int32 // 0, or -1 where the sum is negated
	// The same for sums of 16 bits: the code is the magnitude of base less the number
	// of thr16[level][c] that the sum exceeds. Sums that count negated reach a
	// threshold unless they exceed its negative, so their base is levels.
	thr16  []int16
	base16 []int16
}

// NewThresholds plans the step whose code for a sum of channel c is the number
// of thresholds[c] that the sum reaches, or that its negative reaches where
// negate[c] (in int32, so that of -1<<31, which no product gives, is itself). Every channel has the same number of thresholds, 1 to 255, in any
// order. negate may be nil. The slices may be changed afterwards.
func NewThresholds(thresholds [][]int32, negate []bool) (*Thresholds, error) {
	if len(thresholds) == 0 {
		return nil, fmt.Errorf("kernels: NewThresholds: no channels: want at least one")
	}
	t := &Thresholds{row: current.Load().epilogue, c: len(thresholds), levels: len(thresholds[0])}
	if t.levels < 1 || t.levels > 255 {
		return nil, fmt.Errorf("kernels: NewThresholds: %d thresholds a channel: want 1 to 255", t.levels)
	}
	if negate != nil && len(negate) != t.c {
		return nil, fmt.Errorf("kernels: NewThresholds: len(negate) = %d: want one for each of %d channels, or nil", len(negate), t.c)
	}
	t.thr, t.thr16 = make([]int32, t.levels*t.c), make([]int16, t.levels*t.c)
	t.flip, t.base16 = make([]int32, t.c), make([]int16, t.c)
	for c, list := range thresholds {
		if len(list) != t.levels {
			return nil, fmt.Errorf("kernels: NewThresholds: channel %d has %d thresholds: want %d as channel 0", c, len(list), t.levels)
		}
		negated := negate != nil && negate[c]
		if negated {
			t.flip[c], t.base16[c] = -1, int16(t.levels)
		}
		for j, v := range list {
			t.thr[j*t.c+c] = v
			exceed := int64(v) - 1
			if negated {
				exceed = -int64(v)
			}
			t.thr16[j*t.c+c] = int16(min(max(exceed, math.MinInt16), math.MaxInt16))
		}
	}
	return t, nil
}

// Kernel is the name of the kernel that was chosen.
func (t *Thresholds) Kernel() string { return t.row.name() }

// Bytes is the memory that the thresholds take.
func (t *Thresholds) Bytes() int {
	return 4*(len(t.thr)+len(t.flip)) + 2*(len(t.thr16)+len(t.base16))
}

// Run sets dst[r][c] to the code of acc[r][c]. Both hold whole rows of one sum
// or code a channel. It does not allocate, and panics if the lengths differ or
// are not whole rows.
func (t *Thresholds) Run(dst []uint8, acc []int32) {
	rows := wholeRows("Thresholds.Run", len(dst), len(acc), t.c)
	wide := t.c &^ 7
	for r, n := range spans(rows, t.c*t.levels) {
		d, a := dst[r*t.c:], acc[r*t.c:]
		if wide > 0 {
			t.row.thresholds(&d[0], &a[0], uintptr(n), uintptr(t.c), &t.thr[0], &t.flip[0], uintptr(t.levels), uintptr(wide))
		}
		if wide < t.c {
			portableEpilogue[0].thresholds(&d[wide], &a[wide], uintptr(n), uintptr(t.c), &t.thr[wide], &t.flip[wide], uintptr(t.levels), uintptr(t.c-wide))
		}
	}
}

// RunInt16 is Run for sums of 16 bits, which are -32767 to 32767: of those the least
// exceeds the least number of 16 bits, and none exceeds the greatest, so thresholds
// outside 16 bits are always or never reached, as they should be.
func (t *Thresholds) RunInt16(dst []uint8, acc []int16) {
	rows := wholeRows("Thresholds.RunInt16", len(dst), len(acc), t.c)
	wide := t.c &^ 7
	for r, n := range spans(rows, t.c*t.levels) {
		d, a := dst[r*t.c:], acc[r*t.c:]
		if wide > 0 {
			t.row.thresholdsI16(&d[0], &a[0], uintptr(n), uintptr(t.c), &t.thr16[0], &t.base16[0], uintptr(t.levels), uintptr(wide))
		}
		if wide < t.c {
			portableEpilogue[0].thresholdsI16(&d[wide], &a[wide], uintptr(n), uintptr(t.c), &t.thr16[wide], &t.base16[wide], uintptr(t.levels), uintptr(t.c-wide))
		}
	}
}

// spanWork bounds the elements that one call of assembly passes over: the
// scheduler cannot stop it, and the collector would have everyone wait. It is
// some tens of microseconds.
const spanWork = 1 << 18

// spans cuts n units, each of so many elements, into spans of at most about
// spanWork elements, and yields the first unit and the number of each.
func spans(n, elements int) iter.Seq2[int, int] {
	size := max(1, spanWork/elements)
	return func(yield func(int, int) bool) {
		for at := 0; at < n; at += size {
			if !yield(at, min(size, n-at)) {
				return
			}
		}
	}
}

// Requantize turns sums into codes in fixed point. It is safe for use by many
// goroutines.
type Requantize struct {
	row   *epilogueRow
	mul   []int32
	add   []int64
	shift uint
	top   uint8
}

// NewRequantize plans the step whose code for a sum of channel c is
//
//	(sum*mul[c] + add[c]) >> shift, clipped to [0, top]
//
// in 64-bit arithmetic; 1<<(shift-1) in add makes it round to nearest. It
// returns an error if the lengths differ, if shift is over 62, or if a 32-bit
// sum could leave the range of int64.
func NewRequantize(mul []int32, add []int64, shift uint, top uint8) (*Requantize, error) {
	if len(mul) == 0 || len(mul) != len(add) {
		return nil, fmt.Errorf("kernels: NewRequantize: len(mul) = %d, len(add) = %d: want as many, at least one", len(mul), len(add))
	}
	if shift > 62 {
		return nil, fmt.Errorf("kernels: NewRequantize: shift is %d: want 0 to 62", shift)
	}
	for c, a := range add {
		if a >= 1<<62 || a < -1<<62 {
			return nil, fmt.Errorf("kernels: NewRequantize: add[%d] is %d: want -1<<62 to 1<<62 - 1", c, a)
		}
	}
	return &Requantize{current.Load().epilogue, append([]int32(nil), mul...), append([]int64(nil), add...), shift, top}, nil
}

// Kernel is the name of the kernel that was chosen.
func (q *Requantize) Kernel() string { return q.row.name() }

// Run sets dst[r][c] to the code of acc[r][c]. Both hold whole rows of one sum
// or code a channel. It does not allocate, and panics if the lengths differ or
// are not whole rows.
func (q *Requantize) Run(dst []uint8, acc []int32) {
	c := len(q.mul)
	rows := wholeRows("Requantize.Run", len(dst), len(acc), c)
	wide := c &^ 7
	for r, n := range spans(rows, c) {
		d, a := dst[r*c:], acc[r*c:]
		if wide > 0 {
			q.row.requantize(&d[0], &a[0], uintptr(n), uintptr(c), &q.mul[0], &q.add[0], uintptr(q.shift), uintptr(q.top), uintptr(wide))
		}
		if wide < c {
			portableEpilogue[0].requantize(&d[wide], &a[wide], uintptr(n), uintptr(c), &q.mul[wide], &q.add[wide], uintptr(q.shift), uintptr(q.top), uintptr(c-wide))
		}
	}
}

// Affine sets x[r][c] to x*scale[c] + bias[c], each operation rounded to
// float32 by itself so that every CPU gives the same bits, and with relu
// replaces what is below zero by zero. It does not allocate, and panics if x is
// not whole rows of len(scale) or bias is of another length.
func Affine(x, scale, bias []float32, relu bool) {
	if len(bias) != len(scale) {
		panic(lengths("Affine", "bias", len(bias), len(scale)))
	}
	rows := wholeRows("Affine", len(x), len(x), len(scale))
	flag := uintptr(0)
	if relu {
		flag = 1
	}
	c := len(scale)
	wide := c &^ 7
	row := current.Load().epilogue
	for r, n := range spans(rows, c) {
		x := x[r*c:]
		if wide > 0 {
			row.affine(&x[0], uintptr(n), uintptr(c), &scale[0], &bias[0], flag, uintptr(wide))
		}
		if wide < c {
			portableEpilogue[0].affine(&x[wide], uintptr(n), uintptr(c), &scale[wide], &bias[wide], flag, uintptr(c-wide))
		}
	}
}

func wholeRows(where string, dst, src, c int) int {
	if dst != src || c == 0 || src%c != 0 {
		panic(fmt.Sprintf("kernels: %s: lengths %d and %d: want both the same whole number of rows of %d channels", where, dst, src, c))
	}
	return src / c
}

// channelSumRows is the number of rows whose sums of bytes the kernels hold in 16 bits:
// they could be one more.
const channelSumRows = 256

// ChannelSums sets dst[c] to the sum of x[r][c]. It does not allocate, and panics if x
// is not whole rows of len(dst).
func ChannelSums(dst []int32, x []uint8) {
	cols := len(dst)
	rows := wholeRows("ChannelSums", len(x), len(x), cols)
	clear(dst)
	wide, row := cols&^7, current.Load().epilogue
	for at := 0; at < rows; at += channelSumRows {
		x, n := x[at*cols:], uintptr(min(channelSumRows, rows-at))
		if wide > 0 {
			row.channelSums(&dst[0], &x[0], n, uintptr(cols), uintptr(wide))
		}
		if wide < cols {
			portableEpilogue[0].channelSums(&dst[wide], &x[wide], n, uintptr(cols), uintptr(cols-wide))
		}
	}
}

// ChannelSumsFloat32 is ChannelSums on float32: sums start at 0 and are taken in the
// order of the rows.
func ChannelSumsFloat32(dst, x []float32) {
	cols := len(dst)
	rows := wholeRows("ChannelSumsFloat32", len(x), len(x), cols)
	clear(dst)
	wide, row := cols&^7, current.Load().epilogue
	for at, n := range spans(rows, cols) {
		x := x[at*cols:]
		if wide > 0 {
			row.channelSumsF32(&dst[0], &x[0], uintptr(n), uintptr(cols), uintptr(wide))
		}
		if wide < cols {
			portableEpilogue[0].channelSumsF32(&dst[wide], &x[wide], uintptr(n), uintptr(cols), uintptr(cols-wide))
		}
	}
}

// A PoolShape is the shape of a max-pool over images of H x W pixels with C
// channels. Windows do not reach outside the image.
type PoolShape struct {
	H, W, C        int
	Window, Stride int
}

// OutH is the number of output rows.
func (s PoolShape) OutH() int { return (s.H-s.Window)/s.Stride + 1 }

// OutW is the number of output columns.
func (s PoolShape) OutW() int { return (s.W-s.Window)/s.Stride + 1 }

// Check returns an error that names the first field that cannot be.
func (s PoolShape) Check() error {
	for _, f := range []struct {
		name string
		got  int
	}{{"H", s.H}, {"W", s.W}, {"C", s.C}, {"Window", s.Window}, {"Stride", s.Stride}} {
		if f.got < 1 || f.got > maxDim {
			return fmt.Errorf("kernels: PoolShape.%s is %d: want 1 to %d", f.name, f.got, maxDim)
		}
	}
	if s.Window > s.H || s.Window > s.W {
		return fmt.Errorf("kernels: pool window %d on %dx%d pixels: want a window no larger than the image", s.Window, s.H, s.W)
	}
	return nil
}

// MaxPool sets dst[images][OutH][OutW][C] to the largest of each window of
// x[images][H][W][C], of sums before their epilogue or of float32 activations.
// dst may be the front of x: what is written there has been read. Of windows
// with a NaN, which element is taken depends on the kernel. It does not allocate, and panics if the shape cannot be or a length is not as it says.
func MaxPool[T int16 | int32 | float32](dst, x []T, s PoolShape, images int) {
	if err := s.Check(); err != nil {
		panic(err.Error())
	}
	in, out := s.H*s.W*s.C, s.OutH()*s.OutW()*s.C
	if images < 0 || images > len(x) || len(x) != images*in || len(dst) != images*out {
		panic(fmt.Sprintf("kernels: MaxPool: images = %d, len(x) = %d, len(dst) = %d: want %d*%d = %d and %d*%d = %d",
			images, len(x), len(dst), images, in, images*in, images, out, images*out))
	}
	r := current.Load().epilogue
	wide := s.C &^ 7
	outW := s.OutW()
	for line := range images * s.OutH() {
		image, oy := line/s.OutH(), line%s.OutH()
		d, from := dst[line*outW*s.C:][:outW*s.C], x[image*in+oy*s.Stride*s.W*s.C:]
		if wide > 0 {
			maxPoolRow(r, d, from, wide, outW, &s)
		}
		if wide < s.C {
			maxPoolRow(portableEpilogue[0], d[wide:], from[wide:], s.C-wide, outW, &s)
		}
	}
}

// maxPoolRow calls the kernel of the element's type on the first cols channels
// of a row of output pixels.
func maxPoolRow[T int16 | int32 | float32](r *epilogueRow, dst, src []T, cols, pixels int, s *PoolShape) {
	n, c, stride, step := uintptr(pixels), uintptr(cols), uintptr(s.C), uintptr(s.Stride)
	row, window := uintptr(s.W*s.C), uintptr(s.Window)
	switch d := any(dst).(type) {
	case []int16:
		r.maxPoolI16(&d[0], &any(src).([]int16)[0], n, c, stride, step, row, window)
	case []int32:
		r.maxPoolI32(&d[0], &any(src).([]int32)[0], n, c, stride, step, row, window)
	case []float32:
		r.maxPoolF32(&d[0], &any(src).([]float32)[0], n, c, stride, step, row, window)
	}
}
