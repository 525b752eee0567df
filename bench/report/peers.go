package main

import (
	"fmt"
	"io"
	"strings"

	"example.com/lowbit/bench/internal/page"
)

// hasPeers tells whether other libraries were measured in the run.
func (s *run) hasPeers() bool {
	for _, g := range s.groups {
		if g.family.floatPeer != nil || g.family.int8Peer != nil || g.fastest((*row).peer) != nil {
			return true
		}
	}
	return false
}

// peerName is the name of the library and what it computes on.
func (r *row) peerName() string { return strings.TrimPrefix(r.impl(), peerPrefix) }

// writeAgainstPeers appends, for each operation, our fastest kernels over the
// fastest int8 peer and the fastest float32 peer, formats by shapes.
func (s *run) writeAgainstPeers(w io.Writer) {
	if !s.hasPeers() {
		return
	}
	fmt.Fprint(w, `
### Against peers

The fastest kernel of each pair of formats over the fastest library on the same shape, in the same run: over those that
multiply 8-bit integers, which is what a low-bit product replaces, then over those that multiply float32. The last lines
of a table are that library and its ops/s.
`)
	var libraries []string
	for _, c := range s.config {
		if strings.HasPrefix(c.Key, peerPrefix) {
			libraries = append(libraries, strings.TrimPrefix(c.Key, peerPrefix)+" "+string(c.Value))
		}
	}
	if libraries != nil {
		fmt.Fprintf(w, "\nLibraries: %s.\n", page.Cell(strings.Join(libraries, "; ")))
	}
	if commit := s.value("commit"); commit != "" {
		fmt.Fprintf(w, "\nMeasured at commit %s.\n", page.Cell(commit))
	}
	var tables pivotSeries
	for _, kind := range []struct {
		title string
		peer  func(*family) *row
	}{
		{"times the best int8 peer", func(f *family) *row { return f.int8Peer }},
		{"times the best float32 peer", func(f *family) *row { return f.floatPeer }},
	} {
		for _, g := range s.groups {
			peer := kind.peer(g.family)
			if peer == nil || g.special() {
				continue
			}
			p := tables.of(g.inSetting() + ": " + kind.title)
			for _, f := range g.formats() {
				if best := g.best(f); best != nil {
					p.set(f, g.size(), g.ratioText(best, peer))
				}
			}
		}
		for _, g := range s.groups { // below all formats
			if peer := kind.peer(g.family); peer != nil && !g.special() {
				p := tables.of(g.inSetting() + ": " + kind.title)
				p.set("*the peer*", g.size(), peer.peerName())
				p.set("*its ops/s*", g.size(), peer.figure(g.speedUnit()))
			}
		}
	}
	tables.write(w)
	if same := s.samePeers(); len(same.rows) > 0 {
		fmt.Fprint(w, "\nOver the fastest library on the very same formats:\n")
		same.write(w)
	}
}

// special tells whether the group is of weights made for one kernel, or of
// activations that int8 peers do not take.
func (g *group) special() bool { return g.name == "Mixed" || g.rows[0].keys["zeros"] != "" }

// samePeers compares kernels with peers that compute on the same formats.
func (s *run) samePeers() *pivot {
	p := &pivot{corner: "shape"}
	for _, g := range s.groups {
		for _, f := range g.formats() {
			best := g.best(f)
			if best == nil {
				continue
			}
			if peer := g.peer(best); peer != nil {
				p.set(g.title(), f, g.ratioText(best, peer))
			}
		}
	}
	return p
}

// writeBeside appends, for one shape, the fastest kernel of each tier on each
// pair of formats, beside the peers.
func (g *group) writeBeside(w io.Writer) {
	if g.family.int8Peer == nil && g.family.floatPeer == nil && g.fastest((*row).peer) == nil {
		return
	}
	fmt.Fprintf(w, "\n### Beside peers: %s: %s\n\n", g.name, page.Cell(g.shape))
	fmt.Fprintln(w, "| weights x activations | fastest of its tier | ops/s | x int8 peer | x float32 peer | x peer |")
	fmt.Fprintln(w, "|---|---|---:|---:|---:|---:|")
	line := func(r *row) {
		impl := page.Cell(r.impl())
		if r == g.best(r.formats()) {
			impl = "**" + impl + "**"
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %s |\n", page.Cell(r.formats()), impl, r.amount(g.speedUnit()),
			g.ratioText(r, g.family.int8Peer), g.ratioText(r, g.family.floatPeer), g.ratioText(r, g.peer(r)))
	}
	for _, f := range g.formats() {
		for _, tier := range g.tiers() {
			if r := g.fastest(func(r *row) bool { return r.ours() && r.formats() == f && r.isa() == tier }); r != nil {
				line(r)
			}
		}
		for _, r := range g.rows {
			if r.peer() && r.formats() == f {
				line(r)
			}
		}
	}
}
