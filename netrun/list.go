package main

import (
	"fmt"
	"slices"

	"example.com/lowbit/netrun/models"
	"example.com/lowbit/netrun/nn"
)

// A shippedRow is one line of what 'netrun inspect -json' lists.
type shippedRow struct {
	Name           string `json:"name"` // what commands take for MODEL
	Network        string `json:"network"`
	Dataset        string `json:"dataset"` // that it was trained on
	Method         string `json:"method"`
	Weights        string `json:"weights"` // of most, as in a row
	Acts           string `json:"acts"`
	First          string `json:"first"`
	Last           string `json:"last"`
	FileBytes      int    `json:"file_bytes"`
	WeightBytes    int64  `json:"weight_bytes"`
	WeightsShipped bool   `json:"weights_shipped"`

	TestAccuracy       *float64 `json:"test_accuracy"`
	TestImages         *int     `json:"test_images"`
	ValidationAccuracy *float64 `json:"validation_accuracy"`
	ValidationImages   *int     `json:"validation_images"`
}

// list prints the shipped networks.
func (a *app) list() error {
	all, err := models.All()
	if err != nil {
		return err
	}
	t := table{columns: []column{
		{"MODEL", false}, {"data", false}, {"weights/\nacts", false}, {"ends'\nweights", false}, {"method", false},
		{"file\nKiB", true}, {"test\n%", true}, {"valid.\n%", true},
	}}
	for _, s := range all {
		r := newShippedRow(s)
		if a.json {
			if err := a.printJSON(r); err != nil {
				return err
			}
			continue
		}
		first, last := s.Network.Blocks[0].Weights.String(), s.Network.Blocks[len(s.Network.Blocks)-1].Weights.String()
		if first != last {
			first += ", " + last
		}
		file := kib(int64(s.Bytes))
		if s.Outline {
			file = "no"
		}
		accuracy := func(p *float64) string {
			if p == nil {
				return ""
			}
			return fmt.Sprintf("%.2f", *p)
		}
		t.add(s.Name, r.Dataset, formatLabel(s.Network), first, r.Method, file, accuracy(r.TestAccuracy), accuracy(r.ValidationAccuracy))
	}
	if a.json {
		return nil
	}
	t.print(a.stdout)
	fmt.Fprintln(a.stdout)
	printNote(a.stdout, "accuracy", "recorded in training: of the test images, and of the training images that were held out.")
	printNote(a.stdout, "ends", "the first and the last layer.")
	if slices.ContainsFunc(all, func(s models.Shipped) bool { return s.Outline }) {
		printNote(a.stdout, "file", "no: too large to be shipped; 'netrun' shows such a network's speed and memory with random weights.")
	}
	printNote(a.stdout, "more", "'netrun inspect MODEL' prints the layers and how the network was made.")
	return nil
}

func newShippedRow(s models.Shipped) *shippedRow {
	n := s.Network
	weights, acts := formats(n)
	r := &shippedRow{
		Name: s.Name, Network: n.Name, Dataset: n.Dataset, Method: n.Method, Weights: weights, Acts: acts,
		First: layerFormats(&n.Blocks[0]), Last: layerFormats(&n.Blocks[len(n.Blocks)-1]),
		FileBytes: s.Bytes, WeightBytes: weightBytes(n), WeightsShipped: !s.Outline,
	}
	r.TestAccuracy, r.TestImages = recorded(n, "test")
	r.ValidationAccuracy, r.ValidationImages = recorded(n, "validation")
	return r
}

// recorded is what was noted of the network's accuracy on a split, nil if nothing was.
func recorded(n *nn.Network, split string) (accuracy *float64, images *int) {
	r, ok := models.Recorded(n, split)
	if !ok {
		return nil, nil
	}
	return &r.Accuracy, &r.Images
}
