package neon

// An Instruction is one of the vector instructions the package knows, which Func has
// a method for.
type Instruction struct {
	// Name is that of the method, and of the Go assembler where it has one.
	Name string
	// Arm is the name in Arm's manual.
	Arm string
	// Doc says what it computes, with n, m and d for lanes of Vn, Vm and Vd.
	Doc string
	// Feature is the CPU feature that it needs beyond AdvSIMD.
	Feature string
	// Native says that the Go assembler knows it; if not, its word is encoded here.
	Native bool
	// Arrangements are those that it takes: see Form for whose they are.
	Arrangements []Arrangement

	form *form
	base uint32 // its word, all operands zero
}

// The CPU features that instructions need, by the names of Arm's manual.
const (
	AdvSIMD = "AdvSIMD"
	DotProd = "DotProd"
	I8MM    = "I8MM"
)

// Sets of arrangements.
var (
	integers    = []Arrangement{B8, B16, H4, H8, S2, S4, D2}
	upTo32      = []Arrangement{B8, B16, H4, H8, S2, S4}
	bytesOnly   = []Arrangement{B8, B16}
	words16up   = []Arrangement{H4, H8, S2, S4}
	upTo16      = []Arrangement{B8, B16, H4, H8}
	floats      = []Arrangement{S2, S4, D2}
	lower       = []Arrangement{B8, H4, S2}
	upper       = []Arrangement{B16, H8, S4}
	across      = []Arrangement{B8, B16, H4, H8, S4}
	lowerWords  = []Arrangement{H4, S2}
	upperWords  = []Arrangement{H8, S4}
	polynomials = []Arrangement{B8}
	polynomial2 = []Arrangement{B16}
	whole       = []Arrangement{B16, H8, S4, D2}
)

// Instructions returns the table, in an order that puts alike beside alike. The caller
// owns the slice.
func Instructions() []Instruction { return append([]Instruction(nil), table...) }

var table = build()

// instructionNamed returns the instruction that a method is named after.
func instructionNamed(name string) *Instruction {
	for i := range table {
		if table[i].Name == name {
			return &table[i]
		}
	}
	panic("neon: no instruction " + name)
}

func build() []Instruction {
	var list []Instruction
	add := func(f *form, arrs []Arrangement, native bool, name, arm string, base uint32, doc string) {
		list = append(list, Instruction{Name: name, Arm: arm, Doc: doc, Native: native, Arrangements: arrs, form: f, base: base})
	}
	const goKnows, word = true, false

	// Three of the same kind: d from n and m.
	same := func(arrs []Arrangement, native bool, name, arm string, u, opcode uint32, doc string) {
		f := three
		switch arm {
		case "mla", "mls", "saba", "uaba":
			f = threeMore
		}
		add(f, arrs, native, name, arm, 0x0e200400|u<<29|opcode<<11, doc)
	}
	same(integers, goKnows, "VADD", "add", 0, 0b10000, "d = n + m")
	same(integers, goKnows, "VSUB", "sub", 1, 0b10000, "d = n - m")
	same(upTo32, word, "VMUL", "mul", 0, 0b10011, "d = n * m")
	same(upTo32, word, "VMLA", "mla", 0, 0b10010, "d += n * m")
	same(upTo32, word, "VMLS", "mls", 1, 0b10010, "d -= n * m")
	same(bytesOnly, word, "VPMUL", "pmul", 1, 0b10011, "d = n * m, of polynomials over bits")
	same(upTo32, word, "VSABD", "sabd", 0, 0b01110, "d = |n - m|, signed")
	same(upTo32, word, "VUABD", "uabd", 1, 0b01110, "d = |n - m|, unsigned")
	same(upTo32, word, "VSABA", "saba", 0, 0b01111, "d += |n - m|, signed")
	same(upTo32, word, "VUABA", "uaba", 1, 0b01111, "d += |n - m|, unsigned")
	same(upTo32, word, "VSMAX", "smax", 0, 0b01100, "d = max(n, m), signed")
	same(upTo32, word, "VSMIN", "smin", 0, 0b01101, "d = min(n, m), signed")
	same(upTo32, goKnows, "VUMAX", "umax", 1, 0b01100, "d = max(n, m), unsigned")
	same(upTo32, goKnows, "VUMIN", "umin", 1, 0b01101, "d = min(n, m), unsigned")
	same(integers, word, "VSSHL", "sshl", 0, 0b01000, "d = n << m or, for m < 0, n >> -m, signed; m is the lowest byte of its lane")
	same(integers, word, "VUSHL", "ushl", 1, 0b01000, "d = n << m or, for m < 0, n >> -m, unsigned; m is the lowest byte of its lane")
	same(integers, word, "VSRSHL", "srshl", 0, 0b01010, "VSSHL that rounds what it shifts out: half goes up")
	same(integers, word, "VURSHL", "urshl", 1, 0b01010, "VUSHL that rounds what it shifts out: half goes up")
	same(integers, word, "VSQADD", "sqadd", 0, 0b00001, "d = n + m, signed, saturated")
	same(integers, word, "VUQADD", "uqadd", 1, 0b00001, "d = n + m, unsigned, saturated")
	same(integers, word, "VSQSUB", "sqsub", 0, 0b00101, "d = n - m, signed, saturated")
	same(integers, word, "VUQSUB", "uqsub", 1, 0b00101, "d = n - m, unsigned, saturated")
	same(upTo32, word, "VSHADD", "shadd", 0, 0b00000, "d = (n + m) >> 1, signed, without overflow")
	same(upTo32, word, "VUHADD", "uhadd", 1, 0b00000, "d = (n + m) >> 1, unsigned, without overflow")
	same(upTo32, word, "VURHADD", "urhadd", 1, 0b00010, "d = (n + m + 1) >> 1, unsigned, without overflow")
	same(words16up, word, "VSQDMULH", "sqdmulh", 0, 0b10110, "d = 2*n*m >> the lane's bits, saturated")
	same(words16up, word, "VSQRDMULH", "sqrdmulh", 1, 0b10110, "d = 2*n*m >> the lane's bits, rounded, saturated")
	same(integers, goKnows, "VADDP", "addp", 0, 0b10111, "d = sums of neighbours, first those of n, then those of m")
	same(upTo32, word, "VSMAXP", "smaxp", 0, 0b10100, "d = maxima of neighbours, first those of n, then those of m, signed")
	same(upTo32, word, "VUMAXP", "umaxp", 1, 0b10100, "d = maxima of neighbours, first those of n, then those of m, unsigned")
	same(integers, goKnows, "VCMEQ", "cmeq", 1, 0b10001, "d = -1 where n == m, else 0")
	same(integers, goKnows, "VCMTST", "cmtst", 0, 0b10001, "d = -1 where n & m != 0, else 0")
	same(integers, word, "VCMGT", "cmgt", 0, 0b00110, "d = -1 where n > m, else 0, signed")
	same(integers, word, "VCMGE", "cmge", 0, 0b00111, "d = -1 where n >= m, else 0, signed")
	same(integers, word, "VCMHI", "cmhi", 1, 0b00110, "d = -1 where n > m, else 0, unsigned")
	same(integers, word, "VCMHS", "cmhs", 1, 0b00111, "d = -1 where n >= m, else 0, unsigned")

	logic := func(f *form, native bool, name, arm string, u, size uint32, doc string) {
		add(f, bytesOnly, native, name, arm, 0x0e201c00|u<<29|size<<22, doc)
	}
	logic(logical, goKnows, "VAND", "and", 0, 0, "d = n & m")
	logic(logical, word, "VBIC", "bic", 0, 1, "d = n &^ m")
	logic(logical, goKnows, "VORR", "orr", 0, 2, "d = n | m")
	logic(logical, word, "VORN", "orn", 0, 3, "d = n | ^m")
	logic(logical, goKnows, "VEOR", "eor", 1, 0, "d = n ^ m")
	logic(logicalMore, goKnows, "VBSL", "bsl", 1, 1, "d = d & n | ^d & m: d selects")
	logic(logicalMore, goKnows, "VBIT", "bit", 1, 2, "d = n where m is set")
	logic(logicalMore, goKnows, "VBIF", "bif", 1, 3, "d = n where m is not set")

	float := func(native bool, name, arm string, u, a, opcode uint32, doc string) {
		f := threeFloat
		if arm == "fmla" || arm == "fmls" {
			f = threeFloatMore
		}
		add(f, floats, native, name, arm, 0x0e200400|u<<29|a<<23|opcode<<11, doc)
	}
	float(word, "VFADD", "fadd", 0, 0, 0b11010, "d = n + m")
	float(word, "VFSUB", "fsub", 0, 1, 0b11010, "d = n - m")
	float(word, "VFMUL", "fmul", 1, 0, 0b11011, "d = n * m")
	float(word, "VFDIV", "fdiv", 1, 0, 0b11111, "d = n / m")
	float(goKnows, "VFMLA", "fmla", 0, 0, 0b11001, "d += n * m, rounded once")
	float(goKnows, "VFMLS", "fmls", 0, 1, 0b11001, "d -= n * m, rounded once")
	float(word, "VFMAX", "fmax", 0, 0, 0b11110, "d = max(n, m); NaN if either is")
	float(word, "VFMIN", "fmin", 0, 1, 0b11110, "d = min(n, m); NaN if either is")
	float(word, "VFMAXNM", "fmaxnm", 0, 0, 0b11000, "d = max(n, m); the number if one is NaN")
	float(word, "VFMINNM", "fminnm", 0, 1, 0b11000, "d = min(n, m); the number if one is NaN")
	float(word, "VFADDP", "faddp", 1, 0, 0b11010, "d = sums of neighbours, first those of n, then those of m")
	float(word, "VFABD", "fabd", 1, 1, 0b11010, "d = |n - m|")
	float(word, "VFCMEQ", "fcmeq", 0, 0, 0b11100, "d = -1 where n == m, else 0")
	float(word, "VFCMGE", "fcmge", 1, 0, 0b11100, "d = -1 where n >= m, else 0")
	float(word, "VFCMGT", "fcmgt", 1, 1, 0b11100, "d = -1 where n > m, else 0")

	// Lanes of d twice as wide as those of m. The second of each pair takes them from
	// the upper half.
	long := func(f *form, lo, hi []Arrangement, name, arm string, u, opcode uint32, doc string) {
		base := 0x0e200000 | u<<29 | opcode<<12
		native := name == "VUADDW" || name == "VPMULL"
		add(f, lo, native, name, arm, base, doc+"; lower halves")
		add(f, hi, native, name+"2", arm+"2", base, doc+"; upper halves")
	}
	long(threeLong, lower, upper, "VSADDL", "saddl", 0, 0b0000, "d = n + m, signed")
	long(threeLong, lower, upper, "VUADDL", "uaddl", 1, 0b0000, "d = n + m, unsigned")
	long(threeLong, lower, upper, "VSSUBL", "ssubl", 0, 0b0010, "d = n - m, signed")
	long(threeLong, lower, upper, "VUSUBL", "usubl", 1, 0b0010, "d = n - m, unsigned")
	long(threeWide, lower, upper, "VSADDW", "saddw", 0, 0b0001, "d = n + m, signed, n as wide as d")
	long(threeWide, lower, upper, "VUADDW", "uaddw", 1, 0b0001, "d = n + m, unsigned, n as wide as d")
	long(threeWide, lower, upper, "VSSUBW", "ssubw", 0, 0b0011, "d = n - m, signed, n as wide as d")
	long(threeWide, lower, upper, "VUSUBW", "usubw", 1, 0b0011, "d = n - m, unsigned, n as wide as d")
	long(threeLongMore, lower, upper, "VSABAL", "sabal", 0, 0b0101, "d += |n - m|, signed")
	long(threeLongMore, lower, upper, "VUABAL", "uabal", 1, 0b0101, "d += |n - m|, unsigned")
	long(threeLong, lower, upper, "VSABDL", "sabdl", 0, 0b0111, "d = |n - m|, signed")
	long(threeLong, lower, upper, "VUABDL", "uabdl", 1, 0b0111, "d = |n - m|, unsigned")
	long(threeLong, lower, upper, "VSMULL", "smull", 0, 0b1100, "d = n * m, signed")
	long(threeLong, lower, upper, "VUMULL", "umull", 1, 0b1100, "d = n * m, unsigned")
	long(threeLongMore, lower, upper, "VSMLAL", "smlal", 0, 0b1000, "d += n * m, signed")
	long(threeLongMore, lower, upper, "VUMLAL", "umlal", 1, 0b1000, "d += n * m, unsigned")
	long(threeLongMore, lower, upper, "VSMLSL", "smlsl", 0, 0b1010, "d -= n * m, signed")
	long(threeLongMore, lower, upper, "VUMLSL", "umlsl", 1, 0b1010, "d -= n * m, unsigned")
	long(threeLong, polynomials, polynomial2, "VPMULL", "pmull", 0, 0b1110, "d = n * m, of polynomials over bits")

	// Products of bytes that are added up in lanes of 32 bits.
	dot := func(f *form, feature, name, arm string, base uint32, doc string) {
		add(f, []Arrangement{S4}, word, name, arm, base, doc)
		list[len(list)-1].Feature = feature
	}
	dot(dotVector, DotProd, "VSDOT", "sdot", 0x4e809400, "d += the sum of four products of bytes of n and m, signed")
	dot(dotVector, DotProd, "VUDOT", "udot", 0x6e809400, "d += the sum of four products of bytes of n and m, unsigned")
	dot(dotVector, I8MM, "VUSDOT", "usdot", 0x4e809c00, "d += the sum of four products of unsigned bytes of n and signed ones of m")
	dot(dotElement, DotProd, "VSDOTElem", "sdot", 0x4f80e000, "d += the sum of four products of bytes of n and of the lane of m, signed")
	dot(dotElement, DotProd, "VUDOTElem", "udot", 0x6f80e000, "d += the sum of four products of bytes of n and of the lane of m, unsigned")
	dot(dotElement, I8MM, "VUSDOTElem", "usdot", 0x4f80f000, "d += the sum of four products of unsigned bytes of n and signed ones of the lane of m")
	dot(dotElement, I8MM, "VSUDOTElem", "sudot", 0x4f00f000, "d += the sum of four products of signed bytes of n and unsigned ones of the lane of m")
	dot(dotVector, I8MM, "VSMMLA", "smmla", 0x4e80a400, "d += n times m transposed, of 2x8 bytes each: d[2*i+j] += Σ n[8*i+k]*m[8*j+k], signed")
	dot(dotVector, I8MM, "VUMMLA", "ummla", 0x6e80a400, "d += n times m transposed, of 2x8 bytes each: d[2*i+j] += Σ n[8*i+k]*m[8*j+k], unsigned")
	dot(dotVector, I8MM, "VUSMMLA", "usmmla", 0x4e80ac00, "d += n times m transposed, of 2x8 bytes each: d[2*i+j] += Σ n[8*i+k]*m[8*j+k], n unsigned and m signed")

	// A lane of m for all lanes of n.
	elem := func(f *form, arrs []Arrangement, name, arm string, u, size, opcode uint32, doc string) {
		add(f, arrs, word, name, arm, 0x0f000000|u<<29|size<<22|opcode<<12, doc)
	}
	elem(byElement, words16up, "VMULElem", "mul", 0, 0, 0b1000, "d = n * the lane of m")
	elem(byElementMore, words16up, "VMLAElem", "mla", 1, 0, 0b0000, "d += n * the lane of m")
	elem(byElementMore, words16up, "VMLSElem", "mls", 1, 0, 0b0100, "d -= n * the lane of m")
	elem(byElement, words16up, "VSQDMULHElem", "sqdmulh", 0, 0, 0b1100, "d = 2*n*the lane of m >> the lane's bits, saturated")
	elem(byElement, words16up, "VSQRDMULHElem", "sqrdmulh", 0, 0, 0b1101, "d = 2*n*the lane of m >> the lane's bits, rounded, saturated")
	elem(byElement, floats, "VFMULElem", "fmul", 0, 2, 0b1001, "d = n * the lane of m")
	elem(byElementMore, floats, "VFMLAElem", "fmla", 0, 2, 0b0001, "d += n * the lane of m, rounded once")
	elem(byElementMore, floats, "VFMLSElem", "fmls", 0, 2, 0b0101, "d -= n * the lane of m, rounded once")
	elem(longElement, lowerWords, "VSMULLElem", "smull", 0, 0, 0b1010, "d = n * the lane of m, signed; lower half of n")
	elem(longElement, upperWords, "VSMULLElem2", "smull2", 0, 0, 0b1010, "d = n * the lane of m, signed; upper half of n")
	elem(longElementMore, lowerWords, "VSMLALElem", "smlal", 0, 0, 0b0010, "d += n * the lane of m, signed; lower half of n")
	elem(longElementMore, upperWords, "VSMLALElem2", "smlal2", 0, 0, 0b0010, "d += n * the lane of m, signed; upper half of n")
	elem(longElement, lowerWords, "VUMULLElem", "umull", 1, 0, 0b1010, "d = n * the lane of m, unsigned; lower half of n")
	elem(longElement, upperWords, "VUMULLElem2", "umull2", 1, 0, 0b1010, "d = n * the lane of m, unsigned; upper half of n")
	elem(longElementMore, lowerWords, "VUMLALElem", "umlal", 1, 0, 0b0010, "d += n * the lane of m, unsigned; lower half of n")
	elem(longElementMore, upperWords, "VUMLALElem2", "umlal2", 1, 0, 0b0010, "d += n * the lane of m, unsigned; upper half of n")

	// One operand.
	misc := func(f *form, arrs []Arrangement, native bool, name, arm string, u, opcode uint32, doc string) {
		add(f, arrs, native, name, arm, 0x0e200800|u<<29|opcode<<12, doc)
	}
	misc(two, bytesOnly, goKnows, "VCNT", "cnt", 0, 0b00101, "d = the number of bits set in n")
	misc(two, upTo32, word, "VCLZ", "clz", 1, 0b00100, "d = the number of leading zeros of n")
	misc(two, bytesOnly, word, "VNOT", "not", 1, 0b00101, "d = ^n")
	add(two, bytesOnly, goKnows, "VRBIT", "rbit", 0x2e605800, "d = n with its bits in reverse")
	misc(two, bytesOnly, goKnows, "VREV16", "rev16", 0, 0b00001, "reverses the lanes of every 16 bits")
	misc(two, upTo16, goKnows, "VREV32", "rev32", 1, 0b00000, "reverses the lanes of every 32 bits")
	misc(two, upTo32, goKnows, "VREV64", "rev64", 0, 0b00000, "reverses the lanes of every 64 bits")
	misc(two, integers, word, "VABS", "abs", 0, 0b01011, "d = |n|")
	misc(two, integers, word, "VNEG", "neg", 1, 0b01011, "d = -n")
	misc(twoZero, integers, word, "VCMGTZero", "cmgt", 0, 0b01000, "d = -1 where n > 0, else 0")
	misc(twoZero, integers, word, "VCMEQZero", "cmeq", 0, 0b01001, "d = -1 where n == 0, else 0")
	misc(twoZero, integers, word, "VCMLTZero", "cmlt", 0, 0b01010, "d = -1 where n < 0, else 0")
	misc(twoZero, integers, word, "VCMGEZero", "cmge", 1, 0b01000, "d = -1 where n >= 0, else 0")
	misc(twoZero, integers, word, "VCMLEZero", "cmle", 1, 0b01001, "d = -1 where n <= 0, else 0")
	misc(pairLong, upTo32, word, "VSADDLP", "saddlp", 0, 0b00010, "d = sums of neighbours of n, signed, twice as wide")
	misc(pairLong, upTo32, word, "VUADDLP", "uaddlp", 1, 0b00010, "d = sums of neighbours of n, unsigned, twice as wide")
	misc(pairLongMore, upTo32, word, "VSADALP", "sadalp", 0, 0b00110, "d += sums of neighbours of n, signed, twice as wide")
	misc(pairLongMore, upTo32, word, "VUADALP", "uadalp", 1, 0b00110, "d += sums of neighbours of n, unsigned, twice as wide")

	narrow := func(name, arm string, u, opcode uint32, doc string) {
		misc(narrowing, lower, word, name, arm, u, opcode, doc+"; into the lower half, and clears the upper")
		misc(narrowingMore, upper, word, name+"2", arm+"2", u, opcode, doc+"; into the upper half, and keeps the lower")
	}
	narrow("VXTN", "xtn", 0, 0b10010, "d = n, half as wide, truncated")
	narrow("VSQXTN", "sqxtn", 0, 0b10100, "d = n, half as wide, signed, saturated")
	narrow("VUQXTN", "uqxtn", 1, 0b10100, "d = n, half as wide, unsigned, saturated")
	narrow("VSQXTUN", "sqxtun", 1, 0b10010, "d = n, half as wide, from signed to unsigned, saturated")

	fmisc := func(arrs []Arrangement, name, arm string, u, a, opcode uint32, doc string) {
		f := twoFloat
		if doc[0] == '?' {
			f, doc = twoFloatZero, doc[1:]
		}
		add(f, arrs, word, name, arm, 0x0e200800|u<<29|a<<23|opcode<<12, doc)
	}
	fmisc(floats, "VFABS", "fabs", 0, 1, 0b01111, "d = |n|")
	fmisc(floats, "VFNEG", "fneg", 1, 1, 0b01111, "d = -n")
	fmisc(floats, "VFSQRT", "fsqrt", 1, 1, 0b11111, "d = the square root of n")
	fmisc(floats, "VSCVTF", "scvtf", 0, 0, 0b11101, "d = n as a float, of signed")
	fmisc(floats, "VUCVTF", "ucvtf", 1, 0, 0b11101, "d = n as a float, of unsigned")
	fmisc(floats, "VFCVTZS", "fcvtzs", 0, 1, 0b11011, "d = n as an integer, rounded toward zero, saturated")
	fmisc(floats, "VFCVTNS", "fcvtns", 0, 0, 0b11010, "d = n as an integer, rounded to nearest, halves to even, saturated")
	fmisc(floats, "VFCVTAS", "fcvtas", 0, 0, 0b11100, "d = n as an integer, rounded to nearest, halves away from zero, saturated")
	fmisc(floats, "VFRINTN", "frintn", 0, 0, 0b11000, "d = n rounded to nearest, halves to even")
	fmisc(floats, "VFRINTM", "frintm", 0, 0, 0b11001, "d = n rounded down")
	fmisc(floats, "VFCMGTZero", "fcmgt", 0, 1, 0b01100, "?d = -1 where n > 0, else 0")
	fmisc(floats, "VFCMEQZero", "fcmeq", 0, 1, 0b01101, "?d = -1 where n == 0, else 0")
	fmisc(floats, "VFCMLTZero", "fcmlt", 0, 1, 0b01110, "?d = -1 where n < 0, else 0")

	sums := func(native bool, name, arm string, u, opcode uint32, doc string) {
		add(acrossLanes, across, native, name, arm, 0x0e300800|u<<29|opcode<<12, doc)
	}
	add(acrossSame, across, goKnows, "VADDV", "addv", 0x0e31b800, "d = the sum of all lanes of n, as wide as one; clears what is beyond")
	sums(goKnows, "VUADDLV", "uaddlv", 1, 0b00011, "d = the sum of all lanes of n, unsigned, twice as wide; clears what is beyond")
	sums(word, "VSADDLV", "saddlv", 0, 0b00011, "d = the sum of all lanes of n, signed, twice as wide; clears what is beyond")
	add(acrossSame, across, word, "VSMAXV", "smaxv", 0x0e30a800, "d = the maximum of all lanes of n, signed; clears what is beyond")
	add(acrossSame, across, word, "VUMAXV", "umaxv", 0x2e30a800, "d = the maximum of all lanes of n, unsigned; clears what is beyond")
	add(acrossSame, across, word, "VSMINV", "sminv", 0x0e31a800, "d = the minimum of all lanes of n, signed; clears what is beyond")
	add(acrossSame, across, word, "VUMINV", "uminv", 0x2e31a800, "d = the minimum of all lanes of n, unsigned; clears what is beyond")

	// Shifts by a constant.
	shift := func(f *form, arrs []Arrangement, native bool, name, arm string, u, opcode uint32, doc string) {
		add(f, arrs, native, name, arm, 0x0f000400|u<<29|opcode<<11, doc)
	}
	shift(shiftRight, integers, word, "VSSHR", "sshr", 0, 0b00000, "d = n >> imm, signed")
	shift(shiftRight, integers, goKnows, "VUSHR", "ushr", 1, 0b00000, "d = n >> imm, unsigned")
	shift(shiftRightMore, integers, word, "VSSRA", "ssra", 0, 0b00010, "d += n >> imm, signed")
	shift(shiftRightMore, integers, goKnows, "VUSRA", "usra", 1, 0b00010, "d += n >> imm, unsigned")
	shift(shiftRight, integers, word, "VSRSHR", "srshr", 0, 0b00100, "d = n >> imm, signed, rounded: half goes up")
	shift(shiftRight, integers, word, "VURSHR", "urshr", 1, 0b00100, "d = n >> imm, unsigned, rounded: half goes up")
	shift(shiftRightMore, integers, goKnows, "VSRI", "sri", 1, 0b01000, "d = n >> imm, which leaves the upper imm bits of d")
	shift(shiftLeft, integers, goKnows, "VSHL", "shl", 0, 0b01010, "d = n << imm")
	shift(shiftLeftMore, integers, goKnows, "VSLI", "sli", 1, 0b01010, "d = n << imm, which leaves the lower imm bits of d")
	shift(shiftLeft, integers, word, "VSQSHL", "sqshl", 0, 0b01110, "d = n << imm, signed, saturated")
	shift(shiftLeft, integers, word, "VUQSHL", "uqshl", 1, 0b01110, "d = n << imm, unsigned, saturated")
	shift(shiftLong, lower, goKnows, "VUSHLL", "ushll", 1, 0b10100, "d = n << imm, unsigned, twice as wide; lower half of n")
	shift(shiftLong, upper, goKnows, "VUSHLL2", "ushll2", 1, 0b10100, "d = n << imm, unsigned, twice as wide; upper half of n")
	shift(shiftLong, lower, word, "VSSHLL", "sshll", 0, 0b10100, "d = n << imm, signed, twice as wide; lower half of n")
	shift(shiftLong, upper, word, "VSSHLL2", "sshll2", 0, 0b10100, "d = n << imm, signed, twice as wide; upper half of n")
	shrink := func(name, arm string, u, opcode uint32, doc string) {
		shift(shiftNarrow, lower, word, name, arm, u, opcode, doc+"; into the lower half, and clears the upper")
		shift(shiftNarrowMore, upper, word, name+"2", arm+"2", u, opcode, doc+"; into the upper half, and keeps the lower")
	}
	shrink("VSHRN", "shrn", 0, 0b10000, "d = n >> imm, half as wide, truncated")
	shrink("VRSHRN", "rshrn", 0, 0b10001, "d = n >> imm, rounded, half as wide, truncated")
	shrink("VSQSHRN", "sqshrn", 0, 0b10010, "d = n >> imm, half as wide, signed, saturated")
	shrink("VSQRSHRN", "sqrshrn", 0, 0b10011, "d = n >> imm, rounded, half as wide, signed, saturated")
	shrink("VUQSHRN", "uqshrn", 1, 0b10010, "d = n >> imm, half as wide, unsigned, saturated")
	shrink("VSQSHRUN", "sqshrun", 1, 0b10000, "d = n >> imm, half as wide, from signed to unsigned, saturated")
	shrink("VSQRSHRUN", "sqrshrun", 1, 0b10001, "d = n >> imm, rounded, half as wide, from signed to unsigned, saturated")

	// Lanes.
	perm := func(name, arm string, opcode uint32, doc string) {
		add(three, integers, goKnows, name, arm, 0x0e000800|opcode<<12, doc)
	}
	perm("VUZP1", "uzp1", 0b001, "d = the even lanes of n, then those of m")
	perm("VUZP2", "uzp2", 0b101, "d = the odd lanes of n, then those of m")
	perm("VTRN1", "trn1", 0b010, "d = the even lanes of n and m, in turns")
	perm("VTRN2", "trn2", 0b110, "d = the odd lanes of n and m, in turns")
	perm("VZIP1", "zip1", 0b011, "d = the lower lanes of n and m, in turns")
	perm("VZIP2", "zip2", 0b111, "d = the upper lanes of n and m, in turns")
	add(extract, bytesOnly, goKnows, "VEXT", "ext", 0x2e000000, "d = the bytes from imm on of n followed by m")
	add(lookup, bytesOnly, goKnows, "VTBL", "tbl", 0x0e000000, "d = bytes of the table by the indices m; 0 for an index beyond it")
	add(lookupMore, bytesOnly, goKnows, "VTBX", "tbx", 0x0e001000, "d = bytes of the table by the indices m; what was there for an index beyond it")
	add(dupElement, integers, goKnows, "VDUPElem", "dup", 0x0e000400, "d = the lane of n, in all lanes")
	add(dupGP, integers, goKnows, "VDUP", "dup", 0x0e000c00, "d = r, in all lanes")
	add(insertGP, whole, goKnows, "VINS", "ins", 0x4e001c00, "d = r, in that lane")
	add(insertElement, whole, goKnows, "VINSElem", "ins", 0x6e000400, "d = lane from of n, in lane to")
	add(toGP, whole, goKnows, "VUMOV", "umov", 0x0e003c00, "r = the lane of n, unsigned")
	add(toGPSigned, []Arrangement{B16, H8, S4}, word, "VSMOV", "smov", 0x4e002c00, "r = the lane of n, signed")
	add(immediate, []Arrangement{B8, B16}, goKnows, "VMOVI", "movi", 0x0f00e400, "d = imm, in all lanes")
	add(immediate, []Arrangement{H4, H8, S2, S4}, word, "VMOVIWide", "movi", 0x0f000400, "d = imm, in all lanes, where imm is a byte shifted by a multiple of 8")
	add(immediateNot, []Arrangement{H4, H8, S2, S4}, word, "VMVNI", "mvni", 0x2f000400, "d = ^imm, in all lanes, where imm is a byte shifted by a multiple of 8")

	for i := range list {
		if list[i].Feature == "" {
			list[i].Feature = AdvSIMD
		}
	}
	return list
}
