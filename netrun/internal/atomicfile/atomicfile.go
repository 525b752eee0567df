// Package atomicfile writes files that are whole or not there at all, however
// the process or the machine stops.
package atomicfile

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// Write replaces the file at path by data, readable by all. It writes a
// temporary file beside it, syncs it, renames it over path and syncs the
// folder. On an error, which names path, the file is what it was before and
// the temporary file is removed; a process killed in between can leave a file
// named .BASE.*.tmp behind.
func Write(path string, data []byte) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("writing %s: %w", path, err)
		}
	}()
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
