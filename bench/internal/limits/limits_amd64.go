//go:build !purego

package limits

var all = []featured{
	{Loop{Float32, "avx512-fma", FMAAVX512MACs, FMAAVX512}, FMAAVX512Features},
	{Loop{Float32, "avx2-fma", FMAAVX2MACs, FMAAVX2}, FMAAVX2Features},
	{Loop{MulAdd, "avx512-dpbusd", MulAddAVX512MACs, MulAddAVX512}, MulAddAVX512Features},
	{Loop{MulAdd, "avx512-maddubsw-addw", MulAdd16AVX512MACs, MulAdd16AVX512}, MulAdd16AVX512Features},
	{Loop{MulAdd, "avx512-maddubsw-maddwd-addd", MulAdd32AVX512MACs, MulAdd32AVX512}, MulAdd32AVX512Features},
	{Loop{MulAdd, "avx512-maddwd-addd", MulAddWideAVX512MACs, MulAddWideAVX512}, MulAddWideAVX512Features},
	{Loop{MulAdd, "avx2-maddubsw-addw", MulAdd16AVX2MACs, MulAdd16AVX2}, MulAdd16AVX2Features},
	{Loop{MulAdd, "avx2-maddubsw-maddwd-addd", MulAdd32AVX2MACs, MulAdd32AVX2}, MulAdd32AVX2Features},
	{Loop{MulAdd, "avx2-maddwd-addd", MulAddWideAVX2MACs, MulAddWideAVX2}, MulAddWideAVX2Features},
	{Loop{Popcount, "avx512-vpopcntq", PopcountAVX512MACs, PopcountAVX512}, PopcountAVX512Features},
	{Loop{Popcount, "avx2-nibbles", PopcountAVX2MACs, PopcountAVX2}, PopcountAVX2Features},
	{Loop{LUT, "avx512-permb-addb", LUT6AVX512MACs, LUT6AVX512}, LUT6AVX512Features},
	{Loop{LUT, "avx512-permb-dpbusd", LUT4x4AVX512MACs, LUT4x4AVX512}, LUT4x4AVX512Features},
	{Loop{LUT, "avx512-shufb-addb", LUTAVX512MACs, LUTAVX512}, LUTAVX512Features},
	{Loop{LUT, "avx2-shufb-addb", LUTAVX2MACs, LUTAVX2}, LUTAVX2Features},
	{Loop{ShiftAdd, "avx512-addb", ShiftAddAVX512MACs, ShiftAddAVX512}, ShiftAddAVX512Features},
	{Loop{ShiftAdd, "avx2-addb", ShiftAddAVX2MACs, ShiftAddAVX2}, ShiftAddAVX2Features},
	{Loop{Shift, "avx2-sllvd-signd-addd", ShiftAVX2MACs, ShiftAVX2}, ShiftAVX2Features},
	{Loop{Popcount, "popcnt", PopcountGPMACs, PopcountGP}, PopcountGPFeatures},
}

// archRead is nil where the CPU has no wide loads.
var archRead = func() func(p *byte, n uintptr) {
	switch {
	case has(ReadAVX512Features):
		return ReadAVX512
	case has(ReadAVXFeatures):
		return ReadAVX
	}
	return nil
}()
