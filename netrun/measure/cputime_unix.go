//go:build unix

package measure

import (
	"syscall"
	"time"
)

// CPUTime is the time that all threads of the process have had on CPUs, in the
// program and in the system on its behalf; 0 if the system does not say.
func CPUTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
