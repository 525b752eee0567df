package atomicfile

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
)

// A disk that takes no more leaves the old file as it was and nothing beside.
// The limit on file sizes stands in for the disk; it is set in a process of its
// own, since it cannot be raised again.
func TestWriteFullDisk(t *testing.T) {
	if path := os.Getenv("ATOMICFILE_FULL"); path != "" {
		signal.Ignore(syscall.SIGXFSZ)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 1000, Max: 1000}); err != nil {
			t.Fatal(err)
		}
		if err := Write(path, make([]byte, 1001)); !errors.Is(err, syscall.EFBIG) {
			t.Fatalf("error %v: want %v", err, syscall.EFBIG)
		}
		return
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	if err := Write(path, []byte("old")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestWriteFullDisk$")
	cmd.Env = append(os.Environ(), "ATOMICFILE_FULL="+path)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	} else if !bytes.Contains(out, []byte("PASS")) {
		t.Fatalf("no PASS in %s", out)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "old" {
		t.Errorf("read %q, %v: want the old contents", got, err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("%v are left: want one file", left)
	}
}
