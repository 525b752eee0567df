package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/testscript"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/data"
	"example.com/lowbit/netrun/model"
	"example.com/lowbit/netrun/models"
	"example.com/lowbit/netrun/nn"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"netrun": main})
}

// TestScript runs the command lines of testdata/script.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"mkmodel":  mkmodel,
			"mkidx":    mkidx,
			"mkcifar":  mkcifar,
			"truncate": truncate,
			"width":    width,
			"jsonrows": jsonrows,
			"status1":  func(ts *testscript.TestScript, _ bool, args []string) { status(ts, 1, nil, args) },
			"status2":  func(ts *testscript.TestScript, _ bool, args []string) { status(ts, 2, nil, args) },
			"full":     full,
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// status runs args[1:] and checks its exit code, and that stderr matches args[0] and
// stdout is empty.
func status(ts *testscript.TestScript, want int, stdout *os.File, args []string) {
	path, err := exec.LookPath(args[1])
	ts.Check(err)
	cmd := exec.Command(path, args[2:]...)
	cmd.Dir, cmd.Env = ts.MkAbs("."), append(os.Environ(), "HOME="+ts.Getenv("HOME"))
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if stdout != nil {
		cmd.Stdout = stdout
	}
	cmd.Run() // its error is the exit code
	ts.Logf("%v: %s", args[1:], &errs)
	if got := cmd.ProcessState.ExitCode(); got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
	if !regexp.MustCompile("(?s)" + args[0]).Match(errs.Bytes()) {
		ts.Fatalf("stderr does not match %q", args[0])
	}
	if out.Len() > 0 {
		ts.Fatalf("unexpected stdout: %s", &out)
	}
}

// full is status1 with a stdout that is a full disk.
func full(ts *testscript.TestScript, _ bool, args []string) {
	f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	ts.Check(err)
	defer f.Close()
	status(ts, 1, f, args)
}

// mkmodel FILE WEIGHTS ACTS [DATASET [KEY=VALUE ...]] writes a small network with random
// weights that takes images of 28x28x1 (those of the embedded set), or of 32x32x3 for
// cifar10; for resnet20 it writes that network. Keys and values are its metadata.
func mkmodel(ts *testscript.TestScript, neg bool, args []string) {
	w, err := kernels.ParseWeightFormat(args[1])
	ts.Check(err)
	a, err := kernels.ParseActFormat(args[2])
	ts.Check(err)
	dataset := "fashion-mnist"
	if len(args) > 3 {
		dataset = args[3]
	}
	n := smallNetwork(dataset, w, a)
	for _, meta := range args[min(len(args), 4):] {
		key, value, _ := strings.Cut(meta, "=")
		if n.Meta == nil {
			n.Meta = map[string]string{}
		}
		n.Meta[key] = value
	}
	ts.Check(model.WriteFile(ts.MkAbs(args[0]), n))
}

func smallNetwork(dataset string, w kernels.WeightFormat, a kernels.ActFormat) *nn.Network {
	n := &nn.Network{Name: "small-" + strings.ReplaceAll(w.String(), ":", "x") + "-" + a.String(), Dataset: dataset,
		Method: "dst", Input: nn.Shape{H: 28, W: 28, C: 1}, Classes: 10, Meta: map[string]string{"seed": "7"}}
	in := kernels.U8
	if w == kernels.Float32 {
		n.Name, n.Method, in = "small-float32", "float", kernels.F32
	}
	if dataset == "cifar10" {
		n.Input = nn.Shape{H: 32, W: 32, C: 3}
	}
	n.Blocks = []nn.Block{
		{Kind: nn.Conv, In: n.Input, Out: 8, Kernel: 5, Stride: 2, Pool: 2, Weights: w, InAct: in, OutAct: a},
		{Kind: nn.Dense, Out: 10, Weights: w, InAct: a},
	}
	n.Blocks[1].In = n.Blocks[0].OutShape()
	if dataset == "resnet20" {
		d, err := nn.NamedNetwork(dataset)
		if err == nil {
			n, err = d.Network(nn.Shape{H: 32, W: 32, C: 3}, 10, nn.Formats{Weights: w, Acts: a})
		}
		if err != nil {
			panic(err)
		}
		n.Dataset, n.Method = "cifar10", "dst"
	}
	rng := rand.New(rand.NewPCG(3, 4))
	levels := w.Levels()
	fill := func(b *nn.Block) {
		for range b.Out * b.K() {
			if w == kernels.Float32 {
				b.Float = append(b.Float, rng.Float32()-0.5)
			} else {
				b.Values = append(b.Values, levels[rng.IntN(len(levels))])
			}
		}
		for range b.Out {
			b.Scale = append(b.Scale, 0.01)
			b.Bias = append(b.Bias, rng.Float32())
		}
	}
	for i := range n.Blocks {
		b := &n.Blocks[i]
		fill(b)
		if b.Stream {
			b.StreamScale = 1
		}
		switch {
		case b.Skip == nil:
		case b.Skip.Proj != nil:
			fill(b.Skip.Proj)
		case !n.Float():
			b.Skip.Scale = 1
		}
	}
	return n
}

// mkidx DIR N [SIDE] writes N test images in IDX format.
func mkidx(ts *testscript.TestScript, neg bool, args []string) {
	n, side := number(ts, args[1]), 28
	if len(args) > 2 {
		side = number(ts, args[2])
	}
	header := func(words ...int) (b []byte) {
		for _, w := range words {
			b = binary.BigEndian.AppendUint32(b, uint32(w))
		}
		return b
	}
	images, labels := header(0x803, n, side, side), header(0x801, n)
	for i := range n {
		labels = append(labels, byte(i%10))
		for p := range side * side {
			images = append(images, byte(p*i))
		}
	}
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o777))
	ts.Check(os.WriteFile(filepath.Join(dir, "t10k-images-idx3-ubyte"), images, 0o666))
	ts.Check(os.WriteFile(filepath.Join(dir, "t10k-labels-idx1-ubyte"), labels, 0o666))
}

// mkcifar DIR writes a CIFAR-10 test batch.
func mkcifar(ts *testscript.TestScript, neg bool, args []string) {
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o777))
	ts.Check(os.WriteFile(filepath.Join(dir, "test_batch.bin"), make([]byte, 10000*3073), 0o666))
}

// truncate FILE SIZE cuts a file off.
func truncate(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(os.Truncate(ts.MkAbs(args[0]), int64(number(ts, args[1]))))
}

func number(ts *testscript.TestScript, s string) int {
	n, err := strconv.Atoi(s)
	ts.Check(err)
	return n
}

// width N checks that the last output has no line of more than N characters.
func width(ts *testscript.TestScript, neg bool, args []string) {
	limit := number(ts, args[0])
	for line := range strings.SplitSeq(ts.ReadFile("stdout"), "\n") {
		if n := utf8.RuneCountInString(line); n > limit {
			ts.Fatalf("a line has %d characters, want at most %d: %s", n, limit, line)
		}
	}
}

// jsonrows KIND N FIELD ... checks that the last output is N lines of JSON, each with
// the fields of a row or layer and no others, those named here not null and all
// others null.
func jsonrows(ts *testscript.TestScript, neg bool, args []string) {
	want := number(ts, args[1])
	notNull := map[string]bool{}
	for _, f := range args[2:] {
		notNull[f] = true
	}
	lines := 0
	for sc := bufio.NewScanner(strings.NewReader(ts.ReadFile("stdout"))); sc.Scan(); lines++ {
		var v any = new(row)
		if args[0] == "layer" {
			v = new(layerRow)
		}
		d := json.NewDecoder(bytes.NewReader(sc.Bytes()))
		d.DisallowUnknownFields()
		ts.Check(d.Decode(v))
		if _, err := d.Token(); err != io.EOF {
			ts.Fatalf("more than an object in the line %s", sc.Text())
		}
		var fields map[string]any
		ts.Check(json.Unmarshal(sc.Bytes(), &fields))
		s := reflect.ValueOf(v).Elem()
		for i := range s.NumField() {
			name := s.Type().Field(i).Tag.Get("json")
			value, ok := fields[name]
			pointer := s.Field(i).Kind() == reflect.Pointer
			switch {
			case !ok:
				ts.Fatalf("no field %s in %s", name, sc.Text())
			case pointer && notNull[name] == (value == nil):
				ts.Fatalf("field %s is %v in %s", name, value, sc.Text())
			case !pointer && s.Field(i).IsZero() && name != "images" && name != "batch" && name != "from" && name != "random_weights":
				ts.Fatalf("field %s is %v in %s", name, value, sc.Text())
			}
		}
	}
	if lines != want {
		ts.Fatalf("%d lines, want %d", lines, want)
	}
}

// TestRowFields pins the names of -json's fields, which others read.
func TestRowFields(t *testing.T) {
	const want = "network dataset split images method weights acts first last random_weights impl threads batch accuracy accuracy_float " +
		"accuracy_recorded recorded_split recorded_images ns_per_image ns_per_image_float weight_bytes weight_bytes_float packed_bytes activation_bytes activation_bytes_float peak_rss_bytes logits_sha256 agreement machine"
	var got []string
	for _, f := range reflect.VisibleFields(reflect.TypeFor[row]()) {
		got = append(got, f.Tag.Get("json"))
	}
	if s := strings.Join(got, " "); s != want {
		t.Errorf("fields are\n%s, want\n%s", s, want)
	}
}

func TestTable(t *testing.T) {
	var b bytes.Buffer
	tab := table{columns: []column{{"name", false}, {"two\nlines", true}}}
	tab.add("a", "12345")
	tab.add("bcdef", "6")
	tab.print(&b)
	const want = "" +
		"         two\n" +
		"name   lines\n" +
		"------------\n" +
		"a      12345\n" +
		"bcdef      6\n"
	if b.String() != want {
		t.Errorf("table is\n%s, want\n%s", b.String(), want)
	}
}

func TestFormatting(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{count(0), "0"}, {count(999), "999"}, {count(1000), "1,000"}, {count(1234567), "1,234,567"},
		{times(1), "1.00"}, {times(9.994), "9.99"}, {times(9.996), "10.0"}, {times(32), "32.0"}, {times(99.97), "100"}, {times(1234), "1234"},
		{micro(512), "0.51"}, {micro(123456), "123"}, {kib(1536), "1.5"}, {kib(9999<<10 + 900), "9999.9"}, {kib(12345<<10 + 600), "12346"},
	} {
		if test.got != test.want {
			t.Errorf("formatted as %q, want %q", test.got, test.want)
		}
	}
	var b bytes.Buffer
	printNote(&b, "label", strings.Repeat("word ", 40))
	for line := range strings.Lines(b.String()) {
		if n := len(line) - 1; n > tableWidth || n < tableWidth/2 && strings.TrimSpace(line) == "" {
			t.Errorf("line of %d characters: %q", n, line)
		}
	}
}

// TestFloatTwin: only a float32 network of the same shape is a comparison.
func TestFloatTwin(t *testing.T) {
	low := smallNetwork("fashion-mnist", kernels.Ternary, kernels.U2)
	float := smallNetwork("fashion-mnist", kernels.Float32, kernels.F32)
	other := smallNetwork("cifar10", kernels.Float32, kernels.F32)
	all, err := subjects([]*nn.Network{low, other, float})
	if err != nil {
		t.Fatal(err)
	}
	names := ""
	for _, s := range all {
		names += fmt.Sprintf("%s/%s ", s.net.Name, s.net.Dataset)
	}
	if want := "small-float32/cifar10 small-float32/fashion-mnist small-ternary-u2/fashion-mnist "; names != want {
		t.Errorf("subjects are %s, want %s", names, want)
	}
	if all[0].float != all[0] || all[1].float != all[1] || all[2].float != all[1] {
		t.Error("wrong comparisons")
	}
	// Where there is none, one with random weights is made.
	deep := smallNetwork("resnet20", kernels.Ternary, kernels.U2)
	nets, random, err := withTwins([]*nn.Network{low, float, deep})
	if err != nil {
		t.Fatal(err)
	}
	if len(nets) != 4 || len(random) != 1 || nets[3] != random[0] || !random[0].Float() || !sameShape(random[0], deep) || random[0].Dataset != "cifar10" {
		t.Fatalf("%d networks, %d with random weights: want one for %s", len(nets), len(random), deep.Name)
	}
	plan, err := nn.Compile(random[0], nn.Options{})
	if err != nil {
		t.Fatal(err)
	}
	// It is of use if what passes its layers is neither tiny nor huge.
	logits := make([]float32, deep.Classes)
	plan.Run(logits, data.Made(1, 32, 32, 3).Pixels, 1)
	for _, v := range logits {
		if a := math.Abs(float64(v)); !(a < 1e6) || a > 0 && a < 1e-6 {
			t.Errorf("logits with random weights are %v: want numbers near 1", logits)
			break
		}
	}
	if all[2].title(20) != "small" || all[2].title(4) != "sm.." {
		t.Errorf("titles %q, %q", all[2].title(20), all[2].title(4))
	}
}

// TestAccuracies: measured accuracies come before recorded ones, which are marked; they
// are compared only if they are of as many images of one split.
func TestAccuracies(t *testing.T) {
	test := &models.Record{Accuracy: 91.5, Split: "test", Images: 10000}
	validation := &models.Record{Accuracy: 93, Split: "validation", Images: 10000}
	for _, c := range []struct {
		low, float   subject
		top1, points string
	}{
		{subject{}, subject{record: test}, "", ""},
		{subject{record: test}, subject{}, "91.50r", ""},
		{subject{record: test}, subject{record: test}, "91.50r", "+0.00"},
		{subject{record: validation}, subject{record: test}, "93.00v", ""},
		{subject{measured: true, images: 10000, accuracy: 90, record: validation}, subject{record: test}, "90.00", "-1.50"},
		{subject{measured: true, images: 500, accuracy: 90}, subject{record: test}, "90.00", ""},
		{subject{measured: true, images: 500, accuracy: 90}, subject{measured: true, images: 500, accuracy: 92.25, record: test}, "90.00", "-2.25"},
	} {
		c.low.float = &c.float
		if c.low.top1() != c.top1 || c.low.pointsLost() != c.points {
			t.Errorf("%+v beside %+v: %q, %q: want %q, %q", c.low.known(), c.float.known(), c.low.top1(), c.low.pointsLost(), c.top1, c.points)
		}
	}
}
