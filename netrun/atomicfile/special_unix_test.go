//go:build unix

package atomicfile

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A pipe is neither replaced nor opened, which would wait for its other end,
// and of a symbolic link the file behind it is replaced.
func TestSpecialFiles(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	if err := Write(pipe, []byte("x")); err == nil || !strings.Contains(err.Error(), "want a regular file") {
		t.Errorf("Write to a pipe: error %v", err)
	}
	if info, err := os.Lstat(pipe); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		t.Errorf("the pipe is now %v, %v", info, err)
	}
	if _, err := OpenRegular(pipe); err == nil || !strings.Contains(err.Error(), "want a regular file") {
		t.Errorf("OpenRegular of a pipe: error %v", err)
	}

	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	if err := os.WriteFile(target, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Skip(err)
	}
	if err := Write(link, []byte("new")); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(target); err != nil || string(got) != "new" {
		t.Errorf("behind the link is %q, %v: want new", got, err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is now %v, %v", info, err)
	}
	for _, path := range []string{"", dir, dir + "/", filepath.Join(dir, "none", "x")} {
		if Check(path) == nil {
			t.Errorf("Check(%q) found nothing wrong", path)
		}
	}
}
