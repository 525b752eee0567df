package nn

// A layout gives the outputs and streams of a network's blocks places in a few
// buffers, each of which holds one after the other: what no later block reads is
// written over. In a chain without shortcuts that is two buffers in turn.
type layout struct {
	images      int   // buffer of the images as activations, -1 if they have none
	out, stream []int // buffer of each block's output and stream, -1 for none
	size        []int // elements for one image of each buffer
}

// newLayout lays out the network, with a place for the images' own elements if they
// are converted. The last block puts out to the caller's logits.
func newLayout(n *Network, images bool) layout {
	// The last block that reads the images, an output or a stream: that of block i
	// at i+1.
	outUntil, streamUntil := make([]int, len(n.Blocks)+1), make([]int, len(n.Blocks)+1)
	for i := range n.Blocks {
		outUntil[i+1] = max(outUntil[i+1], i) // some blocks no one reads
		outUntil[n.Source(i)+1] = i
		if s := n.Blocks[i].Skip; s != nil {
			from := n.SkipSource(i) + 1
			if s.Proj == nil && !n.Float() {
				streamUntil[from] = i
			} else {
				outUntil[from] = i
			}
		}
	}
	l := layout{images: -1}
	var busy []int // the last block that reads what is in the buffer
	place := func(at, until, size int) int {
		for i := range busy {
			if busy[i] < at {
				busy[i], l.size[i] = until, max(l.size[i], size)
				return i
			}
		}
		busy, l.size = append(busy, until), append(l.size, size)
		return len(busy) - 1
	}
	if images {
		l.images = place(-1, outUntil[0], n.Input.Size())
	}
	for i := range n.Blocks {
		b, size, out, stream := &n.Blocks[i], n.Blocks[i].OutShape().Size(), -1, -1
		if i < len(n.Blocks)-1 {
			out = place(i, outUntil[i+1], size)
		}
		switch s := b.Skip; {
		case !b.Stream:
		case s != nil && s.Proj == nil && streamUntil[n.SkipSource(i)+1] == i:
			// The last to read a stream of the same shape writes over it, element by
			// element.
			stream = l.stream[n.SkipSource(i)]
			busy[stream] = streamUntil[i+1]
		default:
			stream = place(i, streamUntil[i+1], size)
		}
		l.out, l.stream = append(l.out, out), append(l.stream, stream)
	}
	return l
}

// elements is what n images take of all buffers.
func (l *layout) elements(n int) int64 {
	var total int64
	for _, size := range l.size {
		total += int64(size)
	}
	return total * int64(n)
}

// makeBuffers returns the buffers for n images.
func makeBuffers[T uint8 | float32](l *layout, n int) [][]T {
	var list [][]T
	for _, size := range l.size {
		list = append(list, make([]T, n*size))
	}
	return list
}
