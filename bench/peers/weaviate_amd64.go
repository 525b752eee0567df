package peers

import (
	"errors"
	"fmt"

	"example.com/lowbit/bench/suite"
	"github.com/weaviate/weaviate/adapters/repos/db/vector/hnsw/distancer/asm"
	"golang.org/x/sys/cpu"
)

// Weaviate's distances between vectors are Go assembly made from compiled C,
// one function an instruction set. Which to call is the caller's choice.
func init() {
	libraries["weaviate"] = func() (library, error) {
		var l library
		if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
			l.dots = append(l.dots,
				weaviateFloat("peer-weaviate-avx2", asm.DotAVX256),
				weaviateBits("peer-weaviate-hamming-avx2", asm.HammingBitwiseAVX256),
				suite.Peer{Impl: "peer-weaviate-byte-avx2", Formats: int8U8, Plan: weaviateBytes})
		}
		if cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VL {
			l.dots = append(l.dots,
				weaviateFloat("peer-weaviate-avx512", asm.DotAVX512),
				weaviateBits("peer-weaviate-hamming-avx512", asm.HammingBitwiseAVX512))
		}
		if len(l.dots) == 0 {
			return l, errors.New("it has no assembly for this CPU")
		}
		l.version = moduleVersion("github.com/weaviate/weaviate")
		return l, nil
	}
}

func weaviateFloat(impl string, dot func(x, y []float32) float32) suite.Peer {
	return suite.Peer{Impl: impl, Formats: suite.FloatFormats, Plan: func(p suite.Problem) (*suite.Call, error) {
		return &suite.Call{Run: func() { p.Dst[0] = dot(p.X, p.W) }, Packed: 4 * p.K}, nil
	}}
}

func weaviateBits(impl string, hamming func(x, y []uint64) float32) suite.Peer {
	return suite.Peer{Impl: impl, Formats: binarySign, Bits: true, Plan: func(p suite.Problem) (*suite.Call, error) {
		words := (p.K + 63) / 64
		x, w := packBits(make([]uint64, words), p.Codes, p.K), packSigns(p.Weights, p.K)
		return &suite.Call{Run: func() { p.Sums[0] = int32(p.K) - 2*int32(hamming(x, w)) }, Packed: 8 * words}, nil
	}}
}

// weaviateBytes multiplies u8 by u8, the nearest it has to u8 by int8: its
// weights are the magnitudes of the problem's.
func weaviateBytes(p suite.Problem) (*suite.Call, error) {
	w, want := make([]uint8, p.K), uint32(0)
	for i, v := range p.Weights {
		w[i] = uint8(max(v, -v))
		want += uint32(w[i]) * uint32(p.Codes[i])
	}
	var got uint32
	return &suite.Call{
		Run: func() { got = asm.DotByteAVX256(p.Codes, w) },
		Check: func() error {
			if got != want {
				return fmt.Errorf("the inner product is %d: want %d", got, want)
			}
			return nil
		},
		Packed: p.K,
	}, nil
}
