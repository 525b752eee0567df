package main

import (
	"fmt"

	"example.com/lowbit/gen/neon"
)

// Codes of sums in float32: of a layer, of a block with a shortcut, and of the stream
// that later shortcuts read; 8 columns at a time.
//
//	instruction            Cortex-A72: latency, pipes  Neoverse N1: latency, pipes
//	SCVTF, UCVTF, FCVTZS   3, F1                       3, V0
//	FMUL, FADD             3-4, F0 and F1              2-3, V0/1
//	SSHLL, USHLL           3, F1                       2, V1
//	SQXTN, SQXTUN          4, F1                       4, V1
//	UMIN                   3, F0/1                     2, V0/1
//
// Products and sums are rounded by themselves: a fused step would give other bits than
// CPUs that lack it. FCVTZS is the floor of what is not negative, and 0 for NaN; where it
// and the narrowing saturate, codes are clipped.

func init() {
	for _, t := range []struct {
		suffix, element string
		load            func(f *neon.Func, p neon.GP, v []neon.Vec)
		bytes           int
	}{
		{"I16", "int16", func(f *neon.Func, p neon.GP, v []neon.Vec) {
			f.FMOVQ(neon.At(p, 0), v[1])
			f.VSSHLL(neon.H4, 0, v[1], v[0])
			f.VSSHLL2(neon.H8, 0, v[1], v[1])
			convert(f, f.VSCVTF, v)
		}, 2},
		{"I32", "int32", func(f *neon.Func, p neon.GP, v []neon.Vec) {
			loadVectors(f, p, v)
			convert(f, f.VSCVTF, v)
		}, 4},
		{"F32", "float32", loadVectors, 4},
	} {
		add("neon", family{
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
			body: func(f *neon.Func, _ int) { residual(f, t.bytes, t.load) },
		})
	}
}

func convert(_ *neon.Func, op func(arr neon.Arrangement, n, d neon.Vec), vs []neon.Vec) {
	for _, v := range vs {
		op(neon.S4, v, v)
	}
}

func residual(f *neon.Func, bytes int, load func(f *neon.Func, p neon.GP, v []neon.Vec)) {
	skip, gain, half, tops := f.ParamFloat32("skip"), f.ParamFloat32("gain"), f.Vec(), f.Vec()
	f.VDUPElem(neon.S4, skip, 0, skip)
	f.VDUPElem(neon.S4, gain, 0, gain)
	f.VDUP(neon.B16, f.Param("top"), tops)
	bits := f.GP()
	f.MOVD(neon.Imm(0x3f000000), bits)
	f.VDUP(neon.S4, bits, half)

	rows, stride := f.Param("rows"), f.Param("stride")
	i, sumsAt := f.GP(), f.GP() // the row's first element, and its bytes among sums
	f.MOVD(neon.Imm(0), i)
	f.MOVD(neon.Imm(0), sumsAt)
	f.Label("row")
	// place is a pointer to the row, which may be nil.
	place := func(name string, at neon.GP) (all, row neon.GP) {
		all, row = f.Param(name), f.GP()
		f.ADD(at, all, row)
		return all, row
	}
	_, dst := place("dst", i)
	isStream, stream := place("stream", i)
	isCodes, codes := place("codes", i)
	_, sums := place("sums", sumsAt)
	isProj, proj := place("proj", sumsAt)
	scale, bias, projScale, projBias := f.Param("scale"), f.Param("bias"), f.Param("projScale"), f.Param("projBias")
	cols := f.Param("cols")
	f.Label("columns")
	v := f.Vecs(2)
	affine := func(v []neon.Vec, sums, scale, bias neon.GP) {
		s, b := f.Vecs(2), f.Vecs(2)
		load(f, sums, v)
		f.ADD(neon.Imm(8*bytes), sums, sums)
		f.FLDPQ(neon.Post(scale, 32), s[0], s[1])
		f.FLDPQ(neon.Post(bias, 32), b[0], b[1])
		for c := range v {
			f.VFMUL(neon.S4, s[c], v[c], v[c])
			f.VFADD(neon.S4, b[c], v[c], v[c])
		}
	}
	affine(v, sums, scale, bias)
	f.CBZ(isCodes, "noCodes")
	u := f.Vecs(2)
	f.FMOVD(neon.Post(codes, 8), u[0])
	f.VUSHLL(neon.B8, 0, u[0], u[0])
	f.VUSHLL2(neon.H8, 0, u[0], u[1])
	f.VUSHLL(neon.H4, 0, u[0], u[0])
	convert(f, f.VUCVTF, u)
	for c := range v {
		f.VFMUL(neon.S4, skip, u[c], u[c])
		f.VFADD(neon.S4, u[c], v[c], v[c])
	}
	f.Label("noCodes")
	f.CBZ(isProj, "noProj")
	p := f.Vecs(2)
	affine(p, proj, projScale, projBias)
	for c := range v {
		f.VFADD(neon.S4, p[c], v[c], v[c])
	}
	f.Label("noProj")
	// store rounds v, which is overwritten.
	store := func(v []neon.Vec, to neon.GP, clip bool) {
		for c := range v {
			f.VFADD(neon.S4, half, v[c], v[c])
			f.VFCVTZS(neon.S4, v[c], v[c])
		}
		f.VSQXTN(neon.H4, v[0], v[0])
		f.VSQXTN2(neon.H8, v[1], v[0])
		f.VSQXTUN(neon.B8, v[0], v[0])
		if clip {
			f.VUMIN(neon.B8, tops, v[0], v[0])
		}
		f.FMOVD(v[0], neon.Post(to, 8))
	}
	f.CBZ(isStream, "noStream")
	s := f.Vecs(2)
	for c := range v {
		f.VFMUL(neon.S4, gain, v[c], s[c])
	}
	store(s, stream, false)
	f.Label("noStream")
	store(v, dst, true)
	f.SUBS(neon.Imm(8), cols, cols)
	f.Bcond(neon.NE, "columns")
	f.ADD(stride, i, i)
	f.ADD(neon.Shifted{R: stride, Left: bytes / 2}, sumsAt, sumsAt)
	f.SUBS(neon.Imm(1), rows, rows)
	f.Bcond(neon.NE, "row")
	f.RET()
}
