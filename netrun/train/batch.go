package train

import (
	"math"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/data"
	"example.com/lowbit/netrun/quant"
)

// pixelDivisor is what the network reads a pixel's byte divided by.
func (t *Trainer) pixelDivisor() float32 {
	if t.net.Float() {
		return 255
	}
	return 1
}

// loadImages sets input and labels to images, as they are.
func (t *Trainer) loadImages(images *data.Images) {
	divisor := t.pixelDivisor()
	size := images.Size()
	t.shards(images.N, func(_, lo, hi, _ int) {
		kernels.FloatsOfBytes(t.input[lo*size:hi*size], images.Pixels[lo*size:hi*size], 0, divisor)
	})
	copy(t.labels, images.Labels)
}

// loadBatch sets input and labels to the numbered training images, moved and
// mirrored as the configuration says. What happens to an image depends on its
// number and the epoch.
func (t *Trainer) loadBatch(numbers []int32, epoch uint64) {
	size := t.train.Size()
	s := quant.NewStream(t.cfg.Seed, streamAugment, epoch)
	reach, divisor := t.cfg.Shift, t.pixelDivisor()
	t.shards(len(numbers), func(_, lo, hi, _ int) {
		moved := make([]uint8, size)
		for i := lo; i < hi; i++ {
			number := int(numbers[i])
			t.labels[i] = t.train.Labels[number]
			r := s.Uint64(uint64(number))
			flip := t.cfg.Flip && r&1 != 0
			dy := int(r>>8&0xffff)*(2*reach+1)>>16 - reach
			dx := int(r>>24&0xffff)*(2*reach+1)>>16 - reach
			image := t.train.Image(number)
			if flip || dy != 0 || dx != 0 {
				t.augment(moved, image, dy, dx, flip)
				image = moved
			}
			kernels.FloatsOfBytes(t.input[i*size:][:size], image, 0, divisor)
		}
	})
}

// augment sets pixel (y, x) of to to pixel (y+dy, x+dx) of from, or of its mirror image
// if flip is set, and to what the configuration fills with if there is none.
func (t *Trainer) augment(to, from []uint8, dy, dx int, flip bool) {
	h, w, c := t.train.H, t.train.W, t.train.C
	clear(to)
	if t.cfg.Fill == "mean" {
		for at := 0; at < len(to); at += c {
			copy(to[at:], t.colour)
		}
	}
	first, last := max(0, -dx), min(w, w-dx) // columns that there are pixels for
	for y := max(0, -dy); y < min(h, h-dy) && first < last; y++ {
		line, source := to[(y*w+first)*c:][:(last-first)*c], from[(y+dy)*w*c:][:w*c]
		if !flip {
			copy(line, source[(first+dx)*c:])
			continue
		}
		for at := (w - 1 - first - dx) * c; len(line) > 0; line, at = line[c:], at-c {
			for j := range c {
				line[j] = source[at+j]
			}
		}
	}
}

// meanColour is the mean of each channel, rounded to a byte.
func meanColour(images *data.Images) []uint8 {
	sums, mean := make([]uint64, images.C), make([]uint8, images.C)
	for at := 0; at < len(images.Pixels); at += images.C {
		for c, p := range images.Pixels[at:][:images.C] {
			sums[c] += uint64(p)
		}
	}
	n := uint64(len(images.Pixels) / images.C)
	for c, sum := range sums {
		mean[c] = uint8((sum + n/2) / n)
	}
	return mean
}

// lossSum is a sum over images.
type lossSum struct {
	loss           float64
	correct, count int
}

func (s *lossSum) add(o lossSum) {
	s.loss += o.loss
	s.correct += o.correct
	s.count += o.count
}

func (s lossSum) mean() float64     { return s.loss / float64(max(s.count, 1)) }
func (s lossSum) accuracy() float64 { return float64(s.correct) / float64(max(s.count, 1)) }

// loss is the softmax cross-entropy of the last layer's logits for n images;
// with training set, against smoothed targets and the teacher's answers, and its
// gradient (of the mean) goes to the last layer's dout.
func (t *Trainer) loss(n int, training bool) (sum lossSum) {
	l := t.layers[len(t.layers)-1]
	classes := l.Out
	t.shards(n, func(s, lo, hi, _ int) {
		part := lossSum{count: hi - lo}
		for i := lo; i < hi; i++ {
			x, d := l.out[i*classes:][:classes], l.dout[i*classes:][:classes]
			best, label := 0, int(t.labels[i])
			for c, v := range x {
				if v > x[best] {
					best = c
				}
			}
			if best == label {
				part.correct++
			}
			total := 0.0
			for _, v := range x {
				total += math.Exp(float64(v - x[best]))
			}
			logTotal, loss := math.Log(total), 0.0
			for c, v := range x {
				logp := float64(v-x[best]) - logTotal
				target := 0.0
				if training {
					target = float64(t.cfg.Smoothing) / float64(classes)
				}
				if c == label {
					target += 1
					if training {
						target -= float64(t.cfg.Smoothing)
					}
				}
				if target != 0 {
					loss -= target * logp
				}
				if training {
					d[c] = float32((math.Exp(logp) - target) / float64(n))
				}
			}
			if training {
				loss = t.follow(d, x, i, n, loss)
			}
			part.loss += loss
		}
		t.losses[s] = part
	})
	for s := range blocks(n, shard) {
		sum.add(t.losses[s])
	}
	return sum
}
