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
	for i := range n.Blocks {
		b := &n.Blocks[i]
		if levels := b.Weights.Levels(); levels != nil {
			b.Values = make([]int8, b.Out*b.K())
			for j := range b.Values {
				b.Values[j] = levels[rng.IntN(len(levels))]
			}
		} else {
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

var formats = []struct {
	w kernels.WeightFormat
	a kernels.ActFormat
}{
	{kernels.Binary, kernels.Sign}, {kernels.Binary, kernels.U1}, {kernels.Ternary, kernels.U2}, {kernels.Pow2x3, kernels.U3},
	{kernels.Pow2x4, kernels.U4}, {kernels.Int8, kernels.U8}, {kernels.Float32, kernels.F32},
}

func TestRoundTrip(t *testing.T) {
	for _, f := range formats {
		t.Run(f.w.String(), func(t *testing.T) {
			for _, n := range []*nn.Network{tiny(f.w, f.a), fill(nn.Lenet(f.w, f.a), 2)} {
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
	for _, f := range formats {
		data, err := Encode(tiny(f.w, f.a))
		if err != nil {
			t.Fatal(err)
		}
		for i := range data {
			for bit := range 8 {
				if f.w != kernels.Pow2x3 && bit != i%8 {
					continue // every bit of one format, every byte of the others
				}
				data[i] ^= 1 << bit
				if _, err := Decode(data); err == nil {
					t.Fatalf("%v: bit %d of byte %d of %d flipped: no error", f.w, bit, i, len(data))
				}
				data[i] ^= 1 << bit
			}
		}
	}
}

// Hostile files whose checksum is right: each error names the field.
func TestHostile(t *testing.T) {
	type file struct {
		text  string
		meta  map[string]string
		views map[string]safetensors.TensorView
	}
	view := func(d safetensors.DType, data []byte, shape ...uint64) safetensors.TensorView {
		v, err := safetensors.NewTensorView(d, shape, data)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	replace := func(old, new string) func(*file) {
		return func(f *file) {
			if !strings.Contains(f.text, old) {
				t.Fatalf("no %q in %s", old, f.text)
			}
			f.text = strings.Replace(f.text, old, new, 1)
		}
	}
	for _, test := range []struct {
		name   string
		change func(*file)
		want   string
	}{
		{"version", func(f *file) { f.meta["lowbit_format"] = "2" }, `lowbit_format is "2": want "1"`},
		{"not JSON", func(f *file) { f.text = "{" }, "network: unexpected EOF"},
		{"two objects", func(f *file) { f.text += "{}" }, "network: text after"},
		{"unknown field", replace(`"name"`, `"nom":1,"name"`), `unknown field "nom"`},
		{"field twice", replace(`"name"`, `"name":"x","name"`), "one form"},
		{"spaces", replace(`"name":`, `"name": `), "one form"},
		{"other metadata", func(f *file) { f.meta["x"] = "y" }, "one form"},
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
		{"missing", func(f *file) { delete(f.views, "1.bias") }, "tensor 1.bias is missing"},
		{"unknown", func(f *file) { f.views["2.bias"] = view(safetensors.F32, nil, 0) }, `tensor "2.bias" is unknown`},
		{"type", func(f *file) { f.views["1.bias"] = view(safetensors.U32, make([]byte, 12), 3) }, "tensor 1.bias is U32 [3]: want F32 [3]"},
		{"shape", func(f *file) { f.views["1.bias"] = view(safetensors.F32, make([]byte, 16), 4) }, "tensor 1.bias is F32 [4]: want F32 [3]"},
		{"code", func(f *file) { f.views["0.weights"] = view(safetensors.U8, []byte{0, 3 << 4, 0, 0, 0, 0, 0}, 7) }, "tensor 0.weights: code of weight 6 is 3: want at most 2"},
		{"padding", func(f *file) { f.views["0.weights"] = view(safetensors.U8, []byte{0, 0, 0, 0, 0, 0, 1 << 6}, 7) }, "padding after the last weight"},
		{"NaN", func(f *file) {
			f.views["1.bias"] = view(safetensors.F32, []byte{0, 0, 0, 0, 0, 0, 0xc0, 0x7f, 0, 0, 0, 0}, 3)
		}, "block 1: bias 1 is NaN"},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := tiny(kernels.Ternary, kernels.U2)
			text, err := describe(n)
			if err != nil {
				t.Fatal(err)
			}
			f := file{string(text), map[string]string{"lowbit_format": version}, map[string]safetensors.TensorView{}}
			for _, p := range tensors(n) {
				f.views[p.name] = view(p.dtype, p.data(), p.shape...)
			}
			test.change(&f)
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
// bytes; and the memory taken is within a small multiple of the input.
func FuzzRead(f *testing.F) {
	for _, p := range formats {
		data, err := Encode(tiny(p.w, p.a))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		// Past the checksum: the fuzzer's input is sealed below.
		text, _ := describe(tiny(p.w, p.a))
		f.Add(text)
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
