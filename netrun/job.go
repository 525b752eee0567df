package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"example.com/lowbit/netrun/data"
	"example.com/lowbit/netrun/measure"
	"example.com/lowbit/netrun/models"
	"example.com/lowbit/netrun/nn"
)

const jobHelp = `
Runs the shipped networks, a table for each data set: in float32 and with low-bit
weights and activations, each trained by 'netrun train'. Prints accuracy, memory
and speed of each beside float32. With MODEL files, runs those instead (name a
float32 one, too, to have something to compare with).

Fashion-MNIST's test images are part of the program. Networks of other data show
speed and memory, on made images, and the accuracy that was recorded when they were
trained; with -data DIR, all networks of the data in DIR are measured on it.
Where a float32 network is too large to be shipped, random weights of the same
shape stand for it, without an accuracy.

Accuracy is of all test images, on all CPUs. Speed is of one thread: the median
of interleaved rounds, the networks taking turns.

EXAMPLES
  netrun                              the shipped networks
  netrun -data DIR                    those of the data in DIR, with accuracy
  netrun -json | jq .accuracy         a JSON object a network and batch
  netrun -impl portable -images 500   without assembly, on few images
  netrun -data DIR MODEL1 MODEL2      your networks on your images

JSON
  network dataset split (test, or made: noise) images method weights acts first last
  random_weights (true: a float32 network that is not shipped) impl threads batch
  accuracy accuracy_float (%, measured) accuracy_recorded recorded_split
  recorded_images (from training) ns_per_image ns_per_image_float weight_bytes
  weight_bytes_float packed_bytes activation_bytes activation_bytes_float (of the
  batch) peak_rss_bytes (of the process so far) logits_sha256 agreement (of peers, see
  'netrun bench -h') machine. null: not known.
`

// The main job's effort.
const (
	jobRounds = 25
	jobSample = 10 * time.Millisecond
	// jobBudget bounds the rounds of all data sets together, so that the whole takes
	// less than 20 seconds; rounds are fewer where networks are slow.
	jobBudget = 10 * time.Second
	// slowMACs are multiply-adds of an image from which on batches are smaller: so
	// many keep the kernels busy without company.
	slowMACs = 16 << 20
)

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
			fs.IntVar(&rounds, "rounds", jobRounds, "`rounds` of timing at most; 0 measures no speed")
		},
		func(ctx context.Context, args []string) error {
			if rounds < 0 || rounds > 1000 {
				return usagef("-rounds %d: want 0 to 1000", rounds)
			}
			if err := impl.use(); err != nil {
				return err
			}
			jobs, err := a.jobs(&images, args, len(args) == 0)
			if err != nil {
				if len(args) > 0 && errors.As(err, new(*usageError)) {
					err = usagef("%v, nor a command (train, eval, bench, inspect, export, import)", err)
				}
				return err
			}
			for _, j := range jobs {
				if err := j.run(ctx, rounds, jobBudget/time.Duration(len(jobs))); err != nil {
					return err
				}
			}
			if a.json {
				return printRows(jobs)
			}
			a.printJobs(jobs)
			return nil
		})
}

// A job is the accuracy and speed of some networks on the images of one data set.
type job struct {
	*app
	set    *data.Set
	images *data.Images
	// made says that the images are noise, as the set's are not here: accuracies are
	// not measured.
	made     bool
	subjects []*subject
	// contenders are the float32 networks as peers run them.
	contenders []*contender
}

// madeImages is how many made images the logits' hash is of.
const madeImages = 64

// jobs returns what is to be measured of the networks that names stand for, of the
// shipped ones if there are none: with -data a job of all of them, without it one for
// each set of images that they were trained on, those of the embedded set first, then
// few multiply-adds before many. twins adds float32 networks with random weights where
// there are none to compare with.
func (a *app) jobs(flags *dataFlags, names []string, twins bool) ([]*job, error) {
	if flags.images < 0 {
		return nil, usagef("-images %d: want 0 or more", flags.images)
	}
	var given *job
	dataset := ""
	if flags.dir != "" {
		set, err := data.Open(flags.dir)
		if err != nil {
			return nil, err
		}
		given, dataset = &job{app: a, set: set}, set.Name
	}
	nets, err := loadNetworks(names, dataset)
	if err != nil {
		return nil, err
	}
	if given != nil && len(nets) == 0 {
		return nil, fmt.Errorf("no shipped network was trained on %s (%s)\n"+
			"Train one with 'netrun train -data %s …' and run it with 'netrun -data %[3]s MODEL', or leave out -data", given.set.Name, given.set.Source, given.set.Source)
	}
	var random []*nn.Network
	if twins {
		if nets, random, err = withTwins(nets); err != nil {
			return nil, err
		}
	}
	if given != nil {
		if given.images, err = flags.test(given.set); err != nil {
			return nil, err
		}
		return []*job{given}, given.prepare(nets, random)
	}
	type key struct {
		dataset string
		input   nn.Shape
	}
	groups := map[key][]*nn.Network{}
	var keys []key
	for _, n := range nets {
		k := key{n.Dataset, n.Input}
		if groups[k] == nil {
			keys = append(keys, k)
		}
		groups[k] = append(groups[k], n)
	}
	var jobs []*job
	for _, k := range keys {
		j, err := a.jobWithout(flags, k.dataset, k.input)
		if err != nil {
			return nil, err
		}
		if err := j.prepare(groups[k], random); err != nil {
			return nil, err
		}
		jobs = append(jobs, j)
	}
	slices.SortStableFunc(jobs, func(x, y *job) int {
		switch {
		case x.made && !y.made:
			return 1
		case y.made && !x.made:
			return -1
		}
		return cmp.Compare(x.macs(), y.macs())
	})
	return jobs, nil
}

// jobWithout returns a job without -data: on the embedded images, or on made ones.
func (a *app) jobWithout(flags *dataFlags, dataset string, input nn.Shape) (*job, error) {
	if set := data.Embedded(); set.Name == dataset {
		im, err := flags.test(set)
		if err != nil {
			return nil, err
		}
		if input == (nn.Shape{H: im.H, W: im.W, C: im.C}) {
			return &job{app: a, set: set, images: im}, nil
		}
	}
	n := madeImages
	if flags.images > 0 {
		n = min(n, flags.images)
	}
	return &job{
		app: a, set: &data.Set{Name: dataset, Source: "made"}, made: true,
		images: data.Made(n, input.H, input.W, input.C),
	}, nil
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

// prepare makes the networks the job's subjects; random are those with random weights.
func (j *job) prepare(nets, random []*nn.Network) error {
	if err := j.fits(nets); err != nil {
		return err
	}
	var err error
	if j.subjects, err = subjects(nets); err != nil {
		return err
	}
	for _, s := range j.subjects {
		s.random = slices.Contains(random, s.net)
		if s.net.Dataset != j.set.Name {
			continue
		}
		if r, ok := models.BestRecord(s.net); ok {
			s.record = &r
		}
	}
	return nil
}

// macs is the multiply-adds of an image by the largest network.
func (j *job) macs() (most int64) {
	for _, s := range j.subjects {
		most = max(most, s.net.MACs())
	}
	return most
}

// batches are the main job's batch sizes.
func (j *job) batches() []int {
	if j.macs() >= slowMACs {
		return []int{1, 16}
	}
	return []int{1, 64}
}

func (j *job) run(ctx context.Context, rounds int, budget time.Duration) error {
	if err := j.score(ctx); err != nil || rounds == 0 {
		return err
	}
	return j.time(ctx, j.batches(), 1, measure.Effort{Rounds: rounds, Sample: jobSample, Thread: true, Budget: budget})
}

// score runs the networks over all images, except for those with random weights.
func (j *job) score(ctx context.Context) error {
	bar := j.progress("accuracy", "images", len(j.subjects)*j.images.N)
	defer bar.Finish()
	for _, s := range j.subjects {
		bar.Describe(fmt.Sprintf("%-36s", fmt.Sprintf("accuracy, %s, %s", j.set.Name, s.label())))
		if s.random {
			bar.Add(j.images.N)
			continue
		}
		if err := s.score(ctx, j.images, func(n int) { bar.Add(n) }); err != nil {
			return err
		}
		s.measured = !j.made
	}
	return nil
}

func (j *job) time(ctx context.Context, batches []int, threads int, effort measure.Effort) error {
	bar := j.progress(fmt.Sprintf("speed, %s, threads=%d", j.set.Name, threads), "rounds", effort.Rounds)
	defer bar.Finish()
	return timeAll(ctx, j.subjects, j.contenders, j.images, batches, threads, effort, func(int) { bar.Add(1) })
}

// split says what the job's images are.
func (j *job) split() string {
	if j.made {
		return "made"
	}
	return "test"
}

func printRows(jobs []*job) error {
	for _, j := range jobs {
		for _, s := range j.subjects {
			for _, r := range s.rows(j.set.Name, j.split()) {
				if err := j.printJSON(r); err != nil {
					return err
				}
			}
		}
		for _, c := range j.contenders {
			for _, r := range c.rows(j.set.Name, j.split()) {
				if err := j.printJSON(r); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// shippedFor returns the shipped networks that were trained on a set, all of them
// for "".
func shippedFor(dataset string) ([]*nn.Network, error) {
	var nets []*nn.Network
	for _, name := range models.Names() {
		n, err := models.Load(name)
		if err != nil {
			return nil, err
		}
		if dataset == "" || n.Dataset == dataset {
			nets = append(nets, n)
		}
	}
	return nets, nil
}
