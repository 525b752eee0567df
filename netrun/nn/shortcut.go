package nn

// A channelSum is the linear step of a mean block: the sum of each of its channels
// over all positions.
type channelSum[X uint8 | float32, Y int32 | float32] struct{ positions, channels int }

func (s channelSum[X, Y]) Kernel() string   { return "sum" }
func (s channelSum[X, Y]) PackedBytes() int { return 0 }

func (s channelSum[X, Y]) Run(dst []Y, x []X, n int) {
	clear(dst)
	for range n {
		for range s.positions {
			for c, v := range x[:s.channels] {
				dst[c] += Y(v)
			}
			x = x[s.channels:]
		}
		dst = dst[s.channels:]
	}
}
