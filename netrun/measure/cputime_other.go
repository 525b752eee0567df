//go:build !unix

package measure

import "time"

// CPUTime is the time that all threads of the process have had on CPUs, in the
// program and in the system on its behalf; 0 if the system does not say.
func CPUTime() time.Duration { return 0 }
