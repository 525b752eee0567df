// Package atomicfile writes files that are whole or not there at all, however
// the process or the machine stops.
package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// Write replaces the file at path by data, readable by all. It writes a
// temporary file beside it, syncs it, renames it over path and syncs the
// folder. On an error, which names path, the file is what it was before and
// the temporary file is removed; a process killed in between can leave a file
// named .BASE.*.tmp behind. Where path is a symbolic link, the file it leads to
// is replaced; what is no regular file, such as a device, is refused.
func Write(path string, data []byte) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("writing %s: %w", path, err)
		}
	}()
	if err := Check(path); err != nil {
		return err
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	dir, base := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	f, err := os.CreateTemp(dir, "."+base+".*.tmp")
	if err != nil {
		return err
	}
	err = fill(f, data)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return err
	}
	return syncDir(dir)
}

// Check returns an error if Write could not write path: if its folder is missing
// or may not be written to, or if something that is no regular file is there.
func Check(path string) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.Mode().IsRegular():
		return fmt.Errorf("%s is %v: want a regular file or none", path, info.Mode().Type())
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	case path == "" || os.IsPathSeparator(path[len(path)-1]):
		return fmt.Errorf("%q is no name of a file", path)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".*.tmp")
	if err != nil {
		return err
	}
	err = f.Close()
	if rerr := os.Remove(f.Name()); err == nil {
		err = rerr
	}
	return err
}

// OpenRegular opens a file to read. What is no regular file is refused without
// being opened: to open a pipe would wait for a writer.
func OpenRegular(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is %v: want a regular file", path, info.Mode().Type())
	}
	return os.Open(path)
}

func fill(f *os.File, data []byte) error {
	if _, err := f.Write(data); err != nil {
		return err
	}
	// CreateTemp makes files for the owner alone.
	if runtime.GOOS != "windows" {
		if err := f.Chmod(0o644); err != nil {
			return err
		}
	}
	return f.Sync()
}

// syncDir makes the rename itself survive a power cut.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" { // folders cannot be synced there
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	return err
}
