package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// tools are the programs of others that an estimate needs.
type tools struct {
	ctx           context.Context // programs are ended with it
	qemu, mca, mc string
	version       struct{ qemu, llvm string }
}

// oldestLLVM has a model of the Neoverse N1.
const oldestLLVM = 17

// findTools looks for programs on the path and where Debian's llvm packages put them.
func findTools(ctx context.Context) (*tools, error) {
	t := &tools{ctx: ctx}
	var err error
	if t.qemu, err = first("qemu-aarch64-static", "qemu-aarch64"); err != nil {
		return nil, fmt.Errorf("no emulator of arm64: %w; install Debian's qemu-user-static", err)
	}
	t.version.qemu = versionOf(t.qemu, regexp.MustCompile(`version (\S+)`))

	newest := 0
	for _, mca := range llvmNames("llvm-mca") {
		path, err := exec.LookPath(mca)
		if err != nil {
			continue
		}
		mc, err := exec.LookPath(strings.Replace(path, "llvm-mca", "llvm-mc", 1))
		if err != nil {
			continue
		}
		version := versionOf(path, regexp.MustCompile(`LLVM version (\S+)`))
		major, _, _ := strings.Cut(version, ".")
		if n, err := strconv.Atoi(major); err == nil && n > newest {
			newest, t.mca, t.mc, t.version.llvm = n, path, mc, version
		}
	}
	if newest < oldestLLVM {
		return nil, fmt.Errorf("no llvm-mca and llvm-mc of version %d or later (the newest found: %s); install Debian's llvm-19 or a later one", oldestLLVM, orNone(t.version.llvm))
	}
	return t, nil
}

// command is a program to run, one of the tools' or another. It is interrupted, so that
// it may remove its own temporary files, before it is killed.
func (t *tools) command(program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.ctx, program, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 2 * time.Second
	return cmd
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

// llvmNames are names under which a program of LLVM may be found.
func llvmNames(program string) []string {
	names := []string{program}
	dirs := append(filepath.SplitList(os.Getenv("PATH")), "/usr/lib/llvm-*/bin", "/opt/homebrew/opt/llvm/bin")
	for _, dir := range dirs {
		found, _ := filepath.Glob(filepath.Join(dir, program+"*"))
		names = append(names, found...)
	}
	if runtime.GOOS == "windows" {
		return names
	}
	kept := names[:0]
	form := regexp.MustCompile(regexp.QuoteMeta(program) + `(-\d+)?$`)
	for _, n := range names {
		if form.MatchString(n) {
			kept = append(kept, n)
		}
	}
	return kept
}

func first(names ...string) (string, error) {
	for _, n := range names {
		if path, err := exec.LookPath(n); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("neither %s is on the path", strings.Join(names, " nor "))
}

func versionOf(program string, form *regexp.Regexp) string {
	out, _ := exec.Command(program, "--version").Output()
	if m := form.FindSubmatch(out); m != nil {
		return string(m[1])
	}
	return "unknown"
}
