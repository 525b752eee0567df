package kernels

// preference orders kernels for products of rows rows and n outputs, of which w are
// some, whose rates do not compare. On arm64, of which there are no rates, it is by the
// multiply-adds that they are expected to do. Elsewhere better tiers come before others,
// but for binary weights and few bits of activations, counting bits and look-ups come
// before multiplication, of whatever tier: an instruction that looks up or counts does
// four or eight products a byte, and needs one or two more to add them, where VPDPBUSD
// does one. A tier that only adds that does not make up for it.
func preference(r *gemmRow, w Weights, a ActFormat, rows, n int) float32 {
	if arm64Multiplied[r.isa] > 0 {
		return arm64Rate(r, w, a, rows, n) / wholeBlocks(r, rows)
	}
	rank := tierRank(r.isa)
	if w.Format == Binary && a.Bits() <= 4 && (r.algorithm == "popcount" || r.algorithm == "lut") {
		rank += len(tiers)
	}
	return float32(rank)
}

// arm64Multiplied are the products that a tier multiplies in a cycle of a core with
// two vector pipes: by SMULL and SADALP, by SDOT, by USMMLA and the ZIPs that it needs.
var arm64Multiplied = map[string]float32{"neon": 8, "dotprod": 32, "i8mm": 57}

// arm64Rate is the number of multiply-adds a cycle that a kernel does on a core with two
// vector pipes, from the instructions that it needs for them: the generator has them, and
// bench/estimate agrees within a sixth. A core without DotProd is taken for a
// Cortex-A72, whose TBL is many micro-operations, others for a Neoverse N1 or N2. Planes
// of weights are the bits that they are packed in.
func arm64Rate(r *gemmRow, w Weights, a ActFormat, rows, n int) float32 {
	old := !cpuFeatures["DotProd"]
	together := float32(min(rows, max(1, r.mr()))) // rows that share what is done with weights
	switch r.algorithm {
	case "popcount": // EOR, CNT and ADD do 128 products of a bit by a bit
		return 256. / 3 / float32(r.bits*a.Bits())
	case "lut":
		return lutRate(r, a, together, n, old)
	case "shiftadd": // of the weights that are not zero; loads bound it
		rate := float32(20)
		if old {
			rate = 11
		}
		return rate * float32(w.N*w.K) / float32(max(1, work(r, w, a)))
	case "shift": // SSHL and ADD of 16-bit products, which are widened
		return 6
	}
	multiplied := arm64Multiplied[r.isa]
	switch r.isa {
	case "neon": // where SMULL leaves room for the decoder
		return multiplied
	case "i8mm": // which takes rows by two
		multiplied *= float32(rows) / float32(2*ceilDiv(rows, 2))
	}
	// A vector of sixteen weights is decoded once for a tile's rows, or once for all, and
	// stored. To read one of 8 bits, from beyond the first-level cache, takes no less.
	decode := float32(2)
	if r.bits == 2 {
		decode = 1.5
	}
	if u := r.unpacker; u != nil && rows >= u.least*r.mr() {
		together, decode = float32(rows), decode+1
	}
	return 1 / (1/multiplied + decode/(32*together))
}

// lutRate is arm64Rate of look-ups of sums.
func lutRate(r *gemmRow, a ActFormat, together float32, n int, old bool) float32 {
	f := r.form.(tablesForm)
	// TBL and ADD take two uses of a pipe for tables of one and of two registers, and four
	// for those of four; the tables of a row take some cycles an input. Two indices of four
	// bits are isolated, one at a time, for the rows of a tile.
	uses, tables := map[int]float32{4: 2, 5: 2, 6: 4}[f.group], float32(1.4)
	if old {
		uses, tables = map[int]float32{4: 4, 5: 6, 6: 10}[f.group], 2.2
	}
	if f.group == 4 {
		uses += 1 / together
	}
	// One instruction more widens the sums of so many look-ups.
	lookups := float32(f.planes * f.steps(r, a) * r.kstep / f.group)
	uses += 1 / lookups
	sets := float32(f.sets(a))
	return 1 / (sets * (float32(f.planes)*uses/float32(32*f.group) + tables/float32(n)))
}
