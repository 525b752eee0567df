package main

import (
	"context"
	"flag"
	"fmt"

	"github.com/peterbourgon/ff/v3/ffcli"
)

const evalHelp = `
Classifies the test images and prints the accuracy and the SHA-256 of all logits
(little-endian float32, in the images' order), which is the same for every
implementation, batch size and number of threads of a network without float32
weights. MODEL is a model file, the name of a shipped network, or "all" of these,
with -data all that were trained on its images. Networks whose images are not here
run over made ones (noise), which tells their logits, but no accuracy.

EXAMPLES
  netrun eval all                         the shipped networks
  netrun eval my.safetensors -data DIR    a model file on images in a folder
  netrun eval all -impl portable -json    the same hashes, without assembly

JSON
  the fields of 'netrun -json'; ns_per_image and batch are not measured.
`

func evalCommand(a *app) *ffcli.Command {
	var images dataFlags
	var impl implFlag
	return a.command("eval", "[flags] MODEL ...", "accuracy and logits of networks on test images", evalHelp,
		func(fs *flag.FlagSet) {
			images.add(fs)
			impl.add(fs)
		},
		func(ctx context.Context, args []string) error {
			if len(args) == 0 {
				return usagef("no MODEL: want a model file, the name of a shipped network, or all")
			}
			if err := impl.use(); err != nil {
				return err
			}
			jobs, err := a.jobs(&images, args, false)
			if err != nil {
				return err
			}
			for _, j := range jobs {
				if err := j.score(ctx); err != nil {
					return err
				}
			}
			if a.json {
				return printRows(jobs)
			}
			for i, j := range jobs {
				if i > 0 {
					fmt.Fprintln(a.stdout)
				}
				j.printEval()
			}
			return nil
		})
}

func (j *job) printEval() {
	j.printTitle()
	t := table{columns: []column{
		{"network", false}, {"weights", false}, {"acts", false}, {"accuracy %", true}, {"vs float", true}, {"sha256 of the logits", false},
	}}
	for _, s := range j.subjects {
		weights, acts := formats(s.net)
		t.add(s.net.Name, weights+s.endsMark(), acts, s.top1(), s.pointsLost(), s.hash[:32]+"...")
	}
	t.print(j.stdout)
	j.printNotes()
}
