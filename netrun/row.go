package main

import (
	"fmt"
	"runtime"
	"strings"

	"example.com/lowbit/netrun/measure"
)

// A row is one line of -json: a network at a batch size.
//
// Accuracies are in percent; activation bytes are those of the batch,
// of one image if there is none. Fields that were not measured, or have no float
// network to be compared with, are null.
type row struct {
	Network string `json:"network"`
	Dataset string `json:"dataset"`
	Split   string `json:"split"`  // test, or made: noise in the images' place
	Images  int    `json:"images"` // that accuracy and logits are of
	Method  string `json:"method"`
	// Weights and Acts are the formats of most weights and of the activations
	// between layers; First and Last those of the first and the last layer,
	// as weights/inputs.
	Weights string `json:"weights"`
	Acts    string `json:"acts"`
	First   string `json:"first"`
	Last    string `json:"last"`
	// RandomWeights are those of a float32 network that is not shipped.
	RandomWeights bool `json:"random_weights"`
	// Impl lists the kernels, layer by layer, separated by commas.
	Impl    string `json:"impl"`
	Threads int    `json:"threads"`
	Batch   int    `json:"batch"`

	Accuracy             *float64 `json:"accuracy"`
	AccuracyFloat        *float64 `json:"accuracy_float"`
	AccuracyRecorded     *float64 `json:"accuracy_recorded"` // noted when the network was trained
	RecordedSplit        *string  `json:"recorded_split"`    // test, or validation
	RecordedImages       *int     `json:"recorded_images"`
	NsPerImage           *float64 `json:"ns_per_image"`
	NsPerImageFloat      *float64 `json:"ns_per_image_float"`
	WeightBytes          int64    `json:"weight_bytes"`
	WeightBytesFloat     *int64   `json:"weight_bytes_float"`
	PackedBytes          int64    `json:"packed_bytes"` // held in memory: packed weights, corrections, thresholds
	ActivationBytes      int64    `json:"activation_bytes"`
	ActivationBytesFloat *int64   `json:"activation_bytes_float"`
	PeakRSSBytes         int64    `json:"peak_rss_bytes"`
	LogitsSHA256         *string  `json:"logits_sha256"`
	// Agreement is the percentage of the images whose answer, by a peer, is the float32
	// network's.
	Agreement *float64 `json:"agreement"`
	Machine   string   `json:"machine"`
}

// machineName says where rows were measured.
func machineName() string {
	return fmt.Sprintf("%s, %s/%s, %s", measure.CPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
}

// rows returns the lines of a subject: one a speed measured, or just one with none.
func (s *subject) rows(set, split string) []row {
	blocks := s.net.Blocks
	weights, acts := formats(s.net)
	r := row{
		Network: s.net.Name, Dataset: set, Split: split, Images: s.images, Method: s.net.Method,
		Weights: weights, Acts: acts, First: layerFormats(&blocks[0]), Last: layerFormats(&blocks[len(blocks)-1]),
		RandomWeights: s.random, Impl: strings.Join(s.kernels(), ","), Threads: runtime.GOMAXPROCS(0),
		WeightBytes: weightBytes(s.net), PackedBytes: s.plan.PackedBytes(), ActivationBytes: s.plan.ActivationBytes(1), PeakRSSBytes: measure.PeakRSS(), Machine: machineName(),
	}
	if s.images > 0 {
		r.LogitsSHA256 = &s.hash
	}
	if s.measured {
		r.Accuracy = &s.accuracy
	}
	if s.record != nil {
		r.AccuracyRecorded, r.RecordedSplit, r.RecordedImages = &s.record.Accuracy, &s.record.Split, &s.record.Images
	}
	if s.float != nil {
		weights, acts := weightBytes(s.float.net), s.float.plan.ActivationBytes(1)
		r.WeightBytesFloat, r.ActivationBytesFloat = &weights, &acts
		if s.float.measured {
			r.AccuracyFloat = &s.float.accuracy
		}
	}
	if len(s.speed) == 0 {
		return []row{r}
	}
	var rows []row
	for i := range s.speed {
		r, sp := r, &s.speed[i]
		ns := sp.nsPerImage()
		r.Threads, r.Batch, r.NsPerImage, r.ActivationBytes = sp.threads, sp.batch, &ns, sp.activations
		if s.float != nil {
			f := &s.float.speed[i]
			ns := f.nsPerImage()
			r.NsPerImageFloat, r.ActivationBytesFloat = &ns, &f.activations
		}
		rows = append(rows, r)
	}
	return rows
}
