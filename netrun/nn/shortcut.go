package nn

import "example.com/lowbit/kernels"

// A channelSum is the linear step of a mean block: the sum of each of its channels
// over all positions.
type channelSum struct{ positions, channels int }

func (s channelSum) Kernel() string   { return "sum" }
func (s channelSum) PackedBytes() int { return 0 }

func (s channelSum) Run(dst []int32, x []uint8, n int) {
	image := s.positions * s.channels
	for i := range n {
		kernels.ChannelSums(dst[i*s.channels:][:s.channels], x[i*image:][:image])
	}
}
