package peers

import (
	"os"
	"testing"

	"example.com/lowbit/bench/suite"
)

var products, dots []suite.Peer

func TestMain(m *testing.M) {
	var config []string
	config, products, dots = open(os.Stderr)
	suite.Main(m, config...)
}

// TestPeers compares every peer with package ref on shapes that are no multiple
// of anything.
func TestPeers(t *testing.T) {
	for _, q := range products {
		for _, s := range [][3]int{{1, 1, 1}, {1, 37, 129}, {3, 5, 70}, {65, 33, 577}} {
			if err := suite.CheckPeer(q, s[0], s[1], s[2]); err != nil {
				t.Errorf("%s, %dx%dx%d: %v", q.Impl, s[0], s[1], s[2], err)
			}
		}
	}
	for _, q := range dots {
		for _, k := range []int{64, 577, 1024} {
			if err := suite.CheckPeer(q, 1, 1, k); err != nil {
				t.Errorf("%s, %d long: %v", q.Impl, k, err)
			}
		}
	}
}

func BenchmarkDot(b *testing.B)    { suite.Dot(b, dots...) }
func BenchmarkGEMM(b *testing.B)   { suite.GEMM(b, products...) }
func BenchmarkGEMV(b *testing.B)   { suite.GEMV(b, products...) }
func BenchmarkMixed(b *testing.B)  { suite.Mixed(b) }
func BenchmarkLimits(b *testing.B) { suite.Limits(b) }
