package train

import (
	"math"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/nn"
	"example.com/lowbit/netrun/quant"
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

	stream, dstream []float32 // codes of the stream, and their gradient
	// Whether dout and dstream hold a gradient of the batch at hand yet: then
	// the next one is added.
	wrote, wroteStream bool
	steps              []float64 // shards' parts of the gradient of step
}

// connect finds the layers that layer i's block reads, among those before it,
// and makes its projection.
func (l *layer) connect(net *nn.Network, i int, before []*layer, c *Config) {
	if from := net.Source(i); from >= 0 {
		l.from = before[from]
		l.from.readers++
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
	if l.grid != nil {
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

func (l *layer) skipScale() float32 { return 1.0 / streamUnit / l.step.value[0] }

// identity returns what an identity shortcut reads of the layer, and where its
// gradient goes.
func (l *layer) identity() (value, grad []float32, wrote *bool) {
	if l.grid == nil {
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

// arguments sets v to what the activation is of, for the rows of sums from at on:
// each operation is rounded by itself, as in nn. Memory of the same length is made
// use of.
func (l *layer) arguments(v, memory []float32, at int) {
	copy(v, l.y[at:])
	kernels.Affine(v, l.scale, l.bias, false)
	memory = memory[:len(v)]
	switch {
	case l.proj != nil:
		p := l.proj
		copy(memory, p.y[at:])
		kernels.Affine(memory, p.scale, p.bias, false)
		for i, u := range memory {
			v[i] += u
		}
	case l.short != nil:
		r, _, _ := l.short.identity()
		r = r[at:][:len(v)]
		if l.grid == nil {
			for i, u := range r {
				v[i] += u
			}
			return
		}
		scale := l.skipScale()
		for i, u := range r {
			v[i] += float32(u * scale)
		}
	}
}

// activateJoined sets out, and the stream, of a layer with a shortcut or a
// stream.
func (t *Trainer) activateJoined(l *layer, n int) {
	t.shards(n, func(_, lo, hi, worker int) {
		l.parts(lo, hi, func(at, end int) {
			out := l.out[at:end]
			l.arguments(out, t.scratch[worker].memory, at)
			if l.grid == nil {
				for i, v := range out {
					out[i] = max(v, 0)
				}
				return
			}
			if l.Stream {
				round(l.stream[at:end], out, l.streamScale(), 255)
			}
			round(out, out, 1, int32(l.top))
			if l.gain != 1 { // sign: 0 and 1 mean -1 and +1
				for i, v := range out {
					out[i] = 2*v - 1
				}
			}
		})
	})
}

// round is quant.Round of x*scale, without branches: see codes. dst may be x.
func round(dst, x []float32, scale float32, top int32) {
	dst = dst[:len(x)]
	for i, v := range x {
		v = float32(v*scale) + 0.5
		if v >= 1<<30 { // past int32, perhaps
			v = 1 << 30
		}
		dst[i] = float32(min(max(int32(v), 0), top))
	}
}

// joinedGradient turns dout of a layer with a shortcut or a stream from the
// gradient of out into that of the activation's argument, and passes it on to
// the shortcut.
func (t *Trainer) joinedGradient(l *layer, n int) {
	window := t.cfg.window()
	t.shards(n, func(s, lo, hi, worker int) {
		dstep := 0.0
		l.parts(lo, hi, func(at, end int) {
			v, d := t.scratch[worker].arguments[:end-at], l.dout[at:end]
			l.arguments(v, t.scratch[worker].memory, at)
			if l.grid == nil {
				inside(d, v, math.SmallestNonzeroFloat32, math.MaxFloat32, 1)
			} else {
				activationGradient(d, v, window, l.top, l.gain)
			}
			if l.grid != nil && t.cfg.LearnStep {
				for i, g := range d {
					dstep += float64(g * (v[i] - l.offset))
				}
			}
			if l.Stream {
				g := l.dstream[at:end]
				streamGradient(g, v, l.streamScale())
				for i, x := range g {
					d[i] += x
					if l.offset != 0 { // which step does not scale
						dstep -= float64(x * l.offset)
					}
				}
			}
			l.shortcutGradient(d, at)
		})
		l.steps[s] = dstep
	})
	switch {
	case l.proj != nil:
		l.proj.wrote = true
	case l.short != nil:
		_, _, wrote := l.short.identity()
		*wrote = true
	}
}

// activationGradient multiplies d by the pseudo-derivative of the codes of v.
func activationGradient(d, v []float32, window quant.Window, top int, gain float32) {
	if !window.Triangular && window.HalfWidth == 0.5 {
		inside(d, v, 0, float32(top), gain)
		return
	}
	for i, x := range v {
		d[i] *= window.Slope(x, top) * gain
	}
}

// inside multiplies d by gain where v is from low to high, and by 0 elsewhere: by
// ands, since no one can predict where that is.
func inside(d, v []float32, low, high, gain float32) {
	v = v[:len(d)]
	for i, g := range d {
		mask, both := uint32(0), uint32(0)
		if v[i] >= low {
			mask = 1<<32 - 1
		}
		if v[i] <= high {
			both = mask
		}
		d[i] = gain * math.Float32frombits(math.Float32bits(g)&both)
	}
}

// streamGradient takes the gradient g of a stream's codes to that of v.
func streamGradient(g, v []float32, scale float32) {
	v = v[:len(g)]
	for i, x := range g {
		r := float32(v[i] * scale)
		mask, both := uint32(0), uint32(0)
		if r >= 0 {
			mask = 1<<32 - 1
		}
		if r <= 255 {
			both = mask
		}
		g[i] = scale * math.Float32frombits(math.Float32bits(x)&both)
	}
}

// shortcutGradient passes the gradient d of the arguments from at on to the
// shortcut.
func (l *layer) shortcutGradient(d []float32, at int) {
	if l.proj != nil {
		copy(l.proj.dout[at:], d)
		return
	}
	if l.short == nil {
		return
	}
	_, grad, wrote := l.short.identity()
	grad = grad[at:][:len(d)]
	scale := float32(1)
	if l.grid != nil {
		scale = l.skipScale()
	}
	if *wrote {
		for i, g := range d {
			grad[i] += float32(g * scale)
		}
		return
	}
	for i, g := range d {
		grad[i] = g * scale
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
	t.shards(n, func(_, lo, hi, _ int) {
		for i := lo; i < hi; i++ {
			x, out := l.in[i*size:][:size], l.out[i*l.Out:][:l.Out]
			clear(out)
			for ; len(x) > 0; x = x[l.Out:] {
				for c, v := range x[:l.Out] {
					out[c] += v
				}
			}
			for c, v := range out {
				out[c] = v * scale
			}
			if l.OutAct != kernels.F32 {
				round(out, out, 1, int32(l.top))
			}
		}
	})
}

// averageGradient spreads dout over the positions, straight through the
// rounding: the mean of codes is never outside their range.
func (t *Trainer) averageGradient(l *layer, n int) {
	size, scale := l.In.Size(), l.meanScale()
	din, add := l.inputGradient()
	t.shards(n, func(_, lo, hi, _ int) {
		for i := lo; i < hi; i++ {
			d, out := din[i*size:][:size], l.dout[i*l.Out:][:l.Out]
			for ; len(d) > 0; d = d[l.Out:] {
				for c, g := range out {
					if g *= scale; add {
						d[c] += g
					} else {
						d[c] = g
					}
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
