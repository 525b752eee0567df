package models

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/data"
	"example.com/lowbit/netrun/measure"
	"example.com/lowbit/netrun/nn"
)

var update = flag.Bool("update", false, "write testdata/logits.sha256 and the list in README.md anew, after new networks were shipped")

const logitsFile = "testdata/logits.sha256"

// TestExact: the logits of every shipped network without float32 weights have the
// pinned hash, whatever the kernels, the batch size and the number of threads, on every
// architecture that the tests run on. Those of others depend on the kernels alone.
func TestExact(t *testing.T) {
	pinned, err := os.ReadFile(logitsFile)
	if err != nil && !*update {
		t.Fatal(err)
	}
	var lines strings.Builder
	for _, name := range Names() {
		net, err := Load(name)
		if err != nil {
			t.Fatal(err)
		}
		im, kind := imagesFor(t, net)
		floats := slices.ContainsFunc(net.Blocks, func(b nn.Block) bool { return b.Weights == kernels.Float32 })
		hash := logitsHash(t, net, im, im.N, 1)
		if !floats {
			fmt.Fprintf(&lines, "%s  %s, first %d %s images\n", hash, name, im.N, kind)
		}
		for _, isa := range runnable() {
			restore, err := kernels.Use(isa)
			if err != nil {
				t.Fatal(err)
			}
			if floats {
				hash = logitsHash(t, net, im, im.N, 1)
			}
			for _, c := range []struct{ batch, threads int }{{1, 1}, {7, 2}, {im.N, 3}} {
				if got := logitsHash(t, net, im, c.batch, c.threads); got != hash {
					t.Errorf("%s by %s, batch %d, %d threads: hash %s, want %s", name, isa, c.batch, c.threads, got, hash)
				}
			}
			restore()
		}
	}
	if *update {
		if err := os.WriteFile(logitsFile, []byte(lines.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	} else if lines.String() != string(pinned) {
		t.Errorf("hashes are\n%swant those of %s\n%sIf the shipped networks are new ones: go test ./netrun/models -update", &lines, logitsFile, pinned)
	}
}

// imagesFor returns images for a network: of its own data if that is embedded, else
// made ones. They are fewer where a network is slow: emulated CPUs run this, too.
func imagesFor(t *testing.T, net *nn.Network) (im *data.Images, kind string) {
	t.Helper()
	n := int(min(40, max(2, 172e6/net.MACs())))
	if set := data.Embedded(); set.Name == net.Dataset {
		im, err := set.Test()
		if err != nil {
			t.Fatal(err)
		}
		if net.Input == (nn.Shape{H: im.H, W: im.W, C: im.C}) {
			return im.Slice(0, n), set.Name
		}
	}
	return data.Made(n, net.Input.H, net.Input.W, net.Input.C), "made"
}

// runnable lists the instruction sets whose kernels can all run here.
func runnable() []string {
	lacks := map[string]bool{}
	var isas []string
	for _, k := range kernels.Table() {
		if _, seen := lacks[k.ISA]; !seen {
			isas = append(isas, k.ISA)
		}
		lacks[k.ISA] = lacks[k.ISA] || len(k.Missing) > 0
	}
	var can []string
	for _, isa := range isas {
		if !lacks[isa] {
			can = append(can, isa)
		}
	}
	return can
}

func logitsHash(t *testing.T, net *nn.Network, im *data.Images, batch, threads int) string {
	t.Helper()
	plan, err := nn.Compile(net, nn.Options{Threads: threads})
	if err != nil {
		t.Fatal(err)
	}
	hash := measure.NewLogitHash()
	for from := 0; from < im.N; from += batch {
		part := im.Slice(from, min(from+batch, im.N))
		logits := make([]float32, part.N*net.Classes)
		plan.Run(logits, part.Pixels, part.N)
		hash.Add(logits)
	}
	return hash.String()
}
