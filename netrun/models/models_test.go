package models

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"example.com/lowbit/netrun/nn"
)

// An outline becomes no network to load, and names a network that no file has.
func TestOutlines(t *testing.T) {
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSortedFunc(all, func(a, b Shipped) int { return strings.Compare(a.Name, b.Name) }) || len(all) < len(Names()) {
		t.Errorf("%d shipped files, or not in order: want at least %d", len(all), len(Names()))
	}
	for _, s := range all {
		if slices.Contains(Names(), s.Name) == s.Outline {
			t.Errorf("%s: outline is %v: want a network with parameters or an outline, not both", s.Name, s.Outline)
		}
		if s.Outline && !s.Network.Float() {
			t.Errorf("%s is the outline of a low-bit network: want float32", s.Name)
		}
	}
}

func TestRecorded(t *testing.T) {
	n := &nn.Network{Meta: map[string]string{
		"validation_accuracy": "91.25", "validation_images": "5000",
		"test_accuracy": "90.5", "test_images": "10000",
	}}
	if r, ok := BestRecord(n); !ok || r != (Record{90.5, "test", 10000}) {
		t.Errorf("record %v, %v: want that of the test images", r, ok)
	}
	for _, broken := range []struct{ key, value string }{
		{"test_images", ""}, {"test_images", "0"}, {"test_images", "many"},
		{"test_accuracy", "101"}, {"test_accuracy", "NaN"}, {"test_accuracy", "-1"},
	} {
		m := &nn.Network{Meta: maps.Clone(n.Meta)}
		m.Meta[broken.key] = broken.value
		if r, ok := BestRecord(m); !ok || r != (Record{91.25, "validation", 5000}) {
			t.Errorf("%s %q: record %v, %v: want that of the validation images", broken.key, broken.value, r, ok)
		}
	}
	if _, ok := BestRecord(new(nn.Network)); ok {
		t.Error("a record of a network without metadata")
	}
}

// Every shipped network can be read and made ready to run.
func TestLoad(t *testing.T) {
	for _, name := range Names() {
		n, err := Load(name)
		if err != nil {
			t.Error(err)
			continue
		}
		if _, err := nn.Compile(n, nn.Options{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"none", "", "../models/none"} {
		if _, err := Load(name); err == nil || !strings.Contains(err.Error(), "no shipped network") {
			t.Errorf("%q: error %v", name, err)
		}
	}
}
