package portable

// SumRows is the number of rows whose sums share a word, 16 bits each.
const SumRows = 4

// SumTables makes a table of the sums of the 16 subsets of every four codes of
// SumRows rows, stride bytes apart: sixteen words, in which bits 16i and up are
// the sum of row i. x has a whole number of fours of every row.
func SumTables(tables [][16]uint64, x []byte, stride int) {
	r0, r1, r2, r3 := x, x[stride:], x[2*stride:], x[3*stride:]
	for g := range tables {
		t := &tables[g]
		t[0] = 0
		for i := range 4 {
			k := 4*g + i
			codes := uint64(r0[k]) | uint64(r1[k])<<16 | uint64(r2[k])<<32 | uint64(r3[k])<<48
			for n := range 1 << i {
				t[n|1<<i] = t[n] + codes
			}
		}
	}
}

// SumBits is the sum of the codes where bits of w are set: a byte has those of
// two tables. No sum of a row may be over 65,535.
func SumBits(tables [][16]uint64, w []byte) uint64 {
	var even, odd uint64
	tables = tables[:2*len(w)]
	for i, bits := range w {
		even += tables[2*i][bits&15]
		odd += tables[2*i+1][bits>>4]
	}
	return even + odd
}
