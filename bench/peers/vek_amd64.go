package peers

import (
	"errors"

	"example.com/lowbit/bench/suite"
	"github.com/viterin/vek/vek32"
)

// vek has AVX2 assembly for vectors.
func init() {
	libraries["vek"] = func() (library, error) {
		if !vek32.Info().Acceleration {
			return library{}, errors.New("it has no assembly for this CPU")
		}
		return library{version: moduleVersion("github.com/viterin/vek"), dots: []suite.Peer{{
			Impl: "peer-vek-avx2", Formats: suite.FloatFormats,
			Plan: func(p suite.Problem) (*suite.Call, error) {
				return &suite.Call{Run: func() { p.Dst[0] = vek32.Dot(p.X, p.W) }, Packed: 4 * p.K}, nil
			},
		}}}, nil
	}
}
