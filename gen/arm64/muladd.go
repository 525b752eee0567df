package main

import (
	"fmt"
	"math"

	"example.com/lowbit/gen/neon"
)

// Register tiles of integer matrix products by multiplication.
//
//	instruction        Cortex-A72: latency, pipes   Neoverse N1: latency, pipes
//	SMULL, SMLAL       4 (1 for the sum), F0        4 (1 for the sum), V0
//	SADALP             4 (1 for the sum), F1        4 (1 for the sum), V1
//	SDOT by element    -                            2, V0/1
//	USMMLA             -                            3 (1 for the sum), V0/1 (Neoverse N2)
//	ZIP                6, three times F0/1          2, V0/1
//	LDR q              5, L                         5, L0/1
//
// Codes of activations lie along a row, and so a vector of them is some inputs of one
// row. What a vector of weights is depends on how products are added up:
//
//	dots      SDOT by element: 4 outputs of 4 inputs each, times the 4 codes in a lane
//	          of 32 bits: 16 products. Sums are int32 of an output. A vector of codes
//	          is read once for 16 inputs and serves by its lanes. 8 rows of 8 outputs:
//	          16 loads for 64 SDOTs.
//	matrices  USMMLA: 2 outputs of 8 inputs, times 2 rows of 8: 32 products. Two rows
//	          are read into two registers and interleaved by halves, 2 ZIPs for 16
//	          inputs, on the same pipes: that is why there are 16 outputs, 16 USMMLAs
//	          for 2 ZIPs: at most 57 of 64 products a cycle. 4 rows of 16 outputs.
//	longs     SMULL and SMLAL2: 16 inputs of one output, times those of a row, to
//	          int16 in 8 lanes, of which SADALP adds pairs to int32. Lanes are added
//	          up at the end. Multiplication has one pipe: at most 8 products a cycle;
//	          SADALP has the other, half of the time, and decoding weights fits in what
//	          is left. 4 rows of 4 outputs.
//	longs16   The same with 32 inputs and two more SMLALs before a SADALP: fewer
//	          instructions where multiplication has more than one pipe.
//
// MLA of bytes, where products are so small, multiplies 16 in two cycles of the one
// pipe: not faster than SMULL. SMLAL by element has no bytes.
//
// Weights are signed, and so is what SDOT and SMULL multiply them by: codes beyond 127
// come with the top bit flipped, as x-128, and the bias makes up for it. USMMLA takes
// unsigned codes. All tiles read as much as steps*kstep codes of a row.

type scheme int

const (
	dots scheme = iota
	matrices
	longs
	longs16
)

// anyProduct is the largest |w|*x of int8 and uint8.
const anyProduct = 128 * 255

// bound is the largest |w|*|x| for which a scheme's sums are exact.
//
// Let P bound |w*x| for every product. A lane of longs is a sum of two products, of
// longs16 of four, and it is within 2P or 4P, as are the sums on the way. SADALP adds
// two lanes in int32. With 2P or 4P <= 32767 nothing wraps. The largest such P is
// 32767/2 or 32767/4 rounded down, and one more is too much: four products of 8192
// are 32768.
//
// SDOT and USMMLA add modulo 2^32, whatever the products.
func (s scheme) bound() int {
	switch s {
	case longs:
		return math.MaxInt16 / 2
	case longs16:
		return math.MaxInt16 / 4
	}
	return anyProduct
}

// how says what a scheme does, for a family's doc.
func (s scheme) how() string {
	return [...]string{dots: "by SDOT", matrices: "by USMMLA", longs: "by SMULL and SADALP", longs16: "with 16-bit sums of four"}[s]
}

// group is the number of inputs of an output that lie side by side.
func (s scheme) group() int { return [...]int{dots: 4, matrices: 8, longs: 16, longs16: 32}[s] }

// codes says how the scheme reads codes, for the doc of a loop.
func (s scheme) codes() string {
	if s == matrices {
		return "codes are unsigned"
	}
	return "codes are int8"
}

// muladd describes a family of tiles.
type muladd struct {
	bits   int // of a weight code
	scheme scheme
	rows   int
	nr     int
	kstep  int
	chunk  int // steps that the main loop takes at a time
	// streams is the number of panels that a function for one row reads at a time; 0
	// for a tile.
	streams int
}

func init() {
	for _, bits := range []int{8, 4, 2} {
		dot := muladd{bits: bits, scheme: dots, rows: 8, nr: 8, kstep: 4, chunk: 4}
		if bits == 2 {
			dot.kstep, dot.chunk = 8, 2 // 8 outputs: a vector of 2-bit codes fills no fewer
		}
		dot.register("dotprod", "W%d")
		muladd{bits: bits, scheme: matrices, rows: 4, nr: 16, kstep: 8, chunk: 2}.register("i8mm", "W%d")
		muladd{bits: bits, scheme: longs, rows: 4, nr: 4, kstep: 16, chunk: 1}.register("neon", "W%d")
		muladd{bits: bits, scheme: longs16, rows: 4, nr: 4, kstep: 32, chunk: 1}.register("neon", "W%dAcc16")
	}
}

// exact is the sentence about a bound for a family's doc.
func exact(bound int) string {
	if bound >= anyProduct {
		return "It is exact for every weight and code."
	}
	return fmt.Sprintf("It is exact while |w| times |x| is at most %d.", bound)
}

// register adds the tiles by their number of rows, and the function for one row that
// reads several panels at a time. form is their name after Gemm and Gemv.
func (g muladd) register(room, form string) {
	name := "Gemm" + fmt.Sprintf(form, g.bits)
	g.registerGEMV(room, "Gemv"+fmt.Sprintf(form, g.bits))
	group, bound := g.scheme.group(), g.scheme.bound()
	add(room, family{
		name: name,
		doc: fmt.Sprintf("%s are the tiles of %d outputs by their number of rows, for weights of %d bits,\n%s. %s\nA step is %d codes.",
			name, g.nr, g.bits, g.scheme.how(), exact(bound), g.kstep),
		constants: []constant{{name + "MaxProduct", bound, "is the largest |w| times |x| for which " + name + " is exact"}},
		signature: intTileSignature,
		variants:  upTo(g.rows),
		loop: fmt.Sprintf(`	for i := range %%d {
		for j := range %d {
			sum := int32(0)
			for k := range steps * %d {
				sum += int32(x[i*xStride+k]) * w[k/%d][j][k%%%%%d]
			}
			dst[i*dstStride/4+j] = bias[j] + sum<<shift
		}
	}

where w is the panel of decoded weights, and %s.`, g.nr, g.kstep, group, group, g.scheme.codes()),
		body: g.body,
	})
}

// gemvStreams is how many panels a function for one row covers.
const gemvStreams = 4

const gemvSignature = "func(dst *int32, x *byte, w *byte, panel uintptr, steps uintptr, bias *int32, shift uintptr)"

func (g muladd) registerGEMV(room, name string) {
	g.streams, g.rows = gemvStreams, 1
	if g.scheme == matrices {
		g.streams = 2 // sums of more would take all registers: twice
	}
	group := g.scheme.group()
	add(room, family{
		name:      name,
		signature: gemvSignature,
		loop: fmt.Sprintf(`	for j := range %d {
		sum := int32(0)
		for k := range steps * %d {
			sum += int32(x[k]) * w[j/%d][k/%d][j%%%d][k%%%d]
		}
		dst[j] = bias[j] + sum<<shift
	}

where w are %d panels of decoded weights, panel bytes apart, and %s.`, gemvStreams*g.nr, g.kstep, g.nr, group, g.nr, group, gemvStreams, g.scheme.codes()),
		body: g.body,
	})
}

// muladdTile is the state of one tile's emission.
type muladdTile struct {
	decoder
	muladd
	x   []neon.GP     // rows
	at  neon.GP       // what was read of a row
	w   []neon.GP     // panels
	acc [][]neon.Vec  // by row, or pair of rows, and vector of weights; panels of a stream side by side
	xv  [][]neon.Vec  // codes of a row or pair of rows
	wv  [2][]neon.Vec // weights, in turns
	tmp []neon.Vec
}

// vectors is the number of vectors of weights of one group of inputs.
func (g muladd) vectors() int { return g.nr * g.scheme.group() / 16 }

// panelStep is the length in bytes of a step's weights.
func (g muladd) panelStep() int { return g.nr * g.kstep * g.bits / 8 }

func (g muladd) body(f *neon.Func, rows int) {
	if g.streams > 0 {
		rows = 1
	}
	t := &muladdTile{decoder: newDecoder(f, g.bits), muladd: g}
	t.muladd.rows = rows
	t.registers()
	x, w, steps := f.Param("x"), f.Param("w"), f.Param("steps")
	t.x, t.w, t.at = []neon.GP{x}, []neon.GP{w}, f.GP()
	if g.streams == 0 {
		t.x = t.spread(x, f.Param("xStride"), rows)
		t.run("", steps)
		t.finish("", f.Param("dst"), f.Param("bias"), 0)
		f.RET()
		return
	}
	panel := f.Param("panel")
	for first := 0; first < gemvStreams; first += g.streams {
		label, n := "", steps
		t.w = t.spread(w, panel, g.streams)
		if first+g.streams < gemvStreams {
			n = f.GP()
			f.MOVD(steps, n)
			w = f.GP()
			f.ADD(panel, t.w[g.streams-1], w)
			label = "first"
		}
		t.run(label, n)
		t.finish(label, f.Param("dst"), f.Param("bias"), first*g.nr*4)
	}
	f.RET()
}

// registers allocates vector registers.
func (t *muladdTile) registers() {
	lines, vectors, xs := t.muladd.rows, t.nr/4, 1
	switch t.scheme {
	case matrices:
		lines, vectors, xs = (t.muladd.rows+1)/2, t.nr/2, 2
		t.tmp = t.Vecs(1)
	case longs, longs16:
		vectors, xs = t.nr, t.scheme.group()/16
		t.tmp = t.Vecs(4)
		if t.scheme == longs16 && t.muladd.bits == 2 {
			t.tmp = t.tmp[:1] // the decoder's constants take the others
		}
	}
	for range lines {
		t.acc = append(t.acc, t.Vecs(vectors*max(1, t.streams)))
		t.xv = append(t.xv, t.Vecs(xs))
	}
	t.wv[0] = t.Vecs(max(2, t.decoder.vectors()))
	t.wv[1] = t.wv[0]
	if t.muladd.bits == 8 {
		t.wv[1] = t.Vecs(2)
	}
}

// spread returns n pointers that lie stride bytes apart.
func (t *muladdTile) spread(first, stride neon.GP, n int) []neon.GP {
	list := []neon.GP{first}
	for i := 1; i < n; i++ {
		list = append(list, t.GP())
		t.ADD(stride, list[i-1], list[i])
	}
	return list
}

// run adds up the products of all steps. Nothing beyond the last may be read.
func (t *muladdTile) run(label string, steps neon.GP) {
	for _, row := range t.acc {
		t.Zero(row...)
	}
	t.MOVD(neon.Imm(0), t.at)
	if t.chunk == 1 {
		t.Label(label + "step")
		t.step(1)
		t.SUBS(neon.Imm(1), steps, steps)
		t.Bcond(neon.NE, label+"step")
		return
	}
	chunk := neon.Imm(t.chunk)
	t.SUBS(chunk, steps, steps)
	t.Bcond(neon.LO, label+"rest")
	t.Label(label + "chunk")
	t.step(t.chunk)
	t.SUBS(chunk, steps, steps)
	t.Bcond(neon.HS, label+"chunk")
	t.Label(label + "rest")
	t.ADDS(chunk, steps, steps)
	t.Bcond(neon.EQ, label+"sums")
	t.Label(label + "step")
	t.step(1)
	t.SUBS(neon.Imm(1), steps, steps)
	t.Bcond(neon.NE, label+"step")
	t.Label(label + "sums")
}

// step adds the products of n steps.
func (t *muladdTile) step(n int) {
	t.loadCodes(n * t.kstep)
	for p, w := range t.w {
		first := p * t.muladd.vectors()
		if t.scheme == longs16 {
			first /= 2
		}
		var before neon.Vec
		t.weights(w, n*t.nr*t.kstep/16, func(i int, w neon.Vec) {
			switch group, v := i/t.muladd.vectors(), i%t.muladd.vectors(); t.scheme {
			case dots:
				for r, acc := range t.acc {
					t.VSDOTElem(t.xv[r][0], group, w, acc[first+v])
				}
			case matrices:
				for r, acc := range t.acc {
					t.VUSMMLA(w, t.xv[r][group], acc[first+v])
				}
			case longs:
				t.long(first+v, w)
			case longs16:
				if v%2 == 1 {
					t.long(first+v/2, before, w)
				}
				before = w
			}
		})
		t.ADD(neon.Imm(n*t.panelStep()), w, w)
	}
}

// loadCodes reads the next n codes of all rows.
func (t *muladdTile) loadCodes(n int) {
	load := map[int]func(src, dst neon.Operand){4: t.FMOVS, 8: t.FMOVD, 16: t.FMOVQ}[min(n, 16)]
	row := func(i int) neon.Mem { return neon.Index(t.x[i], t.at) }
	for half := 0; half < n; half += 16 {
		if t.scheme == matrices {
			break
		}
		for i := range t.x {
			load(row(i), t.xv[i][half/16])
		}
		t.ADD(neon.Imm(min(n, 16)), t.at, t.at)
	}
	if t.scheme != matrices {
		return
	}
	for p, xv := range t.xv {
		load(row(2*p), xv[0])
		other := xv[0] // a single row is its own pair
		if 2*p+1 < len(t.x) {
			other = t.tmp[0]
			load(row(2*p+1), other)
		}
		if n == 16 {
			t.VZIP2(neon.D2, other, xv[0], xv[1])
		}
		t.VZIP1(neon.D2, other, xv[0], xv[0])
	}
	t.ADD(neon.Imm(n), t.at, t.at)
}

// weights reads n vectors of weights at w and calls use for each. Those that come next
// are loaded before use.
func (t *muladdTile) weights(w neon.GP, n int, use func(i int, w neon.Vec)) {
	at := func(i int) neon.Mem { return neon.At(w, i*2*t.muladd.bits) }
	size := len(t.wv[0])
	load := func(i int) {
		v := t.wv[i/size%2]
		if t.muladd.bits == 8 {
			t.FLDPQ(at(i), v[0], v[1])
		} else {
			t.FMOVQ(at(i), v[size-1])
			t.decode(v[size-1], v)
		}
	}
	for i := 0; i < n; i += size {
		if t.muladd.bits < 8 || i == 0 {
			load(i)
		}
		if t.muladd.bits == 8 && i+size < n {
			load(i + size)
		}
		for j, v := range t.wv[i/size%2] {
			use(i+j, v)
		}
	}
}

// long adds the products of the vectors of weights of output v and the codes of all rows
// to int16 lanes, and these to its sums.
func (t *muladdTile) long(v int, w ...neon.Vec) {
	for first := 0; first < len(t.acc); first += len(t.tmp) {
		n := min(len(t.tmp), len(t.acc)-first)
		rows, tmp := t.xv[first:first+n], t.tmp[:n]
		for half, w := range w {
			multiply := t.VSMLAL
			if half == 0 {
				multiply = t.VSMULL
			}
			for r, x := range rows {
				multiply(neon.B8, x[half], w, tmp[r])
			}
			for r, x := range rows {
				t.VSMLAL2(neon.B16, x[half], w, tmp[r])
			}
		}
		for r := range rows {
			t.VSADALP(neon.H8, tmp[r], t.acc[first+r][v])
		}
	}
}

// sums returns, by rows, vectors of the sums of four outputs.
func (t *muladdTile) sums() (rows [][]neon.Vec) {
	for _, acc := range t.acc {
		switch t.scheme {
		case dots:
			rows = append(rows, acc)
		case matrices:
			// A lane of 64 bits is two outputs of one row.
			var even, odd []neon.Vec
			for i := 0; i < len(acc); i += 2 {
				other := t.Vec()
				if len(rows)+1 < t.muladd.rows {
					t.VZIP2(neon.D2, acc[i+1], acc[i], other)
					odd = append(odd, other)
				}
				t.VZIP1(neon.D2, acc[i+1], acc[i], acc[i])
				even = append(even, acc[i])
			}
			rows = append(rows, even)
			if odd != nil {
				rows = append(rows, odd)
			}
		default:
			// Lanes are parts of one output's sum.
			var row []neon.Vec
			for i := 0; i < len(acc); i += 4 {
				t.VADDP(neon.S4, acc[i+1], acc[i], acc[i])
				t.VADDP(neon.S4, acc[i+3], acc[i+2], acc[i+2])
				t.VADDP(neon.S4, acc[i+2], acc[i], acc[i])
				row = append(row, acc[i])
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// finish stores bias + sums<<shift row by row, at bytes into dst and bias.
func (t *muladdTile) finish(label string, dst, bias neon.GP, at int) {
	rows := t.sums()
	by, shift := t.Param("shift"), t.Vec()
	t.CBZ(by, label+"shifted") // mostly
	t.VDUP(neon.S4, by, shift)
	for _, row := range rows {
		for _, sum := range row {
			t.VSSHL(neon.S4, shift, sum, sum)
		}
	}
	t.Label(label + "shifted")
	biases := t.Vecs(min(4, len(rows[0])))
	var stride neon.GP
	if len(rows) > 1 {
		stride = t.Param("dstStride")
	}
	// A tile's row has no more vectors than biases; a function's for one row may.
	for first := 0; first < len(rows[0]); first += len(biases) {
		for i, b := range biases {
			t.FMOVQ(neon.At(bias, at+(first+i)*16), b)
		}
		for r, row := range rows {
			for i, b := range biases {
				sum := row[first+i]
				t.VADD(neon.S4, b, sum, sum)
				t.FMOVQ(sum, neon.At(dst, at+(first+i)*16))
			}
			if r+1 < len(rows) {
				t.ADD(stride, dst, dst)
			}
		}
	}
}
