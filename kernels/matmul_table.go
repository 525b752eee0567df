package kernels

import "example.com/lowbit/kernels/internal/portable"

var portableF32 = []*f32Row{
	{kernelID{isa: "portable", algorithm: "float32"}, portable.GemmF32[:], portable.GemmF32NR},
}
