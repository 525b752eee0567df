package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The loops of bench/internal/limits do a kernel's inner arithmetic with no
// loads, no edges and no dependency that the CPU has to wait for: what they
// reach is the most that a kernel made of the same instructions can reach.

// limitUnroll is the number of independent chains of a port loop. Latency times
// rate is at most 5 x 2 = 10 on the CPUs of KERNELS.md.
const limitUnroll = 12

func init() {
	elsewhere["limits"] = "../../bench/internal/limits"
	for _, l := range []struct {
		name, does string
		macs       int // multiply-adds of one group
		body       func(c *build.Context)
	}{
		{"FMAAVX2", "one float32 VFMADD231PS of 8 lanes", 8, fmaLimit(ymm, 1)},
		{"FMAAVX512", "one float32 VFMADD231PS of 16 lanes", 16, fmaLimit(zmm, 2)},
		{"MulAdd16AVX2", "VPMADDUBSW, VPADDW: 32 products of bytes into 16-bit sums", 32, mulAdd16Limit(ymm)},
		{"MulAdd32AVX2", "VPMADDUBSW, VPMADDWD, VPADDD: 32 products of bytes into 32-bit sums", 32, mulAdd32Limit(ymm)},
		{"MulAddWideAVX2", "VPMADDWD, VPADDD: 16 products of words into 32-bit sums", 16, mulAddWideLimit(ymm)},
		{"MulAdd16AVX512", "VPMADDUBSW, VPADDW: 64 products of bytes into 16-bit sums", 64, mulAdd16Limit(zmm)},
		{"MulAdd32AVX512", "VPMADDUBSW, VPMADDWD, VPADDD: 64 products of bytes into 32-bit sums", 64, mulAdd32Limit(zmm)},
		{"MulAddWideAVX512", "VPMADDWD, VPADDD: 32 products of words into 32-bit sums", 32, mulAddWideLimit(zmm)},
		{"MulAddAVX512", "one VPDPBUSD: 64 products of bytes into 32-bit sums", 64, dotProductLimit},
		{"PopcountGP", "XORQ, POPCNTQ, ADDQ: 64 binary products", 64, popcountGPLimit},
		{"PopcountAVX2", "VPXOR, popcount by nibbles (2 VPSHUFB), VPADDB: 256 binary products", 256, popcountAVX2Limit},
		{"LUTAVX2", "VPSHUFB, VPADDB: look-ups of 4 binary products for 32 outputs", 128, lutLimit(ymm)},
		{"LUTAVX512", "VPSHUFB, VPADDB: look-ups of 4 binary products for 64 outputs", 256, lutLimit(zmm)},
		{"LUT6AVX512", "VPERMB, VPADDB: look-ups of 6 binary products for 64 outputs", 384, lut6Limit},
		{"LUT4x4AVX512", "VPERMB, VPDPBUSD: look-ups of 16 binary products for 16 outputs", 256, lut4x4Limit},
		{"ShiftAddAVX2", "MOVWLZX, 2 VPADDB from the first-level cache: 64 sums of bytes", 64, shiftAddLimit(ymm)},
		{"ShiftAddAVX512", "MOVWLZX, 2 VPADDB from the first-level cache: 128 sums of bytes", 128, shiftAddLimit(zmm)},
		{"ShiftAVX2", "VPSLLVD, VPSIGND, VPADDD: 8 products", 8, shiftLimit},
		{"PopcountAVX512", "VPXORQ, VPOPCNTQ, VPADDQ: 512 binary products", 512, popcountAVX512Limit},
	} {
		add("limits", family{
			name:      l.name,
			doc:       l.name + " runs the loop of its name.",
			signature: "func(n uintptr)",
			loop: fmt.Sprintf("	for range n {\n		// %s; %d times, independent\n	}\n\nwhich is %sMACs multiply-adds an iteration. n is at least 1.",
				l.does, limitUnroll, l.name),
			body:      func(c *build.Context, _ int) { l.body(c) },
			constants: []constant{{l.name + "MACs", l.macs * limitUnroll, "is the number of multiply-adds in an iteration of " + l.name}},
		})
	}
	for _, l := range []struct {
		name string
		v    vector
	}{
		{"ReadAVX", ymm},
		{"ReadAVX512", zmm},
	} {
		add("limits", family{
			name:      l.name,
			doc:       l.name + " reads memory.",
			signature: "func(p *byte, n uintptr)",
			loop: `	for i := range n {
		_ = p[i]
	}

by loads of whole vectors, a quarter of p beside the others. n is a multiple of
4096 and at least 4096.`,
			body: func(c *build.Context, _ int) { readLimit(c, l.v) },
		})
	}
}

var ymm, zmm = vector{32, (*build.Context).YMM}, vector{64, (*build.Context).ZMM}

// limitLoop emits setup once, then a loop of n iterations whose body is group(0)
// to group(limitUnroll-1).
func limitLoop(c *build.Context, group func(i int)) {
	n := c.Load(c.Param("n"), c.GP64())
	c.Label("loop")
	for i := range limitUnroll {
		group(i)
	}
	c.SUBQ(operand.U8(1), n)
	c.JNE(operand.LabelRef("loop"))
}

// zeroed returns n cleared registers. All-zero operands do not change the
// speed of any instruction here, and keep float sums from overflowing.
func zeroed(c *build.Context, v vector, n int) []reg.VecVirtual {
	out := make([]reg.VecVirtual, n)
	for i := range out {
		out[i] = v.alloc(c)
		if out[i].Size() == 64 {
			c.VPXORQ(out[i], out[i], out[i])
		} else {
			c.VPXOR(out[i], out[i], out[i])
		}
	}
	return out
}

func fmaLimit(v vector, operands int) func(*build.Context) {
	return func(c *build.Context) {
		acc, x := zeroed(c, v, limitUnroll), zeroed(c, v, operands)
		limitLoop(c, func(i int) { c.VFMADD231PS(x[i%operands], x[0], acc[i]) })
		c.VZEROUPPER()
		c.RET()
	}
}

func mulAdd16Limit(v vector) func(*build.Context) {
	return func(c *build.Context) {
		acc, x := zeroed(c, v, limitUnroll), zeroed(c, v, 1)[0]
		limitLoop(c, func(i int) {
			p := v.alloc(c)
			c.VPMADDUBSW(x, x, p)
			c.VPADDW(p, acc[i], acc[i])
		})
		c.VZEROUPPER()
		c.RET()
	}
}

func mulAdd32Limit(v vector) func(*build.Context) {
	return func(c *build.Context) {
		acc, x := zeroed(c, v, limitUnroll), zeroed(c, v, 1)[0]
		limitLoop(c, func(i int) {
			p := v.alloc(c)
			c.VPMADDUBSW(x, x, p)
			c.VPMADDWD(x, p, p)
			c.VPADDD(p, acc[i], acc[i])
		})
		c.VZEROUPPER()
		c.RET()
	}
}

func mulAddWideLimit(v vector) func(*build.Context) {
	return func(c *build.Context) {
		acc, x := zeroed(c, v, limitUnroll), zeroed(c, v, 1)[0]
		limitLoop(c, func(i int) {
			p := v.alloc(c)
			c.VPMADDWD(x, x, p)
			c.VPADDD(p, acc[i], acc[i])
		})
		c.VZEROUPPER()
		c.RET()
	}
}

func dotProductLimit(c *build.Context) {
	acc, x := zeroed(c, zmm, limitUnroll), zeroed(c, zmm, 1)[0]
	limitLoop(c, func(i int) { c.VPDPBUSD(x, x, acc[i]) })
	c.VZEROUPPER()
	c.RET()
}

// popcountGPLimit copies before it counts, as XORQ overwrites an operand that
// a kernel needs again.
func popcountGPLimit(c *build.Context) {
	x, y := c.GP64(), c.GP64()
	c.XORQ(x, x)
	c.XORQ(y, y)
	var acc [4]reg.GPVirtual
	for i := range acc {
		acc[i] = c.GP64()
		c.XORQ(acc[i], acc[i])
	}
	limitLoop(c, func(i int) {
		t := c.GP64()
		c.MOVQ(x, t)
		c.XORQ(y, t)
		c.POPCNTQ(t, t)
		c.ADDQ(t, acc[i%len(acc)])
	})
	c.RET()
}

// popcountAVX2Limit leaves out what a kernel does only now and then: widening
// the byte sums by VPSADBW.
func popcountAVX2Limit(c *build.Context) {
	acc, in := zeroed(c, ymm, 4), zeroed(c, ymm, 2)
	table, mask := zeroed(c, ymm, 1)[0], zeroed(c, ymm, 1)[0]
	limitLoop(c, func(i int) {
		lo, hi := c.YMM(), c.YMM()
		c.VPXOR(in[0], in[1], lo)
		c.VPSRLW(operand.U8(4), lo, hi)
		c.VPAND(mask, lo, lo)
		c.VPAND(mask, hi, hi)
		c.VPSHUFB(lo, table, lo)
		c.VPSHUFB(hi, table, hi)
		c.VPADDB(lo, hi, lo)
		c.VPADDB(lo, acc[i%len(acc)], acc[i%len(acc)])
	})
	c.VZEROUPPER()
	c.RET()
}

func lutLimit(v vector) func(*build.Context) {
	return func(c *build.Context) {
		acc, in := zeroed(c, v, 8), zeroed(c, v, 2)
		limitLoop(c, func(i int) {
			t := v.alloc(c)
			c.VPSHUFB(in[0], in[1], t)
			c.VPADDB(t, acc[i%len(acc)], acc[i%len(acc)])
		})
		c.VZEROUPPER()
		c.RET()
	}
}

func lut6Limit(c *build.Context) {
	acc, in := zeroed(c, zmm, 8), zeroed(c, zmm, 2)
	limitLoop(c, func(i int) {
		t := c.ZMM()
		c.VPERMB(in[0], in[1], t)
		c.VPADDB(t, acc[i%len(acc)], acc[i%len(acc)])
	})
	c.VZEROUPPER()
	c.RET()
}

func lut4x4Limit(c *build.Context) {
	acc, in := zeroed(c, zmm, limitUnroll), zeroed(c, zmm, 2)
	limitLoop(c, func(i int) {
		t := c.ZMM()
		c.VPERMB(in[0], in[1], t)
		c.VPDPBUSD(in[0], t, acc[i])
	})
	c.VZEROUPPER()
	c.RET()
}

// shiftAddLimit reads offsets, which are zero, and columns from constants.
func shiftAddLimit(v vector) func(*build.Context) {
	return func(c *build.Context) {
		s := simd{c, v.bytes}
		acc, base := zeroed(c, v, 8), c.GP64()
		c.LEAQ(s.readOnly("columns", make([]byte, 3*v.bytes)), base)
		c.ADDQ(operand.U8(v.bytes-1), base)
		c.ANDQ(operand.I8(-v.bytes), base) // no load crosses a line
		limitLoop(c, func(i int) {
			offset := c.GP64()
			c.MOVWLZX(operand.Mem{Base: base, Disp: 2 * i}, offset.As32())
			for half := range 2 {
				a := acc[(2*i+half)%len(acc)]
				c.VPADDB(operand.Mem{Base: base, Index: offset, Scale: 1, Disp: half * v.bytes}, a, a)
			}
		})
		c.VZEROUPPER()
		c.RET()
	}
}

func shiftLimit(c *build.Context) {
	acc, in := zeroed(c, ymm, 10), zeroed(c, ymm, 2)
	limitLoop(c, func(i int) {
		p := c.YMM()
		c.VPSLLVD(in[0], in[1], p)
		c.VPSIGND(in[0], p, p)
		c.VPADDD(p, acc[i%len(acc)], acc[i%len(acc)])
	})
	c.VZEROUPPER()
	c.RET()
}

func popcountAVX512Limit(c *build.Context) {
	acc, in := zeroed(c, zmm, 6), zeroed(c, zmm, 2)
	limitLoop(c, func(i int) {
		t := c.ZMM()
		c.VPXORQ(in[0], in[1], t)
		c.VPOPCNTQ(t, t)
		c.VPADDQ(t, acc[i%len(acc)], acc[i%len(acc)])
	})
	c.VZEROUPPER()
	c.RET()
}

// readLimit loads 1 KiB an iteration, from four places: one stream alone has too
// few lines on their way from memory. The loads go to registers that nothing
// reads, so that only the memory can hold them up.
func readLimit(c *build.Context, v vector) {
	s := simd{c, v.bytes}
	n, quarter := s.param("n"), c.GP64()
	c.MOVQ(n, quarter)
	c.SHRQ(operand.U8(2), quarter)
	p := s.rows(s.param("p"), quarter, 4)
	into := make([]reg.VecVirtual, 8)
	for i := range into {
		into[i] = v.alloc(c)
	}
	c.Label("loop")
	for i := range 256 / v.bytes {
		for stream := range 4 {
			c.VMOVUPS(p.at(stream, i*v.bytes), into[(4*i+stream)%len(into)])
		}
	}
	s.advance(p, 256)
	c.SUBQ(operand.U32(1024), n)
	c.JNE(operand.LabelRef("loop"))
	c.VZEROUPPER()
	c.RET()
}
