package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/data"
	"example.com/lowbit/netrun/nn"
	"example.com/lowbit/netrun/train"
)

// Of two runs that write one checkpoint, the second to write ends.
func TestTwoRunsOneCheckpoint(t *testing.T) {
	description, err := nn.NamedNetwork("mlp")
	if err != nil {
		t.Fatal(err)
	}
	images := data.Made(64, 4, 4, 1)
	net, err := description.Network(imageShape(images), 10, nn.Formats{Weights: kernels.Ternary, Acts: kernels.U2})
	if err != nil {
		t.Fatal(err)
	}
	c := train.Default(train.DST)
	c.Batch, c.Validation = 32, 0
	path := filepath.Join(t.TempDir(), "c")
	run := func() (*trainJob, *train.Trainer) {
		tr, err := train.New(net, c, images, 1)
		if err != nil {
			t.Fatal(err)
		}
		j := &trainJob{checkpoint: path}
		j.look()
		return j, tr
	}
	first, of := run()
	second, too := run()
	for range 3 {
		if err := first.save(of); err != nil {
			t.Fatal(err)
		}
	}
	if err := second.save(too); err == nil || !strings.Contains(err.Error(), path+" was written by another run") {
		t.Errorf("error is %v: want one about another run", err)
	}
	if err := first.save(of); err != nil {
		t.Errorf("the first run: %v", err)
	}
	// One that goes on from it is another run as well, and a file that is gone is written anew.
	third, of3 := run()
	if err := third.save(of3); err != nil {
		t.Fatal(err)
	}
	if err := first.save(of); err == nil {
		t.Error("no error though another run went on")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := third.save(of3); err != nil {
		t.Error(err)
	}
}

// Photographs are moved and, if they are not of digits, mirrored unless the flags say
// otherwise.
func TestAugmentDefaults(t *testing.T) {
	for _, c := range []struct {
		args     []string
		set      string
		channels int
		flip     bool
		shift    int
	}{
		{nil, "mnist", 1, false, 0},
		{nil, "cifar10", 3, true, 4},
		{nil, "svhn", 3, false, 4},
		{[]string{"-flip"}, "svhn", 3, true, 4},
		{[]string{"-shift", "0"}, "cifar10", 3, true, 0},
		{[]string{"-flip=false", "-shift", "2"}, "cifar10", 3, false, 2},
		{[]string{"-flip", "-shift", "1"}, "mnist", 1, true, 1},
	} {
		j := &trainJob{}
		fs := flag.NewFlagSet("", flag.ContinueOnError)
		j.addFlags(fs)
		if err := fs.Parse(c.args); err != nil {
			t.Fatal(err)
		}
		j.augment(c.set, &data.Images{C: c.channels})
		if j.cfg.Flip != c.flip || j.cfg.Shift != c.shift {
			t.Errorf("%q, %s: flip %v, shift %d: want %v, %d", c.args, c.set, j.cfg.Flip, j.cfg.Shift, c.flip, c.shift)
		}
	}
}
