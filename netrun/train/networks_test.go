package train

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/nn"
)

// nn and the descriptions agree on the networks that both have.
func TestNamedNetworks(t *testing.T) {
	for _, f := range []Formats{{Weights: kernels.Ternary, Acts: kernels.U2}, {Weights: kernels.Float32, Acts: kernels.F32}} {
		for _, want := range []*nn.Network{nn.Lenet(f.Weights, f.Acts), nn.Resnet20(f.Weights, f.Acts)} {
			got, err := NewNetwork(want.Name, want.Input, 10, f.Weights, f.Acts)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s is\n%+v, want\n%+v", want.Name, got, want)
			}
		}
	}
}

// A file may say anything that a network can be.
func TestDescriptionFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mine.json")
	text := `{"layers": [
		{"kind": "conv", "out": 8, "kernel": 3, "pad": 1, "weights": "int8"}, {"kind": "conv", "out": 8, "kernel": 3, "pad": 1, "skip": {}},
		{"kind": "conv", "out": 8, "kernel": 3, "pad": 1, "skip": {"back": 1}}, {"kind": "conv", "out": 11, "kernel": 3, "stride": 2, "pad": 1},
		{"kind": "conv", "out": 11, "kernel": 3, "pad": 1, "skip": {"back": 1, "project": true}}, {"kind": "conv", "out": 11, "kernel": 3, "pad": 1, "back": 1, "acts": "u4"},
		{"kind": "conv", "out": 11, "kernel": 3, "pad": 1, "skip": {"back": 1}}, {"kind": "mean"}, {"kind": "dense"}]}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := ReadDescription(path)
	if err != nil {
		t.Fatal(err)
	}
	input := nn.Shape{H: 8, W: 8, C: 2}
	net, err := d.Network(input, 4, Formats{Weights: kernels.Ternary, Acts: kernels.U2})
	if err != nil {
		t.Fatal(err)
	}
	want := residualNet(kernels.Ternary, kernels.U2, true)
	want.Name, want.Blocks[0].Weights = "mine", kernels.Int8
	want.Blocks[5].OutAct, want.Blocks[6].InAct = kernels.U4, kernels.U4
	if !reflect.DeepEqual(net, want) {
		t.Errorf("network is\n%+v, want\n%+v", net, want)
	}
	if net, err = d.Network(input, 4, Formats{Weights: kernels.Float32, Acts: kernels.F32}); err != nil || !net.Float() {
		t.Errorf("the same in float: %v", err)
	}
	// Layers of several formats learn and are exported as they are.
	tr, err := New(want, toyConfig(DST), toy(900), 2)
	if err != nil {
		t.Fatal(err)
	}
	run(t, tr, 10)
	if err := tr.Export().Check(); err != nil {
		t.Error(err)
	}
}

// The first and the last layer may have formats of their own; what is exported
// has the trainer's logits.
func TestFirstLast(t *testing.T) {
	d := &Description{Name: "ends", Layers: []LayerDescription{
		{Kind: nn.Conv, Out: 4, Kernel: 3, Stride: 2}, {Kind: nn.Conv, Out: 4, Kernel: 3, Pad: 1}, {Kind: nn.Dense, Out: 8}, {Kind: nn.Dense},
	}}
	input := nn.Shape{H: 8, W: 8, C: 2}
	net, err := d.Network(input, 4, Formats{Weights: kernels.Ternary, Acts: kernels.U2, First: kernels.Pow2x4, Last: kernels.Int8})
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, b := range net.Blocks {
		got += fmt.Sprintf("%v/%v ", b.Weights, b.InAct)
	}
	if want := "pow2:4/u8 ternary/u2 ternary/u2 int8/u8 "; got != want {
		t.Errorf("layers are %s, want %s", got, want)
	}
	testExport(t, net, DST)
	float, err := d.Network(input, 4, Formats{Weights: kernels.Float32, Acts: kernels.F32, First: kernels.Int8, Last: kernels.Int8})
	if err != nil || !float.Float() || float.Blocks[3].Weights != kernels.Float32 {
		t.Errorf("float network with %+v: %v", float, err)
	}
}

func TestBadDescription(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bad.json")
	for _, c := range [][2]string{
		{``, "EOF"},
		{`{"layers": []}`, "0 blocks"},
		{`{"layers": [{"kind": "dense"}]} x`, "text after"},
		{`{"layers": [{"kind": "dense", "width": 3}]}`, "width"},
		{`{"layers": [{"kind": "lstm"}]}`, "lstm"},
		{`{"layers": [{"kind": "mean"}, {"kind": "dense"}]}`, "block 0"},
		{`{"layers": [{"kind": "dense", "out": 3}]}`, "logit"},
		{`{"layers": [{"kind": "conv", "out": 3, "kernel": 9}, {"kind": "dense"}]}`, "too small"},
		{`{"layers": [{"kind": "conv", "kernel": 3}, {"kind": "dense"}]}`, "out is 0"},
		{`{"layers": [{"kind": "conv", "out": 3, "kernel": -3}, {"kind": "dense"}]}`, "kernel"},
		{`{"layers": [{"kind": "conv", "out": 3, "kernel": 3, "stride": -3}, {"kind": "dense"}]}`, "stride"},
		{`{"layers": [{"kind": "dense", "out": 3, "weights": "int9"}, {"kind": "dense"}]}`, "int9"},
		{`{"layers": [{"kind": "dense", "out": 3, "acts": "u9"}, {"kind": "dense"}]}`, "u9"},
		{`{"layers": [{"kind": "dense", "acts": "u8"}]}`, "logits"},
		{`{"layers": [{"kind": "dense", "back": 1}]}`, "back is 1"},
		{`{"layers": [{"kind": "conv", "out": 3, "kernel": 3, "skip": {}}, {"kind": "dense"}]}`, "skip: back"},
		{`{"layers": [{"kind": "conv", "out": 3, "kernel": 3}, {"kind": "conv", "out": 3, "kernel": 3, "skip": {"back": -1}}, {"kind": "dense"}]}`, "skip: back"},
		{`{"layers": [{"kind": "conv", "out": 3, "kernel": 3}, {"kind": "conv", "out": 3, "kernel": 3, "skip": {}}, {"kind": "dense"}]}`, "shape"},
		{`{"layers": [{"kind": "dense", "out": 3}, {"kind": "dense", "out": 3, "skip": {"project": true}}, {"kind": "dense"}]}`, "shortcut"},
		{`{"layers": "` + strings.Repeat("x", maxDescription) + `"}`, "more than"},
	} {
		if err := os.WriteFile(path, []byte(c[0]), 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := ReadDescription(path)
		if err == nil {
			_, err = d.Network(nn.Shape{H: 8, W: 8, C: 1}, 4, Formats{Weights: kernels.Ternary, Acts: kernels.U2})
		}
		if err == nil || !strings.Contains(err.Error(), c[1]) || !strings.Contains(err.Error(), "bad") {
			t.Errorf("%.80s: error is %v: want one about %q in bad", c[0], err, c[1])
		}
	}
	if _, err := ReadDescription(filepath.Dir(path)); err == nil {
		t.Error("no error for a folder")
	}
}
