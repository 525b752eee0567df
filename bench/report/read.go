package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchmath"
	"golang.org/x/perf/benchproc"

	"example.com/lowbit/netrun/atomicfile"
)

// A run is one file of results: what is in it may be compared.
type run struct {
	file   string // base name
	config []benchfmt.Config
	rows   []*row
	groups []*group
}

// A row is one benchmark.
type row struct {
	name    string // without "Benchmark": GEMM
	keys    map[string]string
	samples map[string]*benchmath.Sample // by unit
	medians map[string]benchmath.Summary // by unit
}

// keyNames are the keys of benchmark names, as package bench uses them.
const keyNames = ".name,/w,/a,/impl,/m,/n,/k,/cache,/x,/layout,/threads,/conv,/net,/batch,/zeros,/op,/rows,/c,/limit,/bytes,/gomaxprocs"

// units are those that package bench reports, as benchfmt tidies them.
var units = map[string]bool{
	"sec/op": true, "B/s": true, "ops/s": true, "elem/s": true, "images/s": true, "%limit": true, "B/weight": true,
	"B/op": true, "allocs/op": true,
}

// errorLimit is how many errors of a file are told.
const errorLimit = 5

// fileLimit is far more than all benchmarks print, and little enough to read.
const fileLimit = 16 << 20

func readFile(path string) (*run, error) {
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
		return nil, fmt.Errorf("%s: more than %d bytes: want benchmark results", path, fileLimit)
	}
	return parse(path, data)
}

var (
	failed    = regexp.MustCompile(`(?m)^\s*(--- FAIL.*|FAIL\b.*|panic: .*)$`)
	passed    = regexp.MustCompile(`(?m)^PASS$`)
	result    = regexp.MustCompile(`(?m)^Benchmark`)
	plainName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
)

// parse reads the results of a run that ended well. Errors name file and line.
func parse(path string, data []byte) (*run, error) {
	s := &run{file: filepath.Base(path)}
	if !plainName.MatchString(s.file) {
		return nil, fmt.Errorf("%s: file name %q: want letters, digits, dots and dashes, as it goes into links", path, s.file)
	}
	if line := failed.Find(data); line != nil {
		return nil, fmt.Errorf("%s: the run failed: %q", path, bytes.TrimSpace(line))
	}
	ends := passed.FindAllIndex(data, -1)
	if ends == nil {
		return nil, fmt.Errorf("%s: no line PASS: want the whole output of a run that ended well", path)
	}
	if result.Match(data[ends[len(ends)-1][1]:]) {
		return nil, fmt.Errorf("%s: no line PASS behind the last results: want whole passes", path)
	}

	var parser benchproc.ProjectionParser
	filter, err := benchproc.NewFilter("*")
	if err != nil {
		return nil, err
	}
	byName, err := parser.Parse(keyNames, filter)
	if err != nil {
		return nil, err
	}
	values := map[benchproc.Key]map[string][]float64{}
	var order []benchproc.Key
	var errs []error
	reader := benchfmt.NewReader(bytes.NewReader(data), path)
	for len(errs) < errorLimit && reader.Scan() {
		switch record := reader.Result().(type) {
		case *benchfmt.SyntaxError:
			errs = append(errs, record)
		case *benchfmt.Result:
			if err := s.check(record); err != nil {
				file, line := record.Pos()
				errs = append(errs, fmt.Errorf("%s:%d: %w", file, line, err))
				continue
			}
			key := byName.Project(record)
			if values[key] == nil {
				values[key] = map[string][]float64{}
				order = append(order, key)
			}
			for _, v := range record.Values {
				values[key][v.Unit] = append(values[key][v.Unit], v.Value)
			}
		}
	}
	if err := errors.Join(append(errs, reader.Err())...); err != nil {
		return nil, err
	}
	if len(order) == 0 {
		return nil, fmt.Errorf("%s: no benchmark results", path)
	}
	for _, key := range order {
		r := &row{keys: map[string]string{}, samples: map[string]*benchmath.Sample{}, medians: map[string]benchmath.Summary{}}
		for _, f := range byName.Fields() {
			r.keys[strings.TrimPrefix(f.Name, "/")] = key.Get(f)
		}
		r.name = r.keys[".name"]
		for unit, v := range values[key] {
			r.samples[unit] = benchmath.NewSample(v, &benchmath.DefaultThresholds)
			r.medians[unit] = benchmath.AssumeNothing.Summary(r.samples[unit], confidence)
		}
		s.rows = append(s.rows, r)
	}
	s.groups = groupsOf(s.rows)
	return s, nil
}

// check looks for what would make a wrong table: keys and units that are not
// known, numbers that cannot be, and results of different machines or versions.
func (s *run) check(r *benchfmt.Result) error {
	known := strings.Split(keyNames, ",")
	_, parts := r.Name.Parts()
	for _, part := range parts {
		key, value, ok := strings.Cut(string(part), "=")
		if strings.HasPrefix(key, "-") {
			continue // GOMAXPROCS
		}
		if !ok || value == "" {
			return fmt.Errorf("benchmark %q has %q in its name: want /key=value", r.Name, part)
		}
		found := false
		for _, k := range known {
			found = found || k == key
		}
		if !found {
			return fmt.Errorf("benchmark %q has key %q: want one of %s", r.Name, key, keyNames)
		}
	}
	for _, v := range r.Values {
		if !units[v.Unit] {
			return fmt.Errorf("benchmark %q has unit %q, which package bench does not report", r.Name, v.OrigUnit+v.Unit)
		}
		if math.IsNaN(v.Value) || math.IsInf(v.Value, 0) || v.Value < 0 {
			return fmt.Errorf("benchmark %q took %v %s: want a number that is not negative", r.Name, v.Value, v.Unit)
		}
	}
	if t, ok := r.Value("sec/op"); !ok || t == 0 {
		return fmt.Errorf("benchmark %q has no time: want ns/op above zero", r.Name)
	}
	if s.config == nil {
		for _, c := range r.Config {
			s.config = append(s.config, benchfmt.Config{Key: c.Key, Value: bytes.Clone(c.Value)})
		}
		return nil
	}
	for _, c := range s.config {
		if got := r.GetConfig(c.Key); got != string(c.Value) {
			return fmt.Errorf("%s is %q but was %q before: want one machine and version a file", c.Key, got, c.Value)
		}
	}
	if len(r.Config) != len(s.config) {
		return fmt.Errorf("%d configuration keys but there were %d before: want one machine and version a file", len(r.Config), len(s.config))
	}
	return nil
}

// confidence is the level of the intervals that are shown.
const confidence = 0.95

// median summarises a unit's sample; ok is false if there is none.
func (r *row) median(unit string) (m benchmath.Summary, ok bool) {
	m, ok = r.medians[unit]
	return m, ok
}

// center is the median, 0 if there is none.
func (r *row) center(unit string) float64 { return r.medians[unit].Center }

// impl is the kernel, or what stands in its place.
func (r *row) impl() string { return r.keys["impl"] }

func (r *row) portable() bool { return strings.HasPrefix(r.impl(), "portable") }

func (r *row) reference() bool { return r.impl() == "ref" }

// peer tells whether the row is another library's.
func (r *row) peer() bool { return strings.HasPrefix(r.impl(), peerPrefix) }

const peerPrefix = "peer-"

// ours tells whether the row is a kernel of this module.
func (r *row) ours() bool { return !r.peer() && !r.reference() }

func (r *row) float() bool { return r.keys["w"] == "float32" }

// formats is what the row computes on, such as "ternary x u2".
func (r *row) formats() string {
	if r.keys["w"] == "" {
		return ""
	}
	return r.keys["w"] + " x " + r.keys["a"]
}

// isa is the instruction set of a kernel's name, its tier.
func (r *row) isa() string {
	isa, _, _ := strings.Cut(r.impl(), "-")
	return isa
}

// algorithm is what a kernel's name says behind the tier: the algorithm, and
// "planes" where popcounts are of bit planes.
func (r *row) algorithm() string {
	if r.peer() {
		return "peer"
	}
	words := strings.Split(r.impl(), "-")
	if slices.Contains(words[1:], "planes") {
		return "planes"
	}
	return words[min(1, len(words)-1)]
}

// number is a key's value, 0 if it is none.
func (r *row) number(key string) float64 {
	v, err := strconv.ParseUint(r.keys[key], 10, 31)
	if err != nil {
		return 0
	}
	return float64(v)
}

// shape is what the row is measured on, in the order of the name, without what
// some keys say.
func (r *row) shape(without ...string) string {
	var list []string
	for _, k := range []string{"batch", "conv", "m", "n", "k", "x", "layout", "cache", "threads", "zeros"} {
		switch v := r.keys[k]; {
		case v == "" || slices.Contains(without, k):
		case r.keys["conv"] != "" && (k == "m" || k == "n" || k == "k"):
		case k == "cache":
			list = append(list, v)
		case k == "conv":
			list = append(list, v+" to "+r.keys["n"])
		case k == "zeros":
			list = append(list, v+" % zeros")
		default:
			list = append(list, k+"="+v)
		}
	}
	return strings.Join(list, ", ")
}
