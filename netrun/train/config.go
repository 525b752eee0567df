// Package train trains networks whose weights and activations are low-bit, and
// the float32 networks they are judged beside.
//
// Three methods share one schedule, and a fourth has none: "ptq" rounds a trained
// float32 network and trains no more. "float" is float32. "ste" keeps float
// latent weights, rounds them to the levels of the format in the forward pass
// and lets the gradient through unchanged. "dst" keeps no float weights: a
// weight is the index of its level, and the optimizer's real update moves it
// along the levels by a discrete, partly random transition (quant.Grid.Update,
// after GXNOR-Net, Deng et al. 2018, arXiv 1705.09283).
//
// The forward pass multiplies integers held in float32, weights by activation
// codes, and keeps every sum within 2^24, so it is exact: what Export writes
// gives the very same codes and logits in integer inference. Layers of a low-bit
// network that have float32 weights, trained as those of a float one whatever the
// method, are the exception: their sums are rounded, and inference, which may add
// in another order, may give other last bits and, rarely, another code.
//
// A run is a function of its Config and data, bit for bit, on one
// implementation of the float32 kernels: neither the number of threads nor
// being stopped and resumed changes it.
package train

import (
	"errors"
	"fmt"
	"math"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/nn"
	"example.com/lowbit/netrun/quant"
)

// The methods.
const (
	Float = "float"
	STE   = "ste"
	DST   = "dst"
	PTQ   = "ptq"
)

// The optimizers. SGD holds no state, Momentum one float32 a parameter, Adam
// two.
const (
	SGD      = "sgd"
	Momentum = "momentum"
	Adam     = "adam"
)

// What the moments of the weights are held in. With None, the optimizer is SGD.
const (
	Float32 = "float32"
	Eight   = "8bit"
	None    = "none"
)

// A Config says everything about a run but the network's shape, the data and
// the number of threads.
type Config struct {
	Method string
	Epochs int
	Batch  int // images a step; what is left of an epoch is dropped
	Seed   uint64

	Optimizer string
	// State is Float32, Eight (bytes with random rounding, quant.Eight) or None;
	// "" is Float32. Batch norm's few moments are float32 in any case.
	State        string  `json:",omitempty"`
	Beta1, Beta2 float32 // Momentum uses Beta1, Adam both
	// Beta1End, if not 0, is what Beta1 goes to as the learning rate goes to
	// 0. A discrete weight's odds of moving up or down are those of its
	// averaged gradient to be positive or negative, at any rate: only a longer
	// average makes its last moves less random.
	Beta1End float32
	// LR is the peak learning rate of the weights. For ste and dst it is in
	// units of the largest level, so that it means the same for all formats.
	LR     float32
	NormLR float32 // peak learning rate of batch norm, biases and steps
	// Decay is the weight decay: each step takes LR*Decay of a weight away,
	// apart from the optimizer (as AdamW).
	Decay    float32
	Schedule string  // "cosine", "onecycle", "linear" or "constant"
	Warmup   float32 // part of the run, 0 to 1, in which the rate rises linearly from 0

	Smoothing float32 // label smoothing: this much of each target is spread over all classes
	Flip      bool    // mirror half of the images left to right
	Shift     int     // move images by up to this many pixels each way: crop them at random after padding them by so many
	Fill      string  `json:",omitempty"` // of that padding: "black", or each channel's "mean" over the training images; "" is black

	// Low-bit networks.
	Transition string // dst: "tanh" or "unbiased"
	// FanIn slows discrete weights of sums of few inputs: their rate is times
	// (inputs / those of the layer with most) to this power. A move changes a
	// sum of 25 products far more than one of 1000.
	FanIn float32
	// Contrast is the power, 1 to 3, to which adam's |m|/sqrt(v), about the
	// signal-to-noise ratio of a gradient, is raised for discrete weights: 1 is
	// Adam; above, weights whose gradient is but noise keep still.
	Contrast  int
	Spread    float32 // standard deviation of the first weights, in units of the largest level
	Window    string  // "rect" or "tri"
	HalfWidth float32 // of the window, in steps of the quantizer
	// Step is the width of an activation's code before batch norm's scale
	// folds into it; 0 chooses by format. With LearnStep it is trained.
	Step      float32
	LearnStep bool

	Statistics float32 // momentum of batch norm's running mean and variance
	// Calibration is the number of training images on which InitFrom measures
	// statistics and steps.
	Calibration int    `json:",omitempty"`
	Validation  int    // images at the end of the training set that are held out
	Limit       int    // train on the first images only; 0 for all
	Keep        string // "last" epoch's network, or the "best" on the validation images
	// Teacher is the name of the float run that SetTeacher takes, "" for none.
	Teacher       string  `json:",omitempty"`
	TeacherSHA256 string  `json:",omitempty"` // of its checkpoint
	Distill       float32 `json:",omitempty"` // the teacher's share of the loss, 0 to 1
	Temperature   float32 `json:",omitempty"` // that softens answers
	Init          string  // name of the float run whose rounded weights are the first ones (InitFrom), "" for random
}

// Default returns a Config for the method, complete but for what the caller
// wants otherwise.
func Default(method string) Config {
	c := Config{
		Method: method, Epochs: 20, Batch: 128, Seed: 1,
		Optimizer: Adam, Beta1: 0.9, Beta2: 0.999, LR: 2e-3, NormLR: 2e-3,
		Schedule: "cosine", Warmup: 0.05,
		Statistics: 0.05, Validation: 5000, Keep: "last",
	}
	if method != Float {
		c.Transition, c.Window, c.HalfWidth, c.Spread, c.Contrast = "unbiased", "rect", 0.5, 0.4, 1
	}
	if method == PTQ {
		c.Epochs, c.Optimizer, c.Calibration = 0, SGD, 1024
	}
	return c
}

// discrete says whether weights are kept as levels.
func (c *Config) discrete() bool { return c.Method == DST || c.Method == PTQ }

func oneOf(field, got string, want ...string) error {
	for _, w := range want {
		if got == w {
			return nil
		}
	}
	return fmt.Errorf("train: %s is %q: want one of %q", field, got, want)
}

// check returns an error that names the first field that cannot be. Files
// hold Configs, so it trusts nothing.
func (c *Config) check() error {
	err := oneOf("method", c.Method, Float, STE, DST, PTQ)
	if err == nil {
		err = oneOf("optimizer", c.Optimizer, SGD, Momentum, Adam)
	}
	if err == nil && c.State != "" {
		err = oneOf("optimizer state", c.State, Float32, Eight, None)
	}
	if err == nil && c.State == None && c.Optimizer != SGD {
		err = fmt.Errorf("train: optimizer is %q without state: want %q", c.Optimizer, SGD)
	}
	if err == nil {
		err = oneOf("schedule", c.Schedule, "cosine", "onecycle", "linear", "constant")
	}
	if err == nil {
		err = oneOf("keep", c.Keep, "last", "best")
	}
	if err == nil && c.Keep == "best" && c.Validation == 0 {
		err = errors.New("train: keep is \"best\" without images held out for validation: want some, or \"last\"")
	}
	if err == nil && c.Fill != "" {
		err = oneOf("fill", c.Fill, "black", "mean")
	}
	if err == nil && c.Method == DST {
		err = oneOf("transition", c.Transition, "tanh", "unbiased")
	}
	if err == nil && c.Method != Float {
		err = oneOf("window", c.Window, "rect", "tri")
	}
	if err != nil {
		return err
	}
	epochs, calibration := 1.0, 0.0
	if c.Method == PTQ {
		epochs, calibration = 0, 1
	}
	for _, f := range []struct {
		name      string
		got       float64
		low, high float64
	}{
		{"epochs", float64(c.Epochs), epochs, 1e6},
		{"batch", float64(c.Batch), 1, 1 << 16},
		{"beta1", float64(c.Beta1), 0, 0.99999},
		{"beta2", float64(c.Beta2), 0, 0.999999},
		{"beta1 at the end", float64(c.Beta1End), 0, 0.99999},
		{"lr", float64(c.LR), 0, 1e6},
		{"normlr", float64(c.NormLR), 0, 1e6},
		{"decay", float64(c.Decay), 0, 1e3},
		{"warmup", float64(c.Warmup), 0, 1},
		{"smoothing", float64(c.Smoothing), 0, 0.9},
		{"shift", float64(c.Shift), 0, 64},
		{"fan-in", float64(c.FanIn), 0, 2},
		{"contrast", float64(c.Contrast), 0, 3},
		{"spread", float64(c.Spread), 0, 1e3},
		{"step", float64(c.Step), 0, 1e6},
		{"statistics", float64(c.Statistics), 1e-6, 1},
		{"validation", float64(c.Validation), 0, 1 << 30},
		{"limit", float64(c.Limit), 0, 1 << 30},
		{"calibration", float64(c.Calibration), calibration, 1 << 30},
	} {
		if !(f.got >= f.low && f.got <= f.high) {
			return fmt.Errorf("train: %s is %v: want %v to %v", f.name, f.got, f.low, f.high)
		}
	}
	if c.Teacher != "" {
		if c.Method != STE && c.Method != DST {
			return fmt.Errorf("train: a teacher for method %q: want %q or %q", c.Method, DST, STE)
		}
		if !(c.Distill > 0 && c.Distill <= 1) || !(c.Temperature >= 0.1 && c.Temperature <= 100) {
			return fmt.Errorf("train: teacher's share %v at temperature %v: want above 0 to 1, at 0.1 to 100", c.Distill, c.Temperature)
		}
	}
	if c.Method != Float && !(c.HalfWidth >= 1e-3 && c.HalfWidth <= 64) {
		return fmt.Errorf("train: half width is %v: want 0.001 to 64", c.HalfWidth)
	}
	return nil
}

func (c *Config) window() quant.Window {
	return quant.Window{Triangular: c.Window == "tri", HalfWidth: c.HalfWidth}
}

func (c *Config) transition() quant.Transition {
	if c.Transition == "unbiased" {
		return quant.Unbiased
	}
	return quant.Tanh
}

// rate is the part of the peak learning rate at a step of a run of total
// steps.
func (c *Config) rate(step, total int) float64 {
	x, warm := (float64(step)+0.5)/float64(total), c.warmup()
	if c.warming(step, total) {
		return x / warm
	}
	x = (x - warm) / (1 - warm)
	switch c.Schedule {
	case "constant":
		return 1
	case "linear":
		return 1 - x
	}
	return 0.5 + float64(0.5*math.Cos(math.Pi*x))
}

// beta1 is the decay of the first moment at a step of a run of total steps.
func (c *Config) beta1(step, total int) float32 {
	if c.Beta1End == 0 || c.warming(step, total) {
		return c.Beta1
	}
	return c.Beta1End + float32((c.Beta1-c.Beta1End)*float32(c.rate(step, total)))
}

func (c *Config) warming(step, total int) bool {
	return float64(step)+0.5 < float64(total)*c.warmup()
}

func (c *Config) warmup() float64 {
	if c.Schedule == "onecycle" {
		return max(float64(c.Warmup), 0.3)
	}
	return float64(c.Warmup)
}

// defaultStep is the width of a code in standard deviations of the batch norm
// output it starts from: about the one of least squared error for the positive
// half of a normal distribution.
func defaultStep(a kernels.ActFormat) float32 {
	switch a {
	case kernels.Sign: // codes 0 and 1 mean -1 and +1: the step is their distance
		return 2
	case kernels.U1:
		return 1
	case kernels.U2:
		return 0.6
	case kernels.U3:
		return 0.33
	case kernels.U4:
		return 0.19
	case kernels.U8:
		return 0.016
	}
	return 1
}

// checkNetwork returns an error if the network cannot be trained by the
// method, or has a sum that float32 cannot hold exactly.
func checkNetwork(net *nn.Network, method string) error {
	if err := net.CheckShapes(); err != nil {
		return err
	}
	if net.Float() != (method == Float) {
		return fmt.Errorf("train: method %q and inputs %v: want float with float32 activations, another method with codes", method, net.Blocks[0].InAct)
	}
	for i := range net.Blocks {
		b := &net.Blocks[i]
		if b.Pool > 16 {
			return fmt.Errorf("train: block %d pools over %d: want at most 16", i, b.Pool)
		}
		if b.Kind == nn.Mean && (b.OutAct != b.InAct || b.Stream) {
			return fmt.Errorf("train: block %d takes means of %v to %v, stream %v: want the same format and no stream", i, b.InAct, b.OutAct, b.Stream)
		}
	}
	if net.Float() {
		return nil
	}
	for i := range net.Blocks {
		b := &net.Blocks[i]
		if err := checkSums(b); err != nil {
			return fmt.Errorf("train: block %d has %w", i, err)
		}
		if b.Skip != nil && b.Skip.Proj != nil {
			if err := checkSums(b.Skip.Proj); err != nil {
				return fmt.Errorf("train: the shortcut of block %d has %w", i, err)
			}
		}
	}
	return nil
}

// maxSum is the largest sum that float32 holds exactly with all below it.
const maxSum = 1 << 24

// checkSums returns an error if the low-bit block's sums are likely to pass
// maxSum: if they would though weights were half as large as they can be. What
// they come to is checked as they are trained (checkRanges).
func checkSums(b *nn.Block) error {
	if b.Weights == kernels.Float32 { // rounded in any case
		return nil
	}
	inputs, weight := b.K(), 1
	if b.Kind == nn.Mean {
		inputs = b.In.H * b.In.W
	} else {
		levels := b.Weights.Levels()
		weight = int(levels[len(levels)-1])
	}
	if top := int64(inputs) * int64(weight) * int64(b.InAct.Max()); top > maxSum && (weight == 1 || top > 2*maxSum) {
		return fmt.Errorf("sums up to %d inputs * %d * %d = %d: want at most 2^24, where float32 is exact, or twice that if most weights may be smaller",
			inputs, weight, b.InAct.Max(), top)
	}
	return nil
}

// checkRanges returns an error if a sum of the weights as they are may pass
// maxSum.
func (t *Trainer) checkRanges() error {
	for i, l := range t.all {
		if l.grid == nil || int64(l.k)*int64(l.grid.Max())*int64(l.InAct.Max()) <= maxSum {
			continue
		}
		w := t.values(l)
		for o := range l.Out {
			sum := 0.0
			for _, v := range w[o*l.k:][:l.k] {
				sum += math.Abs(float64(v))
			}
			if sum *= float64(l.InAct.Max()); sum > maxSum {
				return fmt.Errorf("train: layer %d: sums of output %d reach %.0f: want at most 2^24, where float32 is exact; activations of fewer bits help", i, o, sum)
			}
		}
	}
	return nil
}
