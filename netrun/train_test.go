package main

import (
	"flag"
	"testing"

	"example.com/lowbit/netrun/data"
)

// Photographs are moved and mirrored unless the flags say otherwise.
func TestAugmentDefaults(t *testing.T) {
	for _, c := range []struct {
		args     []string
		channels int
		flip     bool
		shift    int
	}{
		{nil, 1, false, 0},
		{nil, 3, true, 4},
		{[]string{"-shift", "0"}, 3, true, 0},
		{[]string{"-flip=false", "-shift", "2"}, 3, false, 2},
		{[]string{"-flip", "-shift", "1"}, 1, true, 1},
	} {
		j := &trainJob{}
		fs := flag.NewFlagSet("", flag.ContinueOnError)
		j.addFlags(fs)
		if err := fs.Parse(c.args); err != nil {
			t.Fatal(err)
		}
		j.augment(&data.Images{C: c.channels})
		if j.cfg.Flip != c.flip || j.cfg.Shift != c.shift {
			t.Errorf("%q, %d channels: flip %v, shift %d: want %v, %d", c.args, c.channels, j.cfg.Flip, j.cfg.Shift, c.flip, c.shift)
		}
	}
}
