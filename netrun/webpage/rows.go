// Package webpage makes one self-contained HTML page of what was measured: of networks, by
// 'netrun bench -json', and of their accuracy, by 'netrun train -log'.
package webpage

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// A Row is what the page needs of a line of 'netrun bench -json'.
type Row struct {
	Network         string   `json:"network"`
	Dataset         string   `json:"dataset"`
	Weights         string   `json:"weights"`
	Acts            string   `json:"acts"`
	First           string   `json:"first"`
	Last            string   `json:"last"`
	RandomWeights   bool     `json:"random_weights"`
	Impl            string   `json:"impl"`
	Threads         int      `json:"threads"`
	Batch           int      `json:"batch"`
	NsPerImage      *float64 `json:"ns_per_image"`
	WeightBytes     int64    `json:"weight_bytes"`
	PackedBytes     int64    `json:"packed_bytes"`
	ActivationBytes int64    `json:"activation_bytes"`
	PeakRSSBytes    int64    `json:"peak_rss_bytes"`
	Machine         string   `json:"machine"`
}

const peerPrefix = "peer-"

func (r *Row) peer() bool { return strings.HasPrefix(r.Impl, peerPrefix) }

// A Result is what the page needs of a training run.
type Result struct {
	Network string   `json:"network"`
	Dataset string   `json:"dataset"`
	Method  string   `json:"method"`
	Weights string   `json:"weights"`
	Acts    string   `json:"acts"`
	First   string   `json:"first"`
	Last    string   `json:"last"`
	Test    *float64 `json:"test_accuracy"`
	Tested  int      `json:"test_images"`
}

// Limits of what is read.
const (
	mostLines  = 10_000
	lineLimit  = 16 << 20
	nameLength = 64
)

// ReadRows reads lines of 'netrun bench -json'. where names them in errors.
func ReadRows(where string, r io.Reader) ([]Row, error) {
	return read(where, r, func(row *Row) error {
		switch {
		case row.NsPerImage == nil:
			return errors.New("no ns_per_image: want lines of 'netrun bench -json'")
		case !(*row.NsPerImage > 0) || *row.NsPerImage > 1e15:
			return fmt.Errorf("ns_per_image is %g: want more than 0, at most 1e15", *row.NsPerImage)
		case row.Batch < 1 || row.Threads < 1:
			return fmt.Errorf("batch %d, threads %d: want 1 or more", row.Batch, row.Threads)
		case row.WeightBytes < 0 || row.PackedBytes < 0 || row.ActivationBytes < 0 || row.PeakRSSBytes < 0:
			return errors.New("a number of bytes is negative")
		}
		return plain(row.Network, row.Weights, row.Acts, row.First, row.Last)
	})
}

// ReadResults reads result files of 'netrun train -log'.
func ReadResults(where string, r io.Reader) ([]Result, error) {
	list, err := read(where, r, func(res *Result) error {
		if res.Test != nil && !(*res.Test >= 0 && *res.Test <= 100) {
			return fmt.Errorf("test_accuracy is %g: want 0 to 100", *res.Test)
		}
		return plain(res.Network, res.Dataset, res.Method, res.Weights, res.Acts)
	})
	return slices.DeleteFunc(list, func(r Result) bool { return r.Test == nil }), err
}

func plain(names ...string) error {
	for _, n := range names {
		if n == "" || len(n) > nameLength {
			return fmt.Errorf("a name is %.80q: want 1 to %d bytes", n, nameLength)
		}
	}
	return nil
}

func read[T any](where string, r io.Reader, check func(*T) error) ([]T, error) {
	var list []T
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, lineLimit)
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		var v T
		err := json.Unmarshal(line, &v)
		if err == nil {
			err = check(&v)
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", where, n, err)
		}
		if list = append(list, v); len(list) > mostLines {
			return nil, fmt.Errorf("%s: more than %d lines", where, mostLines)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", where, err)
	}
	return list, nil
}

// A network is the rows of one network, by format.
type network struct {
	Name, Dataset string
	Entries       []*entry
}

// An entry is one format of a network, or a peer.
type entry struct {
	Label       string // of the formats or the peer
	First, Last string
	Peer        bool
	Random      bool // weights
	rows        map[int]Row
	accuracy    []float64 // of test images, a run each
	method      string
}

// ns is the time of an image in batches of n, 0 if it was not measured.
func (e *entry) ns(n int) float64 {
	if r, ok := e.rows[n]; ok {
		return *r.NsPerImage
	}
	return 0
}

// any is a row, that of the smallest batch.
func (e *entry) any() Row {
	least := math.MaxInt
	for n := range e.rows {
		least = min(least, n)
	}
	return e.rows[least]
}

// mean is the mean accuracy; NaN if there is none.
func (e *entry) mean() float64 {
	sum := 0.0
	for _, a := range e.accuracy {
		sum += a
	}
	return sum / float64(len(e.accuracy))
}

// networks sorts rows, of one thread, into networks and formats, and joins the
// accuracies: of float32 networks those of method float, of others those of dst.
func networks(rows []Row, results []Result) []*network {
	var all []*network
	for _, r := range rows {
		if r.Threads != 1 {
			continue
		}
		i := slices.IndexFunc(all, func(n *network) bool { return n.Name == r.Network && n.Dataset == r.Dataset })
		if i < 0 {
			i = len(all)
			all = append(all, &network{Name: r.Network, Dataset: r.Dataset})
		}
		n, label := all[i], r.Weights+"/"+r.Acts
		if r.peer() {
			label = strings.TrimPrefix(r.Impl, peerPrefix)
		}
		if r.Weights == r.Acts { // float32
			label = strings.TrimSuffix(label, "/"+r.Acts)
		}
		j := slices.IndexFunc(n.Entries, func(e *entry) bool { return e.Label == label })
		if j < 0 {
			j = len(n.Entries)
			n.Entries = append(n.Entries, &entry{Label: label, First: r.First, Last: r.Last, Peer: r.peer(), Random: r.RandomWeights, rows: map[int]Row{}})
		}
		n.Entries[j].rows[r.Batch] = r
	}
	for _, n := range all {
		for _, e := range n.Entries {
			if e.Peer {
				continue
			}
			r := e.any()
			method := "dst"
			if r.Weights == "float32" && r.Acts == "float32" {
				method = "float"
			}
			for _, res := range results {
				if res.Network == n.Name && (n.Dataset == res.Dataset || n.Dataset == "") && res.Method == method &&
					res.Weights == r.Weights && res.Acts == r.Acts && res.First == r.First && res.Last == r.Last {
					e.accuracy, e.method = append(e.accuracy, *res.Test), method
				}
			}
		}
		// Peers last.
		slices.SortStableFunc(n.Entries, func(a, b *entry) int {
			switch {
			case a.Peer == b.Peer:
				return 0
			case a.Peer:
				return 1
			}
			return -1
		})
	}
	return all
}
