package main

import (
	"context"
	"slices"
	"testing"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/data"
)

// TestShippedAccuracy: the shipped networks are what the README says they are. It
// takes a few seconds with vector kernels and minutes without.
func TestShippedAccuracy(t *testing.T) {
	vector := slices.ContainsFunc(kernels.Table(), func(k kernels.Kernel) bool { return k.ISA != "portable" && len(k.Missing) == 0 })
	if testing.Short() || !vector {
		t.Skip("SKIPPED: 10,000 images on each network take too long here")
	}
	im, err := data.Embedded().Test()
	if err != nil {
		t.Fatal(err)
	}
	nets, err := loadNetworks([]string{"all"})
	if err != nil {
		t.Fatal(err)
	}
	all, err := subjects(nets)
	if err != nil {
		t.Fatal(err)
	}
	// The least accuracy of float32, and the most points each may be below it.
	const floatAccuracy = 91.5
	loss := map[string]float64{"float32": 0, "binary/u1": 5, "ternary/u2": 2, "pow2:3/u3": 0.5, "pow2:4/u4": 0.5}
	for _, s := range all {
		if s.net.Dataset != "fashion-mnist" {
			continue
		}
		if s.float == nil {
			t.Errorf("%s has no float32 network to be compared with", s.net.Name)
			continue
		}
		if err := s.score(context.Background(), im, func(int) {}); err != nil {
			t.Fatal(err)
		}
		limit, ok := loss[s.label()]
		if !ok {
			continue
		}
		delete(loss, s.label())
		if s.float.accuracy < floatAccuracy || s.float.accuracy-s.accuracy > limit+1e-9 {
			t.Errorf("%s %s: %.2f %%, float32 %.2f %%: want float32 at least %v and this at most %v points below",
				s.net.Name, s.label(), s.accuracy, s.float.accuracy, floatAccuracy, limit)
		}
		t.Logf("%s %s: %.2f %%, %.2f points below float32", s.net.Name, s.label(), s.accuracy, s.float.accuracy-s.accuracy)
	}
	for label := range loss {
		t.Errorf("no shipped network with %s", label)
	}
}
