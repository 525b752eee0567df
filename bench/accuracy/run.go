package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/atomicfile"
)

// A run is one training run, as "netrun train -log" writes it: what is of use
// here.
type run struct {
	name string // of the file, from the folder, without its ending: "study/x"

	Network   string
	Dataset   string
	Method    string
	Weights   string
	Acts      string
	First     string
	Last      string
	Shortcuts string
	Config    map[string]any
	Epochs    []epoch
	Layers    []layer
	Seconds   float64
	CPU       float64 `json:"cpu_seconds"`
	Rate      float64 `json:"images_per_second"`
	Memory    struct{ Weights, Norms, Gradients, Optimizer, Workspace int64 }
	Accuracy  float64  `json:"validation_accuracy"`
	Test      *float64 `json:"test_accuracy"`
	Bytes     int64    `json:"model_bytes"`
	Revision  string
	Machine   string
}

type epoch struct {
	Epoch    int
	Accuracy float64 `json:"validation_accuracy"`
	Levels   map[string]*levels
}

// levels counts weights by level, in ascending order, and those among them that
// the last step moved.
type levels struct{ Count, Moved []int }

type layer struct {
	Layer      int
	Projection bool
	Weights    string
	Number     int
	Zeros      int
}

// required are the fields without which a line is of no run.
var required = []string{
	"network", "dataset", "method", "weights", "acts", "first", "last", "config", "memory",
	"validation_accuracy", "model_bytes", "cpu_seconds",
}

const (
	fileLimit  = 16 << 20  // far more than a run writes
	mostEpochs = 1_000_000 // that netrun trains for
)

var plainName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// readRuns reads the result files of dir and of its folder study, in the order
// of their names, and tells everything that is wrong with them.
func readRuns(dir string) ([]*run, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, err
	}
	var list []*run
	var errs []error
	for _, folder := range []string{"", studyFolder} {
		paths, err := filepath.Glob(filepath.Join(dir, folder, "*.jsonl"))
		if err != nil {
			return nil, err
		}
		slices.Sort(paths)
		for _, path := range paths {
			r, err := readRun(path)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			r.name = strings.TrimSuffix(folder+filepath.Base(path), ".jsonl")
			if folder == "" { // a run in two files is not one of two seeds
				for _, other := range list {
					if other.experiment() == r.experiment() && other.seed() == r.seed() {
						errs = append(errs, fmt.Errorf("%s: %s, as in %s.jsonl: want one file a run", path, r, other.name))
					}
				}
			}
			list = append(list, r)
		}
	}
	return list, errors.Join(errs...)
}

const studyFolder = "study/"

// readRun reads the last line of a file. All others must be of the same run.
func readRun(path string) (*run, error) {
	if base := filepath.Base(path); !plainName.MatchString(base) {
		return nil, fmt.Errorf("%s: file name %q: want letters, digits, dots and dashes, as it goes into links", path, base)
	}
	f, err := atomicfile.OpenRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, fileLimit+1))
	if err != nil {
		return nil, err
	}
	if len(data) > fileLimit {
		return nil, fmt.Errorf("%s: more than %d bytes: want the lines of one run", path, fileLimit)
	}
	var last *run
	at := 0
	for i, line := range bytes.Split(data, []byte("\n")) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		r, err := parse(line)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, i+1, err)
		}
		if last != nil && (last.experiment() != r.experiment() || last.seed() != r.seed()) {
			return nil, fmt.Errorf("%s:%d: %s, but line %d is another run, %s: want one run a file", path, i+1, r, at, last)
		}
		last, at = r, i+1
	}
	if last == nil {
		return nil, fmt.Errorf("%s: empty: want a line of netrun train -log", path)
	}
	return last, nil
}

// parse reads a line and looks for what would make wrong tables.
func parse(line []byte) (*run, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(line, &fields); err != nil {
		return nil, fmt.Errorf("not a JSON object: %w", err)
	}
	for _, name := range required {
		if value, ok := fields[name]; !ok || string(value) == "null" || string(value) == `""` {
			return nil, fmt.Errorf("no field %q: want a line of netrun train -log", name)
		}
	}
	r := &run{}
	if err := json.Unmarshal(line, r); err != nil {
		return nil, err
	}
	return r, r.check()
}

func (r *run) check() error {
	if _, err := kernels.ParseWeightFormat(r.Weights); err != nil {
		return fmt.Errorf("weights: %w", err)
	}
	if _, err := kernels.ParseActFormat(r.Acts); err != nil {
		return fmt.Errorf("acts: %w", err)
	}
	if !slices.Contains(methods, r.Method) {
		return fmt.Errorf("method is %q: want one of %q", r.Method, methods)
	}
	for _, name := range []string{r.Network, r.Dataset} {
		if !plainName.MatchString(name) {
			return fmt.Errorf("network or dataset is %q: want letters, digits, dots and dashes, as it goes into the names of files", name)
		}
	}
	if _, ok := r.Config["Epochs"].(float64); !ok {
		return errors.New("config: no number Epochs")
	}
	percents := map[string]float64{"validation_accuracy": r.Accuracy}
	if r.Test != nil {
		percents["test_accuracy"] = *r.Test
	}
	for i, e := range r.Epochs {
		percents[fmt.Sprintf("validation_accuracy of epoch %d", e.Epoch)] = e.Accuracy
		if e.Epoch <= 0 || e.Epoch > mostEpochs || i > 0 && e.Epoch <= r.Epochs[i-1].Epoch {
			return fmt.Errorf("epoch %d at place %d: want them in order, from 1 to %d", e.Epoch, i+1, mostEpochs)
		}
		for format, l := range e.Levels {
			if err := l.check(format); err != nil {
				return fmt.Errorf("epoch %d: levels of %s: %w", e.Epoch, format, err)
			}
		}
	}
	for name, x := range percents {
		if !(x >= 0 && x <= 100) {
			return fmt.Errorf("%s is %v: want 0 to 100", name, x)
		}
	}
	m := r.Memory
	if r.Bytes <= 0 || min(m.Weights, m.Norms, m.Gradients, m.Optimizer, m.Workspace) < 0 || r.CPU < 0 || r.Rate < 0 {
		return fmt.Errorf("model_bytes %d, memory %+v, cpu_seconds %v, images_per_second %v: want none below zero, and a model", r.Bytes, m, r.CPU, r.Rate)
	}
	for _, l := range r.Layers {
		if l.Zeros < 0 || l.Zeros > l.Number || l.Layer < 1 {
			return fmt.Errorf("layer %d: %d zeros of %d weights", l.Layer, l.Zeros, l.Number)
		}
	}
	return nil
}

func (l *levels) check(format string) error {
	f, err := kernels.ParseWeightFormat(format)
	if err != nil {
		return err
	}
	if l == nil || len(l.Count) != len(f.Levels()) || l.Moved != nil && len(l.Moved) != len(l.Count) {
		return fmt.Errorf("want a count for each of %d levels", len(f.Levels()))
	}
	for i, n := range l.Count {
		if n < 0 || l.Moved != nil && l.Moved[i] < 0 {
			return fmt.Errorf("a negative count of level %d", f.Levels()[i])
		}
	}
	return nil
}

// methods in the order of tables.
var methods = []string{"float", "dst", "ste", "ptq"}

func (r *run) String() string {
	return fmt.Sprintf("%s of %s on %s, %s, seed %s", r.Method, r.Network, r.Dataset, r.formats(), r.seed())
}

func (r *run) formats() string { return r.Weights + "/" + r.Acts }

// state is how many bytes of training outlive a step: weights, batch norm and
// the optimizer's moments.
func (r *run) state() int64 { return r.Memory.Weights + r.Memory.Norms + r.Memory.Optimizer }

func (r *run) seed() string { return r.setting("Seed") }

// defaults are what configurations say by leaving a setting out.
var defaults = map[string]string{"State": "float32", "Fill": "black"}

var (
	endings   = regexp.MustCompile(`(\.safetensors)?(\.checkpoint)?$`)
	seedPart  = regexp.MustCompile(`[-_.]?\bs[0-9]+\b`)
	unsettled = []string{"Seed"}
)

// setting is a setting of the configuration as text, "" if there is none. Init
// is the run that the first weights come from, whichever its seed.
func (r *run) setting(name string) string {
	text := ""
	switch v := r.Config[name].(type) {
	case nil:
	case string:
		text = v
	case float64:
		text = fmt.Sprintf("%.6g", v) // not 0.9990000128746033
	default:
		text = fmt.Sprint(v)
	}
	if text == "" {
		text = defaults[name]
	}
	if name == "Init" {
		text = seedPart.ReplaceAllString(endings.ReplaceAllString(text, ""), "")
	}
	return text
}

// settings lists the names of all settings that any of the runs has, in order.
func settings(runs []*run) []string {
	var names []string
	for _, r := range runs {
		for name := range r.Config {
			if !slices.Contains(names, name) && !slices.Contains(unsettled, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// fixed says what the run was, but for its configuration.
func (r *run) fixed() string {
	return strings.Join([]string{r.Dataset, r.Network, r.Method, r.Weights, r.Acts, r.First, r.Last, r.Shortcuts}, " ")
}

// experiment is what runs that differ by seed alone share.
func (r *run) experiment() string {
	text := r.fixed()
	for _, name := range settings([]*run{r}) {
		if v := r.setting(name); !slices.Contains([]string{"", "0", "false", defaults[name]}, v) {
			text += " " + name + "=" + v
		}
	}
	return text
}

// values are the levels of a format, nil if it has none.
func values(format string) []int8 {
	f, err := kernels.ParseWeightFormat(format)
	if err != nil {
		return nil
	}
	return f.Levels()
}

// zeros is the share of zeros among the counted weights of a format; ok is false
// if it has no zero or nothing was counted.
func (l *levels) zeros(format string) (share float64, ok bool) {
	at, found := slices.BinarySearch(values(format), 0)
	if !found || l == nil {
		return 0, false
	}
	sum := 0
	for _, n := range l.Count {
		sum += n
	}
	return float64(l.Count[at]) / float64(max(sum, 1)), sum > 0
}
