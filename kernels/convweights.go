package kernels

import "fmt"

// A ConvWeights holds the weights of a convolution as one of its ConvTraining's methods
// multiplies by them: packed, or transformed. The zero value is ready for Pack methods,
// which allocate what memory it lacks and a few words for their tasks; it may go from
// one convolution to the next.
// Once packed, any number of goroutines may use it.
type ConvWeights struct {
	of     *ConvTraining
	inputs bool
	data   []float32
}

// Bytes is the memory that it takes.
func (p *ConvWeights) Bytes() int { return 4 * len(p.data) }

// A packing makes a ConvWeights of so many floats by independent tasks.
type packing struct {
	floats, tasks int
	task          func(ws *trainingWorkspace, dst, w []float32, i int)
}

// PackForward sets p to the weights w, ordered [OutC][KH][KW][InC], as Forward takes
// them. It calls run once, which shall call task for 0 to tasks-1, in any order and on
// any goroutines, and return when all are done; nil runs them on the calling goroutine.
// No result depends on it. It panics if a length is not as the shape says.
func (t *ConvTraining) PackForward(p *ConvWeights, w []float32, run func(tasks int, task func(i int))) {
	s, nr := &t.shape, t.row.nr
	panels := ceilDiv(s.OutC, nr)
	switch {
	case !t.exact && t.conv5():
		t.pack(p, false, w, packing{conv5Points * t.conv5Panels(), panels, t.conv5PackForward}, run)
	case t.forward != nil:
		t.pack(p, false, w, packing{t.forward.uFreq * t.forward.frequencies(), panels, func(ws *trainingWorkspace, dst, w []float32, i int) {
			t.forward.pack(ws, dst, i*nr, func(tap int) Matrix {
				return Matrix{Data: w[tap*s.InC:], Rows: s.InC, Cols: s.OutC, RowStride: 1, ColStride: s.K()}
			})
		}}, run)
	default:
		t.pack(p, false, w, packing{panels * nr * s.K(), panels, t.packDirect}, run)
	}
}

// PackInputs is PackForward for Inputs.
func (t *ConvTraining) PackInputs(p *ConvWeights, w []float32, run func(tasks int, task func(i int))) {
	s, nr := &t.shape, t.row.nr
	panels := ceilDiv(s.InC, nr)
	floats := s.KH * s.KW * s.OutC * panels * nr
	switch {
	case t.conv5():
		weights := points{nil, s.OutC, s.InC, nr}
		t.pack(p, true, w, packing{conv5Points * weights.floats(), ceilDiv(s.OutC, nr), t.conv5PackInputs}, run)
	case t.inputs != nil:
		t.pack(p, true, w, packing{t.inputs.uFreq * t.inputs.frequencies(), panels, func(ws *trainingWorkspace, dst, w []float32, i int) {
			t.inputs.pack(ws, dst, i*nr, func(tap int) Matrix { return t.tap(w, 8-tap) })
		}}, run)
	case t.dy != nil:
		t.pack(p, true, w, packing{floats, panels, t.packFlipped}, run)
	default:
		t.pack(p, true, w, packing{floats, panels, t.packTaps}, run)
	}
}

func (t *ConvTraining) pack(p *ConvWeights, inputs bool, w []float32, how packing, run func(tasks int, task func(i int))) {
	if len(w) != t.shape.OutC*t.shape.K() {
		panic(fmt.Sprintf("kernels: ConvTraining: %d weights to pack: want %d*%d", len(w), t.shape.OutC, t.shape.K()))
	}
	p.of, p.inputs = t, inputs
	dst := grow(&p.data, how.floats)
	task := func(i int) {
		ws := t.pool.Get().(*trainingWorkspace)
		how.task(ws, dst, w, i)
		t.pool.Put(ws)
	}
	if run != nil {
		run(how.tasks, task)
		return
	}
	for i := range how.tasks {
		task(i)
	}
}

// tap is the matrix [OutC][InC] of a tap's weights.
func (t *ConvTraining) tap(w []float32, tap int) Matrix {
	s := &t.shape
	return Matrix{Data: w[tap*s.InC:], Rows: s.OutC, Cols: s.InC, RowStride: s.K(), ColStride: 1}
}

// packDirect packs a panel of outputs, block by block of the reduction.
func (t *ConvTraining) packDirect(_ *trainingWorkspace, b, w []float32, i int) {
	s, nr := &t.shape, t.row.nr
	k, j, width := s.K(), i*nr, ceilDiv(s.OutC, nr)*nr
	m := RowMajor(w, s.OutC, k).T()
	for k0, kc := 0, 0; k0 < k; k0 += kc {
		kc = blockSize(k-k0, trainingKC, 1)
		t.row.packF32Panels(b[width*k0+j*kc:], m.view(k0, j, kc, min(nr, s.OutC-j)))
	}
}

// packFlipped packs a panel of the convolution from dy to dx: the taps in the opposite
// order, outputs and inputs exchanged. A block of the reduction may begin and end
// within a tap.
func (t *ConvTraining) packFlipped(_ *trainingWorkspace, b, w []float32, i int) {
	s, nr := &t.shape, t.row.nr
	taps, j, width := s.KH*s.KW, i*nr, ceilDiv(s.InC, nr)*nr
	k := taps * s.OutC
	for k0, kc := 0, 0; k0 < k; k0 += kc {
		kc = blockSize(k-k0, trainingKC, 1)
		panel := b[width*k0+j*kc:]
		for at := k0; at < k0+kc; {
			tap, o := at/s.OutC, at%s.OutC
			n := min(s.OutC-o, k0+kc-at)
			t.row.packF32Panels(panel[(at-k0)*nr:], t.tap(w, taps-1-tap).view(o, j, n, min(nr, s.InC-j)))
			at += n
		}
	}
}

// packTaps packs a panel of inputs, tap by tap.
func (t *ConvTraining) packTaps(_ *trainingWorkspace, b, w []float32, i int) {
	s, nr := &t.shape, t.row.nr
	j, width := i*nr, ceilDiv(s.InC, nr)*nr
	for tap := range s.KH * s.KW {
		t.row.packF32Panels(b[tap*s.OutC*width+j*s.OutC:], t.tap(w, tap).view(0, j, s.OutC, min(nr, s.InC-j)))
	}
}

// pack transforms a panel at column j. of is the matrix [c][n] of the weights of a tap.
func (p *winograd) pack(ws *trainingWorkspace, u []float32, j int, of func(tap int) Matrix) {
	nr := p.row.nr
	size := p.c * nr
	taps := grow(&ws.b, 9*size)
	for tap := range 9 {
		p.row.packF32Panels(taps[tap*size:], of(tap).view(0, j, p.c, min(nr, p.n-j)))
	}
	scratch := grow(&ws.line, 8*(p.m+2)*(p.m*p.tiles+2))
	p.row.winograd.weights[p.m](&u[j*p.c], uintptr(4*p.uFreq), &taps[0], uintptr(4*size), uintptr(size), &scratch[0])
}

// conv5Panels is the distance of points of weights packed for Forward.
func (t *ConvTraining) conv5Panels() int {
	return oddLines(ceilDiv(t.shape.OutC, t.row.nr) * t.row.nr * t.shape.InC)
}

// conv5PackForward transforms a panel of outputs.
func (t *ConvTraining) conv5PackForward(ws *trainingWorkspace, b, w []float32, i int) {
	s, r := &t.shape, t.row
	o, size := i*r.nr, 25*s.InC
	n := min(r.nr, s.OutC-o)
	weights := newPoints(&ws.u, n, s.InC, 0)
	for at := range n {
		weights.set(r.conv5.weights, at, w[(o+at)*size:], 5*s.InC, s.InC, &ws.scratch[0])
	}
	panels := t.conv5Panels()
	for k := range conv5Points {
		r.packF32Panels(b[k*panels+o*s.InC:], weights.matrix(k).T())
	}
}

// conv5PackInputs transforms the weights of as many outputs as a panel has columns.
func (t *ConvTraining) conv5PackInputs(ws *trainingWorkspace, b, w []float32, i int) {
	s, nr := &t.shape, t.row.nr
	weights := points{b, s.OutC, s.InC, nr}
	for o := i * nr; o < min((i+1)*nr, s.OutC); o++ {
		weights.set(t.row.conv5.weights, o, w[o*25*s.InC:], 5*s.InC, s.InC, &ws.scratch[0])
	}
}
