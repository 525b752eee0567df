package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The steps of training between products, 8 columns at a time. Each operation is
// rounded by itself, and sums are taken in the order of the rows, so that every
// CPU gives the same bits. They are bound by loads and stores, but for Adam's
// square root and division.

const normLoopEnd = `
with rows that lie stride elements apart. rows is at least 1, cols a multiple
of 8, at least 8.`

func init() {
	add("avx2", family{
		name:      "Codes",
		signature: "func(dst, x *float32, rows, stride uintptr, scale, bias *float32, top, gain, shift float32, cols uintptr)",
		loop: `	for i := range rows {
		for j := range cols {
			v := float32(x[i][j]*scale[j]) + bias[j] + 0.5
			v = floor(min(max(v, 0), top)) // 0 for NaN
			dst[i][j] = float32(v*gain) + shift
		}
	}
` + normLoopEnd,
		body: codes,
	})
	add("avx2", family{
		name:      "ColumnSums",
		signature: "func(sum, square *float64, x *float32, rows, stride, cols uintptr)",
		loop: `	for i := range rows {
		for j := range cols {
			v := float64(x[i][j])
			sum[j] += v
			square[j] += v * v // exact: no rounding but that of the sum
		}
	}
` + normLoopEnd,
		body: columnSums,
	})
	add("avx2", family{
		name:      "GradientSums",
		signature: "func(sum, dot *float64, d, x *float32, rows, stride uintptr, scale, bias, centre, invstd *float32, low, high, gain float32, cols uintptr)",
		loop: `	for i := range rows {
		for j := range cols {
			v := float32(x[i][j]*scale[j]) + bias[j]
			if !(low <= v && v <= high) {
				d[i][j] = 0
			}
			d[i][j] *= gain
			fourSum[j] += d[i][j] // a float32, as fourDot
			fourDot[j] += float32(d[i][j] * ((x[i][j] - centre[j]) * invstd[j]))
			if (rows-1-i)%4 == 0 {
				sum[j] += float64(fourSum[j])
				dot[j] += float64(fourDot[j])
				fourSum[j], fourDot[j] = 0, 0
			}
		}
	}
` + normLoopEnd,
		body: gradientSums,
	})
	add("avx2", family{
		name:      "NormGradient",
		signature: "func(d, x *float32, rows, stride uintptr, scale, centre, invstd, mean, slope *float32, cols uintptr)",
		loop: `	for i := range rows {
		for j := range cols {
			v := (x[i][j] - centre[j]) * invstd[j]
			d[i][j] = scale[j] * (d[i][j] - mean[j] - float32(v*slope[j]))
		}
	}
` + normLoopEnd,
		body: normGradient,
	})
	add("avx2", family{
		name:      "AffineOf",
		signature: "func(dst, x *float32, rows, stride uintptr, scale, bias *float32, cols uintptr)",
		loop: `	for i := range rows {
		for j := range cols {
			dst[i][j] = float32(x[i][j]*scale[j]) + bias[j]
		}
	}
` + normLoopEnd + ` dst may be x.`,
		body: func(c *build.Context, _ int) { affineSum(c, []string{"x", "scale", "bias"}) },
	})
	add("avx2", family{
		name:      "AffineSum",
		signature: "func(dst, x *float32, rows, stride uintptr, scale, bias, y, scaleY, biasY *float32, cols uintptr)",
		loop: `	for i := range rows {
		for j := range cols {
			v := float32(y[i][j]*scaleY[j]) + biasY[j]
			dst[i][j] = float32(x[i][j]*scale[j]) + bias[j] + v
		}
	}
` + normLoopEnd + ` dst may be x or y.`,
		body: func(c *build.Context, _ int) {
			affineSum(c, []string{"x", "scale", "bias"}, []string{"y", "scaleY", "biasY"})
		},
	})
	const poolEnd = `
with windows side by side, whose lines lie row elements apart; pixels have stride
elements. pixels and window are at least 1, window at most 16; cols is a multiple
of 8, at least 8.`
	add("avx2", family{
		name:      "MaxPoolArg",
		signature: "func(dst *float32, arg *byte, src *float32, pixels, cols, stride, row, window uintptr)",
		loop: `	for i := range pixels {
		for j := range cols {
			best, at := src[i*window*stride+j], 0
			for y := range window {
				for x := range window {
					if v := src[y*row+(i*window+x)*stride+j]; v > best {
						best, at = v, y*window+x
					}
				}
			}
			dst[i*stride+j], arg[i*stride+j] = best, byte(at)
		}
	}
` + poolEnd,
		body: maxPoolArg,
	})
	add("avx2", family{
		name:      "Unpool",
		signature: "func(dst, src *float32, arg *byte, pixels, cols, stride, row, window uintptr)",
		loop: `	for i := range pixels {
		for j := range cols {
			for y := range window {
				for x := range window {
					v := src[i*stride+j]
					if int(arg[i*stride+j]) != y*window+x {
						v = 0
					}
					dst[y*row+(i*window+x)*stride+j] = v
				}
			}
		}
	}
` + poolEnd,
		body: unpool,
	})
	add("avx2", family{
		name: "Adam",
		doc: `Adam holds, by the power to which its quotient is raised, the update of Adam: the
magnitude of the quotient, that is, for its sign stays.`,
		signature: "func(d, grad, m, v *float32, n uintptr, ofM, ofV, root, epsilon, rate float32)",
		loop: `	for i := range n {
		m[i] += float32(ofM * (grad[i] - m[i]))
		v[i] += float32(ofV * (float32(grad[i]*grad[i]) - v[i]))
		q := m[i] / (float32(sqrt(v[i])*root) + epsilon)
		d[i] = rate * q^%d
	}

n is a multiple of 8, at least 8.`,
		variants: upTo(3),
		body:     adam,
	})
	add("avx2", family{
		name:      "Descend",
		signature: "func(w, d *float32, n uintptr, decay, top float32)",
		loop: `	for i := range n {
		v := w[i] - float32(decay*w[i]) + d[i]
		w[i] = max(min(v, top), -top) // NaN stays
	}

n is a multiple of 8, at least 8.`,
		body: descend,
	})
	add("avx2", family{
		name:      "Momentum",
		signature: "func(d, grad, m *float32, n uintptr, beta, rate float32)",
		loop: `	for i := range n {
		m[i] = float32(beta*m[i]) + grad[i]
		d[i] = rate * m[i]
	}

n is a multiple of 8, at least 8.`,
		body: momentum,
	})
	add("avx2", family{
		name:      "Steps",
		signature: "func(dst, src *float32, n uintptr, steps *float32, count uintptr)",
		loop: `	for i := range n {
		v := steps[0]
		for j := range count {
			if src[i] >= steps[2*j+1] {
				v += steps[2*j+2]
			}
		}
		dst[i] = v
	}

n is a multiple of 8, at least 8; count at least 1. dst may be src.`,
		body: steps,
	})
	add("avx2", family{
		name:      "LookUp16",
		signature: "func(dst *float32, codes *byte, n uintptr, table *float32)",
		loop: `	for i := range n {
		dst[i] = table[codes[i]%16]
	}

n is a multiple of 8, at least 8.`,
		body: lookUp16,
	})
	add("avx2", family{
		name:      "AddTo",
		signature: "func(dst, src *float32, n uintptr)",
		loop: `	for i := range n {
		dst[i] += src[i]
	}

n is a multiple of 8, at least 8.`,
		body: addTo,
	})
}

// eachRow emits a loop over rows of a stride, and in it one over columns; body
// handles the 8 columns at index j. The pointers of rows move on.
func eachRow(c *build.Context, pointers []reg.GPVirtual, body func(j reg.GPVirtual)) {
	rows, stride, cols := loadParam(c, "rows"), loadParam(c, "stride"), loadParam(c, "cols")
	c.Label("row")
	j := c.GP64()
	c.XORQ(j, j)
	c.Label("columns")
	body(j)
	c.ADDQ(operand.U8(8), j)
	c.CMPQ(j, cols)
	c.JB(operand.LabelRef("columns"))
	for _, p := range pointers {
		c.LEAQ(operand.Mem{Base: p, Index: stride, Scale: 4}, p)
	}
	c.DECQ(rows)
	c.JNZ(operand.LabelRef("row"))
	c.VZEROUPPER()
	c.RET()
}

// floats is the vector at element j of an array.
func floats(base, j reg.Register) operand.Mem { return operand.Mem{Base: base, Index: j, Scale: 4} }

// broadcasts returns parameters, each in all elements of a vector.
func broadcasts(c *build.Context, names ...string) []reg.VecVirtual {
	list := make([]reg.VecVirtual, len(names))
	for i, name := range names {
		p, err := c.Param(name).Resolve()
		if err != nil {
			panic(err)
		}
		list[i] = c.YMM()
		c.VBROADCASTSS(p.Addr, list[i])
	}
	return list
}

// codes rounds halves up. VMAXPS gives its second source, zero, for NaN.
func codes(c *build.Context, _ int) {
	dst, x, scale, bias := loadParam(c, "dst"), loadParam(c, "x"), loadParam(c, "scale"), loadParam(c, "bias")
	p := broadcasts(c, "top", "gain", "shift")
	top, gain, shift := p[0], p[1], p[2]
	half, none, bits := c.YMM(), c.YMM(), c.GP32()
	c.VXORPS(none, none, none)
	c.MOVL(operand.U32(0x3f000000), bits)
	c.VMOVD(bits, half.AsX())
	c.VPBROADCASTD(half.AsX(), half)
	eachRow(c, []reg.GPVirtual{dst, x}, func(j reg.GPVirtual) {
		v := c.YMM()
		c.VMOVUPS(floats(x, j), v)
		c.VMULPS(floats(scale, j), v, v)
		c.VADDPS(floats(bias, j), v, v)
		c.VADDPS(half, v, v)
		c.VMAXPS(none, v, v)
		c.VMINPS(top, v, v)
		c.VROUNDPS(operand.U8(9), v, v) // down, quietly
		c.VMULPS(gain, v, v)
		c.VADDPS(shift, v, v)
		c.VMOVUPS(v, floats(dst, j))
	})
}

// eachColumns emits a loop over blocks of 8 columns, and in it one over rows. The
// sums, two arrays of float64, are in registers all the while; first loads what
// else the block needs, and body handles a row of which the pointers point at the
// block. If fourth is not nil, it follows where a multiple of four rows is left.
func eachColumns(c *build.Context, sums [2]reg.GPVirtual, pointers []reg.GPVirtual, first func(j reg.GPVirtual), body func(at []reg.GPVirtual, acc [2][2]reg.VecVirtual), fourth func(acc [2][2]reg.VecVirtual)) {
	stride, cols, j := loadParam(c, "stride"), loadParam(c, "cols"), c.GP64()
	c.XORQ(j, j)
	c.Label("columns")
	var acc [2][2]reg.VecVirtual
	each := func(do func(v reg.VecVirtual, m operand.Mem)) {
		for i := range acc {
			for h := range acc[i] {
				do(acc[i][h], operand.Mem{Base: sums[i], Index: j, Scale: 8, Disp: 32 * h})
			}
		}
	}
	for i := range acc {
		acc[i] = [2]reg.VecVirtual{c.YMM(), c.YMM()}
	}
	each(func(v reg.VecVirtual, m operand.Mem) { c.VMOVUPD(m, v) })
	at := make([]reg.GPVirtual, len(pointers))
	for i, p := range pointers {
		at[i] = c.GP64()
		c.LEAQ(floats(p, j), at[i])
	}
	first(j)
	rows := loadParam(c, "rows")
	c.Label("row")
	body(at, acc)
	for _, p := range at {
		c.LEAQ(operand.Mem{Base: p, Index: stride, Scale: 4}, p)
	}
	c.DECQ(rows)
	if fourth != nil {
		c.TESTQ(operand.U32(3), rows)
		c.JNZ(operand.LabelRef("row"))
		fourth(acc)
		c.TESTQ(rows, rows)
	}
	c.JNZ(operand.LabelRef("row"))
	each(func(v reg.VecVirtual, m operand.Mem) { c.VMOVUPD(v, m) })
	c.ADDQ(operand.U8(8), j)
	c.CMPQ(j, cols)
	c.JB(operand.LabelRef("columns"))
	c.VZEROUPPER()
	c.RET()
}

// doubles widens v, whose upper half it moves down.
func doubles(c *build.Context, v reg.VecVirtual) [2]reg.VecVirtual {
	low, high := c.YMM(), c.YMM()
	c.VCVTPS2PD(v.AsX(), low)
	c.VEXTRACTF128(operand.U8(1), v, high.AsX())
	c.VCVTPS2PD(high.AsX(), high)
	return [2]reg.VecVirtual{low, high}
}

func columnSums(c *build.Context, _ int) {
	sums := [2]reg.GPVirtual{loadParam(c, "sum"), loadParam(c, "square")}
	eachColumns(c, sums, []reg.GPVirtual{loadParam(c, "x")}, func(reg.GPVirtual) {}, func(at []reg.GPVirtual, acc [2][2]reg.VecVirtual) {
		for h := range 2 {
			v := c.YMM()
			c.VCVTPS2PD(operand.Mem{Base: at[0], Disp: 16 * h}, v)
			c.VADDPD(v, acc[0][h], acc[0][h])
			c.VFMADD231PD(v, v, acc[1][h])
		}
	}, nil)
}

// gradientSums adds up four rows before it widens their sums.
func gradientSums(c *build.Context, _ int) {
	sums := [2]reg.GPVirtual{loadParam(c, "sum"), loadParam(c, "dot")}
	p := broadcasts(c, "low", "high", "gain")
	low, high, gain := p[0], p[1], p[2]
	var channel [4]reg.VecVirtual
	pointers := []reg.GPVirtual{loadParam(c, "d"), loadParam(c, "x")}
	four := [2]reg.VecVirtual{c.YMM(), c.YMM()}
	none := func() {
		for _, v := range four {
			c.VXORPS(v, v, v)
		}
	}
	eachColumns(c, sums, pointers, func(j reg.GPVirtual) {
		none()
		for i, name := range []string{"scale", "bias", "centre", "invstd"} {
			channel[i] = c.YMM()
			c.VMOVUPS(floats(loadParam(c, name), j), channel[i])
		}
	}, func(at []reg.GPVirtual, _ [2][2]reg.VecVirtual) {
		x, g, mask := c.YMM(), c.YMM(), c.YMM()
		c.VMOVUPS(operand.Mem{Base: at[1]}, x)
		c.VMULPS(channel[0], x, g)
		c.VADDPS(channel[1], g, g)
		c.VCMPPS(operand.U8(0x1d), low, g, mask) // g >= low
		c.VCMPPS(operand.U8(0x12), high, g, g)   // g <= high
		c.VANDPS(mask, g, g)
		c.VANDPS(operand.Mem{Base: at[0]}, g, g)
		c.VMULPS(gain, g, g)
		c.VMOVUPS(g, operand.Mem{Base: at[0]})
		c.VADDPS(g, four[0], four[0])
		c.VSUBPS(channel[2], x, x)
		c.VMULPS(channel[3], x, x)
		c.VMULPS(x, g, x)
		c.VADDPS(x, four[1], four[1])
	}, func(acc [2][2]reg.VecVirtual) {
		for i := range four {
			for h, v := range doubles(c, four[i]) {
				c.VADDPD(v, acc[i][h], acc[i][h])
			}
		}
		none()
	})
}

func normGradient(c *build.Context, _ int) {
	d, x := loadParam(c, "d"), loadParam(c, "x")
	scale, centre, invstd := loadParam(c, "scale"), loadParam(c, "centre"), loadParam(c, "invstd")
	mean, slope := loadParam(c, "mean"), loadParam(c, "slope")
	eachRow(c, []reg.GPVirtual{d, x}, func(j reg.GPVirtual) {
		v, g := c.YMM(), c.YMM()
		c.VMOVUPS(floats(x, j), v)
		c.VSUBPS(floats(centre, j), v, v)
		c.VMULPS(floats(invstd, j), v, v)
		c.VMULPS(floats(slope, j), v, v)
		c.VMOVUPS(floats(d, j), g)
		c.VSUBPS(floats(mean, j), g, g)
		c.VSUBPS(v, g, g)
		c.VMULPS(floats(scale, j), g, g)
		c.VMOVUPS(g, floats(d, j))
	})
}

// affineSum adds up terms x*scale + bias, given by the names of their parameters.
func affineSum(c *build.Context, terms ...[]string) {
	dst := loadParam(c, "dst")
	pointers := []reg.GPVirtual{dst}
	var operands [][3]reg.GPVirtual
	for _, t := range terms {
		p := [3]reg.GPVirtual{loadParam(c, t[0]), loadParam(c, t[1]), loadParam(c, t[2])}
		operands, pointers = append(operands, p), append(pointers, p[0])
	}
	eachRow(c, pointers, func(j reg.GPVirtual) {
		var sum reg.VecVirtual
		for i, p := range operands {
			v := c.YMM()
			c.VMOVUPS(floats(p[0], j), v)
			c.VMULPS(floats(p[1], j), v, v)
			c.VADDPS(floats(p[2], j), v, v)
			if i > 0 {
				c.VADDPS(v, sum, sum)
			} else {
				sum = v
			}
		}
		c.VMOVUPS(sum, floats(dst, j))
	})
}

// eachWindow emits a loop over pixels and blocks of 8 of their columns. first and
// last handle a block at byte offset at of its pixel, tap an element of its window:
// the place is memory of large, number counts the elements.
func eachWindow(c *build.Context, small []reg.GPVirtual, large, arg reg.GPVirtual, first func(at reg.GPVirtual), tap func(m operand.Mem, number reg.VecVirtual), last func(at, column reg.GPVirtual)) {
	pixels, stride, row := loadParam(c, "pixels"), loadParam(c, "stride"), loadParam(c, "row")
	window, cols := loadParam(c, "window"), loadParam(c, "cols")
	c.SHLQ(operand.U8(2), stride)
	c.SHLQ(operand.U8(2), row)
	one, bits := c.YMM(), c.GP32()
	c.MOVL(operand.U32(1), bits)
	c.VMOVD(bits, one.AsX())
	c.VPBROADCASTD(one.AsX(), one)
	c.Label("pixel")
	column, at := c.GP64(), c.GP64()
	c.XORQ(column, column)
	c.Label("columns")
	c.MOVQ(column, at)
	c.SHLQ(operand.U8(2), at)
	first(at)
	number, line, ky := c.YMM(), c.GP64(), c.GP64()
	c.VPXOR(number, number, number)
	c.LEAQ(operand.Mem{Base: large, Index: at, Scale: 1}, line)
	c.MOVQ(window, ky)
	c.Label("line")
	x, kx := c.GP64(), c.GP64()
	c.MOVQ(line, x)
	c.MOVQ(window, kx)
	c.Label("tap")
	tap(operand.Mem{Base: x}, number)
	c.VPADDD(one, number, number)
	c.ADDQ(stride, x)
	c.DECQ(kx)
	c.JNZ(operand.LabelRef("tap"))
	c.ADDQ(row, line)
	c.DECQ(ky)
	c.JNZ(operand.LabelRef("line"))
	last(at, column)
	c.ADDQ(operand.U8(8), column)
	c.CMPQ(column, cols)
	c.JB(operand.LabelRef("columns"))
	c.MOVQ(window, kx)
	c.IMULQ(stride, kx)
	c.ADDQ(kx, large)
	for _, p := range small {
		c.ADDQ(stride, p)
	}
	c.SHRQ(operand.U8(2), stride) // bytes of arg
	c.ADDQ(stride, arg)
	c.SHLQ(operand.U8(2), stride)
	c.DECQ(pixels)
	c.JNZ(operand.LabelRef("pixel"))
	c.VZEROUPPER()
	c.RET()
}

func maxPoolArg(c *build.Context, _ int) {
	dst, src, arg := loadParam(c, "dst"), loadParam(c, "src"), loadParam(c, "arg")
	best, places := c.YMM(), c.YMM()
	eachWindow(c, []reg.GPVirtual{dst}, src, arg, func(at reg.GPVirtual) {
		c.VMOVUPS(operand.Mem{Base: src, Index: at, Scale: 1}, best)
		c.VPXOR(places, places, places)
	}, func(m operand.Mem, number reg.VecVirtual) {
		v, above := c.YMM(), c.YMM()
		c.VMOVUPS(m, v)
		c.VCMPPS(operand.U8(0x1e), best, v, above) // v > best
		c.VBLENDVPS(above, v, best, best)
		c.VBLENDVPS(above, number, places, places)
	}, func(at, column reg.GPVirtual) {
		c.VMOVUPS(best, operand.Mem{Base: dst, Index: at, Scale: 1})
		storeCodes(c, []reg.VecVirtual{places}, []operand.Mem{{Base: arg, Index: column, Scale: 1}})
	})
}

func unpool(c *build.Context, _ int) {
	dst, src, arg := loadParam(c, "dst"), loadParam(c, "src"), loadParam(c, "arg")
	g, places := c.YMM(), c.YMM()
	eachWindow(c, []reg.GPVirtual{src}, dst, arg, func(at reg.GPVirtual) {
		c.VMOVUPS(operand.Mem{Base: src, Index: at, Scale: 1}, g)
		column := c.GP64()
		c.MOVQ(at, column)
		c.SHRQ(operand.U8(2), column)
		c.VPMOVZXBD(operand.Mem{Base: arg, Index: column, Scale: 1}, places)
	}, func(m operand.Mem, number reg.VecVirtual) {
		v := c.YMM()
		c.VPCMPEQD(number, places, v)
		c.VPAND(g, v, v)
		c.VMOVUPS(v, m)
	}, func(_, _ reg.GPVirtual) {})
}

// eachVector emits a loop over n elements, 8 at a time.
func eachVector(c *build.Context, body func(i reg.GPVirtual)) {
	n, i := loadParam(c, "n"), c.GP64()
	c.XORQ(i, i)
	c.Label("loop")
	body(i)
	c.ADDQ(operand.U8(8), i)
	c.CMPQ(i, n)
	c.JB(operand.LabelRef("loop"))
	c.VZEROUPPER()
	c.RET()
}

func adam(c *build.Context, power int) {
	d, g, m, v := loadParam(c, "d"), loadParam(c, "grad"), loadParam(c, "m"), loadParam(c, "v")
	p := broadcasts(c, "ofM", "ofV", "root", "epsilon", "rate")
	magnitude, bits := c.YMM(), c.GP32()
	c.MOVL(operand.U32(0x7fffffff), bits)
	c.VMOVD(bits, magnitude.AsX())
	c.VPBROADCASTD(magnitude.AsX(), magnitude)
	eachVector(c, func(i reg.GPVirtual) {
		gs, first, second, t := c.YMM(), c.YMM(), c.YMM(), c.YMM()
		c.VMOVUPS(floats(g, i), gs)
		c.VMOVUPS(floats(m, i), first)
		c.VSUBPS(first, gs, t)
		c.VMULPS(p[0], t, t)
		c.VADDPS(t, first, first)
		c.VMOVUPS(first, floats(m, i))
		c.VMOVUPS(floats(v, i), second)
		c.VMULPS(gs, gs, t)
		c.VSUBPS(second, t, t)
		c.VMULPS(p[1], t, t)
		c.VADDPS(t, second, second)
		c.VMOVUPS(second, floats(v, i))
		c.VSQRTPS(second, t)
		c.VMULPS(p[2], t, t)
		c.VADDPS(p[3], t, t)
		q := c.YMM()
		c.VDIVPS(t, first, q)
		switch power {
		case 2:
			c.VANDPS(magnitude, q, t)
			c.VMULPS(t, q, q)
		case 3:
			c.VMULPS(q, q, t)
			c.VMULPS(t, q, q)
		}
		c.VMULPS(p[4], q, q)
		c.VMOVUPS(q, floats(d, i))
	})
}

// descend clips by VMINPS and VMAXPS, which give their second source, the number,
// if that is NaN.
func descend(c *build.Context, _ int) {
	w, d := loadParam(c, "w"), loadParam(c, "d")
	p := broadcasts(c, "decay", "top")
	bottom := c.YMM()
	c.VXORPS(bottom, bottom, bottom)
	c.VSUBPS(p[1], bottom, bottom)
	eachVector(c, func(i reg.GPVirtual) {
		v, t := c.YMM(), c.YMM()
		c.VMOVUPS(floats(w, i), v)
		c.VMULPS(p[0], v, t)
		c.VSUBPS(t, v, v)
		c.VADDPS(floats(d, i), v, v)
		c.VMINPS(v, p[1], v)
		c.VMAXPS(v, bottom, v)
		c.VMOVUPS(v, floats(w, i))
	})
}

func momentum(c *build.Context, _ int) {
	d, g, m := loadParam(c, "d"), loadParam(c, "grad"), loadParam(c, "m")
	p := broadcasts(c, "beta", "rate")
	eachVector(c, func(i reg.GPVirtual) {
		v := c.YMM()
		c.VMULPS(floats(m, i), p[0], v)
		c.VADDPS(floats(g, i), v, v)
		c.VMOVUPS(v, floats(m, i))
		c.VMULPS(p[1], v, v)
		c.VMOVUPS(v, floats(d, i))
	})
}

// steps takes 32 elements at a time, which share the loads of the steps, then 8.
func steps(c *build.Context, _ int) {
	dst, src, n := loadParam(c, "dst"), loadParam(c, "src"), loadParam(c, "n")
	list, count := loadParam(c, "steps"), loadParam(c, "count")
	for _, vectors := range []int{4, 1} {
		label := func(name string) string { return fmt.Sprintf("%s%d", name, vectors) }
		c.Label(label("loop"))
		c.CMPQ(n, operand.U8(8*vectors))
		c.JB(operand.LabelRef(label("done")))
		x, sum := make([]reg.VecVirtual, vectors), make([]reg.VecVirtual, vectors)
		for i := range x {
			x[i], sum[i] = c.YMM(), c.YMM()
			c.VMOVUPS(operand.Mem{Base: src, Disp: 32 * i}, x[i])
			c.VBROADCASTSS(operand.Mem{Base: list}, sum[i])
		}
		step, left := c.GP64(), c.GP64()
		c.MOVQ(list, step)
		c.MOVQ(count, left)
		c.Label(label("step"))
		bound, size := c.YMM(), c.YMM()
		c.VBROADCASTSS(operand.Mem{Base: step, Disp: 4}, bound)
		c.VBROADCASTSS(operand.Mem{Base: step, Disp: 8}, size)
		for i := range x {
			t := c.YMM()
			c.VCMPPS(operand.U8(0x1d), bound, x[i], t)
			c.VANDPS(size, t, t)
			c.VADDPS(t, sum[i], sum[i])
		}
		c.ADDQ(operand.U8(8), step)
		c.DECQ(left)
		c.JNZ(operand.LabelRef(label("step")))
		for i := range x {
			c.VMOVUPS(sum[i], operand.Mem{Base: dst, Disp: 32 * i})
		}
		c.ADDQ(operand.U32(32*vectors), src)
		c.ADDQ(operand.U32(32*vectors), dst)
		c.SUBQ(operand.U8(8*vectors), n)
		c.JMP(operand.LabelRef(label("loop")))
		c.Label(label("done"))
	}
	c.VZEROUPPER()
	c.RET()
}

// lookUp16 looks up in either half of the table; bit 3 of a code, moved to the
// sign, chooses.
func lookUp16(c *build.Context, _ int) {
	dst, codes, table := loadParam(c, "dst"), loadParam(c, "codes"), loadParam(c, "table")
	low, high := c.YMM(), c.YMM()
	c.VMOVUPS(operand.Mem{Base: table}, low)
	c.VMOVUPS(operand.Mem{Base: table, Disp: 32}, high)
	eachVector(c, func(i reg.GPVirtual) {
		code, a, b := c.YMM(), c.YMM(), c.YMM()
		c.VPMOVZXBD(operand.Mem{Base: codes, Index: i, Scale: 1}, code)
		c.VPERMPS(low, code, a)
		c.VPERMPS(high, code, b)
		c.VPSLLD(operand.U8(28), code, code)
		c.VBLENDVPS(code, b, a, a)
		c.VMOVUPS(a, floats(dst, i))
	})
}

func addTo(c *build.Context, _ int) {
	dst, src := loadParam(c, "dst"), loadParam(c, "src")
	eachVector(c, func(i reg.GPVirtual) {
		v := c.YMM()
		c.VMOVUPS(floats(dst, i), v)
		c.VADDPS(floats(src, i), v, v)
		c.VMOVUPS(v, floats(dst, i))
	})
}
