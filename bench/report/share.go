package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"example.com/lowbit/bench/internal/page"
	"example.com/lowbit/netrun/chart"
)

// A ceiling is a measured limit of one core: of arithmetic in ops/s, or of
// reading in B/s.
type ceiling struct {
	r     *row
	name  string
	rate  float64
	bytes float64 // read over and over, for reading
}

// ceilings are the limits that the run measured: of arithmetic, and of reading
// from the nearest memory on.
func (s *run) ceilings() (compute, read []ceiling) {
	for _, r := range s.rows {
		switch {
		case r.keys["limit"] == "":
		case r.keys["limit"] == "read":
			if rate := r.center("B/s"); rate > 0 {
				read = append(read, ceiling{r, r.impl(), rate, r.number("bytes")})
			}
		default:
			if rate := r.center("ops/s"); rate > 0 {
				compute = append(compute, ceiling{r, r.keys["limit"] + " " + r.impl(), rate, 0})
			}
		}
	}
	slices.SortStableFunc(read, func(a, b ceiling) int { return cmp.Compare(a.bytes, b.bytes) })
	return compute, read
}

// limits are the ceilings of the run, or of the machine's other one.
func (m *machine) limits(s *run) (compute, read []ceiling) {
	if compute, read = s.ceilings(); len(compute)+len(read) > 0 {
		return compute, read
	}
	for _, other := range m.runs {
		if compute, read = other.ceilings(); len(compute)+len(read) > 0 {
			break
		}
	}
	return compute, read
}

// perByte is how many operations the row does for each byte that it touches.
func (r *row) perByte() float64 {
	if x := r.center("ops/s") / r.center("B/s"); chart.Finite(x) {
		return x
	}
	return 0
}

// limitName names what %limit of the row refers to: the ceiling that comes
// nearest to the limit itself, among the loops of its arithmetic and tier and
// the memory that holds what it touches. Empty if nothing was measured.
func (r *row) limitName(compute, read []ceiling) string {
	share, perByte := r.center("%limit"), r.perByte()
	if c, ok := r.memory(read); ok && r.center("ops/s") == 0 {
		return c.name + " reads" // nothing but bytes was counted
	}
	limit := 100 * r.center("ops/s") / share
	if share == 0 || !chart.Finite(limit) || limit <= 0 {
		return ""
	}
	name, least := "", math.Inf(1)
	consider := func(c ceiling, rate float64) {
		if d := math.Abs(math.Log(rate / limit)); d < least {
			name, least = c.name, d
		}
	}
	own := slices.ContainsFunc(compute, func(c ceiling) bool { return strings.HasPrefix(c.r.impl(), r.isa()+"-") })
	for _, c := range compute {
		float := c.r.keys["limit"] == "float32"
		if float == (r.keys["a"] == "float32") && (!own || strings.HasPrefix(c.r.impl(), r.isa()+"-")) {
			consider(c, c.rate)
		}
	}
	if c, ok := r.memory(read); ok && perByte > 0 {
		consider(ceiling{name: c.name + " reads"}, c.rate*perByte)
	}
	return name
}

// memory is the nearest that holds what the row touches.
func (r *row) memory(read []ceiling) (ceiling, bool) {
	touched := r.center("sec/op") * r.center("B/s")
	for i, c := range read {
		// What was read fills half of a cache.
		if i == len(read)-1 || r.keys["cache"] != "cold" && touched <= 2*c.bytes {
			return c, true
		}
	}
	return ceiling{}, false
}

// A share is the best part of its limit that a kernel reached.
type share struct {
	kernel, where, limit string
	r                    *row
	value                float64
}

// shares are those of all kernels, in the order of the file: on a product, on
// an inner product and between layers apart, as they are different code.
func (m *machine) shares() []share {
	var list []share
	at := map[[2]string]int{}
	for _, s := range m.runs {
		compute, read := m.limits(s)
		for _, r := range s.rows {
			value := r.center("%limit")
			if !r.ours() || value == 0 || r.name == "Network" {
				continue
			}
			kind, where := "", r.name+" "+r.keys["op"]
			if r.name == "Dot" || r.keys["op"] != "" {
				kind = r.name
			}
			if r.keys["op"] == "" {
				where = r.formats() + ", " + (&group{name: r.name, rows: []*row{r}}).title()
			}
			key := [2]string{kind, r.impl()}
			i, seen := at[key]
			if !seen {
				i = len(list)
				at[key] = i
				list = append(list, share{})
			}
			if value > list[i].value {
				list[i] = share{r.impl(), where, r.limitName(compute, read), r, value}
			}
		}
	}
	return list
}

// enough is the share of its limit that a kernel should reach somewhere.
const enough = 80

func writeShares(w io.Writer, list []share) {
	fmt.Fprintln(w, "\n| kernel | best of limit | on | limit |\n|---|---:|---|---|")
	for _, s := range list {
		limit := s.limit
		if limit == "" {
			limit = "-"
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s |\n", page.Cell(s.kernel), s.r.share(), page.Cell(s.where), page.Cell(limit))
	}
}

// writeLimited appends the kernels that nowhere come near their limit.
func (m *machine) writeLimited(w io.Writer) {
	list := m.shares()
	if len(list) == 0 {
		return
	}
	var below []share
	kernels, low, high := 0, math.Inf(1), 0.0
	for _, s := range list {
		if s.r.portable() {
			low, high = min(low, s.value), max(high, s.value)
			continue
		}
		kernels++
		if s.value < enough {
			below = append(below, s)
		}
	}
	fmt.Fprintf(w, "\n### Share of the limit\n\nWhere each does best, %d of %d kernels in assembly (Dot counted apart) reach %d %% of what the machine can do at most\n([all](%s.md#share-of-the-limit)).",
		kernels-len(below), kernels, enough, m.slug)
	if high > 0 {
		fmt.Fprintf(w, " Portable ones, which have no instructions of their own, use %.0f to %.0f %% of it.", low, high)
	}
	fmt.Fprintln(w)
	if below != nil {
		fmt.Fprintln(w, "The others; of the limits measured, the one nearest in size is named:")
		writeShares(w, below)
	}
}

// writeEveryShare appends the best share of every kernel, for the machine's page.
func (m *machine) writeEveryShare(w io.Writer) {
	list := m.shares()
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(w, "\n## Share of the limit\n\nThe best that each kernel reached, and where. Of the loops and memories measured, the one nearest in size to the limit is named. Above 100 %% the core was disturbed more while the limit was measured than while the kernel was.\n")
	writeShares(w, list)
}
