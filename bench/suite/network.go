package suite

import (
	"fmt"
	"slices"
	"testing"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/data"
	"example.com/lowbit/netrun/models"
	"example.com/lowbit/netrun/nn"
)

// Network measures the shipped networks on one core, from pixels to
// logits, on the first images of the shipped test set, or on made images for networks
// of other data.
func Network(b *testing.B) {
	embedded := data.Embedded()
	test, err := embedded.Test()
	if err != nil {
		b.Fatal(err)
	}
	if len(models.Names()) == 0 {
		b.Skip("no networks are shipped")
	}
	for _, name := range models.Names() {
		net, err := models.Load(name)
		if err != nil {
			b.Fatal(err)
		}
		images := test
		if net.Dataset != embedded.Name {
			images = data.Made(64, net.Input.H, net.Input.W, net.Input.C)
		}
		first := &net.Blocks[0]
		for _, isa := range instructionSets() {
			for _, batch := range []int{1, 64} {
				full := fmt.Sprintf("w=%v/a=%v/impl=%s/net=%s/batch=%d", first.Weights, first.OutAct, isa, name, batch)
				run(b, full, func() (*work, error) { return network(net, isa, images, batch) })
			}
		}
	}
}

// instructionSets lists those that have a kernel for products and run here,
// best first.
func instructionSets() []string {
	var list []string
	for _, k := range rows(kernels.OpGEMM, kernels.Formats{}) {
		if !slices.Contains(list, k.ISA) {
			list = append(list, k.ISA)
		}
	}
	return list
}

// compile makes a plan of kernels of one instruction set. MaxPool and Affine
// dispatch at each call, so the network runs under the same selection.
func compile(net *nn.Network, isa string, batch int) (*nn.Plan, error) {
	restore, err := kernels.Use(isa)
	if err != nil {
		return nil, err
	}
	defer restore()
	return nn.Compile(net, nn.Options{Batch: batch})
}

func network(net *nn.Network, isa string, images *data.Images, batch int) (*work, error) {
	plan, err := compile(net, isa, batch)
	if err != nil {
		return nil, err
	}
	pixels := images.Slice(0, batch).Pixels
	logits := make([]float32, batch*net.Classes)
	weights := 0
	for i := range net.Blocks {
		weights += net.Blocks[i].Out * net.Blocks[i].K()
	}
	return &work{
		around: func() (func(), error) { return kernels.Use(isa) },
		run:    func(int) { plan.Run(logits, pixels, batch) },
		check:  func() error { return checkLogits(net, pixels, logits, min(batch, 4)) },
		macs:   int(net.MACs()) * batch, images: batch,
		bytes:   int(plan.PackedBytes()) + len(pixels) + 4*len(logits),
		weights: weights, packed: int(plan.PackedBytes()),
	}, nil
}

// checkLogits compares the first n images with the portable kernels: the same
// bits without float32 weights, the same to a thousandth in float32; where codes follow
// float32 sums, a last bit may change a code, so to a tenth.
func checkLogits(net *nn.Network, pixels []uint8, logits []float32, n int) error {
	plan, err := compile(net, "portable", n)
	if err != nil {
		return err
	}
	want := make([]float32, n*net.Classes)
	restore, err := kernels.Use("portable")
	if err != nil {
		return err
	}
	defer restore()
	plan.Run(want, pixels[:n*net.Input.Size()], n)
	for i, v := range want {
		allowed := 0.0
		switch {
		case net.Float():
			allowed = 1e-3 * max(1, abs(float64(v)))
		case slices.ContainsFunc(net.Blocks, func(b nn.Block) bool { return b.Weights == kernels.Float32 }):
			allowed = 0.1 * max(1, abs(float64(v)))
		}
		if abs(float64(logits[i])-float64(v)) > allowed {
			return fmt.Errorf("logit %d of image %d is %v: want %v", i%net.Classes, i/net.Classes, logits[i], v)
		}
	}
	return nil
}
