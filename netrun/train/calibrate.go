package train

import (
	"math"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/data"
	"example.com/lowbit/netrun/nn"
)

// calibrate fits a low-bit network whose weights are a float run's, rounded. Layer
// after layer, in the network as it is fitted so far, the mean and variance of its
// sums are measured on the first training images, and the step of its codes is
// chosen for the least squared error there; the logits' scales and biases are made
// to come close to the float network's. No label is looked at and no gradient
// taken.
func (t *Trainer) calibrate(float *Trainer) error {
	if err := t.checkRanges(); err != nil {
		return err
	}
	images := t.train.Slice(0, min(t.cfg.Calibration, t.train.N))
	var logits []float32
	float.evaluate(images, func(n int) {
		logits = append(logits, float.layers[len(float.layers)-1].out[:n*t.net.Classes]...)
	})
	for i, l := range t.layers {
		if l.Kind == nn.Mean {
			continue
		}
		t.measure(i, images, logits)
		if l.OutAct != kernels.NoActs && l.OutAct != kernels.Sign { // a sign has no step
			t.chooseStep(i, images)
		}
	}
	return nil
}

// upTo calls each with the number of images of a batch and the first of them,
// when layer i has its sums, for all batches of the images.
func (t *Trainer) upTo(i int, images *data.Images, each func(n, first int)) {
	for lo := 0; lo < images.N; lo += t.cfg.Batch {
		n := min(t.cfg.Batch, images.N-lo)
		t.loadImages(images.Slice(lo, lo+n))
		t.forwardTo(i, n, false)
		t.linear(t.layers[i], n, false)
		if p := t.layers[i].proj; p != nil {
			t.linear(p, n, false)
		}
		each(n, lo)
	}
}

// measure sets the running statistics of layer i and its projection to those over
// the images, and the last layer's gamma and beta to what comes closest to the
// logits.
func (t *Trainer) measure(i int, images *data.Images, logits []float32) {
	l := t.layers[i]
	list := []*layer{l}
	if l.proj != nil {
		list = append(list, l.proj)
	}
	last := i == len(t.layers)-1
	out := l.Out
	sums := make([][3][]float64, len(list)) // of y, y*y and y*logit
	for j := range sums {
		for k := range sums[j] {
			sums[j][k] = make([]float64, out)
		}
	}
	mean := make([]float64, out) // of the logits
	t.upTo(i, images, func(n, first int) {
		for j, l := range list {
			for at, y := range l.y[:n*l.sum*out] {
				v := float64(y)
				sums[j][0][at%out] += v
				sums[j][1][at%out] += v * v
				if last {
					f := float64(logits[first*out+at])
					sums[j][2][at%out] += v * f
					mean[at%out] += f
				}
			}
		}
	})
	count := float64(images.N * l.sum)
	for j, l := range list {
		for c := range out {
			m := sums[j][0][c] / count
			variance := max(sums[j][1][c]/count-m*m, 0)
			l.mean[c], l.variance[c] = float32(m), float32(variance)
			if last {
				covariance := sums[j][2][c]/count - m*mean[c]/count
				l.gamma.value[c] = float32(covariance / math.Sqrt(variance+epsilon))
				l.beta.value[c] = float32(mean[c] / count)
			}
		}
	}
}

// chooseStep sets the step of layer i's codes to that of least squared error over
// the images, of 100 that reach up to the largest value.
func (t *Trainer) chooseStep(i int, images *data.Images) {
	const bins = 4096
	l := t.layers[i]
	reach := 16 * math.Sqrt(l.power())
	var histogram [bins]float64
	largest := 0
	v, j := make([]float32, l.Out), newJoiner(l.Out)
	t.upTo(i, images, func(n, _ int) {
		for at := 0; at < n*l.sum*l.Out; at += l.Out {
			l.arguments(v, j, at)
			for _, x := range v {
				if x := float64(x) * float64(l.step.value[0]); x > 0 {
					bin := int(min(x/reach, 1) * (bins - 1))
					histogram[bin]++
					largest = max(largest, bin)
				}
			}
		}
	})
	if largest == 0 {
		return
	}
	value := func(bin int) float64 { return (float64(bin) + 0.5) * reach / bins }
	best, top := math.Inf(1), float64(l.top)
	for k := 1; k <= 100; k++ {
		step := value(largest) / top * float64(k) / 100
		e := 0.0
		for bin, count := range histogram[:largest+1] {
			d := value(bin) - step*min(math.Floor(value(bin)/step+0.5), top)
			e += count * d * d
		}
		if e < best {
			best, l.step.value[0] = e, max(float32(step), 1e-4)
		}
	}
}
