package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/measure"
)

// nameWidth is what the main job's table has room for.
const nameWidth = 11

// print writes the main job's table and what must be known to read it.
func (j *job) print() {
	t := table{columns: []column{
		{"network", false}, {"weights/\nacts", false}, {"method", false},
		{"top-1\n%", true}, {"vs\nfloat", true},
		{"weights\nKiB", true}, {"times\nless", true}, {"peak\nacts\nKiB", true},
	}}
	for _, sp := range j.subjects[0].speed {
		t.columns = append(t.columns,
			column{fmt.Sprintf("us/img\nbatch\n%d", sp.batch), true}, column{"times\nfaster", true})
	}
	for _, s := range j.subjects {
		cells := []string{
			s.title(nameWidth), s.label(), s.net.Method, fmt.Sprintf("%.2f", s.accuracy), s.pointsLost(),
			kib(weightBytes(s.net)), s.smaller(), kib(s.plan.ActivationBytes(1)),
		}
		for i := range s.speed {
			cells = append(cells, micro(s.speed[i].nsPerImage()), s.faster(i))
		}
		t.add(cells...)
	}
	t.print(j.stdout)

	fmt.Fprintln(j.stdout, "\nkernels chosen, and memory for weights packed for them")
	for _, s := range j.subjects {
		printNote(j.stdout, "  "+s.label(), fmt.Sprintf("%s; %s KiB", s.kernelNote(), kib(s.plan.PackedBytes())))
	}
	fmt.Fprintln(j.stdout)
	j.printData()
	j.printMachine()
	printNote(j.stdout, "layers", j.endsNote())
	for _, s := range j.subjects {
		if text := eightBits(s.net); text != "" {
			_, acts := formats(s.net)
			printNote(j.stdout, "8 bits", fmt.Sprintf("%s %s: %s beside %s activations", s.net.Name, s.label(), text, acts))
		}
	}
	printNote(j.stdout, "reading", "top-1 is the share of images classed right, beside the float32 network's in percentage points; weights are at exactly their bits, "+
		"without scales and biases (packed they take more: some kernels hold them in more bits, and thresholds count too); peak acts are inputs, outputs and sums of the largest layers, of one image.")
	if len(j.subjects[0].speed) > 0 {
		j.printTiming()
	}
	printNote(j.stdout, "not here", "accuracy over several training runs, energy, the time to read and pack a network, other CPUs. "+
		"'netrun bench' has more batch sizes and threads, 'netrun inspect NETWORK' each layer.")
}

// printData says which images the figures are of.
func (j *job) printData() {
	text := fmt.Sprintf("%s, %s test images of %dx%dx%d (%s)", j.set.Name, count(j.images.N), j.images.H, j.images.W, j.images.C, j.set.Source)
	if j.set.Note != "" {
		text += "; " + j.set.Note
	}
	printNote(j.stdout, "images", text)
	for _, s := range j.subjects {
		if s.net.Dataset != j.set.Name {
			printNote(j.stdout, "beware", fmt.Sprintf("%s was trained on %s: its accuracy on %s means little", s.net.Name, s.net.Dataset, j.set.Name))
		}
	}
}

// printTiming says how speed was measured.
func (j *job) printTiming() {
	sp := &j.subjects[0].speed[0]
	clock := "time"
	if sp.threads == 1 && measure.HasThreadClock {
		clock = "CPU time of the one thread"
	}
	printNote(j.stdout, "speed", fmt.Sprintf("%s from pixels to logits, caches warm: median of %d rounds in which the networks take turns.", clock, len(sp.timing.Samples)))
}

// printMachine says where the figures are from, and which kernels it could have run.
func (j *job) printMachine() {
	printNote(j.stdout, "machine", fmt.Sprintf("%s, %d CPUs, %s/%s, %s; %s",
		measure.CPU(), runtime.GOMAXPROCS(0), runtime.GOOS, runtime.GOARCH, runtime.Version(), dispatchNote()))
}

// dispatchNote says which instruction sets have kernels that run here, and what the
// CPU lacks for the others.
func dispatchNote() string {
	var can, cannot []string
	missing := map[string][]string{}
	for _, k := range kernels.Table() {
		switch {
		case len(k.Missing) > 0:
			if missing[k.ISA] == nil {
				cannot = append(cannot, k.ISA)
			}
			for _, f := range k.Missing {
				if !slices.Contains(missing[k.ISA], f) {
					missing[k.ISA] = append(missing[k.ISA], f)
				}
			}
		case !slices.Contains(can, k.ISA):
			can = append(can, k.ISA)
		}
	}
	text := "kernels for " + strings.Join(can, ", ")
	for _, isa := range cannot {
		text += fmt.Sprintf("; not %s: the CPU lacks %s", isa, strings.Join(missing[isa], " "))
	}
	if name := os.Getenv(kernels.EnvImpl); name != "" { // checked by main
		text += fmt.Sprintf("; %s=%s", kernels.EnvImpl, name)
	}
	return text
}

// endsNote says what the first and the last layers are.
func (j *job) endsNote() string {
	even := true
	var each []string
	for _, s := range j.subjects {
		blocks := s.net.Blocks
		first, last := &blocks[0], &blocks[len(blocks)-1]
		weights, _ := formats(s.net)
		even = even && first.Weights.String() == weights && last.Weights.String() == weights
		each = append(each, fmt.Sprintf("%s: first %s, last %s", s.label(), layerFormats(first), layerFormats(last)))
	}
	if even {
		return "the first and the last layer have weights of the same format as the others: none is kept in float or 8 bits. " +
			"The first layer of a low-bit network reads pixels as u8; logits are float32."
	}
	return "weights/inputs of the ends: " + strings.Join(each, "; ")
}
