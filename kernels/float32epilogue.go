package kernels

import (
	"fmt"
	"slices"
)

// A FloatEpilogue is what follows the sums of a float32 convolution, in this order:
// max-pooling, a scale and a bias, and ReLU. The zero value leaves sums as they are.
type FloatEpilogue struct {
	Scale, Bias []float32 // of each output; nil for none
	ReLU        bool      // of what is scaled
	Pool        int       // side of windows side by side; 0 and 1 for none
}

func (e *FloatEpilogue) check(s *ConvShape) error {
	if len(e.Scale) != len(e.Bias) || e.Scale != nil && len(e.Scale) != s.OutC || e.Scale == nil && e.ReLU {
		return fmt.Errorf("kernels: FloatEpilogue has %d scales, %d biases, ReLU %v: want %d of both, or neither and no ReLU", len(e.Scale), len(e.Bias), e.ReLU, s.OutC)
	}
	if e.Pool < 0 || e.Pool > s.OutH() || e.Pool > s.OutW() {
		return fmt.Errorf("kernels: FloatEpilogue.Pool is %d on %dx%d pixels: want a window no larger than the image", e.Pool, s.OutH(), s.OutW())
	}
	return nil
}

func (e FloatEpilogue) clone() FloatEpilogue {
	e.Scale, e.Bias = slices.Clone(e.Scale), slices.Clone(e.Bias)
	return e
}

// pool is the shape of the pooling.
func (e *FloatEpilogue) pool(s *ConvShape) PoolShape {
	side := max(1, e.Pool)
	return PoolShape{H: s.OutH(), W: s.OutW(), C: s.OutC, Window: side, Stride: side}
}

// addTo is the epilogue of y, pooled, with add added before it is rectified.
func (e *FloatEpilogue) addTo(y, add []float32) {
	if e.Scale == nil {
		AddTo(y, add)
		return
	}
	AffineAdd(y, add, e.Scale, e.Bias, e.ReLU)
}

// AffineAdd sets x[r][c] to x*scale[c] + bias[c] + y[r][c], each operation rounded by
// itself, and with relu replaces what is below zero by zero. It panics if x is not
// whole rows of len(scale), or y or bias is of another length.
func AffineAdd(x, y, scale, bias []float32, relu bool) {
	want("AffineAdd", "bias", len(bias), len(scale))
	rows := wholeRows("AffineAdd", len(x), len(y), len(scale))
	flag := uintptr(0)
	if relu {
		flag = 1
	}
	c := len(scale)
	wide := 0
	row := current.Load().f32
	if row.affineAdd != nil {
		wide = c &^ 7
	}
	for r, n := range spans(rows, c) {
		x, y := x[r*c:], y[r*c:]
		if wide > 0 {
			row.affineAdd(&x[0], &y[0], uintptr(n), uintptr(c), &scale[0], &bias[0], flag, uintptr(wide))
		}
		for ; wide < c && n > 0; n-- {
			for j := wide; j < c; j++ {
				v := float32(float32(x[j]*scale[j])+bias[j]) + y[j]
				if relu && v < 0 {
					v = 0
				}
				x[j] = v
			}
			x, y = x[c:], y[c:]
		}
	}
}
