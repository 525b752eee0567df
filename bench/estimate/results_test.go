package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/perf/benchfmt"

	"example.com/lowbit/kernels"
)

// testResults has kernels of which the speeds on all cores are given, for each MAC.
func testResults() *results {
	r := &results{cores: cores}
	r.versions.qemu, r.versions.llvm, r.versions.commit = "7.2", "19", "0123456789ab"
	add := func(isa, algorithm, variant string, bits int, w kernels.WeightFormat, a kernels.ActFormat, speeds float64, features ...string) {
		k := kernels.Kernel{Operation: kernels.OpGEMM, ISA: isa, Algorithm: algorithm, Name: strings.TrimSuffix(isa+"-"+algorithm+"-"+variant, "-"),
			Features: append([]string{"AdvSIMD"}, features...), TileM: 8, TileN: 16, WeightBits: bits, Formats: []kernels.Formats{{Weights: w, Acts: a}}}
		if w == kernels.Float32 {
			k.Operation, k.Formats = kernels.OpGEMMFloat32, nil
		}
		for _, s := range subjects([]kernels.Kernel{k}, func(kernels.Kernel) bool { return true }) {
			e := &estimate{subject: s, macs: 1e6, instrs: 1e5, loops: 1e3}
			for i := range cores {
				if cores[i].runs(k.Features) {
					c := 1e6 / speeds
					e.onCore = append(e.onCore, speed{true, c, c * 0.95, c * 0.9, c * 0.99, c * 0.9})
				} else {
					e.onCore = append(e.onCore, speed{})
				}
			}
			r.list = append(r.list, e)
		}
	}
	add("dotprod", "muladd", "w8", 8, kernels.Int8, kernels.U8, 30, "DotProd")
	add("neon", "muladd", "w8", 8, kernels.Int8, kernels.U8, 15)
	add("neon", "popcount", "", 1, kernels.Binary, kernels.Sign, 75)
	add("neon", "lut", "w1", 1, kernels.Binary, kernels.U2, 48)
	add("dotprod", "muladd", "w2", 2, kernels.Ternary, kernels.U2, 26, "DotProd")
	add("i8mm", "muladd", "w2", 2, kernels.Ternary, kernels.U2, 60, "DotProd", "I8MM")
	add("neon", "popcount", "planes-w2", 2, kernels.Ternary, kernels.U2, 12)
	add("neon", "float32", "", 32, kernels.Float32, kernels.F32, 7.9)
	return r
}

// TestTargets wants estimates held against the right kernel, and what misses told.
func TestTargets(t *testing.T) {
	var b bytes.Buffer
	testResults().targets(&b)
	for _, want := range []string{
		"| N1 | binary x sign | 2.4 | neon-popcount | 75 | 30 | 2.50 | 2.50 | yes |",
		"| N1, neon | binary x sign | 4 | neon-popcount | 75 | 15 | 5.00 | 5.00 | yes |",
		"| A72 | binary x u2 | 3 | neon-lut-w1 | 48 | 15 | 3.20 | 3.20 | yes |",
		"| N2 | binary x u2 | 1.7 | neon-lut-w1 | 48 | 30 | 1.60 | 1.60 | **no** |",
		"| N2 | ternary x u2 | 0.9 | dotprod-muladd-w2 | 26 | 30 | 0.87 | 0.87 | **no** |",
		"| A72 | ternary x u2 | 1.3 | neon-popcount-planes-w2 | 12 | 15 | 0.80 | 0.80 | **no** |",
		"| N1 | binary x u3 | 1.7 | no such kernel | - | - | - | - | **no** |",
	} {
		if !strings.Contains(b.String(), want+"\n") {
			t.Errorf("want %q in\n%s", want, &b)
		}
	}
}

// TestPage wants every table marked as estimated, and lines that fit.
func TestPage(t *testing.T) {
	r := testResults()
	var b bytes.Buffer
	r.page(&b)
	title := ""
	for line := range strings.Lines(b.String()) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "## ") {
			title = line
			if !strings.Contains(line, "stimated") {
				t.Errorf("title %q does not say that it is estimated", line)
			}
		}
		if len(line) > 100 {
			t.Errorf("%d columns: %q", len(line), line)
		}
	}
	if title == "" {
		t.Error("no tables")
	}
	for _, want := range []string{
		"| binary x sign | 75 (5, -) | 75 (2.5, 9.5) |", // the fastest, over int8 and over float32
		"| neon-popcount | 0.1000 | 0.0010 | 75 (5) | 75 (2.5) |",
		"| dotprod-muladd-w8 | 8x16 | - | 30.3/33.3 |",
	} {
		if want = strings.Replace(want, "(5, -)", "(5, 9.5)", 1); !strings.Contains(b.String(), want) {
			t.Errorf("want %q in\n%s", want, &b)
		}
	}
}

// TestData wants a file that benchstat reads, marked as estimated, with the figures.
func TestData(t *testing.T) {
	var b bytes.Buffer
	r := testResults()
	r.data(&b)
	reader := benchfmt.NewReader(&b, "estimate.txt")
	found := 0
	for reader.Scan() {
		switch rec := reader.Result().(type) {
		case *benchfmt.SyntaxError:
			t.Error(rec)
		case *benchfmt.Result:
			found++
			if rec.GetConfig("estimated") != "true" || rec.GetConfig("core") == "" {
				t.Errorf("%s has config %v", rec.Name, rec.Config)
			}
			if strings.HasPrefix(string(rec.Name), "GEMM/w=binary/a=sign/impl=neon-popcount/m=1024/n=1024/k=1024") {
				if v, _ := rec.Value("MAC/cycle"); v != 75 {
					t.Errorf("%s: %v MAC/cycle: want 75", rec.Name, v)
				}
				if v, _ := rec.Value("instr/MAC"); v != 0.1 {
					t.Errorf("%s: %v instr/MAC: want 0.1", rec.Name, v)
				}
			}
		}
	}
	want := 0
	for _, e := range r.list {
		for _, s := range e.onCore {
			if s.ok {
				want++
			}
		}
	}
	if found != want {
		t.Errorf("%d results: want %d", found, want)
	}
}

// TestWrite wants all files, and a plot that names kernels and cores.
func TestWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	if err := testResults().write(dir); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{pageFile: "# arm64", dataFile: "estimated: true", plotFile: "neon-popcount, binary x sign"} {
		if text, err := os.ReadFile(filepath.Join(dir, file)); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %v, or it lacks %q", file, err, want)
		}
	}
}

func TestExtend(t *testing.T) {
	// 5 to prepare rows, 20 a panel.
	if got := extend(25, 45, 64); got != 5+64*20 {
		t.Errorf("64 panels take %v: want %v", got, 5+64*20)
	}
	if got := extend(25, 25, 1); got != 25 {
		t.Errorf("one trace alone gives %v: want 25", got)
	}
}

// TestSubjects wants traced products of whole tiles, of one panel and of two.
func TestSubjects(t *testing.T) {
	k := kernels.Kernel{Operation: kernels.OpGEMM, ISA: "neon", Algorithm: "shiftadd", Name: "neon-shiftadd", TileM: 64, TileN: 64,
		Formats: []kernels.Formats{{Weights: kernels.Ternary, Acts: kernels.U2}}}
	list := subjects([]kernels.Kernel{k, {Operation: kernels.OpGEMM, ISA: "portable"}}, func(kernels.Kernel) bool { return true })
	var formats []string
	for _, s := range list {
		formats = append(formats, s.formats())
		if len(s.traced) != 2 || s.traced[0].M != 64 || s.traced[0].N != 64 || s.traced[1].N != 128 || s.job.N != 1024 {
			t.Errorf("%v is traced as %v", s.job, s.traced)
		}
	}
	if want := []string{"ternary x u2", "ternary x u2, no zeros", "ternary x u2, half zeros"}; !slices.Equal(formats, want) {
		t.Errorf("subjects are %q: want %q", formats, want)
	}
}

func TestFlags(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"-cores z80", "no core"},
		{"-kernels (", "-kernels"},
		{"-kernel x -shape 8x64", "MxNxK"},
		{"-kernel x -shape 8x0x64", "MxNxK"},
		{"-kernel x -shape 64x1024x1025", "at most"},
		{"-kernel x -shape 4611686018427387904x2x2", "at most"},
		{"-kernel x -zeros 101", "-zeros"},
		{"-functions", "without -kernel"},
		{"more", "want flags alone"},
		{"-nonsense", "see -h"},
	} {
		_, err := parse(strings.Fields(c.args), new(bytes.Buffer))
		if _, ok := err.(flagError); !ok || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v: want one of flags with %q", c.args, err, c.want)
		}
	}
	o, err := parse(strings.Fields("-kernel x -shape 8x64x1024 -core neoverse-n2"), new(bytes.Buffer))
	if err != nil || o.shape != [3]int{8, 64, 1024} || len(o.cores) != 1 || o.zeros != -1 {
		t.Errorf("got %+v, %v", o, err)
	}
	var help bytes.Buffer
	if _, err := parse([]string{"-h"}, &help); err == nil || !strings.Contains(help.String(), "go run ./bench/estimate -kernel dotprod-muladd-w8") {
		t.Errorf("-h: %v, %s", err, &help)
	}
}

func TestJobOfFlags(t *testing.T) {
	k := kernels.Kernel{Name: "k", Operation: kernels.OpGEMM, Formats: []kernels.Formats{{Weights: kernels.Ternary, Acts: kernels.U1}, {Weights: kernels.Ternary, Acts: kernels.U2}}}
	o := &options{zeros: -1}
	if j, err := o.job(k); err != nil || j.Acts != kernels.U2 || j.M != 8 {
		t.Errorf("%v, %v: want the formats of interest and 8 rows", j, err)
	}
	o.formats, o.shape = "ternary x u1", [3]int{1, 2, 3}
	if j, err := o.job(k); err != nil || j.Acts != kernels.U1 || fmt.Sprint(j.M, j.N, j.K) != "1 2 3" {
		t.Errorf("%v, %v: want ternary x u1, 1x2x3", j, err)
	}
	o.formats = "int8 x u8"
	if _, err := o.job(k); err == nil {
		t.Error("formats that the kernel does not take give no error")
	}
}
