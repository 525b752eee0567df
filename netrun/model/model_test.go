package model

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/nlpodyssey/safetensors"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/nn"
)

// fill gives a network random parameters.
func fill(n *nn.Network, seed uint64) *nn.Network {
	rng := rand.New(rand.NewPCG(seed, 0))
	one := func(b *nn.Block) {
		if levels := b.Weights.Levels(); levels != nil {
			b.Values = make([]int8, b.Out*b.K())
			for j := range b.Values {
				b.Values[j] = levels[rng.IntN(len(levels))]
			}
		} else if b.Weights == kernels.Float32 {
			b.Float = make([]float32, b.Out*b.K())
			for j := range b.Float {
				b.Float[j] = float32(rng.NormFloat64())
			}
		}
		for range b.Out {
			b.Scale = append(b.Scale, float32(rng.NormFloat64()))
			b.Bias = append(b.Bias, float32(rng.NormFloat64()))
		}
	}
	for i := range n.Blocks {
		b := &n.Blocks[i]
		one(b)
		if b.Stream {
			b.StreamScale = 1 + rng.Float32()
		}
		switch {
		case b.Skip == nil:
		case b.Skip.Proj != nil:
			one(b.Skip.Proj)
		case !n.Float():
			b.Skip.Scale = 1 + rng.Float32()
		}
	}
	return n
}

// tiny is a network of one convolution and one dense block.
func tiny(w kernels.WeightFormat, a kernels.ActFormat) *nn.Network {
	pixels := kernels.U8
	if a == kernels.F32 {
		pixels = kernels.F32
	}
	return fill(&nn.Network{
		Name: "tiny", Dataset: "none", Method: "dst", Input: nn.Shape{H: 5, W: 4, C: 1}, Classes: 3,
		Meta: map[string]string{"seed": "7", "note": "<é>"},
		Blocks: []nn.Block{
			{Kind: nn.Conv, In: nn.Shape{H: 5, W: 4, C: 1}, Out: 3, Kernel: 3, Stride: 1, Pad: 1, Pool: 2, Weights: w, InAct: pixels, OutAct: a},
			{Kind: nn.Dense, In: nn.Shape{H: 2, W: 2, C: 3}, Out: 3, Weights: w, InAct: a},
		},
	}, 1)
}

// residual is a network of an identity past a block, a projection past none, an input
// from the block before the previous one, and a mean.
func residual(w kernels.WeightFormat, a kernels.ActFormat) *nn.Network {
	n := tiny(w, a)
	float := a == kernels.F32
	pixels, in, out := n.Blocks[0].InAct, n.Input, nn.Shape{H: 5, W: 4, C: 3}
	conv := func(in nn.Shape, inAct kernels.ActFormat) nn.Block {
		return nn.Block{Kind: nn.Conv, In: in, Out: 3, Kernel: 3, Stride: 1, Pad: 1, Weights: w, InAct: inAct, OutAct: a}
	}
	n.Blocks = []nn.Block{conv(in, pixels), conv(out, a), conv(out, a), {Kind: nn.Mean, In: nn.Shape{H: 3, W: 2, C: 3}, Out: 3, InAct: pixels, OutAct: pixels},
		{Kind: nn.Dense, In: nn.Shape{H: 1, W: 1, C: 3}, Out: 3, Weights: w, InAct: pixels}}
	b := n.Blocks
	b[0].Stream = !float
	b[1].Skip = &nn.Skip{}
	b[2].Stride, b[2].OutAct = 2, pixels
	b[2].Back = 1
	b[2].Skip = &nn.Skip{Back: 1, Proj: &nn.Block{Kind: nn.Conv, In: out, Out: 3, Kernel: 1, Stride: 2, Weights: w, InAct: a}}
	return fill(n, 3)
}

var formats = []struct {
	w kernels.WeightFormat
	a kernels.ActFormat
}{
	{kernels.Binary, kernels.Sign}, {kernels.Binary, kernels.U1}, {kernels.Ternary, kernels.U2}, {kernels.Pow2x3, kernels.U3},
	{kernels.Pow2x4, kernels.U4}, {kernels.Int8, kernels.U8}, {kernels.Float32, kernels.F32}, {kernels.Float32, kernels.U2},
}

func described(t *testing.T, name string, input nn.Shape, w kernels.WeightFormat, a kernels.ActFormat) *nn.Network {
	t.Helper()
	d, err := nn.NamedNetwork(name)
	if err != nil {
		t.Fatal(err)
	}
	n, err := d.Network(input, 10, nn.Formats{Weights: w, Acts: a})
	if err != nil {
		t.Fatal(err)
	}
	return fill(n, 2)
}

func TestRoundTrip(t *testing.T) {
	for _, f := range formats {
		t.Run(f.w.String(), func(t *testing.T) {
			for _, n := range []*nn.Network{tiny(f.w, f.a), described(t, "lenet", nn.Shape{H: 28, W: 28, C: 1}, f.w, f.a), residual(f.w, f.a), described(t, "resnet20", nn.Shape{H: 32, W: 32, C: 3}, f.w, f.a)} {
				path := filepath.Join(t.TempDir(), "x.safetensors")
				if err := WriteFile(path, n); err != nil {
					t.Fatal(err)
				}
				got, err := ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if !reflect.DeepEqual(got, n) {
					t.Fatalf("read %+v, want %+v", got, n)
				}
				first, _ := os.ReadFile(path)
				second, err := Encode(got)
				if err != nil || !bytes.Equal(first, second) {
					t.Fatalf("written again: other bytes (%v)", err)
				}
				// A weight takes exactly its bits; the rest is named.
				header := 8 + int64(binary.LittleEndian.Uint64(first))
				if want := header + n.WeightBytes() + n.OtherBytes(); int64(len(first)) != want {
					t.Errorf("file of %d bytes: want %d of header, %d of weights, %d of scales and biases",
						len(first), header, n.WeightBytes(), n.OtherBytes())
				}
			}
		})
	}
}

// The layout that doc.go promises, spelled out for one network.
func TestLayout(t *testing.T) {
	n := &nn.Network{Name: "n", Input: nn.Shape{H: 1, W: 1, C: 3}, Classes: 1, Blocks: []nn.Block{{
		Kind: nn.Dense, In: nn.Shape{H: 1, W: 1, C: 3}, Out: 1, Weights: kernels.Pow2x3, InAct: kernels.U8,
		Values: []int8{4, -1, -2}, Scale: []float32{1}, Bias: []float32{-2},
	}}}
	got, err := Encode(n)
	if err != nil {
		t.Fatal(err)
	}
	text := `{\"name\":\"n\",\"dataset\":\"\",\"method\":\"\",\"input\":[1,1,3],\"classes\":1,` +
		`\"blocks\":[{\"kind\":\"dense\",\"in\":[1,1,3],\"out\":1,\"weights\":\"pow2:3\",\"in_act\":\"u8\"}]}`
	data := "\x00\x00\x00\xc0" + "\x00\x00\x80\x3f" + // bias, scale
		string([]byte{0b01_010_110, 0b0}) // codes 6, 2, 1, lowest bits first
	header := `{"0.bias":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"0.scale":{"dtype":"F32","shape":[1],"data_offsets":[4,8]},` +
		`"0.weights":{"dtype":"U8","shape":[2],"data_offsets":[8,10]},"__metadata__":{"lowbit_format":"1","network":"` + text + `","sha256":"` +
		checksum([]byte(strings.ReplaceAll(text, `\`, "")), []byte(data)) + `"}}`
	for len(header)%8 != 0 {
		header += " "
	}
	want := string(binary.LittleEndian.AppendUint64(nil, uint64(len(header)))) + header + data
	if string(got) != want {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

// The tensors and the description of a network with shortcuts, spelled out.
func TestLayoutResidual(t *testing.T) {
	n := residual(kernels.Ternary, kernels.U2)
	text, err := describe(n)
	if err != nil {
		t.Fatal(err)
	}
	const conv = `"out":3,"kernel":3,"stride":1,"pad":1,"weights":"ternary","in_act":`
	const want = `"blocks":[{"kind":"conv","in":[5,4,1],` + conv + `"u8","out_act":"u2","stream":true},` +
		`{"kind":"conv","in":[5,4,3],` + conv + `"u2","out_act":"u2","skip":{"back":0}},` +
		`{"kind":"conv","in":[5,4,3],"out":3,"kernel":3,"stride":2,"pad":1,"weights":"ternary","in_act":"u2","out_act":"u8","back":1,"skip":{"back":1,` +
		`"proj":{"kind":"conv","in":[5,4,3],"out":3,"kernel":1,"stride":2,"weights":"ternary","in_act":"u2"}}},` +
		`{"kind":"mean","in":[3,2,3],"out":3,"in_act":"u8","out_act":"u8"},` +
		`{"kind":"dense","in":[1,1,3],"out":3,"weights":"ternary","in_act":"u8"}]`
	if !strings.Contains(string(text), want) {
		t.Errorf("description is\n%s\nwant in it\n%s", text, want)
	}
	var names []string
	for _, p := range tensors(n) {
		names = append(names, fmt.Sprintf("%s %v %d", p.name, p.dtype, p.shape))
	}
	if got, want := strings.Join(names, ", "), "0.scale F32 [3], 0.bias F32 [3], 0.weights U8 [7], 0.stream_scale F32 [1], "+
		"1.scale F32 [3], 1.bias F32 [3], 1.weights U8 [21], 1.skip_scale F32 [1], "+
		"2.scale F32 [3], 2.bias F32 [3], 2.weights U8 [21], 2.skip.scale F32 [3], 2.skip.bias F32 [3], 2.skip.weights U8 [3], "+
		"3.scale F32 [3], 3.bias F32 [3], 4.scale F32 [3], 4.bias F32 [3], 4.weights U8 [3]"; got != want {
		t.Errorf("tensors are\n%s\nwant\n%s", got, want)
	}
}

func TestTruncated(t *testing.T) {
	data, err := Encode(tiny(kernels.Pow2x3, kernels.U3))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "cut.safetensors")
	for size := range data {
		if _, err := Decode(data[:size]); err == nil {
			t.Fatalf("%d of %d bytes: no error", size, len(data))
		}
		if err := os.WriteFile(path, data[:size], 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadFile(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Fatalf("%d of %d bytes: error %v: want one that names the file", size, len(data), err)
		}
	}
	if _, err := Decode(append(data, 0)); err == nil {
		t.Fatal("one byte more: no error")
	}
}

func TestBitFlips(t *testing.T) {
	networks := []*nn.Network{residual(kernels.Ternary, kernels.U2)}
	for _, f := range formats {
		networks = append(networks, tiny(f.w, f.a))
	}
	for _, n := range networks {
		data, err := Encode(n)
		if err != nil {
			t.Fatal(err)
		}
		for i := range data {
			for bit := range 8 {
				if n.Blocks[0].Weights != kernels.Pow2x3 && bit != i%8 {
					continue // every bit of one format, every byte of the others
				}
				data[i] ^= 1 << bit
				if _, err := Decode(data); err == nil {
					t.Fatalf("%v: bit %d of byte %d of %d flipped: no error", n.Blocks[0].Weights, bit, i, len(data))
				}
				data[i] ^= 1 << bit
			}
		}
	}
}

// Hostile files whose checksum is right: each error names the field.
func TestHostile(t *testing.T) {
	testHostile(t, tiny(kernels.Ternary, kernels.U2), []hostile{
		{"version", func(t *testing.T, f *file) { f.meta["lowbit_format"] = "2" }, `lowbit_format is "2": want "1"`},
		{"not JSON", func(t *testing.T, f *file) { f.text = "{" }, "network: unexpected EOF"},
		{"two objects", func(t *testing.T, f *file) { f.text += "{}" }, "network: text after"},
		{"unknown field", replace(`"name"`, `"nom":1,"name"`), `unknown field "nom"`},
		{"field twice", replace(`"name"`, `"name":"x","name"`), "one form"},
		{"spaces", replace(`"name":`, `"name": `), "one form"},
		{"other metadata", func(t *testing.T, f *file) { f.meta["x"] = "y" }, "one form"},
		{"huge kernel", replace(`"kernel":3`, `"kernel":2000000000`), "kernel, stride, pad are 2000000000"},
		{"zero stride", replace(`"stride":1`, `"stride":0`), "kernel, stride, pad are 3, 0, 1"},
		{"overflow", replace(`"out":3`, `"out":4611686018427387904`), "out is 4611686018427387904"},
		{"negative", replace(`"out":3`, `"out":-3`), "out is -3"},
		{"huge input", replace(`"input":[5,4,1]`, `"input":[16384,16384,1048576]`), "shape is 16384x16384x1048576"},
		{"no classes", replace(`"classes":3`, `"classes":0`), "classes is 0: want 1"},
		{"case", replace(`"blocks"`, `"Blocks"`), "one form"},
		{"weights", replace(`"ternary"`, `"quaternary"`), `no weight format "quaternary"`},
		{"acts", replace(`"u2"`, `"u9"`), `no activation format "u9"`},
		{"chain", replace(`"in_act":"u2"`, `"in_act":"u3"`), "input format is u3: want u2"},
		{"missing", func(t *testing.T, f *file) { delete(f.views, "1.bias") }, "tensor 1.bias is missing"},
		{"unknown", func(t *testing.T, f *file) { f.views["2.bias"] = view(t, safetensors.F32, nil, 0) }, `tensor "2.bias" is unknown`},
		{"type", func(t *testing.T, f *file) { f.views["1.bias"] = view(t, safetensors.U32, make([]byte, 12), 3) }, "tensor 1.bias is U32 [3]: want F32 [3]"},
		{"shape", func(t *testing.T, f *file) { f.views["1.bias"] = view(t, safetensors.F32, make([]byte, 16), 4) }, "tensor 1.bias is F32 [4]: want F32 [3]"},
		{"code", func(t *testing.T, f *file) {
			f.views["0.weights"] = view(t, safetensors.U8, []byte{0, 3 << 4, 0, 0, 0, 0, 0}, 7)
		}, "tensor 0.weights: code of weight 6 is 3: want at most 2"},
		{"padding", func(t *testing.T, f *file) {
			f.views["0.weights"] = view(t, safetensors.U8, []byte{0, 0, 0, 0, 0, 0, 1 << 6}, 7)
		}, "padding after the last weight"},
		{"NaN", func(t *testing.T, f *file) {
			f.views["1.bias"] = view(t, safetensors.F32, []byte{0, 0, 0, 0, 0, 0, 0xc0, 0x7f, 0, 0, 0, 0}, 3)
		}, "block 1: bias 1 is NaN"},
	})
	testHostile(t, residual(kernels.Ternary, kernels.U2), []hostile{
		{"back", replace(`"back":1,"skip"`, `"back":2,"skip"`), "block 2: back is 2: want 0 to 1"},
		{"huge back", replace(`"back":1,"skip"`, `"back":-9223372036854775808,"skip"`), "block 2: back is -9223372036854775808"},
		{"back of 0", replace(`"stream":true`, `"back":0,"stream":true`), "one form"},
		{"skip back", replace(`"skip":{"back":0}`, `"skip":{"back":1}`), "block 1: shortcut: back is 1: want 0 to 0"},
		{"skip of nothing", replace(`"skip":{"back":0}`, `"skip":{}`), "one form"},
		{"null", replace(`"skip":{"back":0}`, `"skip":null`), "block 0: stream is true"},
		{"no stream", replace(`,"stream":true`, ``), "block 0: stream is false"},
		{"stream of false", replace(`"out_act":"u2","skip"`, `"out_act":"u2","stream":false,"skip"`), "one form"},
		{"nested", replace(`"in_act":"u2"}}`, `"in_act":"u2","skip":{"back":0}}}`), `unknown field "skip"`},
		{"deep", replace(`"skip":{"back":0}`, `"skip":`+strings.Repeat(`{"proj":`, 20000)), "network: "},
		{"projection out", replace(`"out":3,"kernel":1`, `"out":4,"kernel":1`), "block 2: shortcut of shape 3x2x4: want 3x2x3"},
		{"projection in", replace(`"in":[5,4,3],"out":3,"kernel":1`, `"in":[1000000,1000000,3],"out":3,"kernel":1`), "block 2: shortcut: input is"},
		{"projection weights", replace(`"stride":2,"weights":"ternary","in_act":"u2"}}`, `"stride":2,"in_act":"u2"}}`), "block 2: shortcut: weights are"},
		{"projection format", replace(`"stride":2,"weights":"ternary","in_act":"u2"}}`, `"stride":2,"weights":"x","in_act":"u2"}}`), `block 2: shortcut: weights: kernels: no weight format "x"`},
		{"weights of a mean", replace(`"out":3,"in_act":"u8","out_act"`, `"out":3,"weights":"ternary","in_act":"u8","out_act"`), "block 3: weights are ternary: want none"},
		{"no weights", replace(`"pad":1,"weights":"ternary",`, `"pad":1,`), "block 0: weights are"},
		{"stream scale", func(t *testing.T, f *file) {
			f.views["0.stream_scale"] = view(t, safetensors.F32, []byte{0, 0, 0x80, 0xbf}, 1)
		}, "block 0: stream's scale is -1"},
		{"no stream scale", func(t *testing.T, f *file) { delete(f.views, "0.stream_scale") }, "tensor 0.stream_scale is missing"},
		{"two stream scales", func(t *testing.T, f *file) {
			f.views["0.stream_scale"] = view(t, safetensors.F32, make([]byte, 8), 2)
		}, "tensor 0.stream_scale is F32 [2]: want F32 [1]"},
		{"skip scale", func(t *testing.T, f *file) {
			f.views["1.skip_scale"] = view(t, safetensors.F32, []byte{0, 0, 0x80, 0x7f}, 1)
		}, "block 1: shortcut's scale is +Inf"},
		{"both", func(t *testing.T, f *file) { f.views["2.skip_scale"] = view(t, safetensors.F32, make([]byte, 4), 1) }, `tensor "2.skip_scale" is unknown`},
		{"projection code", func(t *testing.T, f *file) {
			f.views["2.skip.weights"] = view(t, safetensors.U8, []byte{3, 0, 0}, 3)
		}, "tensor 2.skip.weights: code of weight 0 is 3"},
		{"weights for a mean", func(t *testing.T, f *file) { f.views["3.weights"] = view(t, safetensors.U8, nil, 0) }, `tensor "3.weights" is unknown`},
	})
}

type file struct {
	text  string
	meta  map[string]string
	views map[string]safetensors.TensorView
}

type hostile struct {
	name   string
	change func(*testing.T, *file)
	want   string
}

func view(t *testing.T, d safetensors.DType, data []byte, shape ...uint64) safetensors.TensorView {
	v, err := safetensors.NewTensorView(d, shape, data)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func replace(old, new string) func(*testing.T, *file) {
	return func(t *testing.T, f *file) {
		if !strings.Contains(f.text, old) {
			t.Fatalf("no %q in %s", old, f.text)
		}
		f.text = strings.Replace(f.text, old, new, 1)
	}
}

func testHostile(t *testing.T, n *nn.Network, tests []hostile) {
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			text, err := describe(n)
			if err != nil {
				t.Fatal(err)
			}
			f := file{string(text), map[string]string{"lowbit_format": version}, map[string]safetensors.TensorView{}}
			for _, p := range tensors(n) {
				f.views[p.name] = view(t, p.dtype, p.data(), p.shape...)
			}
			test.change(t, &f)
			f.meta["network"] = f.text
			data, err := safetensors.Serialize(f.views, f.meta)
			if err != nil {
				t.Fatal(err)
			}
			f.meta["sha256"] = checksum([]byte(f.text), data[8+binary.LittleEndian.Uint64(data):])
			if data, err = safetensors.Serialize(f.views, f.meta); err != nil {
				t.Fatal(err)
			}
			if _, err := Decode(data); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v: want %q in it", err, test.want)
			}
		})
	}
}

func TestReadFileKinds(t *testing.T) {
	dir := t.TempDir()
	sparse := filepath.Join(dir, "sparse")
	if err := os.WriteFile(sparse, binary.LittleEndian.AppendUint64(nil, 1<<40), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(sparse, maxFile); err != nil {
		t.Fatal(err)
	}
	large := filepath.Join(dir, "large")
	if err := os.WriteFile(large, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, maxFile+1); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		dir:                        "want a regular file",
		filepath.Join(dir, "none"): "none",
		sparse:                     "header length is 1099511627776",
		large:                      fmt.Sprintf("%d bytes: want a regular file of at most %d", maxFile+1, maxFile),
	} {
		if _, err := ReadFile(path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v: want %q and the path in it", path, err, want)
		}
	}
}

func TestEncodeErrors(t *testing.T) {
	for want, change := range map[string]func(*nn.Network){
		"want a level of ternary": func(n *nn.Network) { n.Blocks[0].Values[5] = 2 },
		"want UTF-8":              func(n *nn.Network) { n.Meta["x"] = "\xff" },
		"header of":               func(n *nn.Network) { n.Name = strings.Repeat("x", maxHeader) },
		"scales: want 3":          func(n *nn.Network) { n.Blocks[1].Scale = nil },
	} {
		n := tiny(kernels.Ternary, kernels.U2)
		change(n)
		path := filepath.Join(t.TempDir(), "x")
		if err := WriteFile(path, n); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("error %v: want %q and the path in it", err, want)
		}
		if _, err := os.Stat(path); err == nil {
			t.Error("a file is there")
		}
	}
}

// FuzzRead: whatever the bytes, no panic; what is read is written to the same
// bytes and runs; and the memory taken is within a small multiple of the input.
func FuzzRead(f *testing.F) {
	for _, p := range formats {
		for _, n := range []*nn.Network{tiny(p.w, p.a), residual(p.w, p.a)} {
			data, err := Encode(n)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
			// Past the checksum: the fuzzer's input is sealed below.
			text, _ := describe(n)
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, file := range [][]byte{data, seal(data)} {
			n, err := Decode(file)
			if err != nil {
				continue
			}
			again, err := Encode(n)
			if err != nil || !bytes.Equal(again, file) {
				t.Fatalf("read, but not written to the same bytes: %v", err)
			}
			if n.Input.Size() > 1<<12 || n.MACs() > 1<<20 {
				continue
			}
			p, err := nn.Compile(n, nn.Options{}) // what is read runs
			if err != nil {
				t.Fatal(err)
			}
			p.Run(make([]float32, 2*n.Classes), make([]uint8, 2*n.Input.Size()), 2)
		}
	})
}

// seal makes a file with a right checksum from a description, with zeros for
// parameters as far as it can be told which there are.
func seal(text []byte) []byte {
	views := map[string]safetensors.TensorView{}
	if n, err := parse(text); err == nil && n.WeightBytes()+n.OtherBytes() < 1<<16 {
		for _, p := range tensors(n) {
			size := p.dtype.Size()
			for _, s := range p.shape {
				size *= s
			}
			views[p.name], _ = safetensors.NewTensorView(p.dtype, p.shape, make([]byte, size))
		}
	}
	file, err := serialize(views, text, "")
	if err != nil {
		return nil
	}
	if file, err = serialize(views, text, checksum(text, file[8+binary.LittleEndian.Uint64(file):])); err != nil {
		return nil
	}
	return file
}
