package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/measure"
)

// nameWidth is what the main job's table has room for.
const nameWidth = 9

// printJobs writes the main job's tables and what must be known to read them.
func (a *app) printJobs(jobs []*job) {
	var all []*subject
	for _, j := range jobs {
		j.print()
		all = append(all, j.subjects...)
		fmt.Fprintln(a.stdout)
	}
	a.printMachine()
	printNote(a.stdout, "layers", endsNote(all))
	if text := eightsNote(all); text != "" {
		printNote(a.stdout, "8 bits", text)
	}
	printNote(a.stdout, "reading", "top-1 is the share of images classed right, beside the float32 network's in percentage points; weights are at exactly their bits, "+
		"without scales and biases (packed they take more: some kernels hold them in more bits, and thresholds count too); peak acts are inputs, outputs and sums of the largest layers, of one image.")
	if len(all[0].speed) > 0 {
		printTiming(a.stdout, jobs)
	}
	printNote(a.stdout, "not here", "accuracy over several training runs, energy, the time to read and pack a network, other CPUs. "+
		"'netrun bench' has more batch sizes and threads, 'netrun inspect' lists the shipped networks, 'netrun inspect NETWORK' each layer.")
}

// print writes the table of a data set, and what is true of it alone.
func (j *job) print() {
	j.printTitle()
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
			s.title(nameWidth), s.label() + s.endsMark(), s.net.Method, s.top1(), s.pointsLost(),
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
	j.printNotes()
}

// printTitle says which images the table below it is of.
func (j *job) printTitle() {
	im := j.images
	of, why := "test", j.set.Source
	if j.made {
		of, why = "made", "noise, as its own are not here"
	}
	fmt.Fprintf(j.stdout, "%s: %s %s images of %dx%dx%d (%s)\n\n", j.set.Name, count(im.N), of, im.H, im.W, im.C, why)
}

// printNotes says what accuracies and speeds of these images mean, if anything, after an
// empty line.
func (j *job) printNotes() {
	var notes [][2]string
	add := func(label, text string) {
		if text != "" {
			notes = append(notes, [2]string{label, text})
		}
	}
	add("images", j.set.Note)
	for _, s := range j.subjects {
		if !j.made && s.net.Dataset != j.set.Name {
			add("beware", fmt.Sprintf("%s was trained on %s: its accuracy on %s means little", s.net.Name, s.net.Dataset, j.set.Name))
		}
		if s.random {
			add("random", fmt.Sprintf("the weights of %s float32 are not shipped: random ones in their place show speed and memory", baseName(s.net)))
		}
	}
	add("accuracy", j.recordNote())
	for i, n := range notes {
		if i == 0 {
			fmt.Fprintln(j.stdout)
		}
		printNote(j.stdout, n[0], n[1])
	}
}

// recordNote says what the marks of accuracies mean that were not measured, and how
// they would be.
func (j *job) recordNote() string {
	var of []string
	for _, s := range j.subjects {
		r := s.known()
		if r == nil || s.measured {
			continue
		}
		text := fmt.Sprintf("r: %s test images", count(r.Images))
		if r.Split != "test" {
			text = fmt.Sprintf("v: %s training images held out", count(r.Images))
		}
		if !slices.Contains(of, text) {
			of = append(of, text)
		}
	}
	text := ""
	if len(of) > 0 {
		text = fmt.Sprintf("recorded in training, not measured in this run (%s)", strings.Join(of, "; "))
	}
	if !j.made {
		return text
	}
	if text == "" {
		text = "not recorded in training"
	}
	return text + fmt.Sprintf(". 'netrun -data DIR' measures it, DIR with %s.", dataFiles(j.set.Name))
}

// dataFiles names the files that a folder of a set's test images has.
func dataFiles(dataset string) string {
	switch dataset {
	case "mnist", "fashion-mnist":
		return "t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz"
	case "cifar10":
		return "test_batch.bin of CIFAR-10's binary version"
	case "svhn":
		return "test_32x32.mat"
	}
	return "the images of " + dataset
}

// printTiming says how speed was measured.
func printTiming(w io.Writer, jobs []*job) {
	sp := &jobs[0].subjects[0].speed[0]
	clock := "time"
	if sp.threads == 1 && measure.HasThreadClock {
		clock = "CPU time of the one thread"
	}
	var rounds []string
	differ := false
	for _, j := range jobs {
		n := len(j.subjects[0].speed[0].timing.Samples)
		differ = differ || n != len(sp.timing.Samples)
		rounds = append(rounds, fmt.Sprintf("%d (%s)", n, j.set.Name))
	}
	if !differ {
		rounds = []string{fmt.Sprint(len(sp.timing.Samples))}
	}
	printNote(w, "speed", fmt.Sprintf("%s from pixels to logits, caches warm: median of %s rounds in which the networks take turns.", clock, strings.Join(rounds, ", ")))
}

// printMachine says where the figures are from, and which kernels it could have run.
func (a *app) printMachine() {
	printNote(a.stdout, "machine", fmt.Sprintf("%s, %d CPUs, %s/%s, %s; %s",
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
func endsNote(all []*subject) string {
	odd := groups{}
	for _, s := range all {
		if s.endsMark() != "" {
			first, last := &s.net.Blocks[0], &s.net.Blocks[len(s.net.Blocks)-1]
			odd.add(fmt.Sprintf("first %s, last %s", layerFormats(first), layerFormats(last)), s)
		}
	}
	text := "the first and the last layer have weights of the same format as the others"
	if len(odd.texts) > 0 {
		text += " except where a * is (weights/inputs): " + odd.String()
	} else {
		text += ": none is kept in float or 8 bits"
	}
	return text + ". The first layer of a low-bit network reads pixels as u8; logits are float32."
}

// endsMark is a * if the first or the last layer's weights are not of the format of
// most.
func (s *subject) endsMark() string {
	blocks := s.net.Blocks
	weights, _ := mostFormats(s.net)
	if blocks[0].Weights != weights || blocks[len(blocks)-1].Weights != weights {
		return "*"
	}
	return ""
}

// eightsNote says which networks have 8 bits between layers.
func eightsNote(all []*subject) string {
	eights := groups{}
	for _, s := range all {
		if text := eightBits(s.net); text != "" {
			eights.add(text, s)
		}
	}
	return eights.String()
}

// groups are texts with the networks that they are true of.
type groups struct {
	texts    []string
	networks map[string][]string
}

func (g *groups) add(text string, s *subject) {
	if g.networks == nil {
		g.networks = map[string][]string{}
	}
	name := s.net.Dataset + " " + baseName(s.net)
	list := g.networks[text]
	if list == nil {
		g.texts = append(g.texts, text)
	}
	// The name once for all its formats.
	if n := len(list); n > 0 && strings.HasPrefix(list[n-1], name+" ") {
		list[n-1] += ", " + s.label()
	} else {
		list = append(list, name+" "+s.label())
	}
	g.networks[text] = list
}

func (g *groups) String() string {
	var parts []string
	for _, text := range g.texts {
		parts = append(parts, strings.Join(g.networks[text], ", ")+": "+text)
	}
	return strings.Join(parts, "; ")
}
