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
		{"MulAdd16AVX2", "VPMADDUBSW, VPADDW: 32 products of bytes into 16-bit sums", 32, mulAdd16Limit},
		{"MulAdd32AVX2", "VPMADDUBSW, VPMADDWD, VPADDD: 32 products of bytes into 32-bit sums", 32, mulAdd32Limit},
		{"MulAddWideAVX2", "VPMADDWD, VPADDD: 16 products of words into 32-bit sums", 16, mulAddWideLimit},
		{"MulAddAVX512", "one VPDPBUSD: 64 products of bytes into 32-bit sums", 64, dotProductLimit},
		{"PopcountGP", "XORQ, POPCNTQ, ADDQ: 64 binary products", 64, popcountGPLimit},
		{"PopcountAVX2", "VPXOR, popcount by nibbles (2 VPSHUFB), VPADDB: 256 binary products", 256, popcountAVX2Limit},
		{"PopcountLUTAVX2", "VPSHUFB, VPADDB: look-ups of 4 binary products for 32 outputs", 128, popcountLUTLimit},
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

by loads of whole vectors. n is a multiple of 1024 and at least 1024.`,
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

func mulAdd16Limit(c *build.Context) {
	acc, x := zeroed(c, ymm, limitUnroll), zeroed(c, ymm, 1)[0]
	limitLoop(c, func(i int) {
		p := c.YMM()
		c.VPMADDUBSW(x, x, p)
		c.VPADDW(p, acc[i], acc[i])
	})
	c.VZEROUPPER()
	c.RET()
}

func mulAdd32Limit(c *build.Context) {
	acc, x := zeroed(c, ymm, limitUnroll), zeroed(c, ymm, 1)[0]
	limitLoop(c, func(i int) {
		p := c.YMM()
		c.VPMADDUBSW(x, x, p)
		c.VPMADDWD(x, p, p)
		c.VPADDD(p, acc[i], acc[i])
	})
	c.VZEROUPPER()
	c.RET()
}

func mulAddWideLimit(c *build.Context) {
	acc, x := zeroed(c, ymm, limitUnroll), zeroed(c, ymm, 1)[0]
	limitLoop(c, func(i int) {
		p := c.YMM()
		c.VPMADDWD(x, x, p)
		c.VPADDD(p, acc[i], acc[i])
	})
	c.VZEROUPPER()
	c.RET()
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

func popcountLUTLimit(c *build.Context) {
	acc, in := zeroed(c, ymm, 8), zeroed(c, ymm, 2)
	limitLoop(c, func(i int) {
		t := c.YMM()
		c.VPSHUFB(in[0], in[1], t)
		c.VPADDB(t, acc[i%len(acc)], acc[i%len(acc)])
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

// readLimit loads 1 KiB an iteration. The loads go to registers that nothing
// reads, so that only the memory can hold them up.
func readLimit(c *build.Context, v vector) {
	p := c.Load(c.Param("p"), c.GP64()).(reg.GPVirtual)
	n := c.Load(c.Param("n"), c.GP64())
	into := make([]reg.VecVirtual, 8)
	for i := range into {
		into[i] = v.alloc(c)
	}
	c.Label("loop")
	for i := range 1024 / v.bytes {
		c.VMOVUPS(operand.Mem{Base: p, Disp: i * v.bytes}, into[i%len(into)])
	}
	c.ADDQ(operand.U32(1024), p)
	c.SUBQ(operand.U32(1024), n)
	c.JNE(operand.LabelRef("loop"))
	c.VZEROUPPER()
	c.RET()
}
