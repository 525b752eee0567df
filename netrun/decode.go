package main

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/decoder"
	"example.com/lowbit/netrun/measure"
)

const decodeHelp = `
Times a block of a language model at work on one token: BitNet b1.58 2B4T's shapes with
random weights of several formats, activations of 8 bits rounded token by token (of
float32 for float32 weights). Each weight is read once and used once, so what counts is
how many bytes it takes and how fast memory is read. The blocks take turns over so many
copies that no cache holds them, as in a model of 30 blocks.

EXAMPLES
  netrun decode
  netrun decode -weights ternary,float32
  netrun decode -impl portable -weights ternary -json

JSON
  model random_weights weights acts impl threads blocks block_weights block_bytes
  ns_per_block tokens_per_second (of 30 blocks, without embedding and head)
  bytes_per_second read_bytes_per_second (of this machine, one thread) share
`

// decodeFormats are the weights of -weights' default, from few bits to many.
var decodeFormats = []kernels.WeightFormat{kernels.Binary, kernels.Ternary, kernels.Pow2x4, kernels.Int8, kernels.Float32}

func decodeCommand(a *app) *ffcli.Command {
	var impl implFlag
	var formats string
	var rounds, memory int
	return a.command("decode", "[flags]", "speed of a language model's block on one token", decodeHelp,
		func(fs *flag.FlagSet) {
			impl.add(fs)
			fs.StringVar(&formats, "weights", "", "weight `formats`, separated by commas (default: all but pow2:3)")
			fs.IntVar(&rounds, "rounds", 9, "`rounds` of timing")
			fs.IntVar(&memory, "memory", 64, "least `MiB` of weights to go through: more than the caches hold")
		},
		func(ctx context.Context, args []string) error {
			if err := noArgs(args); err != nil {
				return err
			}
			if rounds < 1 || rounds > 1000 {
				return usagef("-rounds %d: want 1 to 1000", rounds)
			}
			if memory < 1 || memory > 4096 {
				return usagef("-memory %d: want 1 to 4096", memory)
			}
			list := decodeFormats
			if formats != "" {
				list = nil
				for _, name := range strings.Split(formats, ",") {
					w, err := kernels.ParseWeightFormat(name)
					if err != nil {
						return &usageError{err.Error()}
					}
					list = append(list, w)
				}
			}
			if err := impl.use(); err != nil {
				return err
			}
			return a.decode(ctx, list, memory<<20, rounds)
		})
}

// A decodeRow is what is printed of one format.
type decodeRow struct {
	Model         string   `json:"model"`
	RandomWeights bool     `json:"random_weights"`
	Weights       string   `json:"weights"`
	Acts          string   `json:"acts"`
	Impl          []string `json:"impl"` // kernels, layer by layer
	Threads       int      `json:"threads"`
	Blocks        int      `json:"blocks"` // in memory
	BlockWeights  int      `json:"block_weights"`
	BlockBytes    int      `json:"block_bytes"`
	NsPerBlock    float64  `json:"ns_per_block"`
	Tokens        float64  `json:"tokens_per_second"`
	Bytes         float64  `json:"bytes_per_second"`
	ReadBytes     float64  `json:"read_bytes_per_second"`
	Share         float64  `json:"share"`

	spread float64
}

func (a *app) decode(ctx context.Context, formats []kernels.WeightFormat, memory, rounds int) error {
	shape := decoder.BitNet2B
	var code []func()
	rows := make([]decodeRow, len(formats))
	bar := a.progress("packing weights", "formats", len(formats))
	for i, w := range formats {
		r := &rows[i]
		*r = decodeRow{Model: "bitnet-2b", RandomWeights: true, Weights: w.String(), Acts: kernels.S8.String(), Threads: 1, BlockWeights: shape.Weights()}
		if w == kernels.Float32 {
			r.Acts = kernels.F32.String()
		}
		var blocks []*decoder.Block
		for total := 0; total < memory; total += r.BlockBytes {
			if err := ctx.Err(); err != nil {
				return err
			}
			b, err := decoder.NewBlock(shape, w, uint64(len(blocks)))
			if err != nil {
				return err
			}
			blocks = append(blocks, b)
			r.Blocks, r.BlockBytes, r.Impl = len(blocks), b.PackedBytes(), b.Kernels()
		}
		stream := make([]float32, shape.Hidden)
		for i := range stream {
			stream[i] = float32(i%7) - 3
		}
		code = append(code, func() {
			for _, b := range blocks {
				b.Run(stream)
			}
		})
		if err := bar.Add(1); err != nil {
			return err
		}
	}
	// What memory gives a thread: a float32 matrix times a vector, which reads faster
	// than anything else here.
	const wide = 4096
	probe, err := kernels.NewGEMMFloat32(make([]float32, memory/4), memory/4/wide, wide, kernels.Options{Rows: 1})
	if err != nil {
		return err
	}
	x, y := make([]float32, wide), make([]float32, memory/4/wide)
	code = append(code, func() { probe.Run(y, x, 1) })
	if err := bar.Finish(); err != nil {
		return err
	}

	bar = a.progress("timing", "rounds", rounds)
	timings, err := measure.Interleave(ctx, measure.Effort{Rounds: rounds, Sample: 10 * time.Millisecond},
		func(done int) { _ = bar.Set(done) }, code...)
	if err != nil {
		return err
	}
	if err := bar.Finish(); err != nil {
		return err
	}
	read := float64(probe.PackedBytes()) / timings[len(formats)].Median() * 1e9
	for i := range rows {
		r := &rows[i]
		r.NsPerBlock = timings[i].Median() / float64(r.Blocks)
		r.Tokens = 1e9 / r.NsPerBlock / float64(shape.Blocks)
		r.Bytes = float64(r.BlockBytes) / r.NsPerBlock * 1e9
		r.ReadBytes, r.Share = read, r.Bytes/read
		r.spread = timings[i].Spread()
		if a.json {
			if err := a.printJSON(r); err != nil {
				return err
			}
		}
	}
	if !a.json {
		a.printDecode(rows, memory>>20)
	}
	return nil
}

func (a *app) printDecode(rows []decodeRow, mib int) {
	shape := decoder.BitNet2B
	fmt.Fprintf(a.stdout, "bitnet-2b: a block of %s random weights on one token, one thread\n\n", count(shape.Weights()))
	t := table{columns: []column{
		{"weights", false}, {"acts", false}, {"MiB/\nblock", true}, {"us/\nblock", true}, {"tokens/s", true}, {"GB/s", true}, {"of memory\n%", true},
		{"times faster\nthan float", true}, {"spread\n%", true}, {"kernel", false},
	}}
	var float float64
	for _, r := range rows {
		if r.Weights == kernels.Float32.String() {
			float = r.NsPerBlock
		}
	}
	for _, r := range rows {
		faster := ""
		if float > 0 {
			faster = times(float / r.NsPerBlock)
		}
		t.add(r.Weights, r.Acts, digits3(float64(r.BlockBytes)/(1<<20)), micro(r.NsPerBlock), digits3(r.Tokens), digits3(r.Bytes/1e9),
			fmt.Sprintf("%.0f", 100*r.Share), faster, fmt.Sprintf("%.1f", 100*r.spread), strings.Join(uniq(r.Impl), ", "))
	}
	t.print(a.stdout)
	fmt.Fprintln(a.stdout)
	printNote(a.stdout, "tokens/s", fmt.Sprintf("of %d blocks, without embedding and head.", shape.Blocks))
	printNote(a.stdout, "of memory", fmt.Sprintf("GB/s of weights, of the %.1f that a float32 matrix of %d MiB is read with, times a vector, in the same run. "+
		"The blocks of a format take at least as much memory together.", rows[0].ReadBytes/1e9, mib))
	printNote(a.stdout, "not here", "attention: the token is the first, so its value passes as it is; the gains of norms, which are 1.")
	a.printMachine()
}

// uniq drops repetitions of neighbours.
func uniq(list []string) []string {
	var out []string
	for _, s := range list {
		if len(out) == 0 || out[len(out)-1] != s {
			out = append(out, s)
		}
	}
	return out
}
