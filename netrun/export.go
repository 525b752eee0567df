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
	"example.com/lowbit/netrun/model"
)

const exportHelp = `
Writes a shipped network to a model file: a safetensors file with the weights as
packed codes, which 'netrun eval', 'bench' and 'inspect' read. NETWORK may be a
model file, too, which is then checked and written anew. The file is whole or not
there at all, however the command ends.

EXAMPLES
  netrun export fashion-lenet-ternary-u2 lenet.safetensors
  netrun export -force old.safetensors new.safetensors
  netrun export -outline float.safetensors netrun/models/cifar10-resnet20-float32.json

JSON
  network file bytes
`

func exportCommand(a *app) *ffcli.Command {
	var force, outline bool
	return a.command("export", "[flags] NETWORK FILE", "write a shipped network to a model file", exportHelp,
		func(fs *flag.FlagSet) {
			fs.BoolVar(&force, "force", false, "replace FILE if it exists")
			fs.BoolVar(&outline, "outline", false, "leave out all parameters")
		},
		func(_ context.Context, args []string) error {
			if len(args) != 2 {
				return usagef("%d arguments: want NETWORK FILE", len(args))
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
			if outline {
				var text []byte
				if text, err = model.EncodeOutline(n); err == nil {
					err = atomicfile.Write(path, text)
				}
			} else {
				err = model.WriteFile(path, n)
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
