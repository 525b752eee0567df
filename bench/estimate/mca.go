package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"example.com/lowbit/netrun/atomicfile"
)

// An analysis is what the analyser says of one sequence of instructions.
type analysis struct {
	cycles     float64 // of one run, from an empty pipeline until the last instruction retires
	again      float64 // of one more run right behind it; 0 if not asked for
	reciprocal float64 // cycles that the busiest unit needs, whatever waits for what
	decode     float64 // cycles to decode it
	pressure   []unit  // the analyser's resources
}

// A unit is one of a core's, and the cycles that it is busy for.
type unit struct {
	name string
	busy float64
}

// An analyser runs llvm-mca and keeps what it said.
type analyser struct {
	tools *tools
	dir   string // of results kept from run to run; none if empty
	mu    sync.Mutex
	known map[string]string
}

// mostInstructions is the length that sequences are cut to: the analyser takes a
// second to read 30000 instructions.
const mostInstructions = 30000

// analyse returns what is known of a sequence on a core. Longer ones than
// mostInstructions are cut, and what is said of the part is scaled.
func (a *analyser) analyse(c *core, text []string, again, pressure bool) (*analysis, error) {
	n := len(text)
	scale := 1.0
	if n > mostInstructions {
		text = text[:mostInstructions]
		scale = float64(n) / mostInstructions
	}
	source := c.source(text)
	out, err := a.run(c, source, 1, pressure)
	if err != nil {
		return nil, err
	}
	r, err := parseMCA(out)
	if err != nil {
		return nil, err
	}
	if again {
		const runs = 3 // of which the analyser takes hardly longer than of one
		out, err := a.run(c, source, runs, false)
		if err != nil {
			return nil, err
		}
		more, err := parseMCA(out)
		if err != nil {
			return nil, err
		}
		r.again = (more.cycles - r.cycles) / (runs - 1)
	}
	// No core runs more instructions than it decodes.
	floor := float64(len(text)) / float64(c.width)
	r.cycles, r.reciprocal = max(r.cycles, floor), max(r.reciprocal, floor)
	if again {
		r.again = max(r.again, floor)
	}
	r.decode = floor * scale
	r.cycles, r.again, r.reciprocal = r.cycles*scale, r.again*scale, r.reciprocal*scale
	for i := range r.pressure {
		r.pressure[i].busy *= scale
	}
	return r, nil
}

// writeback finds loads and stores that change their address: before, if the brackets
// end in "!", or afterwards, if an amount is behind them.
var writeback = regexp.MustCompile(`^((?:ld|st)\S* .*\[)(x\d+|sp)(?:\], (#-?\d+|x\d+)|, (#-?\d+)\]!)$`)

// source is the text for the analyser. Stores that write their address back are always
// taken apart: to the analyser their address would have to wait for the data.
func (c *core) source(text []string) string {
	var b strings.Builder
	split := map[string]string{}
	for _, line := range text {
		if c.split && strings.HasPrefix(line, "ld") || strings.HasPrefix(line, "st") {
			s, ok := split[line]
			if !ok {
				s = splitWriteback(line)
				split[line] = s
			}
			line = s
		}
		b.WriteString(line)
		b.WriteByte('\n')
	}
	return b.String()
}

func splitWriteback(line string) string {
	m := writeback.FindStringSubmatch(line)
	switch {
	case m == nil:
		return line
	case m[3] != "":
		return m[1] + m[2] + "]\n" + addTo(m[2], m[3])
	}
	return addTo(m[2], m[4]) + "\n" + m[1] + m[2] + "]"
}

func addTo(register, amount string) string {
	if rest, minus := strings.CutPrefix(amount, "#-"); minus {
		return fmt.Sprintf("sub %s, %s, #%s", register, register, rest)
	}
	return fmt.Sprintf("add %s, %s, %s", register, register, amount)
}

func mcaArgs(c *core, iterations int, pressure bool) []string {
	return []string{"-mtriple=aarch64", "-mcpu=" + c.name, "-mattr=+dotprod,+i8mm", "-instruction-info=false",
		fmt.Sprintf("-resource-pressure=%v", pressure), fmt.Sprintf("-iterations=%d", iterations)}
}

// key is the name that an answer is kept by.
func (a *analyser) key(args []string, source string) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(a.tools.version.llvm+strings.Join(args, " ")+"\n"+source)))
}

func (a *analyser) run(c *core, source string, iterations int, pressure bool) (string, error) {
	args := mcaArgs(c, iterations, pressure)
	key := a.key(args, source)
	a.mu.Lock()
	out, ok := a.known[key]
	a.mu.Unlock()
	if ok {
		return out, nil
	}
	file := filepath.Join(a.dir, key)
	if a.dir != "" {
		if text, err := os.ReadFile(file); err == nil {
			_, err := parseMCA(string(text)) // what is broken is asked for again
			out, ok = string(text), err == nil
		}
	}
	if !ok {
		cmd := a.tools.command(a.tools.mca, args...)
		var stdout, stderr bytes.Buffer
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(source), &stdout, &stderr
		if err := cmd.Run(); err != nil {
			return "", fmt.Errorf("%s for %s: %w: %.600s", a.tools.mca, c.name, err, stderr.String())
		}
		// What follows is a line for each instruction.
		out, _, _ = strings.Cut(stdout.String(), "Resource pressure by instruction:")
		if a.dir != "" {
			if err := atomicfile.Write(file, []byte(out)); err != nil {
				return "", err
			}
		}
	}
	a.mu.Lock()
	a.known[key] = out
	a.mu.Unlock()
	return out, nil
}

var (
	resourceLine = regexp.MustCompile(`(?m)^\[([\d.]+)\]\s+- (\S+)$`)
	pressureRows = regexp.MustCompile(`(?m)^Resource pressure per iteration:\n(.*)\n(.*)$`)
)

// parseMCA reads the analyser's summary, and the units' use if it is there.
func parseMCA(out string) (*analysis, error) {
	r := new(analysis)
	for _, f := range []struct {
		name string
		to   *float64
	}{{"Total Cycles:", &r.cycles}, {"Block RThroughput:", &r.reciprocal}} {
		_, rest, ok := strings.Cut(out, f.name)
		line, _, _ := strings.Cut(rest, "\n")
		v, err := strconv.ParseFloat(strings.TrimSpace(line), 64)
		if !ok || err != nil {
			return nil, fmt.Errorf("the analyser printed no %q: %.200q", f.name, out)
		}
		*f.to = v
	}
	names := map[string]string{}
	for _, m := range resourceLine.FindAllStringSubmatch(out, -1) {
		names[m[1]] = m[2]
	}
	if m := pressureRows.FindStringSubmatch(out); m != nil {
		columns, values := strings.Fields(m[1]), strings.Fields(m[2])
		if len(columns) != len(values) {
			return nil, fmt.Errorf("the analyser printed %d units and %d figures", len(columns), len(values))
		}
		for i, column := range columns {
			if busy, err := strconv.ParseFloat(values[i], 64); err == nil {
				index := strings.Trim(column, "[]")
				name := names[index]
				if _, copy, several := strings.Cut(index, "."); several {
					name += "." + copy
				}
				r.pressure = append(r.pressure, unit{name, busy})
			}
		}
	}
	return r, nil
}
