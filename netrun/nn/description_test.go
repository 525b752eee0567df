package nn

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"example.com/lowbit/kernels"
)

// described returns the named network in these formats, without parameters.
func described(name string, w kernels.WeightFormat, a kernels.ActFormat) *Network {
	input, classes := Shape{32, 32, 3}, 10
	switch name {
	case "lenet", "mlp":
		input = Shape{28, 28, 1}
	case "resnet18":
		input, classes = Shape{224, 224, 3}, 1000
	}
	d, err := NamedNetwork(name)
	if err != nil {
		panic(err)
	}
	n, err := d.Network(input, classes, Formats{Weights: w, Acts: a})
	if err != nil {
		panic(err)
	}
	return n
}

func lenet(w kernels.WeightFormat, a kernels.ActFormat) *Network { return described("lenet", w, a) }
func resnet20(w kernels.WeightFormat, a kernels.ActFormat) *Network {
	return described("resnet20", w, a)
}

// The networks have the published numbers of multiply-adds.
func TestNamedNetworks(t *testing.T) {
	for name, macs := range map[string]int64{"lenet": 4267008, "resnet20": 41000000, "vgg-small": 616000000, "mlp": 668672, "resnet18": 1814073344} {
		for _, n := range []*Network{described(name, kernels.Ternary, kernels.U2), described(name, kernels.Float32, kernels.F32)} {
			if got := n.MACs(); n.Name != name || got < macs*99/100 || got > macs*101/100 {
				t.Errorf("%s: %d MACs: want about %d", n.Name, got, macs)
			}
		}
	}
	if names := NetworkNames(); len(names) != 5 || names[0] != "lenet" {
		t.Errorf("networks are %v", names)
	}
	d, err := NamedNetwork("lenet")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Network(Shape{8, 8, 1}, 10, Formats{Weights: kernels.Ternary, Acts: kernels.U2}); err == nil || !strings.Contains(err.Error(), "too small") {
		t.Errorf("images too small: error %v", err)
	}
	if _, err := NamedNetwork("x"); err == nil || !strings.Contains(err.Error(), "want one of lenet, mlp") {
		t.Errorf("error %v: want one that lists the networks", err)
	}
}

// A stage of resnet20 is what the paper says: formats, shapes, streams and shortcuts
// follow from the description.
func TestDescribedBlocks(t *testing.T) {
	n := resnet20(kernels.Ternary, kernels.U2)
	conv := func(in Shape, stride, out int) Block {
		return Block{Kind: Conv, In: in, Out: out, Kernel: 3, Stride: stride, Pad: 1, Weights: kernels.Ternary, InAct: kernels.U2, OutAct: kernels.U2}
	}
	wide, narrow := Shape{32, 32, 16}, Shape{16, 16, 32}
	want := []Block{conv(Shape{32, 32, 3}, 1, 16), conv(wide, 1, 16), conv(wide, 1, 16), conv(wide, 1, 16), conv(wide, 1, 16), conv(wide, 1, 16), conv(wide, 1, 16),
		conv(wide, 2, 32), conv(narrow, 1, 32)}
	want[0].InAct = kernels.U8
	want[0].Stream, want[2].Stream, want[4].Stream, want[8].Stream = true, true, true, true
	want[2].Skip, want[4].Skip, want[6].Skip = &Skip{Back: 1}, &Skip{Back: 1}, &Skip{Back: 1}
	want[8].Skip = &Skip{Back: 1, Proj: &Block{Kind: Conv, In: wide, Out: 32, Kernel: 1, Stride: 2, Weights: kernels.Ternary, InAct: kernels.U2}}
	if got := n.Blocks[:9]; !reflect.DeepEqual(got, want) {
		t.Errorf("the first blocks are\n%+v, want\n%+v", got, want)
	}
	mean := Shape{8, 8, 64}
	end := []Block{
		{Kind: Mean, In: mean, Out: 64, InAct: kernels.U8, OutAct: kernels.U8},
		{Kind: Dense, In: Shape{1, 1, 64}, Out: 10, Weights: kernels.Ternary, InAct: kernels.U8},
	}
	if got := n.Blocks[19:]; !reflect.DeepEqual(got, end) {
		t.Errorf("the last blocks are\n%+v, want\n%+v", got, end)
	}
}

// A file may say anything that a network can be.
func TestDescriptionFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mine.json")
	text := `{"layers": [
		{"kind": "conv", "out": 8, "kernel": 3, "pad": 1, "weights": "int8"}, {"kind": "conv", "out": 8, "kernel": 3, "pad": 1, "skip": {}},
		{"kind": "conv", "out": 8, "kernel": 3, "pad": 1, "skip": {"back": 1}}, {"kind": "conv", "out": 11, "kernel": 3, "stride": 2, "pad": 1},
		{"kind": "conv", "out": 11, "kernel": 3, "pad": 1, "skip": {"back": 1, "project": true}, "weights": "float32"}, {"kind": "conv", "out": 11, "kernel": 3, "pad": 1, "back": 1, "acts": "u4"},
		{"kind": "conv", "out": 11, "kernel": 3, "pad": 1, "skip": {"back": 1}}, {"kind": "mean"}, {"kind": "dense"}]}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := ReadDescription(path)
	if err != nil {
		t.Fatal(err)
	}
	input := Shape{8, 8, 2}
	net, err := d.Network(input, 4, Formats{Weights: kernels.Ternary, Acts: kernels.U2})
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for i := range net.Blocks {
		b := &net.Blocks[i]
		got += fmt.Sprintf("%s %d<%v %v/%v>%v", b.Kind, b.Out, b.In, b.Weights, b.InAct, b.OutAct)
		if b.Back > 0 {
			got += fmt.Sprintf(" back %d", b.Back)
		}
		if b.Skip != nil {
			got += fmt.Sprintf(" skip %d", b.Skip.Back)
		}
		if p := b.proj(); p != nil {
			got += fmt.Sprintf(" by %d<%v %v/%v, stride %d", p.Out, p.In, p.Weights, p.InAct, p.Stride)
		}
		if b.Stream {
			got += " stream"
		}
		got += "\n"
	}
	if want := `conv 8<8x8x2 int8/u8>u2 stream
conv 8<8x8x8 ternary/u2>u2 skip 0
conv 8<8x8x8 ternary/u2>u2 skip 1
conv 11<8x8x8 ternary/u2>u2
conv 11<4x4x11 float32/u2>u2 skip 1 by 11<8x8x8 float32/u2, stride 2 stream
conv 11<4x4x11 ternary/u2>u4 back 1
conv 11<4x4x11 ternary/u4>u8 skip 1
mean 11<4x4x11 ` + kernels.NoWeights.String() + `/u8>u8
dense 4<1x1x11 ternary/u8>` + kernels.NoActs.String() + "\n"; got != want || net.Name != "mine" {
		t.Errorf("network %s is\n%swant\n%s", net.Name, got, want)
	}
	if net, err = d.Network(input, 4, Formats{Weights: kernels.Float32, Acts: kernels.F32}); err != nil || !net.Float() {
		t.Errorf("the same in float: %v", err)
	}
}

// The first and the last layer may have formats of their own.
func TestFirstLast(t *testing.T) {
	d := &Description{Name: "ends", Layers: []LayerDescription{
		{Kind: Conv, Out: 4, Kernel: 3, Stride: 2}, {Kind: Conv, Out: 4, Kernel: 3, Pad: 1}, {Kind: Dense, Out: 8}, {Kind: Dense},
	}}
	for _, f := range []struct {
		first, last kernels.WeightFormat
		want        string
	}{
		{kernels.NoWeights, kernels.NoWeights, "ternary/u8 ternary/u2 ternary/u2 ternary/u2 "},
		{kernels.Pow2x4, kernels.Int8, "pow2:4/u8 ternary/u2 ternary/u2 int8/u8 "},
		{kernels.Int8, kernels.Int8, "int8/u8 ternary/u2 ternary/u2 int8/u8 "},
		{kernels.Float32, kernels.Float32, "float32/u8 ternary/u2 ternary/u2 float32/u2 "},
	} {
		net, err := d.Network(Shape{8, 8, 2}, 4, Formats{Weights: kernels.Ternary, Acts: kernels.U2, First: f.first, Last: f.last})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, b := range net.Blocks {
			got += fmt.Sprintf("%v/%v ", b.Weights, b.InAct)
		}
		if got != f.want || net.Float() {
			t.Errorf("layers are %s, want %s", got, f.want)
		}
	}
	float, err := d.Network(Shape{8, 8, 2}, 4, Formats{Weights: kernels.Float32, Acts: kernels.F32, First: kernels.Int8, Last: kernels.Int8})
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
		{`{"layers": [{"kind": "conv", "out": 3, "kernel": 3, "skip": {}}, {"kind": "dense"}]}`, "first layer"},
		{`{"layers": [{}` + strings.Repeat(`, {}`, maxBlocks) + `]}`, "1025 layers: want 1 to 1024"},
		{`{"layers": "` + strings.Repeat("x", maxDescription) + `"}`, "more than"},
	} {
		if err := os.WriteFile(path, []byte(c[0]), 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := ReadDescription(path)
		if err == nil {
			_, err = d.Network(Shape{8, 8, 1}, 4, Formats{Weights: kernels.Ternary, Acts: kernels.U2})
		}
		if err == nil || !strings.Contains(err.Error(), c[1]) || !strings.Contains(err.Error(), "bad") {
			t.Errorf("%.80s: error is %v: want one about %q in bad", c[0], err, c[1])
		}
	}
	if _, err := ReadDescription(filepath.Dir(path)); err == nil {
		t.Error("no error for a folder")
	}
}
