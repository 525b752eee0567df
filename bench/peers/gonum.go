package peers

import (
	"runtime"
	"slices"

	"example.com/lowbit/bench/suite"
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
)

// Gonum's own BLAS is Go, with SSE assembly for vectors.
func init() {
	libraries["gonum"] = func() (library, error) {
		peer := suite.Peer{Impl: "peer-gonum", Formats: suite.FloatFormats, Plan: gonum}
		dot := peer
		dot.Plan = gonumDot
		return library{version: moduleVersion("gonum.org/v1/gonum"), products: []suite.Peer{peer}, dots: []suite.Peer{dot}}, nil
	}
}

func gonum(p suite.Problem) (*suite.Call, error) {
	w := blas32.General{Rows: p.N, Cols: p.K, Stride: p.K, Data: slices.Clone(p.W)}
	c := &suite.Call{Packed: 4 * len(w.Data)}
	if p.M == 1 {
		x, y := blas32.Vector{N: p.K, Inc: 1, Data: p.X}, blas32.Vector{N: p.N, Inc: 1, Data: p.Dst}
		c.Run = func() { blas32.Gemv(blas.NoTrans, 1, w, x, 0, y) }
		return c, nil
	}
	x := blas32.General{Rows: p.M, Cols: p.K, Stride: p.K, Data: p.X}
	y := blas32.General{Rows: p.M, Cols: p.N, Stride: p.N, Data: p.Dst}
	c.Run = func() {
		// It has no other way to be told to work on one thread. This takes
		// some microseconds; the smallest product here takes milliseconds.
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		blas32.Gemm(blas.NoTrans, blas.Trans, 1, x, w, 0, y)
	}
	return c, nil
}

func gonumDot(p suite.Problem) (*suite.Call, error) {
	x, w := blas32.Vector{N: p.K, Inc: 1, Data: p.X}, blas32.Vector{N: p.K, Inc: 1, Data: p.W}
	return &suite.Call{Run: func() { p.Dst[0] = blas32.Dot(x, w) }, Packed: 4 * p.K}, nil
}
