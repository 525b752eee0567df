package portable

import (
	"math"
	"unsafe"
)

// Numbers kept in bytes in training. The bits are those of other kernels.

func splitMix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

const splitMixStep = 0x9e3779b97f4a7c15

// Largest returns the largest bits of a number without its sign.
func Largest(x *float32, n uintptr) (top uint32) {
	for _, v := range floats(x, 0, n) {
		top = max(top, math.Float32bits(v)&^(1<<31))
	}
	return top
}

// LoadEight sets dst to what codes with the base stand for.
func LoadEight(dst *float32, codes *byte, n uintptr, base, mask uint32) {
	d := floats(dst, 0, n)
	for i, code := range unsafe.Slice(codes, n) {
		d[i] = 0
		if m := uint32(code) & mask; m != 0 {
			d[i] = math.Float32frombits((base+m)<<20 | (uint32(code)-m)<<24)
		}
	}
}

// StoreEight sets codes to those of x, rounded by the numbers of SplitMix64 from state
// on, each of which serves two.
func StoreEight(codes *byte, x *float32, n uintptr, base, mask uint32, spread float32, state uint64) {
	to, least := unsafe.Slice(codes, n), (base+1)<<20
	smallest := math.Float32frombits(least)
	for i, v := range floats(x, 0, n) {
		random := uint32(splitMix(state+uint64(i/2)*splitMixStep)>>(i%2*32)) >> 12
		bits := math.Float32bits(v)
		code := bits >> 31 << 7 &^ mask
		bits &^= 1 << 31
		if bits >= least {
			code |= (bits+random)>>20 - base
		} else if float32(float32(float32(random)*spread)*smallest) < math.Float32frombits(bits) {
			code |= 1
		}
		to[i] = byte(code)
	}
}

// Nearest sets dst to the whole numbers from -top to top that are nearest to src.
func Nearest(dst, src *float32, n uintptr, top float32) {
	d := floats(dst, 0, n)
	for i, v := range floats(src, 0, n) {
		if !(v > -top) {
			v = -top
		}
		if v > top {
			v = top
		}
		whole := float32(math.Floor(float64(v)))
		if v-whole >= 0.5 {
			whole++
		}
		d[i] = whole
	}
}

// Bytes sets dst to (src + shift) / divisor.
func Bytes(dst *float32, src *byte, n uintptr, shift, divisor float32) {
	d := floats(dst, 0, n)
	for i, v := range unsafe.Slice(src, n) {
		d[i] = (float32(v) + shift) / divisor
	}
}

// Slopes multiplies d by the windows around the steps at 0.5, 1.5 … top-0.5 of
// x*scale + bias.
func Slopes(d, x *float32, rows, stride uintptr, scale, bias *float32, top, half, peak, fall float32, steps, cols uintptr) {
	s, b := floats(scale, 0, cols), floats(bias, 0, cols)
	for r := range rows {
		g := floats(d, r*stride, cols)
		for c, v := range floats(x, r*stride, cols) {
			v = float32(v*s[c]) + b[c]
			at, slope := float32(math.Ceil(float64(v-half+0.5))), float32(0)
			for range steps {
				distance := float32(math.Abs(float64(v - (at - 0.5))))
				if distance <= half && 1 <= at && at <= top {
					slope += peak - float32(fall*distance)
				}
				at++
			}
			g[c] *= slope
		}
	}
}

// MovesWhole is Moves for levels 0 … last with the same gap between all.
func MovesWhole(mask, levels *byte, d *float32, n uintptr, state uint64, last uint32, gap, slack, bound float32) {
	to, ds := unsafe.Slice(mask, (n+7)/8), floats(d, 0, n)
	clear(to)
	for i, level := range unsafe.Slice(levels, n) {
		u := float32(splitMix(state+uint64(i)*splitMixStep)>>40) * 0x1p-24
		bits := math.Float32bits(ds[i])
		size := math.Float32frombits(bits &^ (1 << 31))
		end := last
		if bits>>31 != 0 {
			end = 0
		}
		far := gap
		if uint32(level) == end {
			far = 0
		}
		if !(size < far && float32((size+slack)*bound) < float32(u*far)) {
			to[i/8] |= 1 << (i % 8)
		}
	}
}
