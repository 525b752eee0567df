package model

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/nn"
)

// An outline has all of a network but its parameters, and nothing else.
func TestOutline(t *testing.T) {
	for _, n := range []*nn.Network{
		described(t, "lenet", nn.Shape{H: 28, W: 28, C: 1}, kernels.Ternary, kernels.U2),
		described(t, "resnet20", nn.Shape{H: 32, W: 32, C: 3}, kernels.Float32, kernels.F32),
	} {
		n.Dataset, n.Method, n.Meta = "cifar10", "float", map[string]string{"seed": "7"}
		text, err := EncodeOutline(n)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeOutline(text)
		if err != nil {
			t.Fatal(err)
		}
		again, err := EncodeOutline(got)
		if err != nil || !bytes.Equal(again, text) {
			t.Errorf("%s: outline is\n%s: want\n%s (%v)", n.Name, again, text, err)
		}
		if got.Name != n.Name || got.MACs() != n.MACs() || !reflect.DeepEqual(got.Meta, n.Meta) || got.Blocks[0].Float != nil {
			t.Errorf("%s: got %s of %d multiply-adds, metadata %v", n.Name, got.Name, got.MACs(), got.Meta)
		}
		// Whatever is broken is an error or another network, never a panic.
		rng := rand.New(rand.NewPCG(1, uint64(len(text))))
		for range 200 {
			broken := bytes.Clone(text)
			broken[rng.IntN(len(broken))] = byte(rng.IntN(256))
			if n, err := DecodeOutline(broken[:len(broken)-rng.IntN(2)*rng.IntN(len(broken))]); err == nil && n.CheckShapes() != nil {
				t.Errorf("a broken outline became a broken network: %s", broken)
			}
		}
	}
	for text, want := range map[string]string{"": "EOF", "{}": "input", "{} {}": "text after", `{"weights":1}`: "unknown field"} {
		if _, err := DecodeOutline([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("outline %q: error %v: want %q", text, err, want)
		}
	}
	if _, err := EncodeOutline(&nn.Network{}); err == nil {
		t.Error("an outline of no network")
	}
}
