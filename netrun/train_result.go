package main

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/data"
	"example.com/lowbit/netrun/measure"
	"example.com/lowbit/netrun/model"
	"example.com/lowbit/netrun/nn"
	"example.com/lowbit/netrun/train"
)

// A trainResult is what a run came to, as -json and -log print it. Accuracies
// are in percent, memory in bytes.
type trainResult struct {
	Network string `json:"network"`
	Dataset string `json:"dataset"`
	Method  string `json:"method"`
	Weights string `json:"weights"`
	Acts    string `json:"acts"`
	First   string `json:"first"` // weights/inputs of the first layer
	Last    string `json:"last"`  // and of the last
	// Shortcuts is the format of identity shortcuts, "" if there are none.
	Shortcuts string `json:"shortcuts,omitempty"`

	Config train.Config `json:"config"`
	Epochs []trainEpoch `json:"epochs"`
	// Layers are the weights at the end, layer by layer.
	Layers  []train.LayerLevels `json:"layers"`
	Seconds float64             `json:"seconds"` // of training, in all processes that had a part in it
	// CPU is the time of all threads, which other programs do not make longer.
	CPU      float64     `json:"cpu_seconds"`
	Rate     float64     `json:"images_per_second"`
	Memory   trainMemory `json:"memory"`
	PeakRSS  int64       `json:"peak_rss_bytes"`
	Accuracy float64     `json:"validation_accuracy"`
	Test     *float64    `json:"test_accuracy,omitempty"`
	Tested   int         `json:"test_images,omitempty"`
	Bytes    int         `json:"model_bytes"`
	Model    string      `json:"model"`                 // SHA-256 of the file
	Init     string      `json:"init_sha256,omitempty"` // of the checkpoint that the first weights come from
	Revision string      `json:"revision,omitempty"`    // of the program, as Go's build information has it
	Machine  string      `json:"machine"`
}

type trainEpoch struct {
	Epoch              int     `json:"epoch"`
	Loss               float64 `json:"loss"`
	Accuracy           float64 `json:"accuracy"`
	ValidationLoss     float64 `json:"validation_loss"`
	ValidationAccuracy float64 `json:"validation_accuracy"`
	// Moved is the part of the low-bit weights that the last step moved to another
	// level; Levels counts them by format.
	Moved  float64                  `json:"moved"`
	Levels map[string]*train.Levels `json:"levels,omitempty"`
}

type trainMemory struct {
	Weights   int64 `json:"weights"`
	Norms     int64 `json:"norms"`
	Gradients int64 `json:"gradients"`
	Optimizer int64 `json:"optimizer"`
	Workspace int64 `json:"workspace"`
	Teacher   int64 `json:"teacher,omitempty"`
}

// finish measures and writes the network of a run that is done.
func (j *trainJob) finish(set *data.Set, t *train.Trainer) error {
	if err := t.Finish(); err != nil {
		return err
	}
	net, cfg, m := t.Network(), t.Config(), t.Memory()
	r := &trainResult{
		Network: net.Name, Dataset: net.Dataset, Method: cfg.Method,
		First: layerFormats(&net.Blocks[0]), Last: layerFormats(&net.Blocks[len(net.Blocks)-1]),
		Config: cfg, Seconds: t.Effort.Seconds, CPU: t.Effort.CPUSeconds,
		Memory:  trainMemory(m),
		Machine: fmt.Sprintf("%s, %d threads, %s/%s, %s", measure.CPU(), j.threads, runtime.GOOS, runtime.GOARCH, runtime.Version()),
	}
	r.Weights, r.Acts = formats(net)
	if _, steps, _ := t.Steps(); steps > 0 {
		r.Rate = float64(steps*cfg.Batch) / t.Effort.Seconds
	}
	if hasIdentity(net) {
		r.Shortcuts = kernels.U8.String()
		if net.Float() {
			r.Shortcuts = kernels.F32.String()
		}
	}
	for _, e := range t.History() {
		r.Epochs = append(r.Epochs, trainEpoch{e.Epoch, e.Loss, 100 * e.Accuracy, e.ValidationLoss, 100 * e.ValidationAccuracy, e.Moved, e.Levels})
	}
	r.Layers = t.Levels()
	_, accuracy := t.Evaluate(t.Validation())
	r.Accuracy = 100 * accuracy
	if err := j.test(set, t, r); err != nil {
		return err
	}
	out := t.Export()
	config, err := json.Marshal(cfg)
	if err != nil {
		return err
	}
	out.Meta = map[string]string{
		"config":              string(config),
		"seed":                strconv.FormatUint(cfg.Seed, 10),
		"validation_accuracy": fmt.Sprintf("%.2f", r.Accuracy),
		"validation_images":   strconv.Itoa(t.Validation().N),
	}
	if r.Test != nil {
		out.Meta["test_accuracy"] = fmt.Sprintf("%.2f", *r.Test)
		out.Meta["test_images"] = strconv.Itoa(r.Tested)
	}
	file, err := model.Encode(out)
	if err != nil {
		return err
	}
	r.Model, r.Bytes = fmt.Sprintf("%x", sha256.Sum256(file)), len(file)
	r.Init, r.Revision = t.InitSHA256, revision()
	r.PeakRSS = max(t.Effort.PeakRSS, measure.PeakRSS())
	if err := model.WriteFile(j.out, out); err != nil {
		return err
	}
	if j.log != "" {
		if err := appendLine(j.log, r); err != nil {
			return err
		}
	}
	return j.printResult(net, r)
}

// revision is the commit that the program was built from, with a + if there were
// changes since; "" if it is not known.
func revision() (r string) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			r = s.Value[:min(12, len(s.Value))] + r
		case s.Key == "vcs.modified" && s.Value == "true":
			r += "+"
		}
	}
	return r
}

// test measures the test images: the one time that training looks at them.
func (j *trainJob) test(set *data.Set, t *train.Trainer, r *trainResult) error {
	if j.noTest {
		return nil
	}
	images, err := set.Test()
	if errors.Is(err, data.ErrNoSplit) {
		return nil
	}
	if err != nil {
		return err
	}
	_, accuracy := t.Evaluate(images)
	accuracy *= 100
	r.Test, r.Tested = &accuracy, images.N
	return nil
}

func (j *trainJob) printResult(net *nn.Network, r *trainResult) error {
	if j.json {
		return j.printJSON(r)
	}
	fmt.Fprintf(j.stdout, "%s: %s, %s, %s; first layer %s, last %s\n", j.out, r.Network, networkKind(net), r.Method, r.First, r.Last)
	var parts []string
	if r.Config.Validation > 0 {
		parts = append(parts, fmt.Sprintf("validation %.2f %%", r.Accuracy))
	}
	if r.Test != nil {
		parts = append(parts, fmt.Sprintf("test %.2f %% of %d images", *r.Test, r.Tested))
	}
	if parts == nil {
		parts = append(parts, "not measured")
	}
	fmt.Fprintf(j.stdout, "accuracy: %s", strings.Join(parts, ", "))
	if r.Rate > 0 {
		fmt.Fprintf(j.stdout, "; %.0f images/s", r.Rate)
	}
	fmt.Fprintln(j.stdout)
	m := r.Memory
	fmt.Fprintf(j.stdout, "bytes held: weights %s, norms %s, gradients %s, optimizer state %s, one layer's weights as numbers %s\n",
		count(int(m.Weights)), count(int(m.Norms)), count(int(m.Gradients)), count(int(m.Optimizer)), count(int(m.Workspace)))
	return nil
}

// appendLine adds v as a line of JSON to a file: the whole line, or nothing if it
// returns an error.
func appendLine(path string, v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		if _, err = f.Write(append(line, '\n')); err != nil {
			err = errors.Join(err, f.Truncate(info.Size()))
		}
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
