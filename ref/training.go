package ref

// ConvTraining sets y to the convolution of so many images x with w, dx to the
// gradient of x, and adds to dw, ordered [KH*KW*InC][OutC], that of w, for the
// gradient dy of y. Pixels outside an image have the value pad. Each product is
// added to its sum at once: exact for whole numbers.
func ConvTraining(y, dx, dw, x, w, dy []float32, images int, pad float32, s ConvShape) {
	clear(y)
	clear(dx)
	k := s.KH * s.KW * s.InC
	in, positions := s.H*s.W*s.InC, s.OutH()*s.OutW()
	for n := range images {
		for p := range positions {
			for i := range k {
				at := s.at(p/s.OutW(), p%s.OutW(), i/s.InC/s.KW, i/s.InC%s.KW, i%s.InC)
				v := pad
				if at >= 0 {
					v = x[n*in+at]
				}
				for o := range s.OutC {
					j := (n*positions+p)*s.OutC + o
					y[j] += float32(v * w[o*k+i])
					dw[i*s.OutC+o] += float32(v * dy[j])
					if at >= 0 {
						dx[n*in+at] += float32(w[o*k+i] * dy[j])
					}
				}
			}
		}
	}
}
