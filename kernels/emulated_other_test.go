//go:build !amd64 || !linux || purego

package kernels

import "testing"

// emulator is empty: every kernel there is runs on the CPU itself.
func emulator() string { return "" }

func (e *emulation) run(t *testing.T) { t.Fatal("no emulator") }
