package nn

import "example.com/lowbit/kernels"

// An ending is what follows a low-bit block's sums: the codes of the next layer and, where
// shortcuts come or go, those of streams; or the logits.
type ending struct {
	kernel string
	bytes  int64
	// One of them, residual first; otherwise there are logits.
	residual   *kernels.Residual
	projects   bool // residual adds a projection
	codes      *kernels.AffineCodes
	thresholds *kernels.Thresholds
	logits     affine
}

func newEnding(b *Block, last bool) (e *ending, err error) {
	e = &ending{projects: b.proj() != nil}
	switch {
	case b.Skip != nil || b.Stream:
		p := kernels.ResidualParameters{Scale: b.Scale, Bias: b.Bias, Top: uint8(b.OutAct.Max()), StreamScale: b.StreamScale}
		if e.projects {
			p.ProjectScale, p.ProjectBias = b.Skip.Proj.Scale, b.Skip.Proj.Bias
		} else if b.Skip != nil {
			p.SkipScale = b.Skip.Scale
		}
		if e.residual, err = kernels.NewResidual(p); err == nil {
			e.kernel, e.bytes = e.residual.Kernel()+" residual", int64(e.residual.Bytes())
		}
	case last:
		e.logits = newAffine(b)
		e.kernel, e.bytes = "logits", e.logits.bytes()
	case b.OutAct.Max() >= 15 || b.Weights == kernels.Float32:
		// 15 thresholds a channel take 1.6 times as long on sums of 16 bits and 2.3
		// times on those of 32, and sums that are no whole numbers have none.
		if e.codes, err = kernels.NewAffineCodes(b.Scale, b.Bias, uint8(b.OutAct.Max())); err == nil {
			e.kernel, e.bytes = e.codes.Kernel()+" codes", int64(e.codes.Bytes())
		}
	default:
		if e.thresholds, err = kernels.NewThresholds(thresholds(b)); err == nil {
			e.kernel, e.bytes = e.thresholds.Kernel()+" thresholds", int64(e.thresholds.Bytes())
		}
	}
	return e, err
}

// identity is what the shortcut reads if it does not project.
func (e *ending) identity(p *part) []uint8 {
	if e.projects {
		return nil
	}
	return p.short
}

func (e *ending) shorts() epilogue[int16] {
	switch {
	case e.residual != nil:
		return func(p *part, sums, projected []int16) {
			e.residual.RunInt16(p.out, p.stream, sums, e.identity(p), projected)
		}
	case e.codes != nil:
		return func(p *part, sums, _ []int16) { e.codes.RunInt16(p.out, sums) }
	case e.thresholds != nil:
		return func(p *part, sums, _ []int16) { e.thresholds.RunInt16(p.out, sums) }
	}
	return func(p *part, sums, _ []int16) { runAffine(e.logits, p.logits, sums) }
}

func (e *ending) ints() epilogue[int32] {
	switch {
	case e.residual != nil:
		return func(p *part, sums, projected []int32) {
			e.residual.Run(p.out, p.stream, sums, e.identity(p), projected)
		}
	case e.codes != nil:
		return func(p *part, sums, _ []int32) { e.codes.Run(p.out, sums) }
	case e.thresholds != nil:
		return func(p *part, sums, _ []int32) { e.thresholds.Run(p.out, sums) }
	}
	return func(p *part, sums, _ []int32) { runAffine(e.logits, p.logits, sums) }
}

func (e *ending) floats() epilogue[float32] {
	switch {
	case e.residual != nil:
		return func(p *part, sums, projected []float32) {
			e.residual.RunFloat32(p.out, p.stream, sums, e.identity(p), projected)
		}
	case e.codes != nil:
		return func(p *part, sums, _ []float32) { e.codes.RunFloat32(p.out, sums) }
	}
	return func(p *part, sums, _ []float32) { runAffine(e.logits, p.logits, sums) }
}
