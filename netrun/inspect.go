package main

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/data"
	"example.com/lowbit/netrun/measure"
	"example.com/lowbit/netrun/nn"
)

const inspectHelp = `
Prints the layers of a network: shapes, formats, the kernel chosen, bytes,
multiply-adds, and where the time of one thread goes. MODEL is a model file or the
name of a shipped network; without it, the shipped networks are listed.

EXAMPLES
  netrun inspect                                      what is shipped
  netrun inspect fashion-lenet-ternary-u2
  netrun inspect my.safetensors -batch 1
  netrun inspect fashion-lenet-binary-u1 -rounds 0    no timing
  netrun inspect fashion-lenet-binary-u1 -json | jq '[.layer,.kernel,.share]'

JSON
  of the list: name network dataset method weights acts first last file_bytes
  weight_bytes weights_shipped test_accuracy test_images validation_accuracy
  validation_images (recorded in training; null: not known)
  of a network:
  network layer kind from (the layer before, 0: the images) input output weights
  acts shortcut_from shortcut_kernel (null: an identity) stream (what a shortcut
  reads, null: no) kernel epilogue macs weight_bytes packed_bytes batch
  ns_per_image share (of the time; null: not measured)
`

// A layerRow is one line of inspect's -json.
type layerRow struct {
	Network string `json:"network"`
	Layer   int    `json:"layer"` // from 1
	Kind    string `json:"kind"`
	From    int    `json:"from"`   // the layer whose output is the input, 0 for the images
	Input   [3]int `json:"input"`  // H, W, C
	Output  [3]int `json:"output"` // after pooling
	// Weights and Acts are the formats of the weights and of the inputs.
	Weights string `json:"weights"`
	Acts    string `json:"acts"`
	// The shortcut's layer, the kernel of its product if it projects, and the format
	// of what the layer puts out for shortcuts.
	ShortcutFrom   *int    `json:"shortcut_from"`
	ShortcutKernel *string `json:"shortcut_kernel"`
	Stream         *string `json:"stream"`

	Kernel      string   `json:"kernel"`
	Epilogue    string   `json:"epilogue"`
	MACs        int64    `json:"macs"`
	WeightBytes int64    `json:"weight_bytes"`
	PackedBytes int64    `json:"packed_bytes"`
	Batch       int      `json:"batch"`
	NsPerImage  *float64 `json:"ns_per_image"`
	Share       *float64 `json:"share"`
}

func inspectCommand(a *app) *ffcli.Command {
	var impl implFlag
	batch := 64
	rounds := 25
	return a.command("inspect", "[flags] [MODEL]", "what is shipped; a network layer by layer: kernels, bytes, time", inspectHelp,
		func(fs *flag.FlagSet) {
			impl.add(fs)
			fs.IntVar(&batch, "batch", batch, "`images` at once")
			fs.IntVar(&rounds, "rounds", rounds, "`rounds` of timing; 0 measures no time")
		},
		func(ctx context.Context, args []string) error {
			switch {
			case len(args) > 1:
				return usagef("%d arguments: want one MODEL", len(args))
			case batch < 1 || batch > 4096:
				return usagef("-batch %d: want 1 to 4096", batch)
			case rounds < 0 || rounds > 1000:
				return usagef("-rounds %d: want 0 to 1000", rounds)
			}
			if err := impl.use(); err != nil {
				return err
			}
			if len(args) == 0 {
				return a.list()
			}
			net, err := loadNetwork(args[0])
			if err != nil {
				return err
			}
			plan, err := nn.Compile(net, nn.Options{Batch: batch})
			if err != nil {
				return err
			}
			times, err := profile(ctx, net, plan, batch, rounds)
			if err != nil {
				return err
			}
			rows := layerRows(net, plan, batch, times)
			if a.json {
				for _, r := range rows {
					if err := a.printJSON(r); err != nil {
						return err
					}
				}
				return nil
			}
			a.printInspect(net, plan, rows)
			return nil
		})
}

// profile returns the median nanoseconds an image that each layer takes, nil for no
// rounds. The images are those of the embedded set if they fit, else made.
func profile(ctx context.Context, net *nn.Network, plan *nn.Plan, batch, rounds int) ([]float64, error) {
	if rounds == 0 {
		return nil, nil
	}
	pixels := repeat(imagesFor(net), batch).Pixels
	logits := make([]float32, batch*net.Classes)
	plan.Run(logits, pixels, batch)
	samples := make([][]float64, len(net.Blocks))
	clock, unlock := measure.ThreadClock()
	defer unlock()
	for range rounds {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		times := make([]time.Duration, len(net.Blocks))
		calls := 0
		for begin := clock(); calls == 0 || clock()-begin < 5*time.Millisecond; calls++ {
			plan.Profile(times, clock, logits, pixels, batch)
		}
		for i, t := range times {
			samples[i] = append(samples[i], float64(t)/float64(calls*batch))
		}
	}
	medians := make([]float64, len(samples))
	for i := range samples {
		medians[i] = measure.Median(samples[i])
	}
	return medians, nil
}

// imagesFor returns images of the network's shape: times may depend on the pixels, so
// real ones if there are any.
func imagesFor(net *nn.Network) *data.Images {
	if im, err := data.Embedded().Test(); err == nil && net.Input == (nn.Shape{H: im.H, W: im.W, C: im.C}) {
		return im
	}
	return data.Made(16, net.Input.H, net.Input.W, net.Input.C)
}

func layerRows(net *nn.Network, plan *nn.Plan, batch int, times []float64) []layerRow {
	var total float64
	for _, t := range times {
		total += t
	}
	var rows []layerRow
	for i, l := range plan.Layers() {
		r := layerRow{
			Network: net.Name, Layer: i + 1, Kind: l.Kind, From: net.Source(i) + 1,
			Input: [3]int{l.In.H, l.In.W, l.In.C}, Output: [3]int{l.Out.H, l.Out.W, l.Out.C},
			Weights: weightsName(l.Weights), Acts: l.InAct.String(), Kernel: l.Kernel, Epilogue: l.Epilogue,
			MACs: l.MACs, WeightBytes: l.WeightBytes, PackedBytes: l.PackedBytes, Batch: batch,
		}
		if l.Skip {
			from := net.SkipSource(i) + 1
			r.ShortcutFrom = &from
		}
		if l.Shortcut != "" {
			r.ShortcutKernel = &l.Shortcut
		}
		if l.Stream {
			name := kernels.U8.String()
			r.Stream = &name
		}
		if times != nil {
			share := times[i] / total
			r.NsPerImage, r.Share = &times[i], &share
		}
		rows = append(rows, r)
	}
	return rows
}

// rate is multiply-adds a nanosecond, "" of none.
func rate(macs int64, ns float64) string {
	if macs == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f", float64(macs)/ns)
}

// weightsName is the name of a format, "none" for a mean's.
func weightsName(w kernels.WeightFormat) string {
	if w == kernels.NoWeights {
		return "none"
	}
	return w.String()
}

func (a *app) printInspect(net *nn.Network, plan *nn.Plan, rows []layerRow) {
	t := table{columns: []column{
		{"layer", false}, {"output", false}, {"weights/\ninputs", false}, {"kernel", false},
		{"MACs\nx1000", true}, {"weights\nKiB", true}, {"packed\nKiB", true},
	}}
	timed := rows[0].NsPerImage != nil
	if timed {
		t.columns = append(t.columns, column{"us/\nimage", true}, column{"%", true}, column{"GMAC\n/s", true})
	}
	var sum layerRow
	var ns float64
	line := func(name, output, formats, kernel string, r *layerRow, ns float64, share float64) {
		cells := []string{name, output, formats, kernel, count(int((r.MACs + 500) / 1000)), kib(r.WeightBytes), kib(r.PackedBytes)}
		if timed {
			cells = append(cells, micro(ns), fmt.Sprintf("%.1f", 100*share), rate(r.MACs, ns))
		}
		t.add(cells...)
	}
	for i := range rows {
		r := &rows[i]
		name := fmt.Sprintf("%d %s", r.Layer, layerName(net, i))
		formats := r.Weights + "/" + r.Acts
		if r.Weights == r.Acts {
			formats = r.Weights
		}
		var t, share float64
		if timed {
			t, share = *r.NsPerImage, *r.Share
		}
		line(name, fmt.Sprintf("%dx%dx%d", r.Output[0], r.Output[1], r.Output[2]), formats, r.Kernel, r, t, share)
		sum.MACs += r.MACs
		sum.WeightBytes += r.WeightBytes
		sum.PackedBytes += r.PackedBytes
		ns += t
	}
	line("all", "", "", "", &sum, ns, 1)

	w := a.stdout
	fmt.Fprintf(w, "%s: %s, %s on %s, input %v, %d classes\n\n", net.Name, networkKind(net), net.Method, net.Dataset, net.Input, net.Classes)
	t.print(w)
	fmt.Fprintln(w)
	batch := rows[0].Batch
	printNote(w, "activations", fmt.Sprintf("%s KiB at their peak for a batch of %d, %s KiB for one image", kib(plan.ActivationBytes(batch)), batch, kib(plan.ActivationBytes(1))))
	printNote(w, "epilogues", epilogueNote(rows))
	if note := shortcutNote(net, rows); note != "" {
		printNote(w, "shortcuts", note)
	}
	if timed {
		printNote(w, "time", fmt.Sprintf("medians on one thread, batches of %d, product and epilogue (pooling, codes) of each layer", batch))
	}
	printNote(w, "packed", "what the plan holds: weights as the kernel wants them, thresholds, scales and biases")
	var meta []string
	for _, key := range slices.Sorted(maps.Keys(net.Meta)) {
		// JSON has no spaces for lines to end at.
		meta = append(meta, key+" "+strings.ReplaceAll(net.Meta[key], ",", ", "))
	}
	if len(meta) > 0 {
		printNote(w, "made by", strings.Join(meta, "; "))
	}
}

func networkKind(net *nn.Network) string {
	if net.Float() {
		return "float32"
	}
	weights, acts := formats(net)
	text := weights + " weights, " + acts + " activations"
	if hasIdentity(net) {
		text += ", shortcuts u8"
	}
	return text
}

// epilogueNote counts the epilogues.
func epilogueNote(rows []layerRow) string {
	var names []string
	counts := map[string]int{}
	for i := range rows {
		name := rows[i].Epilogue
		if counts[name]++; counts[name] == 1 {
			names = append(names, name)
		}
	}
	for i, name := range names {
		if n := counts[name]; n > 1 {
			names[i] = fmt.Sprintf("%s in %d layers", name, n)
		}
	}
	return strings.Join(names, ", ")
}

// shortcutNote says how to read the names of layers with shortcuts, "" if there are
// none.
func shortcutNote(net *nn.Network, rows []layerRow) string {
	format := "u8 codes"
	if net.Float() {
		format = "output"
	}
	var parts []string
	if hasIdentity(net) {
		parts = append(parts, "+3 adds layer 3's "+format)
	}
	for i := range rows {
		if rows[i].ShortcutKernel != nil {
			parts = append(parts, fmt.Sprintf("layer %d's goes through %s by %s, counted in the layer", i+1, convName(net.Blocks[i].Skip.Proj), *rows[i].ShortcutKernel))
		}
	}
	return strings.Join(parts, "; ")
}

// layerName describes a block as the literature does: 32C5-MP2, 512FC; with +3 for
// a shortcut from layer 3, <3 for an input from layer 3 that is not the previous one.
func layerName(net *nn.Network, i int) string {
	b := &net.Blocks[i]
	name := blockName(b)
	if b.Back > 0 {
		name += fmt.Sprintf("<%d", net.Source(i)+1)
	}
	if b.Skip == nil {
		return name
	}
	return name + fmt.Sprintf("+%d", net.SkipSource(i)+1)
}

func blockName(b *nn.Block) string {
	switch b.Kind {
	case nn.Dense:
		return fmt.Sprintf("%dFC", b.Out)
	case nn.Mean:
		return "mean"
	}
	name := fmt.Sprint(b.Out) + convName(b)
	if b.Pool > 1 {
		name += fmt.Sprintf("-MP%d", b.Pool)
	}
	return name
}

// convName is the kernel and stride of a convolution: C5, C3/2.
func convName(b *nn.Block) string {
	if b.Stride > 1 {
		return fmt.Sprintf("C%d/%d", b.Kernel, b.Stride)
	}
	return fmt.Sprintf("C%d", b.Kernel)
}
