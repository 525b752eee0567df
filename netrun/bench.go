package main

import (
	"context"
	"flag"
	"fmt"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"example.com/lowbit/netrun/measure"
)

const benchHelp = `
Times whole networks, from pixels to logits, for each batch size and number of
threads. The networks and batch sizes take turns, round by round, and the median
of the rounds is printed, so that a slow spell of the machine meets all alike.
MODEL is a model file, the name of a shipped network, or "all" of these (the
default), with -data all that were trained on its images. Networks whose images
are not here are timed on made ones.

EXAMPLES
  netrun bench                                             the shipped networks
  netrun bench -batches 1,8,64,512 -threads 1,2
  netrun bench -impl portable fashion-lenet-float32        without assembly
  netrun bench my.safetensors fashion-lenet-float32 -json  a model file beside a shipped one

JSON
  the fields of 'netrun -json'; accuracy and logits_sha256 are not measured.
`

func benchCommand(a *app) *ffcli.Command {
	var images dataFlags
	var impl implFlag
	batches := intList{[]int{1, 8, 64}, 4096}
	threads := intList{[]int{1}, 1024}
	var rounds int
	return a.command("bench", "[flags] [MODEL ...]", "speed of networks by batch size and threads", benchHelp,
		func(fs *flag.FlagSet) {
			images.add(fs)
			impl.add(fs)
			fs.Var(&batches, "batches", "batch `sizes`, separated by commas")
			fs.Var(&threads, "threads", "`numbers` of threads, separated by commas")
			fs.IntVar(&rounds, "rounds", 25, "`rounds` of timing")
		},
		func(ctx context.Context, args []string) error {
			if rounds < 1 || rounds > 1000 {
				return usagef("-rounds %d: want 1 to 1000", rounds)
			}
			if err := impl.use(); err != nil {
				return err
			}
			jobs, err := a.jobs(&images, args, len(args) == 0)
			if err != nil {
				return err
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
	t.print(j.stdout)
	for _, s := range j.subjects {
		if s.random {
			printNote(j.stdout, "float32", fmt.Sprintf("%s: random weights", baseName(s.net)))
		}
	}
}
