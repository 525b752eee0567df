package webpage

import (
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/plot/plotter"
)

func lines(list ...string) string { return strings.Join(list, "\n") + "\n" }

func row(network, weights, acts, impl string, batch int, ns float64) string {
	return fmt.Sprintf(`{"network":%q,"dataset":"d","weights":%q,"acts":%q,"first":"a/b","last":"c/d","impl":%q,"threads":1,"batch":%d,"ns_per_image":%g,"weight_bytes":2048,"packed_bytes":4096,"activation_bytes":1024,"peak_rss_bytes":1048576}`,
		network, weights, acts, impl, batch, ns)
}

func TestPage(t *testing.T) {
	rows, err := ReadRows("x", strings.NewReader(lines(
		row("net<script>", "float32", "float32", "ours", 1, 4000), row("net<script>", "float32", "float32", "ours", 64, 2000),
		row("net<script>", "float32", "float32", "peer-other-f32", 1, 3000),
		row("net<script>", "ternary", "u2", "ours", 1, 1000), row("net<script>", "ternary", "u2", "ours", 64, 500),
		"")))
	if err != nil {
		t.Fatal(err)
	}
	result := func(method, weights, acts, accuracy string) string {
		return fmt.Sprintf(`{"network":"net<script>","dataset":"d","method":%q,"weights":%q,"acts":%q,"first":"a/b","last":"c/d","test_accuracy":%s}`, method, weights, acts, accuracy)
	}
	results, err := ReadResults("y", strings.NewReader(lines(
		result("float", "float32", "float32", "92.5"), result("dst", "ternary", "u2", "91"), result("dst", "ternary", "u2", "92"),
		result("ste", "ternary", "u2", "10"), strings.Replace(result("dst", "ternary", "u2", "1"), "a/b", "other", 1))))
	if err != nil {
		t.Fatal(err)
	}
	page, err := Page(rows, results)
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	for _, want := range []string{
		"net&lt;script&gt; on d", "<td>ternary/u2</td><td>a/b, c/d</td><td>1.00</td><td>0.50</td><td>4.00, 4.00</td><td>3.00</td><td>2.00</td><td>4.00</td><td>1.00</td><td>1</td><td>91.50 (2 runs)</td>",
		`<tr class="peer"><td>other-f32</td><td></td><td>3.00</td><td></td><td>1.33</td>`, "92.50", "accuracy against time",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, bad := range []string{"<script", "http-equiv", "src=", "href=", "<?xml", "ZgotmplZ"} {
		if strings.Contains(strings.ReplaceAll(text, "http://www.w3.org", ""), bad) {
			t.Errorf("the page has %q: want it to need nothing else", bad)
		}
	}
	if n := strings.Count(text, "<svg"); n != 3 {
		t.Errorf("%d plots: want 3", n)
	}
	// What is between svg tags is XML.
	for at := text; ; {
		i, j := strings.Index(at, "<svg"), strings.Index(at, "</svg>")
		if i < 0 {
			break
		}
		d := xml.NewDecoder(strings.NewReader(at[i : j+len("</svg>")]))
		for {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("a plot is not XML: %v", err)
			}
		}
		at = at[j+len("</svg>"):]
	}
}

func TestBadLines(t *testing.T) {
	good := row("n", "ternary", "u2", "x", 1, 10)
	for _, c := range []struct{ text, want string }{
		{"{", "x:1: "},
		{good + "\n[1]", "x:2: "},
		{strings.Replace(good, `"ns_per_image":10`, `"ns_per_image":null`, 1), "no ns_per_image"},
		{strings.Replace(good, `"ns_per_image":10`, `"ns_per_image":-1`, 1), "ns_per_image is -1"},
		{strings.Replace(good, `"ns_per_image":10`, `"ns_per_image":1e300`, 1), "at most 1e15"},
		{strings.Replace(good, `"batch":1`, `"batch":0`, 1), "batch 0"},
		{strings.Replace(good, `"weight_bytes":2048`, `"weight_bytes":-1`, 1), "negative"},
		{strings.Replace(good, `"network":"n"`, `"network":""`, 1), "a name is"},
		{strings.Replace(good, `"network":"n"`, `"network":"`+strings.Repeat("n", 65)+`"`, 1), "a name is"},
		{strings.Repeat(good+"\n", mostLines+1), "more than 10000 lines"},
	} {
		if _, err := ReadRows("x", strings.NewReader(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.100s: error %v: want %q", c.text, err, c.want)
		}
	}
	if _, err := ReadResults("x", strings.NewReader(`{"network":"n","dataset":"d","method":"m","weights":"w","acts":"a","test_accuracy":101}`)); err == nil {
		t.Error("an accuracy of 101 is no error")
	}
}

func TestPareto(t *testing.T) {
	got := pareto(plotter.XYs{{X: 3, Y: 3}, {X: 1, Y: 1}, {X: 2, Y: 0.5}, {X: 1, Y: 0}, {X: 4, Y: 3}})
	if want := (plotter.XYs{{X: 1, Y: 1}, {X: 3, Y: 3}}); !slices.Equal(got, want) {
		t.Errorf("the front is %v: want %v", got, want)
	}
}

func FuzzReadRows(f *testing.F) {
	f.Add(row("n", "ternary", "u2", "x", 1, 10))
	f.Add(lines(row("n", "float32", "float32", "x", 1, 10), row("n", "float32", "float32", "peer-x", 64, 1e-9)))
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := ReadRows("x", strings.NewReader(text))
		if err != nil || len(rows) == 0 || len(rows) > 8 {
			return
		}
		if _, err := Page(rows, nil); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	})
}
