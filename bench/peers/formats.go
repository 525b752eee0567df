package peers

import "example.com/lowbit/kernels"

// The formats that peers have.
var (
	binarySign = kernels.Formats{Weights: kernels.Binary, Acts: kernels.Sign}
	int8U8     = kernels.Formats{Weights: kernels.Int8, Acts: kernels.U8}
)
