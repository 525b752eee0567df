package main

import (
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
)

// A disk that takes no more leaves no part of a line. The limit on file sizes stands in
// for the disk; it is set in a process of its own, since it cannot be raised again.
func TestAppendLineFullDisk(t *testing.T) {
	if path := os.Getenv("APPEND_LINE_FULL"); path != "" {
		signal.Ignore(syscall.SIGXFSZ)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 20, Max: 20}); err != nil {
			t.Fatal(err)
		}
		if err := appendLine(path, "second, which is longer"); err == nil {
			t.Fatal("no error")
		}
		return
	}
	path := filepath.Join(t.TempDir(), "log")
	if err := appendLine(path, "first"); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestAppendLineFullDisk$")
	cmd.Env = append(os.Environ(), "APPEND_LINE_FULL="+path)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "\"first\"\n" {
		t.Errorf("read %q, %v: want the first line alone", got, err)
	}
}
