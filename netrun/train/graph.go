package train

import (
	"math"
	"slices"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/nn"
)

// streamUnit is the number of a stream's codes that make 1 of what batch norm
// puts out: 255 of them reach to almost 8 standard deviations.
const streamUnit = 32

// A graph is how a layer hangs together with others.
type graph struct {
	from  *layer // whose output it reads; nil for the images
	short *layer // that its shortcut comes from; nil if there is none
	proj  *layer // the projection of its shortcut; nil for an identity
	of    *layer // the layer that it is the projection of; nil for a layer
	// How many layers read out, or perhaps only the stream.
	readers int
	// Whether it is a convolution that reads the layer before it: then it activates
	// that one's images as it comes to them, while they are near the core.
	activates bool

	stream, dstream []float32 // codes of the stream, and their gradient
	// Whether dout and dstream hold a gradient of the batch at hand yet: then
	// the next one is added.
	wrote, wroteStream bool
	passed             bool      // dout is of the activation's argument already
	steps              []float64 // shards' parts of the gradient of step
}

// connect finds the layers that layer i's block reads, among those before it,
// and makes its projection.
func (l *layer) connect(net *nn.Network, i int, before []*layer, c *Config) {
	if from := net.Source(i); from >= 0 {
		l.from = before[from]
		l.from.readers++
		l.activates = l.Kind == nn.Conv && from == i-1 && l.from.Kind != nn.Mean
	}
	if l.Skip == nil {
		return
	}
	l.short = before[net.SkipSource(i)]
	l.short.readers++
	if l.Skip.Proj != nil {
		p := newLayer(l.Skip.Proj, c, false)
		p.from, p.of, p.step = l.short, l, l.step
		l.proj = p
	}
	if l.codes {
		l.step.value[0] *= float32(math.Sqrt(l.power()))
	}
}

// power is the mean square that the sums of a low-bit layer and its shortcut
// come to before they are rectified, as far as batch norm's parameters tell: a
// rectified value has half the square of what it was.
func (l *layer) power() float64 {
	var p float64
	for c := range l.Out {
		g, b := float64(l.gamma.value[c]), float64(l.beta.value[c])
		p += float64(g*g) + float64(b*b)
	}
	p /= float64(l.Out)
	switch {
	case l.proj != nil:
		p += l.proj.power()
	case l.short != nil && l.short.Kind != nn.Mean:
		p += l.short.power() / 2
	}
	return p
}

// joined says whether the layer has a shortcut or a stream: then what becomes of
// its sums is said here.
func (l *layer) joined() bool { return l.short != nil || l.Stream }

// streamScale and skipScale are those of nn.Block and nn.Skip.
func (l *layer) streamScale() float32 { return l.step.value[0] * streamUnit }

func (l *layer) skipScale() float32 {
	if !l.codes {
		return 1
	}
	return 1.0 / streamUnit / l.step.value[0]
}

// identity returns what an identity shortcut reads of the layer, and where its
// gradient goes.
func (l *layer) identity() (value, grad []float32, wrote *bool) {
	if !l.codes {
		return l.out, l.dout, &l.wrote
	}
	return l.stream, l.dstream, &l.wroteStream
}

// joinedElements is the number of sums that a joined layer's steps take at a time:
// as few as stay in the L1 cache from one step to the next.
const joinedElements = 1 << 11

// parts calls f for the rows of images lo to hi, some at a time, as elements at to
// end.
func (l *layer) parts(lo, hi int, f func(at, end int)) {
	size := l.sum * l.Out
	step := max(1, joinedElements/l.Out) * l.Out
	for at := lo * size; at < hi*size; at += step {
		f(at, min(at+step, hi*size))
	}
}

// A joiner is one goroutine's memory for the steps of joined layers: of a part's
// elements, and of channels.
type joiner struct {
	v                    []float32
	uniform, zeros, ones []float32
	centres              []float32 // of inside
	sum, dot             []float64
}

// newJoiner makes memory for layers of up to width channels.
func newJoiner(width int) *joiner {
	part := max(joinedElements, width)
	return &joiner{
		v:       make([]float32, part),
		uniform: make([]float32, width), centres: make([]float32, width), zeros: make([]float32, width), ones: slices.Repeat([]float32{1}, width),
		sum: make([]float64, width), dot: make([]float64, width),
	}
}

// same returns n times x, until the next call.
func (j *joiner) same(x float32, n int) []float32 {
	for i := range n {
		j.uniform[i] = x
	}
	return j.uniform[:n]
}

// arguments sets v to what the activation is of, for the rows of sums from at on:
// each operation is rounded by itself, as in nn.
func (l *layer) arguments(v []float32, j *joiner, at int) {
	y := l.y[at:][:len(v)]
	switch {
	case l.proj != nil:
		p := l.proj
		kernels.AffineSum(v, y, l.scale, l.bias, p.y[at:][:len(v)], p.scale, p.bias)
	case l.short != nil:
		r, _, _ := l.short.identity()
		kernels.AffineSum(v, y, l.scale, l.bias, r[at:][:len(v)], j.same(l.skipScale(), l.Out), j.zeros[:l.Out])
	default:
		kernels.AffineOf(v, y, l.scale, l.bias)
	}
}

// activateJoined sets elements at to end of out, and of the stream, of a layer with a
// shortcut or a stream.
func (l *layer) activateJoined(j *joiner, at, end int) {
	zeros, ones, out := j.zeros[:l.Out], j.ones[:l.Out], l.out[at:end]
	l.arguments(out, j, at)
	if !l.codes {
		kernels.Affine(out, ones, zeros, true)
		return
	}
	if l.Stream {
		kernels.Codes(l.stream[at:end], out, j.same(l.streamScale(), l.Out), zeros, 255, 1, 0)
	}
	kernels.Codes(out, out, ones, zeros, float32(l.top), l.gain, 1-l.gain) // sign: 0 and 1 mean -1 and +1
}

// joinedGradient turns elements at to end of dout of a layer with a shortcut or a
// stream from the gradient of out into that of the activation's argument, and passes it
// on to the shortcut. It adds them to the sums of shard s for the batch norms.
func (t *Trainer) joinedGradient(l *layer, s, at, end int, j *joiner) {
	infinite := float32(math.Inf(1))
	v, d := j.v[:end-at], l.dout[at:end]
	l.arguments(v, j, at)
	l.steps[s] += t.insideWindow(l, d, v, j)
	if l.Stream {
		g, scale := l.dstream[at:end], l.streamScale()
		sum, _ := j.inside(g, v, j.same(scale, l.Out), 0, 0, 255, scale)
		l.steps[s] -= sum * float64(l.offset) // which step does not scale
		kernels.AddTo(d, g)
	}
	l.gradientSums(s, at, end, -infinite, infinite, 1)
	if l.proj != nil {
		copy(l.proj.dout[at:end], d)
		l.proj.gradientSums(s, at, end, -infinite, infinite, 1)
	} else if l.short != nil {
		l.shortcutGradient(d, j, at)
	}
}

// insideWindow multiplies d by the pseudo-derivative of the activation of
// v, and returns the sum of the products with v-offset.
func (t *Trainer) insideWindow(l *layer, d, v []float32, j *joiner) (dot float64) {
	window := t.cfg.window()
	switch {
	case !l.codes:
		_, dot = j.inside(d, v, j.ones[:l.Out], 0, math.SmallestNonzeroFloat32, math.MaxFloat32, 1)
	case window.Joined():
		_, dot = j.inside(d, v, j.ones[:l.Out], l.offset, 0, float32(l.top), l.gain)
	default:
		kernels.Slopes(d, v, j.ones[:l.Out], j.zeros[:l.Out], float32(l.top), window.Kernel())
		infinite := float32(math.Inf(1))
		_, dot = j.inside(d, v, j.ones[:l.Out], l.offset, -infinite, infinite, l.gain)
	}
	return dot
}

// inside multiplies d by gain where v*scale is from low to high, and by 0
// elsewhere. It returns the sum of d, and that of its products with v-centre.
func (j *joiner) inside(d, v, scale []float32, centre, low, high, gain float32) (sum, dot float64) {
	n := len(scale)
	zeros, ones := j.zeros[:n], j.ones[:n]
	clear(j.sum[:n])
	clear(j.dot[:n])
	centres := j.centres[:n]
	for c := range centres {
		centres[c] = centre
	}
	kernels.GradientSums(j.sum[:n], j.dot[:n], d, v, kernels.Norm{Scale: scale, Bias: zeros, Centre: centres, InvStd: ones}, low, high, gain)
	for c := range n {
		sum += j.sum[c]
		dot += j.dot[c]
	}
	return sum, dot
}

// shortcutGradient passes the gradient d of the arguments from at on to the
// identity shortcut.
func (l *layer) shortcutGradient(d []float32, j *joiner, at int) {
	_, grad, wrote := l.short.identity()
	grad = grad[at:][:len(d)]
	scale, zeros := j.same(l.skipScale(), l.Out), j.zeros[:l.Out]
	if *wrote {
		kernels.AffineSum(grad, grad, j.ones[:l.Out], zeros, d, scale, zeros)
	} else {
		kernels.AffineOf(grad, d, scale, zeros)
	}
}

// stepGradient is the gradient of step of a joined layer: its argument is
// linear in 1/step, but for the offset, and what the stream puts out does not
// depend on it.
func (l *layer) stepGradient(n int) float32 {
	sum := 0.0
	for _, d := range l.steps[:blocks(n, shard)] {
		sum += d
	}
	return float32(-sum) / l.step.value[0]
}

// meanScale makes means of sums over all positions.
func (l *layer) meanScale() float32 { return 1 / float32(l.In.H*l.In.W) }

// average is the forward pass of a mean layer: the mean of codes is rounded to
// a code, that of floats is not.
func (t *Trainer) average(l *layer, n int) {
	size, scale := l.In.Size(), l.meanScale()
	t.shards(n, func(_, lo, hi, worker int) {
		for i := lo; i < hi; i++ {
			x, out := l.in[i*size:][:size], l.out[i*l.Out:][:l.Out]
			clear(out)
			for ; len(x) > 0; x = x[l.Out:] {
				kernels.AddTo(out, x[:l.Out])
			}
			for c, v := range out {
				out[c] = v * scale
			}
			if l.OutAct != kernels.F32 {
				j := t.scratch[worker].joiner
				kernels.Codes(out, out, j.ones[:l.Out], j.zeros[:l.Out], float32(l.top), 1, 0)
			}
		}
	})
}

// averageGradient spreads dout over the positions, straight through the
// rounding: the mean of codes is never outside their range.
func (t *Trainer) averageGradient(l *layer, n int) {
	size, scale := l.In.Size(), l.meanScale()
	din, add := l.inputGradient()
	t.shards(n, func(_, lo, hi, worker int) {
		share := t.scratch[worker].joiner.v[:l.Out]
		for i := lo; i < hi; i++ {
			for c, g := range l.dout[i*l.Out:][:l.Out] {
				share[c] = g * scale
			}
			for d := din[i*size:][:size]; len(d) > 0; d = d[l.Out:] {
				if add {
					kernels.AddTo(d[:l.Out], share)
				} else {
					copy(d, share)
				}
			}
		}
	})
}

// inputGradient returns where the gradient of the layer's input goes, nil for
// the images, and whether it is added to what is there.
func (l *layer) inputGradient() (din []float32, add bool) {
	if l.from == nil {
		return nil, false
	}
	add = l.from.wrote
	l.from.wrote = true
	return l.from.dout, add
}
