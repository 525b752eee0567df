package portable

// Residual sets dst to the codes, at most top, of sums*scale + bias plus codes*skip if
// codes is not nil and proj*projScale + projBias if proj is not, and stream, if it is not
// nil, to the codes of that times gain: for the first cols columns of rows that lie
// stride elements apart. The conversions keep the compiler from fusing operations.
func Residual[S int16 | int32 | float32](dst, stream *byte, sums *S, rows, stride uintptr, scale, bias *float32, codes *byte, skip float32, proj *S, projScale, projBias *float32, gain float32, top, cols uintptr) {
	s, b := from(scale, 0, cols), from(bias, 0, cols)
	var v [64]float32
	for r := range rows {
		for at := uintptr(0); at < cols; at += uintptr(len(v)) {
			i, n := r*stride+at, min(cols-at, uintptr(len(v)))
			v := v[:n]
			s, b := s[at:][:n], b[at:][:n]
			for c, y := range from(sums, i, n) {
				v[c] = float32(float32(y)*s[c]) + b[c]
			}
			if codes != nil {
				for c, u := range from(codes, i, n) {
					v[c] += float32(float32(u) * skip)
				}
			}
			if proj != nil {
				s, b := from(projScale, at, n), from(projBias, at, n)
				for c, y := range from(proj, i, n) {
					v[c] += float32(float32(y)*s[c]) + b[c]
				}
			}
			d := from(dst, i, n)
			for c, x := range v {
				d[c] = code(x, float32(top))
			}
			if stream != nil {
				d := from(stream, i, n)
				for c, x := range v {
					d[c] = code(float32(x*gain), 255)
				}
			}
		}
	}
}

// code is v rounded to the nearest of 0 ... top, halves up; 0 for NaN.
func code(v, top float32) byte {
	v += 0.5
	if !(v > 0) {
		v = 0
	}
	return byte(int32(min(v, top)))
}

// ChannelSums adds to dst the first cols columns of rows that lie stride elements
// apart, in the order of the rows.
func ChannelSums[X byte | float32, Y int32 | float32](dst *Y, x *X, rows, stride, cols uintptr) {
	d := from(dst, 0, cols)
	for r := range rows {
		for c, v := range from(x, r*stride, cols) {
			d[c] += Y(v)
		}
	}
}
