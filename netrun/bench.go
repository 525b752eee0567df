package main

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"example.com/lowbit/netrun/measure"
	"example.com/lowbit/netrun/nn"
)

const benchHelp = `
Times whole networks, from pixels to logits, for each batch size and number of
threads. The networks and batch sizes take turns, round by round, and the median
of the rounds is printed, so that a slow spell of the machine meets all alike.
MODEL is a model file, the name of a shipped network, or "all" of these (the
default), with -data all that were trained on its images. Networks whose images
are not here are timed on made ones.

With -networks, networks of the named shapes are timed instead, in float32 and four
low-bit formats: shipped ones, or such with random weights, which is noted. With
-peers, ONNX Runtime runs the float32 networks beside them, in float32 and in 8 bits
(static QDQ, calibrated on images), on one thread, in a process of its own for each
model. Logits are compared before anything is timed. It takes a checkout on Linux, and
what 'make bench-networks' gets, or the environment: LOWBIT_PEERS names the program of
bench/peers/networks, LOWBIT_ONNXRUNTIME the shared library.

EXAMPLES
  netrun bench                                             the shipped networks
  netrun bench -batches 1,8,64,512 -threads 1,2
  netrun bench -impl portable fashion-lenet-float32        without assembly
  netrun bench my.safetensors fashion-lenet-float32 -json  a model file beside a shipped one
  netrun bench -networks lenet,resnet20,vgg-small -peers -json

JSON
  the fields of 'netrun -json'; accuracy and logits_sha256 are not measured. Rows of
  peers have impl peer-onnxruntime-f32 or -int8, the float32 network's name, agreement
  (% of images whose answer is our float32 network's), and the peak_rss_bytes of their
  own process.
`

func benchCommand(a *app) *ffcli.Command {
	var images dataFlags
	var impl implFlag
	batches := intList{[]int{1, 8, 64}, 4096}
	threads := intList{[]int{1}, 1024}
	var rounds int
	var networks string
	var peers bool
	return a.command("bench", "[flags] [MODEL ...]", "speed of networks by batch size and threads", benchHelp,
		func(fs *flag.FlagSet) {
			images.add(fs)
			impl.add(fs)
			fs.Var(&batches, "batches", "batch `sizes`, separated by commas")
			fs.Var(&threads, "threads", "`numbers` of threads, separated by commas")
			fs.IntVar(&rounds, "rounds", 25, "`rounds` of timing")
			fs.StringVar(&networks, "networks", "", "`names` of shapes, separated by commas: "+strings.Join(nn.NetworkNames(), ", ")+", or .json files that describe them")
			fs.BoolVar(&peers, "peers", false, "run the float32 networks by ONNX Runtime, too")
		},
		func(ctx context.Context, args []string) error {
			if rounds < 1 || rounds > 1000 {
				return usagef("-rounds %d: want 1 to 1000", rounds)
			}
			if err := impl.use(); err != nil {
				return err
			}
			var jobs []*job
			var err error
			if networks == "" {
				jobs, err = a.jobs(&images, args, len(args) == 0)
			} else {
				if len(args) > 0 || images.dir != "" {
					return usagef("-networks with MODEL or -data: want it alone")
				}
				jobs, err = a.namedJobs(&images, strings.Split(networks, ","))
			}
			if err != nil {
				return err
			}
			if peers {
				if !slices.Equal(threads.values, []int{1}) {
					return usagef("-peers with -threads %s: want 1", threads.String())
				}
				stop, err := contendAll(ctx, jobs)
				if err != nil {
					return err
				}
				defer stop()
			}
			effort := measure.Effort{Rounds: rounds, Sample: 10 * time.Millisecond}
			for _, j := range jobs {
				for _, n := range threads.values {
					effort.Thread = n == 1
					if err := j.time(ctx, batches.values, n, effort); err != nil {
						return err
					}
				}
			}
			if a.json {
				return printRows(jobs)
			}
			for _, j := range jobs {
				j.printBench()
				fmt.Fprintln(a.stdout)
			}
			printNote(a.stdout, "figures", fmt.Sprintf("medians of %d interleaved rounds, each of at least 10 ms of calls in a row (caches warm); "+
				"spread is the distance between the quartiles as a part of the median.", rounds))
			printTiming(a.stdout, jobs)
			a.printMachine()
			return nil
		})
}

// namedJobs returns a job for each of the networks that are named by shape.
func (a *app) namedJobs(flags *dataFlags, names []string) ([]*job, error) {
	var jobs []*job
	for _, name := range names {
		nets, random, err := namedNetworks(name)
		if err != nil {
			return nil, err
		}
		j, err := a.jobWithout(flags, nets[0].Dataset, nets[0].Input)
		if err != nil {
			return nil, err
		}
		if err := j.prepare(nets, random); err != nil {
			return nil, err
		}
		jobs = append(jobs, j)
	}
	return jobs, nil
}

func (j *job) printBench() {
	j.printTitle()
	t := table{columns: []column{
		{"network", false}, {"weights", false}, {"acts", false}, {"threads", true}, {"batch", true},
		{"us/image", true}, {"images/s", true}, {"GMAC/s", true}, {"times faster\nthan float", true}, {"spread\n%", true},
	}}
	for i := range j.subjects[0].speed {
		for _, s := range j.subjects {
			sp := &s.speed[i]
			weights, acts := formats(s.net)
			ns := sp.nsPerImage()
			t.add(s.net.Name, weights, acts, fmt.Sprint(sp.threads), fmt.Sprint(sp.batch), micro(ns), count(int(1e9/ns)),
				fmt.Sprintf("%.1f", float64(s.net.MACs())/ns), s.faster(i), fmt.Sprintf("%.1f", 100*sp.timing.Spread()))
		}
	}
	for i := range j.subjects[0].speed {
		for _, c := range j.contenders {
			sp, float := &c.speed[i], &c.float.speed[i]
			ns := sp.nsPerImage()
			t.add(c.impl, c.weights, c.acts, fmt.Sprint(sp.threads), fmt.Sprint(sp.batch), micro(ns), count(int(1e9/ns)),
				fmt.Sprintf("%.1f", float64(c.float.net.MACs())/ns), times(float.nsPerImage()/ns), fmt.Sprintf("%.1f", 100*sp.timing.Spread()))
		}
	}
	t.print(j.stdout)
	for _, s := range j.subjects {
		if s.random {
			printNote(j.stdout, s.label(), fmt.Sprintf("%s: random weights", baseName(s.net)))
		}
	}
	j.printContenders()
}
