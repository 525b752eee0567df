package kernels

import (
	"math/bits"
	"math/rand/v2"
	"testing"
	"unsafe"

	"example.com/lowbit/ref"
)

// TestDotKernels calls every integer dot product by itself, on as many whole
// blocks as there are.
func TestDotKernels(t *testing.T) {
	eachKernel(t, dotTable, func(t *testing.T, row *dotRow, e *emulation) {
		rng, a := random(t), newArena(t)
		block := row.run * 8 / row.bits
		for _, f := range few(rng, e, some(rng, formatsOf(row.takes))) {
			for _, blocks := range some(rng, around(70, 4, 8, 16)) {
				for range times(3) {
					k := blocks * block
					at := spot{rng.IntN(2) == 0, rng.IntN(2) * rng.IntN(64)}
					w := draw(rng, pattern(rng.IntN(int(patterns))), f.Weights.Levels(), k)
					xs := draw(rng, pattern(rng.IntN(int(patterns))), codes(f.Acts), k)
					if rng.IntN(2) == 0 { // a last block that ends early
						cut := rng.IntN(block)
						clear(w[k-cut:])
						copy(xs[k-cut:], draw(rng, edges, codes(U8), cut))
					}
					var packed []byte
					for i := range blocks {
						packed = append(packed, packedRun(w[i*block:][:block], row.run, row.bits)...)
					}
					want := ref.Dot(values(U8, xs), w) - restOf(row, w)
					dot := &row.dot
					if row.signed != nil && rng.IntN(2) == 0 {
						dot = &row.signed
						for i := range xs {
							xs[i] -= 128
						}
					}
					if e != nil {
						e.add(unsafe.Pointer(dot), want, []emulatedOperand{in(0, xs, at), in(1, packed, at)}, 0, 0, blocks)
						continue
					}
					x, p := input(a, "x", at, xs), input(a, "w", at, packed)
					var got int32
					a.run(func() { got = (*dot)(&x[0], &p[0], uintptr(blocks)) })
					if got != want {
						t.Fatalf("%v, %d blocks of %d: got %d, want %d", f, blocks, block, got, want)
					}
				}
			}
		}
	})
}

// restOf is what the kernel of a row leaves out of its sums. TestDot wants it to be
// what the codes make of it.
func restOf(row *dotRow, w []int8) int32 {
	if row.rest == nil {
		return 0
	}
	return row.rest(w)
}

func checkDot(t testing.TB, a *arena, rng *rand.Rand, f Formats, k int, wp, xp pattern, at spot, kernel string) {
	t.Helper()
	w := weights(rng, f.Weights, wp, 1, k)
	d, err := NewDot(w, f.Acts)
	if err != nil {
		t.Fatalf("%v, K = %d: %v", f, k, err)
	}
	if kernel != "" && d.Kernel() != kernel {
		t.Fatalf("%v: the plan chose %s: want %s", f, d.Kernel(), kernel)
	}
	if d.PackedBytes() < (k*f.Weights.Bits()+7)/8 {
		t.Fatalf("%v, K = %d: %d bytes of weights", f, k, d.PackedBytes())
	}
	xs := draw(rng, xp, codes(f.Acts), k)
	want := ref.Dot(values(f.Acts, xs), w.Values)
	x := input(a, "x", at, xs)
	var got int32
	a.run(func() { got = d.Run(x) })
	if got != want {
		t.Fatalf("%v, K = %d, weights %v, activations %v, %s: got %d, want %d", f, k, wp, xp, d.Kernel(), got, want)
	}
	if f.Weights == Binary && (f.Acts == Sign || f.Acts == U1) {
		words := make([]uint64, (k+63)/64)
		PackSigns(words, xs)
		bits := input(a, "bits", at, words)
		a.run(func() { got = d.RunBits(bits) })
		if got != want {
			t.Fatalf("%v, K = %d: RunBits: got %d, want %d", f, k, got, want)
		}
	}
}

func TestDot(t *testing.T) {
	each(t, dotTable, func(t *testing.T, row *dotRow) {
		use(t, row.name())
		rng, a := random(t), newArena(t)
		for _, f := range formatsOf(row.takes) {
			kernel := row.name()
			if f.Weights == Binary && (f.Acts == Sign || f.Acts == U1) {
				kernel = "" // popcount's: see TestDotBits
			}
			for _, k := range some(rng, around(1100, row.run*8/row.bits)) {
				checkDot(t, a, rng, f, k, pattern(rng.IntN(int(patterns))), pattern(rng.IntN(int(patterns))), ends[rng.IntN(2)], kernel)
			}
			for offset := range 64 {
				if scale() == 1 || offset%9 == 0 {
					checkDot(t, a, rng, f, 1+rng.IntN(300), edges, edges, spot{offset%2 == 0, offset}, kernel)
				}
			}
			d, err := NewDot(weights(rng, f.Weights, uniform, 1, 333), f.Acts)
			if err != nil {
				t.Fatal(err)
			}
			x := make([]uint8, 333)
			noAllocs(t, f.String(), func() { d.Run(x) })
		}
	})
}

// TestDotBits tests dot products of packed bits, and the packing.
func TestDotBits(t *testing.T) {
	each(t, bitsTable, func(t *testing.T, row *bitsRow) {
		use(t, row.name())
		rng, a := random(t), newArena(t)
		for _, k := range append([]int{0}, some(rng, around(4200, 64, 256, 512, 2048))...) {
			at := spot{rng.IntN(2) == 0, rng.IntN(2) * 8 * rng.IntN(8)}
			xs, ys := draw(rng, uniform, codes(Sign), k), draw(rng, pattern(rng.IntN(int(patterns))), codes(Sign), k)
			// Only the lowest bit of a code counts.
			for i := range xs {
				xs[i] |= uint8(rng.IntN(128)) << 1
			}
			words := (k + 63) / 64
			c, dst := input(a, "codes", at, xs), place(a, "bits", words, at, randomWords(rng, allMax, words))
			a.run(func() { PackSigns(dst, c) })
			for i := range 64 * words {
				want := uint64(0)
				if i < k {
					want = uint64(xs[i] & 1)
				}
				if dst[i/64]>>(i%64)&1 != want {
					t.Fatalf("k = %d: bit %d is not %d", k, i, want)
				}
			}
			y := make([]uint64, words)
			PackSigns(y, ys)
			y = input(a, "y", at, y)
			got := 0
			a.run(func() { got = DotBinary(dst, y, k) })
			if want := ref.DotBinary(dst, y, k); got != want {
				t.Fatalf("k = %d: got %d, want %d", k, got, want)
			}
		}
		for _, acts := range []ActFormat{Sign, U1} {
			for _, k := range some(rng, around(5000, 64, 2048)) {
				checkDot(t, a, rng, Formats{Binary, acts}, k, pattern(rng.IntN(int(patterns))), pattern(rng.IntN(int(patterns))), ends[rng.IntN(2)], row.name())
			}
			d, err := NewDot(weights(rng, Binary, uniform, 1, 333), acts)
			if err != nil {
				t.Fatal(err)
			}
			x, words := make([]uint8, 333), make([]uint64, 6)
			noAllocs(t, "Dot.Run", func() { d.Run(x) })
			noAllocs(t, "PackSigns, RunBits", func() { PackSigns(words, x); d.RunBits(words) })
		}
	})
}

// TestBitsKernels calls the kernels by themselves, on whole words.
func TestBitsKernels(t *testing.T) {
	eachKernel(t, bitsTable, func(t *testing.T, row *bitsRow, e *emulation) {
		rng, a := random(t), newArena(t)
		// Long ones in which most bits differ, for sums of bytes that overflow.
		lengths := []int{239, 240, 241, 248, 249, 487, 600}
		for words := range 70 {
			lengths = append(lengths, words)
		}
		for _, words := range lengths {
			for _, at := range ends {
				xs, ys := randomWords(rng, uniform, words), randomWords(rng, pattern(rng.IntN(int(patterns))), words)
				if words >= 70 {
					xs, ys = randomWords(rng, allMax, words), randomWords(rng, sparse, words)
				}
				differ := 0
				for i, x := range xs {
					differ += bits.OnesCount64(x ^ ys[i])
				}
				// Codes of which xs are a bit.
				bit := rng.IntN(8)
				cs := draw(rng, uniform, codes(U8), 64*words)
				for i := range cs {
					cs[i] = cs[i]&^(1<<bit) | uint8(xs[i/64]>>(i%64)&1)<<bit
				}
				zeros := make([]uint64, words)
				if e != nil {
					e.add(unsafe.Pointer(&row.xor), differ, []emulatedOperand{in(0, xs, at), in(1, ys, at)}, 0, 0, words)
					e.add(unsafe.Pointer(&row.pack), nil, []emulatedOperand{out(0, zeros, xs, at), in(1, cs, at)}, 0, 0, words, bit)
					continue
				}
				x, y := input(a, "x", at, xs), input(a, "y", at, ys)
				got := 0
				a.run(func() { got = row.xor(unsafe.SliceData(x), unsafe.SliceData(y), uintptr(words)) })
				if got != differ {
					t.Fatalf("%d words: popcount %d, want %d", words, got, differ)
				}
				c, dst := input(a, "codes", at, cs), place(a, "bits", words, at, zeros)
				a.run(func() { row.pack(unsafe.SliceData(dst), unsafe.SliceData(c), uintptr(words), uintptr(bit)) })
				if i := firstDifference(dst, xs); i >= 0 {
					t.Fatalf("%d words: word %d packed as %#x, want %#x", words, i, dst[i], xs[i])
				}
			}
		}
	})
}
