package kernels

import (
	"fmt"
	"math/bits"
	"unsafe"
)

// A Dot is the inner product of activations with one row of low-bit weights
// that were packed once. It is safe for use by many goroutines.
type Dot struct {
	row     *dotRow  // nil where the formats are bits
	bits    *bitsRow // binary weights with sign or u1 activations
	formats Formats
	k       int
	block   int  // inputs of a block
	log     uint // of block, to base 2: a division would cost short vectors 7 %
	signed  bool // codes are two's complement
	packed  []byte
	words   []uint64
	scale   int32 // the sum is scale·sum + bias
	bias    int32
}

// dotTail is room for the last block of activations: 64 bytes of 2-bit weights.
const dotTail = 256

// NewDot plans inner products of K activations with weights of which N is 1.
// Errors are those of NewGEMM.
func NewDot(w Weights, a ActFormat) (*Dot, error) {
	if err := w.check(); err != nil {
		return nil, err
	}
	if w.N != 1 {
		return nil, fmt.Errorf("kernels: NewDot: weights are %dx%d (NxK): want N = 1", w.N, w.K)
	}
	if !a.valid() || a == F32 {
		return nil, fmt.Errorf("kernels: activation format %v: want an integer format", a)
	}
	if err := checkSums(w, a); err != nil {
		return nil, err
	}
	d := &Dot{formats: Formats{w.Format, a}, k: w.K, scale: 1}
	if w.Format == Binary && (a == Sign || a == U1) {
		d.bits = must(bitsTable)
		d.packBits(w, a)
		return d, nil
	}
	row, err := find(dotTable, func(r *dotRow) bool { return r.takes(w.Format, a) })
	if err != nil {
		return nil, fmt.Errorf("kernels: no kernel for %v x %v", w.Format, a)
	}
	d.row = row
	d.block = row.run * 8 / row.bits
	d.log = uint(bits.TrailingZeros(uint(d.block)))
	d.packed = panelLayout{1, d.block, d.block, row.bits, row.run}.pack(w)
	if row.rest != nil {
		d.bias = row.rest(w.Values)
	}
	// Codes up to 127 are two's complement, too: where something is missing in the
	// sums, that saves flipping them.
	d.signed = a == S8 || a.Max() <= 127 && row.rest != nil && row.signed != nil
	if d.signed {
		d.bias += s8Bias(w.Values)
	}
	if a == Sign { // Σw·(2x-1) = 2·Σw·x - Σw
		d.scale = 2
		d.bias *= 2
		for _, v := range w.Values {
			d.bias -= int32(v)
		}
	}
	return d, nil
}

// packBits packs weights as bits; see popcountBias for scale and bias.
func (d *Dot) packBits(w Weights, a ActFormat) {
	d.words = make([]uint64, ceilDiv(w.K, 64))
	plus := int32(0)
	for i, v := range w.Values {
		if v > 0 {
			d.words[i/64] |= 1 << (i % 64)
			plus++
		}
	}
	d.scale, d.bias = -1, plus
	if a == Sign {
		d.scale, d.bias = -2, int32(w.K)
	}
}

// Kernel is the name of the kernel that was chosen.
func (d *Dot) Kernel() string {
	if d.bits != nil {
		return d.bits.name()
	}
	return d.row.name()
}

// PackedBytes is the memory that the packed weights take.
func (d *Dot) PackedBytes() int { return len(d.packed) + 8*len(d.words) }

// Run returns the inner product with K codes. It does not allocate, and panics
// if the length is not K. Codes are not checked: see CheckActs.
func (d *Dot) Run(x []uint8) int32 {
	if len(x) != d.k {
		panic(lengths("Dot.Run", "x", len(x), d.k))
	}
	if d.bits != nil {
		return d.runBits(x)
	}
	var sum int32
	switch {
	case !d.signed:
		sum = d.sum(d.row.dot, x, d.packed)
	case d.row.signed != nil:
		sum = d.sum(d.row.signed, x, d.packed)
	default:
		sum = d.runSigned(x)
	}
	return d.scale*sum + d.bias
}

// sum is the inner product of codes with packed weights, of which those behind
// the codes, up to the end of a block, are zero.
func (d *Dot) sum(dot func(x, w *byte, blocks uintptr) int32, x []uint8, packed []byte) int32 {
	whole := len(x) >> d.log
	var sum int32
	// As spans does, without its division.
	size := max(1, spanWork>>d.log)
	for at := 0; at < whole; at += size {
		sum += dot(&x[at<<d.log], &packed[at*d.row.run], uintptr(min(size, whole-at)))
	}
	if rest := x[whole<<d.log:]; len(rest) > 0 {
		var tail [dotTail]byte
		copy(tail[:], rest)
		p := (*byte)(noescape(unsafe.Pointer(&tail)))
		sum += dot(p, &packed[whole*d.row.run], 1)
	}
	return sum
}

// runSigned is sum for S8 codes, flipped a piece of whole blocks at a time on
// the stack.
func (d *Dot) runSigned(x []uint8) int32 {
	var buf [8 * dotTail]uint8
	part := unsafe.Slice((*uint8)(noescape(unsafe.Pointer(&buf))), len(buf)/d.block*d.block)
	var sum int32
	for at := 0; at < len(x); at += len(part) {
		codes := part[:min(len(part), len(x)-at)]
		flip(codes, x[at:][:len(codes)])
		sum += d.sum(d.row.dot, codes, d.packed[at*d.row.bits/8:])
	}
	return sum
}

// runBits packs activations a few words at a time, on the stack.
func (d *Dot) runBits(x []uint8) int32 {
	var buf [32]uint64
	p := (*uint64)(noescape(unsafe.Pointer(&buf)))
	differ := 0
	for at := 0; at < len(x); at += 64 * len(buf) {
		part := x[at:min(at+64*len(buf), len(x))]
		packWords(unsafe.Slice((*byte)(unsafe.Pointer(p)), 8*len(buf)), part, 0, d.bits.pack)
		differ += d.bits.xor(p, &d.words[at/64], uintptr(ceilDiv(len(part), 64)))
	}
	return d.scale*int32(differ) + d.bias
}

// RunBits is Run on activations packed by PackSigns, for binary weights and
// sign or u1 activations; it panics for other formats. Bits of the last word
// behind the K-th must be zero.
func (d *Dot) RunBits(x []uint64) int32 {
	if d.bits == nil {
		panic(fmt.Sprintf("kernels: Dot.RunBits: formats are %v: want binary x sign or binary x u1", d.formats))
	}
	if len(x) != len(d.words) {
		panic(lengths("Dot.RunBits", "x", len(x), len(d.words)))
	}
	return d.scale*int32(d.bits.differ(x, d.words)) + d.bias
}

// differ is the number of bits in which x and y, of one length, differ.
func (r *bitsRow) differ(x, y []uint64) int {
	sum := 0
	for at, n := range spans(len(x), 8) {
		sum += r.xor(&x[at], &y[at], uintptr(n))
	}
	return sum
}

// DotBinary is the inner product of two vectors of k signs, packed as bits by
// PackSigns: k less twice the number of bits that differ. Bits behind the k-th
// must be equal in both, zero for instance. It does not allocate, and panics
// if a vector has not ceil(k/64) words.
func DotBinary(x, y []uint64, k int) int {
	words := ceilDiv(k, 64)
	if k < 0 || len(x) != words || len(y) != words {
		panic(fmt.Sprintf("kernels: DotBinary: k = %d, len(x) = %d, len(y) = %d: want both ceil(k/64)", k, len(x), len(y)))
	}
	return k - 2*current.Load().bits.differ(x, y)
}

// DotFloat32 is the inner product of two float32 vectors of one length. The
// order of its sums depends on the kernel. It does not allocate, and panics if
// the lengths differ.
func DotFloat32(x, y []float32) float32 {
	if len(x) != len(y) {
		panic(lengths("DotFloat32", "y", len(y), len(x)))
	}
	r := current.Load().f32Dot
	whole := len(x) / r.block * r.block
	var sum float32
	for at, n := range spans(whole/r.block, r.block) {
		sum += r.dot(&x[at*r.block], &y[at*r.block], uintptr(n*r.block))
	}
	for i := whole; i < len(x); i++ {
		sum += float32(x[i] * y[i])
	}
	return sum
}

// noescape hides a pointer from escape analysis, which must assume that a
// function called through a table keeps it. Kernels keep nothing.
//
//go:nosplit
func noescape(p unsafe.Pointer) unsafe.Pointer {
	x := uintptr(p)
	return *(*unsafe.Pointer)(unsafe.Pointer(&x))
}
