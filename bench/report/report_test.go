package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden report")

const (
	input      = "testdata/made-up.txt"
	inputPeers = "testdata/made-up-peers.txt"
)

// reported runs the command on files by name and returns the folder.
func reported(t *testing.T, files map[string][]byte) (string, error) {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir, report(dir)
}

func readAll(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// made are the two files of a made-up machine, peers among the second's rows.
// Its kernels run at half the speed of the first's, so that a ratio of rows of
// different files would show.
func made(t *testing.T) map[string][]byte {
	return map[string][]byte{"made-up.txt": readAll(t, input), "made-up-peers.txt": readAll(t, inputPeers)}
}

func TestGolden(t *testing.T) {
	for golden, files := range map[string]map[string][]byte{
		"made-up":        {"made-up.txt": readAll(t, input)},
		"made-up-beside": made(t),
	} {
		dir, err := reported(t, files)
		if err != nil {
			t.Fatal(err)
		}
		for _, page := range []struct{ file, golden string }{
			{"README.md", "testdata/" + golden + ".golden.md"},
			{"made-up.md", "testdata/" + golden + "-page.golden.md"},
		} {
			got := readAll(t, filepath.Join(dir, page.file))
			if *update {
				if err := os.WriteFile(page.golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want := readAll(t, page.golden); !bytes.Equal(got, want) {
				t.Errorf("%s differs from %s (-update writes it anew):\n%s", page.file, page.golden, got)
			}
		}
		again, err := reported(t, files)
		if err != nil {
			t.Fatal(err)
		}
		written, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil {
			t.Fatal(err)
		}
		plots := 0
		for _, path := range written {
			first := readAll(t, path)
			if !bytes.Equal(first, readAll(t, filepath.Join(again, filepath.Base(path)))) {
				t.Errorf("%s differs from one time to the next", filepath.Base(path))
			}
			if strings.HasSuffix(path, ".svg") {
				plots++
				wellFormed(t, filepath.Base(path), first)
			}
		}
		if plots != 6 {
			t.Errorf("%s: %d plots: want 6", golden, plots)
		}
	}
}

// wellFormed checks that a plot is XML with text in it.
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
	if text < 10 {
		t.Errorf("%s has %d texts: want labels", name, text)
	}
}

func TestTwoMachines(t *testing.T) {
	data := readAll(t, input)
	dir, err := reported(t, map[string][]byte{"b.txt": data, "a.txt": data})
	if err != nil {
		t.Fatal(err)
	}
	text := string(readAll(t, filepath.Join(dir, "README.md")))
	for _, page := range []string{"a.md", "b.md"} {
		if !strings.Contains(string(readAll(t, filepath.Join(dir, page))), "\n### GEMM: m=64, n=512, k=1024, hot\n") {
			t.Errorf("%s does not have the machine's tables", page)
		}
	}
	a, b := strings.Index(text, "\n## a\n"), strings.Index(text, "\n## b\n")
	if a < 0 || b < a {
		t.Errorf("sections at %d and %d: want a before b", a, b)
	}
}

func TestBadInput(t *testing.T) {
	good := string(readAll(t, input))
	replace := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("no %q in the input", old)
		}
		return strings.Replace(good, old, new, 1)
	}
	const line = "BenchmarkGEMM/w=binary/a=sign/impl=avx2-popcount/m=64/n=512/k=1024/cache=hot-2"
	for _, test := range []struct{ name, text, want string }{
		{"empty", "", "no line PASS"},
		{"nothing measured", "PASS\n", "no benchmark results"},
		{"cut off", good[:len(good)/2], "no line PASS"},
		{"cut off in the second pass", good + good[:len(good)/2], "no line PASS behind"},
		{"cut off in a line", good[:strings.Index(good, line)+len(line)] + "\t 100\t 12\nPASS\n", "bad.txt:"},
		{"failed", replace("PASS\n", "--- FAIL: BenchmarkGEMM/w=binary\n    wrong\nFAIL\nPASS\n"), "--- FAIL: BenchmarkGEMM/w=binary"},
		{"panicked", replace("PASS\n", "panic: kernels: no\nPASS\n"), "panic: kernels: no"},
		{"no number", replace("100\t", "100\t NaN ns/op\t"), "NaN"},
		{"negative", replace("100.00 MB/s", "-100.00 MB/s"), "not negative"},
		{"no iterations", replace(line+" \t     100", line+" \t     ten"), "iteration count"},
		{"unit not known", replace("%limit", "%limes"), `unit "%limes"`},
		{"key not known", replace("/cache=hot", "/cash=hot"), `key "/cash"`},
		{"name without key", replace("/cache=hot", "/hot"), "want /key=value"},
		{"time missing", replace("ns/op", "B/op"), "no time"},
		{"two machines", replace(line, "cpu: other\n"+line), `cpu is "other" but was "Made | up <CPU>"`},
		{"another setting", replace(line, "governor: other\n"+line), "configuration keys"},
		{"binary", "\x7fELF\x00\x01" + strings.Repeat("\xff\x00", 1000) + "\nPASS\n", "no benchmark results"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir, err := reported(t, map[string][]byte{"bad.txt": []byte(test.text)})
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "bad.txt") {
				t.Errorf("error %v: want one that names bad.txt and has %q", err, test.want)
			}
			if entries, _ := os.ReadDir(dir); len(entries) != 1 {
				t.Errorf("%d files: want nothing written", len(entries))
			}
		})
	}
}

func TestBadFolder(t *testing.T) {
	if _, err := reported(t, nil); err == nil || !strings.Contains(err.Error(), "no result files") {
		t.Errorf("error %v: want one about no result files", err)
	}
	data := readAll(t, input)
	if _, err := reported(t, map[string][]byte{"a](x).txt": data}); err == nil || !strings.Contains(err.Error(), "file name") {
		t.Errorf("error %v: want one about the file name", err)
	}
	if _, err := reported(t, map[string][]byte{"big.txt": make([]byte, fileLimit+1)}); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("error %v: want one about the size", err)
	}
}

// A file of peers is refused like any other, and so is one of another machine.
func TestBadPeers(t *testing.T) {
	good := string(readAll(t, inputPeers))
	const line = "BenchmarkGEMM/w=int8/a=u8/impl=peer-onednn-u8s8/"
	if !strings.Contains(good, line) {
		t.Fatalf("no %q in the input", line)
	}
	for _, test := range []struct{ name, text, want string }{
		{"truncated line", good[:strings.Index(good, line)+len(line)+30], "no line PASS"},
		{"truncated line, then its end", good[:strings.Index(good, line)+len(line)+50] + "\nPASS\n", "made-up-peers.txt:"},
		{"no number", strings.Replace(good, " MB/s", " MB/s\t NaN ops/s", 1), "NaN"},
		{"infinite", strings.Replace(good, " MB/s", " MB/s\t +Inf ops/s", 1), "Inf"},
		{"other processor", strings.Replace(good, "cpu: Made", "cpu: Other", 1), `cpu is "Other | up <CPU>" but "Made | up <CPU>" in made-up.txt`},
		{"other number of cores", strings.Replace(good, "cores: 2", "cores: 4", 1), "cores is"},
	} {
		t.Run(test.name, func(t *testing.T) {
			files := made(t)
			files["made-up-peers.txt"] = []byte(test.text)
			dir, err := reported(t, files)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "made-up-peers.txt") {
				t.Errorf("error %v: want one that names made-up-peers.txt and has %q", err, test.want)
			}
			if entries, _ := os.ReadDir(dir); len(entries) != 2 {
				t.Errorf("%d files: want nothing written", len(entries))
			}
		})
	}
	dir, err := reported(t, map[string][]byte{"alone-peers.txt": []byte(good)})
	if err != nil {
		t.Fatal(err)
	}
	if text := string(readAll(t, filepath.Join(dir, "README.md"))); !strings.Contains(text, "\n## alone\n") {
		t.Errorf("no section of the machine whose peers alone were measured:\n%s", text)
	}
	if _, err := reported(t, map[string][]byte{"readme.txt": readAll(t, input)}); err == nil || !strings.Contains(err.Error(), "readme.txt") {
		t.Errorf("error %v: want one that names readme.txt, whose page would be README.md's", err)
	}
}

func TestFillBlocks(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const begin, end = "a\n<!-- begin table: written by make results -->\n", "<!-- end table -->\nb\n"
	page := write("README.md", begin+"old\n"+end+"<!-- begin other: x -->\nkept\n<!-- end other -->\n")
	write("table.out", "1 | 2\n")
	for range 2 { // again changes nothing
		if err := fillBlocks(page, dir); err != nil {
			t.Fatal(err)
		}
		want := begin + "```\n1 | 2\n```\n" + end + "<!-- begin other: x -->\nkept\n<!-- end other -->\n"
		if got := string(readAll(t, page)); got != want {
			t.Fatalf("page is %q: want %q", got, want)
		}
	}
	for _, output := range []string{"", " \n", "```", "<!-- end table -->"} {
		write("table.out", output)
		if err := fillBlocks(page, dir); err == nil || !strings.Contains(err.Error(), "table.out") {
			t.Errorf("output %q: error %v: want one that names table.out", output, err)
		}
	}
	write("README.md", "<!-- begin table: x -->\n<!-- end other -->\n")
	if err := fillBlocks(page, dir); err == nil || !strings.Contains(err.Error(), `"other"`) {
		t.Errorf("error %v: want one about the block's name", err)
	}
	if err := fillBlocks(filepath.Join(dir, "none.md"), dir); err == nil {
		t.Error("no error for a page that is not there")
	}
}

func TestMachineSlug(t *testing.T) {
	if got, want := machineSlug("Intel(R) Xeon(R) CPU @ 2.30GHz", 8), "intel-r-xeon-r-cpu-2-30ghz-8-cores"; got != want {
		t.Errorf("%q: want %q", got, want)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("cpu: x\nBenchmarkGEMM/w=binary/a=sign/impl=a/m=1/n=1/k=1/cache=hot-2 1 1 ns/op 1 ops/s\nPASS\n"))
	f.Add([]byte(`peer-x: 1
BenchmarkLimits/limit=muladd/impl=avx2-a 1 1 ns/op 9 ops/s
BenchmarkLimits/limit=read/impl=DRAM/bytes=9 1 1 ns/op 9 MB/s
BenchmarkGEMV/w=pow2:4/a=u4/impl=avx2-muladd/m=1/n=9/k=9/cache=cold 1 1 ns/op 1 MB/s 5 %limit 1 B/weight 3 ops/s
BenchmarkGEMV/w=pow2:4/a=u4/impl=avx2-shiftadd/m=1/n=9/k=9/cache=cold/zeros=50 1 1 ns/op 1 MB/s 5 %limit 1 B/weight 3 ops/s
BenchmarkGEMV/w=int8/a=u8/impl=peer-x/m=1/n=9/k=9/cache=cold 1 1 ns/op 1 MB/s 5 %limit 1 B/weight 3 ops/s
BenchmarkGEMV/w=float32/a=float32/impl=avx2-float32/m=1/n=9/k=9/cache=cold 1 1 ns/op 1 MB/s 5 %limit 4 B/weight 2 ops/s
BenchmarkMixed/w=pow2:4/a=float32/impl=avx2-expadd/m=1/n=9/k=9/cache=cold 1 1 ns/op 2 ops/s
PASS
`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := parse("fuzz.txt", data)
		if err != nil {
			return
		}
		list, err := machines([]*run{s})
		if err != nil {
			t.Fatal(err)
		}
		p, err := plots(list[0])
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		list[0].write(&text, p)
		list[0].writePage(&text)
	})
}
