package kernels

import "fmt"

// A residualFunc is a kernel from sums to codes: see Residual. codes, proj and stream may
// be nil, and so may what goes with them.
type residualFunc[S sum] = func(dst, stream *byte, sums *S, rows, stride uintptr, scale, bias *float32,
	codes *byte, skip float32, proj *S, projScale, projBias *float32, gain float32, top, cols uintptr)

// A sum is what products are held in.
type sum interface{ int16 | int32 | float32 }

// ResidualParameters say how a Residual turns sums into codes.
type ResidualParameters struct {
	Scale, Bias []float32 // of the sums of each channel
	Top         uint8     // the largest code
	// What a shortcut adds: SkipScale for each unit of an identity's codes, or
	// the affine step of the sums of a projection, whose slices are nil if there is none.
	SkipScale                 float32
	ProjectScale, ProjectBias []float32
	StreamScale               float32 // of the stream
}

// A Residual turns the sums of a layer and what a shortcut adds into codes, and into those
// of the stream that later shortcuts read. It is safe for use by many goroutines.
type Residual struct {
	row *epilogueRow
	p   ResidualParameters
}

// NewResidual plans the step that computes, for a sum of channel c,
//
//	v = sum*Scale[c] + Bias[c]
//	v += code*SkipScale                              for an identity
//	v += projected*ProjectScale[c] + ProjectBias[c]  for a projection
//	output = v, stream = v*StreamScale
//
// each operation rounded to float32 by itself, so that every CPU gives the same bits, and
// then rounds output and stream to the nearest whole number, halves up (by the floor of
// what 0.5 more is in float32), clipped to [0, Top] and [0, 255]; NaN gives 0. The slices
// may be changed afterwards.
func NewResidual(p ResidualParameters) (*Residual, error) {
	c := len(p.Scale)
	if c == 0 || len(p.Bias) != c {
		return nil, fmt.Errorf("kernels: NewResidual: len(Scale) = %d, len(Bias) = %d: want as many, at least one", c, len(p.Bias))
	}
	if n, m := len(p.ProjectScale), len(p.ProjectBias); n != m || n > 0 && n != c {
		return nil, fmt.Errorf("kernels: NewResidual: len(ProjectScale) = %d, len(ProjectBias) = %d: want %d as len(Scale), or 0", n, m, c)
	}
	for _, s := range []*[]float32{&p.Scale, &p.Bias, &p.ProjectScale, &p.ProjectBias} {
		*s = append([]float32(nil), *s...)
	}
	return &Residual{current.Load().epilogue, p}, nil
}

// Kernel is the name of the kernel that was chosen.
func (r *Residual) Kernel() string { return r.row.name() }

// Bytes is the memory that the parameters take.
func (r *Residual) Bytes() int {
	return 4 * (len(r.p.Scale) + len(r.p.Bias) + len(r.p.ProjectScale) + len(r.p.ProjectBias))
}

// Run sets dst to the outputs and, if it is not nil, stream to the stream's codes. codes
// are an identity's, and projected a projection's sums; either or both may be nil, and the
// step without them is taken. All that are not nil hold the same whole rows of one number a
// channel. stream may be codes: what is written has been read. It does not allocate, and
// panics if a length differs.
func (r *Residual) Run(dst, stream []uint8, sums []int32, codes []uint8, projected []int32) {
	runResidual(r, r.row.residualI32, portableEpilogue[0].residualI32, dst, stream, sums, codes, projected)
}

// RunInt16 is Run for sums of 16 bits.
func (r *Residual) RunInt16(dst, stream []uint8, sums []int16, codes []uint8, projected []int16) {
	runResidual(r, r.row.residualI16, portableEpilogue[0].residualI16, dst, stream, sums, codes, projected)
}

// RunFloat32 is Run for sums in float32.
func (r *Residual) RunFloat32(dst, stream []uint8, sums []float32, codes []uint8, projected []float32) {
	runResidual(r, r.row.residualF32, portableEpilogue[0].residualF32, dst, stream, sums, codes, projected)
}

func runResidual[S sum](r *Residual, kernel, rest residualFunc[S], dst, stream []uint8, sums []S, codes []uint8, projected []S) {
	c := len(r.p.Scale)
	rows := wholeRows("Residual.Run", len(dst), len(sums), c)
	if stream != nil {
		want("Residual.Run", "stream", len(stream), len(sums))
	}
	if codes != nil {
		want("Residual.Run", "codes", len(codes), len(sums))
	}
	if projected != nil {
		want("Residual.Run", "projected", len(projected), len(sums))
		want("Residual.Run", "ProjectScale", len(r.p.ProjectScale), c)
	}
	p, wide := &r.p, c&^7
	for row, n := range spans(rows, c) {
		columns := func(f residualFunc[S], from, cols int) {
			if cols > 0 {
				i := row*c + from
				f(&dst[i], pointer(stream, i), &sums[i], uintptr(n), uintptr(c), &p.Scale[from], &p.Bias[from], pointer(codes, i), p.SkipScale,
					pointer(projected, i), pointer(p.ProjectScale, from), pointer(p.ProjectBias, from), p.StreamScale, uintptr(p.Top), uintptr(cols))
			}
		}
		columns(kernel, 0, wide)
		columns(rest, wide, c-wide)
	}
}

// pointer is that to s[i], nil if s is.
func pointer[T any](s []T, i int) *T {
	if s == nil {
		return nil
	}
	return &s[i]
}

// An AffineCodes turns sums into codes by their scale and bias: a Residual without a
// shortcut and a stream. It is safe for use by many goroutines.
type AffineCodes struct{ residual *Residual }

// NewAffineCodes plans the step whose code for a sum of channel c is sum*scale[c] + bias[c],
// each operation rounded to float32 by itself, rounded to the nearest of 0 ... top as
// NewResidual says. The slices may be changed afterwards.
func NewAffineCodes(scale, bias []float32, top uint8) (*AffineCodes, error) {
	if len(scale) == 0 || len(scale) != len(bias) {
		return nil, fmt.Errorf("kernels: NewAffineCodes: len(scale) = %d, len(bias) = %d: want as many, at least one", len(scale), len(bias))
	}
	r, err := NewResidual(ResidualParameters{Scale: scale, Bias: bias, Top: top})
	return &AffineCodes{r}, err
}

// Kernel is the name of the kernel that was chosen.
func (q *AffineCodes) Kernel() string { return q.residual.Kernel() }

// Bytes is the memory that the parameters take.
func (q *AffineCodes) Bytes() int { return q.residual.Bytes() }

// Run sets dst[r][c] to the code of sums[r][c]. Both hold whole rows of one sum or code a
// channel. It does not allocate, and panics if the lengths differ or are not whole rows.
func (q *AffineCodes) Run(dst []uint8, sums []int32) { q.residual.Run(dst, nil, sums, nil, nil) }

// RunInt16 is Run for sums of 16 bits.
func (q *AffineCodes) RunInt16(dst []uint8, sums []int16) {
	q.residual.RunInt16(dst, nil, sums, nil, nil)
}

// RunFloat32 is Run for sums in float32.
func (q *AffineCodes) RunFloat32(dst []uint8, sums []float32) {
	q.residual.RunFloat32(dst, nil, sums, nil, nil)
}
