package models

import (
	"strconv"

	"example.com/lowbit/netrun/nn"
)

// A Record is an accuracy that was noted when a network was trained.
type Record struct {
	Accuracy float64 // percent
	Split    string  // "test" or "validation"
	Images   int
}

// Recorded returns what the network's metadata tells of its accuracy on a split; false
// if it tells nothing.
func Recorded(n *nn.Network, split string) (Record, bool) {
	accuracy, err := strconv.ParseFloat(n.Meta[split+"_accuracy"], 64)
	if err != nil || !(accuracy >= 0 && accuracy <= 100) {
		return Record{}, false
	}
	images, err := strconv.Atoi(n.Meta[split+"_images"])
	if err != nil || images < 1 {
		return Record{}, false
	}
	return Record{accuracy, split, images}, true
}

// BestRecord is what is recorded of the test images or, if that is nothing, of the
// validation images.
func BestRecord(n *nn.Network) (Record, bool) {
	if r, ok := Recorded(n, "test"); ok {
		return r, true
	}
	return Recorded(n, "validation")
}
