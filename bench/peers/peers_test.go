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

func BenchmarkDot(b *testing.B)    { suite.Dot(b, dots...) }
func BenchmarkGEMM(b *testing.B)   { suite.GEMM(b, products...) }
func BenchmarkGEMV(b *testing.B)   { suite.GEMV(b, products...) }
func BenchmarkLimits(b *testing.B) { suite.Limits(b) }
