package ref

import "math"

// ConvTraining sets y to the convolution of so many images x with w, dx to the
// gradient of x, and adds to dw, ordered [KH*KW*InC][OutC], that of w, for the
// gradient dy of y. Pixels outside an image have the value pad. Each product is
// added to its sum at once: exact for whole numbers.
func ConvTraining(y, dx, dw, x, w, dy []float32, images int, pad float32, s ConvShape) {
	clear(y)
	clear(dx)
	k := s.KH * s.KW * s.InC
	in, positions := s.H*s.W*s.InC, s.OutH()*s.OutW()
	for n := range images {
		for p := range positions {
			for i := range k {
				at := s.at(p/s.OutW(), p%s.OutW(), i/s.InC/s.KW, i/s.InC%s.KW, i%s.InC)
				v := pad
				if at >= 0 {
					v = x[n*in+at]
				}
				for o := range s.OutC {
					j := (n*positions+p)*s.OutC + o
					y[j] += float32(v * w[o*k+i])
					dw[i*s.OutC+o] += float32(v * dy[j])
					if at >= 0 {
						dx[n*in+at] += float32(w[o*k+i] * dy[j])
					}
				}
			}
		}
	}
}

// ConvTraining64 sets y, dx and dw to those of ConvTraining in double precision.
func ConvTraining64(y, dx, dw []float64, x, w, dy []float32, images int, pad float32, s ConvShape) {
	clear(y)
	clear(dx)
	clear(dw)
	k := s.KH * s.KW * s.InC
	in, positions := s.H*s.W*s.InC, s.OutH()*s.OutW()
	for j, g := range dy[:images*positions*s.OutC] {
		o, p, n := j%s.OutC, j/s.OutC%positions, j/s.OutC/positions
		for i := range k {
			at := s.at(p/s.OutW(), p%s.OutW(), i/s.InC/s.KW, i/s.InC%s.KW, i%s.InC)
			v := pad
			if at >= 0 {
				v = x[n*in+at]
				dx[n*in+at] += float64(w[o*k+i]) * float64(g)
			}
			y[j] += float64(v) * float64(w[o*k+i])
			dw[i*s.OutC+o] += float64(v) * float64(g)
		}
	}
}

// Codes rounds x*scale + bias to the nearest of 0 … top, halves up; dst is that
// times gain plus shift.
func Codes(dst, x, scale, bias []float32, top, gain, shift float32) {
	for i, v := range x {
		c := i % len(scale)
		v = float32(v*scale[c]) + bias[c] + 0.5
		code := float32(0)
		switch {
		case v >= top:
			code = top
		case v >= 1:
			code = float32(int(v))
		}
		dst[i] = float32(code*gain) + shift
	}
}

// ColumnSums adds each column of x to sum, row by row, and its squares to square.
func ColumnSums(sum, square []float64, x []float32) {
	for i, v := range x {
		sum[i%len(sum)] += float64(v)
		square[i%len(sum)] += float64(v) * float64(v) // no rounding before the sum's
	}
}

// A Norm is a batch norm by channels.
type Norm struct{ Scale, Bias, Centre, InvStd []float32 }

// GradientSums zeroes d where x*Scale + Bias is not from low to high, multiplies it
// by gain, and adds it to sum and its product with the normalised value to dot. Sums
// are float32 until a multiple of four rows is left.
func GradientSums(sum, dot []float64, d, x []float32, n Norm, low, high, gain float32) {
	cols := len(sum)
	for c := range sum {
		var s, p float32
		for i := c; i < len(d); i += cols {
			if v := float32(x[i]*n.Scale[c]) + n.Bias[c]; !(v >= low && v <= high) {
				d[i] = 0
			}
			d[i] *= gain
			s += d[i]
			centred := x[i] - n.Centre[c]
			normal := float32(centred * n.InvStd[c])
			p += float32(d[i] * normal)
			if after := (len(d) - 1 - i) / cols; after%4 == 0 {
				sum[c] += float64(s)
				dot[c] += float64(p)
				s, p = 0, 0
			}
		}
	}
}

// NormGradient is the gradient of a batch norm's input.
func NormGradient(d, x []float32, n Norm, mean, slope []float32) {
	for i := range d {
		c := i % len(mean)
		centred := x[i] - n.Centre[c]
		normal := float32(centred * n.InvStd[c])
		rest := d[i] - mean[c]
		rest -= float32(normal * slope[c])
		d[i] = n.Scale[c] * rest
	}
}

// AffineSum sets dst to x*scale + bias + (y*scaleY + biasY).
func AffineSum(dst, x, scale, bias, y, scaleY, biasY []float32) {
	for i := range dst {
		c := i % len(scale)
		v := float32(x[i]*scale[c]) + bias[c]
		u := float32(y[i]*scaleY[c]) + biasY[c]
		dst[i] = v + u
	}
}

// MaxPoolArg pools images over windows side by side, and says which element of its
// window each output is: the first of equal ones.
func MaxPoolArg(dst []float32, arg []uint8, x []float32, s PoolShape, images int) {
	outH, outW := s.H/s.Window, s.W/s.Window
	for i := range dst {
		c, ox, oy, n := i%s.C, i/s.C%outW, i/s.C/outW%outH, i/s.C/outW/outH
		for w := range s.Window * s.Window {
			v := x[((n*s.H+oy*s.Window+w/s.Window)*s.W+ox*s.Window+w%s.Window)*s.C+c]
			if w == 0 || v > dst[i] {
				dst[i], arg[i] = v, uint8(w)
			}
		}
	}
}

// MaxUnpool sends gradients back to the elements that arg names.
func MaxUnpool(dx, dy []float32, arg []uint8, s PoolShape, images int) {
	clear(dx)
	outH, outW := s.H/s.Window, s.W/s.Window
	for i, v := range dy {
		c, ox, oy, n, w := i%s.C, i/s.C%outW, i/s.C/outW%outH, i/s.C/outW/outH, int(arg[i])
		dx[((n*s.H+oy*s.Window+w/s.Window)*s.W+ox*s.Window+w%s.Window)*s.C+c] = v
	}
}

// An AdamStep holds the numbers of Adam's update: see kernels.AdamStep.
type AdamStep struct {
	M, V, Root, Epsilon, Rate float32
	Power                     int
}

// Adam moves the moments m and v along and sets d to the update.
func Adam(d, g, m, v []float32, s AdamStep) {
	for i, x := range g {
		a, b := x-m[i], float32(x*x)-v[i]
		m[i] += float32(s.M * a)
		v[i] += float32(s.V * b)
		q := m[i] / (float32(float32(math.Sqrt(float64(v[i])))*s.Root) + s.Epsilon)
		switch s.Power {
		case 2:
			q *= float32(math.Abs(float64(q)))
		case 3:
			q *= float32(q * q)
		}
		d[i] = s.Rate * q
	}
}

// Momentum sets m to beta*m + g, and d to rate*m.
func Momentum(d, g, m []float32, beta, rate float32) {
	for i := range d {
		m[i] = float32(beta*m[i]) + g[i]
		d[i] = rate * m[i]
	}
}

// Descend sets w to w - decay*w + d, clipped to -top … top.
func Descend(w, d []float32, decay, top float32) {
	for i, v := range w {
		v -= float32(decay * v)
		v += d[i]
		if v > top {
			v = top
		} else if v < -top {
			v = -top
		}
		w[i] = v
	}
}

// splitMix is number i of SplitMix64 from state on.
func splitMix(state uint64, i int) uint64 {
	z := state + uint64(i)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// Moves marks the weights that may move, by the bits of mask: see kernels.Moves.
func Moves(mask, levels []uint8, d []float32, state uint64, reach []float32, slack, bound float32) {
	clear(mask)
	for i, level := range levels {
		u := float32(splitMix(state, i)>>40) / (1 << 24)
		gap := reach[level%16]
		if !math.Signbit(float64(d[i])) {
			gap = reach[16+level%16]
		}
		size := float32(math.Abs(float64(d[i])))
		reached := float32((size + slack) * bound)
		if size < gap && reached < float32(u*gap) {
			continue
		}
		mask[i/8] |= 1 << (i % 8)
	}
}

// MovesWhole is Moves for levels 0 … last that lie a gap apart.
func MovesWhole(mask, levels []uint8, d []float32, state uint64, last uint8, gap, slack, bound float32) {
	reach := make([]float32, 32)
	for i, level := range levels {
		down, up := gap, gap
		if level == 0 {
			down = 0
		}
		if level == last {
			up = 0
		}
		reach[0], reach[16] = down, up
		one := []uint8{0}
		Moves(one, []uint8{0}, d[i:i+1], state+uint64(i)*0x9e3779b97f4a7c15, reach, slack, bound)
		if i%8 == 0 {
			mask[i/8] = 0
		}
		mask[i/8] |= one[0] << (i % 8)
	}
}

// Nearest rounds to whole numbers from -top to top, halves up.
func Nearest(dst, src []float32, top float32) {
	for i, v := range src {
		dst[i] = float32(math.Floor(float64(v) + 0.5))
		if !(v > -top) {
			dst[i] = -top
		} else if v > top {
			dst[i] = top
		}
	}
}

// Slopes multiplies d by the sum of the windows around the steps of x*scale + bias.
func Slopes(d, x, scale, bias []float32, top int, half, peak, fall float32) {
	for i, v := range x {
		c := i % len(scale)
		v = float32(v*scale[c]) + bias[c]
		slope := float32(0)
		for step := range top {
			if distance := float32(math.Abs(float64(v - (float32(step) + 0.5)))); distance <= half {
				slope += peak - float32(fall*distance)
			}
		}
		d[i] *= slope
	}
}

// EightBase is the base of x's codes: with it, the largest has the largest code.
func EightBase(x []float32, codes uint32) uint32 {
	top := uint32(0)
	for _, v := range x {
		if bits := math.Float32bits(float32(math.Abs(float64(v)))); bits > top {
			top = bits
		}
	}
	if top = (top + 0xfffff) >> 20; top < codes {
		return 0
	}
	return top - codes
}

// EightCode is the code of element i: see kernels.EightBits.
func EightCode(x float32, i int, base uint32, signed bool, state uint64) uint8 {
	random := uint32(splitMix(state, i/2)>>(i%2*32)) >> 12
	bits, sign := math.Float32bits(x), uint8(0)
	if signed && bits>>31 != 0 {
		sign = 128
	}
	bits &= 1<<31 - 1
	least := (base + 1) << 20
	smallest := math.Float32frombits(least)
	switch {
	case bits >= least:
		return sign | uint8((bits+random)>>20-base)
	case bits == 0, signed && float32(float32(random)/(1<<20)*smallest) >= math.Float32frombits(bits):
		return sign
	}
	return sign | 1
}

// EightNumber is what a code stands for.
func EightNumber(code uint8, base uint32, signed bool) float32 {
	sign := float32(1)
	if signed && code >= 128 {
		sign, code = -1, code-128
	}
	if code == 0 {
		return 0
	}
	return sign * math.Float32frombits((base+uint32(code))<<20)
}
