package measure

import (
	"time"

	"golang.org/x/sys/unix"
)

// HasThreadClock tells whether Effort.Thread has an effect.
const HasThreadClock = true

// threadClock is the CPU time that the calling thread has had.
func threadClock() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t) != nil {
		return WallClock()
	}
	return time.Duration(t.Nano())
}
