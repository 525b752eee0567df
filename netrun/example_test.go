package main

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/data"
	"example.com/lowbit/netrun/models"
	"example.com/lowbit/netrun/nn"
)

// TestExample builds example/classify, a module of its own, without a network, and has it
// classify images, with the kernels that dispatch chooses and without assembly.
func TestExample(t *testing.T) {
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skipf("no Go tool to build with: %v", err)
	}
	dir := t.TempDir()
	exe := filepath.Join(dir, "classify")
	if runtime.GOOS == "windows" {
		exe += ".exe"
	}
	build := exec.Command(goTool, "build", "-o", exe, ".")
	build.Dir = filepath.Join("..", "example", "classify")
	build.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=readonly", "GOPROXY=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build, err, out)
	}
	classify := func(stdin []byte, args ...string) (string, error) {
		c := exec.Command(exe, args...)
		c.Stdin = bytes.NewReader(stdin)
		c.Env = append(os.Environ(), kernels.EnvImpl+"=")
		out, err := c.CombinedOutput()
		return string(out), err
	}

	images, err := data.Embedded().Test()
	if err != nil {
		t.Fatal(err)
	}
	images = images.Slice(0, 100) // more than a batch
	net, err := models.Load("fashion-lenet-ternary-u2")
	if err != nil {
		t.Fatal(err)
	}
	plan, err := nn.Compile(net, nn.Options{})
	if err != nil {
		t.Fatal(err)
	}
	logits := make([]float32, 100*net.Classes)
	plan.Run(logits, images.Pixels, 100)
	names := []string{"t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"}
	for _, impl := range []string{"auto", "portable"} {
		out, err := classify(images.Pixels, "-impl", impl)
		lines := strings.Split(strings.TrimSpace(out), "\n")
		if err != nil || len(lines) != 100 {
			t.Fatalf("%s: %v, %d lines: want 100\n%s", impl, err, len(lines), out)
		}
		for i, line := range lines {
			want := fmt.Sprintf("image %d: %s ", i, names[argmax(logits[i*net.Classes:][:net.Classes])])
			if !strings.HasPrefix(line, want) {
				t.Errorf("%s: %q: want %q…", impl, line, want)
			}
		}
	}

	file := func(name string, w, h int, pixels []uint8) string {
		img := image.NewGray(image.Rect(0, 0, w, h))
		copy(img.Pix, pixels)
		var b bytes.Buffer
		if err := png.Encode(&b, img); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	boot := file("boot.png", 28, 28, images.Image(0))
	if out, err := classify(nil, boot, boot); err != nil || strings.Count(out, "boot.png: ankle boot ") != 2 {
		t.Errorf("PNG files: %v\n%s", err, out)
	}
	text, err := os.ReadFile(boot)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := classify(text); err != nil || !strings.HasPrefix(out, "standard input: ankle boot ") {
		t.Errorf("PNG on standard input: %v\n%s", err, out)
	}
	large := file("large.png", 29, 28, nil)
	for _, bad := range []struct {
		stdin []byte
		args  []string
		want  string
	}{
		{nil, nil, "standard input is empty"},
		{images.Pixels[:1000], nil, "ends in image 1 after 216 bytes: want 784"},
		{text[:60], nil, "standard input: "},
		{nil, []string{boot, large}, "image of 29x28 pixels: want 28x28"},
		{nil, []string{filepath.Join(dir, "none.png")}, "none.png"},
		{nil, []string{"-model", "none", boot}, "shipped network"},
		{nil, []string{"-impl", "none", boot}, "none"},
	} {
		out, err := classify(bad.stdin, bad.args...)
		if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 1 || !strings.Contains(out, bad.want) || strings.Contains(out, "goroutine") {
			t.Errorf("%v with %d bytes on standard input: %v: want exit code 1 and %q in\n%s", bad.args, len(bad.stdin), err, bad.want, out)
		}
	}
}
