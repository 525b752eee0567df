//go:build race

package kernels

// raceEnabled tells that the race detector runs, under which pools forget at
// random and so allocations cannot be counted.
const raceEnabled = true
