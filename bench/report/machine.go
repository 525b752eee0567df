package main

import (
	"fmt"
	"strings"
)

// A machine is what was measured on one computer: FILE.txt of make bench and
// FILE-peers.txt of make bench-peers, either of which may be missing. They ran
// at different times, so ratios are of rows of one run only.
type machine struct {
	slug string
	runs []*run // at most one of each kind, make bench's first
}

const besideSuffix = "-peers"

// slug names the machine that a file is of.
func (s *run) slug() string {
	return strings.TrimSuffix(strings.TrimSuffix(s.file, ".txt"), besideSuffix)
}

// beside tells whether peers were measured in the run.
func (s *run) beside() bool { return strings.HasSuffix(s.file, besideSuffix+".txt") }

// value is what the run's configuration says of a key.
func (s *run) value(key string) string {
	for _, c := range s.config {
		if c.Key == key {
			return string(c.Value)
		}
	}
	return ""
}

// machines puts the runs of each machine together, in the order of their names.
func machines(runs []*run) ([]*machine, error) {
	var list []*machine
	byName := map[string]*machine{}
	for _, s := range runs {
		slug := s.slug()
		if strings.EqualFold(slug, "README") || slug == "" {
			return nil, fmt.Errorf("%s: the machine's page would be %s.md: want the file named for the machine", s.file, slug)
		}
		m := byName[slug]
		if m == nil {
			m = &machine{slug: slug}
			byName[slug] = m
			list = append(list, m)
		}
		m.runs = append(m.runs, s)
	}
	for _, m := range list {
		if len(m.runs) == 1 {
			continue
		}
		if m.runs[0].beside() {
			m.runs[0], m.runs[1] = m.runs[1], m.runs[0]
		}
		for _, key := range []string{"cpu", "cores", "goarch"} {
			if a, b := m.runs[0], m.runs[1]; a.value(key) != b.value(key) {
				return nil, fmt.Errorf("%s: %s is %q but %q in %s: want both of one machine", b.file, key, b.value(key), a.value(key), a.file)
			}
		}
	}
	return list, nil
}

// whole is the run of everything, compared the one with peers; they are the
// same where only one was made.
func (m *machine) whole() *run    { return m.runs[0] }
func (m *machine) compared() *run { return m.runs[len(m.runs)-1] }

// all lists the groups of the run with peers, and those that only the other has.
func (m *machine) all() []*group {
	var list []*group
	seen := map[[2]string]bool{}
	for i := len(m.runs) - 1; i >= 0; i-- {
		var added []*group
		for _, g := range m.runs[i].groups {
			if !seen[[2]string{g.name, g.shape}] {
				added = append(added, g)
			}
		}
		for _, g := range added {
			seen[[2]string{g.name, g.shape}] = true
		}
		list = append(list, added...)
	}
	return list
}
