//go:build peers && !without_openblas

package peers

/*
#cgo LDFLAGS: -lopenblas
#include <cblas.h>
*/
import "C"

import (
	"errors"
	"slices"
	"strings"

	"example.com/lowbit/bench/suite"
)

// OpenBLAS chooses kernels when it is loaded, by CPU or by OPENBLAS_CORETYPE,
// and its threads by OPENBLAS_NUM_THREADS. It packs the weights at each call.
// The name of its choice is in the name of the peer, not beside the version: a
// file may have more than one.
func init() {
	libraries["openblas"] = func() (library, error) {
		if n := C.openblas_get_num_threads(); n != 1 {
			return library{}, errors.New("it has more than one thread: want OPENBLAS_NUM_THREADS=1")
		}
		core := C.GoString(C.openblas_get_corename())
		version := "unknown"
		if f := strings.Fields(C.GoString(C.openblas_get_config())); len(f) > 1 {
			version = f[1]
		}
		peer := suite.Peer{Impl: "peer-openblas-" + strings.ToLower(core), Formats: suite.FloatFormats, Plan: openBLAS}
		dot := peer
		dot.Plan = openBLASDot
		return library{version: version, products: []suite.Peer{peer}, dots: []suite.Peer{dot}}, nil
	}
}

func openBLAS(p suite.Problem) (*suite.Call, error) {
	w := slices.Clone(p.W)
	m, n, k := C.blasint(p.M), C.blasint(p.N), C.blasint(p.K)
	c := &suite.Call{Packed: 4 * len(w)}
	if p.M == 1 {
		c.Run = func() {
			C.cblas_sgemv(C.CblasRowMajor, C.CblasNoTrans, n, k, 1, float(w), k, float(p.X), 1, 0, float(p.Dst), 1)
		}
		return c, nil
	}
	c.Run = func() {
		C.cblas_sgemm(C.CblasRowMajor, C.CblasNoTrans, C.CblasTrans, m, n, k, 1, float(p.X), k, float(w), k, 0, float(p.Dst), n)
	}
	return c, nil
}

func openBLASDot(p suite.Problem) (*suite.Call, error) {
	return &suite.Call{
		Run:    func() { p.Dst[0] = float32(C.cblas_sdot(C.blasint(p.K), float(p.X), 1, float(p.W), 1)) },
		Packed: 4 * p.K,
	}, nil
}

func float(x []float32) *C.float { return (*C.float)(&x[0]) }
