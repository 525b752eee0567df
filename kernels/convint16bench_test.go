package kernels

import (
	"fmt"
	"testing"
)

// BenchmarkConv2DInt16 has layers of networks. GMAC/s are those of the direct
// convolution, whatever the kernel does.
func BenchmarkConv2DInt16(b *testing.B) {
	shape := func(side, in, out, window, pad int) ConvShape {
		return ConvShape{H: side, W: side, InC: in, OutC: out, KH: window, KW: window, StrideH: 1, StrideW: 1, PadH: pad, PadW: pad}
	}
	for _, f := range []Formats{{Ternary, U2}, {Binary, U1}, {Pow2x4, U4}} {
		for _, s := range []ConvShape{shape(28, 1, 32, 5, 0), shape(32, 3, 16, 3, 1), shape(12, 32, 64, 5, 0), shape(32, 16, 16, 3, 1), shape(16, 32, 32, 3, 1), shape(8, 64, 64, 3, 1),
			shape(32, 128, 128, 3, 1), shape(16, 256, 256, 3, 1), shape(8, 512, 512, 3, 1)} {
			for _, row := range convInt16Table {
				if row.isa == "portable" || len(missing(row.features)) > 0 {
					continue
				}
				for _, images := range []int{1, 4} {
					b.Run(fmt.Sprintf("w=%v/a=%v/impl=%s/shape=%dx%dx%d-%d-%d/images=%d", f.Weights, f.Acts, row.name(), s.H, s.W, s.InC, s.KH, s.OutC, images), func(b *testing.B) {
						use(b, row.name())
						w := weights(random(b), f.Weights, uniform, s.OutC, s.K())
						p, err := NewConv2DInt16(w, s, f.Acts, Options{})
						if err != nil {
							b.Skip(err)
						}
						if p.row != row {
							b.Skip("not taken")
						}
						dst, x := make([]int16, images*s.OutH()*s.OutW()*s.OutC), draw(random(b), uniform, codes(f.Acts), images*s.H*s.W*s.InC)
						for b.Loop() {
							p.Run(dst, x, images)
						}
						perImage := float64(b.Elapsed().Nanoseconds()) / float64(b.N*images)
						b.ReportMetric(float64(s.MACs())/perImage, "GMAC/s")
						b.ReportMetric(perImage/1000, "µs/image")
					})
				}
			}
		}
	}
}
