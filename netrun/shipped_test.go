package main

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/data"
	"example.com/lowbit/netrun/models"
)

// TestShippedAccuracy: the shipped networks are as good as their metadata says, those
// whose test images are embedded. It takes a few seconds with vector kernels and
// minutes without.
func TestShippedAccuracy(t *testing.T) {
	vector := slices.ContainsFunc(kernels.Table(), func(k kernels.Kernel) bool { return k.ISA != "portable" && len(k.Missing) == 0 })
	if testing.Short() || !vector {
		t.Skip("SKIPPED: 10,000 images on each network take too long here")
	}
	set := data.Embedded()
	im, err := set.Test()
	if err != nil {
		t.Fatal(err)
	}
	nets, err := shippedFor(set.Name)
	if err != nil {
		t.Fatal(err)
	}
	all, err := subjects(nets)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 2 || !all[0].net.Float() {
		t.Errorf("%d networks are shipped for %s: want float32 and low-bit ones", len(all), set.Name)
	}
	for _, s := range all {
		if s.float == nil {
			t.Errorf("%s %s has no float32 network to be compared with", s.net.Name, s.label())
		}
		if err := s.score(context.Background(), im, func(int) {}); err != nil {
			t.Fatal(err)
		}
		r, ok := models.BestRecord(s.net)
		if !ok {
			t.Errorf("%s %s: no recorded accuracy", s.net.Name, s.label())
			continue
		}
		// Other images differ by chance; the same differ in float32 only, where sums have
		// other orders.
		allowed := 1.5
		if r.Split == "test" && r.Images == im.N {
			allowed = 0.005
			if s.net.Float() {
				allowed = 0.05
			}
		}
		if math.Abs(s.accuracy-r.Accuracy) > allowed {
			t.Errorf("%s %s: %.2f %%, recorded %+v: want at most %v points between them", s.net.Name, s.label(), s.accuracy, r, allowed)
		}
		t.Logf("%s %s: %.2f %%, recorded %+v", s.net.Name, s.label(), s.accuracy, r)
	}
}

// TestShippedNames: files are named by data, network, weights and activations, maybe
// with a word more.
func TestShippedNames(t *testing.T) {
	all, err := models.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		dataset, _, _ := strings.Cut(s.Network.Dataset, "-")
		want := dataset + "-" + baseName(s.Network) + "-" + strings.NewReplacer(":", "x", "/", "-").Replace(formatLabel(s.Network))
		if s.Name != want && !strings.HasPrefix(s.Name, want+"-") {
			t.Errorf("%s: want the name %s", s.Name, want)
		}
		if !s.Outline && !s.Network.Float() && s.Bytes > 300<<10 {
			t.Errorf("%s has %d bytes: want at most 300 KiB", s.Name, s.Bytes)
		}
	}
}

// TestShippedRun: without arguments, every shipped network is run beside a float32 one,
// with an accuracy where its images are embedded and a recorded one elsewhere.
func TestShippedRun(t *testing.T) {
	var out, errs bytes.Buffer
	if code := run(context.Background(), []string{"-images", "3", "-rounds", "0", "-json"}, &out, &errs); code != 0 || errs.Len() > 0 {
		t.Fatalf("exit code %d, stderr: %s", code, &errs)
	}
	got := map[string]int{}
	for line := range bytes.Lines(out.Bytes()) {
		var r row
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatal(err)
		}
		label := r.Dataset + " " + r.Weights + "/" + r.Acts
		got[label]++
		embedded := r.Dataset == data.Embedded().Name
		if (r.Accuracy != nil) != embedded || (r.LogitsSHA256 == nil) != r.RandomWeights {
			t.Errorf("%s: accuracy is %v, logits %v: want an accuracy of embedded images, logits of shipped weights", label, r.Accuracy, r.LogitsSHA256)
		}
		if r.AccuracyRecorded == nil && !r.RandomWeights {
			t.Errorf("%s: no recorded accuracy", label)
		}
		if r.WeightBytesFloat == nil {
			t.Errorf("%s: no float32 network beside it", label)
		}
	}
	for _, name := range models.Names() {
		n, err := models.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		weights, acts := formats(n)
		label := n.Dataset + " " + weights + "/" + acts
		if got[label]--; got[label] < 0 {
			t.Errorf("%s: no row of it", name)
		}
	}
	for label, n := range got {
		if n > 0 && !strings.HasSuffix(label, "float32/float32") {
			t.Errorf("%s: %d rows too many", label, n)
		}
	}
}
