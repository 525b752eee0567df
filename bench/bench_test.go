package bench

import (
	"testing"

	"example.com/lowbit/bench/suite"
)

func TestMain(m *testing.M) { suite.Main(m) }

func BenchmarkConv2D(b *testing.B)   { suite.Conv2D(b) }
func BenchmarkDot(b *testing.B)      { suite.Dot(b) }
func BenchmarkEpilogue(b *testing.B) { suite.Epilogue(b) }
func BenchmarkGEMM(b *testing.B)     { suite.GEMM(b) }
func BenchmarkGEMV(b *testing.B)     { suite.GEMV(b) }
func BenchmarkLimits(b *testing.B)   { suite.Limits(b) }
func BenchmarkMatMul(b *testing.B)   { suite.MatMul(b) }
func BenchmarkMixed(b *testing.B)    { suite.Mixed(b) }
func BenchmarkNetwork(b *testing.B)  { suite.Network(b) }
