//go:build !linux

package measure

import "time"

// HasThreadClock tells whether Effort.Thread has an effect.
const HasThreadClock = false

func threadClock() time.Duration { return WallClock() }
