package train

import (
	"fmt"
	"math"
	"runtime"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/data"
	"example.com/lowbit/netrun/nn"
	"example.com/lowbit/netrun/quant"
)

// A Trainer is a training run. One goroutine uses it; it starts others for the
// work of a step.
type Trainer struct {
	cfg       Config
	net       *nn.Network // shapes and formats
	layers    []*layer
	all       []*layer // layers and, after each, its projection
	train     *data.Images
	colour    []uint8 // their mean
	val       *data.Images
	workers   int
	step      int // steps done
	inputs    int // of the sums of the layer that has most
	perEpoch  int
	total     int
	order     []int32 // images of the epoch at hand
	orderOf   int     // its epoch, -1 before the first
	workspace []float32
	packed    kernels.ConvWeights // of the convolution at hand
	scratch   []scratch
	input     []float32
	labels    []uint8
	losses    []lossSum
	means     []float32
	slopes    []float32

	images  dataID
	running lossSum // of the epoch at hand
	history []Epoch
	best    []byte // parameters of the best epoch so far, if kept
	teacher *Trainer

	// Effort is what the run took so far, as the caller counts it. Checkpoints keep
	// it; nothing depends on it.
	Effort Effort
	// InitSHA256 is that of the checkpoint that InitFrom's run was in, for the caller's
	// records. Checkpoints keep it, too.
	InitSHA256 string
}

// An Effort is what a run took: the time that passed, that of all threads, and the
// most bytes of memory at once.
type Effort struct {
	Seconds, CPUSeconds float64
	PeakRSS             int64
}

// scratch is one goroutine's memory.
type scratch struct {
	lin, input []float32
	joiner     *joiner
}

// An Epoch is what an epoch came to. The accuracies are parts of 1.
type Epoch struct {
	Epoch              int
	Loss               float64 // mean over the epoch's training images, as they came
	Accuracy           float64 // the same
	ValidationLoss     float64
	ValidationAccuracy float64
	// Part of the low-bit weights whose level the epoch's last step changed, and what
	// they are, by format.
	Moved  float64
	Levels map[string]*Levels `json:",omitempty"`
}

// New returns a run at its start. net gives shapes and formats; its parameters
// are ignored. The last cfg.Validation of the images are held out. workers is
// the number of goroutines, 0 for one a CPU.
func New(net *nn.Network, cfg Config, images *data.Images, workers int) (*Trainer, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if err := checkNetwork(net, cfg.Method); err != nil {
		return nil, err
	}
	if in := (nn.Shape{H: images.H, W: images.W, C: images.C}); in != net.Input {
		return nil, fmt.Errorf("train: images are %v: want %v, the network's input", in, net.Input)
	}
	n := images.N - cfg.Validation
	if n < cfg.Batch {
		return nil, fmt.Errorf("train: %d images without the %d for validation: want at least a batch, %d", n, cfg.Validation, cfg.Batch)
	}
	val := images.Slice(n, images.N)
	if cfg.Limit > 0 {
		n = min(n, max(cfg.Limit, cfg.Batch))
	}
	if err := checkMemory(net, &cfg); err != nil {
		return nil, err
	}
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	t := &Trainer{cfg: cfg, net: net, train: images.Slice(0, n), val: val, workers: workers, orderOf: -1}
	t.perEpoch = n / cfg.Batch
	t.total = t.perEpoch * cfg.Epochs
	t.images, t.colour = identify(t.train, t.val), meanColour(t.train)
	t.input = make([]float32, cfg.Batch*net.Input.Size())
	t.labels = make([]uint8, cfg.Batch)
	t.losses = make([]lossSum, blocks(cfg.Batch, shard))
	for i := range net.Blocks {
		l := newLayer(&net.Blocks[i], &cfg, i == len(net.Blocks)-1)
		l.connect(net, i, t.layers, &cfg)
		t.layers, t.all = append(t.layers, l), append(t.all, l)
		if l.proj != nil {
			t.all = append(t.all, l.proj)
		}
	}
	var weights, lin, width, input int
	for i, l := range t.all {
		if l.in = t.input; l.from != nil {
			l.in = l.from.out
		}
		width = max(width, l.Out)
		if l.Kind == nn.Mean {
			continue
		}
		l.initialize(&cfg, i)
		weights = max(weights, len(l.weight.grad))
		t.inputs = max(t.inputs, l.k)
		if l.Kind == nn.Conv {
			lin = max(lin, chunk(l.Block)*l.positions*l.Out)
			if l.from != nil && l.from.readers > 1 {
				input = max(input, shard*l.In.Size())
			}
		}
	}
	t.means, t.slopes = make([]float32, width), make([]float32, width)
	if cfg.Method != Float {
		t.workspace = make([]float32, weights)
	}
	t.scratch = make([]scratch, min(workers, len(t.losses))) // no more work at a time on shards
	for i := range t.scratch {
		t.scratch[i] = scratch{make([]float32, lin), make([]float32, input), newJoiner(width)}
	}
	return t, nil
}

// Config returns the run's configuration.
func (t *Trainer) Config() Config { return t.cfg }

// Network returns the shapes and formats that are trained. It is not copied.
func (t *Trainer) Network() *nn.Network { return t.net }

// Steps returns the steps done, the steps of the whole run and of an epoch.
func (t *Trainer) Steps() (done, total, perEpoch int) { return t.step, t.total, t.perEpoch }

// Done says whether all steps were taken.
func (t *Trainer) Done() bool { return t.step >= t.total }

// History returns the epochs done. It is not copied.
func (t *Trainer) History() []Epoch { return t.history }

// Validation returns the images held out.
func (t *Trainer) Validation() *data.Images { return t.val }

// Loss is the mean training loss of the epoch at hand, so far.
func (t *Trainer) Loss() float64 { return t.running.mean() }

// Step trains on one batch. It returns true when that was the last of an epoch;
// the network has then been measured on the validation images and History has
// grown. It returns an error if the loss or, after an epoch, a parameter is no longer
// a finite number, or if sums may be larger than float32 holds exactly. It panics if
// the run is done.
func (t *Trainer) Step() (epoch bool, err error) {
	if t.Done() {
		panic("train: Step after the last step")
	}
	e, at := t.step/t.perEpoch, t.step%t.perEpoch
	if t.orderOf != e {
		t.order, t.orderOf = quant.NewStream(t.cfg.Seed, streamOrder, uint64(e)).Perm(t.train.N), e
	}
	n := t.cfg.Batch
	t.loadBatch(t.order[at*n:][:n], uint64(e))
	if err := t.ask(n); err != nil {
		return false, err
	}
	t.forward(n, true)
	t.running.add(t.loss(n, true))
	if math.IsNaN(t.running.loss) || math.IsInf(t.running.loss, 0) {
		return false, fmt.Errorf("train: loss is %v at step %d: a lower learning rate may help", t.running.loss, t.step)
	}
	t.backward(n)
	var before [][]uint8
	if at == t.perEpoch-1 {
		before = t.snapshot()
	}
	t.update()
	t.step++
	if at < t.perEpoch-1 {
		return false, nil
	}
	if err := t.checkRanges(); err != nil {
		return false, err
	}
	if err := t.checkFinite(); err != nil {
		return false, err
	}
	r := Epoch{Epoch: e + 1, Loss: t.running.mean(), Accuracy: t.running.accuracy()}
	r.Moved, r.Levels = t.count(before)
	t.running = lossSum{}
	if t.val.N > 0 {
		s := t.evaluate(t.val, nil)
		r.ValidationLoss, r.ValidationAccuracy = s.mean(), s.accuracy()
		if math.IsNaN(s.loss) || math.IsInf(s.loss, 0) {
			return false, fmt.Errorf("train: validation loss is %v after step %d: a lower learning rate may help", s.loss, t.step)
		}
	}
	if t.cfg.Keep == "best" && (len(t.history) == 0 || r.ValidationAccuracy > t.bestAccuracy()) {
		t.best = t.appendParameters(t.best[:0])
	}
	t.history = append(t.history, r)
	return true, nil
}

// checkFinite returns an error if a parameter or statistic is no finite number. The
// loss need not show it: the code of an activation that is none is 0.
func (t *Trainer) checkFinite() error {
	for i, l := range t.all {
		values := [][]float32{l.mean, l.variance}
		for _, p := range l.tensors() {
			values = append(values, p.value)
		}
		for _, x := range values {
			for _, v := range x {
				if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
					return fmt.Errorf("train: layer %d has the parameter %v after step %d: a lower learning rate may help", i, v, t.step)
				}
			}
		}
	}
	return nil
}

func (t *Trainer) bestAccuracy() float64 {
	best := 0.0
	for _, e := range t.history {
		best = max(best, e.ValidationAccuracy)
	}
	return best
}

// Finish makes the network that the run's Keep asks for the current one. The
// run must be done.
func (t *Trainer) Finish() error {
	if t.cfg.Keep == "best" && t.best != nil {
		_, err := t.setParameters(t.best)
		return err
	}
	return nil
}

// Evaluate measures the network, with running statistics, on images of the
// network's shape: mean loss and accuracy. It uses the batch's memory.
func (t *Trainer) Evaluate(images *data.Images) (loss, accuracy float64) {
	s := t.evaluate(images, nil)
	return s.mean(), s.accuracy()
}

// evaluate also calls each, if not nil, after every batch of n images.
func (t *Trainer) evaluate(images *data.Images, each func(n int)) (sum lossSum) {
	for lo := 0; lo < images.N; lo += t.cfg.Batch {
		n := min(t.cfg.Batch, images.N-lo)
		t.loadImages(images.Slice(lo, lo+n))
		t.forward(n, false)
		sum.add(t.loss(n, false))
		if each != nil {
			each(n)
		}
	}
	return sum
}

// Memory is the number of bytes that training holds for the parameters.
type Memory struct {
	Weights   int64 // weights as they are kept: one byte each for dst
	Norms     int64 // batch norm's parameters and statistics, biases, steps
	Gradients int64
	Optimizer int64 // moments
	Workspace int64 // one layer's weights as numbers and as they are multiplied by, remade for every product
	Teacher   int64 // its weights and norms
}

// Memory returns the bytes held.
func (t *Trainer) Memory() (m Memory) {
	for _, l := range t.all {
		for j, p := range l.tensors() {
			kept := int64(4*len(p.value) + len(p.level))
			if j == 0 {
				m.Weights += kept
			} else {
				m.Norms += kept
			}
			m.Gradients += int64(4 * len(p.grad))
			m.Optimizer += int64(p.momentBytes())
		}
		m.Norms += int64(4 * (len(l.mean) + len(l.variance)))
		m.Gradients += int64(4 * len(l.grads))
	}
	m.Workspace = int64(4*len(t.workspace) + t.packed.Bytes())
	if t.teacher != nil {
		of := t.teacher.Memory()
		m.Teacher = of.Weights + of.Norms
	}
	return m
}
