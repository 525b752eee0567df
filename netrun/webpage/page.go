package webpage

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"
)

//go:embed page.html.tmpl
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// view is what the template shows of a network.
type view struct {
	Title   string
	Batches []int
	Rivals  []string
	Lines   []line
	Notes   []string
	Charts  []template.HTML
}

type line struct {
	Peer  bool
	Cells []string
}

// Page returns the page for rows of 'netrun bench -json' and the results of training runs.
func Page(rows []Row, results []Result) ([]byte, error) {
	var data struct {
		Machine  string
		Networks []view
	}
	for _, r := range rows {
		if r.Machine != "" {
			data.Machine = r.Machine
		}
	}
	for _, n := range networks(rows, results) {
		v, err := n.view()
		if err != nil {
			return nil, err
		}
		data.Networks = append(data.Networks, v)
	}
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, data); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func (n *network) batches() []int {
	var list []int
	for _, e := range n.Entries {
		for b := range e.rows {
			if !slices.Contains(list, b) {
				list = append(list, b)
			}
		}
	}
	slices.Sort(list)
	return list
}

func (n *network) view() (view, error) {
	v := view{Title: n.Name, Batches: n.batches()}
	if n.Dataset != "" {
		v.Title += " on " + n.Dataset
	}
	var float *entry
	var rivals []*entry
	for _, e := range n.Entries {
		switch {
		case e.Peer:
			rivals = append(rivals, e)
			v.Rivals = append(v.Rivals, e.Label)
		case e.Label == "float32":
			float = e
		}
	}
	var random []string
	for _, e := range n.Entries {
		cells := []string{e.Label, ""}
		if !e.Peer {
			cells[1] = e.First + ", " + e.Last
		}
		for _, b := range v.Batches {
			cells = append(cells, number(e.ns(b)/1000))
		}
		for _, other := range append([]*entry{float}, rivals...) {
			cells = append(cells, e.times(other, v.Batches))
		}
		r := e.any()
		packed, acts := kib(r.PackedBytes), kib(r.ActivationBytes)
		if e.Peer {
			packed, acts = "", ""
		}
		accuracy := ""
		switch runs := len(e.accuracy); {
		case runs == 1:
			accuracy = fmt.Sprintf("%.2f", e.mean())
		case runs > 1:
			accuracy = fmt.Sprintf("%.2f (%d runs)", e.mean(), runs)
		}
		cells = append(cells, kib(r.WeightBytes), packed, acts, fmt.Sprintf("%.0f", float64(r.PeakRSSBytes)/(1<<20)), accuracy)
		v.Lines = append(v.Lines, line{e.Peer, cells})
		if e.Random && !e.Peer {
			random = append(random, e.Label)
		}
	}
	if len(random) > 0 {
		v.Notes = append(v.Notes, "Timed with random weights: "+strings.Join(random, ", ")+"; a peer runs our float32 network.")
	}
	charts, err := n.charts()
	v.Charts = charts
	return v, err
}

// times says how many times faster e is than other, at each batch size.
func (e *entry) times(other *entry, batches []int) string {
	if other == nil || other == e {
		return ""
	}
	var list []string
	for _, b := range batches {
		if e.ns(b) > 0 && other.ns(b) > 0 {
			list = append(list, fmt.Sprintf("%.2f", other.ns(b)/e.ns(b)))
		}
	}
	return strings.Join(list, ", ")
}

// number formats x with three digits, "" for what was not measured.
func number(x float64) string {
	switch {
	case !(x > 0) || math.IsInf(x, 0):
		return ""
	case x >= 99.95:
		return fmt.Sprintf("%.0f", x)
	case x >= 9.995:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.2f", x)
}

func kib(bytes int64) string { return number(float64(bytes) / 1024) }
