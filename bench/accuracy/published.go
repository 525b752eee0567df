package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"slices"

	"example.com/lowbit/bench/internal/page"
)

// A published accuracy, in percent, is what others report, and which formats of
// ours stand beside it.
type published struct {
	Dataset, Network, Bits, Beside string
	Low, High                      float64
	Whose, Source                  string
}

//go:embed published.json
var publishedFile []byte

func readPublished() ([]published, error) {
	var list []published
	d := json.NewDecoder(bytes.NewReader(publishedFile))
	d.DisallowUnknownFields()
	if err := d.Decode(&list); err != nil {
		return nil, fmt.Errorf("published.json: %w", err)
	}
	return list, nil
}

func (p *published) percent() string {
	if p.Low == p.High {
		return fmt.Sprintf("%.4g", p.Low)
	}
	return fmt.Sprintf("%.4g-%.4g", p.Low, p.High)
}

// writePublished appends, for the sets there are, our rows beside published ones.
func writePublished(w io.Writer, all []*set, list []published) {
	var sources []string
	t := page.Table{Heads: []string{"data, network", " bits W/A", " published %", "whose", " ours %", "row", " difference"}}
	for _, s := range all {
		for _, p := range list {
			if p.Dataset != s.dataset || p.Network != s.network {
				continue
			}
			if !slices.Contains(sources, p.Source) {
				sources = append(sources, p.Source)
			}
			method := "dst"
			if p.Beside == floatFormats {
				method = "float"
			}
			ours, row, difference := "-", "-", "-"
			if g := s.best(method, p.Beside, nil); g != nil {
				row = s.row(g) + ", " + short(p.Beside)
				if f := g.test(); f.n > 0 {
					ours, difference = f.short(), signed(f.mean-p.High)
				}
			}
			t.Add(s.title(), p.Bits, p.percent(), "["+p.Whose+"]["+path.Base(p.Source)+"]", ours, row, difference)
		}
	}
	if t.Len() == 0 {
		return
	}
	fmt.Fprint(w, `
## Beside published accuracies

What others report for the same data and a network of the same kind, with their own training and
their own choice of first and last layers. bits W/A: of weights and activations; published %: as
the source has it; ours: dst with as many bits, or float, its row of the tables below; difference:
ours minus the higher published one, in points. Formats of as many bits differ: our levels are
powers of two.
`)
	t.Write(w)
	fmt.Fprintln(w)
	for _, source := range sources {
		fmt.Fprintf(w, "[%s]: %s\n", path.Base(source), source)
	}
}
