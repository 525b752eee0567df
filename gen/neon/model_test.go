package neon

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/bits"
	"strings"
)

// What the instructions compute, written from their documentation, lane by lane, in
// integers of any size.

type z = *big.Int

func num(v int64) z         { return big.NewInt(v) }
func plus(a, b z) z         { return new(big.Int).Add(a, b) }
func minus(a, b z) z        { return new(big.Int).Sub(a, b) }
func times(a, b z) z        { return new(big.Int).Mul(a, b) }
func magnitude(a z) z       { return new(big.Int).Abs(a) }
func power(k int) z         { return new(big.Int).Lsh(num(1), uint(k)) }
func left(a z, k int) z     { return new(big.Int).Lsh(a, uint(k)) }
func right(a z, k int) z    { return new(big.Int).Rsh(a, uint(k)) } // rounds down
func rounded(a z, k int) z  { return right(plus(a, right(power(k), 1)), k) }
func low(a z, k int) z      { return new(big.Int).And(a, minus(power(k), num(1))) }
func truth(b bool) z        { return num(-int64(map[bool]int{true: 1}[b])) }
func between(a, lo, hi z) z { return larger(lo, smaller(a, hi)) }
func is(k int) func(z) bool { return func(a z) bool { return a.Sign() == k } }
func either(p, q func(z) bool) func(z) bool {
	return func(a z) bool { return p(a) || q(a) }
}

func larger(a, b z) z {
	if a.Cmp(b) < 0 {
		return b
	}
	return a
}

func smaller(a, b z) z {
	if a.Cmp(b) < 0 {
		return a
	}
	return b
}

func fold(list []z, f func(a, b z) z) z {
	r := list[0]
	for _, v := range list[1:] {
		r = f(r, v)
	}
	return r
}

// carryless is the product of polynomials over bits.
func carryless(a, b z) z {
	r := num(0)
	for i := range b.BitLen() {
		if b.Bit(i) == 1 {
			r.Xor(r, left(a, i))
		}
	}
	return r
}

// shifted is n shifted by the signed byte m, to the right by round.
func shifted(n, m z, round func(a z, k int) z) z {
	k := int(int8(low(m, 8).Uint64()))
	if k >= 0 {
		return left(n, k)
	}
	return round(n, -k)
}

// A shape says which lanes an instruction takes and gives.
type shape int

const (
	same   shape = iota // n, m and d alike
	long                // d twice as wide
	wide                // n and d twice as wide
	narrow              // d half as wide
)

// A rule computes a lane of d. It has the shape, whether the operands are signed, and
// whether the result is saturated, and to signed or unsigned lanes: "s", "u", "ss", "su"
// and "uu". bits is the width of a lane of n. m is the constant where there is one.
type rule struct {
	shape shape
	signs string
	f     func(n, m, d z, bits int) z
}

func two2(f func(n, m z) z) func(n, m, d z, bits int) z {
	return func(n, m, _ z, _ int) z { return f(n, m) }
}

func compare(ok func(z) bool) func(n, m, d z, bits int) z {
	return func(n, m, _ z, _ int) z { return truth(ok(minus(n, m))) }
}

func add2(f func(n, m z) z) func(n, m, d z, bits int) z {
	return func(n, m, d z, _ int) z { return plus(d, f(n, m)) }
}

func distance(n, m z) z { return magnitude(minus(n, m)) }
func half(n, m z) z     { return right(plus(n, m), 1) }
func halfUp(n, m z) z   { return rounded(plus(n, m), 1) }

func rightBy(n, m z) z   { return right(n, int(m.Int64())) }
func roundedBy(n, m z) z { return rounded(n, int(m.Int64())) }
func leftBy(n, m z) z    { return left(n, int(m.Int64())) }

var (
	subtracts = func(n, m, d z, _ int) z { return minus(d, times(n, m)) }
	takesN    = two2(func(n, _ z) z { return n })
	doubling  = func(n, m, _ z, bits int) z { return right(times(num(2), times(n, m)), bits) }
	doublingR = func(n, m, _ z, bits int) z { return rounded(times(num(2), times(n, m)), bits) }
)

// rules of integers, by the name in Arm's manual.
var rules = map[string]rule{
	"add":      {same, "u", two2(plus)},
	"sub":      {same, "u", two2(minus)},
	"mul":      {same, "u", two2(times)},
	"mla":      {same, "u", add2(times)},
	"mls":      {same, "u", subtracts},
	"pmul":     {same, "u", two2(carryless)},
	"sabd":     {same, "s", two2(distance)},
	"uabd":     {same, "u", two2(distance)},
	"saba":     {same, "s", add2(distance)},
	"uaba":     {same, "u", add2(distance)},
	"smax":     {same, "s", two2(larger)},
	"smin":     {same, "s", two2(smaller)},
	"umax":     {same, "u", two2(larger)},
	"umin":     {same, "u", two2(smaller)},
	"sshl":     {same, "s", two2(func(n, m z) z { return shifted(n, m, right) })},
	"ushl":     {same, "u", two2(func(n, m z) z { return shifted(n, m, right) })},
	"srshl":    {same, "s", two2(func(n, m z) z { return shifted(n, m, rounded) })},
	"urshl":    {same, "u", two2(func(n, m z) z { return shifted(n, m, rounded) })},
	"sqadd":    {same, "ss", two2(plus)},
	"uqadd":    {same, "uu", two2(plus)},
	"sqsub":    {same, "ss", two2(minus)},
	"uqsub":    {same, "uu", two2(minus)},
	"shadd":    {same, "s", two2(half)},
	"uhadd":    {same, "u", two2(half)},
	"urhadd":   {same, "u", two2(halfUp)},
	"sqdmulh":  {same, "ss", doubling},
	"sqrdmulh": {same, "ss", doublingR},
	"cmeq":     {same, "s", compare(is(0))},
	"cmgt":     {same, "s", compare(is(1))},
	"cmge":     {same, "s", compare(either(is(0), is(1)))},
	"cmlt":     {same, "s", compare(is(-1))},
	"cmle":     {same, "s", compare(either(is(0), is(-1)))},
	"cmhi":     {same, "u", compare(is(1))},
	"cmhs":     {same, "u", compare(either(is(0), is(1)))},
	"cmtst":    {same, "u", two2(func(n, m z) z { return truth(new(big.Int).And(n, m).Sign() != 0) })},
	"and":      {same, "u", two2(func(n, m z) z { return new(big.Int).And(n, m) })},
	"bic":      {same, "u", two2(func(n, m z) z { return new(big.Int).AndNot(n, m) })},
	"orr":      {same, "u", two2(func(n, m z) z { return new(big.Int).Or(n, m) })},
	"orn":      {same, "u", two2(func(n, m z) z { return new(big.Int).Or(n, new(big.Int).Not(m)) })},
	"eor":      {same, "u", two2(func(n, m z) z { return new(big.Int).Xor(n, m) })},
	"bsl":      {same, "u", func(n, m, d z, _ int) z { return choose(d, n, m) }},
	"bit":      {same, "u", func(n, m, d z, _ int) z { return choose(m, n, d) }},
	"bif":      {same, "u", func(n, m, d z, _ int) z { return choose(m, d, n) }},
	"cnt":      {same, "u", two2(func(n, _ z) z { return num(int64(bits.OnesCount64(n.Uint64()))) })},
	"clz":      {same, "u", func(n, _, _ z, bits int) z { return num(int64(bits - n.BitLen())) }},
	"not":      {same, "u", two2(func(n, _ z) z { return new(big.Int).Not(n) })},
	"rbit":     {same, "u", two2(func(n, _ z) z { return num(int64(bits.Reverse8(uint8(n.Uint64())))) })},
	"abs":      {same, "s", two2(func(n, _ z) z { return magnitude(n) })},
	"neg":      {same, "s", two2(func(n, _ z) z { return minus(num(0), n) })},

	"saddl": {long, "s", two2(plus)},
	"uaddl": {long, "u", two2(plus)},
	"ssubl": {long, "s", two2(minus)},
	"usubl": {long, "u", two2(minus)},
	"saddw": {wide, "s", two2(plus)},
	"uaddw": {wide, "u", two2(plus)},
	"ssubw": {wide, "s", two2(minus)},
	"usubw": {wide, "u", two2(minus)},
	"sabal": {long, "s", add2(distance)},
	"uabal": {long, "u", add2(distance)},
	"sabdl": {long, "s", two2(distance)},
	"uabdl": {long, "u", two2(distance)},
	"smull": {long, "s", two2(times)},
	"umull": {long, "u", two2(times)},
	"smlal": {long, "s", add2(times)},
	"umlal": {long, "u", add2(times)},
	"smlsl": {long, "s", subtracts},
	"umlsl": {long, "u", subtracts},
	"pmull": {long, "u", two2(carryless)},

	"xtn":    {narrow, "u", takesN},
	"sqxtn":  {narrow, "ss", takesN},
	"uqxtn":  {narrow, "uu", takesN},
	"sqxtun": {narrow, "su", takesN},

	"sshr":     {same, "s", two2(rightBy)},
	"ushr":     {same, "u", two2(rightBy)},
	"ssra":     {same, "s", add2(rightBy)},
	"usra":     {same, "u", add2(rightBy)},
	"srshr":    {same, "s", two2(roundedBy)},
	"urshr":    {same, "u", two2(roundedBy)},
	"shl":      {same, "u", two2(leftBy)},
	"sqshl":    {same, "ss", two2(leftBy)},
	"uqshl":    {same, "uu", two2(leftBy)},
	"sshll":    {long, "s", two2(leftBy)},
	"ushll":    {long, "u", two2(leftBy)},
	"shrn":     {narrow, "u", two2(rightBy)},
	"rshrn":    {narrow, "u", two2(roundedBy)},
	"sqshrn":   {narrow, "ss", two2(rightBy)},
	"sqrshrn":  {narrow, "ss", two2(roundedBy)},
	"uqshrn":   {narrow, "uu", two2(rightBy)},
	"sqshrun":  {narrow, "su", two2(rightBy)},
	"sqrshrun": {narrow, "su", two2(roundedBy)},
	"sri": {same, "u", func(n, m, d z, bits int) z { // the upper imm bits are those of d
		k := int(m.Int64())
		return plus(minus(d, low(d, bits-k)), right(n, k))
	}},
	"sli": {same, "u", func(n, m, d z, _ int) z { // the lower imm bits are those of d
		k := int(m.Int64())
		return plus(left(n, k), low(d, k))
	}},
}

// choose is a where s is set, and b where not.
func choose(s, a, b z) z {
	return plus(new(big.Int).And(s, a), new(big.Int).AndNot(b, s))
}

// foldings are functions of all lanes, or of two neighbours, by the name in Arm's manual.
var foldings = map[string]struct {
	kind  string // across, across long, pair, pair long, pair long more
	signs string
	f     func(a, b z) z
}{
	"addp":   {"pair", "u", plus},
	"smaxp":  {"pair", "s", larger},
	"umaxp":  {"pair", "u", larger},
	"addv":   {"across", "u", plus},
	"uaddlv": {"across long", "u", plus},
	"saddlv": {"across long", "s", plus},
	"smaxv":  {"across", "s", larger},
	"umaxv":  {"across", "u", larger},
	"sminv":  {"across", "s", smaller},
	"uminv":  {"across", "u", smaller},
	"saddlp": {"pair long", "s", plus},
	"uaddlp": {"pair long", "u", plus},
	"sadalp": {"pair long more", "s", plus},
	"uadalp": {"pair long more", "u", plus},
}

// floating are functions of floats; m is 0 where there is none.
var floating = map[string]func(n, m float64) float64{
	"fadd":   func(n, m float64) float64 { return n + m },
	"fsub":   func(n, m float64) float64 { return n - m },
	"fmul":   func(n, m float64) float64 { return n * m },
	"fdiv":   func(n, m float64) float64 { return n / m },
	"fmax":   func(n, m float64) float64 { return max(n, m) },
	"fmin":   func(n, m float64) float64 { return min(n, m) },
	"fabd":   func(n, m float64) float64 { return math.Abs(n - m) },
	"fabs":   func(n, _ float64) float64 { return math.Abs(n) },
	"fneg":   func(n, _ float64) float64 { return -n },
	"fsqrt":  func(n, _ float64) float64 { return math.Sqrt(n) },
	"frintn": func(n, _ float64) float64 { return math.RoundToEven(n) },
	"frintm": func(n, _ float64) float64 { return math.Floor(n) },
}

var comparing = map[string]func(n, m float64) bool{
	"fcmeq": func(n, m float64) bool { return n == m },
	"fcmge": func(n, m float64) bool { return n >= m },
	"fcmgt": func(n, m float64) bool { return n > m },
	"fcmlt": func(n, m float64) bool { return n < m },
}

var toInteger = map[string]func(n float64) float64{
	"fcvtzs": math.Trunc,
	"fcvtns": math.RoundToEven,
	"fcvtas": math.Round,
}

// dots are products of bytes: whether those of n and m are signed, and whether of rows.
var dots = map[string]struct {
	n, m bool
	rows bool
}{
	"sdot": {true, true, false}, "udot": {false, false, false}, "usdot": {false, true, false}, "sudot": {true, false, false},
	"smmla": {true, true, true}, "ummla": {false, false, true}, "usmmla": {false, true, true},
}

// A state is what an instruction finds and leaves.
type state struct {
	m   [16]byte
	n   [4][16]byte // n alone, or a table
	d   [16]byte
	r   uint64
	nan bool // NaNs in floating-point lanes may have any bits
}

// lanesIn are those of a vector.
func lanesIn(v [16]byte, bits int, signed bool) []z {
	var list []z
	for i := 0; i < 128; i += bits {
		var b [8]byte
		copy(b[:], v[i/8:(i+bits)/8])
		r := new(big.Int).SetUint64(binary.LittleEndian.Uint64(b[:]))
		if signed && r.Bit(bits-1) == 1 {
			r.Sub(r, power(bits))
		}
		list = append(list, r)
	}
	return list
}

// put writes a lane.
func put(v *[16]byte, bits, i int, r z) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], low(r, bits).Uint64())
	copy(v[i*bits/8:(i+1)*bits/8], b[:])
}

func saturate(r z, signs string, bits int) z {
	switch signs[1:] {
	case "s":
		return between(r, minus(num(0), power(bits-1)), minus(power(bits-1), num(1)))
	case "u":
		return between(r, num(0), minus(power(bits), num(1)))
	}
	return r
}

// run executes an instruction. It is false for one that has no model.
func (s *state) run(in *Instruction, o *numbers) bool {
	bits, count := o.arr.bits(), o.arr.Lanes()
	// The second of two, of upper halves.
	arm, upper := in.Arm, 0
	if strings.HasSuffix(arm, "2") && rules[strings.TrimSuffix(arm, "2")].f != nil {
		arm, upper = strings.TrimSuffix(arm, "2"), 64
	}
	m, n, before := s.m, s.n[0], s.d
	if in.has("m") && in.has("lane") { // the lane of m, in all
		w := bits / 8
		if in.form.fixed {
			w = 4
		}
		for i := range m {
			m[i] = s.m[o.lane*w+i%w]
		}
	}
	if strings.HasSuffix(in.Name, "Zero") {
		m = [16]byte{}
	}
	var d [16]byte
	defer func() { s.d = d }()

	if r, ok := rules[arm]; ok {
		signed := r.signs[0] == 's'
		nb, mb, db := bits, bits, bits
		first, to := 0, 0 // lanes of the narrow operands, and of the result
		switch r.shape {
		case long:
			db, first, count = 2*bits, upper/bits, 64/bits
		case wide:
			nb, db, first, count = 2*bits, 2*bits, upper/bits, 64/bits
		case narrow:
			nb, mb, to, count = 2*bits, 2*bits, upper/bits, 64/bits
			if upper > 0 {
				d = before
			}
		}
		ns, ms, ds := lanesIn(n, nb, signed), lanesIn(m, mb, signed), lanesIn(before, db, signed)
		for i := range count {
			nv := i
			if r.shape == long {
				nv += first
			}
			mv := num(int64(o.imm))
			if !in.has("imm") {
				mv = ms[(i+first)%len(ms)]
			}
			put(&d, db, i+to, saturate(r.f(ns[nv], mv, ds[i+to], nb), r.signs, db))
		}
		return true
	}

	if r, ok := foldings[arm]; ok {
		ns := lanesIn(n, bits, r.signs == "s")[:count]
		ms := lanesIn(m, bits, r.signs == "s")[:count]
		pairs := func(list []z, db, at int) {
			ds := lanesIn(before, db, false)
			for i := 0; i < len(list); i += 2 {
				v := r.f(list[i], list[i+1])
				if strings.HasSuffix(r.kind, "more") {
					v = plus(v, ds[at+i/2])
				}
				put(&d, db, at+i/2, v)
			}
		}
		switch r.kind {
		case "across":
			put(&d, bits, 0, fold(ns, r.f))
		case "across long":
			put(&d, 2*bits, 0, fold(ns, r.f))
		case "pair":
			pairs(append(ns, ms...), bits, 0)
		default:
			pairs(ns, 2*bits, 0)
		}
		return true
	}

	if r, ok := dots[arm]; ok {
		ns, ms, ds := lanesIn(n, 8, r.n), lanesIn(m, 8, r.m), lanesIn(before, 32, true)
		for i := range 4 {
			v, from, with, length := ds[i], 4*i, 4*i, 4
			if r.rows {
				from, with, length = i/2*8, i%2*8, 8
			}
			for k := range length {
				v = plus(v, times(ns[from+k], ms[with+k]))
			}
			put(&d, 32, i, v)
		}
		return true
	}

	if s.runFloat(arm, bits, count, n, m, before, &d) {
		s.nan = true
		return true
	}
	return s.runLanes(in, arm, bits, count, o, n, m, before, &d)
}

// floatsIn are the lanes of a vector as floats.
func floatsIn(v [16]byte, bits int) []float64 {
	var list []float64
	for i := 0; i < 16; i += bits / 8 {
		if bits == 32 {
			list = append(list, float64(math.Float32frombits(binary.LittleEndian.Uint32(v[i:]))))
		} else {
			list = append(list, math.Float64frombits(binary.LittleEndian.Uint64(v[i:])))
		}
	}
	return list
}

// putFloat rounds and writes a lane.
func putFloat(v *[16]byte, bits, i int, f float64) {
	if bits == 32 {
		binary.LittleEndian.PutUint32(v[4*i:], math.Float32bits(float32(f)))
	} else {
		binary.LittleEndian.PutUint64(v[8*i:], math.Float64bits(f))
	}
}

// fused is n*m + d, rounded once to lanes of that width.
func fused(n, m, d float64, bits int) float64 {
	if bits == 64 {
		return math.FMA(n, m, d)
	}
	r := n*m + d // the product is exact, and so is a sum of zero
	if r == 0 || math.IsInf(r, 0) || math.IsNaN(r) {
		return r
	}
	exact := new(big.Float).SetPrec(2000).Mul(big.NewFloat(n), big.NewFloat(m))
	f, _ := exact.SetPrec(2000).Add(new(big.Float).SetPrec(2000).Set(exact), big.NewFloat(d)).Float32()
	return float64(f)
}

// signalling tells of the bits of a float whether it is a NaN that makes a NaN of every
// result.
func signalling(raw z, bits int) bool {
	mantissa := map[int]int{32: 23, 64: 52}[bits]
	exponent := low(right(raw, mantissa), bits-1-mantissa)
	return exponent.BitLen() == bits-1-mantissa && exponent.Cmp(minus(power(bits-1-mantissa), num(1))) == 0 &&
		low(raw, mantissa).Sign() != 0 && raw.Bit(mantissa-1) == 0
}

func (s *state) runFloat(arm string, bits, count int, n, m, before [16]byte, d *[16]byte) bool {
	if bits < 32 {
		return false
	}
	ns, ms, ds := floatsIn(n, bits), floatsIn(m, bits), floatsIn(before, bits)
	each := func(f func(i int)) bool {
		for i := range count {
			f(i)
		}
		return true
	}
	if f, ok := floating[arm]; ok {
		return each(func(i int) { putFloat(d, bits, i, f(ns[i], ms[i])) })
	}
	if f, ok := comparing[arm]; ok {
		return each(func(i int) { put(d, bits, i, truth(f(ns[i], ms[i]))) })
	}
	if f, ok := toInteger[arm]; ok {
		return each(func(i int) {
			r := num(0)
			switch v := f(ns[i]); {
			case math.IsNaN(v):
			case math.IsInf(v, 0):
				r = left(num(int64(math.Copysign(1, v))), 100)
			default:
				big.NewFloat(v).Int(r)
			}
			put(d, bits, i, saturate(r, "ss", bits))
		})
	}
	switch arm {
	case "fmla":
		return each(func(i int) { putFloat(d, bits, i, fused(ns[i], ms[i], ds[i], bits)) })
	case "fmls":
		return each(func(i int) { putFloat(d, bits, i, fused(-ns[i], ms[i], ds[i], bits)) })
	case "fmaxnm", "fminnm":
		f, worst := func(a, b float64) float64 { return max(a, b) }, math.Inf(-1)
		if arm == "fminnm" {
			f, worst = func(a, b float64) float64 { return min(a, b) }, math.Inf(1)
		}
		number := func(v float64) float64 {
			if math.IsNaN(v) {
				return worst
			}
			return v
		}
		rawN, rawM := lanesIn(n, bits, false), lanesIn(m, bits, false)
		return each(func(i int) {
			r := f(number(ns[i]), number(ms[i]))
			if math.IsNaN(ns[i]) && math.IsNaN(ms[i]) || signalling(rawN[i], bits) || signalling(rawM[i], bits) {
				r = math.NaN()
			}
			putFloat(d, bits, i, r)
		})
	case "faddp":
		all := append(ns[:count:count], ms[:count]...)
		return each(func(i int) { putFloat(d, bits, i, all[2*i]+all[2*i+1]) })
	case "scvtf", "ucvtf":
		list := lanesIn(n, bits, arm == "scvtf")
		return each(func(i int) {
			v := new(big.Float).SetInt(list[i])
			if bits == 32 {
				f, _ := v.Float32()
				putFloat(d, bits, i, float64(f))
			} else {
				f, _ := v.Float64()
				putFloat(d, bits, i, f)
			}
		})
	}
	return false
}

// runLanes moves lanes about.
func (s *state) runLanes(in *Instruction, arm string, bits, count int, o *numbers, n, m, before [16]byte, d *[16]byte) bool {
	ns, ms, ds := lanesIn(n, bits, false), lanesIn(m, bits, false), lanesIn(before, bits, false)
	list := make([]z, count)
	width := func(group int) { // reverses the lanes of every group of bits
		for i := range list {
			g := group / bits
			list[i] = ns[i/g*g+g-1-i%g]
		}
	}
	switch arm {
	case "rev16":
		width(16)
	case "rev32":
		width(32)
	case "rev64":
		width(64)
	case "uzp1", "uzp2":
		both := append(ns[:count:count], ms[:count]...)
		for i := range list {
			list[i] = both[2*i+int(arm[3]-'1')]
		}
	case "trn1", "trn2":
		for i := range list {
			list[i] = [][]z{ns, ms}[i%2][i/2*2+int(arm[3]-'1')]
		}
	case "zip1", "zip2":
		for i := range list {
			list[i] = [][]z{ns, ms}[i%2][i/2+count/2*int(arm[3]-'1')]
		}
	case "ext":
		both := append(ns[:count:count], ms[:count]...)
		copy(list, both[o.imm:])
	case "tbl", "tbx":
		for i := range list {
			index := int(ms[i].Int64())
			list[i] = map[string]z{"tbl": num(0), "tbx": ds[i]}[arm]
			if index < 16*len(o.table) {
				list[i] = num(int64(s.n[index/16][index%16]))
			}
		}
	case "dup":
		for i := range list {
			list[i] = new(big.Int).SetUint64(s.r)
			if !in.has("r") {
				list[i] = ns[o.lane]
			}
		}
	case "ins":
		copy(list, ds)
		if in.has("r") {
			list[o.lane] = new(big.Int).SetUint64(s.r)
		} else {
			list[o.to] = ns[o.lane]
		}
	case "umov":
		s.r = ns[o.lane].Uint64()
		*d = before
		return true
	case "smov":
		s.r = uint64(lanesIn(n, bits, true)[o.lane].Int64())
		*d = before
		return true
	case "movi", "mvni":
		for i := range list {
			list[i] = num(int64(o.imm))
			if arm == "mvni" {
				list[i] = num(^int64(o.imm))
			}
		}
	default:
		return false
	}
	for i, v := range list {
		put(d, bits, i, v)
	}
	return true
}
