package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Codes of sums in float32: of a layer, of a block with a shortcut, and of the stream
// that later shortcuts read.
//
//	instruction             Zen 3: latency, ports   Ice Lake: latency, ports
//	VPMOVSXWD ymm,m         4 (+load), FP1/2 twice  3 (+load), p5
//	VCVTDQ2PS, VCVTTPS2DQ   3, FP2/3                4, p01
//	VMULPS                  3, FP0/1                4, p01
//	VADDPS                  3, FP2/3                4, p01
//	VMINPS                  1, FP0/3                4, p01
//	VPACKSSDW, VPACKUSWB    1, FP1/2                1, p5
//
// An identity and a stream take about 20 instructions for 8 outputs, of which the loads
// of scales and biases are operands: 5 cycles where all four pipes are busy.
//
// Products and sums are rounded by themselves: a fused step would give other bits than
// CPUs that lack it. Rounding is that of quant.Round: half is added, then comes the floor,
// and numbers leave 0 … top on the way only to be clipped. Large ones are made 256
// before they become integers; VMINPS passes its second source if one is NaN, and NaN
// and numbers below -1<<31 become -1<<31. The packing then clips to 0 … 255.

func init() {
	for _, t := range []struct {
		suffix, element string
		bytes           int
		toFloat         func(c *build.Context, m operand.Mem, v reg.VecVirtual)
	}{
		{"I16", "int16", 2, func(c *build.Context, m operand.Mem, v reg.VecVirtual) {
			c.VPMOVSXWD(m, v)
			c.VCVTDQ2PS(v, v)
		}},
		{"I32", "int32", 4, func(c *build.Context, m operand.Mem, v reg.VecVirtual) { c.VCVTDQ2PS(m, v) }},
		{"F32", "float32", 4, func(c *build.Context, m operand.Mem, v reg.VecVirtual) { c.VMOVUPS(m, v) }},
	} {
		add("avx2", family{
			name:      "Residual" + t.suffix,
			doc:       "Residual" + t.suffix + " makes codes and streams of sums and shortcuts.",
			signature: fmt.Sprintf("func(dst, stream *byte, sums *%[1]s, rows, stride uintptr, scale, bias *float32, codes *byte, skip float32, proj *%[1]s, projScale, projBias *float32, gain float32, top, cols uintptr)", t.element),
			loop: `	code := func(v float32, top uintptr) byte {
		return byte(min(max(floor(v+0.5), 0), top)) // 0 for NaN
	}
	for i := range rows {
		for j := range cols {
			v := float32(float32(sums[i][j])*scale[j]) + bias[j]
			if codes != nil {
				v += float32(float32(codes[i][j]) * skip)
			}
			if proj != nil {
				v += float32(float32(proj[i][j])*projScale[j]) + projBias[j]
			}
			dst[i][j] = code(v, top)
			if stream != nil {
				stream[i][j] = code(v*gain, 255)
			}
		}
	}

with rows that lie stride elements apart. rows is at least 1, top at most 255; cols
is a multiple of 8, at least 8. stream may be codes.`,
			body: func(c *build.Context, _ int) { residual(c, t.bytes, t.toFloat) },
		})
	}
}

// residual takes 16 columns at a time, then 8: rows in turn, so that memory is passed
// over once.
func residual(c *build.Context, bytes int, toFloat func(c *build.Context, m operand.Mem, v reg.VecVirtual)) {
	s := simd{c, 32}
	p := broadcasts(c, "skip", "gain")
	skip, gain := p[0], p[1]
	half := s.inRegister(s.words("halfFloat", 0x3f0000003f000000)).(reg.VecVirtual)
	bound := s.inRegister(s.words("boundFloat", 0x4380000043800000)).(reg.VecVirtual) // 256
	// The tops of what lies in the low lane, codes, and in the high one, the stream.
	tops := s.vec()
	c.VMOVD(loadParam(c, "top").As32(), tops.AsX())
	c.VPBROADCASTB(tops.AsX(), tops)
	all := s.vec()
	c.VPCMPEQB(all, all, all)
	c.VINSERTI128(operand.U8(1), all.AsX(), tops, tops)

	order := s.inRegister(s.readOnly("order", []byte{0, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 2, 0, 0, 0, 6, 0, 0, 0, 3, 0, 0, 0, 7, 0, 0, 0})).(reg.VecVirtual)

	dst, stream, sums, codes, proj := loadParam(c, "dst"), loadParam(c, "stream"), loadParam(c, "sums"), loadParam(c, "codes"), loadParam(c, "proj")
	scale, bias, projScale, projBias := loadParam(c, "scale"), loadParam(c, "bias"), loadParam(c, "projScale"), loadParam(c, "projBias")
	rows := loadParam(c, "rows")
	// unless branches if a pointer is nil: the parameter itself, for the register advances.
	unless := func(name, label string) {
		c.CMPQ(paramMem(c, name), operand.U8(0))
		c.JE(operand.LabelRef(label))
	}

	c.Label("row")
	j := c.GP64()
	c.XORQ(j, j)
	for _, vectors := range []int{2, 1} {
		label := func(name string) string { return fmt.Sprintf("%s%d", name, 8*vectors) }
		at := func(base reg.Register, bytes, i int) operand.Mem {
			return operand.Mem{Base: base, Index: j, Scale: uint8(bytes), Disp: 8 * bytes * i}
		}
		// rounded turns v, which is overwritten, into integers.
		rounded := func(v reg.VecVirtual) {
			c.VADDPS(half, v, v)
			c.VMINPS(v, bound, v)
			c.VCVTTPS2DQ(v, v)
		}
		c.Label(label("columns"))
		end := c.GP64()
		c.LEAQ(operand.Mem{Base: j, Disp: 8 * vectors}, end)
		c.CMPQ(end, paramMem(c, "cols"))
		c.JA(operand.LabelRef(label("narrow")))
		v := s.vecs(vectors)
		for i, v := range v {
			toFloat(c, at(sums, bytes, i), v)
			c.VMULPS(at(scale, 4, i), v, v)
			c.VADDPS(at(bias, 4, i), v, v)
		}
		unless("codes", label("noCodes"))
		for i, v := range v {
			u := s.vec()
			c.VPMOVZXBD(at(codes, 1, i), u)
			c.VCVTDQ2PS(u, u)
			c.VMULPS(skip, u, u)
			c.VADDPS(u, v, v)
		}
		c.Label(label("noCodes"))
		unless("proj", label("noProj"))
		for i, v := range v {
			u := s.vec()
			toFloat(c, at(proj, bytes, i), u)
			c.VMULPS(at(projScale, 4, i), u, u)
			c.VADDPS(at(projBias, 4, i), u, u)
			c.VADDPS(u, v, v)
		}
		c.Label(label("noProj"))
		unless("stream", label("noStream"))
		streams := s.vecs(vectors)
		for i, u := range streams {
			c.VMULPS(gain, v[i], u)
			rounded(u)
			rounded(v[i])
		}
		storeTwo(c, v, streams, order, tops, at(dst, 1, 0), at(stream, 1, 0))
		c.JMP(operand.LabelRef(label("next")))
		c.Label(label("noStream"))
		for _, v := range v {
			rounded(v)
		}
		storeTwo(c, v, nil, order, tops, at(dst, 1, 0), operand.Mem{})
		c.Label(label("next"))
		c.ADDQ(operand.U8(8*vectors), j)
		c.JMP(operand.LabelRef(label("columns")))
		c.Label(label("narrow"))
	}
	stride := loadParam(c, "stride")
	for _, p := range []reg.GPVirtual{dst, stream, codes} {
		c.ADDQ(stride, p)
	}
	for _, p := range []reg.GPVirtual{sums, proj} {
		c.LEAQ(operand.Mem{Base: p, Index: stride, Scale: uint8(bytes)}, p)
	}
	c.DECQ(rows)
	c.JNZ(operand.LabelRef("row"))
	c.VZEROUPPER()
	c.RET()
}

// storeTwo narrows one or two vectors of 32 bits each of two kinds to bytes, clips them,
// and stores each kind: the second, if it is nil, nowhere.
func storeTwo(c *build.Context, first, second []reg.VecVirtual, order, tops reg.VecVirtual, to, toSecond operand.Mem) {
	words := func(v []reg.VecVirtual) reg.VecVirtual {
		c.VPACKSSDW(v[len(v)-1], v[0], v[0])
		return v[0]
	}
	bytes := words(first)
	if second != nil {
		c.VPACKUSWB(words(second), bytes, bytes)
	} else {
		c.VPACKUSWB(bytes, bytes, bytes)
	}
	// Groups of four bytes, lane by lane: columns 0 and 8 of the first, then of the
	// second, and 4 and 12 of either.
	c.VPERMD(bytes, order, bytes)
	c.VPMINUB(tops, bytes, bytes)
	store := c.VMOVQ
	if len(first) == 2 {
		store = c.VMOVDQU
	}
	store(bytes.AsX(), to)
	if second != nil {
		c.VEXTRACTI128(operand.U8(1), bytes, bytes.AsX())
		store(bytes.AsX(), toSecond)
	}
}
