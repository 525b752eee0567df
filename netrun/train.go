package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/atomicfile"
	"example.com/lowbit/netrun/data"
	"example.com/lowbit/netrun/measure"
	"example.com/lowbit/netrun/nn"
	"example.com/lowbit/netrun/train"
)

const trainHelp = `
Trains a network and writes it to a model file, which 'netrun eval', 'bench' and
'inspect' read. The methods:

  float  float32 weights and activations
  ste    float latent weights, rounded to the levels of the format in the forward
         pass (straight-through estimator)
  dst    discrete weights: a weight is the index of its level, one byte, and the
         optimizer moves it along the levels; there is no float copy of it
  ptq    no training: the float network of -init, rounded, with batch norm's
         statistics and the steps of activations measured on training images

The end of the training set is held out for validation. The test set is looked at
once, after the last step; after a run with -no-test, -resume does that alone. A run
is a function of its flags and the images, bit for bit, whatever -threads is. It writes
a checkpoint every epoch, every minute and when interrupted; -resume goes on from
there to the very same bits.

EXAMPLES
  netrun train -method float -out float.safetensors
  netrun train -method dst -weights ternary -acts u2 -epochs 5 -out t.safetensors
  netrun train -method ptq -init float.safetensors.checkpoint -weights int8 -out q.safetensors
  netrun train -resume -out t.safetensors     go on after an interruption
  netrun train -net mlp -data DIR -method ste -weights pow2:4 -acts u4 -out m.safetensors
  netrun train -net resnet20 -data DIR -out r.safetensors     DIR of CIFAR-10
  netrun train -network mine.json -out m.safetensors

NETWORK FILES
` + nn.NetworkHelp + `
Shortcuts carry u8 codes past the low-bit activations, projections the activations.

JSON
  network dataset method weights acts first last (weights/inputs of these layers)
  shortcuts (left out if none) config epochs (one object each: epoch loss
  accuracy validation_loss validation_accuracy moved levels: count, moved, level
  by level) layers (weights at the end: layer weights inputs number zeros count step)
  seconds cpu_seconds images_per_second memory peak_rss_bytes validation_accuracy
  test_accuracy test_images model (its SHA-256) model_bytes init_sha256 revision
  machine
`

// A trainJob is the command line of 'netrun train'.
type trainJob struct {
	*app
	dir, net, network    string
	weights, acts        string
	first, last          string
	out, checkpoint, log string
	init                 string
	teacher              string
	resume, noTest       bool
	threads              int
	every                time.Duration
	cfg                  train.Config
	method               string
	flags                *flag.FlagSet
	found                os.FileInfo // the checkpoint as the run last saw it, nil for none
}

func trainCommand(a *app) *ffcli.Command {
	j := &trainJob{app: a}
	return a.command("train", "[flags] -out FILE", "train a network", trainHelp, j.addFlags,
		func(ctx context.Context, args []string) error {
			if err := noArgs(args); err != nil {
				return err
			}
			return j.exec(ctx)
		})
}

func (j *trainJob) addFlags(fs *flag.FlagSet) {
	j.flags = fs
	c := &j.cfg
	*c = train.Default(train.DST)
	fs.StringVar(&j.dir, "data", "", "`folder` of MNIST, Fashion-MNIST, CIFAR-10 or SVHN with training images (default: Debian's Fashion-MNIST, "+data.FashionDir+")")
	fs.StringVar(&j.net, "net", "lenet", "network: "+strings.Join(nn.NetworkNames(), ", "))
	fs.StringVar(&j.network, "network", "", "JSON `file` that describes the network, instead of -net")
	fs.StringVar(&j.method, "method", train.DST, "float, ste, dst or ptq")
	fs.StringVar(&j.weights, "weights", "ternary", "format of all weights: binary, ternary, pow2:3, pow2:4 or int8; not for float")
	fs.StringVar(&j.acts, "acts", "u2", "format of all activations between layers: sign, u1, u2, u3, u4 or u8; not for float")
	fs.StringVar(&j.first, "first", "", "format of the first layer's weights, which reads u8: as -weights, or float32 (default: as all)")
	fs.StringVar(&j.last, "last", "", "format of the last layer's weights: as -weights, or float32; one of int8 reads u8 (default: as all)")
	fs.StringVar(&j.out, "out", "", "model `file` to write")
	fs.StringVar(&j.checkpoint, "checkpoint", "", "checkpoint `file` (default: that of -out with .checkpoint)")
	fs.BoolVar(&j.resume, "resume", false, "go on from the checkpoint if there is one; its configuration counts, and flags of the run are ignored")
	fs.DurationVar(&j.every, "every", time.Minute, "time between checkpoints within an epoch")
	fs.StringVar(&j.init, "init", "", "checkpoint `file` of a float run whose rounded weights are the first ones, or of a run of the same formats (default: random)")
	fs.StringVar(&j.teacher, "teacher", "", "ste, dst: checkpoint `file` of a float run whose answers are part of the targets (distillation); -resume needs it again")
	c.Distill, c.Temperature = 0.5, 2
	float32Var(fs, &c.Distill, "distill", "the teacher's share of the loss, 0 to 1")
	float32Var(fs, &c.Temperature, "temperature", "of the softmax that is compared with the teacher's")
	fs.StringVar(&j.log, "log", "", "append the result as a line of JSON to this `file`")
	fs.BoolVar(&j.noTest, "no-test", false, "do not measure the test images at the end: for choosing parameters")
	fs.IntVar(&j.threads, "threads", runtime.NumCPU(), "goroutines that compute")

	fs.IntVar(&c.Epochs, "epochs", c.Epochs, "passes over the training images")
	fs.IntVar(&c.Batch, "batch", c.Batch, "images a step")
	fs.Uint64Var(&c.Seed, "seed", c.Seed, "of everything random")
	fs.StringVar(&c.Optimizer, "optimizer", c.Optimizer, "sgd, momentum or adam")
	fs.StringVar(&c.State, "state", train.Float32, "the optimizer's moments of weights: float32, 8bit (a byte each, rounded at random), or none (sgd)")
	float32Var(fs, &c.Beta1, "beta1", "decay of the first moment")
	float32Var(fs, &c.Beta1End, "beta1-end", "what beta1 goes to as the rate goes to 0; 0 for no change")
	float32Var(fs, &c.Beta2, "beta2", "decay of the second moment (adam)")
	float32Var(fs, &c.LR, "lr", "peak learning rate of the weights; in units of the largest level for ste and dst")
	float32Var(fs, &c.NormLR, "normlr", "peak learning rate of batch norm and biases")
	float32Var(fs, &c.Decay, "decay", "weight decay, times the learning rate")
	fs.StringVar(&c.Schedule, "schedule", c.Schedule, "of the learning rates: cosine, onecycle, linear or constant")
	float32Var(fs, &c.Warmup, "warmup", "part of the run in which the rates rise from 0")
	float32Var(fs, &c.Smoothing, "smoothing", "label smoothing")
	fs.BoolVar(&c.Flip, "flip", c.Flip, "mirror half of the images, left to right (default: those of 3 channels, SVHN's excepted)")
	fs.IntVar(&c.Shift, "shift", c.Shift, "move images by up to so many `pixels`: crop them at random from a rim of so many (default: 4 for those of 3 channels, else 0)")
	fs.StringVar(&c.Fill, "fill", "black", "the rim's colour: black, or the mean of the training images")
	fs.StringVar(&c.Transition, "transition", c.Transition, "dst: tanh (GXNOR-Net) or unbiased (stochastic rounding)")
	float32Var(fs, &c.FanIn, "fan-in", "dst: slow layers of few inputs by (inputs / most inputs) to this power")
	fs.IntVar(&c.Contrast, "contrast", c.Contrast, "power, 1 to 3, of adam's |m|/sqrt(v) in a discrete update; 1 is Adam's own")
	float32Var(fs, &c.Spread, "spread", "standard deviation of the first weights in units of the largest level (ste, dst)")
	fs.StringVar(&c.Window, "window", c.Window, "pseudo-derivative of the activation quantizer: rect or tri")
	float32Var(fs, &c.HalfWidth, "halfwidth", "of the window, in steps")
	float32Var(fs, &c.Step, "step", "width of an activation code; 0 chooses by format")
	fs.BoolVar(&c.LearnStep, "learn-step", c.LearnStep, "train the width of the activation codes")
	float32Var(fs, &c.Statistics, "statistics", "momentum of batch norm's running statistics")
	fs.IntVar(&c.Validation, "validation", c.Validation, "images at the end of the training set that are held out")
	fs.IntVar(&c.Calibration, "calibration", 0, "training `images` on which -init from float measures batch norm's statistics and the steps of activations; 0 for none, for ptq 1024")
	fs.IntVar(&c.Limit, "limit", c.Limit, "train on the first images only; 0 is all")
	fs.StringVar(&c.Keep, "keep", c.Keep, "last, or the best on the validation images")
}

// float32Var is flag.Float64Var for a float32.
func float32Var(fs *flag.FlagSet, p *float32, name, usage string) {
	fs.Func(name, fmt.Sprintf("%s (default %v)", usage, *p), func(s string) error {
		v, err := strconv.ParseFloat(s, 32)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return errors.New("want a number")
		}
		*p = float32(v)
		return nil
	})
}

func (j *trainJob) exec(ctx context.Context) error {
	if j.out == "" {
		return usagef("no -out: want the model file to write")
	}
	if j.checkpoint == "" {
		j.checkpoint = j.out + ".checkpoint"
	}
	if j.threads < 1 {
		return usagef("-threads %d: want at least 1", j.threads)
	}
	if err := j.checkFiles(); err != nil { // rather than after an hour
		return err
	}
	set, images, err := j.open()
	if err != nil {
		return err
	}
	t, err := j.start(set, images)
	if err != nil {
		return err
	}
	if err := j.run(ctx, t); err != nil {
		return err
	}
	return j.finish(set, t)
}

// checkFiles returns an error if a file cannot be written, or if it is one that is
// read or another that is written.
func (j *trainJob) checkFiles() error {
	written := []string{j.out, j.checkpoint, j.log}
	for i, path := range written {
		if path == "" {
			continue
		}
		if err := atomicfile.Check(path); err != nil {
			return usagef("cannot write %s: %v", path, err)
		}
		for _, other := range append([]string{j.init, j.teacher, j.network}, written[:i]...) {
			if other != "" && sameFile(path, other) {
				return usagef("%s is named twice: want different files for -out, -checkpoint, -log, -init, -teacher and -network", path)
			}
		}
	}
	return nil
}

// sameFile tells whether two paths lead to one file, which need not be there.
func sameFile(a, b string) bool {
	x, errA := os.Stat(a)
	y, errB := os.Stat(b)
	if errA == nil && errB == nil {
		return os.SameFile(x, y)
	}
	return errA != nil && errB != nil && filepath.Base(a) == filepath.Base(b) && sameFile(filepath.Dir(a), filepath.Dir(b))
}

// open reads the training images. It looks whether the test images, if they will be
// wanted, can be read and are of the same shape: rather than after an hour.
func (j *trainJob) open() (*data.Set, *data.Images, error) {
	set, err := data.Find(j.dir)
	if err != nil {
		return nil, nil, err
	}
	images, err := set.Train()
	if errors.Is(err, data.ErrNoSplit) && j.dir == "" {
		return nil, nil, fmt.Errorf("%w\nOn Debian, 'apt-get install dataset-fashion-mnist' brings some", err)
	}
	if err != nil || j.noTest {
		return set, images, err
	}
	test, err := set.Test()
	if errors.Is(err, data.ErrNoSplit) {
		return set, images, nil
	}
	if err == nil && imageShape(test) != imageShape(images) {
		err = fmt.Errorf("test images of %s are %v: want %v, as the training images are; -no-test does without them", set.Source, imageShape(test), imageShape(images))
	}
	return set, images, err
}

func imageShape(im *data.Images) nn.Shape { return nn.Shape{H: im.H, W: im.W, C: im.C} }

// start returns a new run, or the one of the checkpoint.
func (j *trainJob) start(set *data.Set, images *data.Images) (*train.Trainer, error) {
	j.look()
	exists := j.found != nil
	if j.resume && exists {
		c, err := train.ReadCheckpoint(j.checkpoint)
		if err != nil {
			return nil, err
		}
		t, err := c.Resume(images, j.threads)
		if err != nil {
			return nil, err
		}
		if name := c.Config().Teacher; name != "" {
			if j.teacher == "" {
				return nil, usagef("%s has a teacher: want -teacher and its file %s", j.checkpoint, name)
			}
			if err := j.teach(t, images); err != nil {
				return nil, err
			}
		}
		done, total, _ := t.Steps()
		fmt.Fprintf(j.stderr, "resumed %s at step %d of %d\n", j.checkpoint, done, total)
		if was, is := c.Kernel(), train.FloatKernel(); was != is {
			fmt.Fprintf(j.stderr, "the run was on %s and goes on with %s: its bits will not be those it would have had\n", was, is)
		}
		return t, nil
	}
	if exists {
		return nil, fmt.Errorf("%s exists: -resume goes on from it; remove it to start anew", j.checkpoint)
	}
	j.cfg.Method = j.method
	f, err := j.formats()
	if err != nil {
		return nil, &usageError{err.Error()}
	}
	j.augment(set.Name, images)
	c, d := &j.cfg, train.Default(j.method)
	switch j.method { // no figures in a record that are not its own
	case train.Float:
		c.Transition, c.Window, c.HalfWidth, c.Spread, c.Contrast = d.Transition, d.Window, d.HalfWidth, d.Spread, d.Contrast
	case train.PTQ:
		d.Batch, d.Seed, d.Validation, d.Limit = c.Batch, c.Seed, c.Validation, c.Limit
		if c.Calibration > 0 {
			d.Calibration = c.Calibration
		}
		*c = d
	}
	description, err := j.describe()
	if err != nil {
		return nil, &usageError{err.Error()}
	}
	net, err := description.Network(imageShape(images), set.Classes, f)
	if err != nil {
		return nil, &usageError{err.Error()}
	}
	net.Dataset, net.Method = set.Name, j.method
	if j.init != "" {
		j.cfg.Init = filepath.Base(j.init)
	}
	if j.teacher == "" {
		j.cfg.Distill, j.cfg.Temperature = 0, 0
	} else {
		c, err := train.ReadCheckpoint(j.teacher)
		if err != nil {
			return nil, err
		}
		j.cfg.Teacher, j.cfg.TeacherSHA256 = filepath.Base(j.teacher), c.SHA256()
	}
	t, err := train.New(net, j.cfg, images, j.threads)
	if err != nil {
		return nil, &usageError{err.Error()}
	}
	if j.teacher != "" {
		if err := j.teach(t, images); err != nil {
			return nil, err
		}
	}
	if j.init == "" {
		if j.method == train.PTQ {
			return nil, usagef("-method ptq without -init: want the checkpoint of a float run")
		}
		return t, nil
	}
	float, sum, err := j.other(j.init, images)
	if err != nil {
		return nil, err
	}
	t.InitSHA256 = sum
	return t, t.InitFrom(float)
}

// teach gives the run its teacher.
func (j *trainJob) teach(t *train.Trainer, images *data.Images) error {
	teacher, sum, err := j.other(j.teacher, images)
	if err != nil {
		return err
	}
	return t.SetTeacher(teacher, sum)
}

// other returns the run of another checkpoint, with the network that it ended in if
// it is done, and the SHA-256 of the file.
func (j *trainJob) other(path string, images *data.Images) (*train.Trainer, string, error) {
	c, err := train.ReadCheckpoint(path)
	if err != nil {
		return nil, "", err
	}
	t, err := c.Resume(images, j.threads)
	if err == nil && t.Done() {
		err = t.Finish()
	}
	return t, c.SHA256(), err
}

// formats are those that the flags name.
func (j *trainJob) formats() (f nn.Formats, err error) {
	if j.method == train.Float {
		return nn.Formats{Weights: kernels.Float32, Acts: kernels.F32}, nil
	}
	for _, w := range []struct {
		to   *kernels.WeightFormat
		name string
	}{{&f.Weights, j.weights}, {&f.First, j.first}, {&f.Last, j.last}} {
		if w.name == "" && w.to != &f.Weights {
			continue
		}
		if *w.to, err = kernels.ParseWeightFormat(w.name); err != nil {
			return f, err
		}
	}
	f.Acts, err = kernels.ParseActFormat(j.acts)
	return f, err
}

// augment chooses what is usual for photographs, where the flags say nothing.
func (j *trainJob) augment(set string, images *data.Images) {
	if images.C != 3 {
		return
	}
	given := map[string]bool{}
	j.flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if !given["flip"] {
		j.cfg.Flip = set != "svhn" // a mirrored digit is none
	}
	if !given["shift"] {
		j.cfg.Shift = 4
	}
}

// describe returns the description of the network that the flags name.
func (j *trainJob) describe() (*nn.Description, error) {
	if j.network == "" {
		return nn.NamedNetwork(j.net)
	}
	given := false
	j.flags.Visit(func(f *flag.Flag) { given = given || f.Name == "net" })
	if given {
		return nil, errors.New("-net and -network: want one of them")
	}
	return nn.ReadDescription(j.network)
}

// run takes all steps that are left, and writes checkpoints.
func (j *trainJob) run(ctx context.Context, t *train.Trainer) error {
	cfg := t.Config()
	done, total, perEpoch := t.Steps()
	first, begin, saved := done, time.Now(), time.Now()
	before, cpu := t.Effort, measure.CPUTime()
	save := func() error {
		t.Effort.Seconds = before.Seconds + time.Since(begin).Seconds()
		t.Effort.CPUSeconds = before.CPUSeconds + (measure.CPUTime() - cpu).Seconds()
		t.Effort.PeakRSS = max(before.PeakRSS, measure.PeakRSS())
		return j.save(t)
	}
	bar := j.progress("training", "images", (total-done)*cfg.Batch)
	for !t.Done() {
		if ctx.Err() != nil {
			_ = bar.Clear()
			if err := save(); err != nil {
				return err
			}
			fmt.Fprintf(j.stderr, "stopped at step %d of %d; to go on: netrun train -resume%s -out %s\n", done, total, j.places(), j.out)
			return ctx.Err()
		}
		epoch, err := t.Step()
		if err != nil {
			return err
		}
		done++
		_ = bar.Add(cfg.Batch)
		if done%16 == 0 {
			bar.Describe(fmt.Sprintf("epoch %d/%d loss %.3f", done/perEpoch+1, cfg.Epochs, t.Loss()))
		}
		if epoch {
			_ = bar.Clear()
			j.printEpoch(t, time.Since(begin), done-first, total-done)
		}
		if epoch || time.Since(saved) >= j.every {
			if err := save(); err != nil {
				return err
			}
			saved = time.Now()
		}
	}
	_ = bar.Finish()
	return nil
}

// look notes what file the checkpoint is.
func (j *trainJob) look() { j.found, _ = os.Stat(j.checkpoint) }

// save writes the checkpoint, unless it is another run's by now.
func (j *trainJob) save(t *train.Trainer) error {
	last := j.found
	j.look()
	if now := j.found; now != nil && (last == nil || !os.SameFile(now, last) || !now.ModTime().Equal(last.ModTime())) {
		return fmt.Errorf("%s was written by another run meanwhile: this one ends, and that one may go on; runs at a time need a -checkpoint each", j.checkpoint)
	}
	err := t.Save(j.checkpoint)
	j.look()
	return err
}

// places are the flags that -resume needs to find the images and files, and to do with
// them what was asked for.
func (j *trainJob) places() (flags string) {
	if j.dir != "" {
		flags += " -data " + j.dir
	}
	if j.checkpoint != j.out+".checkpoint" {
		flags += " -checkpoint " + j.checkpoint
	}
	if j.teacher != "" {
		flags += " -teacher " + j.teacher
	}
	if j.log != "" {
		flags += " -log " + j.log
	}
	if j.noTest {
		flags += " -no-test"
	}
	return flags
}

func (j *trainJob) printEpoch(t *train.Trainer, spent time.Duration, done, left int) {
	h := t.History()
	e := h[len(h)-1]
	cfg := t.Config()
	rate := float64(done*cfg.Batch) / spent.Seconds()
	remaining := time.Duration(float64(spent) * float64(left) / float64(done)).Round(time.Second)
	validation := ""
	if cfg.Validation > 0 {
		validation = fmt.Sprintf(", validation loss %.4f accuracy %.2f %%", e.ValidationLoss, 100*e.ValidationAccuracy)
	}
	fmt.Fprintf(j.stderr, "epoch %d/%d: loss %.4f accuracy %.2f %%%s, %.0f images/s, %v left\n",
		e.Epoch, cfg.Epochs, e.Loss, 100*e.Accuracy, validation, rate, remaining)
}
