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

// arguments sets v to what the activation is of, for the row of sums from at
// on: each operation is rounded by itself, as in nn.
func (l *layer) arguments(v []float32, at int) {
	affine(v, l, at)
	switch {
	case l.proj != nil:
		p := l.proj
		y, scale, bias := p.y[at:][:len(v)], p.scale[:len(v)], p.bias[:len(v)]
		for c, x := range y {
			u := float32(x*scale[c]) + bias[c]
			v[c] += u
		}
	case l.short != nil:
		r, _, _ := l.short.identity()
		r = r[at:][:len(v)]
		if l.grid == nil {
			for c, x := range r {
				v[c] += x
			}
			return
		}
		scale := l.skipScale()
		for c, x := range r {
			v[c] += float32(x * scale)
		}
	}
}

func affine(v []float32, l *layer, at int) {
	y, scale, bias := l.y[at:][:len(v)], l.scale[:len(v)], l.bias[:len(v)]
	for c, x := range y {
		v[c] = float32(x*scale[c]) + bias[c]
	}
}

// activateJoined sets out, and the stream, of a layer with a shortcut or a
// stream.
func (t *Trainer) activateJoined(l *layer, n int) {
	t.shards(n, func(_, lo, hi, _ int) {
		lo, hi = lo*l.sum*l.Out, hi*l.sum*l.Out
		for at := lo; at < hi; at += l.Out {
			l.arguments(l.out[at:at+l.Out], at)
		}
		out := l.out[lo:hi]
		if l.grid == nil {
			for i, v := range out {
				out[i] = max(v, 0)
			}
			return
		}
		if l.Stream {
			scale, stream := l.streamScale(), l.stream[lo:hi]
			for i, v := range out {
				stream[i] = round(float32(v*scale), 255)
			}
		}
		top, gain := int32(l.top), l.gain
		for i, v := range out {
			out[i] = round(v, top)
		}
		if gain != 1 { // sign: 0 and 1 mean -1 and +1
			for i, v := range out {
				out[i] = 2*v - 1
			}
		}
	})
}

// round is quant.Round.
func round(v float32, top int32) float32 {
	v += 0.5
	if v >= 1<<30 { // past int32, perhaps
		v = 1 << 30
	}
	return float32(min(max(int32(v), 0), top))
}

// joinedGradient turns dout of a layer with a shortcut or a stream from the
// gradient of out into that of the activation's argument, and passes it on to
// the shortcut.
func (t *Trainer) joinedGradient(l *layer, n int) {
	window := t.cfg.window()
	t.shards(n, func(s, lo, hi, worker int) {
		v, dstep := t.scratch[worker].row[:l.Out], 0.0
		for at := lo * l.sum * l.Out; at < hi*l.sum*l.Out; at += l.Out {
			d := l.dout[at : at+l.Out]
			l.arguments(v, at)
			if l.grid == nil {
				for c, x := range v {
					if !(x > 0) {
						d[c] = 0
					}
				}
			} else {
				activationGradient(d, v, window, l.top, l.gain)
				for c, x := range v {
					dstep += float64(d[c] * (x - l.offset))
				}
			}
			if l.Stream {
				scale := l.streamScale()
				for c, g := range l.dstream[at : at+l.Out] {
					if r := float32(v[c] * scale); r >= 0 && r <= 255 {
						g *= scale
						d[c] += g
						dstep -= float64(g * l.offset) // of the stream, step scales but the offset
					}
				}
			}
			l.shortcutGradient(d, at)
		}
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
		high := float32(top)
		for c, x := range v {
			if !(x >= 0 && x <= high) {
				d[c] = 0
			}
		}
	} else {
		for c, x := range v {
			d[c] *= window.Slope(x, top)
		}
	}
	if gain != 1 {
		for c := range d {
			d[c] *= gain
		}
	}
}

// shortcutGradient passes the gradient d of a row's arguments on to the shortcut.
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
		for c, g := range d {
			grad[c] += float32(g * scale)
		}
		return
	}
	for c, g := range d {
		grad[c] = g * scale
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
				for c, v := range out {
					out[c] = round(v, int32(l.top))
				}
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
