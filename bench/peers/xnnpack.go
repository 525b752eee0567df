//go:build peers && !without_xnnpack

package peers

/*
#cgo LDFLAGS: -lXNNPACK
#include <math.h>
#include <xnnpack.h>

static enum xnn_status float32_open(xnn_operator_t *op, size_t m, size_t n, size_t k, const float *x, const float *w, float *dst) {
	enum xnn_status s = xnn_create_fully_connected_nc_f32(k, n, k, n, w, NULL, -INFINITY, INFINITY, 0, op);
	return s ? s : xnn_setup_fully_connected_nc_f32(*op, m, x, dst, NULL);
}

static enum xnn_status int8_open(xnn_operator_t *op, size_t m, size_t n, size_t k, float scale, const int8_t *x, const int8_t *w, int8_t *dst) {
	enum xnn_status s = xnn_create_fully_connected_nc_qs8(k, n, k, n, -128, 1, 1, w, NULL, 0, scale, -128, 127, 0, op);
	return s ? s : xnn_setup_fully_connected_nc_qs8(*op, m, x, dst, NULL);
}
*/
import "C"

import (
	"fmt"
	"math"
	"os/exec"
	"runtime"
	"slices"

	"example.com/lowbit/bench/suite"
	"example.com/lowbit/ref"
)

// XNNPACK's fully connected layers pack the weights once. It does not say how
// large they are then, so their own size is told; nor what version it is. It may
// read a little beyond the activations, so it gets a copy with more behind them.
func init() {
	libraries["xnnpack"] = func() (library, error) {
		if s := C.xnn_initialize(nil); s != 0 {
			return library{}, fmt.Errorf("it does not start: status %d", s)
		}
		return library{version: xnnpackVersion(), products: []suite.Peer{
			{Impl: "peer-xnnpack-qs8", Formats: int8U8, Plan: xnnpackInt8},
			{Impl: "peer-xnnpack", Formats: suite.FloatFormats, Plan: xnnpackFloat32},
		}}, nil
	}
}

func xnnpackFloat32(p suite.Problem) (*suite.Call, error) {
	x := append(slices.Clone(p.X), make([]float32, C.XNN_EXTRA_BYTES/4)...)
	c, pin, op := &suite.Call{Packed: 4 * p.N * p.K}, new(runtime.Pinner), C.xnn_operator_t(nil)
	pin.Pin(&x[0])
	pin.Pin(&p.Dst[0])
	status := C.float32_open(&op, C.size_t(p.M), C.size_t(p.N), C.size_t(p.K),
		(*C.float)(&x[0]), (*C.float)(&p.W[0]), (*C.float)(&p.Dst[0]))
	return xnnpack(c, pin, op, status)
}

// xnnpackInt8 computes what the library offers: activations of int8, which are
// the problem's less 128, and sums that are scaled and rounded to int8.
func xnnpackInt8(p suite.Problem) (*suite.Call, error) {
	x, dst := make([]int8, p.M*p.K+C.XNN_EXTRA_BYTES), make([]int8, p.M*p.N)
	for i, v := range p.Codes {
		x[i] = int8(int(v) - 128)
	}
	// A power of two, so that only the rounding is inexact: about a quarter of
	// what sums of random products reach.
	scale := math.Exp2(math.Round(math.Log2(128 * math.Sqrt(float64(p.K)))))
	c, pin, op := &suite.Call{Packed: p.N * p.K}, new(runtime.Pinner), C.xnn_operator_t(nil)
	pin.Pin(&x[0])
	pin.Pin(&dst[0])
	status := C.int8_open(&op, C.size_t(p.M), C.size_t(p.N), C.size_t(p.K), C.float(scale),
		(*C.int8_t)(&x[0]), (*C.int8_t)(&p.Weights[0]), (*C.int8_t)(&dst[0]))
	c.Check = func() error { return checkScaled(dst, p, scale) }
	return xnnpack(c, pin, op, status)
}

// checkScaled compares one output in 101, and some of every row and column.
func checkScaled(got []int8, p suite.Problem, scale float64) error {
	x := make([]int16, len(p.Codes))
	ref.Unsigned(x, p.Codes)
	for i := 0; i < len(got); i += 101 {
		m, n := i/p.N, i%p.N
		sum := ref.Dot(x[m*p.K:][:p.K], p.Weights[n*p.K:][:p.K])
		want := max(-128, min(127, math.RoundToEven(float64(sum)/scale)))
		if float64(got[i]) != want {
			return fmt.Errorf("result [%d][%d] is %d: want %v, of the sum %d", m, n, got[i], want, sum)
		}
	}
	return nil
}

func xnnpack(c *suite.Call, pin *runtime.Pinner, op C.xnn_operator_t, status C.enum_xnn_status) (*suite.Call, error) {
	c.Run = func() {
		if status := C.xnn_run_operator(op, nil); status != 0 {
			panic(fmt.Sprintf("xnnpack: status %d", status))
		}
	}
	c.Close = func() {
		C.xnn_delete_operator(op)
		pin.Unpin()
	}
	if status != 0 {
		c.Close()
		return nil, fmt.Errorf("xnnpack: no plan: status %d", status)
	}
	return c, nil
}

// xnnpackVersion is that of Debian's package.
func xnnpackVersion() string {
	out, err := exec.Command("dpkg-query", "-W", "-f", "${Version}", "libxnnpack0").Output()
	if err != nil {
		return "unknown"
	}
	return string(out)
}
