package data

// Made returns n images of noise, always the same for a shape, where there are none
// to read: for times and for what does not depend on what a picture shows. All
// labels are 0.
func Made(n, h, w, c int) *Images {
	im := &Images{N: n, H: h, W: w, C: c}
	im.Pixels, im.Labels = make([]uint8, n*im.Size()), make([]uint8, n)
	state := uint32(1)
	for i := range im.Pixels {
		state = state*1664525 + 1013904223 // Numerical Recipes' generator
		im.Pixels[i] = uint8(state >> 24)
	}
	return im
}
