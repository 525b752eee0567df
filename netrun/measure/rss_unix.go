//go:build unix && !linux

package measure

import (
	"runtime"
	"syscall"
)

// PeakRSS is the most memory of the process that was resident at once since it
// started, in bytes; 0 if the system does not say.
func PeakRSS() int64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	if runtime.GOOS == "darwin" || runtime.GOOS == "ios" {
		return int64(u.Maxrss) // bytes there, kilobytes elsewhere
	}
	return int64(u.Maxrss) << 10
}
