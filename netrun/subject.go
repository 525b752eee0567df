package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/data"
	"example.com/lowbit/netrun/measure"
	"example.com/lowbit/netrun/model"
	"example.com/lowbit/netrun/models"
	"example.com/lowbit/netrun/nn"
)

// A subject is a network that is measured, and what was found.
type subject struct {
	net *nn.Network
	// float is the float32 network of the same shape, nil if there is none
	// among those measured. That of a float32 network is itself.
	float  *subject
	random bool // its weights are random ones, in place of those of a trained network
	// plan runs the network on one thread.
	plan *nn.Plan

	images   int    // that the hash is of; 0 if the network did not run over any
	hash     string // of their logits
	accuracy float64
	measured bool // that there is an accuracy: not so on made images
	// record is the accuracy that was noted when the network was trained, nil if none
	// was, or the images are of another set.
	record *models.Record

	speed []speed
}

// A speed is what one batch size took.
type speed struct {
	batch, threads int
	activations    int64          // bytes, at their peak
	timing         measure.Timing // of a batch
}

func (s *speed) nsPerImage() float64 { return s.timing.Median() / float64(s.batch) }

// subjects makes networks ready to be measured: float32 ones first, then those of few
// bits before those of many.
func subjects(nets []*nn.Network) ([]*subject, error) {
	nets = slices.Clone(nets)
	slices.SortStableFunc(nets, func(a, b *nn.Network) int { return rank(a) - rank(b) })
	var all []*subject
	for _, n := range nets {
		plan, err := nn.Compile(n, nn.Options{})
		if err != nil {
			return nil, fmt.Errorf("network %s: %w", n.Name, err)
		}
		s := &subject{net: n, plan: plan}
		all = append(all, s)
		for _, f := range all {
			if f.net.Float() && sameShape(f.net, n) {
				s.float = f
				break
			}
		}
	}
	return all, nil
}

// rank puts float32 first, then few bits before many.
func rank(n *nn.Network) int {
	if n.Float() {
		return 0
	}
	weights, acts := mostFormats(n)
	return 100*weights.Bits() + acts.Bits()
}

// sameShape tells whether two networks differ in formats and parameters alone.
func sameShape(a, b *nn.Network) bool {
	return a.Dataset == b.Dataset && a.Input == b.Input && a.Classes == b.Classes &&
		slices.EqualFunc(a.Blocks, b.Blocks, func(x, y nn.Block) bool { return x.SameShape(&y) })
}

// scoreChunk is how many images are given to a plan at once when only the answers
// count: enough for all threads, little enough to stop soon.
const scoreChunk = 200

// score runs the network over the images on all CPUs and notes the accuracy and the
// hash of the logits. tick is told of every chunk's images.
func (s *subject) score(ctx context.Context, im *data.Images, tick func(images int)) error {
	plan, err := nn.Compile(s.net, nn.Options{Threads: runtime.GOMAXPROCS(0)})
	if err != nil {
		return err
	}
	classes := s.net.Classes
	logits := make([]float32, scoreChunk*classes)
	hash := measure.NewLogitHash()
	right := 0
	for from := 0; from < im.N; from += scoreChunk {
		if err := ctx.Err(); err != nil {
			return err
		}
		part := im.Slice(from, min(from+scoreChunk, im.N))
		out := logits[:part.N*classes]
		plan.Run(out, part.Pixels, part.N)
		hash.Add(out)
		for i, label := range part.Labels {
			if argmax(out[i*classes:(i+1)*classes]) == int(label) {
				right++
			}
		}
		tick(part.N)
	}
	s.images, s.hash = im.N, hash.String()
	s.accuracy = 100 * float64(right) / float64(im.N)
	return nil
}

// argmax is the index of the largest element, the first of equal ones.
func argmax(x []float32) int {
	best := 0
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	return best
}

// timeAll measures the speed of the networks, and of peers, at each batch size against
// each other, in interleaved rounds, on the first images.
func timeAll(ctx context.Context, all []*subject, peers []*contender, im *data.Images, batches []int, threads int, effort measure.Effort, round func(done int)) error {
	now := measure.WallClock
	if effort.Thread {
		clock, unlock := measure.ThreadClock()
		defer unlock()
		now = clock
	}
	var code []measure.Piece
	var plans []*nn.Plan
	for _, s := range all {
		plan := s.plan
		if threads > 1 {
			var err error
			if plan, err = nn.Compile(s.net, nn.Options{Threads: threads}); err != nil {
				return err
			}
		}
		plans = append(plans, plan)
		for _, batch := range batches {
			logits := make([]float32, batch*s.net.Classes)
			pixels := repeat(im, batch).Pixels
			code = append(code, measure.Here(now, func() { plan.Run(logits, pixels, batch) }))
		}
	}
	for _, c := range peers {
		for _, batch := range batches {
			piece, err := c.piece(im, batch)
			if err != nil {
				return err
			}
			code = append(code, piece)
		}
	}
	timings, err := measure.InterleavePieces(ctx, effort, round, code...)
	if err != nil {
		return err
	}
	for i, s := range all {
		for _, batch := range batches {
			s.speed = append(s.speed, speed{batch, threads, plans[i].ActivationBytes(batch), timings[0]})
			timings = timings[1:]
		}
	}
	for _, c := range peers {
		for _, batch := range batches {
			c.speed = append(c.speed, speed{batch, threads, 0, timings[0]})
			timings = timings[1:]
		}
	}
	return nil
}

// repeat returns n images: the first of im, again and again if it has fewer.
func repeat(im *data.Images, n int) *data.Images {
	if n <= im.N {
		return im.Slice(0, n)
	}
	out := *im
	out.N, out.Pixels, out.Labels = n, nil, nil
	for i := range n {
		out.Pixels = append(out.Pixels, im.Image(i%im.N)...)
		out.Labels = append(out.Labels, im.Labels[i%im.N])
	}
	return &out
}

// kernels lists what was chosen for the products, layer by layer.
func (s *subject) kernels() []string {
	var names []string
	for _, l := range s.plan.Layers() {
		names = append(names, l.Kernel)
	}
	return names
}

// kernelNote says the same in words: neighbouring layers with one kernel together.
func (s *subject) kernelNote() string {
	names := s.kernels()
	var parts []string
	for from := 0; from < len(names); {
		to := from + 1
		for to < len(names) && names[to] == names[from] {
			to++
		}
		layers := fmt.Sprintf("layers %d-%d", from+1, to)
		if to == from+1 {
			layers = fmt.Sprintf("layer %d", to)
		}
		if to-from == len(names) {
			layers = fmt.Sprintf("all %d layers", to)
		}
		parts = append(parts, layers+" "+names[from])
		from = to
	}
	return strings.Join(parts, "; ")
}

// smaller is how many times fewer bytes the weights take than in float32, "" if there
// is nothing to compare with.
func (s *subject) smaller() string {
	if s.float == nil {
		return ""
	}
	return times(float64(weightBytes(s.float.net)) / float64(weightBytes(s.net)))
}

// known is the accuracy measured or, if it was not, the one recorded; nil is neither.
func (s *subject) known() *models.Record {
	if s.measured {
		return &models.Record{Accuracy: s.accuracy, Split: "test", Images: s.images}
	}
	return s.record
}

// top1 is the accuracy in percent, with a mark if it is recorded: r of test images, v
// of validation images; "" if it is not known.
func (s *subject) top1() string {
	r := s.known()
	if r == nil {
		return ""
	}
	text := fmt.Sprintf("%.2f", r.Accuracy)
	switch {
	case s.measured:
	case r.Split == "test":
		text += "r"
	default:
		text += "v"
	}
	return text
}

// pointsLost is the accuracy beside the float32 network's of as many images of the same
// split, in percentage points.
func (s *subject) pointsLost() string {
	if s.float == nil || s.float == s {
		return ""
	}
	r, f := s.known(), s.float.known()
	if r == nil || f == nil || r.Split != f.Split || r.Images != f.Images {
		return ""
	}
	return fmt.Sprintf("%+.2f", r.Accuracy-f.Accuracy)
}

// faster is how many times faster than the float32 network speed i is.
func (s *subject) faster(i int) string {
	if s.float == nil {
		return ""
	}
	return times(s.float.speed[i].nsPerImage() / s.speed[i].nsPerImage())
}

// mostFormats returns the format that most of a network's weights have, and that of
// the inputs of most multiply-adds of the layers after the first.
func mostFormats(n *nn.Network) (weights kernels.WeightFormat, acts kernels.ActFormat) {
	size := map[kernels.WeightFormat]int{}
	macs := map[kernels.ActFormat]int64{}
	acts = n.Blocks[0].InAct
	for i := range n.Blocks {
		b := &n.Blocks[i]
		size[b.Weights] += b.Out * b.K()
		if size[b.Weights] > size[weights] {
			weights = b.Weights
		}
		if i == 0 {
			continue
		}
		macs[b.InAct] += b.MACs()
		if macs[b.InAct] > macs[acts] {
			acts = b.InAct
		}
	}
	return weights, acts
}

// formats names the same.
func formats(n *nn.Network) (weights, acts string) {
	w, a := mostFormats(n)
	return w.String(), a.String()
}

// eightBits says what a low-bit network has of 8 bits between its layers, where the
// other activations have fewer; "" for nothing.
func eightBits(n *nn.Network) string {
	if _, acts := mostFormats(n); acts == kernels.U8 || n.Float() {
		return ""
	}
	var parts []string
	if hasIdentity(n) {
		parts = append(parts, "shortcuts u8")
	}
	if slices.ContainsFunc(n.Blocks, func(b nn.Block) bool { return b.Kind == nn.Mean }) {
		parts = append(parts, "mean u8")
	}
	return strings.Join(parts, ", ")
}

// hasIdentity tells whether a shortcut adds what another layer puts out as it is.
func hasIdentity(n *nn.Network) bool {
	return slices.ContainsFunc(n.Blocks, func(b nn.Block) bool { return b.Skip != nil && b.Skip.Proj == nil })
}

// label is formatLabel of the subject's network.
func (s *subject) label() string { return formatLabel(s.net) }

// formatLabel is weights/activations, and just float32 for float32/float32.
func formatLabel(n *nn.Network) string {
	weights, acts := formats(n)
	if weights == acts {
		return weights
	}
	return weights + "/" + acts
}

// baseName is the network's name without the formats, if it ends in these.
func baseName(n *nn.Network) string {
	weights, acts := formats(n)
	for _, suffix := range []string{"-" + weights + "-" + acts, "-" + weights} {
		suffix = strings.ReplaceAll(suffix, ":", "x")
		if short, ok := strings.CutSuffix(n.Name, suffix); ok && short != "" {
			return short
		}
	}
	return n.Name
}

// title is the name without formats, no longer than width.
func (s *subject) title(width int) string {
	name := baseName(s.net)
	if len(name) > width {
		name = name[:width-2] + ".."
	}
	return name
}

// layerFormats is "weights/inputs" of a block.
func layerFormats(b *nn.Block) string { return b.Weights.String() + "/" + b.InAct.String() }

func weightBytes(n *nn.Network) int64 {
	var sum int64
	for i := range n.Blocks {
		sum += n.Blocks[i].WeightBytes()
	}
	return sum
}

// loadNetworks returns the networks that names stand for: shipped ones, or model
// files, or "all" shipped ones that were trained on the set dataset, on any if that
// is "". No names mean all.
func loadNetworks(names []string, dataset string) ([]*nn.Network, error) {
	if len(names) == 0 {
		names = []string{"all"}
	}
	var nets []*nn.Network
	for _, name := range names {
		if name == "all" {
			all, err := shippedFor(dataset)
			if err != nil {
				return nil, err
			}
			nets = append(nets, all...)
			continue
		}
		n, err := loadNetwork(name)
		if err != nil {
			return nil, err
		}
		nets = append(nets, n)
	}
	return nets, nil
}

func loadNetwork(name string) (*nn.Network, error) {
	if slices.Contains(models.Names(), name) {
		return models.Load(name)
	}
	if _, err := os.Stat(name); os.IsNotExist(err) {
		return nil, usagef("%q is neither a model file nor a shipped network (%s)", name, strings.Join(models.Names(), ", "))
	}
	return model.ReadFile(name)
}
