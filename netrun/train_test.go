package main

import (
	"flag"
	"testing"

	"example.com/lowbit/netrun/data"
)

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
