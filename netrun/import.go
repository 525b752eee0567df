package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/peterbourgon/ff/v3/ffcli"

	"example.com/lowbit/netrun/atomicfile"
	"example.com/lowbit/netrun/data"
	"example.com/lowbit/netrun/model"
	"example.com/lowbit/netrun/nn"
	"example.com/lowbit/netrun/onnx"
	"example.com/lowbit/netrun/train"
)

const importHelp = `
Reads a float ONNX model and writes the network that it computes to a model file: in
float32 or, with -weights and -acts, in formats of few bits. For that it is rounded as
'netrun train -method ptq' does: no training, batch norm's statistics and the steps of
activations from training images. Accuracy is then printed of those that are held out.

Layers may be convolutions (square, one group, equal pads), matrix products, batch norm
and what else is done to each channel, max-pooling with steps of its window, Relu, means
over all positions, and sums with shortcuts as residual networks have them. An error
names what is not. Models take images as pixel/255, or as -mean and -std say; what the
model itself does to their channels becomes part of the first layer.

EXAMPLES
  netrun import float.onnx -out float.safetensors
  netrun import float.onnx -out t.safetensors -weights pow2:4 -acts u4 -data DIR
  netrun import -mean 0.1307 -std 0.3081 float.onnx -out m.safetensors -weights int8 -acts u8

JSON
  network file bytes validation_accuracy validation_accuracy_float (%)
  validation_images (null: not measured)
`

// An importJob is the command line of 'netrun import'.
type importJob struct {
	*app
	out, name, dir    string
	weights, acts     string
	first, last       string
	mean, std         floatList
	input             nn.Shape
	force             bool
	calibration, held int
	threads           int
}

func importCommand(a *app) *ffcli.Command {
	j := &importJob{app: a}
	return a.command("import", "[flags] FILE.onnx -out FILE", "read a float ONNX model, and quantize it", importHelp,
		func(fs *flag.FlagSet) {
			fs.StringVar(&j.out, "out", "", "model `file` to write")
			fs.BoolVar(&j.force, "force", false, "replace it if it exists")
			fs.StringVar(&j.name, "name", "", "of the network (default: the file's)")
			fs.StringVar(&j.dir, "data", "", "`folder` of MNIST, Fashion-MNIST, CIFAR-10 or SVHN with training images (default, if they are needed: Debian's Fashion-MNIST, "+data.FashionDir+")")
			fs.StringVar(&j.weights, "weights", "", "format of all weights: binary, ternary, pow2:3, pow2:4 or int8 (default: float32)")
			fs.StringVar(&j.acts, "acts", "", "format of all activations between layers: sign, u1, u2, u3, u4 or u8; needs -weights")
			fs.StringVar(&j.first, "first", "", "format of the first layer's weights: as -weights, or float32 (default: as all)")
			fs.StringVar(&j.last, "last", "", "format of the last layer's weights (default: as all)")
			fs.Var(&j.mean, "mean", "`numbers` that were taken from pixel/255 before the model: one, or one a channel")
			fs.Var(&j.std, "std", "`numbers` that it was divided by then")
			fs.Func("input", "shape of images, `HxWxC`, of a model that takes them as vectors", j.setInput)
			fs.IntVar(&j.calibration, "calibration", train.Default(train.PTQ).Calibration, "training `images` that statistics and steps are measured on")
			fs.IntVar(&j.held, "validation", train.Default(train.PTQ).Validation, "images at the end of the training set that are held out")
			fs.IntVar(&j.threads, "threads", runtime.NumCPU(), "goroutines that compute")
		},
		func(_ context.Context, args []string) error {
			if len(args) != 1 {
				return usagef("%d arguments: want FILE.onnx", len(args))
			}
			return j.exec(args[0])
		})
}

func (j *importJob) setInput(s string) error {
	n, err := fmt.Sscanf(s+" ", "%dx%dx%d ", &j.input.H, &j.input.W, &j.input.C)
	if err != nil || n != 3 {
		return errors.New("want HxWxC, such as 28x28x1")
	}
	return nil
}

// floatList is a flag of numbers separated by commas.
type floatList []float32

func (l *floatList) String() string { return "" }

func (l *floatList) Set(s string) error {
	*l = nil
	for part := range strings.SplitSeq(s, ",") {
		v, err := strconv.ParseFloat(part, 32)
		if err != nil || v-v != 0 {
			return fmt.Errorf("%q: want numbers separated by commas", part)
		}
		*l = append(*l, float32(v))
	}
	return nil
}

func (j *importJob) exec(path string) error {
	switch {
	case j.out == "":
		return usagef("no -out: want the model file to write")
	case (j.weights == "") != (j.acts == ""):
		return usagef("-weights %q, -acts %q: want both, or none for float32", j.weights, j.acts)
	case j.weights == "" && j.first+j.last != "":
		return usagef("-first or -last without -weights")
	case j.threads < 1 || j.calibration < 1 || j.held < 0:
		return usagef("-threads %d, -calibration %d, -validation %d: want at least 1, 1, 0", j.threads, j.calibration, j.held)
	}
	if err := atomicfile.Check(j.out); err != nil {
		return usagef("cannot write %s: %v", j.out, err)
	}
	if _, err := os.Lstat(j.out); err == nil && !j.force {
		return fmt.Errorf("%s exists: give another name, or -force to replace it", j.out)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	n, err := readONNX(path, onnx.Input{Shape: j.input, Mean: j.mean, Std: j.std})
	if err != nil {
		return err
	}
	n.Name = j.name
	if n.Name == "" {
		n.Name = strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	}
	var r importRow
	if j.weights != "" {
		if n, r, err = j.quantize(n); err != nil {
			return err
		}
	} else if j.dir != "" {
		set, err := data.Open(j.dir)
		if err != nil {
			return err
		}
		n.Dataset = set.Name
	}
	if err := model.WriteFile(j.out, n); err != nil {
		return err
	}
	info, err := os.Stat(j.out)
	if err != nil {
		return err
	}
	r.Network, r.File, r.Bytes = n.Name, j.out, info.Size()
	if j.json {
		return j.printJSON(r)
	}
	fmt.Fprintf(j.stdout, "%s: %s bytes, network %s, %d layers, %s\n", j.out, count(int(r.Bytes)), n.Name, len(n.Blocks), formatLabel(n))
	if r.Accuracy != nil {
		fmt.Fprintf(j.stdout, "accuracy %.2f %%, in float32 %.2f %%, of %s held-out images of %s\n", *r.Accuracy, *r.AccuracyFloat, count(*r.Images), n.Dataset)
	}
	return nil
}

// An importRow is the line of -json.
type importRow struct {
	Network       string   `json:"network"`
	File          string   `json:"file"`
	Bytes         int64    `json:"bytes"`
	Accuracy      *float64 `json:"validation_accuracy"`
	AccuracyFloat *float64 `json:"validation_accuracy_float"`
	Images        *int     `json:"validation_images"`
}

// readONNX reads the network of an ONNX file. The error names the path.
func readONNX(path string, in onnx.Input) (*nn.Network, error) {
	f, err := atomicfile.OpenRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	file, err := io.ReadAll(io.LimitReader(f, onnx.MaxFile+1))
	if err != nil {
		return nil, err
	}
	n, err := onnx.Import(file, in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return n, nil
}

// quantize returns the float network in the formats of the flags.
func (j *importJob) quantize(n *nn.Network) (*nn.Network, importRow, error) {
	var r importRow
	formats := trainJob{method: train.PTQ, weights: j.weights, acts: j.acts, first: j.first, last: j.last}
	f, err := formats.formats()
	if err != nil {
		return nil, r, &usageError{err.Error()}
	}
	set, err := data.Find(j.dir)
	if err != nil {
		return nil, r, err
	}
	images, err := set.Train()
	if err != nil {
		return nil, r, err
	}
	if in := (nn.Shape{H: images.H, W: images.W, C: images.C}); in != n.Input || n.Classes < set.Classes {
		return nil, r, usagef("the network takes images of %v and tells %d classes apart: %s has %v, %d classes", n.Input, n.Classes, set.Name, in, set.Classes)
	}
	low, err := descriptionOf(n).Network(n.Input, n.Classes, f)
	if err != nil {
		return nil, r, err
	}
	for i := range n.Blocks {
		if !n.Blocks[i].SameShape(&low.Blocks[i]) {
			return nil, r, fmt.Errorf("block %d has a shortcut through a convolution of %dx%d: only float32 networks may, others through 1x1",
				i, n.Blocks[i].Skip.Proj.Kernel, n.Blocks[i].Skip.Proj.Kernel)
		}
	}
	low.Dataset, low.Method = set.Name, train.PTQ
	cfg := train.Default(train.PTQ)
	cfg.Calibration, cfg.Validation = j.calibration, j.held
	if left := images.N - j.held; left < 1 {
		return nil, r, usagef("-validation %d: %s has %d training images", j.held, set.Name, images.N)
	} else {
		cfg.Batch = min(cfg.Batch, left)
	}
	float, err := train.FromFloat(n, cfg, images, j.threads)
	if err != nil {
		return nil, r, err
	}
	t, err := train.New(low, cfg, images, j.threads)
	if err != nil {
		return nil, r, err
	}
	if err := t.InitFrom(float); err != nil {
		return nil, r, err
	}
	if held := t.Validation(); held.N > 0 {
		percent := func(t *train.Trainer) *float64 {
			_, a := t.Evaluate(held)
			a *= 100
			return &a
		}
		r.Accuracy, r.AccuracyFloat, r.Images = percent(t), percent(float), &held.N
	}
	out := t.Export()
	out.Name = n.Name
	out.Meta = map[string]string{"calibration": fmt.Sprint(min(j.calibration, images.N-j.held))}
	return out, r, nil
}

// descriptionOf returns the layers of a network.
func descriptionOf(n *nn.Network) *nn.Description {
	d := &nn.Description{Name: n.Name}
	for i := range n.Blocks {
		b := &n.Blocks[i]
		l := nn.LayerDescription{Kind: b.Kind, Out: b.Out, Kernel: b.Kernel, Stride: b.Stride, Pad: b.Pad, Pool: b.Pool, Back: b.Back}
		if b.Kind == nn.Mean {
			l.Out = 0
		}
		if b.Skip != nil {
			l.Skip = &nn.SkipDescription{Back: b.Skip.Back, Project: b.Skip.Proj != nil}
		}
		d.Layers = append(d.Layers, l)
	}
	return d
}
