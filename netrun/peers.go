package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/cpu"

	"example.com/lowbit/netrun/data"
	"example.com/lowbit/netrun/measure"
	"example.com/lowbit/netrun/nn"
	"example.com/lowbit/netrun/onnx"
	"example.com/lowbit/netrun/peer"
)

// The environment variables that name the program that runs networks by ONNX Runtime,
// and that library.
const (
	peersProgram = "LOWBIT_PEERS"
	peersLibrary = "LOWBIT_ONNXRUNTIME"
)

// findPeers returns the program that runs networks by ONNX Runtime: what the
// environment names or, in a checkout, what is built there. It sets the variable of
// the library that the program reads.
func findPeers(ctx context.Context) (string, error) {
	const get = "'make bench-networks' gets and builds what it takes"
	root := checkout()
	library := os.Getenv(peersLibrary)
	if library == "" {
		if root == "" {
			return "", fmt.Errorf("-peers: %s does not name ONNX Runtime's shared library: %s, in a checkout", peersLibrary, get)
		}
		library = filepath.Join(root, ".cache", "peers", "libonnxruntime.so")
	}
	if _, err := os.Stat(library); err != nil {
		return "", fmt.Errorf("-peers: ONNX Runtime's shared library: %w\n%s", err, get)
	}
	if err := os.Setenv(peersLibrary, library); err != nil {
		return "", err
	}
	if program := os.Getenv(peersProgram); program != "" {
		if _, err := exec.LookPath(program); err != nil {
			return "", fmt.Errorf("-peers: %s: %w", peersProgram, err)
		}
		return program, nil
	}
	if root == "" {
		return "", fmt.Errorf("-peers: %s does not name the program of bench/peers/networks: %s, in a checkout", peersProgram, get)
	}
	program := filepath.Join(root, ".cache", "peers", "networks")
	build := exec.CommandContext(ctx, "go", "build", "-tags", "peers", "-o", program, "./networks")
	build.Dir = filepath.Join(root, "bench", "peers")
	build.Env = append(os.Environ(), "CGO_ENABLED=1")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("-peers: building bench/peers/networks, which takes a C compiler: %w\n%s%s", err, out, get)
	}
	return program, nil
}

// checkout is the folder of this module's source that the working directory is in,
// "" if it is in none.
func checkout() string {
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	for {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(text), "module example.com/lowbit\n") {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			return ""
		}
		dir = up
	}
}

// A contender is a float32 network of ours as a peer runs it.
type contender struct {
	impl          string
	weights, acts string
	weightBytes   int64
	float         *subject
	peer          *peer.Peer

	images     int     // that were compared
	agreement  float64 // percent of them whose answer is our float network's
	difference float64 // largest of the logits, as a part of the largest logit
	speed      []speed
}

// Images of a set that the 8-bit model is calibrated on, and that are compared.
const (
	calibrationImages = 64
	comparedImages    = 512
	comparedBatch     = 64
)

// A float32 peer's logits may differ from ours by this part of the largest: sums of
// thousands of products are rounded in another order.
const peerTolerance = 1e-3

// contend exports the job's float32 network, has peers load it, and compares what
// they make of the images. stop ends them.
func (j *job) contend(program string) (stop func() error, err error) {
	var running []*peer.Peer
	dir, err := os.MkdirTemp("", "lowbit")
	if err != nil {
		return nil, err
	}
	stop = func() error {
		errs := []error{os.RemoveAll(dir)}
		for _, p := range running {
			errs = append(errs, p.Close())
		}
		return errors.Join(errs...)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, stop())
		}
	}()
	for _, s := range j.subjects {
		if !s.net.Float() {
			continue
		}
		list, err := onnxModels(s.net, j.images)
		if err != nil {
			return nil, err
		}
		for _, m := range list {
			path := filepath.Join(dir, m.impl+".onnx")
			if err := os.WriteFile(path, m.file, 0o600); err != nil {
				return nil, err
			}
			p, err := peer.Start([]string{program}, m.impl+", "+s.net.Name, path, j.stderr)
			if err != nil {
				return nil, err
			}
			running = append(running, p)
			c := &contender{impl: m.impl, weights: m.weights, acts: m.acts, weightBytes: m.bytes, float: s, peer: p}
			if err := c.compare(j.images); err != nil {
				return nil, err
			}
			if m.exact && !(c.difference <= peerTolerance) {
				return nil, fmt.Errorf("%s, %s: logits differ from ours by %.3g of the largest: want at most %g", m.impl, s.net.Name, c.difference, peerTolerance)
			}
			j.contenders = append(j.contenders, c)
		}
	}
	return stop, nil
}

// An onnxModel is a network as a peer gets it.
type onnxModel struct {
	impl          string
	weights, acts string
	bytes         int64 // of the weights
	file          []byte
	exact         bool // logits are those of the float network
}

// onnxModels exports a float32 network in float32 and in 8 bits, calibrated on the
// first images.
func onnxModels(n *nn.Network, im *data.Images) ([]onnxModel, error) {
	float, err := onnx.Float(n)
	if err != nil {
		return nil, err
	}
	ranges, err := onnx.Calibrate(n, im.Slice(0, min(im.N, calibrationImages)).Pixels)
	if err != nil {
		return nil, err
	}
	static, err := onnx.Static(n, ranges, weightTop())
	if err != nil {
		return nil, err
	}
	return []onnxModel{
		{"peer-onnxruntime-f32", "float32", "float32", weightBytes(n), float, true},
		{"peer-onnxruntime-int8", "int8", "u8", weightBytes(n) / 4, static, false},
	}, nil
}

// weightTop is the largest of the 8-bit weights: 7 bits where ONNX Runtime's sums of
// products saturate, as its documentation advises (reduce_range). The time is the same.
func weightTop() int {
	if runtime.GOARCH == "amd64" && !cpu.X86.HasAVX512VNNI && !cpu.X86.HasAVXVNNI {
		return 63
	}
	return 127
}

// compare sets what the peer's logits are beside our float network's: of images that
// were not calibrated on, if there are enough.
func (c *contender) compare(im *data.Images) error {
	if im.N >= calibrationImages+comparedImages {
		im = im.Slice(calibrationImages, calibrationImages+comparedImages)
	}
	classes := c.float.net.Classes
	want := make([]float32, min(im.N, comparedBatch)*classes)
	var worst, largest float64
	same := 0
	for at := 0; at+comparedBatch <= im.N || at == 0; at += comparedBatch {
		part := im.Slice(at, min(at+comparedBatch, im.N))
		c.float.plan.Run(want, part.Pixels, part.N)
		got, err := c.peer.Run(part.N, part.Pixels)
		if err != nil {
			return err
		}
		if len(got) != len(want) {
			return fmt.Errorf("%s: %d logits: want %d", c.impl, len(got), len(want))
		}
		for i, v := range want {
			largest = max(largest, math.Abs(float64(v)))
			if d := math.Abs(float64(v) - float64(got[i])); !(d <= worst) {
				worst = d
			}
		}
		for i := range part.N {
			if argmax(got[i*classes:][:classes]) == argmax(want[i*classes:][:classes]) {
				same++
			}
		}
		c.images += part.N
	}
	c.agreement = 100 * float64(same) / float64(c.images)
	c.difference = worst / largest
	return nil
}

// piece is the peer's run of a batch of the images.
func (c *contender) piece(im *data.Images, batch int) (measure.Piece, error) {
	if _, err := c.peer.Run(batch, repeat(im, batch).Pixels); err != nil {
		return nil, err
	}
	return func(n int) (time.Duration, error) { return c.peer.Time(batch, n, true) }, nil
}

// rows are the lines of -json, one a batch size.
func (c *contender) rows(set, split string) []row {
	s := c.float
	bytes := weightBytes(s.net)
	layer := c.weights + "/" + c.acts
	r := row{
		Network: s.net.Name, Dataset: set, Split: split, Images: c.images, Method: s.net.Method,
		Weights: c.weights, Acts: c.acts, First: layer, Last: layer, RandomWeights: s.random, Impl: c.impl,
		WeightBytes: c.weightBytes, WeightBytesFloat: &bytes, PeakRSSBytes: c.peer.PeakRSS, Agreement: &c.agreement, Machine: machineName(),
	}
	var rows []row
	for i := range c.speed {
		r, sp, f := r, &c.speed[i], &s.speed[i]
		ns, float := sp.nsPerImage(), f.nsPerImage()
		r.Threads, r.Batch, r.NsPerImage, r.NsPerImageFloat = sp.threads, sp.batch, &ns, &float
		r.ActivationBytesFloat = &f.activations
		rows = append(rows, r)
	}
	return rows
}

// printContenders says what the peers' figures are of.
func (j *job) printContenders() {
	for _, c := range j.contenders {
		mib := func(b int64) string { return fmt.Sprintf("%.1f MiB", float64(b)/(1<<20)) }
		printNote(j.stdout, "peer", fmt.Sprintf("%s is %s on %s, exported to ONNX: one thread, all optimisations. Its logits are within %.2g of the largest of ours, "+
			"%.1f%% of %d answers ours. Peak resident memory of its process %s, %s without a model.",
			c.impl, c.peer.Version, c.float.net.Name, c.difference, c.agreement, c.images, mib(c.peer.PeakRSS), mib(c.peer.BareRSS)))
	}
	if len(j.contenders) > 0 && weightTop() < 127 {
		printNote(j.stdout, "", "Its 8-bit weights have 7 bits, as is advised for CPUs without VNNI, whose sums of two products saturate.")
	}
}

// contendAll starts the peers of all jobs. stop ends them.
func contendAll(ctx context.Context, jobs []*job) (stop func(), err error) {
	if runtime.GOOS != "linux" {
		return nil, usagef("-peers on %s: want linux, for whose ONNX Runtime bench/peers is", runtime.GOOS)
	}
	program, err := findPeers(ctx)
	if err != nil {
		return nil, err
	}
	var stops []func() error
	stop = func() {
		for _, s := range stops {
			s() // an error here says nothing of what was measured
		}
	}
	for _, j := range jobs {
		s, err := j.contend(program)
		if err != nil {
			stop()
			return nil, err
		}
		stops = append(stops, s)
	}
	return stop, nil
}
