package main

import (
	"flag"
	"fmt"
	"strconv"
	"strings"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/data"
)

// dataFlags choose the images of a command.
type dataFlags struct {
	dir    string
	images int
}

func (d *dataFlags) add(fs *flag.FlagSet) {
	fs.StringVar(&d.dir, "data", "", "`folder` with MNIST, Fashion-MNIST, CIFAR-10 or SVHN files, gzipped or not (default: the embedded Fashion-MNIST test set, and made images for networks of other data)")
	fs.IntVar(&d.images, "images", 0, "use only the first `N` test images; 0 is all")
}

// test reads the test images of a set, no more of them than the flags say.
func (d *dataFlags) test(set *data.Set) (*data.Images, error) {
	im, err := set.Test()
	if err != nil {
		return nil, err
	}
	if d.images > im.N {
		return nil, usagef("-images %d: %s has %d test images", d.images, set.Name, im.N)
	}
	if d.images > 0 {
		im = im.Slice(0, d.images)
	}
	return im, nil
}

// implFlag chooses the kernels that may be used.
type implFlag struct{ name string }

func (f *implFlag) add(fs *flag.FlagSet) {
	fs.StringVar(&f.name, "impl", "", "use only kernels of this `name` or instruction set, such as portable; several separated by commas (default: the best for this CPU)")
}

func (f *implFlag) use() error {
	if f.name == "" {
		return nil
	}
	if _, err := kernels.Use(f.name); err != nil {
		return &usageError{fmt.Sprintf("-impl: %v", err)}
	}
	return nil
}

// intList is a flag of numbers from 1 to a limit, separated by commas.
type intList struct {
	values []int
	limit  int
}

func (l *intList) String() string {
	s := make([]string, len(l.values))
	for i, v := range l.values {
		s[i] = strconv.Itoa(v)
	}
	return strings.Join(s, ",")
}

func (l *intList) Set(s string) error {
	var values []int
	for part := range strings.SplitSeq(s, ",") {
		v, err := strconv.Atoi(part)
		if err != nil || v < 1 || v > l.limit {
			return fmt.Errorf("%q: want numbers from 1 to %d, separated by commas", part, l.limit)
		}
		values = append(values, v)
	}
	l.values = values
	return nil
}
