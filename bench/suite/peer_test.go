package suite

import (
	"testing"

	"example.com/lowbit/kernels"
	"example.com/lowbit/ref"
)

// plain is a peer that is right but for one result, if wrong.
func plain(f kernels.Formats, wrong bool) Peer {
	return Peer{Impl: "plain", Formats: f, Plan: func(p Problem) (*Call, error) {
		return &Call{Packed: p.N * p.K, Run: func() {
			if f == FloatFormats {
				ref.GEMMFloat32(p.Dst, p.X, p.W, p.M, p.N, p.K)
				if wrong {
					p.Dst[p.N] += 0.5
				}
				return
			}
			ref.GEMM(p.Sums, actValues(f.Acts, p.Codes), p.Weights, p.M, p.N, p.K)
			if wrong {
				p.Sums[p.N]++
			}
		}}, nil
	}}
}

func TestCheckPeerFindsWrongResults(t *testing.T) {
	for _, f := range []kernels.Formats{FloatFormats, {Weights: kernels.Int8, Acts: kernels.U8}, {Weights: kernels.Binary, Acts: kernels.Sign}} {
		if err := CheckPeer(plain(f, false), 3, 5, 70); err != nil {
			t.Errorf("%v: a peer that is right: %v", f, err)
		}
		if CheckPeer(plain(f, true), 3, 5, 70) == nil {
			t.Errorf("%v: one result is wrong, and nobody says so", f)
		}
	}
}

func TestPeersGetWeightsThatCannotSaturate(t *testing.T) {
	q := plain(kernels.Formats{Weights: kernels.Int8, Acts: kernels.U8}, false)
	plan, largest := q.Plan, int8(0)
	q.Plan = func(p Problem) (*Call, error) {
		for _, w := range p.Weights {
			largest = max(largest, w, -w)
		}
		return plan(p)
	}
	if err := CheckPeer(q, 1, 64, 64); err != nil || largest != 63 {
		t.Errorf("the largest weight is %d, error %v: want 63 and none", largest, err)
	}
}

// What is compared with peers must be measured at all.
func TestComparedRows(t *testing.T) {
	setForTest(t, shapesFlag, "peers")
	setForTest(t, formatsFlag, "peers")
	for _, p := range pairs() {
		for _, s := range append(gemmSizes(), gemvSizes()...) {
			if len(comparedRows(p, s, "hot")) == 0 {
				t.Errorf("%v x %v, %v: no kernel", p.Weights, p.Acts, s)
			}
		}
		for _, s := range gemvSizes() {
			if n := len(comparedRows(p, s, "cold")); n > 1 || n == 0 && p.Weights == kernels.Int8 {
				t.Errorf("%v x %v, %v, cold: %d kernels", p.Weights, p.Acts, s, n)
			}
		}
	}
}

func setForTest(t *testing.T, flag *string, value string) {
	before := *flag
	*flag = value
	t.Cleanup(func() { *flag = before })
}
