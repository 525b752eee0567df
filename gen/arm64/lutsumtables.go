package main

import (
	"fmt"

	"example.com/lowbit/gen/neon"
)

// Tables of the sums of subsets of codes, for the tiles of lutsum.go.
//
//	instruction           Cortex-A72: latency, pipes   Neoverse N1: latency, pipes
//	VTBL, 1 register      6, three times F0/1          2, V0/1
//	VTBL, 2 registers     9, five times F0/1           2, V0/1
//	VADD, VAND, VDUP      3, F0/1                      2, V0/1
//	VUADALP               4, F1                        4, V1
//
// For 1024 outputs they take Neoverse N1 5 % of a product with four codes a table, 6 to
// 7 % with five, where stores use the vector pipes too, and Cortex-A72 5 %.

func init() {
	for _, s := range []subsetSums{{4}, {5}, {6}} {
		name, code, note := "SubsetSums", "x[i] >> shift & 15", ""
		if s.group > 4 {
			name, code, note = fmt.Sprint("SubsetSums", s.group), "x[i]", "Codes are at most 15, shift is 0. "
		}
		add("neon", family{
			name:      name,
			signature: "func(dst, x *byte, blocks, shift uintptr) int32",
			loop: fmt.Sprintf(`	sum := int32(0)
	for i := range blocks * %d {
		code := %s
		sum += int32(code)
		for n := range %d {
			dst[i/%d*%d+n] += code * (n >> (i %%%% %d) & 1)
		}
	}
	return sum

with dst zero before. %sblocks may not be zero; x may be dst if blocks is one.`, 4*s.group, code, 1<<s.group, s.group, 1<<s.group, s.group, note),
			body: s.body,
		})
	}
}

// subsetSums makes four tables of codes at a time: first the four sums of each pair
// of the first four codes, from which then two look-ups and an addition make sixteen
// sums. Each further code doubles a table by additions.
type subsetSums struct{ group int }

func (s subsetSums) body(f *neon.Func, _ int) {
	dst, x, blocks := f.Param("dst"), f.Param("x"), f.Param("blocks")
	const none = 0xff // an index that finds 0
	var first, second, low, high [2]neon.Vec
	load := func(name string, byteAt func(i int) int) neon.Vec {
		pattern := make([]byte, 16)
		for i := range pattern {
			pattern[i] = byte(byteAt(i))
		}
		return f.Constant(name, pattern...)
	}
	for half := range 2 {
		// Of two tables, a half each: 0, a, b, a + b and 0, c, d, c + d.
		code := func(i, n int) int { return (2*half+i/8)*s.group + i%8/4*2 + n }
		pick := func(n int) func(i int) int {
			return func(i int) int {
				if i>>n&1 == 0 {
					return none
				}
				return code(i, n)
			}
		}
		first[half] = load(fmt.Sprintf("first%d", half), pick(0))
		second[half] = load(fmt.Sprintf("second%d", half), pick(1))
		low[half] = load(fmt.Sprintf("low%d", half), func(i int) int { return 8*half + i&3 })
		high[half] = load(fmt.Sprintf("high%d", half), func(i int) int { return 8*half + 4 + i>>2 })
	}
	sum := f.Vec()
	f.Zero(sum)
	codes := neon.Vs(0, 1)
	var mask, down neon.Vec
	if s.group == 4 {
		mask, down = f.Vec(), f.Vec()
		f.VMOVI(neon.B16, 15, mask)
		shift := f.Param("shift")
		f.NEG(shift, shift)
		f.VDUP(neon.B16, shift, down)
	} else {
		codes = neon.Vs(0, 2)
	}

	f.Label("block")
	f.FMOVQ(neon.Post(x, 16), codes[0])
	all := codes[0]
	switch s.group {
	case 4:
		f.VUSHL(neon.B16, down, all, all)
		f.VAND(neon.B16, mask, all, all)
	case 5:
		f.FMOVS(neon.Post(x, 4), codes[1])
	case 6:
		f.FMOVD(neon.Post(x, 8), codes[1])
	}
	if s.group > 4 {
		all = f.Vec()
		f.VADD(neon.B16, codes[0], codes[1], all)
	}
	pairSums := f.Vec()
	f.VUADDLP(neon.B16, all, pairSums)
	f.VUADALP(neon.H8, pairSums, sum)
	for half := range 2 {
		pairs, b := f.Vec(), f.Vec()
		f.VTBL(neon.B16, first[half], codes, pairs)
		f.VTBL(neon.B16, second[half], codes, b)
		f.VADD(neon.B16, b, pairs, pairs)
		for t := range 2 {
			table, c := f.Vec(), f.Vec()
			f.VTBL(neon.B16, low[t], []neon.Vec{pairs}, table)
			f.VTBL(neon.B16, high[t], []neon.Vec{pairs}, c)
			f.VADD(neon.B16, c, table, table)
			parts := []neon.Vec{table}
			for extra := 4; extra < s.group; extra++ {
				place, code := (2*half+t)*s.group+extra, f.Vec()
				f.VDUPElem(neon.B16, codes[place/16], place%16, code)
				for _, part := range parts {
					more := f.Vec()
					f.VADD(neon.B16, code, part, more)
					parts = append(parts, more)
				}
			}
			if len(parts) == 1 {
				f.FMOVQ(parts[0], neon.Post(dst, 16))
			}
			for p := 0; p+1 < len(parts); p += 2 {
				f.FSTPQ(parts[p], parts[p+1], neon.Post(dst, 32))
			}
		}
	}
	f.SUBS(neon.Imm(1), blocks, blocks)
	f.Bcond(neon.NE, "block")
	result := f.GP()
	f.VADDV(neon.S4, sum, sum)
	f.FMOVS(sum, result)
	f.Return(result)
}
