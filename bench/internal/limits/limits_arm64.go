//go:build !purego

package limits

var all = []featured{
	{Loop{Float32, "neon-fma", FMANEONMACs, FMANEON}, FMANEONFeatures},
	{Loop{MulAdd, "i8mm-usmmla", MulAddI8MMMACs, MulAddI8MM}, MulAddI8MMFeatures},
	{Loop{MulAdd, "dotprod-sdot", MulAddDotProdMACs, MulAddDotProd}, MulAddDotProdFeatures},
	{Loop{MulAdd, "neon-mla", MulAdd8NEONMACs, MulAdd8NEON}, MulAdd8NEONFeatures},
	{Loop{MulAdd, "neon-smlal", MulAdd16NEONMACs, MulAdd16NEON}, MulAdd16NEONFeatures},
	{Loop{MulAdd, "neon-smull-sadalp", MulAddNEONMACs, MulAddNEON}, MulAddNEONFeatures},
	{Loop{Popcount, "neon-cnt-add", PopcountNEONMACs, PopcountNEON}, PopcountNEONFeatures},
	{Loop{LUT, "neon-tbl-add", LUTNEONMACs, LUTNEON}, LUTNEONFeatures},
	{Loop{ShiftAdd, "neon-add", ShiftAddNEONMACs, ShiftAddNEON}, ShiftAddNEONFeatures},
	{Loop{Shift, "neon-sshl-add", ShiftNEONMACs, ShiftNEON}, ShiftNEONFeatures},
}

// archRead is that of every arm64 CPU.
var archRead = ReadNEON
