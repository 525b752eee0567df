package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"example.com/lowbit/netrun/data"
	"example.com/lowbit/netrun/measure"
	"example.com/lowbit/netrun/models"
	"example.com/lowbit/netrun/nn"
)

const jobHelp = `
Runs the shipped networks on the test images: lenet in float32 and with low-bit
weights and activations, each trained by 'netrun train'. Prints accuracy, memory
and speed of each beside float32. With MODEL files, runs those instead (name a
float32 one, too, to have something to compare with).

Accuracy is of all test images, on all CPUs. Speed is of one thread: the median
of interleaved rounds, the networks taking turns.

EXAMPLES
  netrun                              the shipped networks on the embedded images
  netrun -json | jq .accuracy         the same, a JSON object a network and batch
  netrun -impl portable -images 500   without assembly, on few images
  netrun -data DIR MODEL1 MODEL2      your networks on your images

JSON
  network dataset split images method weights acts first last impl threads batch
  accuracy accuracy_float (%) ns_per_image ns_per_image_float weight_bytes
  weight_bytes_float activation_bytes activation_bytes_float (of the batch)
  peak_rss_bytes (of the process so far) logits_sha256. null: not known.
`

// jobBatches are the batch sizes of the main job.
var jobBatches = []int{1, 64}

// jobCommand is what netrun does without a command's name.
func jobCommand(a *app) *ffcli.Command {
	var images dataFlags
	var impl implFlag
	var rounds int
	return a.command("", "[flags] [MODEL ...]\n  netrun COMMAND -h", "low-bit networks beside float32: accuracy, speed, memory",
		jobHelp,
		func(fs *flag.FlagSet) {
			images.add(fs)
			impl.add(fs)
			fs.IntVar(&rounds, "rounds", 25, "`rounds` of timing; 0 measures no speed")
		},
		func(ctx context.Context, args []string) error {
			if rounds < 0 || rounds > 1000 {
				return usagef("-rounds %d: want 0 to 1000", rounds)
			}
			if err := impl.use(); err != nil {
				return err
			}
			set, im, err := images.open()
			if err != nil {
				return err
			}
			var nets []*nn.Network
			if len(args) > 0 {
				if nets, err = loadNetworks(args); errors.As(err, new(*usageError)) {
					err = usagef("%v, nor a command (train, eval, bench, inspect, export)", err)
				}
			} else {
				nets, err = shippedFor(set)
			}
			if err != nil {
				return err
			}
			j := &job{app: a, set: set, images: im}
			return j.run(ctx, nets, rounds)
		})
}

// shippedFor returns the shipped networks that were trained on the set.
func shippedFor(set *data.Set) ([]*nn.Network, error) {
	all, err := loadNetworks(models.Names())
	if err != nil {
		return nil, err
	}
	var nets []*nn.Network
	for _, n := range all {
		if n.Dataset == set.Name {
			nets = append(nets, n)
		}
	}
	if len(nets) == 0 {
		return nil, fmt.Errorf("no shipped network was trained on %s (%s)\n"+
			"Train one with 'netrun train -data %s …' and run it with 'netrun -data %[3]s MODEL', or leave out -data", set.Name, set.Source, set.Source)
	}
	return nets, nil
}

// A job is the accuracy and speed of some networks on some images.
type job struct {
	*app
	set      *data.Set
	images   *data.Images
	subjects []*subject
}

// fits returns an error if a network does not take the job's images.
func (j *job) fits(nets []*nn.Network) error {
	for _, n := range nets {
		if want := (nn.Shape{H: j.images.H, W: j.images.W, C: j.images.C}); n.Input != want {
			return fmt.Errorf("network %s takes images of %v (HxWxC, as those of %s): %s has %v", n.Name, n.Input, n.Dataset, j.set.Name, want)
		}
		if n.Classes < j.set.Classes {
			return fmt.Errorf("network %s tells %d classes apart: %s has %d", n.Name, n.Classes, j.set.Name, j.set.Classes)
		}
	}
	return nil
}

// prepare makes the networks the job's subjects.
func (j *job) prepare(nets []*nn.Network) error {
	if err := j.fits(nets); err != nil {
		return err
	}
	var err error
	j.subjects, err = subjects(nets)
	return err
}

func (j *job) run(ctx context.Context, nets []*nn.Network, rounds int) error {
	if err := j.prepare(nets); err != nil {
		return err
	}
	if err := j.score(ctx); err != nil {
		return err
	}
	if rounds > 0 {
		effort := measure.Effort{Rounds: rounds, Sample: 10 * time.Millisecond, Thread: true, Budget: 20 * time.Second}
		if err := j.time(ctx, jobBatches, 1, effort); err != nil {
			return err
		}
	}
	if j.json {
		return j.printRows()
	}
	j.print()
	return nil
}

func (j *job) score(ctx context.Context) error {
	bar := j.progress("accuracy", "images", len(j.subjects)*j.images.N)
	defer bar.Finish()
	for _, s := range j.subjects {
		bar.Describe(fmt.Sprintf("%-28s", "accuracy of "+s.label()))
		if err := s.score(ctx, j.images, func(n int) { bar.Add(n) }); err != nil {
			return err
		}
	}
	return nil
}

func (j *job) time(ctx context.Context, batches []int, threads int, effort measure.Effort) error {
	bar := j.progress(fmt.Sprintf("speed, threads=%d", threads), "rounds", effort.Rounds)
	defer bar.Finish()
	return timeAll(ctx, j.subjects, j.images, batches, threads, effort, func(int) { bar.Add(1) })
}

func (j *job) printRows() error {
	for _, s := range j.subjects {
		for _, r := range s.rows(j.set.Name, "test") {
			if err := j.printJSON(r); err != nil {
				return err
			}
		}
	}
	return nil
}
