// Classify says what is on images of 28x28 pixels, by a low-bit network: clothes by the
// networks that are shipped for Fashion-MNIST, digits by those for MNIST. It is a module of
// its own that uses lowbit as yours would: it loads a network, makes a plan of it, which
// chooses kernels for this CPU, and runs the plan on batches.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"image"
	"image/color"
	_ "image/png"
	"io"
	"math"
	"os"
	"slices"
	"strings"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/model"
	"example.com/lowbit/netrun/models"
	"example.com/lowbit/netrun/nn"
)

const usage = `USAGE
  classify [flags] [FILE.png ...]

Classifies images of 28x28 pixels, light on dark: PNG files, or from standard input one PNG
file or raw images, 784 bytes each, one after the other. It prints a line an image: where it
is from, its class, and the class's share of the network's belief.

EXAMPLES
  classify shirt.png shoe.png
  classify < shoe.png
  tail -c +17 t10k-images-idx3-ubyte | classify
  classify -model my.safetensors -impl portable shoe.png

FLAGS
`

// The classes' names, by data set; those of others are numbers.
var names = map[string][]string{
	"fashion-mnist": {"t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"},
}

func main() {
	switch err := run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr); {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errFlags):
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "classify:", err)
		os.Exit(1)
	}
}

// errFlags is an error that the flag package has told.
var errFlags = errors.New("bad flags")

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	fs := flag.NewFlagSet("classify", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Usage = func() {
		fmt.Fprint(stderr, usage)
		fs.PrintDefaults()
	}
	name := fs.String("model", "fashion-lenet-ternary-u2", "a model `file`, or a shipped network: "+strings.Join(models.Names(), ", "))
	impl := fs.String("impl", "auto", "kernels to choose from: an `instruction set` such as avx2, or portable")
	verbose := fs.Bool("v", false, "say which kernels were chosen")
	if err := fs.Parse(args); err != nil {
		return errors.Join(errFlags, err)
	}
	if _, err := kernels.Use(*impl); err != nil {
		return err
	}
	net, err := load(*name)
	if err != nil {
		return err
	}
	if net.Input != (nn.Shape{H: 28, W: 28, C: 1}) {
		return fmt.Errorf("%s reads images of %dx%dx%d: want a network for 28x28x1", *name, net.Input.H, net.Input.W, net.Input.C)
	}
	c, err := newClassifier(net, bufio.NewWriter(stdout))
	if err != nil {
		return err
	}
	if *verbose {
		for i, l := range c.plan.Layers() {
			fmt.Fprintf(stderr, "layer %d: %s weights, %s\n", i+1, l.Weights, l.Kernel)
		}
	}
	if fs.NArg() == 0 {
		err = c.stream(bufio.NewReader(stdin))
	}
	for _, path := range fs.Args() {
		if err = c.file(path); err != nil {
			break
		}
	}
	return errors.Join(c.flush(), err) // what came before a bad image is told
}

// load reads a model file, or a shipped network if no file has the name.
func load(name string) (*nn.Network, error) {
	if slices.Contains(models.Names(), name) {
		return models.Load(name)
	}
	net, err := model.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w; nor is it a shipped network: these are %s", err, strings.Join(models.Names(), ", "))
	}
	return net, err
}

const batch = 64

// A classifier collects images to batches.
type classifier struct {
	plan    *nn.Plan
	classes []string
	pixels  []uint8
	from    []string // where the images are from
	logits  []float32
	out     *bufio.Writer
}

func newClassifier(net *nn.Network, out *bufio.Writer) (*classifier, error) {
	plan, err := nn.Compile(net, nn.Options{Batch: batch})
	if err != nil {
		return nil, err
	}
	classes := names[net.Dataset]
	for i := len(classes); i < net.Classes; i++ {
		classes = append(classes, fmt.Sprint(i))
	}
	return &classifier{plan: plan, classes: classes[:net.Classes], logits: make([]float32, batch*net.Classes), out: out}, nil
}

// add takes an image. It keeps no reference to pixels.
func (c *classifier) add(from string, pixels []uint8) error {
	c.pixels, c.from = append(c.pixels, pixels...), append(c.from, from)
	if len(c.from) == batch {
		return c.flush()
	}
	return nil
}

// flush classifies what was collected.
func (c *classifier) flush() error {
	n, classes := len(c.from), len(c.classes)
	logits := c.logits[:n*classes]
	c.plan.Run(logits, c.pixels, n)
	for i, from := range c.from {
		class, share := softmax(logits[i*classes:][:classes])
		fmt.Fprintf(c.out, "%s: %s %.0f %%\n", from, c.classes[class], 100*share)
	}
	c.pixels, c.from = c.pixels[:0], c.from[:0]
	return c.out.Flush()
}

// softmax is the class of the largest logit, and its share.
func softmax(logits []float32) (class int, share float64) {
	for i, v := range logits {
		if v > logits[class] {
			class = i
		}
	}
	sum := 0.0
	for _, v := range logits {
		sum += math.Exp(float64(v - logits[class]))
	}
	return class, 1 / sum
}

// stream reads raw images, or a PNG file.
func (c *classifier) stream(r *bufio.Reader) error {
	if head, _ := r.Peek(4); bytes.Equal(head, []byte("\x89PNG")) {
		return c.png("standard input", r)
	}
	pixels := make([]uint8, 28*28)
	for i := 0; ; i++ {
		switch n, err := io.ReadFull(r, pixels); {
		case err == io.EOF && i > 0:
			return nil
		case err == io.EOF:
			return errors.New("standard input is empty: want a PNG file or images of 784 bytes, or name files")
		case err == io.ErrUnexpectedEOF:
			return fmt.Errorf("standard input ends in image %d after %d bytes: want 784", i, n)
		case err != nil:
			return err
		}
		if err := c.add(fmt.Sprint("image ", i), pixels); err != nil {
			return err
		}
	}
}

func (c *classifier) file(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return c.png(path, bufio.NewReader(f))
}

// png takes the image of a PNG file, as grey. Its size is known before its pixels are read.
func (c *classifier) png(from string, r *bufio.Reader) error {
	var head bytes.Buffer
	size, _, err := image.DecodeConfig(io.TeeReader(r, &head))
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	if size.Width != 28 || size.Height != 28 {
		return fmt.Errorf("%s is an image of %dx%d pixels: want 28x28", from, size.Width, size.Height)
	}
	img, _, err := image.Decode(io.MultiReader(&head, r))
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	var pixels [28 * 28]uint8
	for i := range pixels {
		at := img.Bounds().Min.Add(image.Pt(i%28, i/28))
		pixels[i] = color.GrayModel.Convert(img.At(at.X, at.Y)).(color.Gray).Y
	}
	return c.add(from, pixels[:])
}
