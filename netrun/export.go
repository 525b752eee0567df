package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"

	"github.com/peterbourgon/ff/v3/ffcli"

	"example.com/lowbit/netrun/atomicfile"
	"example.com/lowbit/netrun/data"
	"example.com/lowbit/netrun/model"
	"example.com/lowbit/netrun/nn"
	"example.com/lowbit/netrun/onnx"
)

const exportHelp = `
Writes a shipped network to a model file: a safetensors file with the weights as
packed codes, which 'netrun eval', 'bench' and 'inspect' read. NETWORK may be a
model file, too, which is then checked and written anew. The file is whole or not
there at all, however the command ends.

With -onnx, FILE is an ONNX model that other runtimes run: an input "images" of uint8,
[N, H, W, C], and an output "logits". A low-bit network is written in operators of
float32 that compute the very codes. With -int8, a float32 network is written in 8 bits
as such runtimes have it (QDQ), its ranges from images of -data.

EXAMPLES
  netrun export fashion-lenet-ternary-u2 lenet.safetensors
  netrun export -force old.safetensors new.safetensors
  netrun export -outline float.safetensors netrun/models/cifar10-resnet20-float32.json
  netrun export -onnx fashion-lenet-ternary-u2 lenet.onnx
  netrun export -onnx -int8 -data DIR float.safetensors int8.onnx

JSON
  network file bytes
`

func exportCommand(a *app) *ffcli.Command {
	var force, outline, asONNX, static bool
	var images dataFlags
	calibration := calibrationImages
	return a.command("export", "[flags] NETWORK FILE", "write a shipped network to a model file, or to ONNX", exportHelp,
		func(fs *flag.FlagSet) {
			fs.BoolVar(&force, "force", false, "replace FILE if it exists")
			fs.BoolVar(&outline, "outline", false, "leave out all parameters")
			fs.BoolVar(&asONNX, "onnx", false, "write an ONNX model")
			fs.BoolVar(&static, "int8", false, "with -onnx: a float32 network in 8 bits")
			fs.StringVar(&images.dir, "data", "", "with -int8: `folder` of the images that the ranges are of, training images if there are some (default: the embedded Fashion-MNIST test set)")
			fs.IntVar(&calibration, "calibration", calibration, "with -int8: the number of `images`")
		},
		func(_ context.Context, args []string) error {
			switch {
			case len(args) != 2:
				return usagef("%d arguments: want NETWORK FILE", len(args))
			case outline && asONNX:
				return usagef("-outline and -onnx: want one of them")
			case static && !asONNX:
				return usagef("-int8 without -onnx")
			case images.dir != "" && !static:
				return usagef("-data without -int8")
			case calibration < 1:
				return usagef("-calibration %d: want 1 or more", calibration)
			}
			n, err := loadNetwork(args[0])
			if err != nil {
				return err
			}
			path := args[1]
			if _, err := os.Lstat(path); err == nil && !force {
				return fmt.Errorf("%s exists: give another name, or -force to replace it", path)
			} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			var file []byte
			switch {
			case outline:
				file, err = model.EncodeOutline(n)
			case static:
				file, err = exportStatic(n, &images, calibration)
			case asONNX && n.Float():
				file, err = onnx.Float(n)
			case asONNX:
				file, err = onnx.Dequantized(n)
			default:
				file, err = model.Encode(n)
			}
			if err == nil {
				err = atomicfile.Write(path, file)
			}
			if err != nil {
				return err
			}
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(struct {
					Network string `json:"network"`
					File    string `json:"file"`
					Bytes   int64  `json:"bytes"`
				}{n.Name, path, info.Size()})
			}
			fmt.Fprintf(a.stdout, "%s: %s bytes, network %s\n", path, count(int(info.Size())), n.Name)
			return nil
		})
}

// exportStatic returns a float32 network in 8 bits, its ranges from that many images.
func exportStatic(n *nn.Network, flags *dataFlags, count int) ([]byte, error) {
	set := data.Embedded()
	var err error
	if flags.dir != "" {
		if set, err = data.Open(flags.dir); err != nil {
			return nil, err
		}
	}
	im, err := set.Train()
	if errors.Is(err, data.ErrNoSplit) {
		im, err = set.Test()
	}
	if err != nil {
		return nil, err
	}
	if in := (nn.Shape{H: im.H, W: im.W, C: im.C}); in != n.Input {
		return nil, usagef("network %s takes images of %v: %s has %v", n.Name, n.Input, set.Name, in)
	}
	ranges, err := onnx.Calibrate(n, im.Slice(0, min(count, im.N)).Pixels)
	if err != nil {
		return nil, err
	}
	return onnx.Static(n, ranges, weightTop())
}
