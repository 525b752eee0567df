package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"gonum.org/v1/plot/plotter"

	"example.com/lowbit/bench/internal/page"
)

var update = flag.Bool("update", false, "write the golden files anew")

// madeUp are the result files in testdata: made-up runs of three seeds, of two
// first layers, and of a study.
func madeUp(t testing.TB) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for _, folder := range []string{"", studyFolder} {
		paths, err := filepath.Glob(filepath.Join("testdata/runs", folder, "*.jsonl"))
		if err != nil || len(paths) == 0 {
			t.Fatalf("no files in testdata: %v", err)
		}
		for _, path := range paths {
			files[folder+filepath.Base(path)] = readAll(t, path)
		}
	}
	return files
}

// reported runs the command on files by name and returns the folder.
func reported(t *testing.T, files map[string][]byte) (string, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, studyFolder), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir, report(dir)
}

func readAll(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestGolden(t *testing.T) {
	dir, err := reported(t, madeUp(t))
	if err != nil {
		t.Fatal(err)
	}
	again, err := reported(t, madeUp(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"README", "STUDY"} {
		got := readAll(t, filepath.Join(dir, name+".md"))
		golden := "testdata/" + name + ".golden.md"
		if *update {
			if err := os.WriteFile(golden, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want := readAll(t, golden); !bytes.Equal(got, want) {
			t.Errorf("%s.md differs from %s (-update writes it anew):\n%s", name, golden, got)
		}
		for line := range strings.Lines(string(got)) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > page.LineWidth && !strings.HasPrefix(line, "![") {
				t.Errorf("%s.md: %d columns, want at most %d: %s", name, n, page.LineWidth, line)
			}
		}
	}
	written, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	var plots []string
	for _, path := range written {
		if info, err := os.Stat(path); err != nil || info.IsDir() {
			continue
		}
		base := filepath.Base(path)
		first := readAll(t, path)
		if !bytes.Equal(first, readAll(t, filepath.Join(again, base))) {
			t.Errorf("%s differs from one time to the next", base)
		}
		if strings.HasSuffix(base, ".svg") {
			plots = append(plots, base)
			wellFormed(t, base, first)
		}
	}
	const want = "cifar10-resnet20-bits.svg cifar10-resnet20-curves.svg cifar10-resnet20-levels.svg cifar10-resnet20-zeros.svg " +
		"fashion-mnist-lenet-bits.svg fashion-mnist-lenet-curves.svg fashion-mnist-lenet-levels.svg fashion-mnist-lenet-zeros.svg " +
		"study-moves.svg study-state.svg"
	if got := strings.Join(plots, " "); got != want {
		t.Errorf("plots %s: want %s", got, want)
	}
}

// wellFormed checks that a plot is XML with text in it, and no number that is none.
func wellFormed(t *testing.T, name string, svg []byte) {
	t.Helper()
	text := 0
	for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "text" {
			text++
		}
	}
	if text < 10 || bytes.Contains(svg, []byte("NaN")) || bytes.Contains(svg, []byte("Inf")) {
		t.Errorf("%s has %d texts, or is drawn at NaN or Inf: want labels and numbers", name, text)
	}
}

func TestNoRuns(t *testing.T) {
	dir, err := reported(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"README.md", "STUDY.md"} {
		if text := string(readAll(t, filepath.Join(dir, name))); !strings.Contains(text, "**There are no runs yet") {
			t.Errorf("%s does not say that there are no runs:\n%s", name, text)
		}
	}
	if text := string(readAll(t, filepath.Join(dir, "README.md"))); strings.Count(text, "| not run |") != len(targets) || strings.Contains(text, "met by") {
		t.Errorf("not every target is said not to be run:\n%s", text)
	}
	if err := report(filepath.Join(dir, "none")); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("error %v: want one that names the folder", err)
	}
}

const good = "fashion-mnist-lenet-dst-pow2x4-u4-s1.jsonl"

// edited is a line with fields set, or taken out if nil. A name with a dot is of
// an object in it.
func edited(t testing.TB, line []byte, fields map[string]any) []byte {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal(line, &object); err != nil {
		t.Fatal(err)
	}
	for name, value := range fields {
		in := object
		if outer, inner, ok := strings.Cut(name, "."); ok {
			in, name = object[outer].(map[string]any), inner
		}
		if value == nil {
			delete(in, name)
			continue
		}
		in[name] = value
	}
	out, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return append(out, '\n')
}

func TestBadInput(t *testing.T) {
	line := madeUp(t)[good]
	with := func(name string, value any) []byte { return edited(t, line, map[string]any{name: value}) }
	epochs := func(es ...any) []byte { return with("epochs", es) }
	for _, test := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "bad.jsonl: empty"},
		{"damaged", line[:len(line)/2], "bad.jsonl:1: not a JSON object"},
		{"damaged second line", append(bytes.Clone(line), line[:100]...), "bad.jsonl:2: not a JSON object"},
		{"damaged first line", append(append(line[:100:100], '\n'), line...), "bad.jsonl:1: not a JSON object"},
		{"no object", []byte("12\n"), "bad.jsonl:1: not a JSON object"},
		{"no first layer", with("first", nil), `bad.jsonl:1: no field "first"`},
		{"no accuracy", with("validation_accuracy", nil), `bad.jsonl:1: no field "validation_accuracy"`},
		{"no config", with("config", nil), `bad.jsonl:1: no field "config"`},
		{"no epochs in config", with("config.Epochs", nil), "no number Epochs"},
		{"text for a number", with("validation_accuracy", "high"), "bad.jsonl:1:"},
		{"two runs", append(bytes.Clone(line), with("config.LR", 0.5)...), "bad.jsonl:2: dst of lenet on fashion-mnist, pow2:4/u4, seed 1, but line 1 is another run"},
		{"two seeds", append(bytes.Clone(line), with("config.Seed", 9)...), "bad.jsonl:2:"},
		{"above 100", with("validation_accuracy", 100.5), "validation_accuracy is 100.5"},
		{"test below 0", with("test_accuracy", -1), "test_accuracy is -1"},
		{"method", with("method", "magic"), `method is "magic"`},
		{"weights", with("weights", "pow3:4"), `no weight format "pow3:4"`},
		{"acts", with("acts", "u9"), `no activation format "u9"`},
		{"network", with("network", "../x"), `network or dataset is "../x"`},
		{"no bytes", with("model_bytes", 0), "model_bytes 0"},
		{"negative memory", with("memory.optimizer", -1), "Optimizer:-1"},
		{"zeros", with("layers", []any{map[string]any{"layer": 1, "number": 1, "zeros": 2}}), "layer 1: 2 zeros of 1 weights"},
		{"order", epochs(map[string]any{"epoch": 2}, map[string]any{"epoch": 1}), "epoch 1 at place 2"},
		{"far epoch", epochs(map[string]any{"epoch": 1}, map[string]any{"epoch": 1e12}), "epoch 1000000000000 at place 2: want them in order, from 1 to 1000000"},
		{"levels", epochs(map[string]any{"epoch": 1, "levels": map[string]any{"ternary": map[string]any{"count": []int{1, 2}}}}), "epoch 1: levels of ternary: want a count for each of 3 levels"},
		{"moved", epochs(map[string]any{"epoch": 1, "levels": map[string]any{"binary": map[string]any{"count": []int{1, 2}, "moved": []int{1}}}}), "want a count for each of 2 levels"},
		{"negative count", epochs(map[string]any{"epoch": 1, "levels": map[string]any{"binary": map[string]any{"count": []int{1, -2}}}}), "a negative count of level 1"},
		{"large", make([]byte, fileLimit+1), "more than"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir, err := reported(t, map[string][]byte{"bad.jsonl": test.data, good: line})
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "bad.jsonl") {
				t.Errorf("error %v: want one that names bad.jsonl and has %q", err, test.want)
			}
			if entries, _ := os.ReadDir(dir); len(entries) != 3 {
				t.Errorf("%d files: want nothing written", len(entries))
			}
		})
	}
	if _, err := reported(t, map[string][]byte{"a](x).jsonl": line}); err == nil || !strings.Contains(err.Error(), "file name") {
		t.Errorf("error %v: want one about the file name", err)
	}
	if _, err := reported(t, map[string][]byte{"bad.jsonl": line, good: line}); err == nil || !strings.Contains(err.Error(), "seed 1, as in bad.jsonl: want one file a run") {
		t.Errorf("error %v: want one about a run in two files", err)
	}
	if _, err := reported(t, map[string][]byte{studyFolder + "again.jsonl": line, good: line}); err != nil {
		t.Errorf("a run of the study that is in a table, too: %v", err)
	}
	if _, err := reported(t, map[string][]byte{"a.jsonl": nil, studyFolder + "b.jsonl": nil}); err == nil || !strings.Contains(err.Error(), "a.jsonl") || !strings.Contains(err.Error(), "b.jsonl") {
		t.Errorf("error %v: want one that names both files", err)
	}
}

// Of several lines of one run the last counts. What a run need not have may be
// missing; a target that needs it says so.
func TestMissingFields(t *testing.T) {
	line := madeUp(t)[good]
	bare := edited(t, line, map[string]any{"test_accuracy": nil, "layers": nil, "epochs": nil, "revision": nil, "images_per_second": nil, "machine": nil, "validation_accuracy": 77.25})
	dir, err := reported(t, map[string][]byte{good: append(bytes.Clone(line), bare...)})
	if err != nil {
		t.Fatal(err)
	}
	text := string(readAll(t, filepath.Join(dir, "README.md")))
	for _, want := range []string{
		"| 1 | pow2:4/u4 | dst | pow2:4/u8 | pow2:4/u4 | - | 77.25 | - | - | 4 |\n",
		"| fashion-mnist lenet | dst pow2:4/u4 | within 0.2 of float | - | not run | - |\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no line %q in:\n%s", want, text)
		}
	}
	if strings.Contains(text, ".svg") {
		t.Error("a plot of nothing")
	}
	dir, err = reported(t, map[string][]byte{
		good:                              bare,
		"fashion-mnist-lenet-float.jsonl": madeUp(t)["fashion-mnist-lenet-float-s1.jsonl"],
		"fashion-mnist-lenet-ste.jsonl":   madeUp(t)["fashion-mnist-lenet-ste-pow2x4-u4-s1.jsonl"],
	})
	if err != nil {
		t.Fatal(err)
	}
	text = string(readAll(t, filepath.Join(dir, "README.md")))
	for _, want := range []string{
		"| fashion-mnist lenet | dst pow2:4/u4 | within 0.2 of float | - | not tested | 2, 1 |\n",
		"| fashion-mnist lenet | dst pow2:4/u4 | within 0.2 of ste | - | not tested | 2, 3 |\n",
		"| fashion-mnist lenet | dst pow2:4/u4 | state at most 0.5 of ste's | 0.25 | met by 0.25 | 2, 3 |\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no line %q in:\n%s", want, text)
		}
	}
}

// Runs that differ by seed, and by the seed of the run they start from, are one
// row; others are not.
func TestGroups(t *testing.T) {
	line := madeUp(t)[good]
	var runs []*run
	for i, config := range []map[string]any{
		{},
		{"config.Seed": 12, "config.Init": "fashion-mnist-lenet-float-s12.safetensors.checkpoint", "validation_accuracy": 90.0},
		{"config.FanIn": 0, "config.Fill": "black"}, // what it is by default
		{"config.Seed": 2, "config.FanIn": 1},
		{"config.Init": "other.safetensors.checkpoint"},
		{"first": "int8/u8"},
	} {
		r, err := parse(edited(t, line, config))
		if err != nil {
			t.Fatal(err)
		}
		r.name = string(rune('a' + i))
		runs = append(runs, r)
	}
	var got []string
	for _, g := range groups(runs) {
		names := ""
		for _, r := range g.runs {
			names += r.name
		}
		got = append(got, names)
	}
	if text := strings.Join(got, " "); text != "acb d e f" {
		t.Errorf("groups %s: want acb d e f", text)
	}
}

func studied(t testing.TB) *study {
	t.Helper()
	runs, err := readRuns("testdata/runs")
	if err != nil {
		t.Fatal(err)
	}
	return &study{runs: runs}
}

func TestStudyFunctions(t *testing.T) {
	runs := studied(t).runs
	write := func(text string) (string, error) { return (&study{runs: runs}).write(text) }
	for _, test := range []struct{ text, want string }{
		{`{{val "study/window-rect-0.5"}} {{val "study/window-rect-0.5" "study/window-tri-1"}}`, "91.20 91.40"},
		{`{{spread "study/window-rect-0.5" "study/window-tri-1"}}`, "0.40"},
		{`{{diff "study/window-rect-0.5" "study/window-tri-1"}}`, "-0.40"},
		{`{{diff "study/window-tri-1" "study/window-rect-0.5"}}`, "+0.40"},
		{`{{setting "study/window-tri-1" "Window"}} {{setting "study/window-tri-1" "HalfWidth"}}`, "tri 1"},
		{`{{ref "study/window-tri-1" "study/window-rect-0.5"}} {{ref "study/window-tri-1"}}`, "[1] [2] [1]\n[1]: study/window-tri-1.jsonl\n[2]: study/window-rect-0.5.jsonl\n"},
		{`{{if has "nothing"}}a{{else}}b{{end}} {{if has "study/window-tri-1"}}c{{end}}`, "b c"},
		{`{{state "study/moments-sgd-none"}} {{stateratio "study/moments-sgd-none" "study/moments-adam-f32"}}`, "590,408 0.11"},
		{`{{vary "Schedule" ""}}`, "No runs yet differ in schedule alone."},
	} {
		got, err := write(test.text)
		if err != nil || got != test.want {
			t.Errorf("%s is %q, %v: want %q", test.text, got, err, test.want)
		}
	}
	for _, test := range []struct{ text, want string }{
		{`{{val "study/none"}}`, `no run "study/none"`},
		{`{{diff "study/window-tri-1" "study/none"}}`, `no run "study/none"`},
		{`{{diff "study/none" "study/window-tri-1"}}`, `no run "study/none"`},
		{`{{stateratio "study/window-tri-1" "study/none"}}`, `no run "study/none"`},
		{`{{ref "study/none"}}`, `no run "study/none"`},
		{`{{table "study/none"}}`, `no run "study/none"`},
		{`{{movestable "study/none"}}`, `no run "study/none"`},
		{`{{plotmoves "x.svg" "study/none"}}`, `no run "study/none"`},
		{`{{plotstate "x.svg" "study/none"}}`, `no run "study/none"`},
		{`{{moved "study/none" 1 "all"}}`, `no run "study/none"`},
		{`{{moved "study/window-tri-1" 64 "all"}}`, `"study/window-tri-1" has no moves of level 64`},
		{`{{moved "study/window-tri-1" 1 "second"}}`, `part "second"`},
		{`{{test "study/window-tri-1"}}`, `"study/window-tri-1" has no accuracy on test images`},
		{`{{setting "study/window-tri-1" "Windows"}}`, `no field "Windows"`},
		{`{{vary "Windows" ""}}`, `no field "Windows"`},
		{`{{val}}`, "no runs named"},
		{`{{table}}`, "no runs"},
		{`{{value "study/window-tri-1"}}`, `"value"`},
	} {
		if _, err := write(test.text); err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "study.md.tmpl:1") {
			t.Errorf("%s: error %v: want one that has its line and %q", test.text, err, test.want)
		}
	}
}

// The moves of a level are those of both signs, over the weights on it.
func TestMoves(t *testing.T) {
	counts := func(count, moved []int) epoch {
		return epoch{Levels: map[string]*levels{"ternary": {count, moved}}}
	}
	r := &run{name: "r", Weights: "ternary", Epochs: []epoch{
		counts([]int{10, 100, 30}, []int{4, 50, 0}),
		counts([]int{10, 100, 30}, []int{0, 0, 4}),
		counts([]int{10, 100, 30}, nil), // not known
		counts([]int{10, 100, 30}, []int{1, 2, 0}),
	}}
	s := &study{runs: []*run{r}}
	for _, test := range []struct{ text, want string }{
		{`{{moved "r" 1 "all"}} {{moved "r" 0 "all"}}`, "7.5 17"},
		{`{{moved "r" 1 "first"}} {{moved "r" 1 "middle"}} {{moved "r" 1 "last"}} {{moved "r" 0 "last"}}`, "10 10 2.5 2"},
	} {
		if got, err := s.write(test.text); err != nil || got != test.want {
			t.Errorf("%s is %q, %v: want %q", test.text, got, err, test.want)
		}
	}
}

func TestVerdict(t *testing.T) {
	for margin, want := range map[float64]string{
		0.3 - 0.2 - 0.1: "met by 0.00", 0.05: "met by 0.05", -0.001: "missed by 0.001", -0.2: "missed by 0.20",
	} {
		if got := verdict(margin); got != want {
			t.Errorf("margin %v: %q, want %q", margin, got, want)
		}
	}
}

// Parts of a line above the floor end on it.
func TestAbove(t *testing.T) {
	line := plotter.XYs{{X: 0, Y: -1}, {X: 1, Y: 1}, {X: 2, Y: 1}, {X: 3, Y: -1}, {X: 4, Y: -1}, {X: 5, Y: 3}}
	want := []plotter.XYs{{{X: 0.5}, {X: 1, Y: 1}, {X: 2, Y: 1}, {X: 2.5}}, {{X: 4.25}, {X: 5, Y: 3}}}
	got := above(line, 0)
	if len(got) != len(want) {
		t.Fatalf("%v: want %v", got, want)
	}
	for i, part := range want {
		for j, pt := range part {
			if len(got[i]) != len(part) || math.Abs(got[i][j].X-pt.X) > 1e-9 || math.Abs(got[i][j].Y-pt.Y) > 1e-9 {
				t.Fatalf("part %d is %v: want %v", i, got[i], part)
			}
		}
	}
}

func TestAccuracyTicks(t *testing.T) {
	for _, r := range [][2]float64{{10, 99}, {85, 92}, {91.9, 92.3}, {99.2, 99.55}} {
		low, high := height(r[0]), height(r[1])
		ticks := accuracyTicks(low, high)
		if len(ticks) < 4 || len(ticks) > 13 {
			t.Errorf("%v: %d ticks", r, len(ticks))
		}
		for i, a := range ticks {
			if a.Value < low || a.Value > high {
				t.Errorf("%v: tick %s is outside", r, a.Label)
			}
			for _, b := range ticks[:i] {
				if math.Abs(a.Value-b.Value) < (high-low)/12 {
					t.Errorf("%v: ticks %s and %s are too close", r, a.Label, b.Label)
				}
			}
		}
	}
}

// Whatever a line says, it is refused or gives tables. (Plots are too slow for that.)
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"network":"n","dataset":"d","method":"dst","weights":"pow2:3","acts":"u3","first":"int8/u8","last":"pow2:3/u3","shortcuts":"u8",
"config":{"Epochs":3,"Seed":1,"Optimizer":"adam","State":"8bit"},"memory":{"weights":7,"optimizer":7},"validation_accuracy":50,"test_accuracy":49,"model_bytes":9,"cpu_seconds":1,
"epochs":[{"epoch":1,"validation_accuracy":20,"levels":{"pow2:3":{"count":[1,1,1,1,1,1,1],"moved":[1,1,1,1,1,1,1]}}},
{"epoch":2,"validation_accuracy":30,"levels":{"pow2:3":{"count":[0,1,1,2,1,1,1],"moved":[0,1,1,1,1,1,1]}}},
{"epoch":3,"validation_accuracy":50,"levels":{"pow2:3":{"count":[1,1,1,1,1,2,0],"moved":[1,0,0,1,1,1,0]}}}],
"layers":[{"layer":1,"weights":"int8","number":9,"zeros":1},{"layer":2,"projection":true,"weights":"pow2:3","number":7,"zeros":2}]}`))
	list, err := readPublished()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := parse(data)
		if err != nil {
			return
		}
		r.name = "fuzz"
		writeReadme(io.Discard, []*run{r}, sets(groups([]*run{r})), list, nil)
		const text = `{{val "fuzz"}} {{zeros "fuzz"}} {{table "fuzz"}} {{vary "Window" "LR"}} {{movestable}} {{zerostable}}`
		if _, err := (&study{runs: []*run{r}}).write(text); err != nil && !strings.Contains(err.Error(), "has no") {
			t.Fatal(err)
		}
	})
}
